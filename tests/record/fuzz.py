"""Changes bytes of a recording at random, from a seed, and reads it in each way that heap-view has.

    fuzz.py FILE TIMES [SEED]

What is damaged must be refused in a RecordingError, or read; anything else is a failure.
"""
import os
import random
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../scripts/record.d"))
import figures  # noqa: E402
import pictures  # noqa: E402
import player  # noqa: E402
from film import Film  # noqa: E402
from recording import Recording, RecordingError  # noqa: E402


class NoSymbols:
    """Names would come from the machine's own files, and take their time."""
    name = staticmethod(hex)

    @staticmethod
    def load(addresses):
        pass


def read(path, at):
    told = figures.Statistics(Recording(path))
    told.as_dict(NoSymbols)
    list(figures.text(told, NoSymbols))
    film, pen = Film(Recording(path)), pictures.Pen(True, False)
    if film.calls:
        frame = film.frame(1 + at % film.calls)
        player.screen(film, frame, NoSymbols, pen, 80, 24)
        list(pictures.bar(frame.after, pen, 80))
        list(pictures.bar(pictures.of_calls(frame.ledger), pen, 80))
        film.search("free", 1)


def mutate(data, dice):
    """A few bytes, a word, or a piece that is left out or doubled; mostly in the records."""
    data, start = bytearray(data), 0 if dice.random() < 0.2 else 4096
    for _ in range(dice.choice((1, 1, 2, 5))):
        at = dice.randrange(start, len(data) - 8)
        way = dice.randrange(5)
        if way < 2:
            data[at] = dice.randrange(256)
        elif way == 2:
            data[at] ^= 1 << dice.randrange(8)
        elif way == 3:
            at -= at % 8
            data[at:at + 8] = dice.choice((0, 1, 2 ** 64 - 1, 2 ** 63, at, 2 ** 32)).to_bytes(8, "little")
        else:
            del data[at:at + dice.randrange(64)]
    return data


def main():
    path, times, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1
    length = Recording(path).length
    with open(path, "rb") as file:
        data = file.read()[:length + 64]
    dice, refused = random.Random(seed), 0
    with tempfile.NamedTemporaryFile(suffix=".rec") as file:
        for number in range(times):
            bad = mutate(data, dice)
            file.seek(0)
            file.truncate()
            file.write(bad)
            file.flush()
            try:
                read(file.name, number)
            except RecordingError:
                refused += 1
            except Exception:
                traceback.print_exc()
                sys.exit("fuzz: change %d of seed %d is not refused in a sentence" % (number, seed))
    print("fuzz: %d changed, %d refused, %d read all the same" % (times, refused, times - refused))
    sys.exit(refused == 0)


main()
