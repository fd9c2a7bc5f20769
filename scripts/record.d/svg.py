"""Pictures as SVG: how they look, and how they move. No script, no font, no file beside them."""
import html
import math

WIDTH, MARGIN = 800, 20
INNER = WIDTH - 2 * MARGIN

# What each class is in light and in dark. Blue and orange, and hatched or not: no two kinds are told
# apart by their hue alone.
LIGHT = {"paper": "#ffffff", "ink": "#1f2328", "soft": "#59636e", "line": "#d1d9e0", "used": "#0a6bb5",
         "spare": "#9ec9ea", "free": "#fff3d6", "mark": "#b26a00", "header": "#33383e", "accent": "#c2370a",
         "gone": "#eceff2", "grid": "#98a1aa", "on-used": "#ffffff",
         "a0": "#a8d4f5", "a1": "#5aa9e0", "a2": "#1b6fb3", "a3": "#0a3561",
         "c0": "#0072b2", "c1": "#d55e00", "c2": "#009e73", "c3": "#cc79a7", "c4": "#b59f00", "c5": "#8c959f"}
DARK = {"paper": "#0d1117", "ink": "#e6edf3", "soft": "#9aa4af", "line": "#3d444d", "used": "#3d8fd6",
        "spare": "#1d4a73", "free": "#33270d", "mark": "#e3a33b", "header": "#c3cad1", "accent": "#ff8a5c",
        "gone": "#1c2128", "grid": "#59636e", "on-used": "#06121f",
        "a0": "#d6ecfc", "a1": "#85c1ef", "a2": "#3d8fd6", "a3": "#1f5a94",
        "c0": "#56b4e9", "c1": "#ff8243", "c2": "#2ec99b", "c3": "#e29ac4", "c4": "#f0e442", "c5": "#6e7781"}
FILLS = ("paper", "ink", "soft", "used", "spare", "free", "mark", "header", "accent", "gone", "on-used",
         "a0", "a1", "a2", "a3", "c0", "c1", "c2", "c3", "c4", "c5")
STROKES = ("line", "soft", "ink", "mark", "grid", "accent", "used", "header", "paper")
KINDS = {"used": "used", "spare": "used, more than asked for", "header": "header", "free": "free",
         "cached": "free, kept by a thread", "gone": "given back", "none": "no block"}
PATTERNS = ("<pattern id='f' width='7' height='7' patternUnits='userSpaceOnUse' patternTransform='rotate(45)'>"
            "<rect width='7' height='7' class='free'/><path d='M0 0v7' class='_mark' stroke-width='2.6'/></pattern>"
            "<pattern id='s' width='5' height='5' patternUnits='userSpaceOnUse'>"
            "<rect width='5' height='5' class='spare'/><circle cx='2.5' cy='2.5' r='1' class='used'/></pattern>"
            "<pattern id='g' width='8' height='8' patternUnits='userSpaceOnUse' patternTransform='rotate(45)'>"
            "<rect width='8' height='8' class='gone'/><path d='M0 4h8M4 0v8' class='_grid'/></pattern>"
            "<pattern id='k' width='6' height='6' patternUnits='userSpaceOnUse'>"
            "<rect width='6' height='6' class='free'/><path d='M0 3h6' class='_mark' stroke-width='2'/></pattern>")
PATTERN_OF = {"free": "f", "spare": "s", "gone": "g", "cached": "k"}


def style(used):
    """The rules for the classes that stand in a picture's body."""
    def rules(colours):
        return "".join(".%s{fill:%s}" % (name, colours[name]) for name in FILLS if used(name)) + "".join(
            "._%s{stroke:%s}" % (name, colours[name]) for name in STROKES if used("_" + name))
    return ("text{font:13px system-ui,'Segoe UI',Helvetica,Arial,sans-serif}"
            ".code{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace}"
            ".halo{stroke-width:3.5px;paint-order:stroke;stroke-linejoin:round}"
            + rules(LIGHT) + "@media(prefers-color-scheme:dark){" + rules(DARK) + "}")


def document(height, title, description, body, moving=""):
    """A whole file, on paper of its own: it is legible on any page."""
    body = "%s<rect width='%d' height='%s' rx='8' class='paper _line'/>\n%s" % (
        "<defs>%s</defs>" % PATTERNS if "url(#" in body else "", WIDTH, fixed(height), body)
    names = {word for part in body.split("class='")[1:] for word in part.split("'", 1)[0].split()}
    return ("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %s' role='img' aria-labelledby='t d' "
            "fill='none'>\n"
            "<title id='t'>%s</title>\n<desc id='d'>%s</desc>\n<style>%s%s</style>\n%s\n</svg>\n" % (
                WIDTH, fixed(height), escape(title), escape(description), style(names.__contains__), moving, body))


def escape(text):
    return html.escape(text, quote=False)


def short(words, most):
    return words if len(words) <= most else words[:most - 3] + "..."


def fixed(value):
    """A coordinate, as short as it can be written."""
    return ("%.1f" % value).rstrip("0").rstrip(".").replace("-0", "0" if abs(value) < .05 else "-0")


def text(x, y, words, classes="ink", size=None, anchor=None, bold=False):
    return "<text x='%s' y='%s' class='%s'%s%s>%s</text>" % (
        fixed(x), fixed(y), classes,
        " style='%s'" % ";".join((["font-size:%dpx" % size] if size else []) + (["font-weight:600"] if bold else []))
        if size or bold else "", " text-anchor='%s'" % anchor if anchor else "", escape(words))


def box(x, y, wide, high, kind, more=""):
    """A piece of a kind; its right edge stays open by half a pixel, so that neighbours are seen to be two."""
    return "<rect x='%s' y='%s' width='%s' height='%s' %s%s/>" % (
        fixed(x), fixed(y), fixed(max(wide - (.8 if wide > 3 else 0), .4)), fixed(high), fill(kind), more)


def fill(kind):
    return "fill='url(#%s)'" % PATTERN_OF[kind] if kind in PATTERN_OF else "class='%s'" % kind


def frame(x, y, wide, high):
    """Around what a call has changed."""
    return "<rect x='%s' y='%s' width='%s' height='%s' class='_accent' stroke-width='2.5'/>" % (
        fixed(x), fixed(y), fixed(wide), fixed(high))


def path(data, classes, more=""):
    return "<path d='%s' class='%s'%s/>" % (data, classes, more)


def size_text(count):
    """Bytes, short: 70000, 128 KiB, 1.9 MiB."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= 100000 and count >= unit or count >= unit and count % unit == 0:
            return "%s %s" % (fixed(count / unit) if count < 100 * unit else round(count / unit), name)
    return str(count)


def round_size(most):
    """The largest of 1, 2, 4, ... that is no more."""
    return 1 << max(0, int(math.log2(max(1, most))))


def legend(x, y, kinds):
    """A swatch and a word for each kind, in a line."""
    out = []
    for kind in (kind for kind in KINDS if kind in kinds):
        out.append(box(x, y - 10, 18, 12, kind) if kind != "none" else
                   "<rect x='%s' y='%s' width='18' height='12' class='_line'/>" % (fixed(x), fixed(y - 10)))
        out.append(text(x + 23, y, KINDS[kind], "soft", 12))
        x += 36 + 6.1 * len(KINDS[kind])
    return "".join(out)


class Layers:
    """Frames that share what stays the same: each mark is written once, and shown while it is there.

    layer: a number; higher ones lie on top. Marks of the layer DROP fall into their place when they come. From
    the layer TEXT on they go at once: two texts upon each other can't be read."""
    DROP, TEXT = 2.2, 4

    def __init__(self, frames, seconds):
        self.marks, self.frames, self.seconds, self.names, self.rules = {}, frames, seconds, {}, []

    def put(self, layer, mark, frame=None):
        """frame None: in all."""
        shown = self.marks.setdefault(layer, {}).setdefault(mark, set())
        shown.update(range(self.frames) if frame is None else [frame])

    def slide(self, layer, mark, places):
        """A mark that moves: a place (x, y) for each frame, None where it isn't shown."""
        name = "n%d" % len(self.rules)
        stops, last = {}, next(place for place in places if place)
        for frame, place in enumerate(places):
            x, y = last = place or last
            look = "transform:translate(%spx,%spx);opacity:%d" % (fixed(x), fixed(y), bool(place))
            begin = self.percent(frame)
            if frame:
                stops[begin] = stops[self.percent(frame - .01)]
            stops[begin + (self.fade() * 1.6 if frame else 0)] = look
            stops[self.percent(frame + .99 if frame + 1 < self.frames else self.frames + 1)] = look
        self.rules.append(".%s{animation-name:%s}@keyframes %s{%s}" % (name, name, name, self.written(stops)))
        self.put(layer, "<g class='m %s' transform='translate(%s %s)'%s>%s</g>" % (
            name, fixed(last[0]), fixed(last[1]), "" if places[-1] else " opacity='0'", mark))

    def render(self):
        """(body, style). Who doesn't move pictures, or doesn't want them to, sees the last frame."""
        body = []
        for layer in sorted(self.marks):
            groups = {}
            for mark, shown in self.marks[layer].items():
                groups.setdefault(tuple(sorted(shown)), []).append(mark)
            for shown, marks in groups.items():
                inner = "".join(marks)
                if len(shown) < self.frames:
                    name = self.name(shown, layer == self.DROP, layer >= self.TEXT)
                    hidden = "" if self.frames - 1 in shown else " opacity='0'"
                    inner = "<g class='m %s'%s>%s</g>" % (name, hidden, inner)
                body.append(inner)
        return "\n".join(body), (".m{animation:%ss infinite}" % fixed(self.seconds * (self.frames + 1)) + "".join(
            self.rules) + "@media(prefers-reduced-motion:reduce){.m{animation:none}}")

    def name(self, *way):
        """The class of what is shown in some frames, drops, and goes at once."""
        if way not in self.names:
            name = self.names[way] = "k%d" % len(self.names)
            self.rules.append(".%s{animation-name:%s}@keyframes %s{%s}" % (name, name, name, self.steps(*way)))
        return self.names[way]

    def percent(self, frame):
        """When a frame begins; the last one stays twice as long."""
        return 100 * frame / (self.frames + 1)

    def fade(self):
        return 100 * .3 / (self.seconds * (self.frames + 1))

    def steps(self, shown, drops, at_once):
        def look(seen, moved=False):
            return "opacity:%d" % seen + (";transform:%s" % ("translateY(-14px)" if moved else "none") if drops else "")
        stops = {0: look(0 in shown), 100: look(self.frames - 1 in shown)}
        for frame in shown:
            if frame and frame - 1 not in shown:
                stops[self.percent(frame)] = look(False, True)
                stops[self.percent(frame) + self.fade()] = look(True)
            if frame + 1 < self.frames and frame + 1 not in shown:
                stops[self.percent(frame + 1)] = look(True)
                stops[self.percent(frame + 1) + (.01 if at_once else self.fade())] = look(False)
        return self.written(stops)

    @staticmethod
    def written(stops):
        return "".join("%s%%{%s}" % (("%.2f" % at).rstrip("0").rstrip("."), look) for at, look in sorted(stops.items()))
