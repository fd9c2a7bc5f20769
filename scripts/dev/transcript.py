"""Runs inside GDB: types the commands of a page, so that the output reads like a session by hand.

run-text sets RUN_TEXT_SESSION to a file of JSON, [[item, command], ...], and RUN_TEXT_MARK to what
ends an item's output. The first item is the shell command that started GDB.
"""
import json
import os

import gdb


def mark(item):
    gdb.flush()
    gdb.write(os.environ["RUN_TEXT_MARK"] % (item, 0))
    gdb.flush()


def play():
    with open(os.environ["RUN_TEXT_SESSION"], encoding="utf-8") as file:
        items = json.load(file)
    # The program is not to see what only the text needs.
    for name in "RUN_TEXT_SESSION", "RUN_TEXT_MARK", "DEBUG_COMMANDS":
        gdb.execute("unset environment " + name)
    mark(items.pop(0)[0])
    last = ""
    for item, command in items:
        last = command or last # Enter alone types the last command again
        try:
            gdb.execute(last, True)
        except gdb.error as error:
            gdb.flush()
            gdb.write("%s\n" % error, gdb.STDERR)
        except KeyboardInterrupt:
            gdb.write("Quit\n", gdb.STDERR)
        mark(item)


play()
gdb.execute("set confirm off")
gdb.execute("quit")
