"""Addresses of the stopped program and their names. Nothing here calls any of its functions, or minds
the language and the input radix that GDB is set to."""
import contextlib
import functools
import os
import re
import struct

import gdb


@contextlib.contextmanager
def language_c():
    """Expressions and addresses in what GDB prints are C's, whatever the program is written in."""
    before = gdb.parameter("language")
    gdb.execute("set language c", to_string=True)
    try:
        yield
    finally:
        gdb.execute("set language " + before, to_string=True)


def value_of(expression):
    """The number that an expression without numbers stands for; None when there is none."""
    try:
        with language_c():
            return int(gdb.parse_and_eval(expression)) & (1 << 64) - 1
    except (gdb.error, ValueError):
        return None


def read(address, count):
    try:
        return bytes(gdb.selected_inferior().read_memory(address, count))
    except (gdb.error, OverflowError):
        return None


@functools.lru_cache(maxsize=64)
def dynamic_symbols(path, _changed):
    """{name: distance from the start of .text} of what a library defines for others."""
    try:
        with open(path, "rb") as file:
            elf = file.read()
        wide = elf[4] == 2
        table, = struct.unpack_from("<Q" if wide else "<I", elf, 0x28 if wide else 0x20)
        size, count, names = struct.unpack_from("<3H", elf, 0x3A if wide else 0x2E)
        # name, type, flags, addr, offset, size, link, info, align, entsize
        sections = [struct.unpack_from("<IIQQQQIIQQ" if wide else "<10I", elf, table + i * size)
                    for i in range(count)]
    except (OSError, IndexError, struct.error):
        return {}

    def string(section, at):
        start = sections[section][4] + at
        return elf[start:elf.index(b"\0", start)].decode("ascii", "replace")

    text = [section[3] for section in sections if string(names, section[0]) == ".text"]
    found = {}
    for section in sections:
        if section[1] == 11 and text: # SHT_DYNSYM
            rows = elf[section[4]:section[4] + section[5]]
            for row in struct.iter_unpack("<IBBHQQ" if wide else "<IIIBBH", rows):
                name, value, defined = (row[0], row[4], row[3]) if wide else (row[0], row[1], row[5])
                if defined:
                    found[string(section[6], name)] = value - text[0]
    return found


def libraries():
    """[(start of .text, path)] in the order in which the loader looks for a symbol."""
    listed = gdb.execute("info sharedlibrary", to_string=True)
    return [(int(text, 16), path) for text, path in
            re.findall(r"^(0x[0-9a-f]+)\s+0x[0-9a-f]+\s+Yes(?: \(\*\))?\s+(/.*)$", listed, re.M)]


def function_address(name, library=None):
    """Where a function lies: of one library, or of the first that has it; or None."""
    for text, path in libraries():
        if library in (None, path) and os.path.exists(path):
            distance = dynamic_symbols(path, os.stat(path).st_mtime_ns).get(name)
            if distance is not None:
                return text + distance
    return None if library else value_of("(char *) &" + name)


def place(pc):
    """Code at an address, in words."""
    line, block = gdb.find_pc_line(pc), gdb.block_for_pc(pc)
    while block and not block.function:
        block = block.superblock
    if line.symtab and block:
        return "in %s at %s:%d" % (block.function, os.path.basename(line.symtab.filename), line.line)
    with language_c():
        said = gdb.execute("info symbol 0x%x" % pc, to_string=True)
    found = re.match(r"(\S+)(?: \+ \d+)? in section \S+(?: of (.*))?", said)
    if found:
        return "in %s" % found.group(1) + (" of " + os.path.basename(found.group(2)) if found.group(2) else "")
    return "at %#x" % pc
