"""Which submissions share more than was given to all: runs of tokens, whatever the names are."""
import itertools
import re

RUN = 16       # tokens: shorter runs are alike by chance
LEAST = 40     # runs of one's own: of less nothing can be said
TOKEN = re.compile(r"""/\*.*?\*/ | //[^\n]* | \s+ | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | [A-Za-z_]\w* | \d[\w.]*
                       | -> | \+\+ | -- | <<= | >>= | [-+*/%&|^!=<>]= | && | \|\| | << | >> | \S""", re.S | re.X)
KEPT = set("if else for while do return break continue switch case default goto sizeof struct static const".split())


def runs(files):
    """{run of tokens: (file, its first line, its last)} of some sources. Names are all one, numbers and strings too."""
    found = {}
    for file, text in files.items():
        tokens = list(tokens_of(text))
        for i in range(len(tokens) - RUN + 1):
            run = hash(tuple(kind for kind, _ in tokens[i:i + RUN]))
            found.setdefault(run, (file, tokens[i][1], tokens[i + RUN - 1][1]))
    return found


def tokens_of(text):
    line = 1
    for word in TOKEN.findall(text):
        if not word[0].isspace() and not word.startswith(("/*", "//")):
            yield kind_of(word), line
        line += word.count("\n")


def kind_of(word):
    if word[0].isalpha() or word[0] == "_":
        return word if word in KEPT else "name"
    if word[0].isdigit() or word[0] in "\"'":
        return word[0] if word[0] in "\"'" else "0"
    return word


def place(found, shared):
    """The longest stretch of shared runs: file:first-last."""
    best = ("", 0, -1)
    stretch = best
    for file, first, last in sorted(found[run] for run in shared):
        if file != stretch[0] or first > stretch[2] + 1:
            stretch = (file, first, last)
        stretch = (file, stretch[1], max(last, stretch[2]))
        best = max(best, stretch, key=lambda it: it[2] - it[1])
    return "%s:%d-%d" % best


def pairs(texts, given, threshold):
    """[(percent, name, place, other name, place)] of those that share so much of what is their own."""
    common = set()
    for files in given:
        common |= runs(files).keys()
    own = {}
    for name, files in texts.items():
        found = {run: where for run, where in runs(files).items() if run not in common}
        if len(found) >= LEAST:
            own[name] = found
    alike = []
    for (name, found), (other, others) in itertools.combinations(own.items(), 2):
        shared = found.keys() & others.keys()
        percent = 100 * len(shared) // min(len(found), len(others))
        if shared and percent >= threshold:
            alike.append((percent, name, place(found, shared), other, place(others, shared)))
    return sorted(alike, key=lambda pair: (-pair[0], pair[1:])), sorted(set(texts) - set(own))
