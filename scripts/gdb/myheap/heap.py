"""heap_inspect, the chunks, and the walk over them that no damage can lead astray."""
import gdb

from . import program
from .program import Unreadable

VERSION = 1  # HEAP_INSPECT_VERSION
ALIGNMENT = 16
FIELDS = ("next", "prev", "size", "free", "data")


class Inspect:
    """The library's description of itself."""

    def __init__(self):
        if not program.is_running():
            raise gdb.GdbError("No program is running here, so there is no heap. Type: run")
        self.address = program.symbol_address("heap_inspect")
        if self.address is None:
            raise gdb.GdbError("No library is loaded that describes its heap (heap_inspect). "
                               "Start the program with: debug CMD; then let it run to its first malloc.")
        self.word = word = program.pointer_size()
        self.order = program.byte_order()
        self.object_file = program.object_file_of(self.address)
        try:
            version = program.number(program.read(self.address, 4))
            self.invariants = program.number(program.read(self.address + 4, 4))
            stage, walk, _, self.list, layout = (
                program.read_word(self.address + 8 + i * word) for i in range(5))
            if version != VERSION:
                raise gdb.GdbError("heap_inspect is of version %d; these commands know version %d."
                                   % (version, VERSION))
            if stage == 0:
                raise gdb.GdbError("The loader has not finished with the library yet: no heap so far.")
            self.stage = program.read_string(stage)
            self.layout = None
            if self.list and layout:
                values = [program.read_word(layout + i * word) for i in range(6)]
                self.header = values[0]
                self.layout = dict(zip(FIELDS, values[1:]))
        except Unreadable as error:
            raise gdb.GdbError("heap_inspect can't be read: no memory at %#x." % error.args) from None
        self.walks = bool(walk)

    def demand_list(self):
        if self.layout:
            return self
        if self.walks:
            raise gdb.GdbError("%s can walk its chunks, but names no list that could be followed "
                               "from outside." % self.stage)
        raise gdb.GdbError("%s has no metadata: there is nothing to walk." % self.stage)


class Chunk:
    def __init__(self, inspect, address):
        self.address = address
        self.payload = address + inspect.header
        self.bytes = program.read(address, inspect.header)
        for name, at in inspect.layout.items():
            width = 1 if name == "free" else inspect.word
            setattr(self, name, int.from_bytes(self.bytes[at:at + width], inspect.order))

    @property
    def end(self):
        return self.payload + self.size

    @property
    def state(self):
        return "free" if self.free else "used"


class Heap:
    """The chunks, as far as the links lead; and why no farther.

    chunks   in list order; when the list is broken, from both of its ends
    broken   None, or (chunk, sentence): whose next can't be followed
    behind   how many of the chunks were found from the list's end, going by prev
    """

    def __init__(self, inspect=None):
        self.inspect = (inspect or Inspect()).demand_list()
        self.mask = (1 << 8 * program.pointer_size()) - 1
        try:
            self.base = Chunk(self.inspect, self.inspect.list)
        except Unreadable:
            raise gdb.GdbError("The sentinel of the list, at %#x, can't be read." % self.inspect.list) from None
        self.low, self.high = self._bounds()
        self.chunks, self.broken, self.behind = [], None, 0
        self._follow_next()
        if self.broken:
            self._follow_prev()
        self.start = min((chunk.address for chunk in self.chunks), default=self.low)
        if self.broken: # now that the start is known
            self.broken = (self.broken[0], "next leads to %s: %s" % (
                self.name(self.broken[0].next), self.broken[1]))

    def _bounds(self):
        """The mapping that the heap lies in: the kernel's [heap], or the one of the first chunk."""
        pieces = program.mappings()
        for wanted in (self.base.next, self.base.prev):
            for low, high, name in pieces:
                if name == "[heap]" or (low <= wanted < high and wanted != self.base.address):
                    return low, program.program_break(low, high)
        return (0, 0) if pieces else (1, self.mask)

    def _why_not(self, address):
        """Why there can be no chunk at an address; None when there can."""
        if address == 0:
            return "that is no chunk, and no end of the ring"
        if address % ALIGNMENT:
            return "not a multiple of %d" % ALIGNMENT
        if not self.low <= address <= self.high - self.inspect.header:
            return "outside the heap"
        return None

    def _follow_next(self):
        last, seen = self.base, set()
        while last.next != self.base.address:
            why = self._why_not(last.next)
            if not why and last.next == last.address:
                why = "itself"
            elif not why and last.next in seen:
                why = "a chunk that was passed already, a cycle"
            elif not why and last is not self.base and last.next < last.address:
                why = "backwards"
            try:
                chunk = None if why else Chunk(self.inspect, last.next)
            except Unreadable:
                why = "memory that can't be read"
            if why:
                self.broken = (last, why)
                return
            seen.add(chunk.address)
            self.chunks.append(chunk)
            last = chunk

    def _follow_prev(self):
        front = self.chunks[-1].address if self.chunks else 0
        found, after = [], self.base
        while not self._why_not(after.prev) and after.prev > front:
            if after is not self.base and after.prev >= after.address:
                break
            try:
                chunk = Chunk(self.inspect, after.prev)
            except Unreadable:
                break
            if chunk.next != after.address and chunk.data != chunk.payload:
                break
            found.append(chunk)
            after = chunk
        self.behind = len(found)
        self.chunks += reversed(found)

    def pairs(self):
        """Each chunk with the one before it, base before the first; not across the break."""
        cut = len(self.chunks) - self.behind if self.broken else None
        last = self.base
        for i, chunk in enumerate(self.chunks):
            if i != cut:
                yield last, chunk
            last = chunk

    def touch(self, chunk, after):
        return chunk.end == after.address

    def name(self, address):
        """An address as the reader should see it: counted from the heap's start."""
        if address == 0:
            return "NULL"
        if address == self.base.address:
            return "base"
        if self.start <= address <= self.high:
            return "+%d" % (address - self.start)
        return "%#x" % address

    def address(self, text):
        """What the user typed: +N counts from the heap's start, all else is GDB's."""
        text = text.strip()
        if not text:
            raise gdb.GdbError("Which address? An expression of GDB's, or +N, counted from the heap's start.")
        if text[0] == "+" and text[1:].isdigit():
            return self.start + int(text[1:])
        return program.evaluate(text)

    def holding(self, address):
        """The chunk whose header or payload an address lies in; or None."""
        for chunk in self.chunks:
            if chunk.address <= address < max(chunk.payload, min(chunk.end, self.high)):
                return chunk
        return None

    def totals(self):
        used = [chunk for chunk in self.chunks if not chunk.free]
        free = [chunk for chunk in self.chunks if chunk.free]
        return used, free
