"""To the first call after which the heap is broken: its check is asked before and after each call."""
import bisect

import gdb

from . import ghost, heap, pictures, program, source, symbols
from .screen import say
from .trace import Call, Entry, Machine, Return, Stacks

ARGUMENTS = {"malloc": 1, "free": 1, "calloc": 2, "realloc": 2, "reallocarray": 3, "aligned_alloc": 2,
             "posix_memalign": 3, "memalign": 2, "valloc": 1, "pvalloc": 1, "free_sized": 2,
             "free_aligned_sized": 3, "malloc_trim": 1}
SHOWN = 8    # changes, and faults
AROUND = 4   # chunks drawn on each side of what is broken
CELLS = 64   # of the drawing
FAR = 1 << 16 # bytes: a large chunk would hide the small ones beside it


class Until:
    def __init__(self):
        self.breakpoints, self.returns, self.wanted, self.found = [], {}, False, False
        gdb.events.new_objfile.connect(lambda _: self.wanted and not self.breakpoints and self.arm())
        gdb.events.exited.connect(self.ended)
        gdb.events.stop.connect(self.stopped)

    def on(self):
        self.off()
        self.wanted, self.found, self.count, self.last = True, False, 0, None
        self.before, self.pending, self.machine, self.stacks = None, {}, None, Stacks()
        return self.arm()

    def arm(self):
        library = program.library() if gdb.selected_inferior().pid else None
        for function in ARGUMENTS if library else ():
            address = symbols.function_address(function, library)
            if address:
                self.breakpoints.append(Entry(self, function, address))
        return bool(self.breakpoints)

    def off(self):
        for breakpoint in self.breakpoints + list(self.returns.values()):
            if breakpoint.is_valid():
                breakpoint.delete()
        self.breakpoints, self.returns, self.wanted = [], {}, False

    def stopped(self, _):
        if self.found: # not before: GDB still uses a breakpoint that decides
            self.off()

    def ended(self, _):
        if self.breakpoints:
            gdb.write("until-broken: %d calls, and the heap was sound after each.\n" % self.count)
            self.off()

    def look(self):
        """The heap, if it can be asked: another thread may stand in the middle of a change."""
        if self.pending:
            return None
        ghost.deciding = True
        ghost.forget()
        try:
            return heap.now()
        finally:
            ghost.deciding = False

    def called(self, function):
        thread, frame = gdb.selected_thread().ptid, gdb.newest_frame()
        machine = self.machine = self.machine or Machine(frame)
        arguments, back, sp = machine.entry(frame, ARGUMENTS[function])
        if thread in self.pending and self.pending[thread][1] >= sp: # one of the library calls another
            return False
        self.pending.pop(thread, None)
        call = Call(function, arguments)
        now = self.look()
        if now and broken(now):
            self.tell(now, call, "%s, in the program: it wrote there" % (
                "between call %d, %s, and this one" % (self.count, self.last.text(now.name)) if self.last
                else "before the first call"))
            return True
        self.before = now
        self.pending[thread] = call, sp
        if back not in self.returns:
            self.returns[back] = Return(self, back)
        return False

    def returned(self):
        thread, frame = gdb.selected_thread().ptid, gdb.newest_frame()
        call, expected = self.pending.get(thread, (None, None))
        if call is None or expected != self.machine.register(frame, self.machine.sp):
            return False
        del self.pending[thread]
        call.result = self.machine.register(frame, self.machine.result)
        self.count, self.last = self.count + 1, call
        now = self.look()
        if not now or not broken(now):
            self.before = now
            return False
        self.tell(now, call, "in this call, from %s" % place(frame))
        return True

    def tell(self, now, call, when):
        say("until-broken: call %d, %s. The heap broke %s.", self.count + (call.result is None),
            call.text(now.name).replace(" = ?", ""), when)
        texts = source.invariants(now)
        for fault in broken(now)[:SHOWN]:
            say("  at %s: %s", now.name(fault.where), ghost.fault_text(fault, now.name))
            say("      %d. %s", fault.invariant, texts.get(fault.invariant, ""))
        draw(self.before, now)
        say("Type: backtrace, myheap check, myheap list")
        self.found = True


def broken(now):
    return [fault for fault in now.faults if not fault.unchecked]


def place(frame):
    where = frame.find_sal()
    return (frame.name() or "the program") + (
        " at %s:%d" % (where.symtab.filename, where.line) if where.symtab else "")


def window(before, now, where):
    """The stretch of a region that a few chunks on each side of an address cover."""
    area = now.area_of(where) or before.area_of(where)
    if not area:
        return None
    starts = sorted({start for start in before.starts + now.starts if area.start <= start < area.end})
    at = bisect.bisect_right(starts, where)
    low = starts[max(0, at - 1 - AROUND)] if starts else area.start
    high = starts[at + AROUND] if at + AROUND < len(starts) else area.end
    return heap.Region(area.name, low, min(high, low + FAR) if where < low + FAR else high)


def draw(before, now):
    """The row of chunks around the first fault, as it was and as it is, to scale; and what changed."""
    view = before and window(before, now, broken(now)[0].where)
    if view:
        size, marks = (view.end - view.start) / CELLS, pictures.glyphs(False)
        for word, shown in ("before", before), ("after", now):
            say("%-6s %s %s", word, now.name(view.start), pictures.draw(pictures.cells(shown, view, size), marks))
        say("%s", pictures.legend(now, marks, size))
    lines = list(heap.changes(now, before.rows(), now.rows())) if before else []
    for line in lines[:SHOWN]:
        say("%s", line)
    if len(lines) > SHOWN:
        say("%10s and %d more", "...", len(lines) - SHOWN)
