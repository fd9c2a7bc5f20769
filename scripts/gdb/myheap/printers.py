"""p *chunk as one line. p/r shows the fields as they are."""
import gdb
import gdb.printing

from . import program
from .heap import ALIGNMENT, FIELDS, Heap, Inspect


class ChunkPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        field = {name: int(self.value[name]) for name in FIELDS}
        address = int(self.value.address) if self.value.address is not None else None
        try:
            heap = Heap(Inspect())
        except gdb.error:
            heap = None
        name = heap.name if heap else "{:#x}".format
        links = "next %s, prev %s" % (name(field["next"]), name(field["prev"]))
        if heap and address == heap.base.address:
            return "base, the sentinel: " + links
        fault = ""
        if address is not None and field["data"] != address + self.value.type.sizeof:
            fault = ", data %s: WRONG" % name(field["data"])
        size = "%d bytes" % field["size"]
        if field["size"] == 0 or field["size"] % ALIGNMENT:
            size += " (WRONG)"
        at = name(address) + ": " if address is not None else ""
        return at + "%s %s, %s%s" % (size, "free" if field["free"] else "used", links, fault)


def find_printer(value):
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_STRUCT and kind.tag == "chunk" and program.is_running():
        if set(FIELDS) <= {field.name for field in kind.fields()}:
            return ChunkPrinter(value)
    return None


find_printer.name = "myheap"
find_printer.enabled = True


def register():
    gdb.printing.register_pretty_printer(None, find_printer, replace=True)
