"""A line a call, by breakpoints at the entry of the library's functions and at the places that they
return to. Registers are read as the calling convention has them, so no debug symbols are needed."""
import os

import gdb

from . import heap, program, symbols
from .screen import paint, plural

ARGUMENTS = {"malloc": 1, "free": 1, "calloc": 2, "realloc": 2}
GIVEN_A_BLOCK = ("free", "realloc", "reallocarray", "free_sized", "free_aligned_sized")
DEEPEST = 50   # calls inside calls: more is a recursion without end
FRAMES = 8     # kept of a backtrace
WATCHED = 32   # free blocks whose bytes are compared, those given back last
BYTES = 256    # of each


class Machine:
    """Where arguments, result and return address are."""

    REGISTERS = {"i386:x86-64": (("rdi", "rsi", "rdx"), "rax", "rsp"),
                 "aarch64": (("x0", "x1", "x2"), "x0", "sp"),
                 "i386": (None, "eax", "esp")}

    def __init__(self, frame):
        name = frame.architecture().name()
        if name not in self.REGISTERS:
            raise gdb.GdbError("trace knows x86-64, i386 and aarch64; this is %s." % name)
        self.arguments, self.result, self.sp = self.REGISTERS[name]
        self.pushes = name != "aarch64" # the call puts the return address on the stack
        self.word = 4 if name == "i386" else 8

    def register(self, frame, name):
        return int(frame.read_register(name)) & (1 << 8 * self.word) - 1

    def words(self, address, count):
        data = program.read(address, count * self.word)
        return [int.from_bytes(data[at:at + self.word], "little") for at in range(0, len(data), self.word)]

    def entry(self, frame, count):
        """At a function's first instruction: arguments, return address, and sp after the return."""
        sp = self.register(frame, self.sp)
        if self.arguments:
            arguments = [self.register(frame, name) for name in self.arguments[:count]]
        else:
            arguments = self.words(sp + self.word, count)
        back = self.words(sp, 1)[0] if self.pushes else self.register(frame, "x30")
        return arguments, back, sp + self.word if self.pushes else sp


class Call:
    def __init__(self, function, arguments):
        self.function, self.arguments = function, arguments
        self.result = self.number = self.fault = None
        self.frames, self.inner = [], []

    def asked(self):
        return self.arguments[-1] * (self.arguments[0] if self.function == "calloc" else 1)

    def text(self, name):
        """name turns an address into what the reader sees."""
        shown = list(map(str, self.arguments))
        if self.function in GIVEN_A_BLOCK:
            shown[0] = name(self.arguments[0])
        text = "%s(%s)" % (self.function, ", ".join(shown))
        if not self.function.startswith("free"):
            text += " = " + ("?" if self.result is None else name(self.result))
        return text

    def lines(self, name, depth=0):
        mark = "  " + paint("! " + self.fault, "highlight") if self.fault else ""
        yield "%5s  %s%s%s" % (self.number or "", "    " * depth, self.text(name), mark)
        for call in self.inner:
            yield from call.lines(name, depth + 1)


def describe(frame):
    """What lies in a system's library is named by the library alone: with and without its debug
    symbols the same."""
    library = program.object_file_of(frame.pc())
    where = frame.find_sal()
    if library and (not where.symtab or library.startswith(("/lib", "/usr/lib"))):
        return "in " + os.path.basename(library)
    return (frame.name() or "??") + (
        " at %s:%d" % (where.symtab.filename, where.line) if where.symtab else " in the program")


class Stacks:
    """Backtraces. To unwind the stack is slow, and most calls come from where others came from: when
    each return address still stands in its place on the stack, the callers are the same."""

    def __init__(self):
        self.known = {}

    def callers(self, frame, machine, sp, back):
        names, places = self.known.get((sp, back), (None, ()))
        if names and self.stand(machine, sp, places):
            return names
        names, places, frame = [], [], frame.older()
        while frame is not None and frame.is_valid() and len(places) < FRAMES:
            text = describe(frame)
            if not names or names[-1] != text:
                names.append(text)
            places.append((machine.register(frame, machine.sp) - machine.word - sp, frame.pc()))
            frame = frame.older()
        if self.stand(machine, sp, places):
            self.known[sp, back] = names, places
        return names

    def stand(self, machine, sp, places):
        """Are the return addresses where they were? [(distance from sp, address), ...]"""
        low, high = min(at for at, _ in places), max(at for at, _ in places)
        if not places or high - low > 1 << 16 or low % machine.word:
            return False
        try:
            words = machine.words(sp + low, (high - low) // machine.word + 1)
        except program.Unreadable:
            return False
        return all(words[(at - low) // machine.word] == pc for at, pc in places)


class Entry(gdb.Breakpoint):
    def __init__(self, trace, function, address):
        with symbols.language_c():
            super().__init__("*%#x" % address, internal=True)
        self.silent, self.trace, self.function = True, trace, function

    def stop(self):
        return self.trace.called(self.function)


class Return(gdb.Breakpoint):
    def __init__(self, trace, address):
        with symbols.language_c():
            super().__init__("*%#x" % address, internal=True)
        self.silent, self.trace = True, trace

    def stop(self):
        return bool(self.trace.returned())


class Trace:
    def __init__(self):
        self.breakpoints, self.returns = [], {}
        self.wanted = self.quiet = self.stops = False
        gdb.events.new_objfile.connect(self.loaded)
        gdb.events.exited.connect(self.ended)
        gdb.events.clear_objfiles.connect(self.replaced)
        self.forget()

    def forget(self):
        self.calls, self.pending, self.start, self.overhead = [], {}, None, 0
        self.live, self.blocks, self.strays = {}, {}, 0 # {payload: Call}, {payload: (made, given back)}
        self.held, self.most = 0, (0, 0)
        self.watched = {} # {payload of a free block: its bytes when the last call ended}
        self.stacks, self.machine = Stacks(), None

    def on(self, quiet, stops):
        self.off()
        self.forget()
        self.wanted, self.quiet, self.stops = True, quiet, stops
        return self.arm()

    def loaded(self, event):
        """Of a program that starts, also for the second time: what was seen before is past then."""
        if self.wanted and not self.breakpoints and self.arm():
            self.forget()

    def arm(self):
        """Sets the breakpoints, if the library is there. It may come with the next objfile."""
        library = program.library() if gdb.selected_inferior().pid else None
        for function in ARGUMENTS if library else ():
            entry = symbols.function_address(function, library)
            if entry:
                self.breakpoints.append(Entry(self, function, entry))
        return bool(self.breakpoints)

    def off(self):
        self.wanted = False
        self.disarm()

    def disarm(self):
        for breakpoint in self.breakpoints + list(self.returns.values()):
            if breakpoint.is_valid():
                breakpoint.delete()
        self.breakpoints, self.returns, self.pending = [], {}, {}

    def ended(self, event):
        by_itself = hasattr(event, "exit_code") or gdb.convenience_variable("_exitsignal") is not None
        if self.breakpoints and by_itself: # not by GDB's kill or quit
            gdb.write("\n".join(self.summary()) + "\n")
        self.disarm()

    def replaced(self, event):
        """exec: another program stands in the place of this one, with an empty heap."""
        if self.breakpoints:
            gdb.write("\n".join(self.summary()) + "\n")
            self.disarm()
            self.forget()

    # In the middle of a call.

    def called(self, function):
        frame = gdb.newest_frame()
        machine = self.machine = self.machine or Machine(frame)
        arguments, back, sp = machine.entry(frame, ARGUMENTS[function])
        stack = self.pending.setdefault(gdb.selected_thread().ptid, [])
        while stack and stack[-1][1] < sp: # left by a longjmp
            stack.pop()
        call = Call(function, arguments)
        written = None
        if stack:
            stack[-1][0].inner.append(call)
        else:
            call.frames = self.stacks.callers(frame, machine, sp, back)
            written = self.stops and self.written_since()
        if function == "free" and not self.stops and not stack: # there is nothing to wait for
            self.finished(call)
        else:
            stack.append((call, sp))
            if back not in self.returns:
                self.returns[back] = Return(self, back)
        return self.must_stop(call, stack, written)

    def must_stop(self, call, stack, written):
        if written:
            gdb.write(written + "\n")
        elif len(stack) > DEEPEST:
            gdb.write("trace: %d calls inside each other: %s. A recursion without end? Stopped here.\n" % (
                len(stack), " > ".join(c.function for c, _ in stack[:4]) + " > ..."))
        elif self.stops and len(stack) == 1 and self.double_free(call):
            gdb.write("trace: %s: %s. Stopped before it.\n" % (call.text(self.name).split(" =")[0],
                                                              self.double_free(call)))
        else:
            return False
        return True

    def returned(self):
        stack = self.pending.get(gdb.selected_thread().ptid)
        frame = gdb.newest_frame()
        sp = self.machine.register(frame, self.machine.sp)
        while stack and stack[-1][1] <= sp:
            call, expected = stack.pop()
            if expected == sp:
                call.result = self.machine.register(frame, self.machine.result)
            if not stack:
                self.finished(call)

    def double_free(self, call):
        """Says so if the call gives back what was given back before."""
        old = call.arguments[0] if call.function in ("free", "realloc") else 0
        made, freed = self.blocks.get(old, (None, None))
        return "double free: call %d gave it back" % freed.number if freed and old not in self.live else None

    def finished(self, call):
        self.calls.append(call)
        call.number = len(self.calls)
        call.fault = self.double_free(call)
        old = call.arguments[0] if call.function in ("free", "realloc") else 0
        gone = call.function == "free" or call.result or call.arguments[-1] == 0
        if old and gone:
            self.strays += old not in self.live
            self.give_back(old, call)
        if call.function != "free" and call.result:
            self.live[call.result] = call
            self.held += call.asked()
            self.blocks[call.result] = (call, None)
            self.most = max(self.most, (self.held, len(self.live)))
        if self.start is None and len(self.calls) < 9: # while the program lives: who may ask later
            self.find_start()
        if self.stops:
            self.watch(call)
        if not self.quiet:
            gdb.write("\n".join(call.lines(self.name)) + "\n")

    def give_back(self, payload, call):
        if payload in self.live:
            self.held -= self.live.pop(payload).asked()
            self.blocks[payload] = (self.blocks[payload][0], call)
            self.watched[payload] = b""

    # Writes after free: between two calls nobody but the program writes.

    def watch(self, call):
        """Remembers the bytes of the free blocks that no later block lies in."""
        if call.result and call.function != "free":
            start, end = call.result, call.result + call.asked()
            self.watched = {payload: None for payload in self.watched
                            if payload + min(self.size_of(payload), BYTES) <= start or payload >= end}
        for payload in list(self.watched)[:-WATCHED]:
            del self.watched[payload]
        for payload in list(self.watched):
            self.watched[payload] = self.bytes_of(payload)
            if not self.watched[payload]: # given back to the system
                del self.watched[payload]

    def size_of(self, payload):
        return self.blocks[payload][0].asked()

    def bytes_of(self, payload):
        try:
            return program.read(payload, min(self.size_of(payload), BYTES))
        except program.Unreadable:
            return None

    def written_since(self):
        """Says so if a free block is not as the last call left it."""
        for payload, old in self.watched.items():
            new = self.bytes_of(payload)
            if new is not None and new != old:
                at = next(i for i in range(len(new)) if new[i] != old[i])
                self.watched[payload] = new
                return ("trace: byte %d of %s was written to after call %d, and call %d had given the block back.\n"
                        "To catch it: begin again, and after call %d: watch -location *(char *) %#x" % (
                            at, self.name(payload), len(self.calls), self.blocks[payload][1].number,
                            len(self.calls), payload + at))
        return None

    # What the reader sees.

    def name(self, address):
        if address == 0:
            return "NULL"
        if self.start is None:
            self.find_start()
        if self.start is not None and 0 <= address - self.start < 1 << 30:
            return "+%d" % (address - self.start)
        return "outside"

    def find_start(self):
        """Where the heap begins; for a library that doesn't tell, where the kernel's [heap] does."""
        try:
            now = heap.now()
        except gdb.GdbError:
            now = None
        if now and now.start is not None:
            self.start, self.overhead = now.start, now.blocks[0].overhead if now.blocks else 0
        if self.start is None:
            self.start = next((low for low, _, _, name in program.mappings() if name == "[heap]"), None)

    def summary(self):
        count = {name: sum(call.function == name for call in self.calls) for name in ARGUMENTS}
        made = [call for call in self.calls if call.function != "free" and call.arguments[-1]]
        refused = sum(call.result == 0 for call in made)
        sizes = [call.asked() for call in made]
        twice = sum(bool(call.fault) for call in self.calls)
        yield "trace: %s: %s" % (plural(len(self.calls), "call"), ", ".join("%s %d" % item for item in count.items()))
        yield "  asked for  %d bytes in all, %d at most in one call; refused: %d" % (
            sum(sizes), max(sizes, default=0), refused)
        yield "  in use now %s, %d bytes as asked" % (plural(len(self.live), "block"), self.held)
        yield "  most       %d bytes in use at once, in %s" % (self.most[0], plural(self.most[1], "block"))
        if twice:
            yield "  ! %s, the first in call %d" % (plural(twice, "double free"),
                                                   next(call.number for call in self.calls if call.fault))
        if self.strays > twice:
            yield "  strange    %d times a pointer was given back that the trace knows nothing of" % (
                self.strays - twice)
        for stack in self.pending.values():
            if stack:
                yield "  unfinished %s" % " > ".join(c.text(self.name).split(" =")[0] for c, _ in stack[:6])

    def block_at(self, text):
        """The payload of the traced block that an expression or +N lies in; or None. After the
        program's end too."""
        if text[0] == "+" and text[1:].isdigit() and self.start is not None:
            address = self.start + int(text[1:])
        else:
            address = program.evaluate(text)
        if address in self.blocks:
            return address
        candidates = [payload for payload, (made, _) in self.blocks.items()
                      if payload - self.overhead <= address < payload + made.asked()]
        return max(candidates, key=lambda payload: self.blocks[payload][0].number, default=None)

    def who(self, text):
        """Who allocated a block, who gave it back: lines."""
        payload = self.block_at(text)
        if payload is None:
            raise gdb.GdbError("The trace knows nothing of that block. Start one before it is allocated: "
                               "myheap trace on")
        made, freed = self.blocks[payload]
        yield "allocated by call %d, %s, from" % (made.number, made.text(self.name))
        yield from ("    " + frame for frame in made.frames)
        if freed:
            yield "given back by call %d, %s, from" % (freed.number, freed.text(self.name))
            yield from ("    " + frame for frame in freed.frames)
        for call in self.calls:
            if call.fault and call.arguments[0] == payload and call.number > made.number:
                yield "and again by call %d, %s, from" % (call.number, call.text(self.name))
                yield from ("    " + frame for frame in call.frames)

    def callers(self, most):
        """The live blocks by who asked for them: the nearest caller that is not the system's."""
        if not self.calls:
            raise gdb.GdbError("There is no trace to read. Start one: myheap trace on")
        sums = {}
        for call in self.live.values():
            caller = next((frame for frame in call.frames if not frame.startswith("in ")),
                          call.frames[0] if call.frames else "??")
            count, size = sums.get(caller, (0, 0))
            sums[caller] = count + 1, size + call.asked()
        yield "%s in use, %d bytes as asked:" % (plural(len(self.live), "block"), self.held)
        rows = sorted(sums.items(), key=lambda row: (-row[1][1], row[0]))
        for caller, (count, size) in rows[:most]:
            yield "%10d bytes  %-12s %s" % (size, plural(count, "block"), caller)
        if len(rows) > most:
            yield "       and %s more: myheap who all" % plural(len(rows) - most, "caller")
