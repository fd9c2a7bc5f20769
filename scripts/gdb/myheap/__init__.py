"""Heap commands for GDB that know the allocators of this repository.

They read the program through the constant heap_inspect (common/inspect.h): where the list of chunks
begins, and where in a header each field lies. So they need no debug symbols, work on a core file
too, and on any library that exports heap_inspect. They only read memory: no command calls a
function of the program.

    program.py     the stopped program: memory, symbols, mappings
    heap.py        heap_inspect, chunks, the walk
    stages.py      what a stage's folder says: its invariants, promises, constants
    invariants.py  the checks, one a numbered invariant
    pictures.py    bars
    would.py       what free, malloc or realloc would do now
    trace.py       a line a call, and who allocated what
    printers.py    p *chunk
    commands.py    the commands themselves
    session.py     what `debug` does before the first prompt
"""
