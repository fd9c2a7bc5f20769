#!/usr/bin/env python3
# Recordings and traces with changes at random must be read, or refused in a sentence: no traceback, no crash, no
# program that comes to no end.
#
#   fuzz.py [--times N | --seconds N] [--seed N] [--replay PROGRAM] FILE...
#
# Each change of a FILE goes to the readers in Python; each hundredth to the programs too: heap-view, and PROGRAM, which
# plays recordings (scripts/record.d/replay.c, built with sanitizers). The same seed makes the same changes. What is
# found is kept beside the first FILE.
import argparse
import lzma
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True
SCRIPTS = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../scripts")
sys.path.insert(0, os.path.join(SCRIPTS, "record.d"))
import figures  # noqa: E402
import page  # noqa: E402
import pictures  # noqa: E402
import player  # noqa: E402
from film import Film  # noqa: E402
from recording import Recording, RecordingError  # noqa: E402

LIMIT = 60 # seconds for one change
PROGRAMS = 100 # of so many changes one goes to the programs
OPTIONS = ("--stats", "--stats --json", "--bar", "--bar --at 7", "--broken", "--html OUT", "--map OUT",
           "--animate OUT --calls 3-6", "--strip OUT --calls 1-4")
RECORDING, XZ = b"heaprec\0", b"\xfd7zXZ\0"
SANITIZERS = {"ASAN_OPTIONS": "allocator_may_return_null=1:max_allocation_size_mb=64:detect_leaks=0"}


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
        page.Tape(Recording(path))


def mutate(data, dice):
    """A few bytes, a word, or a piece that is left out or doubled; mostly behind the header."""
    data = bytearray(data)
    start = 4096 if len(data) > 4096 and dice.random() < 0.8 else 0
    for _ in range(dice.choice((1, 1, 2, 5))):
        at = dice.randrange(start, len(data) - 8)
        way = dice.randrange(7)
        if way < 2:
            data[at] = dice.randrange(256)
        elif way == 2:
            data[at] ^= 1 << dice.randrange(8)
        elif way == 3:
            at -= at % 8
            data[at:at + 8] = dice.choice((0, 1, 2 ** 64 - 1, 2 ** 63, at, 2 ** 32)).to_bytes(8, "little")
        elif way == 4:
            del data[at:at + dice.randrange(64)]
        elif way == 5:
            data[at:at] = data[at:at + dice.randrange(64)]
        elif dice.random() < 0.1:
            del data[at:]
        if len(data) < start + 16:
            break
    return bytes(data)


def changed(data, dice):
    """What is packed is changed before or behind it; what isn't may be packed then."""
    if data.startswith(XZ) and dice.random() < 0.5:
        return lzma.compress(mutate(lzma.decompress(data), dice), preset=0)
    bad = mutate(data, dice)
    return lzma.compress(bad, preset=0) if dice.random() < 0.05 else bad


def judge(path, number):
    """"read", "refused", or what is wrong."""
    signal.alarm(LIMIT)
    try:
        read(path, number)
        return "read"
    except RecordingError as error:
        return "more than a sentence: %s" % error if "\n" in str(error) else "refused"
    except Exception:
        return traceback.format_exc()
    finally:
        signal.alarm(0)


def judge_program(words, allowed):
    """None, or what is wrong."""
    try:
        ran = subprocess.run(words, env={**os.environ, **SANITIZERS}, stdin=subprocess.DEVNULL, capture_output=True,
                             timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return "%s: no end in %d s" % (words, LIMIT)
    said = "".join(line for line in ran.stderr.decode(errors="replace").splitlines(True)
                   if "WARNING: AddressSanitizer failed to allocate" not in line)
    fine = ran.returncode in allowed and len(said.splitlines()) <= 1 and (ran.returncode == 0 or said)
    return None if fine else "%s: status %d\n%s" % (words, ran.returncode, said[-3000:])


def judge_programs(path, data, replay, dice):
    view = [SCRIPTS + "/heap-view", *dice.choice(OPTIONS).replace("OUT", path + ".out.svg").split(), path]
    wrong = judge_program(view, (0, 1, 2) if "--broken" in view else (0, 2))
    if replay and data.startswith(RECORDING) and not wrong:
        # Sanitizers of gcc 12 crash at the start where addresses are laid out over too wide a range.
        wrong = judge_program(["setarch", "-R", replay, path], (0, 2))
    return wrong


def give_up(*unneeded):
    raise TimeoutError("no end in %d s" % LIMIT)


def main():
    parser = argparse.ArgumentParser()
    for option in ("--times", "--seconds", "--seed"):
        parser.add_argument(option, type=int, default=1 if option == "--seed" else 0)
    parser.add_argument("--replay")
    parser.add_argument("file", nargs="+")
    given = parser.parse_args()
    signal.signal(signal.SIGALRM, give_up)
    files = []
    for path in given.file:
        Recording(path) # sound as it is
        with open(path, "rb") as file:
            files.append((path, file.read()))
    dice, end, counts = random.Random(given.seed), time.monotonic() + given.seconds, {"read": 0, "refused": 0}
    number = programs = 0
    with tempfile.TemporaryDirectory() as folder:
        while number < given.times if given.times else time.monotonic() < end:
            path, data = dice.choice(files)
            number += 1
            bad, to = changed(data, dice), os.path.join(folder, os.path.basename(path))
            with open(to, "wb") as file:
                file.write(bad)
            told = judge(to, number)
            if told in counts and number % PROGRAMS == 0:
                programs += 1
                told = judge_programs(to, bad, given.replay, dice) or told
            if told not in counts:
                with open(given.file[0] + ".found", "wb") as file:
                    file.write(bad)
                sys.exit("fuzz: change %d of seed %d, of %s, kept as %s.found: %s" % (
                    number, given.seed, path, given.file[0], told))
            counts[told] += 1
    print("fuzz: %d changed, %d refused, %d read all the same; %d of them by the programs too" % (
        number, counts["refused"], counts["read"], programs))
    sys.exit(counts["refused"] == 0)


main()
