"""Heap commands for GDB.

No file here knows how an allocator keeps its heap. Blocks, lists and verdicts come from the library's
own compiled code (common/inspect.h), run on a copy of the program's memory: see ghost.py. So the
commands work on each stage and on your own library, on a core file and on a damaged heap, and nothing
of the program is called or changed.

    ghost.py          what the library's code says, run on the copy
    ghost_process.py  the copy
    symbols.py        addresses of the program and their names
    heap.py           the heap, ready to be shown: places as +N, who holds an address
    program.py        the stopped program: memory, the user's expressions
    source.py         the numbered invariants at the head of a source; the header's fields, by debug symbols
    screen.py         output: colours, limits, bytes
    pictures.py       bars and maps
    trace.py          a line a call, and who allocated what
    printers.py       p *chunk
    commands.py       the commands themselves
    until.py          to the first call that breaks an invariant
    at.py             to a call of a recording
    session.py        what `debug` does before the first prompt
"""
