"""One verdict: the first cause in full, the rest folded by cause."""
import os
import re

import picture
import suite
import workspace

SHOWN_CALLS = 9
MINUS_ONE = (1 << 64) - 1 # what sbrk and mmap return when they fail
CALLERS = 3
DEEP = 8 # the same function so many times in one stack: it calls itself without end


# Messages that say the same: a pattern, and what it is called.
ALIKE = (
    (r"should give NULL", "a block where there should be NULL"),
    (r"NULL, and errno|NULL with errno", "NULL, and errno isn't ENOMEM"),
    (r"changed errno|errno became|errno was changed", "errno is changed, and nothing failed"),
    (r"gave NULL|NULL, and ", "NULL, though there is memory"),
    (r"the heap grew|grew by", "the heap grows, though memory is free"),
    (r"isn't told|not told|are told", "the heap's description lacks a block"),
    (r"the heap should be", "the row of chunks is another"),
    (r"found nothing", "the heap check finds nothing"),
)
MOST_LINES = 8


class Cause:
    """What a test ended by; what has the same key ends in the same way."""

    def __init__(self, test, library, own_path):
        self.library = library
        stacks = suite.places(library, test)
        inner = [own(stack, own_path) for stack in stacks if stack]
        self.place = inner[0] if inner else None # (function, path, line)
        around = stacks[0][stacks[0].index(self.place) + 1:] if self.place and self.place in stacks[0] else []
        self.callers = [place for place in around if own_path and place[1].startswith(own_path + "/")][:CALLERS]
        self.lines = sorted({place[2] for place in inner if place and place[0] == self.place[0]})
        self.recursion = bool(stacks) and stacks[0] and max(
            sum(place[0] == name[0] for place in stacks[0]) for name in stacks[0]) >= DEEP
        function = self.place[0] if self.place else None
        if test.reason:
            self.key, self.text = ("reason", test.reason), test.reason
        elif test.signal == suite.TIME_IS_UP:
            self.key = ("hang", function)
            self.text = "%s comes to no end" % (function or "the test")
        elif self.recursion:
            self.key, self.text = ("recursion", function), "%s calls itself without end" % function
        elif test.signal and function:
            self.key = ("crash", test.signal, function, self.place[2])
            self.text = "%s in %s, line %d" % (suite.SIGNALS.get(test.signal, "signal %d" % test.signal), function,
                                               self.place[2])
        elif test.signal:
            self.key = ("use", test.signal)
            self.text = "%s where the test used what it was given" % suite.SIGNALS.get(test.signal, test.signal)
        elif test.invariant():
            self.key, self.text = ("invariant", test.invariant()), "invariant %d is broken" % test.invariant()
        else:
            self.text = next((text for pattern, text in ALIKE if re.search(pattern, test.said)),
                             test.said.split("\n")[0].split("; the same again")[0].replace("lib.", ""))
            self.key = ("said", re.sub(r"[+-]?(0x[0-9a-f]+|\d+)", "N", self.text))


def own(stack, own_path):
    """The innermost place in the student's own files, else in the library."""
    return next((place for place in stack if own_path and place[1].startswith(own_path + "/")), stack[0])


def heap_start(test):
    blocks = (test.before or []) + (test.after or [])
    return min((block.start for block in blocks), default=None)


# ---- the calls -----------------------------------------------------------------------------------

class Names:
    """a, b, c for blocks, in the order in which they were given."""

    def __init__(self, start):
        self.start, self.names, self.count = start, {}, 0

    def give(self, address):
        letter, number = chr(ord("a") + self.count % 26), self.count // 26
        self.names[address] = letter + (str(number) if number else "")
        self.count += 1
        return self.names[address]

    def of(self, address):
        if address == 0:
            return "NULL"
        if address in self.names:
            return self.names[address]
        near = [(address - known, name) for known, name in self.names.items() if 0 < address - known < 4096]
        if near:
            return "%s + %d" % (min(near)[1], min(near)[0])
        if self.start and 0 <= address - self.start < 1 << 40:
            return "a block at +%d" % (address - self.start)
        return "%#x" % address


POINTERS = {"free": 1, "realloc": 1, "reallocarray": 1, "malloc_usable_size": 1, "free_sized": 1,
            "free_aligned_sized": 1, "posix_memalign": 1}
ARGUMENTS = {"calloc": 2, "realloc": 2, "reallocarray": 3, "aligned_alloc": 2, "memalign": 2, "posix_memalign": 3,
             "free_sized": 2, "free_aligned_sized": 3}
GIVES_BLOCK = {"malloc", "calloc", "realloc", "reallocarray", "aligned_alloc", "memalign", "valloc", "pvalloc"}


def number(value):
    """As a reader would write it."""
    for name, limit in (("SIZE_MAX", (1 << 64) - 1), ("PTRDIFF_MAX", (1 << 63) - 1)):
        if abs(limit - value) < 1 << 20:
            return name + (" %s %d" % ("-" if limit > value else "+", abs(limit - value)) if limit != value else "")
    return str(value)


def kind(call):
    """The call without its pointers, and whether the system failed it."""
    pointers = POINTERS.get(call.function, 0)
    return (call.function, call.refused, *call.args[pointers:])


def worth_telling(calls):
    """[(call, number of calls like it that are left out before it)]: of a call, or of two, made over and over, the
    first and the last alone."""
    kept, i = [], 0
    while i < len(calls):
        for period in (1, 2):
            end = i + period
            while end < len(calls) and kind(calls[end]) == kind(calls[end - period]):
                end += 1
            if end - i > 3 * period:
                kept += [(call, 0) for call in calls[i:i + period]]
                kept.append((calls[end - 1], end - i - period - 1))
                i = end
                break
        else:
            kept.append((calls[i], 0))
            i += 1
    return kept


def tell_calls(test):
    """Lines: the last calls as C, and what each gave; the one that matters marked."""
    names, told, guilty = Names(heap_start(test)), [], test.guilty()
    calls = worth_telling(test.calls[:test.calls.index(guilty) + 1] if guilty else test.calls)[-SHOWN_CALLS:]
    left_out = calls[0][0].number - 1 - calls[0][1]
    for call, alike in calls:
        count = ARGUMENTS.get(call.function, 1)
        args = [names.of(arg) if i < POINTERS.get(call.function, 0) else number(arg)
                for i, arg in enumerate(call.args[:count])]
        if call.function == "posix_memalign":
            args[0] = "&p"
        said = "%s(%s)" % (call.function, ", ".join(args))
        if not call.returned:
            gave = "never came back"
        elif call.function in GIVES_BLOCK and call.result == MINUS_ONE:
            gave = "(void *)-1"
        elif call.function in GIVES_BLOCK and call.result:
            said = "%s = %s" % (names.give(call.result), said)
            gave = "+%d" % (call.result - names.start) if names.start and call.result >= names.start else ""
        else:
            gave = "NULL" if call.function in GIVES_BLOCK else ""
        if call.refused:
            gave = (gave + "   (%s was made to fail)" % call.refused).lstrip()
        told.append((call, said, gave, alike))
    width = max((len(said) for _, said, _, _ in told), default=0)
    lines = ["... %d calls before" % left_out] if left_out else []
    for call, said, gave, alike in told:
        lines += ["    ... %d calls like that" % alike] if alike else []
        later = test.fault.later if test.fault and call is guilty else None
        lines.append(("%-*s   %s" % (width, said, gave)).rstrip() + (
            "   <-- here" if call is guilty and not later else ""))
        lines += ["(the test %s)   <-- here" % later] if later else []
    return lines


# ---- the first cause -----------------------------------------------------------------------------

def expected_and_got(test, cause, texts, promise):
    said = test.said.split("\n")
    if test.reason:
        return texts.get(promise), "it could not be tried: " + test.reason
    if cause.recursion:
        return "an end", cause.text + ": the stack is used up"
    if test.signal == suite.TIME_IS_UP:
        return "an end", "it went on for seconds"
    if test.signal:
        wrote = [line for line in test.words if line and test.signal == suite.SIGABRT]
        return texts.get(promise), cause.text + (', after it wrote "%s"' % wrote[-1] if wrote else "")
    if said[0].startswith("the heap should be: ") and len(said) > 1:
        return said[0].split(": ", 1)[1], said[1].split(": ", 1)[-1]
    found = re.match(r"(.*\)) gave NULL$", test.said)
    if found:
        return found[1].replace("lib.", "") + " gives a block", "NULL"
    return texts.get(promise), test.said.replace("lib.", "").replace('\n"', '"')


def invariants(stage):
    """{number: text}, of the comment at the head of the stage's sources."""
    found = {}
    for path in stage.lesson():
        for part in re.findall(r"(?s)^ \* Invariants?\n(.*?)\*/", workspace.read(path), re.M):
            for number, text in re.findall(r"(?s)(\d+)\.(.*?)(?=\n \* +\d+\.|\Z)", part):
                found.setdefault(int(number), " ".join(text.replace("\n *", " ").split()))
    return found


def chapter(stage, promise):
    """Where to read: the stage's chapter, and that of the latest stage up to this one that makes the promise."""
    here = '%s/README.md, "The idea"' % stage.path
    for folder in reversed(workspace.shell('folders_up_to "$1"', stage.folder).split()):
        path = "stages/" + folder
        if re.search(r"(?m)^\+%s\s" % re.escape(promise), workspace.read(path + "/promises")):
            return here if folder == stage.folder else "%s; the promise is from %s/README.md" % (here, path)
    return here


def field(name, text):
    """A name, and a text of one or more lines beside it."""
    lines = text if isinstance(text, list) else str(text).split("\n")
    return "\n".join("  %-9s %s" % (name if i == 0 else "", line) for i, line in enumerate(lines)).rstrip()


def in_full(title, stage, test, cause, order, texts, debug, film):
    """A red test, with all that is known of it."""
    promise = test.promise(order)
    expected, got = expected_and_got(test, cause, texts, promise)
    out = ["%s: %s  %s" % (title, promise, texts.get(promise, "")), ""]
    if test.calls:
        out.append(field("calls", tell_calls(test)))
    start, fault = heap_start(test), test.fault
    if fault and fault.later:
        got = "the heap was whole after that call, and broke when the test did that, as it may"
    elif fault and test.said.startswith("the heap check says"):
        got = "a heap in which invariant %d does not hold" % fault.invariant
    elif fault and "invariant" not in test.said:
        got = "in the end: " + got
    out += [field("expected", expected), field("got", got)]
    if test.calls and (test.before is not None or test.after is not None):
        guilty = test.guilty()
        where = fault.where if fault else guilty.result if guilty and guilty.function in GIVES_BLOCK else None
        out.append(field("heap", picture.draw(test.before, test.after, where, start or 0)))
    if fault:
        text = invariants(stage).get(fault.invariant, "")
        out.append(field("broken", ["invariant %d: %s" % (fault.invariant, text), "found: " + fault.text]))
    if cause.place:
        function, path, line = cause.place
        lines = "line %d" % line if len(cause.lines) < 2 else "lines %d to %d" % (cause.lines[0], cause.lines[-1])
        out.append(field("place", "%s: %s, %s%s" % (path, function, lines, source(path, line))))
        if not cause.recursion:
            out += [field("", "called by %s, line %d%s" % (name, number, source(path, number)))
                    for name, path, number in cause.callers]
    at = suite.caller(test, test.guilty())
    if at:
        out.append(field("caller", "%s:%d%s" % (at[0], at[1], source(*at))))
    if debug and test.calls:
        out.append(field("stand", "%s   (GDB, right before the %s)" % (
            debug, "last call" if fault and fault.later else "call that is marked")))
    if film:
        out.append(field("film", "%s   (the heap after each of the last calls)" % film))
    out.append(field("read", chapter(stage, promise)))
    return suite.with_names(cause.library, "\n".join(out))


def source(path, line):
    """The line itself, if it is short."""
    try:
        text = workspace.read(os.path.join(workspace.ROOT, path)).split("\n")[line - 1].strip()
    except (OSError, IndexError):
        return ""
    return ": " + text if text and len(text) < 70 else ""


# ---- the rest ------------------------------------------------------------------------------------

def plural(count, word):
    return "%d %s%s" % (count, word, "" if count == 1 else "s")


def fold(first, causes):
    """Lines: what else is red, by cause. causes is [(test, cause)]; first the key of the one that was told."""
    groups = {}
    for test, cause in causes:
        groups.setdefault(cause.key, []).append((test, cause))
    same = len(groups.pop(first, [])) - 1
    lines = ["%d more %s in the same way." % (same, "test ends" if same == 1 else "tests end")] if same > 0 else []
    for group in list(groups.values())[:MOST_LINES]:
        test, cause = group[0]
        names = test.name if len(group) == 1 else "%s, ..." % test.name
        lines.append("%s: %s  (%s)" % (plural(len(group), "test"), cause.text, names))
    if len(groups) > MOST_LINES:
        lines.append("%s more, by other causes; learn check --list names all." % plural(
            sum(len(group) for group in list(groups.values())[MOST_LINES:]), "test"))
    return lines
