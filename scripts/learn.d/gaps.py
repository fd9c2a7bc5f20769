"""Makes a workspace: the stage before, with gaps that say what they must do.

stages/NN/start says where the gaps are. A line at the left begins a thing, the indented lines below
it are its text; # begins a comment.

  todo NAME (PROMISE, ...)   a comment above function NAME; at the top, where there is none
  give NAME                  C text, above the first function, unless NAME is defined already
  include FILE               an #include, unless it is there
  frame FILE: NAME ...       FILE is this stage's own, with the bodies of these functions taken out
  without: NAME ...          ... and these functions left out
  aside FILE [as NAME]       FILE of the stage before, called NAME here, is what runs until it is deleted
  later N PROMISE            only the tests of this promise are held to invariant N
  until MACRO                tools see the stage before, until a source defines MACRO

Without such a file, all functions of the stage that are no mere helpers lose their bodies."""
import os
import re
import textwrap

import workspace

HELPER_LINES = 3 # a body of so many lines is a helper's


class Spec:
    def __init__(self, path):
        self.todos, self.gives, self.includes = [], [], []   # [name, promises, text], [name, text], [file]
        self.frames, self.without, self.until, self.later = {}, [], None, None
        self.aside = self.aside_name = None
        for place, (head, body) in enumerate(blocks(workspace.read(path)) if os.path.exists(path) else []):
            word, _, rest = head.partition(" ")
            found = re.fullmatch(r"(\w+) \(([\w, -]+)\)", rest)
            if word == "todo" and found:
                self.todos.append((found[1], found[2], " ".join(body.split())))
            elif word == "give":
                self.gives.append((rest, body))
            elif word == "include":
                self.includes.append(rest)
            elif word == "frame" and ": " in rest:
                file, names = rest.split(": ", 1)
                self.frames.setdefault(file, []).extend(names.split())
            elif word == "without:":
                self.without += rest.split()
            elif word == "aside":
                self.aside, _, name = rest.partition(" as ")
                self.aside_name = name or self.aside
            elif word == "later":
                self.later = rest
            elif word == "until":
                self.until = rest
            else:
                workspace.die("%s: I don't understand: %s" % (path, head))


def blocks(text):
    """(line, indented text below it), without comments."""
    found = []
    for line in text.splitlines():
        if line.startswith("    ") or not line.strip():
            if found:
                found[-1][1].append(line)
        elif not line.startswith("#"):
            found.append((line.strip(), []))
    return [(head, textwrap.dedent("\n".join(body)).strip("\n")) for head, body in found]


# ---- C, as far as it must be understood: functions begin at the left and end with a } there ----------

def definition(lines, name=r"\w+"):
    """Indices of the lines where functions of this name are defined."""
    pattern = re.compile(r"^[A-Za-z_](?!.*;\s*$)[^=#]*?\b(%s)\s*\(" % name)
    found = []
    for i, line in enumerate(lines):
        match = pattern.match(line)
        if match and match[1] not in ("_Static_assert", "__attribute__") and body_of(lines, i):
            found.append(i)
    return found


def body_of(lines, start):
    """(first, last) line of the braces of the function that begins at start; None: it has no body."""
    for i in range(start, min(start + 6, len(lines))):
        if lines[i].rstrip().endswith(";"):
            return None
        if lines[i].rstrip().endswith("{"):
            end = next((j for j in range(i, len(lines)) if lines[j].startswith("}")), None)
            return (i, end) if end else None
    return None


def above(lines, start):
    """Where the comment above a function begins."""
    while start > 0 and lines[start - 1].strip():
        start -= 1
    return start


def todo(promises, text):
    lines = textwrap.wrap("TODO (%s): %s" % (promises, text), 94)
    return ("/* " + "\n * ".join(lines) + " */").split("\n")


def name_at(lines, start):
    return re.search(r"\b(\w+)\s*\(", re.sub(r"__attribute__\(\(.*?\)\)", "", lines[start]))[1]


def empty(lines, names, without):
    """The same, with these functions' bodies taken out, and others left out."""
    for start in reversed(definition(lines)):
        name = name_at(lines, start)
        first, last = body_of(lines, start)
        if name in without:
            del lines[above(lines, start):last + 2]
        elif name in names:
            kind = lines[start].split(name)[0]
            struct = re.search(r"\bstruct \w+\s*$", kind)
            value = "NULL" if "*" in kind else "(%s){0}" % struct[0].strip() if struct else "0"
            lines[first + 1:last] = ["    /* TODO */"] + ["    return %s;" % value] * (
                not re.search(r"\bvoid\s*$", kind))
    return lines


def head_comment(text):
    """(comment at the head, the rest)."""
    end = text.find("*/") + 2 if text.startswith("/*") else 0
    return text[:end], text[end:]


def has_head(text):
    return re.match(r"/\*\s*\n \* Stage \w+: ", text) is not None


def defines(text, name):
    code = re.sub(r"(?s)/\*.*?\*/", "", text)
    return re.search(r"(#define |struct |[ *])%s\b\s*[ ({=\n]" % re.escape(name.split()[-1]), code) is not None


def add_given(text, spec):
    for file in spec.includes:
        if "#include <%s>" % file not in text:
            there = re.findall(r"(?m)^#include <.*>$", text)
            line = "#include <%s>" % file
            place = next((other for other in there if other > line), there[0])
            text = text.replace(place, line + "\n" + place, 1)
    lines = text.split("\n")
    given = [line for name, body in spec.gives if not defines(text, name) for line in body.split("\n") + [""]]
    if given:
        place = above(lines, (definition(lines) or [len(lines)])[0])
        lines[place:place] = ["/* Given: tools and tests read these. */"] + given
    return "\n".join(lines)


def add_todos(files, spec):
    """files is {name: text}. Each comment stands above its function, or at the top of the first file."""
    lost = []
    for name, promises, text in reversed(spec.todos):
        for file in sorted(files):
            lines = files[file].split("\n")
            found = definition(lines, re.escape(name))
            if found:
                place = above(lines, found[-1])
                lines[place:place] = todo(promises, text)
                files[file] = "\n".join(lines)
                break
        else:
            lost[:0] = todo(promises, "%s: %s" % (name, text))
    if lost:
        file = sorted(files)[0]
        head, rest = head_comment(files[file])
        files[file] = head + "\n" + "\n".join(lost) + rest


def without_old_todos(text):
    return re.sub(r"(?m)^(/\* TODO \((?:[^*]|\*(?!/))*\*/|    /\* TODO \*/)\n", "", text)


def inspections(stage, before, spec):
    """The files that tell tools what they see."""
    def told(of):
        return re.sub(r'(\.stage = )"[^"]*"', r'\1"mine/%s"' % stage.name, workspace.read(of.path + "/inspect.c"))

    if not spec.aside and not spec.until:
        return {"inspect.c": told(stage)}
    first, then = "inspect%s.h" % before.number, "inspect%s.h" % stage.number
    if spec.aside:
        choose = '#if __has_include("%s") /* as long as it is there, it is what runs */' % spec.aside_name
        files = {first: told(before).replace('#include "%s"' % spec.aside, '#include "%s"' % spec.aside_name),
                 then: told(stage)}
    else:
        choose = '#include "heap.c"\n\n#ifndef %s /* the heap is the one of stage %s */' % (spec.until, before.number)
        files = {name: told(of).replace('#include "heap.c"\n', "") for name, of in ((first, before), (then, stage))}
    files["inspect.c"] = "/* inspect.c - what tools see of your heap: given. */\n%s\n#include \"%s\"\n#else\n" \
        "#include \"%s\"\n#endif\n" % (choose, first, then)
    return files


def make(stage, base):
    """{file: text} of the workspace of a stage that begins with the sources of base, a list of paths."""
    spec, before = Spec(stage.path + "/start"), stage.before()
    files = {}
    if not os.path.exists(stage.path + "/start"):
        for path in stage.lesson():
            lines = workspace.read(path).split("\n")
            large = [name_at(lines, i) for i in definition(lines)
                     if body_of(lines, i)[1] - body_of(lines, i)[0] - 1 > HELPER_LINES]
            files[os.path.basename(path)] = "\n".join(empty(lines, large, []))
        return {**files, **inspections(stage, before, spec)}
    if not spec.frames or spec.aside:
        for path in base:
            name = os.path.basename(path)
            files[spec.aside_name if name == spec.aside else name] = without_old_todos(workspace.read(path))
    if spec.aside: # as it is: what is new stands in the other files
        kept, files = files, {}
    for file, names in spec.frames.items():
        files[file] = "\n".join(empty(workspace.read("%s/%s" % (stage.path, file)).split("\n"), names, spec.without))
    for file in files:
        known = "%s/%s" % (stage.path, file)
        if os.path.exists(known) and has_head(files[file]):
            files[file] = head_comment(workspace.read(known))[0] + head_comment(files[file])[1]
    main = "malloc.c" if "malloc.c" in files else sorted(files)[0]
    files[main] = add_given(files[main], spec)
    add_todos(files, spec)
    return {**files, **(kept if spec.aside else {}), **inspections(stage, before, spec)}
