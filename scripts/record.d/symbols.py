"""Names for addresses of code and data, by the symbols in the files that were mapped."""
import bisect
import glob
import os
import re
import struct
import subprocess


STAGES = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../stages"))


class Symbols:
    def __init__(self, recording):
        self.recording, self.known, self.tables, self.lines = recording, {}, {}, {}

    def place(self, address):
        """(file, address as the file counts it), or None."""
        module = self.recording.module_of(address)
        if not module or not os.path.isfile(module.path):
            return None
        return module.path, self.virtual(module.path, address - module.start + module.offset)

    @staticmethod
    def virtual(path, offset):
        """The address, as the linker set it, of what stands at an offset of an ELF file."""
        try:
            with open(path, "rb") as file:
                data = file.read(4096)
            wide = data[4] == 2
            at, size, count = (struct.unpack_from("<Q", data, 32) + struct.unpack_from("<HH", data, 54) if wide
                               else struct.unpack_from("<I", data, 28) + struct.unpack_from("<HH", data, 42))
            for header in range(at, at + size * count, size):
                kind, _, start, address, _, length = (struct.unpack_from("<IIQQQQ", data, header) if wide else (
                    lambda k, o, v, p, f: (k, 0, o, v, p, f))(*struct.unpack_from("<IIIII", data, header)))
                if kind == 1 and start <= offset < start + length:
                    return address + offset - start
        except (OSError, IndexError, struct.error):
            pass
        return offset

    def name(self, address):
        """ "main at over.c:6", "main in over", "over+0x2f": as much as can be known. """
        if address not in self.known:
            self.known[address] = self.find(address)
        return self.known[address]

    def find(self, address):
        place = self.place(address)
        if not place:
            module = self.recording.module_of(address)
            return "%s+%#x" % (os.path.basename(module.path), address - module.start) if module else hex(address)
        self.load([address])
        path, at = place
        return self.lines[address] or self.symbol(path, at) or "%s+%#x" % (os.path.basename(path), at)

    def load(self, addresses):
        """Looks for source lines, of all at once: to open a large program's symbols takes its time."""
        wanted = {}
        for address in addresses:
            place = self.place(address)
            if place and address not in self.lines:
                wanted.setdefault(place[0], []).append((address, place[1] - 1)) # the call, not what follows it
        for path, places in wanted.items():
            found = source_lines(path, [at for _, at in places])
            self.lines.update(zip((address for address, _ in places), found))

    def symbol(self, path, at):
        """ "main in over", by the file's own symbols, or those that it shows to others; None: in none. """
        if path not in self.tables:
            self.tables[path] = table(path, "-C") or table(path, "-CD")
        rows = self.tables[path]
        found = bisect.bisect_right(rows, at, key=lambda row: row[0]) - 1
        if found < 0 or at >= rows[found][0] + rows[found][1]:
            return None
        return "%s in %s" % (rows[found][2], os.path.basename(path))

    def invariants(self):
        """{number: text} of what the stage's source numbers at its head; empty where there is none."""
        for path in sorted(glob.glob(os.path.join(STAGES, glob.escape(self.recording.stage or "-"), "*.c"))):
            try:
                with open(path, encoding="utf-8", errors="replace") as file:
                    found = invariants_in(file.read(20000))
            except OSError:
                continue
            if found:
                return found
        return {}


def source_lines(path, places):
    """For each, "main at over.c:6", or "" without debug symbols."""
    try:
        said = subprocess.run(["addr2line", "-Cfe", path], input="\n".join(map(hex, places)), capture_output=True,
                              text=True, timeout=60).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        said = []
    said += [""] * (2 * len(places) - len(said))
    lines = []
    for function, source in zip(said[::2], said[1::2]):
        source = source.split(" (discriminator")[0]
        known = source and not source.startswith("?") and not source.endswith((":?", ":0"))
        lines.append("%s at %s" % (function, source) if known else "")
    return lines


def table(path, options):
    """[(address, size, name), ...] as nm knows them."""
    try:
        said = subprocess.run(["nm", "-nS", "--defined-only", options, path], capture_output=True, text=True,
                              timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    rows = (re.fullmatch("([0-9a-f]+) ([0-9a-f]+) [A-Za-z] (.+)", line) for line in said.splitlines())
    return [(int(row[1], 16), int(row[2], 16), row[3]) for row in rows if row]


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
