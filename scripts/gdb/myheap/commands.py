"""The commands. Each reads the heap anew, prints, and changes nothing."""
import re

import gdb

from . import invariants, pictures, program, stages
from .heap import ALIGNMENT, FIELDS, Chunk, Heap, Inspect
from .program import Unreadable
from .trace import Trace
from .would import Model

trace = Trace()
labels = {}


def say(text="", *values):
    gdb.write((text % values if values else text) + "\n")


def plural(count, noun):
    return "%d %s%s" % (count, noun, "" if count == 1 else "s")


def faults_by_chunk(heap):
    places = {}
    for number, _, found in invariants.check(heap):
        for address, text in found or ():
            places.setdefault(address, []).append("%d: %s" % (number, text))
    return places


def totals(heap):
    used, free = heap.totals()
    return "%s: %d used (%d bytes), %d free (%d bytes); %d bytes of headers." % (
        plural(len(heap.chunks), "chunk"), len(used), sum(c.size for c in used),
        len(free), sum(c.size for c in free), len(heap.chunks) * heap.inspect.header)


def hexdump(data):
    return " ".join("%02x" % byte for byte in data)


def inside_malloc(library):
    """Does the program stand in the middle of a call, with a change half done?"""
    frame = gdb.newest_frame() if program.is_running() else None
    for _ in range(8):
        if frame is None:
            return False
        if program.object_file_of(frame.pc()) == library:
            return True
        frame = frame.older()
    return False


class Command(gdb.Command):
    """Base of the commands; what goes wrong is told in a sentence."""

    name = ""

    def __init__(self):
        super().__init__(("myheap " + self.name).strip(), gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION,
                         not self.name)

    def invoke(self, text, from_tty):
        self.dont_repeat()
        try:
            self.run(text.strip())
        except Unreadable as error:
            raise gdb.GdbError("There is no memory at %#x." % error.args) from None


class MyHeap(Command):
    """The heap of the malloc that this program runs on: the stage's, or your own.

myheap alone says which library it is and sums its chunks up. Places are told as +N, in bytes from the
heap's start, so they stay the same from run to run; you can type them too: myheap header +520.
Nothing here calls a function of the program: it works on a core file too, and on a damaged heap.

A first session:
    break 06-merge/malloc.c:malloc
    run
    finish
    myheap list
    myheap check"""

    def run(self, text):
        if text:
            raise gdb.GdbError("There is no command myheap %s. Type: help myheap" % text.split()[0])
        inspect = Inspect()
        say("%s, %s invariants, in %s", inspect.stage, inspect.invariants or "no", inspect.object_file)
        heap = Heap(inspect)
        say(totals(heap))
        if heap.broken:
            say("The list is broken at %s: %s.", heap.name(heap.broken[0].address), heap.broken[1])


class List(Command):
    """The chunks, in list order: where the header is, how many bytes the payload has, used or free.

myheap list [used|free] [SIZE | MIN-MAX | MIN-] [first N | last N] [-x]

-x shows each header's bytes. A chunk that breaks an invariant is marked with !, the invariant's number and what
is wrong. A list that is broken is read from both of its ends.
    myheap list free 1024-       the free chunks of 1024 bytes and more
    myheap list last 3 -x        the three that were added last, and their headers"""

    name = "list"

    def run(self, text):
        chosen, raw, cut = lambda chunk: True, False, slice(None)
        words = text.split()
        while words:
            word, before = words.pop(0), chosen
            size = re.fullmatch(r"(\d+)(-?)(\d*)", word)
            if word in ("used", "free"):
                chosen = lambda chunk, f=before, w=word: f(chunk) and chunk.state == w
            elif word == "-x":
                raw = True
            elif word in ("first", "last") and words and words[0].isdigit():
                count = int(words.pop(0))
                cut = slice(count) if word == "first" else slice(-count if count else 10 ** 9, None)
            elif size:
                low = int(size[1])
                high = int(size[3]) if size[3] else low if not size[2] else 1 << 64
                chosen = lambda chunk, f=before, a=low, b=high: f(chunk) and a <= chunk.size <= b
            else:
                raise gdb.GdbError("What is %s? See: help myheap list" % word)
        heap = Heap()
        faults = faults_by_chunk(heap)
        shown = [chunk for chunk in heap.chunks if chosen(chunk)][cut]
        say("%10s %10s", "offset", "size")
        for fault in faults.get(heap.base.address, ()):
            say("%10s %10s        ! %s", "base", "", fault)
        other_end = heap.chunks[len(heap.chunks) - heap.behind] if heap.behind else None
        last = None
        for chunk in shown:
            if chunk is other_end:
                say("%10s next is broken; from here on found by prev, from the list's end", "...")
            elif last and last.next == chunk.address and chunk.address > last.end:
                say("%10s %10d  not ours", "+%d" % (last.end - heap.start), chunk.address - last.end)
            marks = faults.get(chunk.address, [])
            say("%10s %10d  %s%s", heap.name(chunk.address), chunk.size, chunk.state,
                "".join("  ! " + mark for mark in marks))
            if raw:
                for at in range(0, len(chunk.bytes), 16):
                    say("%24s%s", "", hexdump(chunk.bytes[at:at + 16]))
            last = chunk
        if len(shown) < len(heap.chunks):
            say("%d shown, %d bytes, of:", len(shown), sum(chunk.size for chunk in shown))
        say(totals(heap))


class FreeList(Command):
    """The free chunks in LIST order: the order in which malloc meets them.

The stages 3 to 6 keep one list, of used and free chunks alike, in address order: the free list is what
is left of it when you pass over the used ones. So here list order is address order; in other allocators
the two differ. First fit takes the first one that is large enough."""

    name = "freelist"

    def run(self, text):
        heap = Heap()
        free = heap.totals()[1]
        if not free:
            say("No chunk is free.")
            return
        for i, chunk in enumerate(free, 1):
            passed = heap.chunks.index(chunk)
            say("%4d. %10s %10d bytes, after %s", i, heap.name(chunk.address), chunk.size,
                plural(passed, "step") + " of the list")
        say("%s, %d bytes, the largest %d.", plural(len(free), "free chunk"),
            sum(chunk.size for chunk in free), max(chunk.size for chunk in free))
        promises = stages.promises(heap.inspect.stage)
        if promises is not None and "reuse" not in promises:
            say("%s never uses them again.", heap.inspect.stage)


class Bar(Command):
    """The heap in one line, to scale.

myheap bar [WIDTH] [-a]      WIDTH cells, 64 if not said; -a: ASCII only"""

    name = "bar"

    def run(self, text):
        marks = pictures.glyphs("-a" in text.split())
        width = int(next((word for word in text.split() if word.isdigit()), 64)) or 64
        heap = Heap()
        whole = heap.high - heap.start if heap.chunks else 0
        if not whole:
            say("The heap is empty.")
            return
        say("+0 %s +%d", pictures.draw(pictures.cells(heap, width, whole / width), marks), whole)
        say(pictures.legend(marks, whole / width))


class Map(Command):
    """The heap as rows of cells, each row with its offset.

myheap map [BYTES] [-a]      BYTES a cell, a multiple of 16; else so that 32 rows suffice; -a: ASCII only"""

    name = "map"

    def run(self, text):
        marks = pictures.glyphs("-a" in text.split())
        heap = Heap()
        whole = heap.high - heap.start if heap.chunks else 0
        if not whole:
            say("The heap is empty.")
            return
        size = int(next((word for word in text.split() if word.isdigit()), 0))
        if size % ALIGNMENT:
            raise gdb.GdbError("A cell is a multiple of %d bytes." % ALIGNMENT)
        if not size:
            size = ALIGNMENT
            while whole > size * 64 * 32:
                size *= 2
        row = pictures.cells(heap, -(-whole // size), size)
        for at in range(0, len(row), 64):
            say("%10s %s", "+%d" % (at * size), pictures.draw(row[at:at + 64], marks))
        say(pictures.legend(marks, size))


class Which(Command):
    """Which chunk holds this address? Any address will do: in a payload, in a header, between chunks.

myheap which ADDRESS         an expression, or +N"""

    name = "which"

    def run(self, text):
        heap = Heap()
        address = heap.address(text)
        chunk = heap.holding(address)
        if heap.base.address <= address < heap.base.payload:
            say("%s lies in base, the sentinel of the list.", heap.name(address))
        elif chunk and address >= chunk.payload:
            say("%s is byte %d of the payload of the chunk at %s: %d bytes, %s.", heap.name(address),
                address - chunk.payload, heap.name(chunk.address), chunk.size, chunk.state)
        elif chunk:
            at = address - chunk.address
            word = heap.inspect.word
            field = next(("byte %d of %s" % (at - place, name) for name, place in heap.inspect.layout.items()
                          if place <= at < place + (1 if name == "free" else word)), "padding")
            say("%s is in the header of the chunk at %s: %s. The chunk has %d bytes and is %s.",
                heap.name(address), heap.name(chunk.address), field, chunk.size, chunk.state)
        elif not heap.start <= address < heap.high:
            where = program.object_file_of(address) or next(
                (name for low, high, name in program.mappings() if low <= address < high and name), "")
            say("%s is not in the heap%s.", heap.name(address), where and ", but in " + where)
        else:
            before = [chunk for chunk in heap.chunks if chunk.address <= address]
            after = [chunk for chunk in heap.chunks if chunk.address > address]
            low = before[-1].end if before else heap.start
            high = after[0].address if after else heap.high
            say("%s is in no chunk. It lies in %d bytes between %s and %s: %s.", heap.name(address), high - low,
                "the end of %s" % heap.name(before[-1].address) if before else "the heap's start",
                heap.name(high) if after else "the break",
                "padding" if high - low < ALIGNMENT else
                "lost with the broken link" if heap.broken else "somebody else moved the break")


class Header(Command):
    """The header of a chunk, field by field, beside its bytes.

myheap header ADDRESS        of the header, or of anything in the chunk; an expression, or +N

Where no chunk is known, the bytes are read as if a header began there."""

    name = "header"

    def run(self, text):
        heap = Heap()
        address = heap.address(text)
        chunk = heap.base if address == heap.base.address else heap.holding(address)
        if chunk:
            say("Header of %s, %d bytes:", heap.name(chunk.address), heap.inspect.header)
        else:
            chunk = Chunk(heap.inspect, address)
            say("The list leads to no chunk here. Read as a header, the %d bytes at %s are:",
                heap.inspect.header, heap.name(address))
        faults = [] if chunk is heap.base else faults_by_chunk(heap).get(chunk.address, [])
        ends = sorted(heap.inspect.layout.values()) + [heap.inspect.header]
        for name in sorted(FIELDS, key=heap.inspect.layout.get):
            at = heap.inspect.layout[name]
            until = ends[ends.index(at) + 1]
            width = 1 if name == "free" else heap.inspect.word
            value = getattr(chunk, name)
            if name == "free":
                meaning = {0: "0, used", 1: "1, free"}.get(value, "%d, neither 0 nor 1" % value)
            elif name == "size":
                meaning = "%d bytes" % value
            else:
                meaning = heap.name(value)
                if name == "data" and chunk is not heap.base:
                    meaning += ", right behind the header" if value == chunk.payload else (
                        ", but the payload begins at %s" % heap.name(chunk.payload))
            say("%6s  %-5s %-24s  %s", "+%d" % at, name, hexdump(chunk.bytes[at:at + width]), meaning)
            if until > at + width:
                say("%6s  %-5s %-24s  padding, not used", "+%d" % (at + width), "",
                    hexdump(chunk.bytes[at + width:until]))
        for fault in faults:
            say("! " + fault)


class Check(Command):
    """Every numbered invariant of the stage: does it hold, and if not, where is it broken?

The numbers and words are those of the comment at the head of the stage's malloc.c."""

    name = "check"

    def run(self, text):
        heap = Heap()
        results = invariants.check(heap)
        if not stages.source(heap.inspect.stage):
            say("%s is no stage of this repository; checked as a list of chunks.", heap.inspect.stage)
        bad = 0
        for number, words, places in results:
            state = "not checked here" if places is None else "BROKEN" if places else "holds"
            bad += bool(places)
            say("%d. %-7s %s", number, state, words)
            for address, fault in (places or [])[:5]:
                say("           at %s: %s", heap.name(address), fault)
            if places and len(places) > 5:
                say("           and in %d more places", len(places) - 5)
        more = heap.inspect.invariants - len(results)
        if more > 0:
            say("%s more, which only its own check knows.", plural(more, "invariant"))
        if heap.broken:
            say("The list can be followed for %s from base%s.",
                plural(len(heap.chunks) - heap.behind, "chunk"),
                ", and for %s back from its end" % plural(heap.behind, "chunk") if heap.behind else "")
        say("%s: %s", plural(len(heap.chunks), "chunk"),
            "%d of %s broken." % (bad, plural(len(results), "invariant")) if bad else "sound.")
        if bad and not program.is_core() and inside_malloc(heap.inspect.object_file):
            say("The program stands inside %s: a change half done is no damage. Type: finish",
                heap.inspect.stage)


def changes(heap, before, after):
    """What differs between two {address: (size, free)}."""
    def words(row):
        return "%d bytes %s" % (row[0], "free" if row[1] else "used")
    for address in sorted(set(before) | set(after)):
        old, new = before.get(address), after.get(address)
        if old != new:
            yield "%10s  %s -> %s" % ("+%d" % (address - heap.start), words(old) if old else "no chunk",
                                      words(new) if new else "no chunk")


def rows(heap):
    return {chunk.address: (chunk.size, bool(chunk.free)) for chunk in heap.chunks}


class Would(Command):
    """What would a call do now? The stage's steps, one by one, and the chunks afterwards. Nothing is changed.

myheap would free(p)
myheap would realloc(p, 100)
myheap would malloc(100)

p is an expression, or +N: the address of a payload, as the program has it."""

    name = "would"

    def run(self, text):
        call = re.fullmatch(r"(malloc|calloc|free|realloc)\s*\((.*)\)|(malloc|free|realloc)\s+(.*)", text)
        if not call:
            raise gdb.GdbError("Which call? For example: myheap would free(p)")
        name = call[1] or call[3]
        arguments = [part.strip() for part in (call[2] or call[4] or "").rsplit(",", 1)]
        wanted = 2 if name in ("realloc", "calloc") else 1
        if len(arguments) != wanted or not all(arguments):
            raise gdb.GdbError("%s takes %s." % (name, plural(wanted, "argument")))
        heap = Heap()
        if stages.promises(heap.inspect.stage) is None:
            raise gdb.GdbError("%s is no stage of this repository: what its %s does, only its source knows."
                               % (heap.inspect.stage, name))
        model = Model(heap)
        if name in ("free", "realloc"):
            arguments[0] = heap.address(arguments[0])
            sizes = arguments[1:]
        else:
            sizes = arguments
        numbers = [program.evaluate(size) for size in sizes]
        if any(faults for _, _, faults in invariants.check(heap)):
            say("The heap is damaged (myheap check): this is so if the call meets none of the damage.")
        if name == "malloc":
            model.malloc(*numbers)
        elif name == "calloc":
            model.malloc(numbers[0] * numbers[1])
        elif name == "free":
            model.free(arguments[0])
        else:
            model.realloc(arguments[0], *numbers)
        for number, step in enumerate(model.steps, 1):
            say("%4d. %s", number, step)
        after = list(changes(heap, rows(heap), model.rows()))
        say("Afterwards:" if after else "Afterwards every chunk is as it is now.")
        for line in after:
            say(line)


class Label(Command):
    """Remembers the heap as it is now, under a name, for myheap compare.

myheap label [NAME]"""

    name = "label"

    def run(self, text):
        heap = Heap()
        labels[text or "last"] = rows(heap), heap.high
        say("%s: %s", text or "last", totals(heap))


class Compare(Command):
    """What has changed in the heap since myheap label?

myheap compare [NAME]"""

    name = "compare"

    def run(self, text):
        name = text or "last"
        if name not in labels:
            raise gdb.GdbError("There is no label %s. Set one with: myheap label %s" % (name, text))
        heap = Heap()
        before, top = labels[name]
        lines = list(changes(heap, before, rows(heap)))
        for line in lines:
            say(line)
        if not lines:
            say("No chunk has changed since %s.", name)
        if heap.high != top:
            say("The break moved by %+d bytes.", heap.high - top)


class TraceCommand(Command):
    """A line a call of malloc, free, calloc and realloc, as the program runs on.

myheap trace on           from now on; before `run`: from the first call
myheap trace on quiet     the same without the lines
myheap trace summary      the sums so far; they are also printed when the program ends
myheap trace off          no more; what was seen is kept for the summary and for myheap who

A call made inside another one is shown indented below it. Each call stops the program for a moment:
about a thousand calls a second."""

    name = "trace"

    def run(self, text):
        if text in ("on", "on quiet"):
            if not trace.on(text == "on quiet"):
                say("The trace begins when the library is loaded.")
        elif text == "off":
            trace.off()
        elif text == "summary":
            for line in trace.summary():
                say(line)
        else:
            raise gdb.GdbError("myheap trace on, on quiet, summary or off?")


class Who(Command):
    """Who allocated this block, and who gave it back? The calls come from myheap trace.

myheap who ADDRESS        anywhere in the block; an expression, or +N

What lies in a library of the system is named by the library alone."""

    name = "who"

    def run(self, text):
        inspect = Inspect()
        if inspect.layout:
            heap = Heap(inspect)
            address = heap.address(text)
            chunk = heap.holding(address)
            block = chunk.payload if chunk else address
        else:
            block = program.evaluate(text)
        lines = trace.who(block)
        if lines is None:
            raise gdb.GdbError("The trace knows nothing of that block. Start one before it is allocated: "
                               "myheap trace on")
        for line in lines:
            say(line)


class ChunkFunction(gdb.Function):
    """$chunk(ADDRESS): the chunk there, as a struct chunk *.

ADDRESS is a pointer into the chunk, or a small number: the bytes from the heap's start.
    print *$chunk(520)
    watch -location $chunk(p)->size"""

    def __init__(self):
        super().__init__("chunk")

    def invoke(self, value):
        heap = Heap()
        address = int(value) & heap.mask
        if address < heap.high - heap.start:
            address += heap.start
        chunk = heap.holding(address)
        try:
            pointer = gdb.lookup_type("struct chunk").pointer()
        except gdb.error:
            pointer = gdb.lookup_type("void").pointer()
        return gdb.Value(chunk.address if chunk else address).cast(pointer)


def register():
    for command in (MyHeap, List, FreeList, Bar, Map, Which, Header, Check, Would, Label, Compare,
                    TraceCommand, Who):
        command()
    ChunkFunction()
