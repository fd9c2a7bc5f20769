"""The process of scripts/gdb/ghost/ghost.c: how it is started, gets the program's memory, and is asked.

Memory is read by GDB, so a breakpoint's byte is not seen, and a core is no special case.
"""
import collections
import contextlib
import glob
import mmap
import os
import re
import signal
import socket
import struct
import subprocess

import gdb

from .symbols import function_address, place, read, value_of

PIECE = 64 * 1024 # bytes that one fault brings in
LIMIT = 512 << 20 # bytes that one ghost gets at most
SECONDS = 10      # of silence, after which a ghost is given up; it ends loops by itself
ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../.."))

# As in ghost.c.
MAP, UNMAP, THREAD, BREAK, READ, CALL, REGIONS, BLOCKS, LISTS, CHECK = range(10)
END, FETCH, GONE, PLAYED, SAID, NAME, REGION, BLOCK, FAULT, BYTES = range(10)
RETURNED, EXITED, BLOCKED, ENDLESS = 0, 100, 101, 102

# GDB's name of an architecture, and the ghost's; where GDB finds the thread pointer.
MACHINES = {"i386:x86-64": ("x86_64", "$fs_base"), "i386": ("i386", "$gs_base"), "aarch64": ("aarch64", "$tpidr")}
RUNS_ON = {"x86_64": ("x86_64", "i386"), "i686": ("i386",), "aarch64": ("aarch64",)}

SIGNALS = {number.value: number.name for number in signal.Signals}

End = collections.namedtuple("End", "how value pc access")
NO_ANSWER = End(-1, 0, 0, 0)


class GhostError(Exception):
    """One sentence: why there is no answer."""


def is_core():
    connection = gdb.selected_inferior().connection
    if connection is None or connection.type not in ("native", "core"):
        raise GhostError("The program runs on another machine, or not on one that this GDB drives itself: "
                         "its memory map can't be had.")
    return connection.type == "core"


def maps_of(pid):
    """[(start, end, access, name)] of /proc; access in the bits of mmap(2)."""
    found = []
    with open("/proc/%d/maps" % pid) as maps:
        for line in maps:
            field = line.split(None, 5)
            start, end = (int(part, 16) for part in field[0].split("-"))
            access = sum(bit for bit, letter in ((1, "r"), (2, "w"), (4, "x")) if letter in field[1])
            found.append((start, end, access, field[5].strip() if len(field) > 5 else ""))
    return found


def maps_of_core():
    """The same of the core: what is dumped, and the files that GDB knows were mapped."""
    listed = gdb.execute("info files", to_string=True).partition("core dump file")[2]
    named = re.search(r"[`'\"](/.*)['\"], file type", listed)
    if not named:
        raise GhostError("GDB doesn't say where the core file is.")
    with open(named.group(1), "rb") as core:
        head = core.read(64)
        wide = head[4] == 2
        table, = struct.unpack_from("<Q" if wide else "<I", head, 32 if wide else 28)
        size, count = struct.unpack_from("<2H", head, 54 if wide else 42)
        core.seek(table)
        segments = core.read(size * count)
    found = []
    for row in struct.iter_unpack("<IIQQQQQQ" if wide else "<8I", segments):
        start, length, flags = (row[3], row[6], row[1]) if wide else (row[2], row[5], row[6])
        if row[0] == 1 and length: # PT_LOAD
            found.append((start, start + length, flags >> 2 & 1 | flags & 2 | (flags & 1) << 2, ""))
    listed = gdb.execute("info proc mappings", to_string=True)
    for start, end, name in re.findall(r"(0x\w+)\s+(0x\w+)\s+0x\w+\s+0x\w+\s+(?:[-rwxp]+\s+)?(/.*)", listed):
        for piece in without([[int(start, 16), int(end, 16), 5]], found):
            found.append((*piece, name))
    return sorted(found)


def without(pieces, taken):
    """The [start, end, access] of pieces that no (start, end, ...) of taken covers."""
    for low, high, *_ in taken:
        cut = []
        for start, end, access in pieces:
            cut += [[a, b, access] for a, b in ((start, min(end, low)), (max(start, high), end)) if a < b]
        pieces = cut
    return pieces


def joined(maps):
    """Neighbours as one: [(start, end)]."""
    found = []
    for start, end, *_ in maps:
        if found and found[-1][1] == start:
            start = found.pop()[0]
        found.append((start, end))
    return found


def binary(machine):
    """The ghost's file, built if there is none or its source is newer."""
    build = os.environ.get("BUILD") or "build"
    path = os.path.join(ROOT, build, "ghost", machine)
    sources = glob.glob(ROOT + "/scripts/gdb/ghost/**/*.[ch]", recursive=True) + [ROOT + "/common/inspect.h"]
    if not os.path.exists(path) or os.path.getmtime(path) < max(map(os.path.getmtime, sources)):
        made = subprocess.run(["make", "-s", "-C", ROOT, "BUILD=" + build, "%s/ghost/%s" % (build, machine)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")})
        if made.returncode:
            raise GhostError("The ghost that runs the allocator's code can't be built (scripts/setup build): %s" %
                             (made.stdout.decode("utf-8", "replace").strip().split("\n")[-1]))
    return path


class Ghost:
    """A ghost of the selected inferior and thread, as they are now."""

    def __init__(self):
        self.core = is_core()
        self.copied, self.lacking, self.name, self.said = 0, None, "", b""
        self.unreadable = set() # pages that are mapped, but not to be had
        name = gdb.selected_inferior().architecture().name()
        if MACHINES.get(name, "?")[0] not in RUNS_ON.get(os.uname().machine, ()):
            raise GhostError("There is no ghost for a program of %s on this machine." % name)
        self.machine, self.thread_register = MACHINES[name]
        ours, its = socket.socketpair()
        ours.settimeout(SECONDS)
        try:
            maps = maps_of_core() if self.core else maps_of(gdb.selected_thread().ptid[1])
            with its:
                self.process = subprocess.Popen([binary(self.machine)], stdin=its, stdout=subprocess.DEVNULL,
                                                stderr=subprocess.DEVNULL, env={})
        except OSError as error:
            raise GhostError("The ghost that runs the allocator's code can't be started: %s." % error) from None
        self.maps = [piece for piece in maps if piece[1] < 1 << 63] # not the kernel's vsyscall page
        self.absent = [list(piece[:3]) for piece in self.maps if piece[2]]
        self.socket, self.input = ours, ours.makefile("rb", buffering=1 << 18)

    def __enter__(self):
        try:
            self.run(READ) # when it answers, it is up
            self.send(*((UNMAP, start, end - start) for start, end, *_ in maps_of(self.process.pid)),
                      *((MAP, start, end - start) for start, end in joined(self.maps)))
            self.run(THREAD, self.thread_pointer() or 0)
            self.find_break()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.input.close()
        self.socket.close()

    def thread_pointer(self):
        if self.machine == "i386": # GDB has no register for it, but libthread_db knows
            with contextlib.suppress(gdb.error, AttributeError):
                return int.from_bytes(gdb.selected_thread().handle(), "little")
        return value_of(self.thread_register)

    def find_break(self):
        """Where the program break stands. The kernel doesn't tell, but for the page; libc's sbrk(0) does."""
        heap = [piece for piece in self.maps if piece[3] == "[heap]"]
        start, self.program_break = (heap[0][0], heap[-1][1]) if heap else (0, 0)
        if not heap and not self.core:
            with open("/proc/%d/stat" % gdb.selected_inferior().pid) as stat:
                start = self.program_break = int(stat.read().rpartition(")")[2].split()[44])
        self.send((BREAK, start, self.program_break, mmap.PAGESIZE))
        sbrk = function_address("sbrk")
        end = self.run(CALL, sbrk)[1] if sbrk else NO_ANSWER
        if end.how == RETURNED and (self.core or self.program_break - mmap.PAGESIZE < end.value <= self.program_break):
            self.program_break = end.value
            around = [piece[0] for piece in self.maps if piece[0] < end.value <= piece[1]]
            self.send((BREAK, start or (around or [end.value])[0], end.value, mmap.PAGESIZE))

    def errno(self):
        """errno of the selected thread; None where libc has no place for it yet."""
        locate = function_address("__errno_location")
        at = self.run(CALL, locate)[1] if locate else NO_ANSWER
        rows = self.run(READ, at.value, 4)[0] if at.how == RETURNED else None
        return struct.unpack("<i", rows[0][2])[0] if rows else None

    def send(self, *orders):
        self.send_bytes(b"".join(struct.pack("<6Q", *(order + (0,) * (6 - len(order)))) for order in orders))

    def send_bytes(self, data):
        try:
            self.socket.sendall(data, socket.MSG_NOSIGNAL)
        except OSError:
            self.lost()

    def take(self, size):
        try:
            data = self.input.read(size)
        except socket.timeout:
            raise GhostError("The ghost that runs the allocator's code doesn't answer.") from None
        except OSError:
            self.lost()
        if len(data) < size:
            self.lost()
        return data

    def lost(self):
        self.process.kill() # if it has ended, it keeps the status that says why
        why = {2: "this kernel has no seccomp, which keeps it from doing harm",
               3: "the program has memory where the ghost must be, or too many mappings",
               4: "there is not enough memory for its copy"}.get(self.process.wait(), "it died")
        raise GhostError("The ghost that runs the allocator's code can't do so: %s." % why)

    def run(self, *order):
        """What the ghost answers to an order: rows of (kind, name, bytes), and the End."""
        self.send(order)
        rows, self.said = [], b""
        while True:
            kind, size = struct.unpack("<II", self.take(8))
            data = self.take(size)
            if kind == FETCH:
                self.give(*struct.unpack("<QQ", data))
            elif kind == GONE:
                self.absent = without(self.absent, struct.iter_unpack("<QQ", data))
            elif kind == NAME:
                self.name = data.decode("utf-8", "replace")
            elif kind == SAID:
                self.said += data
            elif kind == END:
                return rows, End(*struct.unpack("<4Q", data))
            else:
                rows.append((kind, self.name, data))

    def give(self, start, end):
        """Sends what the ghost has not yet of the program's memory: a range, or around one byte."""
        if start == end:
            crash = not any(low <= start < high for low, high, _ in self.absent)
            start -= start % PIECE
            end = start if crash else start + PIECE
        pieces = [(max(low, start), min(high, end), access) for low, high, access in self.absent
                  if low < end and start < high]
        self.absent = without(self.absent, pieces)
        for piece in pieces:
            self.give_piece(*piece)
        self.send_bytes(bytes(24))

    def give_piece(self, start, end, access):
        if self.copied + end - start > LIMIT:
            self.lacking = "more than %d MiB of the program's memory, too much to copy" % (LIMIT >> 20)
            return
        data = read(start, end - start)
        if data:
            self.copied += len(data)
            self.send_bytes(struct.pack("<3Q", start, end - start, access) + data)
        elif end - start > mmap.PAGESIZE: # a part of it may be readable
            middle = start + (end - start) // mmap.PAGESIZE // 2 * mmap.PAGESIZE
            self.give_piece(start, middle, access)
            self.give_piece(middle, end, access)
        else:
            self.unreadable.add(start)

    def sentence(self, end):
        """How an order ended; None when the function returned."""
        said = self.said.decode("utf-8", "replace").strip()
        said = ", after saying \"%s\"" % said if said else ""
        faulted = end.how in (signal.SIGSEGV, signal.SIGBUS)
        if self.lacking:
            return "it needs " + self.lacking
        if end.how == RETURNED:
            return None
        if faulted and end.value & -mmap.PAGESIZE in self.unreadable:
            return "it needs the memory at %#x, which GDB can't read" % end.value
        if end.how == EXITED:
            return "exit(%d)%s" % (end.value & 0xff, said)
        if end.how == BLOCKED:
            return "waits for ever, for a lock that is held%s" % said
        if end.how == ENDLESS:
            return "tells of more than %d blocks: no end" % end.value
        if end.how == signal.SIGVTALRM:
            return "no end within 2 s, %s" % place(end.pc)
        if end.how == signal.SIGABRT:
            return "abort" + said
        name = SIGNALS.get(end.how, "signal %d" % end.how)
        access = {ord("r"): " reading %#x", ord("w"): " writing to %#x", ord("x"): " jumping to %#x", 0: " at %#x"}
        if faulted and end.access in access:
            name += access[end.access] % end.value
        return name + ("" if end.access == ord("x") else " " + place(end.pc)) + said
