"""Tests of the heap commands, run inside GDB: debug -s N -x tests/gdb/driver.py fixture MODE.

The mode of the fixture (fixture.c) says which test. With TEST_CORES=FOLDER each damaged heap is also
written there as a core file, named for the damage; debug --core with this driver then tests them all.
Prints what failed, and at the end "passed N failed N".
"""
import glob
import os
import re
import time

import gdb

# What is broken by each damage, and where; the chunks lie at +0 +160 +416 +768 +864 +1424.
EXPECTED = {
    "none": {},
    "next NULL": {1: "+416: next leads to NULL"},
    "next itself": {1: "+416: next leads to +416: itself"},
    "next cycle": {1: "+416: next leads to +0: a chunk that was passed already, a cycle"},
    "next unaligned": {1: "+416: next leads to +776: not a multiple of 16"},
    "next outside": {1: "+416: next leads to 0x10: outside the heap"},
    "next unmapped": {1: "outside the heap"},
    "next skips": {2: "+864: prev is +768, the chunk before is +416"},
    "prev wrong": {2: "+416: prev is +0, the chunk before is +160"},
    "prev NULL": {2: "+416: prev is NULL"},
    "size zero": {3: "+416: size is 0"},
    "size huge": {3: "+416: size is "},
    "size odd": {3: "+416: size is 301, not a multiple of 16"},
    "size overlaps": {1: "+416: ends at +832, inside the chunk at +768"},
    "data wrong": {4: "+416: data is +480, the payload begins at +464"},
    "base.next NULL": {1: "base: next leads to NULL"},
    "base.prev wrong": {2: "base: prev is +0, the last chunk is +1424"},
    "free pair": {5: "+0: free, and so is the chunk at +160"},
    "free 7": {5: "+160: free, and so is the chunk at +416"},
    "smashed": {1: "+416", 2: "+416", 3: "+416", 4: "+416", 5: "+160"},
}

# Each must answer, or say why not, on every heap.
COMMANDS = """myheap
myheap list
myheap list used 100-400 last 2 -x
myheap list free
myheap freelist
myheap bar
myheap bar 20 -a
myheap map
myheap map 32 -a
myheap check
myheap header +416
myheap header +500
myheap header +777
myheap header &heap_inspect
myheap header 16
myheap which +0
myheap which +430
myheap which +600
myheap which +100000000
myheap which $sp
myheap which 0
myheap would free(+464)
myheap would free(+465)
myheap would free(16)
myheap would free(0)
myheap would free(+208)
myheap would realloc(+464, 1000)
myheap would realloc(+464, 10)
myheap would realloc(+464, 0)
myheap would realloc(0, 5)
myheap would malloc(5)
myheap would malloc(100000)
myheap would malloc(-1)
myheap would calloc(3, 5)
myheap label a
myheap compare a
myheap compare nothing
myheap who +464
myheap trace summary
myheap nonsense
myheap list nonsense
myheap would nonsense
myheap header
print *$chunk(416)
print *$chunk(0)""".splitlines()

failures, passed = [], 0


def expect(truth, text):
    global passed
    if truth:
        passed += 1
    else:
        failures.append(text)
        gdb.write("FAILED %s\n" % text)


def run(command):
    """What a command says; an error must be a sentence, and everything within ten seconds."""
    began = time.monotonic()
    try:
        said = gdb.execute(command, to_string=True)
    except gdb.error as error:
        said = str(error)
        expect("Python" not in said and re.match(r"[A-Z].*[a-z.?)]$", said, re.S) or "memory" in said,
               "%s: no sentence: %s" % (command, said))
    expect(time.monotonic() - began < 10, "%s took too long" % command)
    return said


def check_heap(what, invariants):
    expected = {n: place for n, place in EXPECTED[what].items() if n <= invariants}
    said = run("myheap check")
    broken = {int(n) for n in re.findall(r"^(\d)\. BROKEN", said, re.M)}
    holds = {int(n) for n in re.findall(r"^(\d)\. holds", said, re.M)}
    expect(broken == set(expected), "%s: broken are %s, expected %s\n%s" % (what, broken, set(expected), said))
    expect(broken | holds == set(range(1, invariants + 1)), "%s: not each invariant is told\n%s" % (what, said))
    for place in expected.values():
        expect("at " + place in said or place in said, "%s: not said: %s\n%s" % (what, place, said))
    listed = run("myheap list")
    for n in expected:
        expect("! %d: " % n in listed, "%s: list does not mark invariant %d\n%s" % (what, n, listed))
    if what != "smashed":
        for offset in ("+0", "+160", "+416", "+864", "+1424"):
            expect(re.search(r"^ +\%s " % offset, listed, re.M),
                   "%s: %s is not listed\n%s" % (what, offset, listed))
    for command in COMMANDS:
        run(command)


def invariants_of_stage():
    return int(re.search(r"(\d+) invariants", run("myheap")).group(1))


def argument(name):
    return gdb.newest_frame().read_var(name)


def go():
    gdb.execute("continue", to_string=True)
    return bool(gdb.selected_inferior().threads())


def damages():
    seen = set()
    while True:
        what = argument("what").string()
        seen.add(what)
        check_heap(what, invariants_of_stage())
        if os.environ.get("TEST_CORES"):
            gdb.execute("gcore %s/%s" % (os.environ["TEST_CORES"], what.replace(" ", "_")), to_string=True)
        if not go():
            break
    expect(seen == set(EXPECTED), "not all seen: %s" % (set(EXPECTED) - seen))


def cores():
    for path in sorted(glob.glob(os.environ["TEST_CORES"] + "/*")):
        gdb.execute("core-file " + path, to_string=True)
        check_heap(os.path.basename(path).replace("_", " "), invariants_of_stage())


def calls():
    """What would says comes true."""
    count = 0
    while True:
        what, p, n = argument("what").string(), int(argument("p")), int(argument("n"))
        if what == "none":
            break
        run("myheap label")
        arguments = {"free": "%d" % p, "malloc": "%d" % n, "realloc": "%d, %d" % (p, n)}[what]
        said = run("myheap would %s(%s)" % (what, arguments))
        told = said.split("Afterwards:\n")[1] if "Afterwards:" in said else ""
        more = go()
        came = run("myheap compare").replace("No chunk has changed since last.\n", "")
        came = re.sub(r"^The break moved.*\n", "", came, flags=re.M)
        expect(told == came, "call %d, %s(%s):\n%scame true:\n%s" % (count, what, arguments, said, came))
        expect("BROKEN" not in run("myheap check"), "the heap is not sound after call %d" % count)
        count += 1
        if not more:
            break
    expect(count > 100, "only %d calls" % count)


if gdb.selected_inferior().threads(): # debug --core
    cores()
else:
    gdb.execute("break stop_here", to_string=True)
    gdb.execute("run", to_string=True)
    gdb.execute("up 0", to_string=True)
    calls() if argument("what").string() in ("free", "malloc", "realloc") else damages()
gdb.write("passed %d failed %d\n" % (passed, len(failures)))
