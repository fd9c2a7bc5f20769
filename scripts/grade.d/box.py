"""Runs what is not trusted in a box, within limits: see the script box beside this file."""
import functools
import os
import secrets
import selectors
import shutil
import subprocess
import sys
import tempfile
import time

SCRIPT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "box")
MIB = 1 << 20
LOOK = 0.2 # seconds between two looks at what a box takes
GRACE = 5  # seconds that a box has to end when it is told to


class Limits:
    seconds, cpu = 300, 60          # of any time, for all of a box; of CPU time, for one process
    memory, data = 1024, 4096       # MiB in use, of a box; at most to be asked for, of one process
    processes = 60                  # at a time
    file, disk = 32, 128            # MiB: one file, all files
    output, channel = 16, 16        # MiB that a box may print


class Ran:
    """What became of a command: status, what it printed, what it wrote to descriptor 3, and which limit ended it."""

    def __init__(self):
        self.status, self.output, self.channel, self.broke = None, b"", b"", None


@functools.lru_cache(None)
def confines():
    """Does the kernel give namespaces here? None, or why not."""
    ran = run({}, ["true"], opened=False)
    return None if ran.status == 0 else ran.output.decode(errors="replace").strip().split("\n")[-1] or "unshare fails"


def namespaces():
    """As root the namespaces need none of a user; else the user is root in one, to mount."""
    user = [] if os.geteuid() == 0 else ["-U", "-r"]
    return [shutil.which("unshare") or "unshare", *user, "-m", "-n", "-p", "-i", "-u", "--fork", "--kill-child"]


def limited(command, opened):
    processes = Limits.processes + (own_processes() if opened else 0)
    return ["prlimit", "--core=0", "--cpu=%d" % Limits.cpu, "--data=%d" % (Limits.data * MIB), "--nofile=256",
            "--fsize=%d" % (Limits.file * MIB), "--nproc=%d" % processes, "--", *command]


def own_processes():
    """Outside a box the kernel counts all processes of a user, threads too."""
    uid, count = os.geteuid() or 65534, 0
    for entry in os.scandir("/proc"):
        try:
            count += len(os.listdir(entry.path + "/task")) if entry.name.isdigit() and entry.stat().st_uid == uid else 0
        except OSError:
            pass
    return count


def run(files, command, words=b"", settings=None, opened=None):
    """Runs a command that finds these files, {name: path}, in its folder, and words on its standard input."""
    opened = confines() is not None if opened is None else opened
    with tempfile.TemporaryDirectory(prefix="grade-") as folder:
        lay_out(folder, files)
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", "HOME": "/tmp",
                       "BOX_DISK": "%dm" % Limits.disk, **({} if os.geteuid() == 0 else {"BOX_OWNER": "1"})}
        reader, writer = os.pipe()
        process = subprocess.Popen(
            [*([] if opened else namespaces()), SCRIPT, "open" if opened else "confined", folder, str(writer),
             "env", "-u", "BOX_DISK", "-u", "BOX_OWNER", *("%s=%s" % pair for pair in (settings or {}).items()),
             *limited(command, opened)], env=environment, pass_fds=(writer,), start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.close(writer)
        try:
            return attend(process, reader, words)
        finally:
            end(process)
            os.close(reader)


def lay_out(folder, files):
    os.chmod(folder, 0o755)
    os.mkdir(folder + "/root")
    os.mkdir(folder + "/files")
    for name, path in files.items():
        to = os.path.join(folder, "files", name)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy(path, to)


def attend(process, reader, words):
    """Takes in what it prints, and ends it when it passes a limit."""
    ran, began, looked = Ran(), time.monotonic(), 0
    parts, sizes = {"output": [], "channel": []}, {"output": 0, "channel": 0}
    try:
        process.stdin.write(words)
        process.stdin.close()
    except BrokenPipeError:
        pass
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ, "output")
        waiting.register(reader, selectors.EVENT_READ, "channel")
        while not ran.broke and (waiting.get_map() or process.poll() is None):
            if process.poll() is not None:
                end(process) # what it left behind may have its descriptors still
            for key, _ in waiting.select(LOOK):
                piece = os.read(key.fd, 1 << 16)
                if not piece:
                    waiting.unregister(key.fileobj)
                parts[key.data].append(piece)
                sizes[key.data] += len(piece)
            now = time.monotonic()
            if now - looked > LOOK:
                looked, ran.broke = now, broken_limit(process.pid, now - began)
            for name, size in sizes.items():
                if size > getattr(Limits, name) * MIB:
                    ran.broke = "it printed more than %d MiB" % getattr(Limits, name)
    if ran.broke:
        end(process)
    ran.status = process.wait()
    ran.output, ran.channel = b"".join(parts["output"]), b"".join(parts["channel"])
    return ran


def broken_limit(pid, seconds):
    below, memory = descendants(pid)
    if seconds > Limits.seconds:
        return "it took more than %d s" % Limits.seconds
    if memory > Limits.memory * MIB:
        return "it took more than %d MiB of memory" % Limits.memory
    if len(below) > Limits.processes * 2 // 3:
        return "it started more than %d processes" % (Limits.processes * 2 // 3)
    return None


def descendants(pid):
    """(a box's processes: the first one's session, and what stands below it; bytes of memory that they have)."""
    parents, pages, found = {}, {}, set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, encoding="latin-1") as file:
                    state, parent, _, session, *words = file.read().rpartition(")")[2].split()
            except (OSError, ValueError):
                continue
            if state != "Z":
                parents[int(name)], pages[int(name)] = int(parent), int(words[17])
                found |= {int(name)} if int(session) == pid else set()
    new = set(found)
    while new:
        new = {child for child, parent in parents.items() if parent in new} - found
        found |= new
    return found, sum(pages[child] for child in found) * os.sysconf("SC_PAGE_SIZE")


def end(process):
    """Ends all that a box runs. Its process 1 takes the others with it; outside a box each is ended, as it is found."""
    until = time.monotonic() + GRACE
    while time.monotonic() < until:
        below, _ = descendants(process.pid)
        for pid in below:
            try:
                os.kill(pid, 9)
            except OSError:
                pass
        if not below and process.poll() is not None:
            return
        time.sleep(0.02)


def key():
    """A line that what runs in a box can't know beforehand."""
    return secrets.token_hex(16)


if __name__ == "__main__": # ends 0 where there are boxes, 1 with why not
    sys.exit(confines())
