# How scripts/dev/bench shows what it measured: tables of 80 columns, and a drawing.
#
# Results are {(library, workload): run}. A run's `word` is empty, or says in a word why there is no
# figure; its fields are cpu and real (ns per operation, or ms of a program), rss (KiB), operations.
import math
import statistics
import subprocess

TITLES = {
    "lifo": "Lifo, the youngest block is freed first: ns per operation, over live blocks",
    "fifo": "Fifo, the oldest block is freed first: ns per operation, over live blocks",
    "random": "Random, any block is freed: ns per operation, over live blocks",
    "sizes": "Other sizes and uses: ns per operation",
    "threads": "Two threads: ns per operation",
    "programs": "Whole programs: ms of CPU time",
    "live": "Scripts with 100,000 live blocks: ms of CPU time",
}


def ratios(results, library, workloads, field):
    """library to libc, for each workload that both have a figure for."""
    pairs = [(results.get((library, workload)), results.get(("libc", workload))) for workload in workloads]
    return [getattr(own, field) / getattr(libc, field) for own, libc in pairs
            if own and libc and not own.word and not libc.word]


def mean(results, library, workloads, field):
    """The geometric mean of its ratios to libc; none for a library that failed or was stopped: a mean of
    the rest would flatter it."""
    failed = any(results[library, workload].word for workload in workloads if (library, workload) in results)
    values = ratios(results, library, workloads, field)
    return math.exp(statistics.fmean(map(math.log, values))) if values and not failed else math.nan


def show(value, places):
    if math.isnan(value):
        return "-"
    return f"{value:.{places}f}" if value < 99.95 else f"{value:.0f}"


def print_table(title, libraries, workloads, results, field, scale=1, heads=None):
    heads = heads or [workload.name for workload in workloads]
    width = 9 if len(heads) < 7 else 8
    print(f"\n{title}\n")
    print(f"{'':12}" + "".join(f"{head:>{width}}" for head in heads) + "  x libc")
    for library in libraries:
        row = [results.get((library, workload)) for workload in workloads]
        cells = ["-" if not run else run.word or show(getattr(run, field) / scale, 1) for run in row]
        missing = "*" if None in row else ""
        average = show(mean(results, library, workloads, field), 2)
        print(f"{library[:12]:12}" + "".join(f"{cell:>{width}}" for cell in cells) +
              f"{average:>8}{missing if average != '-' else ''}")


def print_summary(libraries, workloads, results):
    print("\nAll workloads, x libc\n")
    print(f"{'':12}{'CPU time':>9}{'real time':>11}{'memory':>9}{'workloads':>15}")
    for library in libraries:
        means = [show(mean(results, library, workloads, field), 2) for field in ("cpu", "real", "rss")]
        have = len(ratios(results, library, workloads, "cpu"))
        print(f"{library[:12]:12}{means[0]:>9}{means[1]:>11}{means[2]:>9}{have:>8} of {len(workloads)}")


def print_error_bar(workloads, results):
    off = {workload: max(value, 1 / value) for workload in workloads
           for value in ratios(results, "libc again", [workload], "cpu")}
    if off:
        worst = max(off, key=off.get)
        print(f"\nlibc against libc: {statistics.median(off.values()):.2f} in the middle, "
              f"{off[worst]:.2f} at worst ({worst.group} {worst.name}).\n"
              "What differs by less doesn't differ, as far as this run can tell.")


def print_results(libraries, workloads, results, rounds):
    print("\nCPU time of user and system, " + (f"best of {rounds} rounds." if rounds > 1 else "one round."))
    for group, title in TITLES.items():
        mine = [workload for workload in workloads if workload.group == group]
        if mine:
            print_table(title, libraries, mine, results, "cpu")
    mine = [workload for workload in workloads if workload.group == "programs" or workload.name == "1000000"][-7:]
    print_table("Peak resident memory: MiB", libraries, mine, results, "rss", 1024,
                ["random" if workload.name == "1000000" else workload.name for workload in mine])
    print_summary(libraries, workloads, results)
    print("\nx libc  the geometric mean of ratios. None where a run failed or was stopped;\n"
          "        with *, what the stage doesn't promise is not in it.\n"
          "-       not run: not promised, or stopped with fewer live blocks already.\n"
          "> 1 s   stopped: a process of it took more CPU time than that (--seconds).")
    print_error_bar(workloads, results)


def draw(plot, libraries, workloads, results):
    """Three diagrams side by side. Both axes grow by factors: work that grows with the blocks climbs."""
    script = [f"set terminal svg size 1200,420 dynamic background 'white'; set output '{plot}'",
              "set multiplot layout 1,3 margins 0.06,0.87,0.14,0.92 spacing 0.03; unset key",
              "set logscale xy; set xrange [70:1500000]; set yrange [1:1000000]; set grid",
              "set format x '10^{%T}'; set xlabel 'live blocks'; set ylabel 'ns per operation'"]
    for group in ("lifo", "fifo", "random"):
        curves = []
        for number, library in enumerate(libraries):
            points = [f"{workload.name} {results[library, workload].cpu}" for workload in workloads
                      if workload.group == group and (library, workload) in results
                      and not results[library, workload].word]
            if points:
                script += [f"${group}{number} << END", *points, "END"]
                look = f"lt {number % 8 + 1} pt {number % 13 + 1} dt {number // 8 + 1}"
                curves.append(f"${group}{number} with linespoints {look} title '{library}' noenhanced")
        # One axis and one legend serve all three.
        legend = "set key at screen 0.995,0.92" if group == "random" else ""
        script += [f"set title '{group}'; {legend}", "plot " + ", ".join(curves)]
        script += ["unset ylabel; set format y ''"]
    subprocess.run(["gnuplot"], input="\n".join(script), text=True, check=True)
    print(f"\ndrawn: {plot}")
