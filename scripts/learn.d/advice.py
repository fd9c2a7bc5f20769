"""The hints of a promise, and how far the student has gone in them.

stages/NN/hints: at the left the names of promises, below them indented paragraphs, each a hint: the thought,
the place, the shape, or more. What an earlier stage promised stands with that stage, unless there is more to
say. `bug NAME` at the left: the thought behind a bug that is kept on purpose, as the end of a sentence that
begins "You may think"."""
import json
import os
import textwrap

import gaps
import workspace
from workspace import MINE

LEAST = 3


def hints(stage, promise):
    """[text], of the latest stage up to this one that has any for the promise; with that stage."""
    for folder in reversed(workspace.shell('folders_up_to "$1"', stage.folder).split()):
        path = "stages/%s/hints" % folder
        for head, body in gaps.blocks(workspace.read(path)) if os.path.exists(path) else []:
            if promise in head.split() and not head.startswith("bug "):
                return [" ".join(part.split()) for part in body.split("\n\n") if part.strip()], workspace.Stage(folder)
    return [], None


def thought(bug):
    """Behind a nearest.Bug; empty when nobody has written it down."""
    path = bug.stage.path + "/hints"
    for head, body in gaps.blocks(workspace.read(path)) if os.path.exists(path) else []:
        if head == "bug " + bug.name:
            return " ".join(body.split())
    return ""


def told_path():
    return os.path.join(MINE, "hints.json")


def told():
    """{"mine4 reuse": how many hints were given}."""
    return json.loads(workspace.read(told_path())) if os.path.exists(told_path()) else {}


def note(key, count):
    known = told()
    known[key] = count
    workspace.write(told_path(), json.dumps(known, indent=1) + "\n")


def wrapped(text):
    return textwrap.fill(text, 98, initial_indent="  ", subsequent_indent="  ")
