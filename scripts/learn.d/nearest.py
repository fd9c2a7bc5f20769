"""Which of the bugs kept on purpose does a red stage resemble?

stages/NN/bugs/reds says what each bug of a stage breaks: its name, the invariant that broke first, or -,
and the tests that fail. Its line * names all tests of the stage. tests/diagnosis writes it."""
import os

import workspace

LIKELY = 0.75 # below it nothing is near
APART = 0.15 # a second guess that is further off than this is none


class Bug:
    def __init__(self, stage, line, every):
        self.stage, self.every = stage, every
        self.name, self.invariant, tests = line
        self.tests = set(tests.split())

    def says_little(self):
        """When nearly all is red, and no invariant was seen to break, then one cause looks like another."""
        return self.invariant == "-" and len(self.tests) > len(self.every) / 2


def rows(stage):
    path = stage.path + "/bugs/reds"
    if not os.path.exists(path):
        return []
    return [line.split("\t") for line in workspace.read(path).splitlines() if line.count("\t") == 2]


def bugs_up_to(stage):
    """Those of the stage, and of the stages that it stands on: each mistake can be made again later."""
    found = []
    for folder in workspace.shell('folders_up_to "$1"', stage.folder).split():
        of = workspace.Stage(folder)
        lines = rows(of)
        every = set(next((line[2] for line in lines if line[0] == "*"), "").split())
        found += [Bug(of, line, every) for line in lines if line[0] != "*"]
    return found


def weights(bugs):
    """A test that fails with many bugs says little of which."""
    count = {}
    for bug in bugs:
        for test in bug.tests:
            count[test] = count.get(test, 0) + 1
    return {test: 1 / number for test, number in count.items()}


def likeness(bug, red, invariant, weight, stage):
    """0 to 1: how much of what is red in either is red in both; the rest for the invariant."""
    seen = red & bug.every if bug.stage.folder != stage.folder else red
    if not seen or bug.says_little():
        return 0
    total = sum(weight.get(test, 1) for test in seen | bug.tests)
    both = sum(weight.get(test, 1) for test in seen & bug.tests)
    same = 1 if invariant == bug.invariant else 0
    earlier = 0 if bug.stage.folder == stage.folder else 0.05
    return 0.75 * both / total + 0.25 * same - earlier


def nearest(stage, red, invariant, bugs=None):
    """[(likeness, bug)], the nearest first; no more than two, and none that is not near. invariant is the one that
    broke first, as a text, or -."""
    bugs = bugs_up_to(stage) if bugs is None else bugs
    weight = weights(bugs)
    found = sorted(((likeness(bug, red, invariant, weight, stage), bug) for bug in bugs), key=lambda item: -item[0])
    return [item for item in found[:2] if item[0] >= LIKELY and item[0] >= found[0][0] - APART]
