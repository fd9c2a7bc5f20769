"""Adds the `myheap` commands to GDB. `debug` sources this file; so can any GDB session:

    (gdb) source scripts/gdb/load.py
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import myheap.at         # noqa: E402
import myheap.commands  # noqa: E402
import myheap.printers  # noqa: E402
import myheap.session   # noqa: E402

myheap.commands.register()
myheap.printers.register()
