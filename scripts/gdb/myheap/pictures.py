"""The heap as rows of cells, to scale."""
import math

import gdb

from .screen import paint

# Shades, by how much of the payload in a cell is used: none, less than half, more, all.
UNICODE = {"free": "░", "mostly free": "▒", "mostly used": "▓", "used": "█", "header": "┃", "none": "·"}
ASCII = {"free": "-", "mostly free": "+", "mostly used": "%", "used": "#", "header": "H", "none": "."}
STYLES = {"free": "filename", "mostly free": "filename", "mostly used": "function", "header": "metadata",
          "none": "metadata"}


def glyphs(ascii_only):
    utf8 = "UTF-8" in gdb.execute("show host-charset", to_string=True).upper()
    return UNICODE if utf8 and not ascii_only else ASCII


def cells(heap, area, size):
    """The kind of each cell of size bytes."""
    count = math.ceil((area.end - area.start) / size - 1e-6) # a cell may be a fraction of bytes
    share = [dict() for _ in range(count)]
    for start, end, kind in heap.spans(area):
        start, end = start - area.start, end - area.start
        kind = "free" if kind == "cached" else kind
        first = int(start // size)
        while start < end: # a cell at a time; the last one has what rounding leaves
            until = min(end, (first + 1) * size) if first + 1 < count else end
            share[first][kind] = share[first].get(kind, 0) + until - start
            start, first = until, first + 1
    return [kind_of(cell) for cell in share]


def kind_of(cell):
    used, free, none = (cell.get(kind, 0) for kind in ("used", "free", "none"))
    if none > used + free + cell.get("header", 0):
        return "none"
    if used + free == 0:
        return "header" if "header" in cell else "none"
    if free == 0 or used == 0:
        return "free" if free else "used"
    return "mostly used" if used >= free else "mostly free"


def draw(row, marks):
    return "".join(paint(marks[kind], STYLES[kind]) if kind in STYLES else marks[kind] for kind in row)


def legend(heap, marks, size):
    names = {"none": "no " + heap.noun}
    return "a cell is %s bytes: %s" % (
        ("%.1f" % size).rstrip("0").rstrip("."),
        "  ".join("%s %s" % (mark, names.get(kind, kind)) for kind, mark in marks.items()))
