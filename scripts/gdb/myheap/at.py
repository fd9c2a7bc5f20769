"""To a call of a recording: the recorder, in front of the library, counts up to it (RECORD_STOP)."""
import gdb

from . import program


def run():
    gdb.execute("tbreak stop_here", to_string=True)
    stop = gdb.breakpoints()[-1]
    stop.silent = True
    gdb.execute("run")
    if not program.is_running() or stop.is_valid():
        gdb.write("It came to no such call: it went another way this time, or the recording has fewer.\n")
        return
    function = gdb.parse_and_eval("function_names[kind]").string()
    gdb.execute("tbreak *real.%s" % function, to_string=True)
    gdb.execute("continue")
