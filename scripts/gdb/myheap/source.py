"""What the sources say: the numbered invariants at a file's head, and the header's type, by the
library's debug symbols."""
import glob
import os
import re

import gdb

from . import symbols

STAGES = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../../stages"))


def candidates(heap):
    """The files that may number the invariants: the library's own by its debug symbols, then the stage's."""
    entry = symbols.function_address("malloc", heap.object_file)
    where = gdb.find_pc_line(entry).symtab if entry else None
    if where:
        yield where.fullname()
    yield from sorted(glob.glob(os.path.join(STAGES, glob.escape(heap.stage), "*.c")))


def invariants_in(text):
    """{number: text} of the list below the word Invariants in a comment."""
    found, number = {}, 0
    for line in re.split(r"\bInvariants?\b.*", text, maxsplit=1)[-1].splitlines() if "Invariant" in text else ():
        words = line.strip(" \t*/")
        item = re.match(r"(\d+)\. +(.*)", words)
        if item:
            number = int(item[1])
            found[number] = item[2]
        elif number and words:
            found[number] += " " + words
        if "*/" in line or number and not words:
            break
    return found


def invariants(heap):
    """{number: text}; empty without a source that has them."""
    for path in candidates(heap):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                found = invariants_in(file.read(20000))
        except OSError:
            continue
        if found:
            return found
    return {}


def header_type(heap):
    """The type of what stands before a payload; None without a name or without debug symbols."""
    entry = symbols.function_address("malloc", heap.object_file)
    if not heap.header:
        return None
    try:
        return gdb.lookup_type(heap.header, gdb.block_for_pc(entry)) if entry else gdb.lookup_type(heap.header)
    except (gdb.error, RuntimeError):
        return None


def fields(kind):
    """(offset, size, field) of a struct's members, and (offset, size, None) of the padding, in order."""
    at, rows = 0, []
    for field in kind.strip_typedefs().fields():
        if not hasattr(field, "bitpos") or field.bitsize or field.bitpos % 8:
            continue
        if field.bitpos // 8 > at:
            rows.append((at, field.bitpos // 8 - at, None))
        rows.append((field.bitpos // 8, field.type.sizeof, field))
        at = field.bitpos // 8 + field.type.sizeof
    if at < kind.sizeof:
        rows.append((at, kind.sizeof - at, None))
    return rows


def meaning(value, heap):
    """A member as the reader should see it: a pointer by its place, a large number in hex."""
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_PTR:
        return heap.name(int(value))
    if kind.code == gdb.TYPE_CODE_BOOL:
        return {0: "false", 1: "true"}.get(int(value), "%d, neither false nor true" % int(value))
    if kind.code == gdb.TYPE_CODE_INT:
        return str(int(value)) if abs(int(value)) < 1 << 32 else "%#x" % (int(value) & (1 << 8 * kind.sizeof) - 1)
    return str(value)
