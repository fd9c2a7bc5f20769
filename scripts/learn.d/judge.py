"""Judges a library on what a stage promises: small tests first, then real programs."""
import os
import re
import subprocess
import time

import report
import suite
import workspace
from workspace import BUILD

LONG = 30  # calls: a story that nobody wants to follow
ENOUGH = 2 # seconds: by then the first story is told, whatever it is


class Judgement:
    """What came out: all tests of the stage, in order, and the programs."""

    def __init__(self, stage, library):
        self.stage, self.library = stage, library
        self.order = suite.promises_of(stage)
        self.tests = []                   # suite.Test
        self.total = 0                    # of the tests: the same in each run
        self.programs, self.program_total = {}, 0   # {name: how it failed}
        self.programs_run = False

    def red(self):
        return [test for test in self.tests if test.failed]

    def passed(self):
        return sum(not test.failed for test in self.tests if test.name in self.planned)

    def red_promises(self):
        """A test that waits for a system call which the library doesn't make yet is red, and no promise for that."""
        red = self.red()
        ran = [test for test in red if not test.reason or set(test.needs) <= set(self.order)]
        found = {test.promise(self.order) for test in ran or red} | ({"programs"} if self.programs else set())
        return [name for name in self.order if name in found]

    def green(self):
        return not self.red() and self.passed() == self.total and not self.programs

    def finish(self):
        """What the plan has and nobody ran: for want of a function, or because one before ended all."""
        ran = {test.name for test in self.tests}
        hung = any(test.signal == suite.TIME_IS_UP or test.ended_all for test in self.tests)
        after = [test.name for test in self.tests][-1:] if hung else []
        self.unrun = 0
        names = list(self.planned)
        last = names.index(after[0]) if after and after[0] in names else len(names)
        for place, name in enumerate(names):
            if name in ran:
                continue
            if hung and place > last:
                self.unrun += 1
                continue
            needs = self.planned[name]
            lacks = [need for need in needs.split() if need not in self.order]
            self.tests.append(suite.Test(name, needs, "the library has, or calls, no " + " ".join(lacks)))
        self.tests.sort(key=lambda test: names.index(test.name) if test.name in names else len(names))


def set_up():
    """Installs what the machine lacks, after saying what."""
    if subprocess.run(["scripts/setup", "learn"], check=False).returncode:
        workspace.die("this machine lacks what the tests need, and it can't be installed")


def build(stage, debug=False):
    """The student's library; None, and what the compiler said, when there is none."""
    set_up()
    library = "%s%s/%s/libmalloc.so" % (BUILD, "/debug" if debug else "", stage.own)
    made_of = library + ".of" # make goes by dates, and a copy that was put back may be an old one
    if os.path.exists(library) and not (os.path.exists(made_of) and workspace.read(made_of) == stage.digest()):
        os.remove(library)
    ran = subprocess.run(["make", "-s", "BUILD=" + BUILD, "MINE=" + workspace.MINE,
                          "DEBUG=" + "1" * debug, library], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if ran.returncode == 0:
        workspace.write(made_of, stage.digest())
    return (library if ran.returncode == 0 else None), ran.stdout


def build_reference(stage):
    library = "%s/%s/libmalloc.so" % (BUILD, stage.name)
    if subprocess.run(["make", "-s", "BUILD=" + BUILD, library], check=False).returncode:
        workspace.die("the repository's own %s doesn't build" % stage.name)
    return library


def calls_itself(library):
    """gcc and clang know malloc and memset by name, and make of both a call of calloc: in calloc too."""
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "--disassemble=calloc", library],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout
    return re.search(r"(?m)<calloc(@plt)?>$", code) is not None


def begin(stage, library):
    """A judgement with its plan: what the repository's own stage is given is given to every library."""
    if calls_itself(library):
        raise suite.Unjudged("its calloc calls calloc: the compiler made that of malloc and memset; compile it with "
                             "-fno-builtin")
    suite.build_suite()
    found = Judgement(stage, library)
    found.planned = dict(suite.plan(build_reference(stage), found.order))
    found.total = len(found.planned)
    return found


def small_tests(found, on_red=lambda test: None, brief=False):
    """Runs them; on_red is called with each that failed, of a promise with the shortest story first. When the very
    first story is a long one, a shorter one of the same cause is looked for: on_red is called with that before."""
    waiting, held, given, start = [], [], [], time.monotonic()

    def cause(test):
        key = report.Cause(test, found.library, found.stage.own_path).key
        return "invariant" if key[0] == "invariant" else key # which is seen last says little

    def give(tests):
        held.extend(tests)
        if not held or given or held[0].length() <= LONG or time.monotonic() - start > ENOUGH:
            tests = list(held)
        else:
            short = next((test for test in held if test.length() <= LONG and cause(test) == cause(held[0])), None)
            tests = [short] + [test for test in held if test is not short] if short else []
        for test in tests:
            given.append(test)
            held.remove(test)
            on_red(test)

    for test in suite.run(found.library, found.order, *(["--brief"] if brief else [])):
        if waiting and test.promise(found.order) != waiting[0].promise(found.order):
            give(sorted(waiting, key=suite.Test.length))
            waiting.clear()
        elif held:
            give([])
        found.tests.append(test)
        if test.failed:
            waiting.append(test)
    give(sorted(waiting, key=suite.Test.length))
    for test in held:
        on_red(test)
    found.finish()
    return found


def programs(found):
    """The real programs that are promised, when all small tests pass."""
    promises = " ".join(found.order)
    listed = subprocess.run(["tests/programs", "--list", "--promises", promises], stdout=subprocess.PIPE, text=True,
                            check=False).stdout
    found.program_total = len(listed.splitlines())
    if not found.program_total or found.red():
        return found
    ran = subprocess.run(["tests/programs", "--promises", promises, found.library], stdout=subprocess.PIPE, text=True,
                         check=False, env={**os.environ, "HUNG_LIMIT": "1", "CPU_LIMIT": "5"})
    found.programs_run = True
    for name, verdict in re.findall(r"(?m)^(\S[^:]*): (.*)$", ran.stdout):
        if name != "programs" and verdict != "not here":
            found.programs[name] = verdict
    return found
