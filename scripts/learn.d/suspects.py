"""Stages with one thing wrong: a bug kept on purpose, or a small mutation; built where nobody sees what it is."""
import os
import re
import shutil
import subprocess

import judge
import suite
import workspace
from workspace import BUILD, MINE, die

# What a mutation does to a line: the pattern of what stands there, and what then does.
MUTATIONS = (
    (r" >= ", " > "), (r" > ", " >= "), (r" <= ", " < "), (r" < ", " <= "), (r" == ", " != "), (r" != ", " == "),
    (r" && ", " || "), (r" \|\| ", " && "), (r" \+ ", " - "), (r" - ", " + "), (r"\btrue\b", "false"),
    (r"\bfalse\b", "true"), (r"if \(!", "if ("), (r"^(    +)[\w>.\[\]()*-]+ [+|&-]?= .*;$", r"\1;"),
    (r"^(    +)\w+\(.*\);$", r"\1;"),
)


class Suspect:
    """What stands in mine/hunts/N or mine/duel: sources with one thing wrong, and a library."""

    def __init__(self, path, stage):
        self.path, self.stage = path, stage
        self.library = "%s/%s/libmalloc.so" % (BUILD, path)
        self.sources = "%s/stages/%s" % (path, stage.folder)

    def build(self):
        """What the compiler said, when it refuses."""
        target = os.path.abspath(BUILD + "/" + self.path)
        ran = subprocess.run(["make", "-s", "-C", self.path, "DEBUG=1", "BUILD=" + target, self.stage.name],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if ran.returncode:
            return ran.stdout or "it doesn't build"
        shutil.copy("%s/debug/%s/libmalloc.so" % (target, self.stage.name), self.library)
        return None

    def judge(self):
        """The judgement of the suite's small tests."""
        return judge.small_tests(judge.begin(self.stage, self.library))


def copy_of(stage, path, lesson=None):
    """A place with all that is needed to build a stage; lesson: a folder whose files take the place of its own."""
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path + "/stages")
    shutil.copy("Makefile", path)
    shutil.copytree("common", path + "/common")
    shutil.copytree(stage.path, "%s/stages/%s" % (path, stage.folder),
                    ignore=shutil.ignore_patterns("bugs", "answers*", "README.md", "hints", "start", "try"))
    for name in lesson or ():
        shutil.copy(name, "%s/stages/%s" % (path, stage.folder))
    return Suspect(path, stage)


def function_at(lines, number):
    """The function that a line (counted from 0) of a C file lies in; or None."""
    for at in range(min(number, len(lines) - 1), -1, -1):
        found = re.match(r"[A-Za-z].*?\b(\w+)\(", lines[at])
        if found and not lines[at].rstrip().endswith(";"):
            return found[1]
        if lines[at].startswith("}") and at < number:
            return None
    return None


def struct_at(lines, number):
    """The struct that a line lies in, by its name; or None."""
    at = next((at for at in range(min(number, len(lines) - 1), -1, -1) if not lines[at].startswith((" ", "}"))), 0)
    found = re.match(r"struct (\w+) \{", lines[at])
    return found[1] if found else None


def changed_functions(old, new):
    """The functions, and the structs, in which two texts differ."""
    import difflib
    old, new = old.split("\n"), new.split("\n")
    found = set()
    for kind, low, high, new_low, new_high in difflib.SequenceMatcher(None, old, new, False).get_opcodes():
        if kind != "equal":
            for lines, first, end in (old, low, high), (new, new_low, new_high):
                found |= {struct_at(lines, at) or function_at(lines, at) for at in range(first, max(end, first + 1))}
    return found - {None}


def bugs(stage):
    """The bugs of a stage that are a change of its lesson: {path of the patch: (symptom, hint)}."""
    found = {}
    for name in sorted(os.listdir(stage.path + "/bugs")):
        text = workspace.read("%s/bugs/%s" % (stage.path, name))
        head = text[:text.index("--- ")] if "--- " in text else ""
        if head and "\n--- Makefile" not in text and "--- a/Makefile" not in text and "Build:" not in head:
            hint = re.search(r"(?m)^Hint: (.*)$", head)
            found["%s/bugs/%s" % (stage.path, name)] = head.split("\n")[0], hint[1] if hint else ""
    return found


def apply(suspect, patch):
    if subprocess.run(["patch", "-s", "-F0", "-p1", "-d", suspect.path, "-i", os.path.abspath(patch)],
                      check=False).returncode:
        die("%s doesn't apply any more; the repository's stage has changed" % patch)


def functions_of(suspect, originals):
    """Where the suspect differs from {name: text} of the right sources."""
    found = set()
    for name, text in originals.items():
        found |= changed_functions(text, workspace.read("%s/%s" % (suspect.sources, name)))
    return found


def mutate(suspect, rng, tries=60):
    """Puts one mutation in that the suite catches. (the file, the line's number, what it was, its judgement)"""
    files = [name for name in sorted(os.listdir(suspect.sources))
             if name.endswith(".c") and name not in ("inspect.c", "tests.c")]
    spots = []
    for name in files:
        lines = workspace.read("%s/%s" % (suspect.sources, name)).split("\n")
        for at, line in enumerate(lines):
            inside = function_at(lines, at) and line.startswith("    ") and not re.match(r" *(/?\*|/\*|return;)", line)
            spots += [(name, at, pattern, put) for pattern, put in MUTATIONS if inside and re.search(pattern, line)]
    rng.shuffle(spots)
    for name, at, pattern, put in spots[:tries]:
        path = "%s/%s" % (suspect.sources, name)
        right = workspace.read(path)
        lines = right.split("\n")
        was, lines[at] = lines[at], re.sub(pattern, put, lines[at], count=1)
        workspace.write(path, "\n".join(lines))
        if suspect.build() is None:
            try:
                found = suspect.judge()
            except suite.Unjudged:
                found = None
            if found and found.red():
                return name, at + 1, was, found
        workspace.write(path, right)
    die("no mutation was found that the suite catches; try again", 1)


def state_path(kind):
    return "%s/%s.json" % (MINE, kind)
