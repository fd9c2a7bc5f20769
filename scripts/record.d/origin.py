"""For debug --at: the library and the words of the program that a recording is of, each ended by a NUL."""
import os
import sys

sys.dont_write_bytecode = True
from recording import Call, Recording, RecordingError  # noqa: E402


def origin(path):
    recording = Recording(path)
    next((item for item in recording.items() if isinstance(item, Call)), None) # what stands before is known then
    library = recording.library()
    if recording.forked_at:
        raise recording.bad("is of a process that was forked: the debugger can start no such one")
    if not recording.command or not os.path.isfile(library):
        raise recording.bad("doesn't tell its program, or the library %s is gone", library)
    return [library, *recording.command]


try:
    sys.stdout.write("".join(word + "\0" for word in origin(sys.argv[1])))
except RecordingError as error:
    sys.exit("debug: %s" % error)
