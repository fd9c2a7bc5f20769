"""The stopped program: its memory, symbols and expressions. Nothing here runs any of its code."""
import re

import gdb

from . import symbols
from .ghost_process import maps_of
from .symbols import language_c, value_of

SIGNALS = {4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 11: "SIGSEGV", 31: "SIGSYS"}

preloaded = None # the library that `debug` puts in front of the program, if it did


class Unreadable(Exception):
    """No memory at that address."""


def pointer_size():
    return value_of("sizeof (char *)")


def read(address, count):
    data = symbols.read(address, count)
    if data is None:
        raise Unreadable(address)
    return data


class Pages:
    """Memory for many small reads: whole pages, kept for the moment."""

    def __init__(self):
        self.pages = {}

    def read(self, address, count):
        """As many of the bytes as can be read."""
        data = b""
        while len(data) < count:
            at = (address + len(data)) & ~4095
            if at not in self.pages:
                try:
                    self.pages[at] = read(at, 4096)
                except Unreadable:
                    self.pages[at] = b""
            more = self.pages[at][address + len(data) - at:][:count - len(data)]
            if not more:
                break
            data += more
        return data


def is_running():
    return bool(gdb.selected_inferior().threads())


def is_core():
    connection = getattr(gdb.selected_inferior(), "connection", None)
    return connection is not None and connection.type == "core"


def evaluate(text):
    """The number that an expression of the user's stands for: a struct, an array or a function is
    where it lies. GDB would call the program's own malloc to make room for a string literal; here
    it may not."""
    before = gdb.parameter("may-call-functions")
    try:
        gdb.execute("set may-call-functions off")
        value = gdb.parse_and_eval(text)
        if value.type.strip_typedefs().code in (gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_FUNC, gdb.TYPE_CODE_STRUCT):
            if value.address is None:
                raise gdb.GdbError("That has no address in the program: %s" % text)
            value = value.address
        return int(value) & (1 << 8 * pointer_size()) - 1
    except gdb.error as error:
        said = str(error)
        if "may-call-functions" in said:
            said = "The heap commands never make GDB call a function of the program, as this would: %s" % text
        raise gdb.GdbError(said) from None
    finally:
        gdb.execute("set may-call-functions " + ("on" if before else "off"))


def object_file_of(address):
    """The file that an address is mapped from; None for the program itself and for data."""
    return gdb.current_progspace().solib_name(address)


def inspect_address():
    """Where the library's description of its heap lies; None when there is none."""
    return value_of("(char *) &heap_inspect")


def library():
    """The file of the malloc that is looked at: the one that describes its heap, or else the one
    that `debug` preloaded. None: it isn't there (yet)."""
    address = inspect_address()
    if address is not None:
        return object_file_of(address) or gdb.current_progspace().filename
    return next((file.filename for file in gdb.objfiles() if file.filename == preloaded), None)


def variable_at(address):
    """The name of the library's variable at an address, such as a list's sentinel; or None."""
    with language_c():
        said = gdb.execute("info symbol %#x" % address, to_string=True)
    found = re.match(r"(\w+)( \+ \d+)? in section \.(?:data|bss|rodata|data\.rel\.ro)\b", said)
    return "".join(part.replace(" ", "") for part in found.groups("")) if found else None


def mappings():
    """(start, end, access, name) of each piece of a live program's memory, from the kernel."""
    try:
        return [] if is_core() else maps_of(gdb.selected_inferior().pid)
    except OSError: # on another machine
        return []


def stands_inside(file):
    """Does the program stand in the middle of a call of this library, with a change half done?"""
    frame = gdb.newest_frame() if is_running() else None
    for _ in range(8):
        if frame is None:
            return False
        if object_file_of(frame.pc()) == file:
            return True
        frame = frame.older()
    return False


def deadly_signal():
    """The name of the signal that the program has stopped by, if it would die of it; or None."""
    return SIGNALS.get(value_of("$_siginfo.si_signo"))
