"""Tests of the heap commands, run inside GDB: debug -s N -x tests/gdb/driver.py fixture MODE.

The mode of the fixture (fixture.c) says which test. With TEST_CORES=FOLDER damaged heaps are also written
there as core files, each named for its damage; debug --core with this driver then tests them. They are the
THOROUGH ones, or with TEST_ALL_CORES=1 all.
Prints what failed, and at the end "passed N failed N".
"""
import glob
import os
import re

import gdb

# What is broken by each damage, and where; the chunks lie at +0 +160 +416 +768 +864 +1424.
SMASHED = {3: "+416: size is ", 4: "+416: mark is ", 5: "+416: free is 120"}
EXPECTED = {
    "none": {},
    "next NULL": {1: "+416: next is NULL, the chunk above is +768"},
    "next itself": {1: "+416: next is +416, the chunk above is +768"},
    "next cycle": {1: "+416: next is +0, the chunk above is +768"},
    "next unaligned": {1: "+416: next is +776, the chunk above is +768"},
    "next outside": {1: "+416: next is 0x10, the chunk above is +768"},
    "next unmapped": {1: "+416: next is 0x7ffffffffffffff0, the chunk above is +768"},
    "next skips": {1: "+416: next is +864, the chunk above is +768"},
    "prev wrong": {2: "+416: prev is +0, the chunk before is +160"},
    "prev NULL": {2: "+416: prev is NULL, the chunk before is +160"},
    "base.next NULL": {1: "base: next is NULL, the chunk above is +0"},
    "base.next into the middle": {1: "base: next is +416, the chunk above is +0"},
    "base.next into a payload": {1: "base: next is +976, the chunk above is +0"},
    "base.prev wrong": {2: "base: prev is +0, the last chunk is +1424"},
    "size zero": {3: "+416: size is 0, "},
    "size huge": {3: "+416: size is 9223372036854775792, "},
    "size -1": {3: "+416: size is 18446744073709551615, "},
    "size odd": {3: "+416: size is 301, "},
    "size overlaps": {1: "+416: it ends at +832, inside the chunk at +768"},
    "mark wrong": {4: "+416: mark is +464, it should be 0x"},
    "free pair": {6: "+0: it is free, and so is the chunk at +160"},
    "free 0x42": {5: "+416: free is 66", 6: "+160: it is free, and so is the chunk at +416"},
    "unlinked": {1: "+160: next is +768, the chunk above is +416",
                 2: "+768: prev is +160, the chunk before is +416"},
    "two unlinked": {1: "+160: next is +864, the chunk above is +416",
                     2: "+864: prev is +160, the chunk before is +768"},
    "smashed": {1: "+416: next is 0x7878787878787878", 2: "+416: prev is 0x7878787878787878", **SMASHED,
                6: "+160: it is free, and so is the chunk at +416"},
    "two smashed": {1: "+160: next is +416, the chunk above is +864",
                    2: "+864: prev is +768, the chunk before is +160"},
    "first smashed": {1: "+0: next is 0x78", 2: "+0: prev is 0x78", 3: "+0: size is ", 4: "+0: mark is ",
                      5: "+0: free is 120"},
    "last smashed": {1: "+1424: next is 0x78", 2: "+1424: prev is 0x78", 3: "+1424: size is ", 4: "+1424: mark is ",
                     5: "+1424: free is 120"},
}
CHUNKS = {"+0", "+160", "+416", "+768", "+864", "+1424"}
GONE = {"two smashed": {"+416", "+768"}} # of which no header and no link is left

# Each must answer, or say why not, on every heap.
COMMANDS = """myheap
myheap list all -a -x
myheap list used 100-400 last 2 -x
myheap list free
myheap freelist
myheap freelist 1
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
myheap which "abc"
myheap which nobody
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
myheap who
myheap trace summary
myheap nonsense
myheap list nonsense
myheap bar nonsense
myheap would nonsense
myheap header
print *$chunk(416)
print *$chunk(0)
print $chunk(100000000)""".splitlines()

LONGEST = 10 # seconds that a command may take; with a hundred thousand chunks see many()
FEW = """myheap list -x
myheap freelist
myheap map
myheap header +416
myheap would free(+464)
myheap would malloc(5)
print *$chunk(416)""".splitlines()
THOROUGH = "none", "base.next NULL", "size -1", "two unlinked", "smashed" # where all are tried

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
    began = sum(os.times()[:4]) # of processors, the ghosts' too: others may keep this machine busy
    try:
        said = gdb.execute(command, to_string=True)
    except gdb.error as error:
        said = str(error)
        expect("Python" not in said and re.match(r"[A-Z].*", said, re.S),
               "%s: no sentence: %s" % (command, said))
    expect(sum(os.times()[:4]) - began < LONGEST, "%s took too long" % command)
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
    seen = set(re.findall(r"^ +(\+\d+) +\d+  (?:used|free)", listed, re.M))
    expect(seen == CHUNKS - GONE.get(what, set()), "%s: listed are %s\n%s" % (what, seen, listed))
    if not GONE.get(what) and what != "last smashed":
        expect("+500 is byte 36 of the payload of the chunk at +416" in run("myheap which +500") or "zero" in what,
               "%s: which +500: %s" % (what, run("myheap which +500")))
    if what in ("size huge", "size -1", "size overlaps"): # and yet no byte belongs to two
        expect("4 used (992 bytes), 2 free (256 bytes)" in listed, "%s: swallows others\n%s" % (what, listed))
    for command in COMMANDS if what in THOROUGH else FEW:
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
        if os.environ.get("TEST_CORES") and (what in THOROUGH or os.environ.get("TEST_ALL_CORES")):
            gdb.execute("gcore %s/%s" % (os.environ["TEST_CORES"], what.replace(" ", "_")), to_string=True)
        if not go():
            break
    expect(seen == set(EXPECTED), "not all seen: %s" % (set(EXPECTED) - seen))


def cores():
    paths = sorted(glob.glob(os.environ["TEST_CORES"] + "/*"))
    expect(len(paths) == len(EXPECTED if os.environ.get("TEST_ALL_CORES") else THOROUGH), "cores: %s" % paths)
    for path in paths:
        gdb.execute("core-file " + path, to_string=True)
        check_heap(os.path.basename(path).replace("_", " "), invariants_of_stage())


def variable(name):
    return int(gdb.lookup_static_symbol(name).value()) if gdb.lookup_static_symbol(name) else 0


def result_told(said):
    """What would says malloc and realloc return, as a number."""
    word = re.search(r"\) = (\S+?),?(?: |$)", said, re.M)[1]
    if word == "NULL":
        return 0
    return int(gdb.parse_and_eval("(long) $chunk(0)")) + int(word) if word[0] == "+" else int(word, 16)


def calls():
    """What would says comes true."""
    count = 0
    while True:
        what, p, n = argument("what").string(), int(argument("p")), int(argument("n"))
        if what == "none":
            break
        if what == "somebody else":
            go()
            continue
        run("myheap label")
        arguments = {"free": "%d" % p, "malloc": "%d" % n, "realloc": "%d, %d" % (p, n)}[what]
        said = run("myheap would %s(%s)" % (what, arguments))
        told = said.split("Afterwards:\n")[1] if "Afterwards:" in said else ""
        more = go()
        came = run("myheap compare").replace("No chunk has changed since last.\n", "")
        moved = sum(map(int, re.findall(r"^The break moved by (\S+) bytes", came, re.M)))
        expect(more is False or moved == sum(map(int, re.findall(r"^System call: brk\((\S+)\)", said, re.M))),
               "call %d, %s(%s): the break moved by %s\n%s" % (count, what, arguments, moved, said))
        came = re.sub(r"^The break moved.*\n", "", came, flags=re.M)
        expect(told == came, "call %d, %s(%s):\n%scame true:\n%s" % (count, what, arguments, said, came))
        if what != "free" and variable("result"):
            expect(result_told(said) == variable("result"), "call %d, %s(%s): %s" % (count, what, arguments, said))
        expect("BROKEN" not in run("myheap check"), "the heap is not sound after call %d" % count)
        count += 1
        if not more:
            break
    expect(count > 100, "only %d calls" % count)


def many():
    """A hundred thousand chunks: no command takes a step for each pair of them."""
    global LONGEST
    LONGEST = 5
    for command in ["myheap", "myheap list all", "myheap list free 16", "myheap freelist all", "myheap bar",
                    "myheap check", "myheap which +5000000", "myheap label", "myheap compare"] + FEW:
        run(command)
    expect(re.match(r"1\d\d,\d{3} chunks", run("myheap label").split(": ", 1)[1]), run("myheap label"))
    expect("sound." in run("myheap check"), run("myheap check"))
    expect("33334 free of 1" in run("myheap freelist").replace(",", ""), run("myheap freelist")[:200])
    expect("\n33,334 free chunks, " in run("myheap freelist"), run("myheap freelist")[-200:])


if gdb.selected_inferior().threads(): # debug --core
    cores()
else:
    gdb.execute("break stop_here", to_string=True)
    gdb.execute("run", to_string=True)
    gdb.execute("up 0", to_string=True)
    {"free": calls, "malloc": calls, "realloc": calls, "many": many}.get(argument("what").string(), damages)()
gdb.write("passed %d failed %d\n" % (passed, len(failures)))
