/* strip.js - blocks, scales and lines on a canvas. */

/* The colours and textures, as the style sheet has them now. */
function palette() {
    const style = getComputedStyle(document.documentElement), colours = {};
    for (const name of ["ink", "soft", "line", "none", "used", "on-used", "free", "free-line", "overhead",
        "cached", "cached-line", "mark", "accent"])
        colours[name] = style.getPropertyValue("--" + name).trim();
    const both = ["M0 8L8 0M-2 2L2 -2M6 10L10 6", "M0 0L8 8M-2 6L2 10M6 -2L10 2"];
    return Object.assign(colours, { paints: {
        none: colours.none, overhead: colours.overhead, used: colours.used,
        free: texture(colours.free, colours["free-line"], both[0]),
        cached: texture(colours.cached, colours["cached-line"], both.join("")),
        top: texture(colours.free, colours["free-line"], "M2 2h1.6M6 6h1.6"),
    } });
}

function texture(ground, line, path) {
    const tile = document.createElement("canvas"), pen = tile.getContext("2d"), scale = window.devicePixelRatio || 1;
    tile.width = tile.height = Math.round(8 * scale);
    pen.scale(tile.width / 8, tile.width / 8);
    pen.fillStyle = ground;
    pen.fillRect(0, 0, 8, 8);
    pen.strokeStyle = line;
    pen.lineWidth = 1.1;
    pen.stroke(new Path2D(path));
    const paint = pen.createPattern(tile, "repeat");
    paint.setTransform(new DOMMatrix().scale(8 / tile.width));
    return paint;
}

/* A pen for a canvas, in the page's pixels; the canvas is cleared. */
function penOf(canvas) {
    const scale = window.devicePixelRatio || 1, { clientWidth: width, clientHeight: height } = canvas;
    const pen = canvas.getContext("2d"), wide = Math.round(width * scale), high = Math.round(height * scale);
    if (canvas.width !== wide || canvas.height !== high) // even to set what is set costs a layout
        Object.assign(canvas, { width: wide, height: high });
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
    return Object.assign(pen, { width, height, lineWidth: 1 });
}

/* Draws the heap of a tape between two positions, over a pen's width. Blocks narrower than a few pixels
 * share their pixels: in each, what of it is of a kind stands one above the other. */
class Strip {
    constructor(pen, tape, view, top, height, colours) {
        Object.assign(this, { pen, tape, view, top, height, colours, marks: [] });
        this.scale = pen.width / view.span;
        this.shares = Object.fromEntries(["overhead", "used", "cached", "free", "top"].map(
            kind => [kind, new Float32Array(Math.ceil(pen.width) + 1)]));
    }

    x(position) {
        return (position - this.view.from) * this.scale;
    }

    draw(touched, labels) {
        const { tape, view } = this, tops = tape.tops();
        for (const [start, end, position] of tape.territory.segments) {
            const low = Math.max(start, start + view.from - position);
            const high = Math.min(end, start + view.from + view.span - position);
            if (low >= high)
                continue;
            const x = address => this.x(position + address - start);
            this.ground(x, low, high);
            tape.eachBlock(low, high, (at, until) => {
                const row = tape.rows[at], from = tape.number[at];
                const kind = tops.has(at) ? "top" : STATES[tape.row_state[row]];
                const edges = [from - tape.overhead[row], from, until].map(
                    address => Math.min(Math.max(x(address), 0), this.pen.width));
                this.block(kind, edges, labels && tape.sizeText(row));
                if (touched.has(at))
                    this.marks.push(edges);
            });
        }
        this.spread();
        this.marks.forEach(edges => this.outline(edges[0], edges[2], this.colours.mark));
    }

    /* An outline; grey is what the allocator has from the system: where it stays grey, no block was told. */
    ground(x, low, high) {
        const { pen, tape, top, height, colours } = this;
        pen.strokeStyle = colours.line;
        pen.strokeRect(x(low) + .5, top + .5, x(high) - x(low) - 1, height - 1);
        pen.fillStyle = colours.paints.none;
        tape.regions.forEach((end, start) => {
            if (start >= high || end <= low)
                return;
            const left = x(Math.max(start, low));
            pen.fillRect(left, top, x(Math.min(end, high)) - left, height);
        });
    }

    block(kind, [start, payload, end], size) {
        if (end - start < 3) {
            this.share("overhead", start, payload);
            this.share(kind, payload, end);
            return;
        }
        const { pen, top, height, colours } = this, gap = end - start > 6 ? 1 : 0;
        pen.fillStyle = colours.paints.overhead;
        pen.fillRect(start, top, payload - start, height);
        pen.fillStyle = colours.paints[kind];
        pen.fillRect(payload, top, end - payload - gap, height);
        if (size && end - payload > 10 + 7 * size.length)
            this.label(kind, (payload + end) / 2, size);
    }

    label(kind, x, text) {
        const { pen, top, height, colours } = this, width = pen.measureText(text).width + 6;
        if (kind !== "used") {
            pen.fillStyle = colours[kind === "cached" ? "cached" : "free"];
            pen.fillRect(x - width / 2, top + height / 2 - 8, width, 16);
        }
        pen.fillStyle = kind === "used" ? colours["on-used"] : colours.ink;
        pen.textAlign = "center";
        pen.textBaseline = "middle";
        pen.fillText(text, x, top + height / 2 + .5);
    }

    share(kind, from, to) {
        const share = this.shares[kind];
        for (let x = Math.floor(from); from < to; x++) {
            const next = Math.min(to, x + 1);
            share[x] += next - from;
            from = next;
        }
    }

    spread() {
        const { pen, top, height, colours, shares } = this;
        const below = new Float32Array(shares.used.length).fill(top + height);
        for (const [kind, share] of Object.entries(shares)) {
            pen.fillStyle = colours.paints[kind];
            share.forEach((part, x) => {
                if (part > .004)
                    pen.fillRect(x, below[x] -= part * height, 1, part * height);
            });
        }
    }

    outline(start, end, colour, dash = []) {
        const { pen, top, height } = this, width = Math.max(end - start, 3);
        pen.strokeStyle = colour;
        pen.lineWidth = 2;
        pen.setLineDash(dash);
        pen.strokeRect(start - 1, top - 2, width + 1, height + 4);
        pen.setLineDash([]);
        pen.lineWidth = 1;
    }
}

/* Addresses at round steps, 1, 2, 4, 8, ... bytes: about as many as fit. */
function drawScale(pen, tape, view, top, colours) {
    const step = Math.max(1, 2 ** Math.ceil(Math.log2(view.span * 120 / pen.width)));
    pen.fillStyle = colours.soft;
    pen.textAlign = "left";
    pen.textBaseline = "top";
    for (const [start, end, position] of tape.territory.segments) {
        const first = Math.max(0, Math.ceil((view.from - position) / step)) * step;
        const until = Math.min(end - start, view.from + view.span - position);
        for (let at = first; at < until; at += step) {
            const x = (position + at - view.from) * pen.width / view.span;
            pen.fillRect(x, top, 1, 6);
            pen.fillText(tape.name(BigInt(start + at)), x + 4, top + 2);
        }
    }
}

/* A line over all frames: where many share a pixel, from the least to the most of them. */
function drawLine(pen, numbers, frames, most, colours) {
    const height = pen.height - 4, y = number => pen.height - 2 - (most ? number / most * height : 0);
    const line = new Path2D(), area = new Path2D();
    let right = 0;
    area.moveTo(0, pen.height);
    for (let x = 0; x < pen.width; x++) {
        const first = Math.floor(x / pen.width * frames);
        const next = Math.max(first + 1, Math.floor((x + 1) / pen.width * frames));
        if (first >= numbers.length)
            break;
        let low = Infinity, high = 0;
        for (let frame = first; frame < next && frame < numbers.length; frame++) {
            low = Math.min(low, numbers[frame]);
            high = Math.max(high, numbers[frame]);
        }
        line.lineTo(x, y(low));
        line.lineTo(x, y(high));
        area.lineTo(right = x, y(high));
    }
    area.lineTo(right, pen.height);
    pen.globalAlpha = .18;
    pen.fillStyle = pen.strokeStyle = colours.accent;
    pen.fill(area);
    pen.globalAlpha = 1;
    pen.lineWidth = 1.4;
    pen.stroke(line);
}
