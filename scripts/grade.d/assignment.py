"""What is asked of a class: a stage, its promises, what the teacher holds back, and how much each counts."""
import glob
import hashlib
import os
import subprocess

import box
import judge
import suite
import workspace
from workspace import BUILD, ROOT

HERE = os.path.dirname(os.path.realpath(__file__))
TOOLS = BUILD + "/grade-tools"
HELD_MAIN = (HERE + "/held_main.c", "-Wl,--wrap=main", "-pthread")


class Part:
    """Something that points are given for: a promise, or a held-back test."""

    def __init__(self, name, text, weight):
        self.name, self.text, self.weight = name, text, weight
        self.tests = []


class Assignment:
    def __init__(self, stage, held, seed, weights):
        self.stage, self.seed, self.folder = stage, seed, held
        self.order = suite.promises_of(stage)
        suite.build_suite()
        self.suite = BUILD + "/tests/suite"
        self.plan = dict(suite.plan(judge.build_reference(stage), self.order))
        self.programs = programs_of(self.order)
        self.held = build_held(held) if held else {}
        self.replay = build_tool("replay", "tests/score/replay.c", *HELD_MAIN)
        self.parts = self.make_parts(weights)

    def make_parts(self, weights):
        """In order. A promise that no test is about earns nothing."""
        parts = {name: Part(name, text, weights.pop(name, 1)) for name, text in self.stage.promise_texts().items()}
        for name, needs in self.plan.items():
            parts[suite.Test(name, needs).promise(self.order)].tests.append(name)
        for name, needs in self.programs.items():
            parts[suite.Test(name, needs).promise(self.order)].tests.append(name)
        for name in self.held:
            parts[name] = Part(name, "held back", weights.pop(name, 1))
            parts[name].tests.append(name)
        if weights:
            workspace.die("weights: there is no part '%s'; there are: %s" % (next(iter(weights)), " ".join(parts)))
        return [part for part in parts.values() if part.tests]

    def digest(self):
        """Another one whenever another verdict is possible: of what is asked, of all that judges it, and of the teacher's
        folder. Weights come later."""
        asked = (self.stage.name, self.seed, self.order, self.plan, self.programs, sorted(self.held),
                 bool(box.confines()), os.environ.get("CC"))
        total = hashlib.sha256(repr(asked).encode())
        judges = ["Makefile", "common/*", "scripts/grade", "scripts/grade.d/*", "scripts/learn.d/*.py",
                  "scripts/dev/stages.sh", "tests/programs*", "tests/ladder/*", "tests/limits.sh", "tests/threads.c",
                  self.stage.path + "/inspect*", self.suite, self.replay]
        judges += [glob.escape(self.folder) + "/*"] if self.folder else []
        for path in (path for pattern in judges for path in sorted(glob.glob(pattern)) if os.path.isfile(path)):
            with open(path, "rb") as file:
                total.update(path.encode() + b"\0" + file.read() + b"\0")
        return total.hexdigest()


def programs_of(order):
    """{name: needs} of the real programs that are promised."""
    found = {}
    for line in workspace.read("tests/programs.tsv").splitlines():
        words = line.split("\t")
        if not line.startswith("#") and words[1] == "tour" and all(need in order for need in words[2].split()):
            found[words[0]] = words[2]
    return found


def build_held(folder):
    """{name: program} of the C programs in it, {name: file} of its traces."""
    found = {}
    for source in sorted(glob.glob(glob.escape(folder) + "/*.c")):
        name = os.path.basename(source)[:-2]
        found["held:" + name] = build_tool("held-" + name, source, *HELD_MAIN)
    for trace in sorted(glob.glob(glob.escape(folder) + "/*.trace") + glob.glob(glob.escape(folder) + "/*.rep")):
        found["held:" + os.path.splitext(os.path.basename(trace))[0]] = trace
    if not found:
        workspace.die("%s has no .c and no .trace file" % folder)
    return found


def build_tool(name, *words):
    os.makedirs(TOOLS, exist_ok=True)
    to = "%s/%s" % (TOOLS, name)
    if subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O1", "-g", "-fno-builtin", *words, "-o", to],
                      check=False).returncode:
        workspace.die("%s doesn't compile" % words[0])
    return to
