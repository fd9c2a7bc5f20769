"""For replay: the files to play, and what the player should count. plan.py FILE FOLDER; a trace becomes a recording
there."""
import os
import sys

sys.dont_write_bytecode = True
from recording import Call, Ledger, Recording, RecordingError  # noqa: E402

try:
    recording = Recording(sys.argv[1])
    ledger, calls, failed = Ledger(), 0, 0
    lineage = recording.lineage()
    ledger.inherit(recording)
    for item in recording.items():
        if isinstance(item, Call) and item.finished:
            ledger.add(item)
            calls, failed = calls + 1, failed + item.failed
except RecordingError as error:
    print("replay: %s" % error, file=sys.stderr)
    sys.exit(2)
for parent in lineage:
    print("file %s@%d" % (parent.path, parent.length))
path = recording.path
if recording.unpacked:
    path = os.path.join(sys.argv[2], "played")
    with open(path, "wb") as file:
        file.write(recording.data)
print("file %s" % path)
for word, value in (("calls", calls), ("peak", ledger.peak), ("live", ledger.bytes), ("failed", failed),
                    ("strays", ledger.strays), ("damaged", 0)):
    print(word, value)
