"""Some calls of a recording, one after the other, and what is to be shown of the heap at each.

    scene = Scene(film, numbers, first)    the calls with these numbers, from `first` on; those before only name blocks
    happened(scene, shot), broken(shot)    what a call did, and what is broken after it, in a sentence
"""
import bisect
import collections
import os
import re
import string

from pictures import FAR
from recording import Block, FREES, RESIZES
from svg import INNER, size_text

TAIL = 1.6  # so much longer than what is used a region may be, and is still shown whole
NODES = 14  # that a tree may have, and is still drawn as one
ZOOM = 8    # so many times as wide as what changes what is used may be, and is still shown whole

# A heap as one frame shows it. letters: {payload: name}; was: {payload: (name, size)} of what was freed; asked:
# {payload: bytes}; looked: was the heap asked after this call?
Shot = collections.namedtuple("Shot", "call before after letters was asked looked")
# regions: {start: end}; broken: the numbers of the invariants that are.
Told = collections.namedtuple("Told", "regions blocks lists broken")


class Scene:
    def __init__(self, film, numbers, first=0, granule=0):
        self.name, self.granule = name_of_library(film.recording), granule
        self.by_calls = not film.recording.every or not film.frame(numbers[-1]).after.after # never asked
        self.given = {}              # what each call's block is called: {number: letter}
        self.gone, self.shots = {}, []
        for number in numbers:
            self.shots.append(self.shot(film.frame(number)))
        self.shots = with_regions([shot for shot in self.shots if shot.call.number >= first])
        self.threads = sorted({shot.call.thread for shot in self.shots})
        self.regions = list(dict.fromkeys(start for shot in self.shots for start in shot.after.regions))
        self.windows = {start: self.window(start) for start in self.regions}
        self.scale = INNER / max((high - low for low, high in self.windows.values()), default=1)
        self.rows = self.list_rows()
        # A list of all blocks, used ones too, says of a free one nothing that the heap's order doesn't.
        self.walked = any(payload in shot.after.blocks and shot.after.blocks[payload].state == "used"
                          for shot in self.shots for row in shot.after.lists.values() for payload in row)
        self.tree = bool(self.rows) and all(re.match(r"level \d+$", row) for row in self.rows) and all(
            sum(map(len, shot.after.lists.values())) <= NODES for shot in self.shots)

    # ---- what is known of a call

    def shot(self, frame):
        call, before = frame.call, self.shots[-1] if self.shots else None
        letters, was = (dict(before.letters), dict(before.was)) if before else ({}, {})
        old = letters.pop(call.pointer, "") if gives_back(call) else ""
        known = before.after if self.by_calls and before else frame.before
        block = known.blocks.get(call.pointer)
        if old and block:
            was[call.pointer] = old, block.size
        if call.result and call.asked is not None:
            letters[call.result] = old or self.next_letter()
        self.given[call.number] = old or letters.get(call.result, "") or letters.get(call.pointer, "")
        asked = {payload: owned.asked for payload, owned in frame.ledger.live.items()}
        if self.by_calls:
            told = self.told_by_calls(call, frame.ledger)
            old = before.after if before else told._replace(blocks={
                payload: block for payload, block in told.blocks.items() if payload != call.result})
            return Shot(call, old, told, letters, was, asked, True)
        return Shot(call, told_of(frame.before), told_of(frame.after), letters, was, asked,
                    frame.after.after == call.number)

    def next_letter(self):
        used = set(self.given.values())
        return next((letter for letter in string.ascii_lowercase if letter not in used), "")

    def told_by_calls(self, call, ledger):
        """The live blocks, and those given back whose place nobody has since."""
        live = {payload: Block(payload, owned.asked, 0, "used", False) for payload, owned in ledger.live.items()}
        last = self.shots[-1].after.blocks.get(call.pointer) if self.shots else None
        if last and call.pointer not in live:
            self.gone[call.pointer] = last._replace(state="gone")
        self.gone = {payload: block for payload, block in self.gone.items() if not any(
            other.payload < payload + block.size and payload < other.payload + other.size for other in live.values())}
        return Told({}, {**self.gone, **live}, {}, ())

    # ---- what is shown

    def blocks_in(self, told, start):
        """A region's blocks in address order."""
        end = told.regions.get(start, start)
        return sorted((block for block in told.blocks.values() if start <= block.payload < end),
                      key=lambda block: block.payload)

    def window(self, start):
        """The stretch of a region that is shown: what is used, and a little more; or, when much is used and
        little changes, what changes."""
        first, last, end, low, high = None, start, start, None, start
        for shot in self.shots:
            end = max(end, shot.after.regions.get(start, start))
            for block in self.blocks_in(shot.after, start):
                first = min(first or block.payload, block.payload - block.overhead)
                if block.state in ("used", "gone"): # a damaged one may have any size
                    last = max(last, min(block.payload + block.size, shot.after.regions[start]))
                if block.payload in shot.letters or shot.before.blocks.get(block.payload) != block:
                    low = min(low or block.payload, block.payload - block.overhead)
                    size = min(block.size, last - block.payload) if block.state == "used" else 0
                    high = max(high, block.payload + size)
        if last == start: # never used: all of it
            return start, end
        if low is None or low - start < .1 * (last - start):
            low = start
        if 0 < ZOOM * (high - low) < last - first:
            around = high - low
            return max(start, low - around), min(end, high + around)
        return low, end if end - low <= TAIL * (last - low) else int(last + .12 * (last - low))

    def rest(self, told):
        """The free blocks at a region's end that reach beyond its window: what nobody has used yet."""
        found = set()
        for start, (_, high) in self.windows.items():
            last = self.blocks_in(told, start)[-1:]
            found.update(block.payload for block in last if block.state != "used" and block.payload + block.size > high)
        return found

    def list_rows(self):
        """The lists that have anything to show, in their order."""
        rows = {}
        for shot in self.shots:
            rest = self.rest(shot.after)
            for name, payloads in shot.after.lists.items():
                if any(payload not in rest and self.shown(payload) for payload in payloads):
                    rows[name] = [int(word) if word.isdigit() else word for word in re.split(r"(\d+)", name)]
        return sorted(rows, key=rows.get)

    def shown(self, address):
        return any(low <= address < high for low, high in self.windows.values())

    def letter_of(self, shot, block):
        """Of a used block, and of a free one that lies as it was freed."""
        if block.state == "used":
            return shot.letters.get(block.payload, "")
        letter, size = shot.was.get(block.payload, ("", 0))
        return letter if size == block.size else ""

    def words_for(self, shot, payload):
        """What a list's box says: a 104."""
        block = shot.after.blocks.get(payload)
        if not block or payload in self.rest(shot.after):
            return "the rest" if block else "?"
        letter = self.letter_of(shot, block)
        return letter if letter and block.state == "used" else ("%s %s" % (letter, size_text(block.size))).strip()

    def name_of(self, shot, address):
        if not address:
            return "NULL"
        letter = shot.letters.get(address) or self.given.get(shot.call.number)
        if letter:
            return letter
        start = next((start for start, end in shot.after.regions.items() if start <= address < end), None)
        return "+%d" % (address - start) if start is not None else hex(address)

    def call_text(self, shot):
        """As in C: b = malloc(200)."""
        call = shot.call
        words = call.text(lambda address: self.name_of(shot, address))
        if " = " not in words or call.asked is None:
            return words
        done, result = words.split(" = ")
        return "%s = %s" % (result, done) if self.given[call.number] and call.result else words

    def counters(self, shot):
        """What stands in the windows, in figures; the rest of a region isn't counted."""
        rest, used, over, free = self.rest(shot.after), 0, 0, []
        blocks = [block for block in shot.after.blocks.values() if self.shown(block.payload)]
        for block in blocks:
            if block.state == "used":
                used, over = used + block.size, over + block.overhead
            elif block.payload not in rest and block.state != "gone":
                free, over = free + [block.size], over + block.overhead
        asked = sum(shot.asked.get(block.payload, 0) for block in blocks if block.state == "used")
        gone = sum(block.size for block in shot.after.blocks.values() if block.state == "gone")
        words = [("asked for", asked)] + (
            [("given back", gone), ("from end to end", sum(end - start for start, end in shot.after.regions.items()))]
            if self.by_calls else
            [("used", used), ("headers", over), ("free", sum(free)), ("largest hole", max(free, default=0))])
        return "  \u00b7  ".join("%s %s" % (word, size_text(count)) for word, count in words
                               if count or word != "largest hole")

    def segments(self, shot, start):
        """(kind, low, high, block) in a region's window, from the left."""
        low, high = self.windows[start]
        for block in self.blocks_in(shot.after, start):
            asked = shot.asked.get(block.payload)
            end = min(block.payload + block.size, shot.after.regions[start])
            parts = [("header", block.payload - block.overhead, block.payload, None)]
            if block.state == "used" and asked is not None and asked < block.size:
                parts += [("used", block.payload, block.payload + asked, block),
                          ("spare", block.payload + asked, end, None)]
            else:
                parts.append((block.state, block.payload, end, block))
            for kind, at, until, whole in parts:
                if max(at, low) < min(until, high):
                    yield kind, max(at, low), min(until, high), whole

    def kinds(self):
        found = {kind for shot in self.shots for start in shot.after.regions for kind, *_ in self.segments(shot, start)}
        return found | ({"none"} if self.by_calls or any(self.gap(shot) for shot in self.shots) else set())

    def gap(self, shot):
        """Is there a stretch between blocks that is wide enough to be seen?"""
        for start in shot.after.regions:
            at = self.windows[start][0]
            for _, low, high, _ in self.segments(shot, start):
                if (low - at) * self.scale > 3:
                    return True
                at = high
        return False


def name_of_library(recording):
    """Its stage's name, or that of the folder where it lies: build/stage1/libmalloc.so."""
    path = recording.library()
    return recording.stage or (os.path.basename(os.path.dirname(path)) if path.endswith("/libmalloc.so") else
                               os.path.basename(path))


def told_of(heap):
    return Told({region.start: region.end for region in heap.regions.values()}, heap.blocks, heap.lists,
                sorted({fault.invariant for fault in heap.broken()}))


def gives_back(call):
    return call.pointer and (call.function in FREES or
                             call.function in RESIZES and bool(call.result or call.asked == 0 and call.finished))


def with_regions(shots):
    """Where no regions were told, or only calls: stretches of blocks, each as far as blocks have reached so far."""
    if any(shot.after.regions for shot in shots):
        return shots
    spans = sorted({(block.payload - block.overhead, block.payload + block.size) for shot in shots
                    for told in (shot.before, shot.after) for block in told.blocks.values()})
    starts, last = [], None
    for low, high in spans:
        if last is None or low - last > FAR:
            starts.append(low)
        last = max(last or high, high)
    ends, done = {}, []
    for shot in shots:
        both = []
        for told in (shot.before, shot.after):
            for block in told.blocks.values():
                start = starts[bisect.bisect(starts, block.payload) - 1]
                ends[start] = max(ends.get(start, start), block.payload + block.size)
            both.append(told._replace(regions=dict(ends)))
        done.append(shot._replace(before=both[0], after=both[1]))
    return done


class Happened:
    """What a call did to the heap, in a sentence: what differs between before and after."""

    def __init__(self, scene, shot):
        self.scene, self.shot, self.call = scene, shot, shot.call
        self.before, self.after = shot.before, shot.after
        common = self.before.regions.keys() & self.after.regions.keys()
        self.grown = sum(self.after.regions[start] - self.before.regions[start] for start in common)
        self.new = [end - start for start, end in self.after.regions.items() if start not in self.before.regions]
        self.lost = [end - start for start, end in self.before.regions.items() if start not in self.after.regions]

    def sentence(self):
        call = self.call
        if not call.finished:
            return "The program ended inside of this call."
        if call.failed:
            return "Refused: NULL, and nothing has changed."
        if self.scene.by_calls:
            return self.by_calls()
        if not self.shot.looked:
            return "The heap was not asked after this call."
        if call.function in RESIZES and call.pointer and call.result:
            return self.resized()
        if call.result and call.asked is not None:
            return self.given("")
        return self.freed(call.pointer) if gives_back(call) else "Nothing changes."

    def by_calls(self):
        call, blocks = self.call, self.before.blocks
        if call.result and call.result == call.pointer:
            return "The block stays where it is."
        if call.result:
            top = max((block.payload + block.size for block in blocks.values()), default=0)
            again = any(block.state == "gone" and block.payload <= call.result < block.payload + block.size
                        for block in blocks.values())
            return ("The first block." if not top else "New memory, above all blocks so far." if call.result >= top
                    else "Memory that had been given back, again." if again else "A place below other blocks.")
        return "It is given back." if gives_back(call) else "Nothing changes."

    def system(self):
        """What the system gave or took."""
        words = ["%s more from the system" % in_bytes(self.grown)] if self.grown > 0 else []
        words += ["%s back to the system" % in_bytes(-self.grown)] if self.grown < 0 else []
        words += ["%s %s from the system" % ("a region of" if self.before.regions else "the first", in_bytes(size))
                  for size in self.new]
        words += ["a region of %s back to the system" % in_bytes(size) for size in self.lost]
        return words

    def holes(self, told, low, high):
        return [block for block in told.blocks.values() if block.state != "used" and low <= block.payload < high]

    def given(self, lead):
        result = self.call.result
        hole = next((block for block in self.before.blocks.values() if block.state != "used" and
                     block.payload - block.overhead <= result < block.payload + block.size), None)
        if not hole or self.new:
            return capital(lead + (", ".join(self.system()) or "a place that was not free before")) + "."
        if hole.payload in self.scene.rest(self.before):
            return capital(lead + "cut off the free rest at the end.")
        rest = self.holes(self.after, hole.payload - hole.overhead, hole.payload + hole.size)
        size = in_bytes(hole.size)
        if not rest:
            return capital(lead + "the free %s are taken whole." % size)
        if len(rest) == 1:
            return capital(lead + "cut off the free %s; %s stay free." % (size, in_bytes(rest[0].size)))
        return capital(lead + "the free %s are cut %d times." % (size, len(rest)))

    def freed(self, pointer):
        block = next((block for block in self.after.blocks.values() if block.state != "used" and
                      block.payload - block.overhead <= pointer < block.payload + block.size), None)
        if not block:
            return capital(", ".join(self.system()) or "nothing changes") + "."
        joined = self.holes(self.before, block.payload - block.overhead, block.payload + block.size)
        if joined and block.payload in self.scene.rest(self.after):
            words = "Free, and joined with the free rest at the end"
        elif joined:
            words = "Joined with %s: %s free in one" % (
                "its free neighbour" if len(joined) == 1 else "%d free neighbours" % len(joined), in_bytes(block.size))
        else:
            words = "It is free now"
        return "; ".join([words + self.place_in_list(block.payload)] + self.system()) + "."

    def place_in_list(self, payload):
        for name, row in self.after.lists.items():
            if payload in row and name in self.scene.rows and name[-1].isdigit() and not self.scene.tree:
                return ", %s in %s" % ("alone" if len(row) == 1 else "first" if row[0] == payload else "last"
                                       if row[-1] == payload else "number %d" % (row.index(payload) + 1), name)
        return ""

    def resized(self):
        call = self.call
        old, new = self.before.blocks.get(call.pointer), self.after.blocks.get(call.result)
        if call.result != call.pointer:
            return self.given("moved, %s copied: " % in_bytes(min(old.size, new.size) if old and new else call.asked))
        if not old or not new or old.size == new.size:
            return "It fits where it is: nothing moves."
        way = "Grows where it is" if new.size > old.size else "Shrinks where it is"
        return "; ".join(["%s, from %s to %s" % (way, size_text(old.size), in_bytes(new.size))] + self.system()) + "."


def happened(scene, shot):
    return Happened(scene, shot).sentence()


def broken(shot):
    return "The heap is broken: invariant %s." % ", ".join(map(str, shot.after.broken)) if shot.after.broken else ""


def in_bytes(count):
    return size_text(count) + (" bytes" if count < 1 << 10 or size_text(count).isdigit() else "")


def capital(words):
    return words[:1].upper() + words[1:]
