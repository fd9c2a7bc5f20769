"""What a stage's folder says about it. All of it is read from the repository: a stage that is added
later needs no line here."""
import os
import re

STAGES = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../../stages"))


def source(stage):
    """The text of the stage's malloc.c; empty when the library is nobody's here."""
    try:
        with open(os.path.join(STAGES, stage, "malloc.c")) as file:
            return file.read()
    except OSError:
        return ""


def invariants(stage):
    """{number: text} from the comment at the head of malloc.c."""
    head = re.match(r"/\*.*?\*/", source(stage), re.S)
    found = {}
    if head:
        text = re.split(r"\n \* Invariants?\n", head.group() + "\n")[-1]
        for item in re.finditer(r" \*   (\d+)\. (.*(?:\n \*      .*)*)", text):
            found[int(item.group(1))] = re.sub(r"\s*\n \*\s*", " ", item.group(2))
    return found


def promises(stage):
    """The names that the stages up to this one promise; None for an unknown stage."""
    if not source(stage):
        return None
    made = set()
    for folder in sorted(os.listdir(STAGES)):
        path = os.path.join(STAGES, folder, "promises")
        if folder <= stage and os.path.exists(path):
            with open(path) as file:
                for sign, name in re.findall(r"^([+-])(\S+)", file.read(), re.M):
                    (made.add if sign == "+" else made.discard)(name)
    return made


def constant(stage, name, otherwise):
    """The value of a macro of the form ((size_t)N * M), or of another macro."""
    found = re.search(r"#define %s (.*)" % name, source(stage))
    if not found:
        return otherwise
    value = 1
    for factor in re.findall(r"\b(?:\d+|[A-Z_]{2,})\b", found.group(1)):
        value *= int(factor) if factor.isdigit() else constant(stage, factor, 1)
    return value
