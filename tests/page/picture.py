"""What can be seen: a screenshot's pixels, against what the recording says should be there."""
import struct
import zlib

from pictures import of_calls


def decode(png):
    """(width, rows of (r, g, b)) of a PNG as browsers make them: 8 bits, RGB or RGBA, not interlaced."""
    at, data = 8, b""
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", png, at + 8)
            assert depth == 8 and colour in (2, 6) and not interlaced
        elif kind == b"IDAT":
            data += png[at + 8:at + 8 + length]
        at += length + 12
    size, lines = 4 if colour == 6 else 3, zlib.decompress(data)
    rows, above = [], bytearray(width * size)
    for y in range(height):
        start = y * (width * size + 1)
        above = unfilter(lines[start], bytearray(lines[start + 1:start + 1 + width * size]), above, size)
        rows.append([tuple(above[x:x + 3]) for x in range(0, len(above), size)])
    return width, rows


def unfilter(how, line, above, size):
    for i in range(len(line)):
        left, corner = (line[i - size], above[i - size]) if i >= size else (0, 0)
        if how == 4: # the nearest of the three to left + above - corner
            guess = left + above[i] - corner
            add = min((left, above[i], corner), key=lambda value: abs(guess - value))
        else:
            add = (0, left, above[i], (left + above[i]) // 2)[how]
        line[i] = (line[i] + add) & 255
    return line


def colour_of(browser, name):
    text = browser.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--%s').trim()" % name)
    return tuple(bytes.fromhex(text[1:]))


def strip_is_drawn(browser, frame, every):
    """Of the whole heap's strip, used blocks have the share of the area that they have of the bytes."""
    browser.evaluate("scrollTo(0, 0)")
    box = browser.evaluate("(box => [box.left, box.top, box.width])"
                           "(document.querySelector('.overview').getBoundingClientRect())")
    left, top, width = map(round, box)
    shot = decode(browser.picture(clip={"x": left, "y": top + 5, "width": width, "height": 24, "scale": 1}))[1]
    pixels = [pixel for row in shot for pixel in row]
    whole = browser.evaluate("player.panes[0].tape.territory.length")
    blocks = (frame.after if every else of_calls(frame.ledger)).blocks.values()
    for kind, size in (("used", sum(block.size for block in blocks if block.state == "used")),
                       ("overhead", sum(block.overhead for block in blocks))):
        wanted, found = size / whole, pixels.count(colour_of(browser, kind)) / len(pixels)
        assert abs(wanted - found) < .04, "%s is %.3f of the bytes and %.3f of the picture" % (kind, wanted, found)
