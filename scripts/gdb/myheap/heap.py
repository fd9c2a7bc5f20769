"""The heap, ready to be shown: what the library's own code says of it, with places counted from the
heap's start."""
import bisect
import collections
import functools
import re

import gdb

from . import ghost, program
from .screen import paint, plural

latest = None # the last Heap: a ghost is asked anew only when the program has moved

Region = collections.namedtuple("Region", "name start end")


def demand():
    """Raises, in a sentence, when there is no program or no library that describes its heap."""
    if not program.is_running():
        raise gdb.GdbError("No program is running here, so there is no heap. Type: run")
    if program.inspect_address() is None:
        if program.library():
            raise gdb.GdbError("%s describes no heap: it exports no heap_inspect (see common/inspect.h). "
                               "myheap trace and myheap who work without." % program.library())
        raise gdb.GdbError("No library is loaded that describes its heap (heap_inspect)%s" % (
            " yet. Let the program run to its first malloc." if program.preloaded else
            ". Start the program with: debug CMD"))


def now():
    """The heap of the program as it stands."""
    global latest
    demand()
    try:
        snapshot = ghost.heap()
    except ghost.GhostError as error:
        raise gdb.GdbError(str(error)) from None
    if latest is None or latest.snapshot is not snapshot:
        latest = Heap(snapshot)
    return latest


class Heap:
    """A snapshot, and the places in it; what the snapshot has, this has too."""

    def __init__(self, snapshot):
        self.snapshot = snapshot
        self.blocks = sorted(snapshot.blocks, key=lambda block: block.payload) # whatever the regions' order
        self.starts = [block.payload - block.overhead for block in self.blocks]
        self.noun = "chunk" if self.header or any(block.overhead for block in self.blocks[:9]) else "block"
        self.areas = [Region(*region) for region in self.regions] or self._hull()
        self.start = min((area.start for area in self.areas), default=None)

    def __getattr__(self, name):
        return getattr(self.snapshot, name)

    def _hull(self):
        """A library that tells no regions: what its blocks cover."""
        return [Region("blocks", self.starts[0], max(block.end for block in self.blocks))] if self.blocks else []

    def demand_blocks(self):
        if "blocks" not in self.tells:
            raise gdb.GdbError("%s writes down nothing that could be shown: it describes no blocks." % self.stage)
        if "blocks" in self.trouble and not self.blocks:
            raise gdb.GdbError("The blocks can't be told: %s" % self.trouble["blocks"])
        return self

    def area_of(self, address):
        return next((area for area in self.areas if area.start <= address < area.end), None)

    def position(self, block):
        return bisect.bisect_left(self.starts, block.start)

    @functools.cached_property
    def limits(self):
        """Where each block ends, as far as that can be: not in another block, not behind its region."""
        limits, area = [], None
        for block, after in zip(self.blocks, self.starts[1:] + [0]):
            start = block.payload - block.overhead
            if area is None or not area.start <= start < area.end:
                area = self.area_of(start)
            limit = block.payload + block.size
            if area and limit > area.end:
                limit = area.end
            limits.append(after if start < after < limit else limit)
        return limits

    def holding(self, address):
        """The block whose metadata or payload an address lies in; or None."""
        i = bisect.bisect_right(self.starts, address) - 1
        if i >= 0 and (address < self.limits[i] or address == self.blocks[i].payload):
            return self.blocks[i]
        return None

    def spans(self, area):
        """(start, end, kind), without holes, over a region."""
        at = area.start
        first = bisect.bisect_left(self.starts, area.start)
        for i in range(first, bisect.bisect_left(self.starts, area.end)):
            block, limit = self.blocks[i], self.limits[i]
            if block.start > at:
                yield at, block.start, "none"
            payload = min(block.payload, limit)
            if payload > block.start:
                yield block.start, payload, "header"
            if limit > payload:
                yield payload, limit, block.state
            at = max(at, limit)
        if at < area.end:
            yield at, area.end, "none"

    def name(self, address):
        """An address as the reader should see it: counted from the heap's start; in the library's data
        by the variable's name."""
        if address == 0:
            return "NULL"
        if self.start is not None and any(area.start <= address <= area.end for area in self.areas):
            return "+%d" % (address - self.start)
        if program.object_file_of(address) == self.object_file:
            return program.variable_at(address) or "%#x" % address
        return "%#x" % address

    def address(self, text):
        """What the user typed: +N counts from the heap's start, all else is GDB's."""
        text = text.strip()
        if not text:
            raise gdb.GdbError("Which address? An expression of GDB's, or +N, counted from the heap's start.")
        if re.fullmatch(r"\+\d+", text):
            if self.start is None:
                raise gdb.GdbError("The heap is empty: it has no start that %s could be counted from." % text)
            return self.start + int(text[1:])
        return program.evaluate(text)

    def faults_by_place(self):
        """{address: ["2: what is wrong", ...]}, of what is broken."""
        places = {}
        for fault in self.faults:
            if not fault.unchecked:
                sentence = "%d: %s" % (fault.invariant, ghost.fault_text(fault, self.name))
                places.setdefault(fault.where, []).append(sentence)
        return {where: sorted(sentences) for where, sentences in places.items()}

    def totals(self):
        count = collections.Counter(block.state for block in self.blocks)
        held = collections.Counter()
        for block, limit in zip(self.blocks, self.limits):
            held[block.state] += max(0, limit - block.payload)
        overhead = sum(block.overhead for block in self.blocks)
        return "%s: %s%s." % (
            plural(len(self.blocks), self.noun),
            ", ".join("%d %s (%d bytes)" % (count[state], state, held[state]) for state in ("used", "free", "cached")
                      if count[state] or state != "cached"),
            "; %d bytes of headers" % overhead if overhead else "")

    def rows(self):
        """{start: (size, state)}, to compare two heaps by."""
        return {start: (block.size, block.state) for start, block in zip(self.starts, self.blocks)}


def changes(heap, before, after):
    """What differs between two tables of Heap.rows."""
    def words(row):
        return "%d bytes %s" % row if row else "no " + heap.noun
    changed = sorted(before.keys() ^ after.keys() | {at for at in before if before[at] != after.get(at)})
    start = min(before, default=0) if heap.start is None else heap.start # all may be gone
    for address in changed:
        place = paint("%10s" % ("+%d" % (address - start)), "address")
        yield "%s  %s -> %s" % (place, words(before.get(address)), words(after.get(address)))
