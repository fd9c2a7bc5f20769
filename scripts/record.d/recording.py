"""A recording, as the recorder wrote it (format.h, docs/recording.md), or a trace (traces.py);
xz may have packed either.

    recording = Recording(path)          RecordingError, in a sentence, when it is none or is damaged
    for item in recording.items(): ...   a Call, or an Inspection, in order

    heap = Heap(); heap.apply(inspection)    the rows as the inspections told them so far
    ledger = Ledger(); ledger.add(call)      the live blocks, as the calls alone tell them
"""
import array
import collections
import os
import re
import struct
import sys

import traces

HEADER = struct.Struct("<8sIIQIIIIIIIIQQ2Q2QQ")
VERSION, ORDER = 1, 0x01020304
UNTIL_BROKEN, STOPPED = 1, 2
UNFINISHED = 1

# name, how many arguments, does it give something back
FUNCTIONS = {1: ("malloc", 1, True), 2: ("free", 1, False), 3: ("calloc", 2, True), 4: ("realloc", 2, True),
             5: ("reallocarray", 3, True), 6: ("aligned_alloc", 2, True), 7: ("posix_memalign", 2, True),
             8: ("memalign", 2, True), 9: ("valloc", 1, True), 10: ("pvalloc", 1, True), 11: ("free_sized", 2, False),
             12: ("free_aligned_sized", 3, False), 13: ("malloc_usable_size", 1, True), 14: ("malloc_trim", 1, True)}
WORDS = {kind: arguments + gives for kind, (_, arguments, gives) in FUNCTIONS.items()}
MALLOC, FREE = 1, 2
CALL_WORDS = [WORDS.get(kind, 0) for kind in range(256)]
TEXT, THREAD, TIME, MODULE, CALLER, EXIT = 32, 33, 34, 35, 36, 37
REGION, REGION_GONE, BLOCK, BLOCK_GONE, LIST, FAULT, INSPECTED = 48, 49, 50, 51, 52, 53, 54
WORDS.update({THREAD: 2, TIME: 1, MODULE: 4, CALLER: 2, EXIT: 1,
              REGION: 3, REGION_GONE: 1, BLOCK: 4, BLOCK_GONE: 1, FAULT: 6, INSPECTED: 4})
UNPACK = {words: struct.Struct("<%dQ" % words).unpack_from for words in range(1, 8)}
STATES = ("used", "free", "cached")

RESIZES = {"realloc", "reallocarray"}
FREES = {"free", "free_sized", "free_aligned_sized"}
ASKS = {"malloc", "calloc", "aligned_alloc", "posix_memalign", "memalign", "valloc", "pvalloc"}
GIVEN_A_BLOCK = FREES | RESIZES | {"malloc_usable_size"}

Module = collections.namedtuple("Module", "start end offset path")
Region = collections.namedtuple("Region", "start end name")
Block = collections.namedtuple("Block", "payload size overhead state guessed")
Fault = collections.namedtuple("Fault", "invariant where what found unchecked")


class RecordingError(Exception):
    pass


class Call(collections.namedtuple("Call", "number function thread ns caller arguments result finished pointer asked",
                                  defaults=(0, None))):
    """A call. number: 1.. in the file's order; ns: since the recording began; result: None without one,
    or when the call never returned (finished is False); pointer: the block that it is given, or 0; asked: bytes asked
    for, None when it asks for none."""
    __slots__ = ()

    @property
    def failed(self):
        """It asked for memory, and got none. realloc(p, 0) is a free, that may return NULL."""
        return not self.result and self.asked is not None and self.finished and not (
            self.pointer and self.asked == 0)

    def text(self, name=hex):
        """name turns an address into what the reader sees."""
        shown = list(map(str, self.arguments))
        if self.function in GIVEN_A_BLOCK:
            shown[0] = name(self.arguments[0])
        text = "%s(%s)" % (self.function, ", ".join(shown))
        if self.result is None:
            return text
        return text + " = " + (str(self.result) if self.function in ("malloc_usable_size", "malloc_trim")
                               else name(self.result))


class Inspection:
    """What the library told of its heap after a call, as changes; or before the next one."""

    def __init__(self):
        self.regions, self.regions_gone, self.blocks, self.blocks_gone = [], [], [], []
        self.lists, self.faults = [], []
        self.after = self.broken = self.unchecked = self.count = 0 # after: that call's number
        self.before_call = False


def from_trace(data):
    """The bytes of a recording that makes a trace's calls."""
    records = traces.records(data)
    return HEADER.pack(b"heaprec\0", VERSION, ORDER, HEADER.size + len(records), HEADER.size, 8, *[0] * 13) + records


class Cursor:
    """A place in a recording, and what is known there."""

    def __init__(self, at):
        self.at, self.number, self.thread, self.ticks, self.callers, self.inspection = at, 0, 0, 0, {}, Inspection()

    def copy(self):
        other = Cursor(self.at)
        other.number, other.thread, other.ticks, other.callers = self.number, self.thread, self.ticks, dict(self.callers)
        return other


class Recording:
    def __init__(self, path):
        self.path = path
        try:
            with open(path, "rb") as file:
                self.data = file.read()
        except OSError as error:
            raise RecordingError("%s can't be read: %s" % (path, error.strerror)) from None
        try:
            told = traces.unpacked(self.data)
            self.traced = told.startswith(traces.MAGIC)
            if self.traced:
                told = from_trace(told)
            self.data, self.unpacked = told, told is not self.data # unpacked: the file isn't as data is
        except traces.TraceError as error:
            raise self.bad("%s", error) from None
        self.texts, self.modules, self.threads = {}, [], {}
        self.program, self.command, self.stage, self.exited = "", [], "", False
        self.read_header()

    def bad(self, sentence, *values):
        return RecordingError("%s %s" % (self.path, sentence % values))

    def read_header(self):
        if self.data[:8] != b"heaprec\0":
            raise self.bad("is no recording")
        if len(self.data) < HEADER.size:
            raise self.bad("is cut off in its header")
        (_, self.version, order, self.length, self.start, self.word, self.pid, self.parent, self.every, self.flags,
         self.number, self.forked_from, self.forked_at, self.began, tick, tick2, ns, ns2,
         self.malloc_at) = HEADER.unpack_from(self.data)
        self.header_length = self.length
        if order != ORDER:
            raise self.bad("is damaged in its header, or from a machine of other byte order")
        if self.version != VERSION:
            raise self.bad("is of version %d of the format; this program knows version %d", self.version, VERSION)
        if self.length > len(self.data):
            raise self.bad("is cut off: it should have %d bytes, and has %d", self.length, len(self.data))
        if not HEADER.size <= self.start <= self.length or self.start % 8 or self.word not in (4, 8):
            raise self.bad("is damaged in its header")
        passed = (tick2 - tick) % (1 << 64)
        self.words = array.array("Q")
        self.words.frombytes(memoryview(self.data)[:len(self.data) // 8 * 8])
        if sys.byteorder != "little":
            self.words.byteswap()
        self.ns_per_tick = ((ns2 - ns) % (1 << 64)) / passed if passed else 1.0
        self.until_broken, self.stopped = bool(self.flags & UNTIL_BROKEN), bool(self.flags & STOPPED)

    def text(self, number, at):
        if number not in self.texts:
            raise self.bad("is damaged at byte %d: a text that isn't there", at)
        return self.texts[number]

    def items(self, cursor=None):
        """Calls and inspections in order, from a cursor on, which keeps up. Texts, modules and threads are
        known as they come."""
        words, end, rate, make = self.words, self.length // 8, self.ns_per_tick, tuple.__new__
        now = cursor or Cursor(self.start)
        at, callers = now.at // 8, now.callers
        while at < end:
            head = words[at]
            kind = head & 255
            behind = at + 1 + (CALL_WORDS[kind] or head >> 16 & 65535)
            if behind > end or head & 0xfe00 or WORDS.get(kind, behind - at - 1) != behind - at - 1:
                raise self.bad("is damaged at byte %d: there is no such record", 8 * at)
            now.at = 8 * behind
            now.ticks += head >> 32
            if CALL_WORDS[kind]:
                now.number += 1
                if head & 0xffff == MALLOC: # what most calls are, as self.call would do it
                    yield make(Call, (now.number, "malloc", now.thread, int(now.ticks * rate), callers.get(
                        head >> 16 & 65535, 0), [words[at + 1]], words[at + 2], True, 0, words[at + 1]))
                elif head & 0xffff == FREE:
                    yield make(Call, (now.number, "free", now.thread, int(now.ticks * rate), callers.get(
                        head >> 16 & 65535, 0), [words[at + 1]], None, True, words[at + 1], None))
                else:
                    yield self.call(now, head, at)
            elif kind == CALLER:
                callers[words[at + 1]] = words[at + 2]
            elif kind == THREAD:
                now.thread, self.threads[words[at + 1]] = words[at + 1], words[at + 2]
            elif kind == TIME:
                now.ticks += words[at + 1]
            elif kind >= REGION:
                self.inspect(now.inspection, kind, 8 * at, behind - at - 1)
                if kind == INSPECTED:
                    now.inspection.after, done = now.number, now.inspection
                    now.inspection = Inspection()
                    yield done
            else:
                self.tell(kind, 8 * at, behind - at - 1)
            at = behind
        if self.length % 8:
            raise self.bad("is damaged at byte %d: a record's head is cut off", 8 * at)
        if self.length == self.header_length and at < len(words): # a call that never returned
            head = words[at]
            if head & 255 in FUNCTIONS and head & 0xff00 == UNFINISHED << 8 and \
                    at + WORDS[head & 255] < len(words):
                now.at, now.number = len(self.data), now.number + 1
                yield self.call(now, head, at)

    def call(self, now, head, at):
        """The call that stands at a word."""
        kind, words, done = head & 255, self.words, not head & UNFINISHED << 8
        name, arguments, gives = FUNCTIONS[kind]
        given = list(words[at + 1:at + 1 + arguments])
        asked = given[-1] if name in ASKS or name in RESIZES else None
        if name in ("calloc", "reallocarray"):
            asked *= given[-2]
        # Not Call(...), which takes three times as long.
        return tuple.__new__(Call, (
            now.number, name, now.thread, int(now.ticks * self.ns_per_tick), now.callers.get(head >> 16 & 65535, 0),
            given, words[at + 1 + arguments] if gives and done else None, done,
            given[0] if name in GIVEN_A_BLOCK else 0, asked))

    def tell(self, kind, at, words):
        if kind == TEXT and words >= 3:
            number, what, size = UNPACK[3](self.data, at + 8)
            if size > 8 * (words - 3):
                raise self.bad("is damaged at byte %d: a text longer than its record", at)
            data = self.data[at + 32:at + 32 + size]
            text = self.texts[number] = data.decode("utf-8", "backslashreplace")
            if what == 1:
                self.program = text
            elif what == 2:
                self.command = text.rstrip("\0").split("\0")
            elif what == 3:
                self.stage = text
        elif kind == MODULE:
            start, end, offset, path = UNPACK[4](self.data, at + 8)
            self.modules.append(Module(start, end, offset, self.text(path, at)))
        elif kind == EXIT:
            self.exited = True
        else:
            raise self.bad("is damaged at byte %d: there is no such record", at)

    def inspect(self, inspection, kind, at, words):
        if kind == LIST and words >= 3:
            row = struct.unpack_from("<%dQ" % words, self.data, at + 8)
            inspection.lists.append((self.text(row[0], at), row[1], row[2], row[3:]))
            return
        if kind not in WORDS:
            raise self.bad("is damaged at byte %d: there is no such record", at)
        row = UNPACK[words](self.data, at + 8)
        if kind == REGION:
            inspection.regions.append(Region(row[0], row[1], self.text(row[2], at)))
        elif kind == REGION_GONE:
            inspection.regions_gone.append(row[0])
        elif kind == BLOCK:
            if row[3] & 255 >= len(STATES) or row[3] > 511:
                raise self.bad("is damaged at byte %d: no block has this state", at)
            inspection.blocks.append(Block(row[0], row[1], row[2], STATES[row[3] & 255], row[3] > 255))
        elif kind == BLOCK_GONE:
            inspection.blocks_gone.append(row[0])
        elif kind == FAULT:
            inspection.faults.append(Fault(row[0], row[1], self.text(row[2], at), row[3:5], bool(row[5])))
        else:
            inspection.broken, inspection.unchecked, inspection.count, before = row
            inspection.before_call = bool(before)

    def module_of(self, address):
        return next((module for module in reversed(self.modules) if module.start <= address < module.end), None)

    def library(self):
        """The file whose malloc was recorded."""
        module = self.module_of(self.malloc_at)
        return module.path if module else ""

    def lineage(self):
        """The recordings that this one goes on from, the oldest first: what was forked has its parent's heap."""
        if not self.forked_at:
            return []
        base = self.path[:-len(".%d" % self.number)] if self.path.endswith(".%d" % self.number) else self.path
        path = base + (".%d" % self.forked_from if self.forked_from else "")
        if self.forked_from >= self.number or not os.path.exists(path):
            raise self.bad("goes on from the recording of its parent, %s, and that isn't there", path)
        parent = Recording(path)
        if not parent.start <= self.forked_at <= parent.length:
            raise self.bad("goes on from %s at a place that isn't in it", path)
        parent.length = self.forked_at
        return parent.lineage() + [parent]


class Heap:
    """The heap as the inspections told it."""

    def __init__(self):
        self.regions, self.blocks, self.lists = {}, {}, {}
        self.faults, self.after, self.before_call, self.start = [], 0, False, None

    def apply(self, inspection):
        for start in inspection.regions_gone:
            self.regions.pop(start, None)
        for region in inspection.regions:
            self.regions[region.start] = region
        for payload in inspection.blocks_gone:
            self.blocks.pop(payload, None)
        for block in inspection.blocks:
            self.blocks[block.payload] = block
        for name, at, removed, added in inspection.lists:
            row = self.lists.setdefault(name, [])
            if at + removed > len(row):
                raise RecordingError("the recording is damaged: list %s has %d blocks, and a change at %d" % (
                    name, len(row), at + removed))
            row[at:at + removed] = added
            if not row:
                del self.lists[name]
        self.faults, self.after, self.before_call = inspection.faults, inspection.after, inspection.before_call
        if self.regions:
            self.start = min(self.regions)

    def copy(self):
        other = Heap()
        other.regions, other.blocks = dict(self.regions), dict(self.blocks)
        other.lists = {name: list(row) for name, row in self.lists.items()}
        other.faults, other.after, other.start = self.faults, self.after, self.start
        other.before_call = self.before_call
        return other

    def name(self, address):
        """An address as the reader should see it: counted from the heap's start."""
        if address == 0:
            return "NULL"
        if any(region.start <= address <= region.end for region in self.regions.values()):
            return "+%d" % (address - self.start)
        return hex(address)

    def broken(self):
        return [fault for fault in self.faults if not fault.unchecked]


def fault_text(fault, name=hex):
    """A fault's sentence. name says how an address is written, each %p of what."""
    found = iter(fault.found)
    return re.sub("%p|%zu", lambda kind: (name if kind.group() == "%p" else str)(next(found, 0)), fault.what)


Owned = collections.namedtuple("Owned", "asked call thread caller ns")


class Ledger:
    """The live blocks as the calls tell them, and what happened to each."""

    def __init__(self):
        self.live, self.bytes, self.peak, self.peak_at, self.peak_blocks = {}, 0, 0, 0, 0
        self.strays = 0 # pointers given back that no call had given

    def copy(self):
        other = Ledger()
        other.__dict__.update(self.__dict__, live=dict(self.live))
        return other

    def inherit(self, recording):
        """The live blocks of the parents, for what was forked, under thread 0. How many."""
        for parent in recording.lineage():
            for item in parent.items():
                if isinstance(item, Call):
                    self.add(item._replace(thread=0))
        self.peak, self.peak_at, self.peak_blocks, self.strays = self.bytes, 0, len(self.live), 0
        return len(self.live)

    def add(self, call):
        """The Owned that this call gave back, or None."""
        if not call.finished:
            return None
        _, function, thread, ns, caller, _, result, _, pointer, asked = call
        gone = None
        if pointer and (function in FREES if asked is None else result or not asked):
            gone = self.live.pop(pointer, None)
            if gone is None:
                self.strays += 1
            else:
                self.bytes -= gone.asked
        if result and asked is not None:
            old = self.live.get(result)
            self.bytes += asked - (old.asked if old else 0)
            self.live[result] = tuple.__new__(Owned, (asked, call.number, thread, caller, ns))
            if self.bytes > self.peak:
                self.peak, self.peak_at, self.peak_blocks = self.bytes, call.number, len(self.live)
        return gone
