"""Opens a page that heap-view made in a browser, and does there what a reader does: check.py NAME PAGE FILE [FILE2].

What the page should show is asked of the recordings, by the readers that the terminal's views use.
"""
import os
import random
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../scripts/record.d"))
import picture  # noqa: E402
from browser import Browser  # noqa: E402
from film import Film  # noqa: E402
from recording import Call, Ledger, Recording  # noqa: E402

DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def same(what, found, wanted):
    if found != wanted:
        raise AssertionError("%s: the page has %r, it should be %r" % (what, found, wanted))


def at(browser):
    """The call that is shown, once all is drawn."""
    browser.evaluate(DRAWN)
    return int(browser.evaluate("document.querySelector('.count').textContent.match(/[0-9,]+/)[0]").replace(",", ""))


def texts(browser, selector):
    return browser.evaluate("[...document.querySelectorAll(%r)].map(found => found.textContent)" % selector)


def go(browser, number):
    browser.evaluate("player.go(%d)" % number)
    same("the call", at(browser), number)


def click(browser, selector):
    browser.evaluate("document.querySelector(%r).scrollIntoView({ block: 'center' })" % selector)
    x, y = browser.evaluate("(box => [(box.left + box.right) / 2, (box.top + box.bottom) / 2])"
                            "(document.querySelector(%r).getBoundingClientRect())" % selector)
    for kind in ("mousePressed", "mouseReleased"):
        browser.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)


def calls_of(recording):
    return [item for item in recording.items() if isinstance(item, Call)]


def load(browser, page, films):
    """Opens, fits, and stands in order, on a large screen and on a phone, in the light and in the dark."""
    for width, height in ((1400, 900), (390, 844)):
        for dark in (False, True):
            browser.size(width, height, dark)
            browser.open(page)
            go(browser, films[0].calls * 2 // 3)
            browser.evaluate("scrollTo(0, 1e6)")
            same("what sticks out at the right", browser.evaluate("document.documentElement.scrollWidth"), width)
            parts = [".title", ".call", ".overview", ".detail", ".legend", ".cards", ".debug", "#bar"]
            tops = browser.evaluate("%r.map(name => document.querySelector(name).getBoundingClientRect().top)" % parts)
            same("the order from above", tops, sorted(tops))
            bar = browser.evaluate("document.querySelector('#bar').getBoundingClientRect().bottom")
            assert bar <= height, "the controls end at %d of %d pixels" % (bar, height)
            picture.strip_is_drawn(browser, films[0].frame(at(browser)), films[0].recording.every)
    assert len(films[0].recording.command) and films[0].recording.command[0] in browser.evaluate("document.title")
    same("the calls", texts(browser, "#of"), ["of {:,}".format(films[0].calls)])


def keys(browser, page, films):
    film, last = films[0], films[0].calls
    browser.open(page)
    go(browser, 1)
    for key, wanted in (("j", 2), ("ArrowRight", 3), ("k", 2), ("ArrowLeft", 1), ("f", 21), ("b", 1), ("G", last),
                        ("j", last), ("p", peak(film)), ("g", 1), ("p", peak(film))):
        browser.key(key, key.isupper())
        same("the call after the key " + key, at(browser), wanted)
        same("its text", texts(browser, ".text"), [told(film, wanted)])
    browser.wait("location.hash == '#call=%d'" % peak(film))
    browser.evaluate("location.hash = '#call=7'")
    same("the call that the address has", at(browser), 7)
    browser.call("Page.navigate", url="about:blank")
    browser.open(page + "#call=9")
    same("the call that the page's address has", at(browser), 9)
    browser.key("?")
    assert browser.evaluate("document.querySelector('#help').matches(':popover-open')"), "? shows no help"


def peak(film):
    return film.frame(film.calls).ledger.peak_at


def told(film, number):
    """A call's text; addresses count from where the heap ever began."""
    low, high = film.extent
    return film.frame(number).call.text(lambda address: "NULL" if not address else "+%d" % (address - low)
                                        if low <= address <= high else hex(address))


def extent(recording):
    """Where the heap began and ended, ever: its regions, or else its blocks."""
    items = list(recording.items())
    told = [region for item in items if not isinstance(item, Call) for region in item.regions]
    told = told or [(item.result, item.result + item.asked) for item in items
                    if isinstance(item, Call) and item.asked is not None and item.result]
    return min(row[0] for row in told), max(row[1] for row in told)


def controls(browser, page, films):
    """By mouse: the slider, play, a chart, the buttons; and by their names, for those who hear the page."""
    browser.size(1400, 900)
    browser.open(page)
    click(browser, "#slider")
    middle = at(browser)
    assert abs(middle - films[0].calls / 2) < films[0].calls / 10, "the slider's middle gives call %d" % middle
    browser.key("ArrowRight")
    same("an arrow on the slider", at(browser), middle + 1)
    click(browser, "[data-do=back]")
    same("the button back", at(browser), middle)
    click(browser, "#play")
    browser.wait("player.frame > %d" % (middle + 2))
    click(browser, "#play")
    same("the button", texts(browser, "#play"), ["Play"])
    go(browser, 1)
    click(browser, ".card .chart")
    assert abs(at(browser) - films[0].calls / 2) < films[0].calls / 10, "a click on a chart's middle"
    same("the command", texts(browser, ".debug code"),
         ["scripts/debug --at %s:%d" % (films[0].recording.path, at(browser))])
    browser.call("Accessibility.enable")
    roles = ("button", "slider", "textbox", "searchbox", "combobox", "checkbox", "image")
    found = [node for node in browser.call("Accessibility.getFullAXTree")["nodes"]
             if node.get("role", {}).get("value") in roles]
    assert len(found) > 20, "only %d controls" % len(found)
    same("those without a name", [node for node in found if not node["name"]["value"].strip()], [])
    reached = set()
    for _ in range(30):
        browser.key("Tab")
        reached.add(browser.evaluate("document.activeElement.id || document.activeElement.dataset.do || ''"))
    assert {"slider", "number", "play", "words", "on"} <= reached, "Tab reaches only %s" % reached


def search(browser, page, films):
    browser.open(page)
    calls, start, ledger = calls_of(films[0].recording), films[0].extent[0], Ledger()
    some = next(call for call in calls[len(calls) // 2:] if call.function == "malloc" and call.result)
    place, meets = some.result + some.asked // 2, []
    for call in calls: # the blocks given and given back that cover a place
        gone = ledger.add(call)
        given = (call.result, call.asked) if call.asked is not None else (0, 0)
        if any(block <= place < block + size for block, size in (given, (call.pointer, gone.asked if gone else 0))):
            meets.append(call.number)
    wanted = {str(some.asked): [call.number for call in calls if call.asked == some.asked],
              hex(place): meets, "+%d" % (place - start): meets,
              "free": [call.number for call in calls if call.function == "free"]}
    for query, numbers in wanted.items():
        go(browser, 1)
        browser.evaluate("document.querySelector('#words').value = %r" % query)
        browser.evaluate("document.querySelector('#words').focus()")
        for number in [number for number in numbers if number > 1][:5]:
            browser.key("Enter")
            same("found for " + query, at(browser), number)
    go(browser, 1)
    browser.evaluate("document.querySelector('#words').value = '123456789'")
    browser.key("Enter")
    same("what is said", texts(browser, "#said"), ["No call after this one has 123456789."])


def heap(browser, page, films):
    """At calls in any order: the figures and the lists are those that the terminal's reader has."""
    film, numbers = films[0], random.Random(1).choices(range(1, films[0].calls + 1), k=25)
    browser.open(page)
    for number in numbers + [1, film.calls, 1]:
        go(browser, number)
        frame, heap_then = film.frame(number), film.frame(number).after
        blocks = heap_then.blocks.values()
        free = [block.size for block in blocks if block.state != "used"]
        wanted = {"asked": frame.ledger.bytes, "blocks": len(frame.ledger.live), "free": sum(free),
                  "hole": max(free, default=0), "overhead": sum(block.overhead for block in blocks),
                  "used": sum(block.size for block in blocks if block.state == "used"),
                  "held": sum(region.end - region.start for region in heap_then.regions.values())}
        found = browser.evaluate("Object.fromEntries([...document.querySelectorAll('.card')].map("
                                 "card => [card.dataset.name, card.value.textContent]))")
        same("figures after call %d" % number, {name: int(found[name].replace(",", "")) for name in wanted}, wanted)
        for name, row in heap_then.lists.items():
            same("list %s" % name, texts(browser, ".list [aria-label='%s'] [data-at]" % name),
                 ["%s · %s" % (heap_then.name(block), format(heap_then.blocks[block].size, ",")) for block in row])
    go(browser, film.calls * 2 // 3)
    picture.strip_is_drawn(browser, film.frame(film.calls * 2 // 3), True)


def jumps(browser, page, films):
    """Of the program steps; page.bats says what each of its calls does."""
    browser.open(page)
    go(browser, 1)
    for keys_, wanted in (("s", 5), ("m", 6), ("m", 7), ("M", 6), ("n", 8), ("n", 8), ("g", 1), ("w", 2), ("w", 3),
                          ("w", 3)):
        browser.key(keys_, keys_.isupper())
        same("the call after the key " + keys_, at(browser), wanted)
    go(browser, 5)
    same("the story", texts(browser, ".story"), ["A block was cut in two."])
    picture.strip_is_drawn(browser, films[0].frame(5), True)
    browser.key("]") # the block above the one that the call was given
    chosen = texts(browser, ".chosen")[0]
    assert "free" in chosen and chosen.startswith("+"), chosen
    click(browser, ".list li")
    assert "Given back by call 7, from main at" in texts(browser, ".chosen")[0], texts(browser, ".chosen")


def broken(browser, page, films):
    """It opens where the heap broke, and says what and how."""
    browser.open(page)
    same("the call", at(browser), films[0].broken)
    same("how", texts(browser, ".how"), ["The heap is broken, after this call, by the program:"])
    faults = texts(browser, ".faults li")
    assert faults and faults[0].startswith("at +80: prev is 0x101010101010101, the chunk before is +0"), faults
    assert "2. prev is the way back" in faults[0], faults
    assert browser.evaluate("!!document.querySelector('.pane.broken')")
    assert "72,340,172,838,076,673" in texts(browser, ".list")[0], texts(browser, ".list") # 0x0101010101010101
    browser.size(390, 900)
    at(browser)
    same("what sticks out at the right", browser.evaluate("document.documentElement.scrollWidth"), 390)


def pair(browser, page, films):
    for width in (1400, 390):
        browser.size(width, 900)
        browser.open(page)
        go(browser, 7)
        same("the texts", texts(browser, ".text"), [told(film, 7) for film in films])
        lefts = browser.evaluate("player.panes.map(pane => pane.root.getBoundingClientRect().left)")
        same("they stand side by side", lefts[0] < lefts[1], width == 1400)
        same("sticking out", browser.evaluate("document.documentElement.scrollWidth"), width)
        last = max(film.calls for film in films)
        go(browser, 1)
        browser.key("G")
        browser.wait("player.frame == %d" % last)
        browser.evaluate(DRAWN)
        same("each at its end", texts(browser, ".text"), [told(film, film.calls) for film in films])
    firsts, seconds = [[(call.function, call.asked) for call in calls_of(film.recording)] for film in films]
    apart = next((i for i, both in enumerate(zip(firsts, seconds)) if both[0] != both[1]),
                 min(len(firsts), len(seconds)))
    wanted = "The two ask for the same" + (", call by call." if firsts == seconds else
                                           " up to call %d; from call %d on they differ." % (apart, apart + 1))
    same("what is said of the two", texts(browser, "#apart"), [wanted])


def tiny(browser, page, films):
    """One call, of five bytes: there are many pixels for each."""
    browser.size(1400, 900)
    browser.open(page)
    for key in "+-0]jk":
        browser.key(key)
        same("its text", texts(browser, ".text"), [told(films[0], at(browser))])


def many(browser, page, films):
    """How long it takes, tests/page/figures tells; here, that it goes."""
    browser.open(page)
    for number in (films[0].calls, 2, films[0].calls // 2):
        go(browser, number)
        same("its text", texts(browser, ".text"), [told(films[0], number)])


def figures(browser, page, films):
    """Not a check: how long it takes to open, and from one picture to the next."""
    browser.size(1400, 900)
    browser.open(page)
    opened = browser.evaluate("performance.now()") / 1000
    steps, jumped = browser.evaluate("""(() => {
        const times = next => Array.from({ length: 200 }, (_, i) => {
            const start = performance.now();
            player.frame = next(i);
            player.show();
            return performance.now() - start;
        }).sort((one, other) => one - other);
        return [times(i => i + 1), times(i => 1 + i * 7919 % player.calls)];
    })()""")
    print("%d calls: open in %.2f s; a step %.1f ms, a jump %.1f ms (the middle of 200; the worst %.0f and %.0f)" % (
        films[0].calls, opened, steps[100], jumped[100], steps[-1], jumped[-1]))


def main():
    name, page, *files = sys.argv[1:]
    films = [Film(Recording(file)) for file in files]
    for film in films:
        film.extent = extent(film.recording)
    with Browser() as browser:
        globals()[name](browser, os.path.realpath(page), films)
        same("what the console says", browser.errors(), [])


main()
