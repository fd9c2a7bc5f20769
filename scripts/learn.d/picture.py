"""Two rows of chunks, before and after a call, one above the other, to one scale."""

WIDTH = 88
ABSURD = 1 << 40 # bytes
AROUND = 5 # so many blocks on each side of what changed


def changed(before, after, where):
    """The stretch that is worth drawing: around the first difference, or around an address."""
    old, new = {block.key() for block in before}, {block.key() for block in after}
    ordered = sorted(before + after, key=lambda block: block.start)
    different = [block for block in ordered if (block.key() in old) != (block.key() in new)]
    if where:
        different += [block for block in ordered if block.start <= where < block.end]
    if not different:
        return ordered[-2 * AROUND:]
    low, high = min(block.start for block in different), max(block.end for block in different)
    below = [block for block in ordered if block.end <= low][-2 * AROUND:]
    above = [block for block in ordered if block.start >= high][:2 * AROUND]
    inside = [block for block in ordered if block.end > low and block.start < high]
    return below + inside[:4 * AROUND] + above


def columns(edges, width):
    """{address: column}: stretches as wide as they are large, but each can be seen."""
    least = {low: 1 if high - low <= 64 else 2 for low, high in zip(edges, edges[1:])}
    total, room = edges[-1] - edges[0], width - sum(least.values())
    found, at = {edges[0]: 0}, 0.0
    for low, high in zip(edges, edges[1:]):
        at += least[low] + max(room, 0) * (high - low) / total
        found[high] = round(at)
    return found


def draw_row(blocks, column, width):
    row = [" "] * (width + 1)
    for block in blocks:
        if block.start not in column or block.end not in column:
            continue
        start, payload, end = column[block.start], column[block.payload], column[block.end]
        row[start:payload] = "#" * (payload - start)
        body = ("." if block.free else "=") * (end - payload)
        label = str(block.size) if block.size <= ABSURD else "?"
        if len(body) >= len(label) + 2:
            body = body[:1] + label + body[1 + len(label):]
        row[payload:end] = body
        row[start] = "|"
        row[end] = "|" if row[end] == " " else row[end]
    return "".join(row).rstrip()


def cut(blocks):
    """What is written where a size should stand may be any number: such a block is drawn up to the next one."""
    starts = sorted(block.start for block in blocks)
    for block in blocks:
        if block.size > ABSURD:
            block.end = next((start for start in starts if start > block.payload), block.payload + 64)
    return blocks


def draw(before, after, where, start):
    """Lines: the two rows, where the place is, and what the signs mean."""
    before, after = cut(before or []), cut(after or [])
    shown = changed(before, after, where)
    if not shown:
        return ["no block that tools could see, before or after"]
    low, high = min(block.start for block in shown), max(block.end for block in shown)
    rows = [[block for block in row if low <= block.start and block.end <= high] for row in (before, after)]
    edges = sorted({edge for row in rows for block in row for edge in (block.start, block.payload, block.end)})
    column = columns(edges, WIDTH)
    lines = ["%-7s %s" % (name, draw_row(row, column, WIDTH) or "no chunk")
             for name, row in zip(("before", "after"), rows)]
    if where and low <= where <= high:
        at = max(edge for edge in edges if edge <= where)
        lines.append("        " + " " * column[at] + "^ +%d" % (where - start))
    gaps = any(low.end < high.start for row in rows for low, high in zip(row, row[1:]))
    lines.append("        # header   = used   . free%s   from +%d to +%d" % (
        "   blank: not the heap's" if gaps else "", low - start, high - start))
    return lines
