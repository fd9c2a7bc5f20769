"""A line a call, by breakpoints at the entry of the library's functions and at the places that they
return to. Registers are read as the calling convention has them, so no debug symbols are needed."""
import os

import gdb

from . import program
from .heap import Inspect

ARGUMENTS = {"malloc": 1, "free": 1, "calloc": 2, "realloc": 2}
DEEPEST = 50   # calls inside calls: more is a recursion without end
FRAMES = 8     # kept of a backtrace


class Machine:
    """Where arguments, result and return address are."""

    REGISTERS = {"i386:x86-64": (("$rdi", "$rsi"), "$rax", "$rsp"),
                 "aarch64": (("$x0", "$x1"), "$x0", "$sp"),
                 "i386": (None, "$eax", "$esp")}

    def __init__(self, name):
        if name not in self.REGISTERS:
            raise gdb.GdbError("trace knows x86-64, i386 and aarch64; this is %s." % name)
        self.arguments, self.result, self.sp = self.REGISTERS[name]
        self.pushes = name != "aarch64" # the call puts the return address on the stack
        self.word = program.pointer_size()

    @staticmethod
    def register(name):
        return int(gdb.parse_and_eval("(unsigned long) " + name))

    def entry(self, count):
        """At a function's first instruction: arguments, return address, and sp after the return."""
        sp = self.register(self.sp)
        if self.arguments:
            arguments = [self.register(name) for name in self.arguments[:count]]
        else:
            arguments = [program.read_word(sp + self.word * (i + 1)) for i in range(count)]
        back = program.read_word(sp) if self.pushes else self.register("$x30")
        return arguments, back, sp + self.word if self.pushes else sp


class Call:
    def __init__(self, function, arguments, depth):
        self.function, self.arguments, self.depth = function, arguments, depth
        self.result = self.number = None
        self.frames, self.inner = [], []

    def asked(self):
        return self.arguments[-1] * (self.arguments[0] if self.function == "calloc" else 1)

    def text(self, name):
        """name turns an address into what the reader sees."""
        shown = list(map(str, self.arguments))
        if self.function in ("free", "realloc"):
            shown[0] = name(self.arguments[0])
        text = "%s(%s)" % (self.function, ", ".join(shown))
        if self.function != "free":
            text += " = " + ("?" if self.result is None else name(self.result))
        return text

    def lines(self, name):
        yield "%5s  %s%s" % (self.number or "", "    " * self.depth, self.text(name))
        for call in self.inner:
            yield from call.lines(name)


def backtrace():
    """The callers, outermost last. What lies in a system's library is named by the library alone:
    with and without its debug symbols the same."""
    names, frame = [], gdb.newest_frame().older()
    while frame is not None and frame.is_valid() and len(names) < FRAMES:
        library = program.object_file_of(frame.pc())
        if library and not frame.find_sal().symtab or library and library.startswith(("/lib", "/usr/lib")):
            text = "in " + os.path.basename(library)
        else:
            where = frame.find_sal()
            text = frame.name() or "??"
            text += " at %s:%d" % (where.symtab.filename, where.line) if where.symtab else " in the program"
        if not names or names[-1] != text:
            names.append(text)
        frame = frame.older()
    return names


class Entry(gdb.Breakpoint):
    def __init__(self, trace, function, address):
        super().__init__("*%#x" % address, internal=True)
        self.silent, self.trace, self.function = True, trace, function

    def stop(self):
        return self.trace.called(self.function)


class Return(gdb.Breakpoint):
    def __init__(self, trace, address):
        super().__init__("*%#x" % address, internal=True)
        self.silent, self.trace = True, trace

    def stop(self):
        self.trace.returned()
        return False


class Trace:
    def __init__(self):
        self.breakpoints, self.returns = [], {}
        self.wanted = self.quiet = False
        gdb.events.new_objfile.connect(lambda event: self.wanted and not self.breakpoints and self.arm())
        gdb.events.exited.connect(self.ended)
        gdb.events.clear_objfiles.connect(self.replaced)
        self.forget()

    def forget(self):
        self.calls, self.pending, self.start = [], {}, None
        self.live, self.blocks, self.strays = {}, {}, 0
        self.held, self.most = 0, (0, 0)

    def on(self, quiet):
        self.off()
        self.forget()
        self.wanted, self.quiet = True, quiet
        return self.arm()

    def arm(self):
        """Sets the breakpoints, if the library is there. It may come with the next objfile."""
        address = program.symbol_address("heap_inspect") if gdb.selected_inferior().pid else None
        library = address and program.object_file_of(address)
        if not library:
            return False
        for function in ARGUMENTS:
            entry = program.function_in(function, library)
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
        machine = self.machine = Machine(gdb.newest_frame().architecture().name())
        arguments, back, sp = machine.entry(ARGUMENTS[function])
        stack = self.pending.setdefault(gdb.selected_thread().ptid, [])
        while stack and stack[-1][1] < sp: # left by a longjmp
            stack.pop()
        call = Call(function, arguments, len(stack))
        if stack:
            stack[-1][0].inner.append(call)
        elif function != "free":
            call.frames = backtrace()
        else:
            call.frames = backtrace()[:2]
        stack.append((call, sp))
        if back not in self.returns:
            self.returns[back] = Return(self, back)
        if len(stack) > DEEPEST:
            gdb.write("trace: %d calls inside each other: %s. A recursion without end? Stopped here.\n" % (
                len(stack), " > ".join(c.function for c, _ in stack[:4]) + " > ..."))
            return True
        return False

    def returned(self):
        stack = self.pending.get(gdb.selected_thread().ptid)
        sp = self.machine.register(self.machine.sp)
        result = None
        while stack and stack[-1][1] <= sp:
            call, expected = stack.pop()
            if expected == sp:
                result = self.machine.register(self.machine.result)
                call.result = result
            if not stack:
                self.finished(call)

    def finished(self, call):
        self.calls.append(call)
        call.number = len(self.calls)
        old = call.arguments[0] if call.function in ("free", "realloc") else 0
        gone = call.function == "free" or call.result or call.arguments[-1] == 0
        if old and gone:
            self.strays += old not in self.live
            self.held -= self.live.pop(old, 0)
            if old in self.blocks:
                self.blocks[old] = (self.blocks[old][0], call)
        if call.function != "free" and call.result:
            self.live[call.result] = call.asked()
            self.held += call.asked()
            self.blocks[call.result] = (call, None)
            self.most = max(self.most, (self.held, len(self.live)))
        if not self.quiet:
            gdb.write("\n".join(call.lines(self.name)) + "\n")

    # What the reader sees.

    def name(self, address):
        if address == 0:
            return "NULL"
        if self.start is None:
            self.start = self.find_start()
        if self.start is not None and 0 <= address - self.start < 1 << 30:
            return "+%d" % (address - self.start)
        return "outside"

    def find_start(self):
        """The first chunk; a stage without a list begins where the kernel's [heap] does."""
        inspect = Inspect()
        if inspect.layout:
            first = program.read_word(inspect.list + inspect.layout["next"])
            return first if first not in (0, inspect.list) else None
        return next((low for low, _, name in program.mappings() if name == "[heap]"), None)

    def summary(self):
        count = {name: sum(call.function == name for call in self.calls) for name in ARGUMENTS}
        made = [call for call in self.calls if call.function != "free" and call.arguments[-1]]
        refused = sum(call.result == 0 for call in made)
        sizes = [call.asked() for call in made]
        yield "trace: %d calls: %s" % (len(self.calls), ", ".join("%s %d" % item for item in count.items()))
        yield "  asked for  %d bytes in all, %d at most in one call; refused: %d" % (
            sum(sizes), max(sizes, default=0), refused)
        yield "  in use now %d blocks, %d bytes as asked" % (len(self.live), self.held)
        yield "  most       %d bytes in use at once, in %d blocks" % self.most
        if self.strays:
            yield "  strange    %d times a pointer was given back that the trace knows nothing of" % self.strays
        for stack in self.pending.values():
            if stack:
                yield "  unfinished %s" % " > ".join(c.text(self.name).split(" =")[0] for c, _ in stack[:6])

    def who(self, payload):
        """Who allocated a block, who gave it back: lines; or None."""
        if payload not in self.blocks:
            return None
        made, freed = self.blocks[payload]
        lines = ["allocated by call %d, %s, from" % (made.number, made.text(self.name))]
        lines += ["    " + frame for frame in made.frames]
        if freed:
            lines.append("given back by call %d, %s, from" % (freed.number, freed.text(self.name)))
            lines += ["    " + frame for frame in freed.frames]
        return lines
