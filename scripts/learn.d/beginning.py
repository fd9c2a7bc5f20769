"""How a stage of the student's begins: what it is made from, and what is red then."""
import os

import gaps
import judge
import report
import suite
import workspace


def base_of(stage):
    """The sources to begin with, and whose they are."""
    before = stage.before()
    if not before:
        return [], "empty functions"
    if not os.path.exists(stage.path + "/start"):
        return [], "the frame of stage %s: its types and small helpers; the other functions are empty" % stage.number
    if not before.exists:
        return before.lesson(), "the repository's stage %s" % before.number
    if is_green(before):
        return before.own_lesson(), "your own stage %s, which is green" % before.number
    return before.lesson(), "the repository's stage %s, for yours is not green" % before.number


def is_green(stage):
    """By the last verdict; where it has changed since, by its small tests."""
    green = workspace.is_green(stage)
    if green is not None:
        return green
    library, _ = judge.build(stage)
    try:
        return bool(library) and not judge.small_tests(judge.begin(stage, library), brief=True).red()
    except suite.Unjudged:
        return False


def red_now(stage):
    """What the small tests say of the beginning, in a few words."""
    library, said = judge.build(stage)
    if not library:
        return "it doesn't compile yet: " + said.strip().split("\n")[0]
    try:
        found = judge.small_tests(judge.begin(stage, library))
    except suite.Unjudged as why:
        return str(why)
    red, new = found.red_promises(), stage.new_promises()
    old = [name for name in red if name not in new]
    return "%d of %s: %s%s" % (len(found.red()), report.plural(found.total, "test"),
                               " ".join(name for name in red if name in new),
                               "; and some of %s, which now ask more" % " ".join(old) if old else "")


def begin(stage):
    base, whose = base_of(stage)
    for name, text in gaps.make(stage, base).items():
        workspace.write(os.path.join(stage.own_path, name), text)
    texts = stage.promise_texts()
    print("%s begins with %s. Look for TODO in it." % (stage.own_path, whose))
    new = stage.new_promises()
    print("  newly promised: " + ("; ".join("%s: %s" % (name, texts[name]) for name in new) if len(new) < 4
                                  else " ".join(new)))
    print("  red now: " + red_now(stage))
    print('  read: %s/README.md, from its start to the end of "The idea". Then write, and: learn check %s' % (
        stage.path, stage.number))
