"""The heap as a row of cells, to scale."""
import gdb

UNICODE = {"used": "█", "free": "░", "header": "▒", "not ours": "·"}
ASCII = {"used": "#", "free": "-", "header": "H", "not ours": "."}


def glyphs(ascii_only):
    utf8 = "UTF-8" in gdb.execute("show host-charset", to_string=True).upper()
    return UNICODE if utf8 and not ascii_only else ASCII


def spans(heap):
    """(start, end, kind), without holes, from the heap's start to the break."""
    at = heap.start
    edges = [chunk.address for chunk in heap.chunks[1:]] + [heap.high]
    for chunk, limit in zip(heap.chunks, edges):
        if chunk.address > at:
            yield at, chunk.address, "not ours"
        payload, end = min(chunk.payload, limit), min(chunk.end, limit)
        yield chunk.address, payload, "header"
        yield payload, end, chunk.state
        at = max(payload, end)
    if at < heap.high:
        yield at, heap.high, "not ours"


def cells(heap, count, size):
    """The kind that fills most of each cell."""
    share = [dict() for _ in range(count)]
    for start, end, kind in spans(heap):
        start, end = start - heap.start, end - heap.start
        for i in range(int(start // size), min(count, int(-(-end // size)))):
            part = min(end, (i + 1) * size) - max(start, i * size)
            share[i][kind] = share[i].get(kind, 0) + part
    return [max(cell, key=cell.get) if cell else "not ours" for cell in share]


def draw(row, marks):
    return "".join(marks[kind] for kind in row)


def legend(marks, size):
    return "a cell is %s bytes and shows what most of it is: %s" % (
        ("%.1f" % size).rstrip("0").rstrip("."),
        "  ".join("%s %s" % (mark, kind) for kind, mark in marks.items()))
