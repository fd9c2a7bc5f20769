"""Tests of scripts/gdb/myheap/ghost.py, run inside GDB by tests/ghost.bats, on tests/gdb/ghost_program.c.

GHOST_TEST names one of the functions below. Prints what failed, and at the end "passed N failed N".
"""
import os
import sys
import time

import gdb

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../scripts/gdb"))
from myheap import ghost  # noqa: E402

# Seconds. No measure of speed: what takes so long has no end, or is not linear.
PATIENCE = 20
CALLS = ["malloc", "free", "calloc", "realloc"]
passed = failed = 0


def expect(truth, text):
    global passed, failed
    passed, failed = passed + bool(truth), failed + (not truth)
    if not truth:
        gdb.write("FAILED %s\n" % text)


def go():
    gdb.execute("continue", to_string=True)
    return bool(gdb.selected_inferior().threads())


def start(where="about_to"):
    gdb.execute("set breakpoint pending on")
    gdb.Breakpoint(where).silent = True
    gdb.execute("run", to_string=True)


def argument(name):
    return int(gdb.newest_frame().read_var(name)) & (1 << 64) - 1


def next_call():
    """The call that the program is about to make."""
    name, block, size = CALLS[argument("call")], argument("block"), argument("size")
    return {"malloc": (name, size), "free": (name, block), "calloc": (name, 3, size)}.get(name, (name, block, size))


def calls():
    """Each call of random traffic gives the result and the heap that were foretold."""
    start()
    foretold, others = None, set()
    while True:
        now = ghost.heap()
        array = gdb.newest_frame().older().read_var("block")
        live = {int(array[i]) for i in range(40)} - {0}
        used = {block.payload for block in now.blocks if block.state == "used"}
        others = others if foretold else used - live
        expect(used - others == live, "%d blocks are live, %d are told" % (len(live), len(used - others)))
        if foretold:
            words, said = foretold
            result = argument("result")
            expect(said.ended is None, "%s: %s" % (words, said.ended))
            expect(words[0] == "free" or said.result == result, "%s: %s, not %#x" % (words, said.result, result))
            expect(said.after.blocks == now.blocks, "%s: other blocks" % (words,))
            expect(said.after.program_break == now.program_break, "%s: another break" % (words,))
            expect(not now.faults and not now.trouble, "%s %s" % (now.faults, now.trouble))
        call = next_call()
        if call == ("free", 0):
            return
        before = gdb.selected_inferior().read_memory(now.regions[0].start, 1024).tobytes() if now.regions else b""
        foretold = call, ghost.call(*call)
        if before:
            expect(gdb.selected_inferior().read_memory(now.regions[0].start, 1024).tobytes() == before,
                   "%s has touched the program" % (call,))
        if not go():
            expect(False, "the program has ended before its last call")
            return


def damage():
    """A header full of anything: there is an answer, and soon."""
    start()
    damages = found = 0
    while gdb.selected_inferior().threads():
        began = time.monotonic()
        try:
            heap = ghost.heap()
            said = ghost.call(*next_call())
            expect(said.ended is None or len(said.ended) > 4, "an end without a word")
            found += bool(heap.faults or heap.trouble)
            expect(not heap.trouble, "the description itself: %s" % heap.trouble)
        except ghost.GhostError as error:
            expect(False, "no answer: %s" % error)
        expect(time.monotonic() - began < PATIENCE, "too slow: %f s" % (time.monotonic() - began))
        damages += 1
        if not go():
            break
    expect(damages >= 300, "only %d damages" % damages)
    expect(found > damages / 2, "only %d of %d damages were seen" % (found, damages))


def same():
    """What a stopped program, its core and a program in any language tell is the same."""
    reading = os.environ.get("GHOST_CORE")
    if not reading:
        start()
        for _ in range(60):
            go()
    for command in os.environ.get("GHOST_SETTINGS", "").split(";"):
        gdb.execute(command, to_string=True)
    heap = ghost.heap()
    expect(len(heap.blocks) > 5, "%d blocks" % len(heap.blocks))
    expect(not heap.trouble and not heap.faults, "%s %s" % (heap.trouble, heap.faults))
    expect(heap is ghost.heap(), "taken twice")
    if not reading:
        gdb.execute("up", to_string=True)
        expect(heap is ghost.heap(), "taken anew for another frame")
        inferior, at = gdb.selected_inferior(), heap.blocks[0].payload
        inferior.write_memory(at, inferior.read_memory(at, 1))
        expect(heap is not ghost.heap(), "not taken again after a change")
    used = next(block for block in heap.blocks if block.state == "used")
    for call in (("malloc", 5000), ("free", used.payload), ("realloc", used.payload, 90000)):
        said = ghost.call(*call)
        expect(said.ended is None and not said.after.faults, "%s: %s" % (call, said.ended))
        gdb.write("%s: %s %s %d blocks\n" % (call, said.result, said.system, len(said.after.blocks)))
    said = ghost.call(ghost.function_address("fork"))
    expect(said.system and said.system[0][0] == "system call" and said.system[0][-1] == "ENOSYS", "fork: %s" % (said,))
    gdb.write("break %#x, %d blocks\n" % (heap.program_break, len(heap.blocks)))
    for list_name, blocks in heap.lists:
        expect(all(any(block is other for other in heap.blocks) for block in blocks), list_name)
    if os.environ.get("GHOST_GCORE"):
        gdb.execute("gcore " + os.environ["GHOST_GCORE"], to_string=True)


def threads():
    """Each thread has its own errno."""
    start()
    for number in (3, 4, 5):
        said = ghost.call("malloc", (1 << 63) - 100)
        expect(said.errno == (number, 12), "errno %s" % (said.errno,))
        expect(ghost.call(ghost.function_address("getpid")).errno[0] == number, "errno in the thread")
        go()


def many():
    """100,000 blocks, fast."""
    gdb.execute("run", to_string=True)
    best = 2 * PATIENCE
    for _ in range(3):
        ghost.forget()
        began = time.monotonic()
        heap = ghost.heap()
        best = min(best, time.monotonic() - began)
    expect(len(heap.blocks) >= 100000, "%d blocks" % len(heap.blocks))
    expect(best < PATIENCE, "%f s" % best)


def early():
    """Before the first malloc, and before the loader is ready."""
    gdb.execute("starti", to_string=True)
    for want in ("No library is loaded", ""):
        try:
            heap = ghost.heap()
            expect(not want and not heap.blocks, "%s, %d blocks" % (want, len(heap.blocks)))
        except ghost.GhostError as error:
            expect(want and want in str(error), str(error))
        gdb.execute("tbreak _dl_init", to_string=True)
        gdb.execute("continue", to_string=True)


def says():
    """An end that isn't a return: GHOST_WANT is what must be said of it."""
    start()
    go()
    heap = None
    try:
        heap = ghost.heap()
        said = heap.trouble.get("blocks") or ghost.call("free", 0x1234).ended
    except ghost.GhostError as error:
        said = str(error)
    expect(said and os.environ["GHOST_WANT"] in said, "said: %s" % said)
    if heap:
        expect(heap.stage == "mine" and heap.tells == {"blocks"} and not heap.lists, "%s" % heap.tells)
        expect(len(heap.blocks) >= 1 and heap.blocks[0].overhead == 16, "%s" % heap.blocks)
    expect(go(), "the program goes on")


def places():
    """Memory of all kinds does no harm: the heap is told, and soon."""
    gdb.execute("run", to_string=True)
    began = time.monotonic()
    heap = ghost.heap()
    expect(len(heap.blocks) >= 6 and not heap.faults and not heap.trouble, "%s" % heap.faults)
    expect(time.monotonic() - began < PATIENCE, "%f s" % (time.monotonic() - began))
    biggest = max(heap.blocks, key=lambda block: block.size)
    said = ghost.call("realloc", biggest.payload, biggest.size * 2)
    expect(said.ended is None or "more than 512 MiB" in said.ended, said.ended)
    strlen, memory = ghost.function_address("puts"), ghost.value_of("(char *) file")
    said = ghost.call(strlen, memory)
    expect(said.system and said.system[0][0] == "write", "of a deleted file: %s" % (said,))
    said = ghost.call(strlen, ghost.value_of("(char *) nowhere"))
    expect(said.ended and said.ended.startswith("SIGSEGV reading 0x"), "guard: %s" % (said,))


def refused():
    """Where no ghost can be: GHOST_WANT is the sentence."""
    if os.environ.get("GHOST_START"):
        gdb.execute(os.environ["GHOST_START"], to_string=True)
    try:
        ghost.heap()
        expect(False, "an answer")
    except ghost.GhostError as error:
        expect(os.environ["GHOST_WANT"] in str(error), str(error))


try:
    globals()[os.environ["GHOST_TEST"]]()
except Exception as error: # whatever it is, bats must see it
    import traceback
    expect(False, "%s: %s" % (error, traceback.format_exc()))
gdb.write("passed %d failed %d\n" % (passed, failed))
