"""Recordings as one HTML file that plays them: the parts in page/, and the data, put into page.html.

The data is columns: a row for each call (row 0: before the first), or for each change of the heap. Every
64-bit value stands once, in a sorted table; a column holds its place there. So blocks of rising addresses
have rising numbers, and the page's heap is one array beside the table.
"""
import array
import base64
import json
import os
import shlex
import zlib

from recording import (ASKS, FREES, FUNCTIONS, GIVEN_A_BLOCK, RESIZES, STATES, Call, Heap, Ledger, RecordingError,
                       fault_text)
from symbols import Symbols

KINDS = {name: kind for kind, (name, _, _) in FUNCTIONS.items()}
UNFINISHED, FAILED = 1, 2
TABLES = {"call": "kind thread caller flags ns live count first second third result asked taken",
          "look": "looks", # the frames in which the heap was asked
          "block": "block_frame block_at block_row",
          "row": "row_size row_overhead row_state", # the kinds of blocks
          "list": "list_frame list_name list_at list_removed list_added",
          "listed": "list_block"}
LARGE = ("ns", "live", "count") # as they are, in a column of their own
VALUES = ("first", "second", "third", "result", "asked", "taken", "block_at", "row_size", "row_overhead", "list_block")


class Tape:
    """What the page needs of one recording."""

    def __init__(self, recording):
        self.recording, self.ledger, self.heap = recording, Ledger(), Heap()
        self.tables = {name: array.array("Q") for name in TABLES} # row after row
        self.rows, self.names, self.callers, self.regions, self.faults = {}, {}, {0: 0}, [], []
        self.row(0, 0, 0) # row 0: no block
        try:
            self.read()
            self.packed = self.pack()
        except OverflowError:
            raise recording.bad("is damaged: it has a number beyond 64 bits") from None

    def read(self):
        recording = self.recording
        self.ledger.inherit(recording)
        self.add(Call(0, "free", 0, 0, 0, [0], None, True), None)
        if not recording.every:
            for payload, owned in self.ledger.live.items():
                self.block(0, payload, self.row(owned.asked, 0, 1))
        for item in recording.items():
            if isinstance(item, Call):
                self.call(item)
            else:
                self.inspection(item)
        if len(self.tables["call"]) == len(TABLES["call"].split()):
            raise RecordingError("%s has no call" % recording.path)

    def add(self, call, gone):
        """A row; gone: the Owned that the call gave back, or None."""
        first, second, third = (call.arguments + [0, 0])[:3]
        flags = (not call.finished) * UNFINISHED | call.failed * FAILED
        caller = self.callers.setdefault(call.caller, len(self.callers))
        self.tables["call"].extend((
            KINDS[call.function], call.thread, caller, flags, call.ns, self.ledger.bytes, len(self.ledger.live),
            first, second, third, call.result or 0, (call.asked or 0) % (1 << 64), gone.asked if gone else 0))

    def call(self, call):
        gone = self.ledger.add(call)
        self.add(call, gone)
        if self.recording.every:
            return
        given = self.ledger.live.get(call.result)
        if gone:
            self.block(call.number, call.pointer, 0)
        if given and given.call == call.number:
            self.block(call.number, call.result, self.row(given.asked, 0, 1))

    def inspection(self, told):
        frame, heap = told.after, self.heap
        heap.apply(told)
        self.tables["look"].append(frame)
        self.regions += [(frame, start, 0) for start in told.regions_gone]
        self.regions += [(frame, region.start, region.end) for region in told.regions]
        for payload in told.blocks_gone:
            self.block(frame, payload, 0)
        for block in told.blocks:
            self.block(frame, block.payload, self.row(block.size, block.overhead, 1 + STATES.index(block.state)))
        for name, at, removed, added in told.lists:
            self.tables["list"].extend((frame, self.names.setdefault(name, len(self.names)), at, removed, len(added)))
            self.tables["listed"].extend(added)
        faults = [(fault.invariant, heap.name(fault.where), fault_text(fault, heap.name)) for fault in heap.broken()]
        if faults != (self.faults[-1][2] if self.faults else []):
            self.faults.append((frame, told.before_call, faults))

    def block(self, frame, payload, row):
        self.tables["block"].extend((frame, payload, row))

    def row(self, size, overhead, state):
        """The number of a kind of block. state: 0: there is none; else 1 and its place in STATES."""
        key = size, overhead, state
        if key not in self.rows:
            self.rows[key] = len(self.rows)
            self.tables["row"].extend(key)
        return self.rows[key]

    def pack(self):
        """[[name, type, length], ...] and the columns' bytes, compressed, in base64; the widest come first."""
        columns = {name: self.tables[table][at::len(names.split())]
                   for table, names in TABLES.items() for at, name in enumerate(names.split())}
        table = sorted({0}.union(*(columns[name] for name in VALUES)))
        place = {value: at for at, value in enumerate(table)}
        packed = {"value": array.array("Q", table)}
        packed.update((name, array.array("d", columns[name])) for name in LARGE)
        packed.update((name, array.array("I", map(place.__getitem__, columns[name]) if name in VALUES else column))
                      for name, column in columns.items() if name not in LARGE)
        data = zlib.compress(b"".join(map(planes, packed.values())), 6)
        return ([(name, column.typecode, len(column)) for name, column in packed.items()],
                base64.b64encode(data).decode())

    def as_dict(self):
        recording, symbols = self.recording, Symbols(self.recording)
        symbols.load(list(self.callers))
        columns, data = self.packed
        ending = ("stopped: the heap was broken" if recording.until_broken and self.faults else
                  "ended by exit" if recording.exited else "ended without exit")
        ending += "; the recording's end is missing" if recording.stopped else ""
        return {"file": shlex.quote(recording.path), "command": " ".join(recording.command) or recording.program,
                "library": recording.stage or library_name(recording.library()), "every": recording.every,
                "ending": ending, "threads": len(recording.threads),
                "callers": [symbols.name(caller) for caller in self.callers], "lists": list(self.names),
                "regions": self.regions, "faults": self.faults, "invariants": symbols.invariants(),
                "columns": columns, "data": data}


def planes(column):
    """Its bytes, the lowest of each number first, then the next of each: like stands by like, and packs well."""
    data = column.tobytes()
    return b"".join(data[at::column.itemsize] for at in range(column.itemsize))


def library_name(path):
    """build/stage6/libmalloc.so: stage6."""
    folder, name = os.path.split(path)
    return os.path.basename(folder) if name == "libmalloc.so" else name


def functions():
    """What the page must know of each function, by its kind."""
    return {kind: {"name": name, "arguments": arguments, "gives": gives, "asks": name in ASKS | RESIZES,
                   "takes": name in FREES | RESIZES, "address": name in GIVEN_A_BLOCK,
                   "number": name in ("malloc_usable_size", "malloc_trim")}
            for kind, (name, arguments, gives) in FUNCTIONS.items()}


def part(name):
    with open(os.path.join(os.path.dirname(os.path.realpath(__file__)), "page", name), encoding="utf-8") as file:
        return file.read()


def text(recordings, at):
    """The whole page. at: the call that it opens at; None: the one that broke the heap, or the first."""
    data = {"functions": functions(), "at": at, "recordings": [Tape(recording).as_dict() for recording in recordings]}
    page = part("page.html")
    for name in ("page.css", "tape.js", "strip.js", "pane.js", "player.js"):
        page = page.replace("/* %s */" % name, part(name), 1)
    return page.replace("/* data */", json.dumps(data).replace("<", "\\u003c"), 1) # no </script> in it


def write(out, recordings, at):
    page = text(recordings, at)
    try:
        if os.path.exists(out):
            with open(out, "rb") as file:
                if file.read(8) == b"heaprec\0":
                    raise RecordingError("%s is a recording: I won't write over it" % out)
        with open(out, "w", encoding="utf-8") as file:
            file.write(page)
    except OSError as error:
        raise RecordingError("%s can't be written: %s" % (out, error.strerror)) from None
