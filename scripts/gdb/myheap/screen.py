"""Output: lines, colours, limits."""
import os
import re

import gdb

COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


def say(text="", *values):
    gdb.write((text % values if values else text) + "\n")


def plural(count, noun):
    return "%s %s%s" % ("{:,}".format(count) if count >= 10000 else count, noun, "" if count == 1 else "s")


def coloured():
    """Only on a terminal, and where GDB itself would use colours."""
    return gdb.parameter("style enabled") and os.isatty(1) and "NO_COLOR" not in os.environ


codes = {} # {style: escape sequence}, for one command


def refresh():
    """A command begins: the settings may be others now."""
    codes.clear()
    if not coloured():
        return
    for style in "address", "filename", "function", "highlight", "metadata":
        code = {"bold": ["1"], "dim": ["2"]}.get(str(gdb.parameter("style %s intensity" % style)), [])
        colour = str(gdb.parameter("style %s foreground" % style))
        if colour in COLOURS:
            code = code + [str(30 + COLOURS.index(colour))]
        if code:
            codes[style] = "\033[%sm" % ";".join(code)


def paint(text, style):
    """In the colour of one of GDB's own styles: help set style."""
    return codes[style] + text + "\033[m" if text and style in codes else text


def hexdump(data):
    return data.hex(" ")


TEXT = re.compile(rb"[ -~]{3,}")


def preview(data):
    """The text that a payload begins with, if it is text."""
    found = TEXT.match(data)
    if not found or found.end() < len(data) and data[found.end()]:
        return ""
    return '"%s"%s' % (found[0].decode(), "..." if found.end() == len(data) else "")
