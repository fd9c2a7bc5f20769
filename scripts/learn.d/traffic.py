"""Traces of what programs ask of a malloc: some made from a seed, and those of real programs (tests/traces). See
tests/score/replay.c for their form."""
import glob
import lzma
import os
import random

LIVE, CALLS = 1000, 16000 # blocks at a time, calls of a trace
LARGEST = 1 << 16
WALKED = 5000 # calls of a real program's trace, on a stage whose malloc walks: each takes as long as there are blocks


def some_size(chance):
    """Mostly small, as programs ask."""
    kind = chance.random()
    if kind < 0.8:
        return chance.randint(8, 256)
    return chance.randint(256, 4096) if kind < 0.98 else chance.randint(4096, LARGEST)


class Trace:
    """A list of calls, and which blocks live now, oldest first."""

    def __init__(self, largest):
        self.lines, self.live, self.last, self.largest = [], [], 0, largest

    def new(self, size, what="a"):
        self.lines.append("%s %d %d" % (what, self.last, min(size, self.largest)))
        self.live.append(self.last)
        self.last += 1

    def end(self, place):
        self.lines.append("f %d" % self.live.pop(place))

    def resize(self, place, size):
        self.lines.append("r %d %d" % (self.live[place], min(size, self.largest)))


def stack(trace, chance):
    """The youngest goes first: blocks live as long as calls of functions."""
    while len(trace.lines) < CALLS:
        for _ in range(chance.randint(1, 40)):
            trace.new(some_size(chance))
        for _ in range(chance.randint(1, 40) if len(trace.live) < LIVE else LIVE // 2):
            if trace.live:
                trace.end(-1)


def queue(trace, chance):
    """The oldest goes first: blocks live as the entries of a queue."""
    while len(trace.lines) < CALLS:
        trace.new(some_size(chance))
        if len(trace.live) > LIVE:
            trace.end(0)


def cache(trace, chance):
    """Any goes: blocks live as the entries of a cache. Some must be zero."""
    while len(trace.lines) < CALLS:
        trace.new(some_size(chance), "c" if chance.random() < 0.1 else "a")
        if len(trace.live) > LIVE:
            trace.end(chance.randrange(LIVE))


def ages(trace, chance):
    """The program asks for larger blocks the longer it runs: holes of small ones don't fit."""
    while len(trace.lines) < CALLS:
        low = 32 << 6 * len(trace.lines) // CALLS
        trace.new(low + chance.randrange(low))
        if len(trace.live) > LIVE // 2:
            trace.end(chance.randrange(LIVE // 2))


def buffers(trace, chance):
    """Some blocks grow, step by step, among others that come and go."""
    sizes = {}
    for place in range(20):
        trace.new(100)
    while len(trace.lines) < CALLS:
        place = chance.randrange(20)
        sizes[place] = sizes.get(place, 100) * 9 // 8
        if sizes[place] > LARGEST:
            sizes[place] = 100
        trace.resize(place, sizes[place])
        trace.new(some_size(chance))
        if len(trace.live) > LIVE // 2:
            trace.end(chance.randrange(20, LIVE // 2))


def real(promises):
    """{program: text}: as the program asked, but for what the stage doesn't promise. Alignment isn't asked for."""
    made = {}
    for path in sorted(glob.glob(os.path.join(os.path.dirname(__file__), "../../tests/traces/*.trace.xz"))):
        with lzma.open(path, "rt") as file:
            asked = [line.split() for line in file if line[0] in "acmrf"]
        lines = []
        for what, number, *size in asked if "no-walk" in promises else asked[:WALKED]:
            if size and "any-size" not in promises:
                size[0] = str(min(int(size[0]), 1024))
            if what == "r" and "realloc" not in promises:
                lines.append("f %s" % number)
                what = "a"
            lines.append(" ".join(["a" if what == "m" else what, number, *size[:1]]))
        made[os.path.basename(path).split(".")[0]] = "\n".join(lines) + "\n"
    return made


def traces(seed, promises):
    """{name: text} of what a stage with these promises can be asked."""
    patterns = [stack, queue, cache, ages] + [buffers] * ("realloc" in promises)
    made = {}
    for pattern in patterns:
        trace = Trace(LARGEST if "any-size" in promises else 1024)
        pattern(trace, random.Random("%s %s" % (seed, pattern.__name__)))
        made[pattern.__name__] = "\n".join(trace.lines) + "\n"
    return {**made, **real(promises)}
