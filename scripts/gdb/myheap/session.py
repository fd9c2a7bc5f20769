"""What `debug` does inside GDB before the first prompt. It passes what it knows by the environment,
never as text of a program: a file may be called x'.py."""
import ctypes
import os
import re
import struct

import gdb

from . import program

NAMES = "ROOT SHELL LIBRARY TITLE PROGRAM PLACE CORE PID AT".split()
given = {}


def begin():
    """Takes what debug gave, makes the program's environment the user's own again, and begins."""
    for name in NAMES:
        given[name] = os.environ.pop("MYHEAP_" + name, "")
    hidden = ["MYHEAP_" + name for name in NAMES] + ["DEBUG_COMMANDS", "LINES", "COLUMNS"]
    commands = ["unset environment " + name for name in hidden]
    commands += ["set print symbol-loading full", "set breakpoint pending on", "set startup-with-shell on",
                 'directory "%s"' % given["ROOT"]]
    commands.append("set environment SHELL " + given["SHELL"] if given["SHELL"] else "unset environment SHELL")
    for command in commands:
        gdb.execute(command, to_string=True)
    program.preloaded = given["LIBRARY"] or None
    if given["CORE"]:
        open_core(given["CORE"], given["LIBRARY"])
    elif ptrace_refused():
        give_up("this system doesn't allow ptrace, so GDB can't run a program. In a container: start it with "
                "--cap-add=SYS_PTRACE. Else, as root: echo 1 >/proc/sys/kernel/yama/ptrace_scope. "
                "A core file can be read all the same: debug --core FILE")
    elif given["PID"]:
        attach(int(given["PID"]))
    elif given["AT"]:
        gdb.write("%s runs on the malloc of %s, up to call %s of the recording.\n" % (
            given["PROGRAM"], given["TITLE"], given["AT"]))
    else:
        gdb.write("%s will run on the malloc of %s. Type:  break %s\n" % (
            given["PROGRAM"], given["TITLE"], given["PLACE"]))
        gdb.write("then:  run        The heap commands:  help myheap\n")
    with open("/proc/cpuinfo") as file:
        gdb.write(calls_fail(file.read(), gdb.VERSION))


def give_up(sentence):
    gdb.write("debug: %s\n" % sentence, gdb.STDERR)
    gdb.execute("quit 125")


def calls_fail(cpuinfo, version):
    """Before 14, GDB writes too small a register area on processors with AMX."""
    if not re.search(r"\bamx_tile\b", cpuinfo) or int(version.split(".")[0]) >= 14:
        return ""
    return ("On this processor (it has AMX) GDB %s can neither call a function of the program nor step backwards; "
            "GDB 14 or newer can. The heap commands need neither.\n" % version.split()[0])


def ptrace_refused():
    """Tries ptrace in a child that does nothing else."""
    libc = ctypes.CDLL(None, use_errno=True)
    child = os.fork()
    if child == 0:
        os._exit(1 if libc.ptrace(0, 0, None, None) else 0) # PTRACE_TRACEME
    return os.waitpid(child, 0)[1] != 0


def attach(pid):
    """A process that runs already: debug has not started it, and can't start it again."""
    try:
        said = gdb.execute("attach %d" % pid, to_string=True)
    except gdb.error as error:
        said = str(error)
    if not program.is_running():
        give_up("GDB can't attach to process %d: %s" % (pid, said.strip().split("\n")[-1]))
    library = program.library()
    name = os.path.basename(gdb.current_progspace().filename or "?")
    if not library:
        gdb.write("%s, process %d, runs on no malloc that describes its heap (heap_inspect): "
                  "the heap commands have nothing to read.\n" % (name, pid))
        return
    gdb.write("%s, process %d, stands still; its malloc is %s. Type:  myheap\n" % (name, pid, library))
    gdb.write("A trace begins now and knows no older call; run would start it anew on libc's malloc. "
              "quit lets it go on.\n")


def files_of_core():
    """(start, offset, file) of what the process had mapped, as the core tells."""
    text = gdb.execute("info proc mappings", to_string=True)
    return [(int(start, 16), int(offset, 16), name) for start, offset, name in re.findall(
        r"(0x\w+)\s+0x\w+\s+0x\w+\s+(0x\w+)\s+(?:[-rwxps]{4}\s+)?(/.*\S)", text)]


def open_core(path, wanted):
    """Loads a core and its program, and compares its library with the one that is there now."""
    try:
        if not gdb.current_progspace().filename:
            gdb.execute("core-file " + path, to_string=True)
            executable = program_of_core()
            if executable:
                gdb.execute("file " + executable, to_string=True)
        gdb.execute("core-file " + path, to_string=not gdb.current_progspace().filename)
    except gdb.error as error:
        give_up("%s is no core file that GDB can read: %s" % (path, error))
    library = program.library() if program.inspect_address() else None
    for file in sorted({file for _, offset, file in files_of_core() if offset == 0 and library in (None, file)}):
        if rebuilt(file):
            gdb.write("%s was built anew since: what the core holds is not what its file says now. Build it as it "
                      "was.\n" % file)
    if not library:
        gdb.write("The program was on no malloc that describes its heap (heap_inspect): "
                  "the heap commands have nothing to read.\n")
        return
    if wanted and os.path.realpath(library) != os.path.realpath(wanted):
        gdb.write("The core was made with %s, so that is looked at, not %s.\n" % (library, wanted))
    gdb.write("A core of %s on %s. Type:  backtrace\n" % (
        os.path.basename(gdb.current_progspace().filename or "?"), library))
    gdb.write("then:  myheap check        The heap commands:  help myheap\n")


def program_of_core():
    """The executable: AT_EXECFN gives its name, the mappings its path."""
    name = re.search(r'AT_EXECFN.*"(.*)"', gdb.execute("info auxv", to_string=True))
    files = [path for _, offset, path in files_of_core() if offset == 0]
    for path in files:
        if name and os.path.basename(path) == os.path.basename(os.path.realpath(name.group(1))):
            return path
    return files[0] if files else None


def rebuilt(path):
    """Is the build ID in the core another than the file's? Only if both can be read."""
    start = next(start for start, offset, file in files_of_core() if offset == 0 and file == path)
    try:
        with open(path, "rb") as file:
            data = file.read()
        now = build_id(lambda at, count: data[at:at + count], in_memory=False)
        then = build_id(lambda at, count: program.read(start + at, count), in_memory=True)
    except (OSError, program.Unreadable, struct.error, IndexError):
        return False
    return None not in (now, then) and now != then


def build_id(read, in_memory):
    """The build ID of an ELF file, of which read(offset, count) gives bytes; or None."""
    head = read(0, 64)
    wide = head[4] == 2
    table, = struct.unpack_from("<Q" if wide else "<I", head, 32 if wide else 28)
    size, count = struct.unpack_from("<2H", head, 54 if wide else 42)
    for i in range(count):
        entry = read(table + i * size, size)
        if struct.unpack_from("<I", entry)[0] != 4: # PT_NOTE
            continue
        places = struct.unpack_from("<3Q" if wide else "<3I", entry, 8 if wide else 4) # offset, vaddr, paddr
        length, = struct.unpack_from("<Q" if wide else "<I", entry, 32 if wide else 16)
        notes, at = read(places[in_memory], length), 0
        while at + 12 <= len(notes):
            name, body, kind = struct.unpack_from("<3I", notes, at)
            at += 12 + (name + 3 & ~3)
            if kind == 3: # NT_GNU_BUILD_ID
                return notes[at:at + body]
            at += body + 3 & ~3
    return None
