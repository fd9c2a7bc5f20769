"""What `debug` does inside GDB before the first prompt: the greeting, ptrace, a core file."""
import ctypes
import os
import re

import gdb

from . import program


def prepare(root, shell):
    """GDB's settings, and an environment for the program that is the user's own again."""
    commands = ["set print symbol-loading full", "set breakpoint pending on", "set startup-with-shell on",
                "directory \"%s\"" % root, "unset environment DEBUG_COMMANDS", "unset environment LINES",
                "unset environment COLUMNS"]
    commands.append("set environment SHELL " + shell if shell else "unset environment SHELL")
    for command in commands:
        gdb.execute(command, to_string=True)


def ptrace_refused():
    """Tries ptrace in a child that does nothing else."""
    libc = ctypes.CDLL(None, use_errno=True)
    child = os.fork()
    if child == 0:
        os._exit(1 if libc.ptrace(0, 0, None, None) else 0) # PTRACE_TRACEME
    return os.waitpid(child, 0)[1] != 0


def greet(title, name, place):
    if ptrace_refused():
        gdb.write("debug: this system doesn't allow ptrace, so GDB can't run a program. In a container: "
                  "start it with --cap-add=SYS_PTRACE. Else, as root: echo 1 >/proc/sys/kernel/yama/ptrace_scope. "
                  "A core file can be read all the same: debug --core FILE\n", gdb.STDERR)
        gdb.execute("quit 125")
    gdb.write("%s will run on the malloc of %s. Type:  break %s\n" % (name, title, place))
    gdb.write("then:  run        The heap commands:  help myheap\n")


def files_of_core():
    """(start, offset, file) of what the process had mapped, as the core tells."""
    text = gdb.execute("info proc mappings", to_string=True)
    return [(int(start, 16), int(offset, 16), name)
            for start, offset, name in re.findall(r"(0x\w+)\s+0x\w+\s+0x\w+\s+(0x\w+)\s+(/.*\S)", text)]


def open_core(path, wanted):
    """Loads a core and its program, and compares its library with the one that is there now."""
    say = gdb.write
    try:
        if not gdb.current_progspace().filename:
            gdb.execute("core-file " + path, to_string=True)
            executable = program_of_core()
            if executable:
                gdb.execute("file " + executable, to_string=True)
        gdb.execute("core-file " + path, to_string=not gdb.current_progspace().filename)
    except gdb.error as error:
        say("debug: %s is no core file that GDB can read: %s\n" % (path, error), gdb.STDERR)
        gdb.execute("quit 125")
    address = program.symbol_address("heap_inspect")
    library = address and program.object_file_of(address)
    if not library:
        say("The program was on no malloc that describes its heap (heap_inspect): "
            "the heap commands have nothing to read.\n")
    else:
        if wanted and os.path.realpath(library) != os.path.realpath(wanted):
            say("The core was made with %s, so that is looked at, not %s.\n" % (library, wanted))
        if rebuilt(library):
            say("%s was built anew since: places in its code may be wrong.\n" % library)
        say("A core of %s on %s. Type:  backtrace\n" % (
            os.path.basename(gdb.current_progspace().filename or "?"), library))
        say("then:  myheap check        The heap commands:  help myheap\n")


def program_of_core():
    """The executable: AT_EXECFN gives its name, the mappings its path."""
    name = re.search(r'AT_EXECFN.*"(.*)"', gdb.execute("info auxv", to_string=True))
    files = [path for _, offset, path in files_of_core() if offset == 0]
    for path in files:
        if name and os.path.basename(path) == os.path.basename(os.path.realpath(name.group(1))):
            return path
    return files[0] if files else None


def rebuilt(library):
    """A core holds the first page of each library, with the build id. Is it still the file's?"""
    for start, offset, path in files_of_core():
        if offset == 0 and path == library:
            try:
                with open(path, "rb") as file:
                    return program.read(start, 1024) != file.read(1024)
            except (OSError, program.Unreadable):
                return False
    return False
