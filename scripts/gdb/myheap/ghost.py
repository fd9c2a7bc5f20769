"""The heap as the allocator's own code tells it, and what a call would do: run in the program's ghost.

scripts/gdb/ghost/ghost.c says what the ghost is, and why nothing happens to the program.

    heap()                 the heap of the stopped program, or of the core, as a Snapshot
    call("free", address)  what that call would do now, as an Outcome

Where there is no answer, GhostError says why, in a sentence.
"""
import collections
import errno
import re
import struct

import gdb

from .ghost_process import BLOCKS, CALL, CHECK, LISTS, PLAYED, REGIONS, RETURNED, Ghost, GhostError
from .symbols import function_address, read, value_of

VERSION = 2 # HEAP_INSPECT_VERSION
WORD = (1 << 64) - 1


class Block(collections.namedtuple("Block", "payload size overhead state guessed index")):
    """A block, as struct heap_block of inspect.h has it; index counts them in address order."""
    __slots__ = ()

    @property
    def start(self):
        return self.payload - self.overhead

    @property
    def end(self):
        return self.payload + self.size


Region = collections.namedtuple("Region", "name start end")
Fault = collections.namedtuple("Fault", "invariant where what found unchecked")
Outcome = collections.namedtuple("Outcome", "result errno ended system after")
STATES = ("used", "free", "cached", "used")


def fault_text(fault, name=hex):
    """A fault's sentence. name says how an address is written, each %p of what."""
    found = iter(fault.found)
    return re.sub("%p|%zu", lambda kind: (name if kind.group() == "%p" else str)(next(found, 0)), fault.what)


Fault.text = property(fault_text)


class Library:
    """The loaded library that describes its heap, and how."""

    def __init__(self):
        thread = gdb.selected_thread()
        if not gdb.selected_inferior().threads():
            raise GhostError("No program is running here, so there is no heap. Type: run")
        if thread is None or thread.is_running() and not deciding:
            raise GhostError("The program has not stopped, or no thread is selected. Type: interrupt, or: thread 1")
        self.inspect = value_of("(char *) &heap_inspect")
        if self.inspect is None:
            raise GhostError("No library is loaded that describes its heap (heap_inspect).")
        self.object_file = gdb.current_progspace().solib_name(self.inspect)
        word = value_of("sizeof (char *)")
        data = read(self.inspect, 8 + 6 * word)
        if not data:
            raise GhostError("heap_inspect can't be read: there is no memory at %#x." % self.inspect)
        version, self.invariants, stage, header, *tells = struct.unpack("<II6" + "IQ"[word == 8], data)
        if version != VERSION:
            raise GhostError("heap_inspect is of version %d; these commands know version %d." % (version, VERSION))
        self.stage = self.string(stage)
        if not self.stage:
            raise GhostError("The loader has not finished with the library yet: no heap so far.")
        self.header = self.string(header)
        self.tells = {name for name, there in zip(("regions", "blocks", "lists", "check"), tells) if there}

    @staticmethod
    def string(address):
        text = b""
        while address and len(text) < 256 and b"\0" not in text:
            byte = read(address + len(text), 1)
            if not byte:
                return None
            text += byte
        return text.rstrip(b"\0").decode("utf-8", "replace") or None

    def function(self, name):
        address = function_address(name, self.object_file)
        if address is None:
            raise GhostError("%s has no function %s." % (self.object_file or "The program", name))
        return address


class Snapshot:
    """The heap at one moment, as the library's functions told it."""

    def __init__(self, library, ghost):
        for name in ("stage", "invariants", "header", "object_file", "tells"):
            setattr(self, name, getattr(library, name))
        self.program_break = ghost.program_break
        self.trouble = {} # of a function: how it ended, when it didn't return
        told = {}
        for name, order in (("regions", REGIONS), ("blocks", BLOCKS), ("lists", LISTS), ("check", CHECK)):
            told[name] = []
            if name in self.tells:
                rows, end = ghost.run(order, library.inspect)
                told[name] = [(text, data) for kind, text, data in rows if kind != PLAYED]
                if end.how != RETURNED:
                    self.trouble[name] = ghost.sentence(end)
        self.regions = [Region(name, *bounds) for name, data in told["regions"]
                        for bounds in struct.iter_unpack("<QQ", data)]
        rows = struct.iter_unpack("<4Q", b"".join(data for _, data in told["blocks"]))
        self.blocks = [Block(payload, size, overhead, STATES[state & 3], state > 3, index)
                       for index, (payload, size, overhead, state) in enumerate(rows)]
        self.lists = self.read_lists(told["lists"])
        self.faults = [Fault(invariant, where, what, (first, second), bool(unchecked))
                       for what, data in told["check"]
                       for invariant, where, first, second, unchecked in struct.iter_unpack("<5Q", data)]

    def read_lists(self, rows):
        known = {block.payload: block for block in self.blocks}
        lists = []
        for name, data in rows:
            if not lists or lists[-1][0] != name:
                lists.append((name, []))
            lists[-1][1].extend(known.get(payload) or Block(payload, size, overhead, STATES[state & 3], state > 3, None)
                                for payload, size, overhead, state in struct.iter_unpack("<4Q", data))
        return lists


def played(rows, program_break):
    """The system calls that the program's code made, and where the program break is after them. Each is
    a name, what matters of the call, and for a refused one the error's name."""
    calls = []
    for kind, name, data in rows:
        for first, second, third, result in struct.iter_unpack("<4Q", data) if kind == PLAYED else ():
            error = (errno.errorcode.get(-result & 0xffffffff, "?"),) if 0 < (-result & 0xffffffff) < 4096 else ()
            if name == "brk":
                calls.append((name, first - program_break) + (() if result == first else ("ENOMEM",)))
                program_break = result
            elif name == "mmap":
                calls.append((name, second) + (error or (result,)))
            elif name == "mremap":
                calls.append((name, first, second, third) + (error or (result,)))
            else:
                calls.append((name, first, second) + error)
    return calls, program_break


def call(function, *args):
    """What a call would do now: a function of the library by its name, or any by its address."""
    library = Library()
    address = library.function(function) if isinstance(function, str) else function
    with Ghost() as ghost:
        before = ghost.errno()
        rows, end = ghost.run(CALL, address, *(arg & WORD for arg in args))
        ended = ghost.sentence(end)
        system, ghost.program_break = played(rows, ghost.program_break)
        if ended:
            return Outcome(None, (before, None), ended, system, None)
        result = None if function == "free" else end.value
        return Outcome(result, (before, ghost.errno()), None, system, Snapshot(library, ghost))


deciding = False # a breakpoint decides whether to stop: GDB calls the thread running, but it stands still
cached = None # (what it was taken of, Snapshot)


def moment():
    """What distinguishes this stop from others that no event tells of."""
    thread, frame = gdb.selected_thread(), gdb.newest_frame()
    return gdb.selected_inferior().num, thread.ptid, frame.pc(), int(frame.read_register("sp"))


def heap():
    """The heap of the stopped program, or of the core; the same object until the program moves."""
    global cached
    library = Library()
    now = moment()
    if cached is None or cached[0] != now:
        with Ghost() as ghost:
            cached = now, Snapshot(library, ghost)
    return cached[1]


def forget(_=None):
    global cached
    cached = None


for _event in ("cont", "stop", "exited", "memory_changed", "register_changed", "new_objfile", "clear_objfiles",
               "inferior_call"):
    getattr(gdb.events, _event).connect(forget)
