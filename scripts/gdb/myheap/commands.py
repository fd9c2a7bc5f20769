"""The commands. Each prints what the heap is now, and changes nothing."""
import errno
import re

import gdb

from . import ghost, pictures, program, source
from .heap import Heap, changes, now
from .program import Unreadable
from .screen import hexdump, paint, plural, preview, refresh, say
from .trace import Trace
from .until import Until

LIMIT = 100 # rows shown, when no other number was asked for
TEXT = 24   # bytes of a payload
NEVER = 1 << 64

trace = Trace()
until = Until()
labels = {}


class Command(gdb.Command):
    """Base of the commands; what goes wrong is told in a sentence."""

    name = ""

    def __init__(self):
        super().__init__(("myheap " + self.name).strip(), gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION,
                         not self.name)

    def invoke(self, text, from_tty):
        self.dont_repeat()
        refresh()
        try:
            self.run(text.strip())
        except Unreadable as error:
            raise gdb.GdbError("There is no memory at %#x." % error.args) from None
        except gdb.error as error:
            raise gdb.GdbError(str(error)) from None


def place(address, heap, width=10):
    name = heap.name(address)
    return " " * (width - len(name)) + paint(name, "address")


def state(block):
    return paint(block.state, "filename") if block.state != "used" else block.state


class MyHeap(Command):
    """The heap of the malloc that this program runs on: a stage's, or your own.

myheap alone says which library it is, where its memory lies, and sums it up. Places are told as +N, in bytes
from the heap's start, so they stay the same from run to run; you can type them too: myheap header +520.
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
        heap = now()
        say("%s, %s invariants, in %s", heap.stage, heap.invariants or "no", heap.object_file)
        for area in heap.areas:
            say("%s: %s to +%d, %s", area.name, heap.name(area.start), area.end - heap.start,
                "from %s" % paint("%#x" % area.start, "address"))
        if "blocks" in heap.tells:
            say(heap.totals())
        broken = {fault.invariant for fault in heap.faults if not fault.unchecked}
        if broken:
            say("! Broken: invariant %s. Type: myheap check", ", ".join(map(str, sorted(broken))))
        for function, sentence in heap.trouble.items():
            say("! %s: %s", function, sentence)


class List(Command):
    """The chunks, by address: where each begins, how many bytes its payload has, used or free, and its text.

myheap list [used|free|cached] [SIZE | MIN-MAX | MIN-] [first N | last N | all] [-a] [-x]

Without a number the first 100 are shown. -a: the payload's address too; -x: the bytes of the header, and of the
payload the first 16. A chunk that breaks an invariant is marked with !, the invariant's number and what is wrong.
One that no link leads to, found by its looks alone, is marked with ?.
    myheap list free 1024-       the free chunks of 1024 bytes and more
    myheap list last 3 -x        the three highest, and their bytes"""

    name = "list"

    def run(self, text):
        chosen, cut, flags = self.choose(text.split())
        heap = now().demand_blocks()
        faults = heap.faults_by_place()
        blocks = [block for block in heap.blocks if chosen(block)]
        shown = blocks[cut]
        say("%10s %10s", "offset", "size")
        for address in faults: # where no chunk lies
            block = heap.holding(address)
            if block is None or block.start != address:
                say("%s%s", place(address, heap), self.marks(faults[address], " " * 19))
        last, lines, pages = None, [], program.Pages()
        for block in shown:
            self.gap(heap, last, block, lines)
            self.row(heap, block, faults.get(block.start), flags, pages, lines)
            last = block
        if last is not None and last is heap.blocks[-1]:
            self.gap(heap, last, None, lines)
        if lines:
            say("%s", "\n".join(lines))
        if len(shown) < len(blocks):
            say("%10s and %s more%s", "...", "{:,}".format(len(blocks) - len(shown)),
                ": myheap list all" if cut.stop == LIMIT else "")
        if len(blocks) < len(heap.blocks):
            say("%d of these, %d bytes, of:", len(blocks), sum(block.size for block in blocks))
        say(heap.totals())

    def choose(self, words):
        """What the words ask for: (which blocks, a slice of them, the flags)."""
        tests, cut, flags = [], slice(LIMIT), set()
        while words:
            word = words.pop(0)
            size = re.fullmatch(r"(\d+)(-?)(\d*)", word)
            if word in ("used", "free", "cached"):
                tests.append(lambda block, w=word: block.state == w)
            elif word in ("-x", "-a"):
                flags.add(word)
            elif word == "all":
                cut = slice(None)
            elif word in ("first", "last") and words and words[0].isdigit():
                count = int(words.pop(0))
                cut = slice(count) if word == "first" else slice(-count if count else NEVER, None)
            elif size:
                low = int(size[1])
                high = int(size[3]) if size[3] else low if not size[2] else NEVER
                tests.append(lambda block, a=low, b=high: a <= block.size <= b)
            else:
                raise gdb.GdbError("What is %s? See: help myheap list" % word)
        return lambda block: all(test(block) for test in tests), cut, flags

    def marks(self, sentences, before=""):
        return before + "".join("  " + paint("! " + text, "highlight") for text in sentences) if sentences else ""

    def row(self, heap, block, faults, flags, pages, lines):
        words = "%s %10d  %s" % (place(block.start, heap), block.size, state(block) + " " * (6 - len(block.state)))
        if "-a" in flags:
            words += "  %s" % paint("%#x" % block.payload, "address")
        words += "  " + preview(pages.read(block.payload, min(block.size, TEXT)))
        if block.guessed:
            words = words.rstrip() + "  ? no link leads here"
        lines.append(words.rstrip() + self.marks(faults))
        if "-x" in flags:
            for start, size in (block.start, block.overhead), (block.payload, min(block.size, 16)):
                data = pages.read(start, size)
                for at in range(0, len(data), 16):
                    lines.append("%23s %s" % ("" if at or start != block.payload else "payload",
                                              hexdump(data[at:at + 16])))

    def gap(self, heap, last, block, lines):
        """A line for what lies between two neighbours, or behind the last, and is no chunk."""
        area = heap.area_of(last.start) if last else None
        i = heap.position(last) if last else 0
        if area and (block is None or block is heap.blocks[i + 1] and block.start < area.end):
            end = heap.limits[i]
            size = (block.start if block else area.end) - end
            if size > 0:
                lines.append("%s %10d  %s" % (place(end, heap), size, paint("no " + heap.noun, "metadata")))


class FreeList(Command):
    """The lists that malloc searches, each by its name, and the free chunks on it in LINK order: as malloc meets them.

myheap freelist [N | all]      of each list the first N; else 100

The stages 4 to 7 keep one list, of used and free chunks alike, in address order: the free list is what is left
of it when you pass over the used ones. In other allocators link order and address order differ."""

    name = "freelist"

    def run(self, text):
        if text not in ("", "all") and not text.isdigit():
            raise gdb.GdbError("myheap freelist, myheap freelist N, or myheap freelist all?")
        most = NEVER if text == "all" else int(text or LIMIT)
        heap = now()
        if "lists" in heap.trouble:
            say("! lists: %s", heap.trouble["lists"])
        if "lists" not in heap.tells:
            free = sum(block.state == "free" for block in heap.demand_blocks().blocks)
            say("%s tells of no list that malloc searches. %s free; see: myheap list free", heap.stage,
                plural(free, heap.noun) + (" is" if free == 1 else " are"))
        for name, blocks in heap.lists:
            self.show(heap, name, blocks, most)
        if "lists" in heap.tells and not any(blocks for _, blocks in heap.lists):
            say("Nothing is on any list.")

    def show(self, heap, name, blocks, most):
        free = [(steps, block) for steps, block in enumerate(blocks) if block.state != "used"]
        say("%s: %d free of %s", name, len(free), plural(len(blocks), heap.noun))
        for i, (steps, block) in enumerate(free[:most], 1):
            say("%4d. %s %10d bytes, after %s", i, place(block.start, heap), block.size, plural(steps, "step"))
        if len(free) > most:
            say("      and %s more: myheap freelist all", "{:,}".format(len(free) - most))
        if free:
            say("%s, %d bytes, the largest %d.", plural(len(free), "free " + heap.noun),
                sum(block.size for _, block in free), max(block.size for _, block in free))


def drawing(text):
    """What bar and map share: (heap, glyphs, the number that was typed or 0)."""
    words = text.split()
    strange = [word for word in words if word != "-a" and not word.isdigit()]
    if strange:
        raise gdb.GdbError("What is %s? A number, or -a for ASCII only." % strange[0])
    heap = now().demand_blocks()
    if not heap.areas:
        raise gdb.GdbError("The heap is empty.")
    return heap, pictures.glyphs("-a" in words), int(next((word for word in words if word != "-a"), 0))


class Bar(Command):
    """The heap in one line, to scale; a line for each of its regions.

myheap bar [WIDTH] [-a]      WIDTH cells, 64 if not said; -a: ASCII only

A cell that has used and free bytes is shaded by how much of it is used: no hole is hidden."""

    name = "bar"

    def run(self, text):
        heap, marks, width = drawing(text)
        size = max(area.end - area.start for area in heap.areas) / (width or 64)
        for area in heap.areas:
            say("%s %s +%d", heap.name(area.start), pictures.draw(pictures.cells(heap, area, size), marks),
                area.end - heap.start)
        say("%s", pictures.legend(heap, marks, size))


class Map(Command):
    """The heap as rows of cells, each row with its place.

myheap map [BYTES] [-a]      BYTES a cell, a multiple of 16; else so that 32 rows suffice; -a: ASCII only

A cell that has used and free bytes is shaded by how much of it is used: no hole is hidden."""

    name = "map"

    def run(self, text):
        heap, marks, size = drawing(text)
        if size % 16:
            raise gdb.GdbError("A cell is a multiple of 16 bytes.")
        whole = sum(area.end - area.start for area in heap.areas)
        if not size:
            size = 16
            while whole > size * 64 * 32:
                size *= 2
        if whole > size << 20:
            raise gdb.GdbError("That would be %d cells." % (whole // size))
        for area in heap.areas:
            row = pictures.cells(heap, area, size)
            for at in range(0, len(row), 64):
                say("%s %s", place(area.start + at * size, heap), pictures.draw(row[at:at + 64], marks))
        say("%s", pictures.legend(heap, marks, size))


class Which(Command):
    """Which chunk holds this address? Any address will do: in a payload, in a header, between chunks.

myheap which ADDRESS         an expression, or +N"""

    name = "which"

    def run(self, text):
        heap = now().demand_blocks()
        address = heap.address(text)
        block, area = heap.holding(address), heap.area_of(address)
        if block and address >= block.payload:
            say("%s is byte %d of the payload of the %s at %s: %d bytes, %s.", heap.name(address),
                address - block.payload, heap.noun, heap.name(block.start), block.size, block.state)
        elif block:
            say("%s is in the header of the chunk at %s: %s. The chunk has %d bytes and is %s.", heap.name(address),
                heap.name(block.start), self.member(heap, address - block.start), block.size, block.state)
        elif area:
            self.between(heap, address, area)
        else:
            where = program.object_file_of(address) or next(
                (name for low, high, _, name in program.mappings() if low <= address < high and name), "")
            say("%s is not in the heap%s.", heap.name(address), where and ", but in " + where)

    def member(self, heap, at):
        kind = source.header_type(heap)
        for start, size, field in source.fields(kind) if kind else ():
            if start <= at < start + size:
                return "byte %d of %s" % (at - start, field.name) if field else "padding"
        return "byte %d" % at

    def between(self, heap, address, area):
        before = [i for i, start in enumerate(heap.starts) if area.start <= start <= address]
        low = heap.limits[before[-1]] if before else area.start
        high = min((start for start in heap.starts if address < start < area.end), default=area.end)
        say("%s is in no %s: it lies in %d bytes between %s and %s.", heap.name(address), heap.noun, high - low,
            "the end of the %s at %s" % (heap.noun, heap.name(heap.starts[before[-1]])) if before
            else "the region's start", "the region's end" if high == area.end else heap.name(high))


class Header(Command):
    """The header of a chunk, field by field, beside its bytes.

myheap header ADDRESS        of the header, or of anything in the chunk; an expression, or +N

The fields come from the library's debug symbols; without them the bytes are shown. Where no chunk is known, the
bytes are read as if a header began there."""

    name = "header"

    def run(self, text):
        heap = now()
        address = heap.address(text)
        block, kind = heap.holding(address), source.header_type(heap)
        if block and not block.overhead:
            raise gdb.GdbError("%s keeps no header before a payload." % heap.stage)
        start = block.start if block else address
        size = block.overhead if block else kind.sizeof if kind else 0
        if not size:
            raise gdb.GdbError("No chunk is known to be at %s." % heap.name(address))
        data = program.read(start, size)
        if block or program.object_file_of(start) == heap.object_file:
            say("Header of %s, %d bytes:", heap.name(start), size)
        else:
            say("No chunk is known to be at %s. Read as a header, the %d bytes there are:", heap.name(start), size)
        if kind and kind.sizeof <= size:
            self.show_fields(heap, kind, data)
        else:
            for at in range(0, size, 16):
                say("%6s  %s", "+%d" % at, hexdump(data[at:at + 16]))
        for sentence in heap.faults_by_place().get(start, ()):
            say("%s", paint("! " + sentence, "highlight"))

    def show_fields(self, heap, kind, data):
        value = gdb.Value(data[:kind.sizeof], kind)
        rows = source.fields(kind)
        width = max([len(field.name) for _, _, field in rows if field], default=0)
        for at, size, field in rows:
            for piece in range(at, at + size, 8):
                first = piece == at
                say("%6s  %-*s  %-24s%s", "+%d" % piece, width, field.name if field and first else "",
                    hexdump(data[piece:min(piece + 8, at + size)]),
                    "" if not first else "  " + source.meaning(value[field], heap) if field else "  padding")


class Check(Command):
    """Every numbered invariant of the library: does it hold, and if not, where is it broken?

The library's own check is asked. The words beside the numbers are those of the comment at the head of its source.
"not checked" says from where on nothing can be told."""

    name = "check"
    most = 5

    def run(self, text):
        heap = now()
        if "check" not in heap.tells:
            raise gdb.GdbError("%s describes no check of itself." % heap.stage)
        texts = source.invariants(heap)
        numbers = set(range(1, heap.invariants + 1)) | {fault.invariant for fault in heap.faults}
        bad = sum(self.show(heap, number, texts.get(number, "")) for number in sorted(numbers))
        if "check" in heap.trouble:
            say("! The check itself did not end: %s", heap.trouble["check"])
        if not bad and "check" not in heap.trouble:
            unsure = sum(fault.unchecked for fault in heap.faults)
            say("%s: %s", plural(len(heap.blocks), heap.noun),
                "sound." if not unsure else "nothing broken, as far as it can be checked.")
            return
        say("%s: %d of %s broken.", plural(len(heap.blocks), heap.noun), bad, plural(len(numbers), "invariant"))
        if not program.is_core() and not program.deadly_signal() and program.stands_inside(heap.object_file):
            say("The program stands inside %s: a change half done is no damage. Type: finish", heap.stage)

    def show(self, heap, number, text):
        faults = [fault for fault in heap.faults if fault.invariant == number]
        broken = [fault for fault in faults if not fault.unchecked]
        word = "BROKEN" if broken else "not checked" if faults else "holds"
        say("%s", ("%d. %s  %s" % (number, paint(word, "highlight") + " " * (6 - len(word)) if faults else "holds ",
                                   text)).rstrip())
        for group in broken, [fault for fault in faults if fault.unchecked]:
            for fault in group[:self.most]:
                say("           at %s: %s%s", heap.name(fault.where), ghost.fault_text(fault, heap.name),
                    " (not checked from here)" if fault.unchecked else "")
            if len(group) > self.most:
                say("           and in %s more places", "{:,}".format(len(group) - self.most))
        return bool(broken)


class Would(Command):
    """What would happen if the program made this call now? Nothing is changed.

myheap would free(p)
myheap would realloc(p, 100)
myheap would malloc(100)

The library's own code is run, on a copy of the program's memory: so it is what will happen, bugs and all, on a
stage and on your own library. Shown are the result, the system calls, and what the heap would be then; and
how it would end, if it crashed or ran without end. p is an expression, or +N: the address of a payload."""

    name = "would"

    def run(self, text):
        call = re.fullmatch(r"(\w+)\s*\((.*)\)|(\w+)\s+(.*)", text, re.S)
        if not call:
            raise gdb.GdbError("Which call? For example: myheap would free(p)")
        heap = now()
        function, values = call[1] or call[3], split_arguments(call[2] or call[4] or "")
        wanted = {"malloc": 1, "free": 1, "calloc": 2, "realloc": 2}.get(function, len(values))
        if len(values) != wanted or not all(values):
            raise gdb.GdbError("%s takes %s." % (function, plural(wanted, "argument")))
        numbers = [heap.address(value) for value in values]
        try:
            outcome = ghost.call(function, *numbers)
        except ghost.GhostError as error:
            raise gdb.GdbError(str(error)) from None
        after = Heap(outcome.after) if outcome.after else None
        shown = list(map(str, numbers))
        if function in ("free", "realloc"):
            shown[0] = heap.name(numbers[0])
        self.tell("%s(%s)" % (function, ", ".join(shown)), function, outcome, after or heap)
        if after:
            self.compare(heap, after)

    def tell(self, words, function, outcome, heap):
        if outcome.ended:
            say("%s would not return: %s", words, outcome.ended)
        elif function == "free":
            say("%s returns.", words)
        else:
            say("%s = %s", words, heap.name(outcome.result))
        before, after = outcome.errno
        if not outcome.ended and before != after:
            say("errno becomes %s.", errno.errorcode.get(after, after))
        for name, *values in outcome.system:
            refused = [value for value in values if isinstance(value, str)]
            values = ["%+d" % values[0]] if name == "brk" else [str(value) for value in values if value not in refused]
            say("System call: %s(%s)%s", name, ", ".join(values), ": refused, " + refused[0] if refused else "")

    def compare(self, heap, after):
        lines = list(changes(heap if heap.start is not None else after, heap.rows(), after.rows()))
        say("%s", "Afterwards:" if lines else "Afterwards every %s is as it is now." % heap.noun)
        for line in lines:
            say("%s", line)
        known = {(fault.invariant, fault.where) for fault in heap.faults}
        for fault in after.faults:
            if not fault.unchecked and (fault.invariant, fault.where) not in known:
                say("%s", paint("! Broken then: %d. at %s: %s" % (fault.invariant, after.name(fault.where),
                                                                  ghost.fault_text(fault, after.name)), "highlight"))


def split_arguments(text):
    """At the commas that stand in no parentheses or brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts] if text.strip() else []


class Label(Command):
    """Remembers the heap as it is now, under a name, for myheap compare.

myheap label [NAME]"""

    name = "label"

    def run(self, text):
        heap = now().demand_blocks()
        labels[text or "last"] = heap.rows(), heap.program_break
        say("%s: %s", text or "last", heap.totals())


class Compare(Command):
    """What has changed in the heap since myheap label?

myheap compare [NAME]"""

    name = "compare"

    def run(self, text):
        name = text or "last"
        if name not in labels:
            raise gdb.GdbError("There is no label %s. Set one with: myheap label %s" % (name, text))
        heap = now().demand_blocks()
        before, old_break = labels[name]
        lines = list(changes(heap, before, heap.rows()))
        for line in lines:
            say("%s", line)
        if not lines:
            say("No %s has changed since %s.", heap.noun, name)
        if heap.program_break != old_break:
            say("The break moved by %+d bytes.", heap.program_break - old_break)


class TraceCommand(Command):
    """A line a call of malloc, free, calloc and realloc, as the program runs on.

myheap trace on           from now on; before `run`: from the first call
myheap trace on quiet     the same without the lines
myheap trace on stop      and stop at a double free, and when a block was written to after it was given back
myheap trace summary      the sums so far; they are also printed when the program ends
myheap trace off          no more; what was seen is kept for the summary and for myheap who

A call made inside another one is shown indented below it; a double free is marked with !. Each call stops the
program for a moment: some thousand calls a second."""

    name = "trace"

    def run(self, text):
        words = text.split()
        if words[:1] == ["on"] and set(words[1:]) <= {"quiet", "stop"}:
            if not trace.on("quiet" in words, "stop" in words):
                say("The trace begins when the library is loaded.")
        elif text == "off":
            trace.off()
        elif text == "summary":
            for line in trace.summary():
                say("%s", line)
        else:
            raise gdb.GdbError("myheap trace on, on quiet, on stop, summary or off?")


class Who(Command):
    """Who allocated this block, and who gave it back? The calls come from myheap trace.

myheap who ADDRESS        anywhere in the block; an expression, or +N
myheap who [N | all]      the live blocks by caller, those with the most bytes first; N callers, else 20

It answers after the program has ended, too. What lies in a library of the system is named by the library alone."""

    name = "who"

    def run(self, text):
        if not text or text == "all" or text.isdigit() and int(text) < 4096:
            lines = trace.callers(NEVER if text == "all" else int(text or 20))
        else:
            lines = trace.who(text)
        for line in lines:
            say("%s", line)


class UntilBroken(Command):
    """Run on, and stop at the first call after which an invariant of the heap does not hold.

myheap until-broken        then run, or continue

The check is asked before and after each call of the malloc family: so it's also told when not a call broke the
heap, but the program between two calls. Shown are the call, who made it, each broken invariant with its place,
and the row of chunks before and after. Each call stops the program for some milliseconds. While another thread
stands inside a call the heap can't be asked.
    debug --until-broken CMD begins with it"""

    name = "until-broken"

    def run(self, text):
        if text:
            raise gdb.GdbError("myheap until-broken takes nothing.")
        if not until.on():
            say("It begins when the library is loaded.")


class ChunkFunction(gdb.Function):
    """$chunk(ADDRESS): the chunk there, as a pointer to its header.

ADDRESS is a pointer into the chunk, or a small number: the bytes from the heap's start.
    print *$chunk(520)
    watch -location $chunk(p)->size"""

    def __init__(self):
        super().__init__("chunk")

    def invoke(self, value):
        heap = now().demand_blocks()
        if not heap.areas:
            raise gdb.GdbError("The heap is empty: there is no chunk yet.")
        address = int(value) & (1 << 8 * program.pointer_size()) - 1
        if address < max(area.end for area in heap.areas) - heap.start:
            address += heap.start
        block = heap.holding(address)
        if block is None:
            raise gdb.GdbError("No chunk is known to be at %s." % heap.name(address))
        kind = source.header_type(heap) or gdb.selected_inferior().architecture().integer_type(8)
        return gdb.Value(block.start).cast(kind.pointer())


def register():
    for command in (MyHeap, List, FreeList, Bar, Map, Which, Header, Check, Would, Label, Compare,
                    TraceCommand, Who, UntilBroken):
        command()
    ChunkFunction()
