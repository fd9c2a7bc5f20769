"""The student's stages, and the stages of the repository that they follow."""
import datetime
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
CALLED_FROM = os.getcwd()
os.chdir(ROOT)
sys.dont_write_bytecode = True
signal.signal(signal.SIGPIPE, signal.SIG_DFL) # learn ... | head ends in silence
BUILD = os.environ.get("BUILD", "build")
MINE = os.environ.get("MINE", "mine")


def die(sentence, status=2):
    sys.stdout.flush()
    print("learn: " + sentence, file=sys.stderr)
    sys.exit(status)


def shell(command, *args):
    """What a function of stages.sh, or a script, prints; empty when it fails."""
    ran = subprocess.run(["bash", "-c", ". scripts/dev/stages.sh; " + command, "bash", *args],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return ran.stdout.strip() if ran.returncode == 0 else ""


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class Stage:
    """A stage of the repository, and the student's beside it."""

    def __init__(self, folder):
        self.folder = folder                                # 04-first-fit
        self.path = "stages/" + folder
        self.name = shell('stage_of "$1"', folder)          # stage4
        self.number = self.name[len("stage"):]              # 4, 8b
        self.own_path = os.path.join(MINE, self.name)       # mine/stage4
        self.own = "mine" + self.number                     # mine4

    @property
    def exists(self):
        return os.path.isdir(self.own_path)

    def before(self):
        folder = shell('folder_before "$1"', self.folder)
        return Stage(folder) if folder else None

    def next_number(self):
        """Of the stage that follows on the main line; None after the last."""
        number = str(int(re.match(r"\d+", self.number)[0]) + 1)
        return number if shell('find_folder "$1"', number) else None

    def lesson(self):
        """The files that a reader of the stage reads."""
        return shell('lesson_of "$1"', self.folder).split()

    def own_lesson(self):
        return shell('lesson_of "$1"', self.own_path).split()

    def promises(self):
        return shell('tests/promises --names "$1"', self.name).split()

    def promise_texts(self):
        """{name: text} of all that it promises, in order."""
        lines = shell('tests/promises "$1"', self.name).splitlines()
        return {line.split()[0]: line.split(None, 1)[1] for line in lines}

    def new_promises(self):
        before = self.before()
        return [name for name in self.promises() if not before or name not in before.promises()]

    def digest(self):
        """Of the student's sources: another one when any byte changes."""
        total = hashlib.sha256()
        for name in sorted(os.listdir(self.own_path)):
            path = os.path.join(self.own_path, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    total.update(name.encode() + b"\0" + file.read() + b"\0")
        return total.hexdigest()[:16]


def stages():
    return [Stage(folder) for folder in shell("stage_folders").split()]


def find_stage(word):
    folder = shell('find_folder "$1"', re.sub(r"^(mine|%s)/?(?:stage)?" % re.escape(MINE), "", word))
    if not folder:
        die("there is no stage '%s'; there are: %s" % (word, shell("stage_names")))
    return Stage(folder)


def own_stage(word=None):
    """The student's stage that is meant: the one named, or the one that was worked on last."""
    if word:
        stage = find_stage(word)
        if not stage.exists:
            die("you have no stage %s yet; begin it with: learn start %s" % (stage.number, stage.number))
        return stage
    own = [stage for stage in stages() if stage.exists]
    if not own:
        die("you have no stage yet; begin one with: learn start 1")
    return max(own, key=lambda stage: max(os.path.getmtime(os.path.join(stage.own_path, name))
                                          for name in os.listdir(stage.own_path) or ["."]))


def arguments(text, words, most=1):
    """The words of a command, most of them at most; --help prints its text."""
    if words and words[0] in ("-h", "--help"):
        print("learn " + text.strip())
        sys.exit(0)
    for word in words:
        if word.startswith("-"):
            die("there is no option %s; see --help" % word)
    if len(words) > most:
        die("that is one word too many: " + words[most])
    return words + [None] * (most - len(words))


def keep(stage, name=None):
    """Copies the student's stage to mine/kept; by a number when it has no name."""
    kept = os.path.join(MINE, "kept")
    numbers = (os.path.join(kept, "%s-%d" % (stage.name, number)) for number in range(1, 10000))
    path = os.path.join(kept, name) if name else next(path for path in numbers if not os.path.exists(path))
    if os.path.exists(path):
        die("%s is there already; take another name" % path)
    shutil.copytree(stage.own_path, path)
    return path


# ---- progress: one line for each verdict that was another than the one before ---------------------

PROGRESS = os.path.join(MINE, "progress.tsv")


def verdicts():
    """Lines of: day, stage, digest, passed, all, red promises."""
    if not os.path.exists(PROGRESS):
        return []
    return [line.split("\t") for line in read(PROGRESS).splitlines() if line.count("\t") == 5]


def last_verdict(stage):
    return next((line for line in reversed(verdicts()) if line[1] == stage.own), None)


def note_verdict(stage, passed, total, red):
    line = [datetime.date.today().isoformat(), stage.own, stage.digest(), str(passed), str(total), " ".join(red)]
    if last_verdict(stage) != line:
        os.makedirs(MINE, exist_ok=True)
        with open(PROGRESS, "a", encoding="utf-8") as file:
            file.write("\t".join(line) + "\n")


def is_green(stage):
    """Is it, as it stands now? None: it has changed since it was tested."""
    line = last_verdict(stage)
    return line[3] == line[4] if line and line[2] == stage.digest() else None
