"""The heap as rows of cells, to scale."""
import bisect
import collections
import math

from recording import Block, Heap, Region

# Shades, by how much of the payload in a cell is used: none, less than half, more, all.
UNICODE = {"free": "░", "mostly free": "▒", "mostly used": "▓", "used": "█", "header": "┃", "none": "·"}
ASCII = {"free": "-", "mostly free": "+", "mostly used": "%", "used": "#", "header": "H", "none": "."}
COLOURS = {"free": "32", "mostly free": "32", "mostly used": "33", "used": "1", "header": "2", "none": "2"}
FAR = 1 << 20 # bytes between two blocks that are not drawn in one row, where no regions are told


def of_calls(ledger):
    """A Heap made of the live blocks alone: for a malloc that doesn't tell its own."""
    heap, start = Heap(), None
    for payload, owned in sorted(ledger.live.items()):
        heap.blocks[payload] = Block(payload, owned.asked, 0, "used", False)
        if start is None or payload - end > FAR:
            start, end = payload, payload
        end = max(end, payload + owned.asked)
        heap.regions[start] = Region(start, end, "live blocks")
    heap.start = min(heap.regions, default=None)
    return heap


class Map:
    """A heap's blocks in address order, each up to the next one at most."""

    def __init__(self, heap):
        self.blocks = sorted(heap.blocks.values(), key=lambda block: block.payload - block.overhead)
        self.starts = [block.payload - block.overhead for block in self.blocks]

    def spans(self, start, end):
        """(start, end, kind), without holes, over a stretch."""
        at = start
        first = max(0, bisect.bisect_left(self.starts, start) - 1)
        for i in range(first, bisect.bisect_left(self.starts, end)):
            block = self.blocks[i]
            limit = min(block.payload + block.size, end, self.starts[i + 1] if i + 1 < len(self.starts) else end)
            for low, high, kind in ((self.starts[i], block.payload, "header"), (block.payload, limit, block.state)):
                low, high = max(low, at), min(high, limit)
                if low < high:
                    if low > at:
                        yield at, low, "none"
                    yield low, high, "free" if kind == "cached" else kind
                    at = high
        if at < end:
            yield at, end, "none"

    def cells(self, start, end, size):
        """The kind of each cell of size bytes."""
        share = [collections.Counter() for _ in range(max(1, math.ceil((end - start) / size - 1e-6)))]
        for low, high, kind in self.spans(start, end):
            low, high = low - start, high - start
            first = int(low // size)
            while low < high: # a cell at a time; the last one has what rounding leaves
                until = min(high, (first + 1) * size) if first + 1 < len(share) else high
                share[first][kind] += until - low
                low, first = until, first + 1
        return [kind_of(cell) for cell in share]


def kind_of(cell):
    used, free, none = cell["used"], cell["free"], cell["none"]
    if none > used + free + cell["header"]:
        return "none"
    if used + free == 0:
        return "header" if cell["header"] else "none"
    if free == 0 or used == 0:
        return "free" if free else "used"
    return "mostly used" if used >= free else "mostly free"


class Pen:
    """How it is written: which characters, and whether in colour."""

    def __init__(self, unicode, colour):
        self.marks, self.colour = UNICODE if unicode else ASCII, colour

    def paint(self, text, style):
        return "\033[%sm%s\033[0m" % (style, text) if self.colour and text else text

    def row(self, cells):
        text, last = "", 0
        for at in range(1, len(cells) + 1):
            if at == len(cells) or cells[at] != cells[last]:
                text += self.paint(self.marks[cells[last]] * (at - last), COLOURS[cells[last]])
                last = at
        return text

    def legend(self, size):
        return "a cell is %s bytes: %s" % (("%.1f" % size).rstrip("0").rstrip("."), "  ".join(
            "%s %s" % (self.paint(mark, COLOURS[kind]), "no block" if kind == "none" else kind)
            for kind, mark in self.marks.items()))


def bar(heap, pen, width, rows=8):
    """A row for each region, all to one scale."""
    regions = sorted(heap.regions.values())
    if not regions:
        yield "the heap is empty"
        return
    places = [heap.name(region.start) for region in regions]
    wide = max(map(len, places[:rows]))
    width = max(8, width - wide - 1)
    size = max(1.0, max(region.end - region.start for region in regions) / width)
    shown = Map(heap)
    for place, region in list(zip(places, regions))[:rows]:
        yield "%*s %s" % (wide, place, pen.row(shown.cells(region.start, region.end, size)))
    if len(regions) > rows:
        yield "%*s and %d more regions" % (wide, "...", len(regions) - rows)
    yield pen.legend(size)


def differing(before, after):
    """The payloads of the blocks that are not in both heaps the same."""
    return sorted(payload for payload in before.blocks.keys() | after.blocks.keys()
                  if before.blocks.get(payload) != after.blocks.get(payload))


def closely(frame):
    """The stretch around what is broken, or what the call changed, or its block; None: there is none."""
    before, after = frame.before, frame.after
    places = [fault.where for fault in after.broken()] + differing(before, after)[:1]
    if frame.call:
        places += [frame.call.result or 0, frame.call.pointer]
    return next((found for found in (window(before, after, where) for where in places) if found), None)


def window(before, after, where, around=4, far=1 << 12):
    """The stretch that a few blocks on each side of an address cover: (start, end), or None."""
    for heap in (after, before):
        for region in heap.regions.values():
            if region.start <= where < region.end:
                starts = sorted({block.payload - block.overhead for known in (before, after)
                                 for block in known.blocks.values()
                                 if region.start <= block.payload - block.overhead < region.end})
                at = bisect.bisect_right(starts, where)
                low = starts[max(0, at - 1 - around)] if starts else region.start
                high = starts[at + around] if at + around < len(starts) else region.end
                return low, max(low + 1, min(high, low + far) if where < low + far else high)
    return None


def compared(before, after, stretch, pen, width):
    """A stretch as it was, and below it as it is."""
    start, end = stretch
    size = max(1.0, (end - start) / max(8, width - 20))
    for word, heap in ("before", before), ("after", after):
        yield "%-6s %10s %s" % (word, after.name(start), pen.row(Map(heap).cells(start, end, size)))
    yield pen.legend(size)


def changes(before, after):
    """What differs between two heaps, a line each."""
    def words(block):
        return "%d bytes %s" % (block.size, block.state) if block else "no block"
    for payload in differing(before, after):
        yield "%10s  %s -> %s" % (after.name(payload), words(before.blocks.get(payload)),
                                  words(after.blocks.get(payload)))
