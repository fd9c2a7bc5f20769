"""The stopped program: its memory, symbols and mappings. Nothing here runs any of its code."""
import functools
import re
import struct

import gdb


class Unreadable(Exception):
    """No memory at that address."""


def pointer_size():
    return gdb.lookup_type("char").pointer().sizeof


def read(address, count):
    try:
        return bytes(gdb.selected_inferior().read_memory(address, count))
    except (gdb.error, OverflowError):
        raise Unreadable(address) from None


def byte_order():
    return "big" if "big endian" in gdb.execute("show endian", to_string=True) else "little"


def number(data):
    return int.from_bytes(data, byte_order())


def read_word(address):
    return number(read(address, pointer_size()))


def read_string(address):
    text = b""
    while len(text) < 64 and not text.endswith(b"\0"):
        text += read(address + len(text), 1)
    return text.rstrip(b"\0").decode("ascii", "replace")


def is_running():
    return bool(gdb.selected_inferior().threads())


def evaluate(text):
    """The number that an expression of the user's stands for. GDB would call the program's own
    malloc to make room for a string literal; here it may not."""
    gdb.execute("set may-call-functions off")
    try:
        value = gdb.parse_and_eval(text)
        if value.type.strip_typedefs().code in (gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_FUNC):
            value = value.address
        return int(value) & (1 << 8 * pointer_size()) - 1
    finally:
        gdb.execute("set may-call-functions on")


def symbol_address(name):
    """The address of a variable, by the dynamic symbol alone if need be; or None."""
    try:
        return int(gdb.parse_and_eval("(char *) &" + name))
    except gdb.error:
        return None


def object_file_of(address):
    """The file that an address is mapped from; None for the program itself and for data."""
    return gdb.current_progspace().solib_name(address)


def function_in(name, library):
    """The entry of a function of one library: malloc exists in several."""
    try:
        places = gdb.decode_line(name)[1] or ()
    except gdb.error:
        return None
    for place in places:
        if object_file_of(place.pc) == library:
            said = gdb.execute("info symbol %d" % place.pc, to_string=True)
            found = re.match(re.escape(name) + r"(?: \+ (\d+))? in section", said)
            if found:
                return place.pc - int(found.group(1) or 0)
    return None


def is_core():
    connection = getattr(gdb.selected_inferior(), "connection", None)
    return connection is not None and connection.type == "core"


def mappings():
    """(start, end, name) of each piece of memory. From the kernel, or from the core file."""
    if is_core():
        files = gdb.execute("info files", to_string=True)
        return [(int(start, 16), int(end, 16), "")
                for start, end in re.findall(r"(0x\w+) - (0x\w+) is load", files)]
    pieces = []
    try:
        with open("/proc/%d/maps" % gdb.selected_inferior().pid) as maps:
            for line in maps:
                field = line.split(None, 5)
                start, end = (int(part, 16) for part in field[0].split("-"))
                pieces.append((start, end, field[5].strip() if len(field) > 5 else ""))
    except OSError: # on another machine
        pass
    return pieces


@functools.lru_cache(maxsize=None)
def elf_distance(path, name):
    """How far behind the start of .text a dynamic symbol of a library lies; None when it has none."""
    try:
        with open(path, "rb") as file:
            elf = file.read()
        order, wide = "<" if elf[5] == 1 else ">", elf[4] == 2
        table, = struct.unpack_from(order + ("Q" if wide else "I"), elf, 0x28 if wide else 0x20)
        size, count, names = struct.unpack_from(order + "3H", elf, 0x3A if wide else 0x2E)
        # name, type, flags, addr, offset, size, link, info, align, entsize
        sections = [struct.unpack_from(order + ("IIQQQQIIQQ" if wide else "10I"), elf, table + i * size)
                    for i in range(count)]
    except (OSError, IndexError, struct.error):
        return None

    def string(section, at):
        start = sections[section][4] + at
        return elf[start:elf.index(b"\0", start)].decode()

    text = [section[3] for section in sections if string(names, section[0]) == ".text"]
    for section in sections:
        if section[1] == 11: # SHT_DYNSYM
            for at in range(section[4], section[4] + section[5], section[9]):
                label, = struct.unpack_from(order + "I", elf, at)
                value, = struct.unpack_from(order + ("Q" if wide else "I"), elf, at + (8 if wide else 4))
                if text and string(section[6], label) == name:
                    return value - text[0]
    return None


def program_break(low, high):
    """Where the break stands in the heap's mapping. libc keeps it in __curbrk; GDB finds the loader's
    variable of that name, with the break of long ago, so we look for it in libc's own file. Failing
    that the mapping's end, which is less than a page too far."""
    libraries = gdb.execute("info sharedlibrary", to_string=True)
    for text, path in re.findall(r"^(0x\w+).* (/\S*/libc[.-]\S*)$", libraries, re.M):
        distance = elf_distance(path, "__curbrk")
        try:
            value = read_word(int(text, 16) + distance) if distance is not None else 0
        except Unreadable:
            continue
        if low < value <= high:
            return value
    return high
