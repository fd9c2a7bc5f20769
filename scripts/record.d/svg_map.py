"""A whole recording as one picture: time across, addresses up.

    sheet([Plot(recording, symbols, "age", caption), ...], columns, title)    the SVG
"""
import bisect
import collections
import re

import svg
from recording import Call, Heap, Ledger
from svg import INNER, MARGIN, WIDTH, fixed, path, size_text, text

CELL_WIDE, CELL_HIGH = 2, 3
NEAR = 1 << 16 # bytes: so little between two stretches is drawn
CALLERS = 5
AGES = ((.01, "used, for up to 1 % of the run"), (.1, "up to 10 %"), (.5, "up to 50 %"), (2, "longer"))


def joined(spans, near):
    """Stretches in order, those that are near to each other in one."""
    found = []
    for low, high in spans:
        if found and low - found[-1][1] <= near:
            found[-1][1] = max(found[-1][1], high)
        else:
            found.append([low, high])
    return found


class Plot:
    def __init__(self, recording, symbols=None, by="age", caption="", wide=INNER, high=240):
        self.recording, self.symbols, self.by, self.caption = recording, symbols, by, caption
        self.columns, self.rows = int(wide // CELL_WIDE), int(high // CELL_HIGH)
        self.calls, self.callers = 0, collections.Counter()
        self.most = self.asked_most = self.held = 0
        self.looked = False # was the heap ever asked?
        self.bands = self.find_bands(self.survey())
        self.top = {caller: at for at, (caller, _) in enumerate(self.callers.most_common(CALLERS))}
        self.scale = max(1, sum(high - low for low, high in self.bands) / max(1, self.rows - len(self.bands) + 1))
        self.grid = []

    def fill(self, scale):
        """The cells, of so many bytes each."""
        self.scale = scale
        self.grid = [self.column(*moment) for moment in self.moments()]

    def survey(self):
        """Once through: how many calls, which addresses were ever used, who asked for the most."""
        ledger, held, spans = Ledger(), {}, set()
        ledger.inherit(self.recording)
        for item in self.recording.items():
            if isinstance(item, Call):
                self.calls = item.number
                ledger.add(item)
                if item.asked is not None and item.result:
                    self.callers[item.caller] += item.asked
                    spans.add((item.result, item.result + item.asked))
                continue
            self.looked = True
            for start in item.regions_gone:
                held.pop(start, None)
            held.update((region.start, region.end) for region in item.regions)
            self.held = sum(end - start for start, end in held.items())
            self.most = max(self.most, self.held)
            starts = sorted(held)
            for block in item.blocks:
                if block.state == "used":
                    at = bisect.bisect(starts, block.payload) - 1
                    end = block.payload + block.size
                    if at >= 0: # a damaged block may have any size
                        end = min(end, held[starts[at]])
                    spans.add((block.payload - block.overhead, end))
        self.asked_most = ledger.peak
        return sorted(span for span in spans if span[0] < span[1])

    def find_bands(self, spans):
        """The stretches of addresses that are drawn: what lies between, nobody ever used."""
        near = max(NEAR, sum(high - low for low, high in joined(spans, 0)) // 8)
        bands = joined(spans, near)
        while len(bands) > self.rows // 4:
            near *= 2
            bands = joined(bands, near)
        return bands

    def moments(self):
        """(call, heap's blocks, ledger) at the end of each column."""
        heap, ledger, column, number = Heap(), Ledger(), 0, 0
        ledger.inherit(self.recording)
        for item in self.recording.items():
            if isinstance(item, Call):
                while column < self.columns and number >= self.due(column):
                    yield number, heap, ledger
                    column += 1
                number = item.number
                ledger.add(item)
            else:
                heap.apply(item)
        while column < self.columns:
            yield number, heap, ledger
            column += 1

    def due(self, column):
        return (column + 1) * self.calls / self.columns

    def pieces(self, number, heap, ledger):
        """(start, end, class) in address order."""
        name = self.by_caller if self.by == "caller" else self.by_age
        if not self.looked:
            return sorted((payload, payload + owned.asked, name(number, owned))
                          for payload, owned in ledger.live.items())
        found = []
        for payload, size, overhead, state, _ in heap.blocks.values():
            if overhead:
                found.append((payload - overhead, payload, "header"))
            kind = name(number, ledger.live.get(payload)) if state == "used" else "free"
            found.append((payload, payload + size, kind))
        found.sort()
        return found

    def by_caller(self, _, owned):
        return "c%d" % self.top.get(owned.caller, CALLERS) if owned else "c%d" % CALLERS

    def by_age(self, number, owned):
        age = number - owned.call if owned else self.calls
        for at, (most, _) in enumerate(AGES):
            if age < most * self.calls:
                return "a%d" % at
        return "a%d" % (len(AGES) - 1)

    def column(self, number, heap, ledger):
        """The class of each cell, from the lowest address up: what has most of it."""
        cells, pieces = [], self.pieces(number, heap, ledger)
        for low, high in self.bands:
            count = max(1, round((high - low) / self.scale))
            size = (high - low) / count
            shares = [{} for _ in range(count)]
            for start, end, name in pieces:
                if start >= high:
                    break
                if end <= low:
                    continue
                start, end = max(start, low) - low, min(end, high) - low
                cell = min(int(start / size), count - 1)
                while end > (cell + 1) * size and cell + 1 < count:
                    share, until = shares[cell], (cell + 1) * size
                    share[name] = share.get(name, 0) + until - start
                    start, cell = until, cell + 1
                shares[cell][name] = shares[cell].get(name, 0) + end - start
            cells += ([""] if cells else []) + [
                max(share, key=share.get) if sum(share.values()) * 2 >= size else "" for share in shares]
        return cells

    def rectangles(self):
        """{class: [(column, row, columns, rows)]}: equal cells in one."""
        found, grid = collections.defaultdict(list), self.grid
        rows = max(map(len, grid), default=0)
        running = {}
        for row in range(rows + 1):
            runs, column = {}, 0
            while row < rows and column < len(grid):
                end, name = column + 1, grid[column][row]
                while end < len(grid) and grid[end][row] == name:
                    end += 1
                if name:
                    runs[column, end, name] = running.get((column, end, name), row)
                column = end
            for (column, end, name), first in running.items():
                if (column, end, name) not in runs:
                    found[name].append((column, first, end - column, row - first))
            running = runs
        return found

    def draw(self, x, y):
        """The marks; y: the lower edge, for addresses go up."""
        marks, high = [], self.rows * CELL_HIGH
        marks.append("<rect x='%s' y='%s' width='%s' height='%s' class='_line'/>" % (
            fixed(x - .5), fixed(y - high - .5), fixed(self.columns * CELL_WIDE + 1), fixed(high + 1)))
        for name, found in sorted(self.rectangles().items()):
            data, now = "", (0, 0)
            for column, row, wide, tall in sorted(found):
                at = x + column * CELL_WIDE, y - (row + tall) * CELL_HIGH
                data += "m%s %sh%dv%dh-%dz" % (fixed(at[0] - now[0]), fixed(at[1] - now[1]), wide * CELL_WIDE,
                                               tall * CELL_HIGH, wide * CELL_WIDE)
                now = at
            data = data.replace(" -", "-")
            marks.append("<path d='%s' fill='url(#f)'/>" % data if name == "free" else path(data, name))
        return marks

    def figures(self):
        """What the heap held and what was asked for, in words."""
        if not self.looked:
            return "at most %s in use" % size_text(self.asked_most)
        return "at most %s in use; heap at most %s, %s at the end" % (
            size_text(self.asked_most), size_text(self.most), size_text(self.held))


def key(plots):
    """(class, words) of the colours."""
    plot = plots[0]
    if plot.by == "caller":
        rows = [("c%d" % at, svg.short(re.sub(r" at .*/", " at ", plot.symbols.name(caller)), 60))
                for at, caller in enumerate(plot.top)]
        rows += [("c%d" % CALLERS, "others")] if len(plot.callers) > CALLERS else []
    else:
        rows = [("a%d" % at, words) for at, (_, words) in enumerate(AGES)]
    if plot.looked:
        rows += [("free", "free"), ("header", "header")]
    present = {name for plot in plots for column in plot.grid for name in column}
    return [row for row in rows if row[0] in present]


def draw_key(rows, y):
    marks, x = [], MARGIN
    for name, words in rows:
        wide = 28 + 7 * len(words)
        if x + wide > WIDTH - MARGIN and x > MARGIN:
            x, y = MARGIN, y + 20
        marks.append(svg.box(x, y - 10, 18, 12, name))
        marks.append(text(x + 23, y, words, "soft", 12))
        x += wide + 8
    return marks, y


def sheet(plots, columns, title, alike=0):
    """Plots in rows of so many, each with its caption above. So many in a row have one scale; 0: all."""
    gap, alike = 20, alike or len(plots)
    for at, plot in enumerate(plots):
        group = plots[at // alike * alike:(at // alike + 1) * alike]
        plot.fill(max(other.scale for other in group))
    wide = (INNER - gap * (columns - 1)) / columns
    marks, y = [text(MARGIN, 32, svg.short(title, 48), "ink", 16, bold=True)], 44
    for at, plot in enumerate(plots):
        if at % columns == 0:
            y += 40 + plot.rows * CELL_HIGH
            high = plot.rows * CELL_HIGH
        x = MARGIN + (at % columns) * (wide + gap)
        lines = [plot.caption, plot.figures()] if columns <= 2 else [plot.caption]
        for number, line in enumerate(lines):
            marks.append(text(x, y - high - 8 - 16 * (len(lines) - 1 - number), line, "soft" if number else "ink",
                              11 if number and columns > 1 else 12 if number or columns > 2 else 14, bold=not number))
        marks += plot.draw(x, y)
        if columns <= 2:
            marks.append(text(x, y + 14, "call 1", "soft", 11))
            marks.append(text(x + wide, y + 14, str(plot.calls), "soft", 11, "end"))
        if at % columns == columns - 1:
            y += 14 if columns <= 2 else 0
    marks.append(text(WIDTH - MARGIN, 32, "time goes to the right, addresses go up", "soft", 12, "end"))
    found, y = draw_key(key(plots), y + 34)
    described = ["Time goes to the right, addresses go up."] + [
        "%s: %d calls; %s." % (plot.caption or "One run", plot.calls, plot.figures()) for plot in plots]
    return svg.document(y + 16, title, " ".join(described), "\n".join(marks + found))
