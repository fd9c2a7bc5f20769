"""What a recording says of a program's use of memory, in figures."""
import bisect
import collections

from recording import Call, Heap, Ledger, fault_text

SIZES = [0, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384, 65536, 1 << 20, 1 << 24]
LIVES = [1, 10, 100, 1000, 10000, 100000, 1000000] # in calls
POINTS = 20 # of what is told over time
EVERY = 64  # calls between two of them, before they are thinned out
SHOWN = 10  # callers, faults


class Row(collections.namedtuple("Row", "call ns live blocks held used free largest")):
    """The heap at one moment. held, used, free, largest hole: None when the library was not asked."""
    __slots__ = ()

    @property
    def fragmentation(self):
        """What part of the free bytes is not in the largest hole."""
        return 1 - self.largest / self.free if self.free else 0.0 if self.free == 0 else None


class Statistics:
    def __init__(self, recording):
        self.recording = recording
        self.functions, self.sizes, self.lives = collections.Counter(), collections.Counter(), collections.Counter()
        self.threads = collections.defaultdict(lambda: dict.fromkeys(("calls", "gave", "freed", "of_others"), 0))
        self.failed = self.calls = self.asked = self.inspections = self.ns = 0
        self.ledger, self.rows, self.broken, self.unfinished = Ledger(), [], None, None
        self.inherited = self.ledger.inherit(recording)
        self.count()
        if not recording.every and (not self.rows or self.rows[-1].call < self.calls):
            self.rows.append(self.row())
        step = max(1, -(-len(self.rows) // POINTS))
        self.rows = self.rows[::-1][::step][::-1] # the last one stays

    def count(self):
        """Of all calls, in one loop: there may be millions."""
        heap, functions, sizes, lives = Heap(), self.functions, self.sizes, self.lives
        for item in self.recording.items():
            if type(item) is not Call:
                heap.apply(item)
                self.inspected(heap, item)
                continue
            if not item.finished:
                self.unfinished = item
                continue
            number, function, thread, self.ns, _, _, result, _, _, asked = item
            gone = self.ledger.add(item)
            self.calls += 1
            functions[function] += 1
            row = self.threads[thread]
            row["calls"] += 1
            if asked is not None:
                if result:
                    self.asked += asked
                    sizes[asked] += 1
                    row["gave"] += 1
                else:
                    self.failed += item.failed
            if gone:
                row["freed"] += 1
                if gone.thread: # else it is the parent's, from before the fork
                    lives[bisect.bisect_left(LIVES, number - gone.call)] += 1
                    row["of_others"] += gone.thread != thread
            if self.calls % EVERY == 0 and not self.recording.every:
                self.rows.append(self.row())

    def inspected(self, heap, inspection):
        self.inspections += 1
        if self.broken is None and inspection.broken:
            self.broken = inspection.after, inspection.before_call, heap.broken(), heap.name
        held = sum(region.end - region.start for region in heap.regions.values())
        used = sum(block.size for block in heap.blocks.values() if block.state == "used")
        free = [block.size for block in heap.blocks.values() if block.state != "used"]
        self.rows.append(self.row(held, used, sum(free), max(free, default=0)))

    def row(self, *told):
        return Row(self.calls, self.ns, self.ledger.bytes, len(self.ledger.live), *told or (None,) * 4)

    def sizes_asked(self):
        """How many blocks were asked for in each range of SIZES."""
        ranges = collections.Counter()
        for size, count in self.sizes.items():
            ranges[bisect.bisect_left(SIZES, size)] += count
        return ranges

    def leaks(self):
        """The live blocks at the end, by who asked for them: (caller, blocks, bytes), the most bytes first."""
        sums = {}
        for owned in self.ledger.live.values():
            count, size = sums.get(owned.caller, (0, 0))
            sums[owned.caller] = count + 1, size + owned.asked
        return sorted(((caller, *row) for caller, row in sums.items()), key=lambda row: (-row[2], row[0]))

    def ending(self):
        """How the program ended, as far as the file tells."""
        if self.recording.until_broken and self.broken:
            return "stopped: the heap was broken"
        if self.unfinished:
            return "ended inside of call %d, %s" % (self.unfinished.number, self.unfinished.text())
        if self.recording.traced:
            return "a trace, which knows no times"
        return "ended by exit" if self.recording.exited else "ended without exit: by a signal, exec, or _exit"

    def as_dict(self, symbols):
        """What --json prints."""
        recording, ledger = self.recording, self.ledger
        symbols.load([row[0] for row in self.leaks()])
        return {
            "version": 1, "file": recording.path, "program": recording.program, "command": recording.command,
            "library": recording.library(), "stage": recording.stage, "pid": recording.pid,
            "every": recording.every, "complete": not recording.stopped, "ending": self.ending(),
            "calls": self.calls, "ns": self.ns, "failed": self.failed, "functions": dict(self.functions),
            "asked_bytes": self.asked, "strays": ledger.strays, "inherited_blocks": self.inherited,
            "peak": {"bytes": ledger.peak, "blocks": ledger.peak_blocks, "call": ledger.peak_at},
            "sizes": histogram(SIZES, self.sizes_asked()), "lifetimes_in_calls": histogram(LIVES, self.lives),
            "left": {"bytes": ledger.bytes, "blocks": len(ledger.live), "callers": [
                {"caller": symbols.name(caller), "blocks": count, "bytes": size}
                for caller, count, size in self.leaks()]},
            "threads": [{"thread": number, "tid": recording.threads.get(number), **row}
                        for number, row in sorted(self.threads.items())],
            "over_time": [dict(row._asdict(), fragmentation=row.fragmentation) for row in self.rows],
            "inspections": self.inspections,
            "broken": self.broken and {"after_call": self.broken[0], "before_next": self.broken[1], "faults": [
                {"invariant": fault.invariant, "where": self.broken[3](fault.where),
                 "what": fault_text(fault, self.broken[3])} for fault in self.broken[2]]},
        }


def histogram(bounds, counts):
    """[{"to": the largest that counts here, or None, "count": how many}], without empty ends."""
    rows = [{"to": bound, "count": counts[at]} for at, bound in enumerate(bounds + [None])]
    while rows and not rows[-1]["count"]:
        rows.pop()
    return rows


def bars(rows, unit, draw):
    most = max((row["count"] for row in rows), default=0)
    for row, before in zip(rows, [None] + rows):
        words = "over %s" % number(before["to"]) if row["to"] is None else "to %s" % number(row["to"])
        yield "  %-14s %9d  %s" % (words + unit, row["count"], draw * -(-40 * row["count"] // max(1, most)))


def number(value):
    """1048576: "1 MiB"."""
    for size, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if value >= size and value % size == 0:
            return "%d %s" % (value // size, unit)
    return str(value)


def text(statistics, symbols, draw="#"):
    """What --stats prints, a line at a time."""
    recording, ledger = statistics.recording, statistics.ledger
    yield "%s on %s: %d calls in %.1f ms, %s; %s." % (
        " ".join(recording.command) or recording.program or "a program",
        recording.stage or recording.library() or "an unknown malloc", statistics.calls, statistics.ns / 1e6,
        "1 thread" if len(statistics.threads) == 1 else "%d threads" % len(statistics.threads), statistics.ending())
    if recording.stopped:
        yield "The recording stopped before the program did: its file could not grow."
    yield "calls   %s" % "  ".join("%s %d" % row for row in statistics.functions.most_common())
    yield "asked   %d bytes in all; %d times in vain" % (statistics.asked, statistics.failed)
    yield "peak    %d bytes in %d blocks, after call %d" % (ledger.peak, ledger.peak_blocks, ledger.peak_at)
    yield "left    %d bytes in %d blocks at the end" % (ledger.bytes, len(ledger.live))
    if statistics.inherited:
        yield "forked  with %d blocks of its parent" % statistics.inherited
    if ledger.strays:
        yield "strays  %d times a pointer was given back that no recorded call had given" % ledger.strays
    yield "sizes asked for, in bytes"
    yield from bars(histogram(SIZES, statistics.sizes_asked()), "", draw)
    yield "lifetimes of what was given back, in calls"
    yield from bars(histogram(LIVES, statistics.lives), "", draw)
    yield "over time"
    yield from table(statistics)
    yield "left at the end, by caller"
    leaks = statistics.leaks()
    for caller, count, size in leaks[:SHOWN]:
        yield "%12d bytes in %6d blocks  %s" % (size, count, symbols.name(caller))
    if len(leaks) > SHOWN:
        yield "%12d bytes in %6d blocks  %d more callers" % (
            sum(row[2] for row in leaks[SHOWN:]), sum(row[1] for row in leaks[SHOWN:]), len(leaks) - SHOWN)
    yield "threads"
    for name, row in sorted(statistics.threads.items()):
        yield "  thread %d: %d calls, was given %d blocks, gave back %d, of them %d that others were given" % (
            name, row["calls"], row["gave"], row["freed"], row["of_others"])
    if statistics.broken:
        after, before, faults, name = statistics.broken
        yield "broken  %s call %d" % ("between it and the next one, after" if before else "by", after)
        for fault in faults[:SHOWN]:
            yield "  at %s: %s (invariant %d)" % (name(fault.where), fault_text(fault, name), fault.invariant)
    elif statistics.inspections:
        yield "sound   at each of %d looks" % statistics.inspections


def table(statistics):
    """A line for each moment."""
    asked = statistics.recording.every
    yield "  %9s %10s %12s %8s" % ("call", "ms", "live bytes", "blocks") + (
        " %12s %12s %12s %12s %5s" % ("held", "used", "free", "largest hole", "frag.") if asked else "")
    for row in statistics.rows:
        line = "  %9d %10.2f %12d %8d" % (row.call, row.ns / 1e6, row.live, row.blocks)
        if row.held is not None:
            line += " %12d %12d %12d %12d %4.0f%%" % (row.held, row.used, row.free, row.largest,
                                                      100 * row.fragmentation)
        yield line
