"""A trace: the calls of a recording as text, a line each, without addresses, times and callers.

    traces.py FILE OUT [TITLE]     makes the trace OUT of a recording; OUT.xz is compressed

docs/recording.md tells the format. Calls that changed nothing are left out: those that failed, and those of a block
that no call had given."""
import io
import lzma
import struct
import sys

MAGIC = b"# trace 1"
NUMBERS = {"a": 2, "c": 2, "m": 3, "r": 2, "f": 1, "t": 1} # that stand behind what a line is
XZ = b"\xfd7zXZ\0"
MOST = 1 << 28 # bytes of what xz has unpacked
LARGEST = 1 << 47 # bytes of a block
ALIGNMENT, PAGE = 16, 4096
# What each line is in a recording: the kind, and its words.
RECORDS = {"a": (1, "QQ"), "f": (2, "Q"), "c": (3, "QQQ"), "r": (4, "QQQ"), "m": (8, "QQQ"), "t": (33, "QQ")}
TEXT, THE_PROGRAM = 32, 1


class TraceError(Exception):
    pass


def lines(calls):
    """The lines of a trace."""
    blocks, spare, thread = {}, [], 1

    def number_of(pointer):
        blocks[pointer] = spare.pop() if spare else len(blocks)
        return blocks[pointer]

    for call in calls:
        if not call.finished or call.failed:
            continue
        if call.thread != thread:
            thread = call.thread
            yield "t %d" % thread
        old = blocks.pop(call.pointer, None) if call.asked is not None or not call.result else None
        if call.asked is not None and call.result in blocks: # nobody saw it given back
            spare.append(blocks.pop(call.result))
            yield "f %d" % spare[-1]
        if old is not None and not call.result:
            spare.append(old)
            yield "f %d" % old
        elif old is not None:
            blocks[call.result] = old
            yield "r %d %d" % (old, call.asked)
        elif call.asked is None or not call.result:
            continue
        elif call.function in ("valloc", "pvalloc"):
            yield "m %d %d %d" % (number_of(call.result), call.asked, PAGE)
        elif call.function in ("aligned_alloc", "memalign", "posix_memalign"):
            yield "m %d %d %d" % (number_of(call.result), call.asked, call.arguments[0])
        else:
            yield "%s %d %d" % ("c" if call.function == "calloc" else "a", number_of(call.result), call.asked)


def unpacked(data):
    """What xz made smaller as it was; else data itself."""
    if not data.startswith(XZ):
        return data
    unpacker = lzma.LZMADecompressor()
    try:
        data = unpacker.decompress(data, MOST)
    except lzma.LZMAError:
        raise TraceError("is damaged: xz can't unpack it") from None
    if not unpacker.eof:
        raise TraceError("is cut off, or larger than %d MiB when xz has unpacked it" % (MOST >> 20))
    return data


def records(data):
    """A trace as the records of a recording. Each block lies behind all that came before it, as on a malloc that uses
    nothing again."""
    text = io.BytesIO(data)
    title = text.readline().strip()[len(MAGIC):].lstrip(b": ")
    made = [struct.pack("<BBHI3Q", TEXT, 0, 3 + -(-len(title) // 8), 0, 0, THE_PROGRAM, len(title)),
            title, bytes(-len(title) % 8), record("t", 1, 0)]
    blocks, end = {}, PAGE
    for place, line in enumerate(text, 2):
        if line.startswith(b"#"):
            continue
        what, number, *asked = call_of(line.rstrip(b"\n"), place)
        if what == "t":
            made.append(record("t", number, 0))
            continue
        old = blocks.pop(number, None)
        if (old is None) == (what in "fr"):
            raise bad(place, "block %d %s" % (number, "lives" if old else "isn't there"))
        if what == "f":
            made.append(record("f", old))
            continue
        size, alignment = (*asked, ALIGNMENT)[:2]
        blocks[number] = up(end, alignment)
        end = up(blocks[number] + max(size, 1), ALIGNMENT)
        if end >> 63:
            raise bad(place, "there is no room for so much")
        before = {"a": (), "c": (1,), "r": (old,), "m": (alignment,)}[what]
        made.append(record(what, *before, size, blocks[number]))
    return b"".join(made)


def call_of(line, place):
    """A line's parts."""
    what, *numbers = line.split(b" ")
    what = what.decode("ascii", "replace")
    if len(numbers) != NUMBERS.get(what) or not all(number.isdigit() and len(number) < 16 for number in numbers):
        raise bad(place, "there is no such call")
    numbers = [int(number) for number in numbers]
    if max(numbers) > LARGEST or (what == "m" and (not numbers[2] or numbers[2] & numbers[2] - 1)):
        raise bad(place, "no block is of such a size or alignment")
    return what, *numbers


def bad(place, sentence):
    return TraceError("is damaged in line %d: %s" % (place, sentence))


def up(address, alignment):
    return -(-address // alignment) * alignment


def record(what, *words):
    kind, form = RECORDS[what]
    return struct.pack("<BBHI" + form, kind, 0, len(words) if what == "t" else 0, 0, *words)


def main():
    from recording import Call, Recording, RecordingError # which reads traces by this module
    path, out, title = sys.argv[1], sys.argv[2], " ".join(sys.argv[3:])
    try:
        recording = Recording(path)
        calls = [item for one in recording.lineage() + [recording] for item in one.items() if isinstance(item, Call)]
    except RecordingError as error:
        sys.exit(print("replay: %s" % error, file=sys.stderr) or 2)
    title = title or recording.program.rpartition("/")[2]
    text = "\n".join(["%s: %s" % (MAGIC.decode(), title), *lines(calls), ""]).encode()
    try:
        with open(out, "wb") as file:
            file.write(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME) if out.endswith(".xz") else text)
    except OSError as error:
        sys.exit(print("replay: %s can't be written: %s" % (out, error.strerror), file=sys.stderr) or 125)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main()
