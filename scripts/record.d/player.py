"""Steps through a recording on a terminal, with the keys of less."""
import os
import re
import select
import shlex
import shutil
import sys
import termios
import tty

import pictures
from recording import fault_text

HELP = """\
j, Enter, Down, Right   the next call        k, Up, Left   the one before
f, Space, PageDown      20 on                b, PageUp     20 back
d  u                    200 on, 200 back     g, Home       the first call
G, End                  the last call        12g           call 12
x   the call after which the heap was broken first
n  N                    the next, the last call that was refused memory
/words   ?words         search forwards, backwards: /free(+48)   (then . for the next)
s   the command that stops GDB right before this call
h   this                q   the end
"""
KEYS = {"\033[A": "k", "\033[B": "j", "\033[C": "j", "\033[D": "k", "\033[5~": "b", "\033[6~": "f",
        "\033[H": "g", "\033[F": "G", "\033[1~": "g", "\033[4~": "G", "\033OA": "k", "\033OB": "j", "\033OC": "j",
        "\033OD": "k", "\033OH": "g", "\033OF": "G", "\r": "j", "\n": "j", " ": "f", "": "q", "\x03": "q", "\x04": "q"}
STEPS = {"j": 1, "k": -1, "f": 20, "b": -20, "d": 200, "u": -200}


def screen(film, frame, symbols, pen, width, height):
    """The lines that show a frame."""
    recording, call = film.recording, frame.call
    before, after = frame.before, frame.after
    if not recording.every:
        after = pictures.of_calls(frame.ledger)
        before = after
    lines = ["call %d of %d   thread %d   %.3f ms   %s" % (call.number, film.calls, call.thread, call.ns / 1e6,
                                                           recording.stage or os.path.basename(recording.library()))]
    lines.append(pen.paint(call.text(after.name), "1") + ("" if call.finished else "   it never returned"))
    lines.append("  from %s" % symbols.name(call.caller))
    lines.append(counters(frame, after))
    if not recording.every:
        lines += ["live blocks, by the calls alone:"] + list(pictures.bar(after, pen, width))
    elif frame.told:
        lines += stacked(before, after, frame, pen, width)
    else:
        lines += ["as of call %d: the heap was not asked after this one" % after.after]
        lines += list(pictures.bar(after, pen, width))
    lines += faults(frame, pen, after)
    lines += list(pictures.changes(before, after))[:6]
    for name, row in sorted(after.lists.items()):
        lines.append("%s: %s" % (name, " ".join(map(after.name, row[:width // 4]))))
    return [cut(line, width) for line in lines[:height - 1]]


def stacked(before, after, frame, pen, width):
    """All of it as it was and as it is; then closely, what the call touched."""
    lines = ["before"] + list(pictures.bar(before, pen, width, 3))[:-1]
    lines += ["after"] + list(pictures.bar(after, pen, width, 3))
    stretch = pictures.closely(frame)
    return lines + (["closely"] + list(pictures.compared(before, after, stretch, pen, width)) if stretch else [])


def counters(frame, heap):
    blocks, ledger = heap.blocks.values(), frame.ledger
    free = [block.size for block in blocks if block.state != "used"]
    text = "live %d bytes in %d blocks, as asked" % (ledger.bytes, len(ledger.live))
    if frame.after.blocks:
        text += "   used %d   overhead %d   free %d   largest hole %d" % (
            sum(block.size for block in blocks if block.state == "used"), sum(block.overhead for block in blocks),
            sum(free), max(free, default=0))
    return text


def faults(frame, pen, heap):
    lines = []
    for told in frame.told:
        if told.broken:
            lines.append(pen.paint("broken %s" % ("after this call, by the program" if told.before_call
                                                  else "by this call"), "31;1"))
    for fault in heap.broken()[:4]:
        lines.append(pen.paint("  at %s: %s (invariant %d)" % (heap.name(fault.where), fault_text(fault, heap.name),
                                                              fault.invariant), "31"))
    return lines


def cut(line, width):
    """As many characters as fit; colours take none."""
    out, left = "", width
    for piece in re.split("(\033\\[[0-9;]*m)", line):
        if piece.startswith("\033["):
            out += piece
        else:
            out, left = out + piece[:left], max(0, left - len(piece))
    return out


class Player:
    def __init__(self, film, symbols, pen, start, width=None):
        self.film, self.symbols, self.pen, self.width = film, symbols, pen, width
        self.number, self.words, self.said = min(max(1, start), film.calls), "", ""

    def run(self):
        fd = sys.stdin.fileno()
        old = termios.tcgetattr(fd)
        try:
            tty.setcbreak(fd)
            sys.stdout.write("\033[?1049h\033[?25l")
            while self.show() and self.press(self.key(fd)):
                pass
        except KeyboardInterrupt:
            pass
        finally:
            sys.stdout.write("\033[?25h\033[?1049l")
            sys.stdout.flush()
            termios.tcsetattr(fd, termios.TCSADRAIN, old)

    def show(self):
        columns, rows = shutil.get_terminal_size()
        lines = screen(self.film, self.film.frame(self.number), self.symbols, self.pen, self.width or columns, rows)
        sys.stdout.write("\033[H\033[J" + "\r\n".join(lines) + "\033[%d;1H%s" % (rows, self.pen.paint(
            self.said or "h: help  q: end", "7")))
        sys.stdout.flush()
        self.said = ""
        return True

    @staticmethod
    def key(fd):
        """One key; what a cursor key sends comes at once."""
        data = os.read(fd, 1).decode("latin-1")
        while data.startswith("\033") and len(data) < 8 and select.select([fd], [], [], 0.05)[0]:
            data += os.read(fd, 1).decode("latin-1")
            if re.fullmatch("\033(O.|\\[[0-9;]*[A-Za-z~])", data):
                break
        return KEYS.get(data, data)

    def ask(self, prompt):
        """A line that is typed at the bottom."""
        rows, words, fd = shutil.get_terminal_size()[1], "", sys.stdin.fileno()
        while True:
            sys.stdout.write("\033[%d;1H\033[K%s%s" % (rows, prompt, words))
            sys.stdout.flush()
            letter = os.read(fd, 1).decode("latin-1")
            if letter in "\r\n\033" or not letter:
                return words if letter in "\r\n" else ""
            words = words[:-1] if letter in "\x7f\b" else words + letter

    def go(self, number, otherwise=""):
        if number is None:
            self.said = otherwise
        else:
            self.number = min(max(1, number), self.film.calls)

    def press(self, key):
        """False: the end."""
        film = self.film
        if key == "q":
            return False
        if key in STEPS:
            self.go(self.number + STEPS[key])
        elif key == "g" or key == "G":
            self.go(1 if key == "g" else film.calls)
        elif key.isdigit():
            words = self.number_typed(key)
            self.go(int(words) if words else None, "")
        elif key == "x":
            self.go(film.broken and max(1, film.broken), "no look found the heap broken")
        elif key in "nN":
            later = [at for at in film.failed if (at > self.number if key == "n" else at < self.number)]
            self.go((later[0] if key == "n" else later[-1]) if later else None, "none was refused memory there")
        elif key == "s":
            self.said = "it was forked: the debugger can't start it" if film.recording.forked_at else \
                "scripts/debug --at %s" % shlex.quote("%s:%d" % (film.recording.path, self.number))
        elif key in "/?.":
            self.search(key)
        elif key == "h":
            sys.stdout.write("\033[H\033[J" + HELP.replace("\n", "\r\n"))
            sys.stdout.flush()
            self.key(sys.stdin.fileno())
        return True

    def number_typed(self, first):
        """12g: the digits up to g, G or Enter."""
        words = first
        while True:
            key = os.read(sys.stdin.fileno(), 1).decode("latin-1")
            if not key.isdigit() or len(words) > 12:
                return words if key in "gG\r\n" else ""
            words += key

    def search(self, key):
        if key != ".":
            self.words, self.backwards = self.ask(key), key == "?"
        if self.words:
            self.go(self.film.search(self.words, self.number, self.backwards), "no such call: %s" % self.words)
