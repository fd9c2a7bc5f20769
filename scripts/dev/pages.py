"""What run-text, listings and links share: which pages there are, and the fences in a page."""
import os
import re
import subprocess
import sys

root = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))


def files(*patterns):
    """Paths in the repository, from its root: all that is tracked, or new and not ignored."""
    names = subprocess.run(["git", "-C", root, "ls-files", "-coz", "--exclude-standard", "--", *patterns],
                           check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
    return sorted({name for name in names if name and os.path.lexists(os.path.join(root, name))})


def named(arguments):
    """The pages that the user names, or every one. Dies when there is no such page."""
    for path in arguments:
        if not os.path.isfile(path):
            sys.exit("%s: there is no page %s" % (os.path.basename(sys.argv[0]), path))
    return [os.path.abspath(path) for path in arguments] or [os.path.join(root, name) for name in files("*.md")]


def shown(path):
    """A page's path as a message names it."""
    return os.path.relpath(path, root) if path.startswith(root + os.sep) else path


def read(path):
    """The lines of a page."""
    with open(path, encoding="utf-8") as file:
        return file.read().split("\n")


def write(path, lines, old):
    """Rewrites a page, unless somebody else has changed it since it was read as `old`."""
    if read(path) != old:
        sys.exit("%s: changed while this ran; not rewritten, run it again" % shown(path))
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


class Fence:
    """A fenced block: its info words, where its body is (a slice of the page's lines), its indent."""

    def __init__(self, words, first, last, indent):
        self.words, self.first, self.last, self.indent = words, first, last, indent

    def body(self, lines):
        return [line[self.indent:] if not line[:self.indent].strip() else line for line in lines[self.first:self.last]]


class Unclosed(Exception):
    """A fence without an end; its argument is the line."""


def fences(lines):
    """Every fence of a page."""
    found, opened = [], None
    for number, line in enumerate(lines):
        match = re.match(r"^(\s*)(`{3,}|~{3,})\s*([^`]*)$", line)
        if not match:
            continue
        indent, ticks, info = match.groups()
        if opened is None:
            opened = (info.split(), number + 1, len(indent), ticks)
        elif ticks.startswith(opened[3]) and not info:
            found.append(Fence(opened[0], opened[1], number, opened[2]))
            opened = None
    if opened:
        raise Unclosed(opened[1])
    return found


def usage(script):
    """The comment at a script's head."""
    with open(script, encoding="utf-8") as file:
        for line in file.read().split("\n")[1:]:
            if not line.startswith("#"):
                return
            print(line[2:])
