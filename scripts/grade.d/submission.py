"""One submission: what it is, and what comes out of it. Its code runs in boxes only."""
import glob
import hashlib
import os
import re
import subprocess
import zlib

import box

# What an allocator asks of its surroundings, and what compilers put in. Anything else is told to the teacher.
NEEDED = re.compile(r"""
    _ITM_\w+ | __gmon_start__ | __cxa_finalize | __errno_location | __stack_chk_fail\w* | __assert_fail | __tls_get_addr
    | _GLOBAL_.* | (__)?(mem(cpy|set|move|cmp|chr|mem)|explicit_bzero|bzero|v?snprintf)(_chk)? | str(len|nlen|cmp|ncmp)
    | s?brk | mmap(64)? | munmap | mremap | madvise | mprotect | mincore | getpagesize | sysconf | getauxval | getrandom
    | write | abort | raise | pthread_(self|once|atfork|equal|(mutex|spin|key|rwlock)_\w+|[gs]etspecific)
    | __register_atfork | sched_yield | malloc | free | calloc | realloc | l?div | l?abs | qsort | ffsl*
    | __\w*(clz|ctz|popcount|div|mod)\w*""", re.X)
SOURCE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*\.[ch]")
MOST_BYTES = 1 << 20
BUILD_IT = r"""
make -s BUILD=build MINE=mine DEBUG= build/$1/libmalloc.so || exit 1
lib=build/$1/libmalloc.so
nm -D --undefined-only "$lib" | awk '{ sub(/@.*/, "", $NF); print $NF }' >&3
objdump -d --no-show-raw-insn "$lib" | grep -qE '\s(syscall|sysenter|int +\$0x80|svc)\b' && echo 'system calls' >&3
printf '\0' >&3
cat "$lib" >&3
"""


class Submission:
    def __init__(self, folder):
        self.folder, self.name = folder, os.path.basename(os.path.abspath(folder))
        self.files, self.notes = {}, []
        self.take_files()

    def take_files(self):
        """Regular files of C sources alone: a link could lead to another's, a Makefile could say anything, a header
        of common's name would take its place."""
        left, given = [], os.listdir("common")
        for name in sorted(os.listdir(self.folder)):
            path = os.path.join(self.folder, name)
            if name in ("tests.c", "promises") or name.startswith("."):
                continue
            if SOURCE.fullmatch(name) and name not in given and os.path.isfile(path) and not os.path.islink(path):
                self.files[name] = path
            else:
                left.append(name)
        if sum(os.path.getsize(path) for path in self.files.values()) > MOST_BYTES:
            self.files, left = {}, ["more than %d KiB of sources" % (MOST_BYTES >> 10)]
        if left:
            self.notes.append("left out: " + shorten(" ".join(repr(name)[1:-1] for name in left)))

    def digest(self, assignment):
        total = hashlib.sha256(assignment.encode())
        for name, path in self.files.items():
            with open(path, "rb") as file:
                total.update(name.encode() + b"\0" + file.read() + b"\0")
        return total.hexdigest()

    def text(self):
        """{name: text} of what the student wrote."""
        return {name: open(path, encoding="utf-8", errors="replace").read() for name, path in self.files.items()
                if not name.startswith("inspect")}


class Grading:
    """What a submission earns. broke: which limit it passed. failed: {test: what was wrong}, of those that were run."""

    def __init__(self, submission, assignment, folder):
        self.submission, self.assignment, self.folder = submission, assignment, folder
        self.library = os.path.join(folder, "libmalloc.so")
        self.notes, self.said, self.broke, self.compiled = list(submission.notes), "", None, False
        self.passed, self.failed = set(), {}
        self.seed = zlib.crc32(("%s %s" % (assignment.seed, submission.name)).encode()) or 1

    def run(self):
        os.makedirs(self.folder, exist_ok=True)
        if self.compile():
            self.run_suite()
            if self.passed:
                self.run_programs()
                self.run_held()
        return self

    def note_limit(self, ran):
        self.broke = self.broke or ran.broke

    # ---- compiling

    def compile(self):
        """With the stage's own description of the heap, if it fits: who describes the heap could lie to the tests."""
        given = {os.path.basename(path): path for path in glob.glob(self.assignment.stage.path + "/inspect*.[ch]")}
        own = {name for name in self.submission.files if name.startswith("inspect")}
        if not self.submission.files:
            self.said = "there is no C file"
            return False
        ran = self.compile_with({**self.submission.files, **given})
        if ran.status != 0 and not ran.broke and own:
            ran = self.compile_with(self.submission.files)
            self.notes += ["tells its heap by its own " + " ".join(sorted(own))] * (ran.status == 0)
        self.note_limit(ran)
        imports, found, library = ran.channel.partition(b"\0")
        if ran.status != 0 or ran.broke or not found:
            self.said = ran.broke or first_error(ran.output)
            return False
        with open(self.library, "wb") as file:
            file.write(library)
        strange = [word for word in imports.decode(errors="replace").splitlines() if not NEEDED.fullmatch(word)]
        if strange:
            self.notes.append("uses " + shorten(", ".join(strange)))
        self.compiled = True
        return True

    def compile_with(self, sources):
        own = "mine" + self.assignment.stage.number
        files = {"mine/%s/%s" % (self.assignment.stage.name, name): path for name, path in sources.items()}
        files.update({path: path for path in ["Makefile", *glob.glob("common/*")]})
        return box.run(files, ["bash", "-c", BUILD_IT, "bash", own], settings={"LC_ALL": "C"})

    # ---- running

    def run_suite(self):
        key = box.key()
        later = self.assignment.order.later
        ran = box.run({"suite": self.assignment.suite, "libmalloc.so": self.library},
                      ["./suite", "--so", "./libmalloc.so", "--promises", " ".join(self.assignment.order), "--witness",
                       "--key", *(["--later", later] if later else [])], words=(key + "\n").encode(),
                      settings={"MALLOC_SEED": str(self.seed), "HUNG_LIMIT": "4", "CK_DEFAULT_TIMEOUT": "20"})
        self.note_limit(ran)
        for line in ran.channel.decode(errors="replace").splitlines():
            words = line.split("\t")
            if len(words) == 3 and words[0] == key and words[1] in self.assignment.plan:
                if words[2]:
                    self.failed[words[1]] = words[2]
                else:
                    self.passed.add(words[1])
        if not self.passed and not self.failed:
            found = re.findall(r"(?m)^suite: (.*)$", ran.output.decode(errors="replace"))
            self.said = ran.broke or (found[-1] if found else "it ended before the first test did")

    def run_programs(self):
        """What the script prints goes to the channel, which the programs don't have."""
        scripts = ["tests/programs", "tests/programs.tsv", "tests/limits.sh", "tests/threads.c",
                   "scripts/dev/stages.sh", *glob.glob("tests/ladder/*")]
        ran = box.run({**{path: path for path in scripts}, "libmalloc.so": self.library},
                      ["bash", "-c", 'exec >&3 3>&-; exec tests/programs --promises "$1" libmalloc.so', "bash",
                       " ".join(self.assignment.order)], settings={"HUNG_LIMIT": "2", "CPU_LIMIT": "5"})
        self.note_limit(ran)
        told = ran.channel.decode(errors="replace")
        verdicts = dict(re.findall(r"(?m)^(\S[^:]*): (.*)$", told))
        summary = verdicts.pop("programs", None)
        for name in self.assignment.programs:
            if name in verdicts and verdicts[name] != "not here":
                self.failed[name] = verdicts[name]
            elif summary is None or "not run" in summary:
                self.failed[name] = "not run"
            else:
                self.passed.add(name)

    def run_held(self):
        for name, path in self.assignment.held.items():
            key = (box.key() + "\n").encode()
            trace = not os.access(path, os.X_OK)
            files = {"libmalloc.so": self.library, "test": self.assignment.replay if trace else path}
            ran = box.run({**files, **({"trace": path} if trace else {})},
                          ["env", "LD_PRELOAD=./libmalloc.so", "MALLOC_SEED=%d" % self.seed,
                           "timeout", "-s", "KILL", "60", "./test", *(["trace"] if trace else [])], words=key)
            self.note_limit(ran)
            if ran.status == 0 and ran.channel == key:
                self.passed.add(name)
            else:
                self.failed[name] = ran.broke or ended(ran.status) or last_line(ran.output)

    # ---- what it comes to

    def result(self):
        parts = []
        for part in self.assignment.parts:
            wrong = [(test, self.failed.get(test, "not run")) for test in part.tests if test not in self.passed]
            parts.append({"name": part.name, "text": part.text, "weight": part.weight, "tests": len(part.tests),
                          "passed": not wrong, "wrong": wrong})
        return {"name": self.submission.name, "stage": self.assignment.stage.name, "seed": self.seed,
                "state": self.state(), "said": self.said, "broke": self.broke, "notes": self.notes, "parts": parts}

    def state(self):
        """In a few words: why there is nothing to grade, or what it was stopped for."""
        if not self.compiled:
            return "no compile"
        if self.broke:
            return "stopped"
        if self.said:
            return "no test"
        if any("didn't end" in self.failed.get(test, "") for test in self.assignment.plan):
            return "endless"
        return "wrong" if self.failed else "right"


def shorten(text, most=90):
    return text if len(text) <= most else text[:most - 3] + "..."


def first_error(output):
    text = output.decode(errors="replace")
    found = re.search(r"(?im)^.*\berror\b.*$", text)
    return shorten(clean((found[0] if found else text.strip().split("\n")[0] if text.strip() else "it doesn't build")
                         .replace("mine/", "")), 160)


def last_line(output):
    lines = clean(output.decode(errors="replace")).strip().split("\n")
    return shorten(lines[-1], 160) or "it ended with status 0, and not by a return from main"


def clean(text):
    """What a terminal can show: a submission's words must not move its cursor."""
    return re.sub(r"[^\n\x20-\x7e]", "?", text)


def ended(status):
    if status in (0, 1):
        return None
    if status > 128:
        return "signal %d" % (status - 128) if status != 137 else "it came to no end"
    return "status %d" % status
