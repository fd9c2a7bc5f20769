"""Some calls of a recording as a picture.

    moving(scene, title)    one after the other
    strip(scene, title)     one below the other
"""
import bisect

import svg
from recording import RESIZES
from scene import broken, happened
from svg import INNER, MARGIN, WIDTH, box, fixed, frame, path, size_text, text

MOST = 60     # calls of one picture
SECONDS = 2   # that one is shown
HIGH = 44     # of a heap's strip
ACROSS = 150  # where the rows of the lists begin


class Drawing:
    """One shot: strips, {region: y}, of a height, and what belongs to them, by put(layer, mark)."""

    def __init__(self, scene, shot, strips, high, put):
        self.scene, self.shot, self.strips, self.high, self.put = scene, shot, strips, high, put
        self.call, self.after, self.regions = shot.call, shot.after, shot.after.regions

    # ---- where something is

    def x_of(self, start, address):
        return MARGIN + (address - self.scene.windows[start][0]) * self.scene.scale

    def region_of(self, address):
        """The region in whose window an address is; None: it isn't shown."""
        return next((start for start, end in self.regions.items() if start <= address < end and
                     self.scene.windows[start][0] <= address < self.scene.windows[start][1]), None)

    def edges(self, block):
        """(left, right) of a block that is shown, without its header."""
        start = self.region_of(block.payload)
        return (self.x_of(start, block.payload),
                self.x_of(start, min(block.payload + block.size, self.scene.windows[start][1])))

    def place(self, block):
        """(the strip's y, x of the block's middle); None: it isn't shown."""
        start = self.region_of(block.payload) if block else None
        return None if start is None else (self.strips[start], sum(self.edges(block)) / 2)

    def changed(self, block):
        """Did the call make this block, or change it?"""
        return self.shot.before.blocks.get(block.payload) != block

    # ---- the strips

    def region(self, start):
        low, top = self.scene.windows[start]
        end, y = self.regions[start], self.strips[start]
        goes_on = end > top
        self.put(1, path(outline(MARGIN, self.x_of(start, min(end, top)), y, self.high, low > start, goes_on),
                         "paper _soft"))
        for kind, at, until, block in self.scene.segments(self.shot, start):
            x, right = self.x_of(start, at), self.x_of(start, until)
            layer = svg.Layers.DROP if kind == "used" and self.falls(at) else 2
            torn = at == low and low > start, until == top and goes_on
            if any(torn):
                shape = outline(x, right - (0 if torn[1] else .8), y, self.high, *torn)
                self.put(layer, "<path d='%s' %s/>" % (shape, svg.fill(kind)))
            else:
                self.put(layer, box(x, y, right - x, self.high, kind))
            if block:
                self.label(block, x, right - x, y)

    def falls(self, payload):
        """A block falls into its place, but for one that is resized where it is."""
        return payload in self.shot.letters and payload != self.call.pointer

    def label(self, block, x, wide, y):
        letter, used = self.scene.letter_of(self.shot, block), block.state == "used"
        size = "free, and so on" if block.payload in self.scene.rest(self.after) else size_text(block.size)
        room = wide >= 6.6 * len(size) + 4
        both = letter and self.high == HIGH and wide >= 30 and room
        if letter and wide >= 9 and (used or both):
            self.put(4, text(x + wide / 2, y + self.high / 2 + (-1 if both else 5), letter,
                             "on-used code" if used else "soft code halo _paper", 16, "middle", used))
        if both or room and not (letter and used):
            self.put(4, text(x + wide / 2, y + (self.high - 9 if both else self.high / 2 + 4), size,
                             "on-used" if used else "ink halo _paper", 11, "middle"))

    def gone(self, start):
        """Where a region was."""
        y, right = self.strips[start], self.x_of(start, self.scene.windows[start][1])
        self.put(1, path(outline(MARGIN, right, y, self.high, False, False), "_line", " stroke-dasharray='6 4'"))
        self.put(3, text(MARGIN + 10, y + 27, "gone", "soft", 12))

    def ends(self, start):
        low, high = self.scene.windows[start]
        end, y = self.regions[start], self.strips[start] + self.high + 14
        left = "+0" if low == start else "..."
        right = "..." if end > high else "+%d" % (end - start)
        if len(self.scene.regions) > 1:
            left, right = "region %d" % (self.scene.regions.index(start) + 1), size_text(end - start)
        self.put(3, text(MARGIN, y, left, "soft halo _paper", 11))
        if (x := self.x_of(start, min(high, end))) > MARGIN + 60:
            self.put(3, text(x, y, right, "soft halo _paper", 11, "end"))

    def bits(self, start):
        """Two bits for each granule: does a block have it, does one end there. As the blocks that were told say."""
        (low, high), granule, y = self.scene.windows[start], self.scene.granule, self.strips[start] + self.high + 6
        blocks = [block for block in self.scene.blocks_in(self.after, start) if block.state == "used"]
        used = {at for block in blocks for at in range(block.payload, block.payload + block.size, granule)}
        last = {block.payload + block.size - granule for block in blocks}
        for row, ones in (y, used), (y + 20, last):
            for at in range(low, high - granule + 1, granule):
                x, wide, one = self.x_of(start, at), granule * self.scene.scale, at in ones
                if one:
                    self.put(2, "<rect x='%s' y='%s' width='%s' height='18' class='header'/>" % (
                        fixed(x + .5), fixed(row), fixed(wide - 1.5)))
                self.put(4, text(x + wide / 2 - .5, row + 14, "1" if one else "0", "paper code" if one else "soft code",
                                 12, "middle"))
        words = "above: 1 where a block has these %d bytes; below: 1 where a block ends" % granule
        self.put(4, text(MARGIN, y + 54, words, "soft halo _paper", 11))

    # ---- what the call did

    def head(self):
        lanes = self.scene.threads if len(self.scene.threads) > 1 else ()
        if not lanes:
            self.put(5, text(MARGIN, 34, self.scene.call_text(self.shot), "ink code", 18, bold=True))
        for lane, thread in enumerate(lanes):
            y, now = 34 + 26 * lane, thread == self.call.thread
            self.put(5, "<rect x='%d' y='%d' width='72' height='21' rx='10' class='%s'/>" % (
                MARGIN, y - 15, "used" if now else "_line"))
            self.put(6, text(MARGIN + 36, y, "thread %d" % thread, "on-used" if now else "soft", 12, "middle"))
            if now:
                self.put(5, text(MARGIN + 84, y + 1, self.scene.call_text(self.shot), "ink code", 18, bold=True))
        self.caption(MARGIN, 34 + 26 * len(lanes) if lanes else 58, 14, "ink")

    def caption(self, x, y, size, colour):
        """What happened; at the line's end what is broken."""
        worse = broken(self.shot)
        room = int((WIDTH - MARGIN - x) / (.5 * size)) - len(worse)
        self.put(5, text(x, y, svg.short(happened(self.scene, self.shot), room), colour, size))
        if worse:
            self.put(5, text(WIDTH - MARGIN, y, worse, "accent", size, "end", True))

    def subject(self):
        """The block that the call is about: the one it gave, or else was given."""
        given = self.after.blocks.get(self.call.result) if self.call.result else None
        return given or self.shot.before.blocks.get(self.call.pointer)

    def pointer(self):
        """(x, y) of the mark above the subject; None: it isn't shown."""
        place = self.place(self.subject())
        return place and (place[1], place[0] - 4)

    def changes(self):
        """A frame around what the call made or changed; an arc when it moved a block."""
        call = self.call
        for block in self.after.blocks.values():
            start = self.region_of(block.payload)
            about = block.payload == call.result or block.payload <= call.pointer < block.payload + block.size
            if start is not None and about and self.changed(block):
                left = self.x_of(start, max(self.scene.windows[start][0], block.payload - block.overhead))
                self.put(4.5, frame(left - .4, self.strips[start] - 1, self.edges(block)[1] - left, self.high + 2))
        old = self.shot.before.blocks.get(call.pointer)
        if call.function in RESIZES and old and call.result not in (None, 0, call.pointer):
            was, now = self.place(old), self.place(self.after.blocks.get(call.result))
            if was and now and was[0] == now[0]:
                y = was[0]
                self.put(6, path("M%s %sC%s %s %s %s %s %s" % (
                    fixed(was[1]), y - 2, fixed(was[1]), y - 22, fixed(now[1]), y - 26, fixed(now[1]), y - 13),
                    "_accent", " stroke-width='2' stroke-dasharray='5 3'"))

    # ---- the lists

    def row(self, name, y):
        """A list in its order, and from each block a line to where it lies."""
        self.put(3, text(MARGIN, y + 17, name, "ink", 13))
        shown, x = self.after.lists.get(name, ()), ACROSS
        if not shown:
            self.put(4, text(x, y + 17, "empty", "soft halo _paper", 13))
        for at, payload in enumerate(shown):
            if not (block := self.after.blocks.get(payload)):
                continue
            words = self.scene.words_for(self.shot, payload)
            wide = max(30, 8 * len(words) + 12)
            if x + wide > WIDTH - MARGIN - 30 and at + 1 < len(shown):
                self.put(4, text(x, y + 17, "and %d more" % (len(shown) - at), "soft", 12))
                break
            self.listed(block, words, x, y, wide, 0)
            if payload in (self.call.result, self.call.pointer) and self.changed(block):
                self.put(3.5, frame(x, y, wide, 24))
            if at + 1 < len(shown):
                self.put(3, path("M%s %sh15m-5-4l5 4-5 4" % (fixed(x + wide + 1), fixed(y + 12)), "_ink",
                                 " stroke-width='1.5'"))
            self.line(block, x + wide / 2, y)
            x += wide + 18

    def listed(self, block, words, x, y, wide, round):
        """A block's box in a list."""
        corner = " rx='%d'" % round if round else ""
        self.put(3, box(x, y, wide, 24, block.state, corner))
        if block.state != "used":
            self.put(3, "<rect x='%s' y='%s' width='%s' height='16'%s class='free'/>" % (
                fixed(x + 4), fixed(y + 4), fixed(wide - 8.8), corner and " rx='8'"))
        self.put(4, text(x + wide / 2, y + 17, words, "on-used" if block.state == "used" else "ink", 12, "middle"))

    def line(self, block, x, y):
        """From a list's box up to the strip."""
        place, colour = self.place(block), "used" if block.state == "used" else "mark"
        if place:
            to_y, to_x = place[0] + self.high, place[1]
            bend = (y - to_y) * .55
            self.put(2.5, path("M%s %sC%s %s %s %s %s %s" % tuple(fixed(part) for part in (
                x, y, x, y - bend, to_x, to_y + bend, to_x, to_y + 7)), "_" + colour,
                " stroke-width='1.4' opacity='.8'"))
            self.put(2.5, path("M%s %sl-4 8h8z" % (fixed(to_x), fixed(to_y + 1)), colour))

    def tree(self, y):
        """Levels of a tree that is ordered by size, then by address. Its edges follow from that."""
        blocks = self.after.blocks
        levels = [[payload for payload in self.after.lists[name] if payload in blocks]
                  for name in self.scene.rows if name in self.after.lists]
        def key(payload):
            return blocks[payload].size, payload
        nodes = sorted((payload for row in levels for payload in row), key=key)
        self.put(3, text(MARGIN, y + 17, "the tree", "ink", 13))
        self.put(3, text(MARGIN, y + 33, "small left, large right", "soft", 11))
        step = min(96, (INNER - 130) / max(1, len(nodes)))
        at = {payload: (ACROSS + 40 + step * (nodes.index(payload) + .5), y + 44 * level)
              for level, row in enumerate(levels) for payload in row}
        above = []
        for row in levels:
            for payload in row: # its parent is the lower one of its two neighbours in the order of those above
                spot = bisect.bisect([key(other) for other in above], key(payload))
                for other in sorted(above[max(0, spot - 1):spot + 1], key=lambda other: at[other][1])[-1:]:
                    self.put(2.8, path("M%s %sL%s %s" % (fixed(at[other][0]), fixed(at[other][1] + 24),
                                                         fixed(at[payload][0]), fixed(at[payload][1])),
                                       "_ink", " stroke-width='1.5'"))
            above = sorted(above + row, key=key)
        for payload, (x, top) in at.items():
            words = self.scene.words_for(self.shot, payload)
            wide = max(34, 8 * len(words) + 12)
            self.listed(blocks[payload], words, x - wide / 2, top, wide, 12)
            if top == y:
                self.line(blocks[payload], x, top)


def outline(x, right, y, high, torn_left, torn_right):
    """A strip's shape; an end that is torn goes on."""
    steps = tuple(fixed(part) for part in (high * .34, high * .32, high * .34))
    end = "l5 %sl-7 %sl5 %s" % steps if torn_right else "v%s" % fixed(high)
    back = "l5-%sl-7-%sl5-%s" % steps if torn_left else ""
    return "M%s %sH%s%sH%s%sz" % (fixed(x), fixed(y), fixed(right), end, fixed(x), back)


def moving(scene, title):
    layers = svg.Layers(len(scene.shots), SECONDS)
    lanes = len(scene.threads)
    strips = {start: (88 if lanes < 2 else 64 + 26 * lanes) + 70 * number for number, start in enumerate(scene.regions)}
    below = max(strips.values(), default=88) + HIGH + (58 if scene.granule else 0)
    rows, bottom = row_places(scene, below)
    layers.put(0, text(WIDTH - MARGIN, 32, "on %s" % scene.name if scene.name else "", "soft", 13, "end"))
    pointers, seen = [], set()
    for number, shot in enumerate(scene.shots):
        drawing = Drawing(scene, shot, strips, HIGH, lambda layer, mark, at=number: layers.put(layer, mark, at))
        drawing.head()
        seen.update(shot.after.regions)
        for start in scene.regions:
            if start in seen and start not in shot.after.regions:
                drawing.gone(start)
        for start in shot.after.regions:
            drawing.region(start)
            drawing.bits(start) if scene.granule else drawing.ends(start)
        drawing.changes()
        for name, y in rows:
            drawing.row(name, y)
        if scene.tree:
            drawing.tree(below + 46)
        drawing.put(5, text(MARGIN, bottom + 20, scene.counters(shot), "ink", 13))
        pointers.append(drawing.pointer())
    if any(pointers):
        layers.slide(6, path("M0 0l-6-9h12z", "accent"), pointers)
    draw_foot(scene, bottom, layers)
    body, style = layers.render()
    return svg.document(bottom + 60, title, described(scene, "film"), body, style)


def row_places(scene, below):
    """[(a list's name, where its row lies)], and where they end."""
    if scene.tree:
        return [], below + 46 + 44 * len(scene.rows)
    return ([(name, below + 52 + 38 * number) for number, name in enumerate(scene.rows)],
            below + (50 + 38 * len(scene.rows) if scene.rows else 26))


def draw_foot(scene, bottom, layers):
    """What does not change, but for the dot that says how far it is."""
    layers.put(0, svg.legend(MARGIN, bottom + 45, scene.kinds()))
    size = svg.round_size(110 / scene.scale)
    wide = size * scene.scale
    x, y = WIDTH - MARGIN - wide, bottom + 12
    layers.put(0, path("M%s %sv6m0-3h%sm0-3v6" % (fixed(x), fixed(y), fixed(wide)), "_soft"))
    words = size_text(size) + (" bytes" if size < 1024 else "")
    layers.put(0, text(x - 6, y + 8, words, "soft", 12, "end"))
    count = len(scene.shots)
    dots = [(WIDTH - MARGIN - 4 - 9 * (count - 1 - at), bottom + 41) for at in range(count)]
    layers.put(0, path("M%s %sh0" % (fixed(dots[0][0]), fixed(dots[0][1])) + "m9 0h0" * (count - 1), "_soft",
                       " stroke-width='5' stroke-linecap='round'"))
    layers.slide(6, "<circle r='4' class='accent'/>", dots)


def described(scene, what):
    """The picture in words, a call each."""
    count = len(scene.shots)
    return "A %s of %s. %s" % (what, "1 call" if count == 1 else "%d calls" % count, " ".join(
        ("%s: %s %s" % (scene.call_text(shot), happened(scene, shot), broken(shot))).strip() for shot in scene.shots))


def strip(scene, title):
    """To print, and to compare."""
    marks, y = [text(MARGIN, 32, svg.short(title, 60), "ink", 16, bold=True),
                text(WIDTH - MARGIN, 32, "on %s" % scene.name if scene.name else "", "soft", 13, "end")], 50
    for shot in scene.shots:
        found = []
        there = [start for start in scene.regions if start in shot.after.regions]
        strips = {start: y + 27 + 25 * at for at, start in enumerate(there)}
        drawing = Drawing(scene, shot, strips, 20, lambda layer, mark, found=found: found.append((layer, mark)))
        words = scene.call_text(shot)
        if len(scene.threads) > 1:
            words = "thread %d: %s" % (shot.call.thread, words)
        drawing.put(5, text(MARGIN, y + 18, words, "ink code", 14, bold=True))
        drawing.caption(MARGIN + 9 * len(words) + 14, y + 18, 13, "soft")
        for start in strips:
            drawing.region(start)
        y += 27 + 25 * len(strips)
        for name in () if scene.tree or scene.walked else scene.rows:
            if row := shot.after.lists.get(name):
                drawing.put(5, text(MARGIN, y + 10, "%s: %s" % (name, " \u2192 ".join(
                    scene.words_for(shot, payload) for payload in row[:12])), "soft", 12))
                y += 16
        marks += [mark for _, mark in sorted(found, key=lambda pair: pair[0])]
        y += 9
    marks.append(svg.legend(MARGIN, y + 16, scene.kinds()))
    return svg.document(y + 32, title, described(scene, "strip"), "\n".join(marks))
