"use strict";
/*
 * tape.js - a recording, whose heap can be put at any frame. page.py tells how the data is laid out.
 *
 * The page's other parts: strip.js draws blocks to scale, pane.js is one recording on the page,
 * player.js the controls. They are put one behind the other into the page.
 */

const TYPES = { I: Uint32Array, Q: BigUint64Array, d: Float64Array };
const UNFINISHED = 1; // of a call; page.py has the other, 2: it was refused memory
const STATES = ["none", "used", "free", "cached"];
const SPLIT = 1, REFUSED = 2, MERGE = 4, GROWTH = 8, BROKEN = 16, PEAK = 32; // why a frame is looked for
const FAR = 1 << 16;     // bytes without a block or region that the territory leaves out
const FENCE = 64;        // bytes at most that close a region, behind its last block
const CLOSE = 8;         // bytes in a pixel, to begin with
const CHIPS = 16, LISTS = 8, MARKED = 200; // blocks of a list, lists, changed blocks that are shown
const $ = (selector, root = document) => root.querySelector(selector);
const words = new Intl.NumberFormat("en", { maximumFractionDigits: 0 }).format;
const plural = (number, word) => `${words(number)} ${word}${Number(number) === 1 ? "" : "s"}`;

const most = numbers => numbers.reduce((one, other) => Math.max(one, other), 0);

/* The first place in a sorted array whose number is not below this one. */
function placeOf(numbers, number) {
    let low = 0, high = numbers.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (numbers[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

function element(tag, name, text = "") {
    const made = document.createElement(tag);
    made.className = name;
    made.textContent = text;
    return made;
}

async function inflate(text) {
    const letters = atob(text), packed = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++)
        packed[i] = letters.charCodeAt(i);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
}

/* The columns by their names; each one's bytes stand lowest first, then the next of each. */
function unpack(columns, bytes) {
    const found = {};
    let at = 0;
    for (const [name, code, length] of columns) {
        const size = TYPES[code].BYTES_PER_ELEMENT, whole = new Uint8Array(length * size);
        for (let plane = 0; plane < size; plane++)
            for (let i = plane; i < whole.length; i += size)
                whole[i] = bytes[at++];
        found[name] = new TYPES[code](whole.buffer);
    }
    return found;
}

/* Changes in order, each of a frame: done and undone up to a frame. So no frame is kept, and each is near. */
class Journal {
    constructor(frames, apply, undo) {
        Object.assign(this, { frames, apply, undo, next: 0 });
    }

    go(frame) {
        while (this.next < this.frames.length && this.frames[this.next] <= frame)
            this.apply(this.next++);
        while (this.next > 0 && this.frames[this.next - 1] > frame)
            this.undo(--this.next);
    }
}

/* The largest of many numbers, of which one changes now and then: a tree, each node the larger of two. */
class Largest {
    constructor(length) {
        this.length = length;
        this.nodes = new Float64Array(2 * length);
    }

    set(at, number) {
        const nodes = this.nodes;
        nodes[at += this.length] = number;
        for (at >>= 1; at > 0; at >>= 1)
            nodes[at] = Math.max(nodes[2 * at], nodes[2 * at + 1]);
    }

    get most() {
        return this.nodes[1];
    }
}

function splice(row, at, removed, added) {
    if (added.length < 10000)
        return row.splice(at, removed, ...added);
    const gone = row.splice(at, removed), tail = row.splice(at);
    for (const part of [added, tail])
        part.forEach(block => row.push(block));
    return gone;
}

class Tape {
    constructor(about, functions, columns) {
        Object.assign(this, columns, { about, functions });
        this.calls = this.kind.length - 1;
        this.number = Float64Array.from(this.value, Number);
        this.size = Float64Array.from(this.row_size, at => this.number[at]);
        this.overhead = Float64Array.from(this.row_overhead, at => this.number[at]);
        this.rows = new Uint32Array(this.value.length); // of each value: what block begins there; 0: none
        this.regions = new Map(); // start: end
        this.lists = new Map();   // number of its name: places in value
        this.openBlocks();
        this.openRegions();
        this.openLists();
        this.territory = new Territory(this.extents());
        this.callFlags = this.flags;
        this.flags = this.callFlags.map(flags => flags & REFUSED);
        this.measure();
    }

    openBlocks() {
        const { block_at: at, block_row: row, rows } = this, old = this.block_old = new Uint32Array(row.length);
        this.blocks = new Journal(this.block_frame, k => {
            old[k] = rows[at[k]];
            rows[at[k]] = row[k];
        }, k => rows[at[k]] = old[k]);
    }

    openRegions() {
        const told = this.about.regions, old = [];
        const set = (start, end) => end ? this.regions.set(start, end) : this.regions.delete(start);
        this.stretches = new Journal(told.map(region => region[0]), k => {
            old[k] = this.regions.get(told[k][1]);
            set(told[k][1], told[k][2]);
        }, k => set(told[k][1], old[k]));
    }

    openLists() {
        const { list_at: at, list_removed: removed, list_added: added, lists } = this, old = [], from = [0];
        added.forEach((count, k) => from.push(from[k] + count));
        const row = k => lists.get(this.list_name[k]) ?? lists.set(this.list_name[k], []).get(this.list_name[k]);
        this.links = new Journal(this.list_frame,
            k => old[k] = splice(row(k), at[k], removed[k], this.list_block.subarray(from[k], from[k + 1])),
            k => splice(row(k), at[k], added[k], old[k]));
    }

    go(frame) {
        this.blocks.go(frame);
        this.stretches.go(frame);
        this.links.go(frame);
    }

    /* Where the heap ever was, [start, end] in rising order: its regions; without those, its blocks. */
    extents() {
        const regions = this.about.regions.filter(region => region[2]).map(region => region.slice(1));
        if (regions.length)
            return regions.sort((one, other) => one[0] - other[0]);
        const end = new Float64Array(this.value.length), found = [];
        this.block_at.forEach((at, k) => end[at] = Math.max(end[at], this.number[at] + this.size[this.block_row[k]]));
        end.forEach((end, at) => end && found.push([this.number[at], end]));
        return found;
    }

    /* Runs through the whole tape once: what there is of each kind after each call, and what happened. */
    measure() {
        const told = this.about.every > 0, length = this.calls + 1, largest = new Largest(told ? this.value.length : 0);
        const names = ["used", "overhead", "free", "hole", "held", "scattered"];
        const sums = this.sums = { asked: this.live, blocks: this.count };
        for (const name of told ? names : [])
            sums[name] = new Float64Array(length);
        const now = { used: 0, overhead: 0, free: 0, held: 0 };
        for (let frame = 0; frame < length; frame++) {
            const first = this.blocks.next, region = this.stretches.next;
            this.go(frame);
            if (!told)
                continue;
            for (let k = first; k < this.blocks.next; k++)
                this.tally(k, now, largest);
            this.flags[frame] |= this.cuts(first);
            if (region < this.stretches.next)
                this.tallyRegions(frame, now);
            now.hole = largest.most;
            now.scattered = now.free ? 100 * (1 - now.hole / now.free) : 0;
            names.forEach(name => sums[name][frame] = now[name]);
        }
        for (const [frame, , faults] of this.about.faults)
            this.flags[frame] |= faults.length ? BROKEN : 0;
        this.flags[this.live.indexOf(most(this.live))] |= PEAK;
    }

    tally(k, now, largest) {
        const was = this.block_old[k], is = this.block_row[k];
        for (const [row, sign] of [[was, -1], [is, 1]]) {
            now.overhead += sign * this.overhead[row];
            now[this.row_state[row] > 1 ? "free" : "used"] += sign * this.believed(row);
        }
        largest.set(this.block_at[k], this.row_state[is] > 1 ? this.believed(is) : 0);
    }

    /* A block's size for the sums: a damaged one may be anything. */
    believed(row) {
        return Math.min(this.size[row], this.territory.length);
    }

    tallyRegions(frame, now) {
        const before = now.held;
        now.held = 0;
        this.regions.forEach((end, start) => now.held += end - start);
        this.flags[frame] |= now.held > before ? GROWTH : 0;
    }

    /* Did the changes from the first on cut a block, or join some? In address order: a block that is new
     * begins inside one that was, or one that is gone began inside one that is. */
    cuts(first) {
        const changed = Array.from({ length: this.blocks.next - first }, (_, i) => first + i);
        let found = 0, wasEnd = 0, isEnd = 0;
        changed.sort((one, other) => this.block_at[one] - this.block_at[other]);
        for (const k of changed) {
            const start = this.number[this.block_at[k]], was = this.block_old[k], is = this.block_row[k];
            found |= (!was && is && start < wasEnd ? SPLIT : 0) | (was && !is && start < isEnd ? MERGE : 0);
            wasEnd = was ? start + this.size[was] : wasEnd;
            isEnd = is ? start + this.size[is] : isEnd;
        }
        return found;
    }

    /* An address as the reader should see it: near the heap's start, counted from there. */
    name(value) {
        const [start, end] = this.territory.segments[0] ?? [1, 0];
        return value === 0n ? "NULL" : start <= value && value <= end ? "+" + (value - BigInt(start))
            : "0x" + value.toString(16);
    }

    text(frame) {
        if (frame === 0)
            return "before the first call";
        const made = this.functions[this.kind[frame]];
        const given = [this.first, this.second, this.third].slice(0, made.arguments).map((column, i) => {
            const value = this.value[column[frame]];
            return i === 0 && made.address ? this.name(value) : value;
        });
        const result = this.value[this.result[frame]], finished = !(this.callFlags[frame] & UNFINISHED);
        return `${made.name}(${given.join(", ")})` +
            (made.gives && finished ? ` = ${made.number ? result : this.name(result)}` : "");
    }

    from(frame) {
        return this.about.callers[this.caller[frame]];
    }

    /* The blocks that lie in a stretch of addresses, each up to the next one at most. */
    eachBlock(low, high, visit) {
        const { number, rows, overhead, size } = this;
        let at = placeOf(number, low), last = 0;
        for (at--; at > 0 && !rows[at]; at--)
            ; // the one before may reach into it
        for (at = Math.max(at, 0); at < rows.length; at++) {
            if (!rows[at])
                continue;
            const start = number[at] - overhead[rows[at]];
            if (last)
                visit(last, Math.min(number[last] + size[rows[last]], start));
            last = at;
            if (start >= high)
                return;
        }
        if (last)
            visit(last, number[last] + size[rows[last]]);
    }

    /* The block that covers an address; 0: none does. */
    blockAt(address) {
        let found = 0;
        this.eachBlock(address, address + 1, (at, end) => {
            if (address >= this.number[at] - this.overhead[this.rows[at]] && address < end)
                found = at;
        });
        return found;
    }

    /* The next block above, or below (step -1); 0: there is none. */
    neighbour(at, step) {
        for (at += step; at > 0 && at < this.rows.length; at += step)
            if (this.rows[at])
                return at;
        return 0;
    }

    /* The blocks that a call changed, was given or gave. */
    touched(frame) {
        const made = this.functions[this.kind[frame]], found = new Set();
        if (made.asks && this.result[frame])
            found.add(this.result[frame]);
        if (made.address && this.first[frame])
            found.add(this.first[frame]);
        const first = placeOf(this.block_frame, frame);
        for (let k = first; k < first + MARKED && this.block_frame[k] === frame && frame; k++)
            found.add(this.block_at[k]);
        return found;
    }

    /* The free blocks that end where their region ends, but for what closes it. */
    tops() {
        const found = new Set();
        for (const [start, end] of this.regions) {
            const at = this.neighbour(placeOf(this.number, end), -1);
            const row = this.rows[at], reach = this.number[at] + this.size[row];
            if (this.number[at] > start && this.row_state[row] === 2 && reach + FENCE >= end)
                found.add(at);
        }
        return found;
    }

    /* A block's size in words, exactly. */
    sizeText(row) {
        return words(this.value[this.row_size[row]]);
    }

    gives(frame, at) {
        return at && this.result[frame] === at && this.functions[this.kind[frame]].asks;
    }

    takes(frame, at) {
        return this.first[frame] === at && this.functions[this.kind[frame]].takes;
    }

    /* The call nearest to a frame, in a direction, of which something holds; 0: none. */
    seek(frame, step, holds) {
        for (let at = step > 0 ? frame + 1 : Math.min(frame - 1, this.calls); at > 0 && at <= this.calls; at += step)
            if (holds(at))
                return at;
        return 0;
    }

    /* What a search looks for: an address, a size, or a name. */
    finder(query) {
        if (/^(\+\d+|0x[0-9a-f]+)$/i.test(query)) {
            const address = query[0] === "+" ? this.territory.start + Number(query) : Number(query);
            const covers = (block, size) => this.number[block] <= address &&
                address < this.number[block] + Math.max(1, this.number[size]);
            return frame => this.gives(frame, this.result[frame]) && covers(this.result[frame], this.asked[frame]) ||
                this.takes(frame, this.first[frame]) && covers(this.first[frame], this.taken[frame]);
        }
        if (/^\d+$/.test(query))
            return frame => this.functions[this.kind[frame]].asks && this.number[this.asked[frame]] === Number(query);
        const named = this.about.callers.map(name => name.includes(query));
        return frame => named[this.caller[frame]] || this.functions[this.kind[frame]].name === query;
    }
}

/* Positions count from 0 through all segments: [start, end, position of the start]. */
class Territory {
    constructor(extents) {
        this.segments = [];
        this.length = 0;
        let last = null;
        for (const [start, end] of extents) {
            if (last && start - last[1] < FAR)
                last[1] = Math.max(last[1], end);
            else
                this.segments.push(last = [start, end, 0]);
        }
        for (const segment of this.segments) {
            segment[2] = this.length;
            this.length += segment[1] - segment[0];
        }
        this.start = this.segments.length ? this.segments[0][0] : 0;
    }

    position(address) {
        const segment = this.segments.find(([start, end]) => start <= address && address <= end);
        return segment ? segment[2] + address - segment[0] : null;
    }

    address(position) {
        const segment = this.segments.findLast(segment => segment[2] <= position) ?? [0, 0, 0];
        return segment[0] + position - segment[2];
    }
}
