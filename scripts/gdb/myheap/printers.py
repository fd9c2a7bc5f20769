"""p *chunk as one line. p/r shows the fields as they are."""
import gdb
import gdb.printing

from . import program, source
from .heap import now


class HeaderPrinter:
    def __init__(self, value, heap):
        self.value, self.heap = value, heap

    def to_string(self):
        words = ["%s %s" % (field.name, source.meaning(self.value[field], self.heap))
                 for _, _, field in source.fields(self.value.type) if field]
        place = self.heap.name(int(self.value.address)) + ": " if self.value.address is not None else ""
        return place + ", ".join(words)


def find_printer(value):
    kind = value.type.strip_typedefs()
    if kind.code != gdb.TYPE_CODE_STRUCT or not kind.tag or not program.is_running():
        return None
    if program.inspect_address() is None:
        return None
    try:
        heap = now()
    except gdb.GdbError:
        return None
    return HeaderPrinter(value, heap) if heap.header and heap.header.split()[-1] == kind.tag else None


find_printer.name = "myheap"
find_printer.enabled = True


def register():
    gdb.printing.register_pretty_printer(None, find_printer, replace=True)
