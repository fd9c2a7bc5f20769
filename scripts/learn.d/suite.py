"""Runs the suite on a library, and takes in what it tells of each test: see tests/suite/witness.c."""
import os
import re
import subprocess
import tempfile

import gaps
import workspace
from workspace import BUILD, ROOT

SIGNALS = {4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 11: "SIGSEGV", 14: "SIGALRM"}
SIGABRT, TIME_IS_UP = 6, 27 # what a test that comes to no end is stopped by: see witness.c
# As the runner would set it, and start itself again: see tests/suite/suite.c.
TUNABLES = "glibc.malloc.top_pad=67108864:glibc.rtld.optional_static_tls=65536"
UNTOLD = 1 << 30 # calls
# Where a handler found the program: itself, what the kernel put there, then the place.
HANDLER_FRAMES = 2


class Call:
    def __init__(self, words):
        self.number, self.function = int(words[0]), words[1]
        self.args = [int(word, 16) for word in words[2:5]]
        self.result, self.returned = int(words[5], 16), words[6] == "1"
        self.caller = int(words[8], 16) if words[7] == "test" else None
        self.refused = words[9] if words[9] != "-" else None # the system call that failed meanwhile


class Block:
    def __init__(self, words):
        self.payload, self.size, self.overhead = int(words[0], 16), int(words[1]), int(words[2])
        self.free = words[3] != "0"
        self.start, self.end = self.payload - self.overhead, self.payload + self.size

    def key(self):
        return self.payload, self.size, self.free


class Fault:
    """What a call broke first; or (later) what the test did after it: wrote into its blocks, moved the break."""

    def __init__(self, words):
        self.call, self.later = int(words[0]), (None, "fills its blocks", "moves the program break")[int(words[1])]
        self.invariant, self.where, self.text = int(words[2]), int(words[3], 16), words[4]


class Test:
    """A test that was run, or (reason) could not be."""

    def __init__(self, name, needs, reason=None):
        self.name, self.needs, self.reason = name, needs.split(), reason
        self.failed = reason is not None
        self.said, self.place, self.round = reason or "", None, 1
        self.signal, self.stacks, self.calls, self.fault = 0, [], [], None
        self.before = self.after = None
        self.amid = None # the invariant that was broken when a call crashed: it may have been about to mend it
        self.words = [] # what the library wrote on its error output
        self.ended_all = False # no test could be run after it

    def take(self, kind, words):
        if kind == "said":
            self.said = words[0].replace("\\n", "\n")
            if "it didn't end" in self.said: # told by Check
                self.signal = TIME_IS_UP
        elif kind == "signal":
            self.signal = int(words[0])
        elif kind == "stack":
            self.stacks.append([])
        elif kind == "frame":
            self.stacks[-1].append((words[0], int(words[1], 16)))
        elif kind == "call":
            self.calls.append(Call(words))
        elif kind in ("before", "after"):
            setattr(self, kind, [])
        elif kind == "block":
            (self.after if self.after is not None else self.before).append(Block(words))
        elif kind == "broken":
            self.fault = Fault(words)
        elif kind == "amid":
            self.amid = words[0]

    def promise(self, order):
        """The one that it is about: the latest of those that it needs."""
        known = [need for need in self.needs if need in order]
        return max(known, key=order.index) if known else self.needs[0]

    def length(self):
        """How many calls it made: the shorter, the easier to follow. What made them in a process of its own told none."""
        return self.calls[-1].number if self.calls else 0 if self.reason else UNTOLD

    def invariant(self):
        found = re.search(r"invariant (\d+)", self.said)
        return self.fault.invariant if self.fault else int(found[1]) if found else None

    def trace(self):
        """What the heap shows of the cause, for a diagnosis."""
        return str(self.invariant() or self.amid or "-")

    def guilty(self):
        """The call that it is about: which broke an invariant, or the last."""
        if self.fault:
            return next((call for call in self.calls if call.number == self.fault.call), None)
        return self.calls[-1] if self.calls else None


class Promises(list):
    """In order; and which invariant only one of them is about (see gaps.py)."""

    def __init__(self, names, later=None):
        super().__init__(names)
        self.later = later


def promises_of(stage):
    return Promises(stage.promises(), gaps.Spec(stage.path + "/start").later)


def build_suite():
    if subprocess.run(["tests/run", "--list"], stdout=subprocess.DEVNULL, check=False).returncode:
        workspace.die("the suite doesn't build")


def command(library, promises, *options):
    later = ("--later", promises.later) if promises.later else ()
    return [BUILD + "/tests/suite", "--so", library, "--promises", " ".join(promises), *later, *options]


def environment():
    return {**os.environ, "HUNG_LIMIT": "1", "CK_DEFAULT_TIMEOUT": "20", "LC_ALL": "C.UTF-8"}


def plan(library, promises):
    """[(name, needs)] of the tests that a library would be given, in order."""
    ran = subprocess.run(command(library, promises, "--plan"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         text=True, check=False)
    return [tuple(line.split("\t")) for line in ran.stdout.splitlines() if "\t" in line]


def run(library, promises, *options):
    """Yields each test when it has ended. A library that can't be judged raises Unjudged."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command(library, promises, "--witness", *options), stdout=subprocess.PIPE,
                                   stderr=errors, text=True, errors="replace", env=environment())
        test = None
        for line in process.stdout:
            words = line.rstrip("\n").split("\t")
            found = re.match(r"    needs: .*?(?:; round (\d+) of \d+)?(?:; (\S+:\d+))?$", line)
            if line.startswith("\ttest\t"):
                if test:
                    yield test
                test = Test(words[2], words[3])
            elif line.startswith("\t") and test:
                test.take(words[1], words[2:])
            elif line.startswith("  FAILED "):
                test.failed = True
            elif found and test:
                test.round, test.place = int(found[1] or 1), found[2]
        status = process.wait()
        errors.seek(0)
        said = errors.read()
    if status == 2:
        raise Unjudged(said.strip().removeprefix("suite: "))
    if test and status not in (0, 1): # it wrote over what the runner itself needs
        test.failed, test.ended_all = True, True
        test.said = test.said or "it wrote into memory that is somebody else's, and nothing went on after it"
    if test:
        test.words = said.splitlines()
        yield test


class Unjudged(Exception):
    """The runner could not judge, and says why."""


def closely(library, promises, test):
    """The same test once more, with pictures of the heap. It may pass now: then what was known stays."""
    hung = ("--hung",) if test.signal == TIME_IS_UP else ()
    again = next(run(library, promises, "--closely", "--test", test.name, "--round", str(test.round), *hung), None)
    return again if again and again.failed else test


def film(library, promises, test, name):
    """The command that shows the test's last calls, recorded; None when it could not be."""
    call = test.guilty()
    if not call:
        return None
    ended = ["--until-broken"] if test.fault else []
    patience = {"CK_DEFAULT_TIMEOUT": "3"} if test.signal == TIME_IS_UP else {}
    ran = subprocess.run(["tests/film", "-o", "%s/films/%s-%s.rec" % (BUILD, name, test.name), "--round",
                          str(test.round), "--at", str(call.number), *ended, library, " ".join(promises), test.name],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False,
                         env={**environment(), "BUILD": BUILD, **patience})
    return ran.stdout.strip() if ran.returncode == 0 else None


# ---- addresses -----------------------------------------------------------------------------------

def from_root(path):
    """As seen from the repository's root; the suite may have been built in another copy of it."""
    if path.startswith(ROOT + "/"):
        return os.path.relpath(path, ROOT)
    inside = re.search(r"/((?:tests|stages)/.*)", path)
    return inside[1] if inside and os.path.exists(inside[1]) else path


def lines_at(file, offsets):
    """{offset: [(function, path, line)], innermost first}, by the debug symbols."""
    offsets = sorted(set(offsets))
    if not offsets:
        return {}
    ran = subprocess.run(["addr2line", "-afi", "-e", file] + ["%#x" % offset for offset in offsets],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    found, at, function = {}, None, None
    for line in ran.stdout.splitlines():
        if line.startswith("0x"):
            at, function = int(line, 16), None
            found[at] = []
        elif function is None:
            function = line
        else:
            path, _, number = line.split(" (")[0].rpartition(":")
            if path != "??":
                found[at].append((function, from_root(path), int(number) if number.isdigit() else 0))
            function = None
    return found


def places(library, test):
    """For each stack: where the library's code stands, innermost first, as (function, path, line)."""
    stacks = []
    for stack in test.stacks:
        offsets = [offset - (i > HANDLER_FRAMES) for i, (where, offset) in enumerate(stack) if where == "library"]
        stacks.append(offsets)
    known = lines_at(library, [offset for stack in stacks for offset in stack])
    return [[place for offset in stack for place in known.get(offset, [])] for stack in stacks]


def with_names(library, text):
    """The same, with the library's own variables by their names, where it says library+0x4060."""
    if "library+0x" not in text:
        return text
    listed = subprocess.run(["nm", "-S", library], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                            check=False).stdout
    known = [(int(place, 16), int(size, 16), name)
             for place, size, name in re.findall(r"(?m)^([0-9a-f]+) ([0-9a-f]+) [bBdD] (\w+)$", listed)]

    def name_of(found):
        at = int(found[1], 16)
        return next((name + (" + %d" % (at - place) if at > place else "") for place, size, name in known
                     if place <= at < place + size), found[0])
    return re.sub(r"library\+0x([0-9a-f]+)", name_of, text)


def caller(test, call):
    """Where the test makes a call: (path, line), or None."""
    if not call or call.caller is None:
        return None
    found = lines_at(BUILD + "/tests/suite", [call.caller - 1]).get(call.caller - 1)
    return (found[0][1], found[0][2]) if found else None
