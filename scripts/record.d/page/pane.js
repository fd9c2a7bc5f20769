/* pane.js - one recording on the page. */

const CARDS = [
    ["asked", "Asked for and live"], ["used", "Used"], ["overhead", "Overhead"], ["free", "Free"],
    ["hole", "Largest hole"], ["scattered", "Free, not in it", "%"], ["held", "From the system"],
    ["blocks", "Live blocks", ""],
];

const BY_NUMBER = new Intl.Collator("en", { numeric: true }).compare; // bin 48 before bin 512

class Pane {
    constructor(tape, player) {
        Object.assign(this, { tape, player, frame: 0, chosen: 0, lists: LISTS, tall: 0, kept: new Map() });
        this.root = $("#pane").content.firstElementChild.cloneNode(true);
        this.view = { from: 0, span: tape.territory.length || 1 };
        this.writeHead();
        this.makeCards();
        this.listen();
    }

    $(selector) {
        return $(selector, this.root);
    }

    writeHead() {
        const { about, calls, ns } = this.tape;
        this.$(".title").textContent = `${about.command || "a program"} on ${about.library || "an unknown malloc"}`;
        this.$(".about").textContent = `${plural(calls, "call")} in ${(ns[calls] / 1e6).toFixed(1)} ms, ` +
            `${plural(about.threads, "thread")}; ${about.ending}.`;
        this.root.setAttribute("aria-label", this.$(".title").textContent);
        this.root.classList.toggle("calls", !about.every);
        this.$(".legend .cached").hidden = !this.tape.row_state.includes(3);
    }

    makeCards() {
        for (const [name, title, unit = " bytes"] of CARDS.filter(([name]) => this.tape.sums[name])) {
            const card = element("div", "card"), head = element("h2", "", title), chart = element("div", "chart");
            const canvas = element("canvas", ""), value = element("strong", "");
            canvas.setAttribute("role", "img");
            card.dataset.name = name;
            chart.append(canvas, element("i", ""));
            head.append(element("span", "most"));
            card.append(head, value, chart);
            chart.addEventListener("click", event => {
                const box = chart.getBoundingClientRect();
                this.player.go(Math.round((event.clientX - box.left) / box.width * this.player.calls));
            });
            Object.assign(card, { unit, canvas, value, cursor: $("i", chart), most: $(".most", card) });
            this.$(".cards").append(card);
        }
    }

    listen() {
        const detail = this.$(".detail"), overview = this.$(".overview");
        for (const button of this.root.querySelectorAll("[data-zoom]"))
            button.addEventListener("click", () => this.zoom(button.dataset.zoom));
        overview.addEventListener("pointerdown", event => overview.setPointerCapture(event.pointerId));
        for (const kind of ["pointerdown", "pointermove"])
            overview.addEventListener(kind, event => event.buttons && this.centre(
                event.offsetX / overview.clientWidth * this.tape.territory.length, true));
        detail.addEventListener("click", event => this.choose(this.tape.blockAt(
            this.tape.territory.address(this.view.from + event.offsetX * this.bytesPerPixel))));
        this.$(".lists").addEventListener("click", ({ target }) =>
            this.choose(Number(target.closest("li")?.dataset.at ?? 0)));
        this.$(".more-lists").addEventListener("click", () => this.turnLists());
        this.$(".lists").addEventListener("scroll", () => this.drawArrows(), { capture: true, passive: true });
    }

    // ---- where the close view is

    get bytesPerPixel() {
        return this.view.span / (this.$(".detail").clientWidth || 1);
    }

    look(from, span) {
        const all = this.tape.territory.length || 1;
        span = Math.min(Math.max(span, 64), all);
        this.view = { from: Math.min(Math.max(from, 0), all - span), span };
        this.draw();
    }

    centre(position, byHand = false) {
        this.$(".follow").checked &&= !byHand;
        this.look(position - this.view.span / 2, this.view.span);
    }

    zoom(how) {
        const { from, span } = this.view;
        const wanted = how === "all" ? this.tape.territory.length : span * (how === "in" ? .5 : 2);
        this.look(from + (span - wanted) / 2, wanted);
    }

    /* Brings the call's own block into view. */
    follow() {
        const { tape, view } = this, at = tape.touched(this.frame).values().next().value;
        const position = at ? tape.territory.position(tape.number[at]) : null;
        if (position !== null && (position < view.from || position > view.from + view.span * .95))
            this.view.from = Math.min(Math.max(position - view.span / 2, 0), tape.territory.length - view.span);
    }

    // ---- a block that the reader chose

    choose(at) {
        this.chosen = at;
        const position = at ? this.tape.territory.position(this.tape.number[at]) : null;
        if (position !== null && (position < this.view.from || position > this.view.from + this.view.span))
            this.centre(position, true);
        this.draw();
    }

    chooseNext(step) {
        const from = this.chosen || [...this.tape.touched(this.frame)][0] || 0;
        this.choose(this.tape.neighbour(from, step) || this.chosen);
    }

    describe(at) {
        const { tape, frame } = this, row = tape.rows[at], value = tape.value[at];
        const given = tape.seek(frame + 1, -1, call => tape.gives(call, at));
        const gone = given && tape.seek(given, 1, call => tape.takes(call, at));
        const told = row ? `${plural(tape.value[tape.row_size[row]], "byte")}, ${STATES[tape.row_state[row]]}` +
            (tape.overhead[row] ? `, ${words(tape.overhead[row])} of overhead before them` : "") : "no block now";
        return `${tape.name(value)}, 0x${value.toString(16)}: ${told}.` +
            (given ? ` Last given by call ${words(given)}, ${tape.text(given)}, from ${tape.from(given)}.` : "") +
            (gone ? ` Given back by call ${words(gone)}, from ${tape.from(gone)}.` : given ? " Never given back." : "");
    }

    // ---- showing a frame

    show(frame) {
        this.frame = Math.min(frame, this.tape.calls);
        this.tape.go(this.frame);
        if (this.$(".follow").checked)
            this.follow();
        this.writeCall();
        this.writeFaults();
        this.writeCards();
        this.draw();
    }

    writeCall() {
        const { tape, frame } = this, finished = !(tape.callFlags[frame] & UNFINISHED);
        this.$(".count").textContent = [`call ${words(frame)} of ${words(tape.calls)}`, `thread ${tape.thread[frame]}`,
            `${(tape.ns[frame] / 1e6).toFixed(3)} ms`].join(" · ");
        this.$(".text").textContent = tape.text(frame) + (finished ? "" : "   it never returned");
        this.$(".from").textContent = frame ? "from " + tape.from(frame) : "";
        this.$(".story").textContent = this.story();
        this.$(".debug code").textContent = `scripts/debug --at ${tape.about.file}:${frame}`;
    }

    story() {
        const { tape, frame } = this, flags = tape.flags[frame], held = tape.sums.held;
        const look = tape.looks[placeOf(tape.looks, frame + 1) - 1];
        const grown = held && frame ? held[frame] - held[frame - 1] : 0;
        return [
            flags & REFUSED && "Refused: no memory was given.", flags & SPLIT && "A block was cut in two.",
            flags & MERGE && "Blocks were joined.", grown > 0 && `The heap grew by ${plural(grown, "byte")}.`,
            grown < 0 && `${plural(-grown, "byte")} went back to the system.`,
            !tape.about.every && "Live blocks, by the calls alone: the heap itself was not asked.",
            tape.about.every && look !== frame && (look === undefined ? "The heap was not asked yet."
                : `The heap is shown as it was after call ${words(look)}.`),
        ].filter(Boolean).join(" ");
    }

    writeFaults() {
        const { faults, invariants, every } = this.tape.about;
        const [since, before, broken] = faults.findLast(([frame]) => frame <= this.frame) ?? [0, 0, []];
        this.root.classList.toggle("broken", broken.length > 0);
        const how = since < this.frame ? `since call ${words(since)}` : before ? "after this call, by the program"
            : every > 1 ? `in one of the last ${every} calls` : "by this call";
        this.$(".how").textContent = broken.length ? `The heap is broken, ${how}:` : "";
        this.$(".faults").replaceChildren(...broken.slice(0, 6).map(([invariant, where, what]) => {
            const item = element("li", "", `at ${where}: ${what}`);
            item.append(element("small", "", `${invariant}. ${invariants[invariant] ?? ""}`));
            return item;
        }));
    }

    writeCards() {
        for (const card of this.root.querySelectorAll(".card")) {
            const numbers = this.tape.sums[card.dataset.name], value = numbers[this.frame];
            card.value.textContent = card.unit === "%" ? value.toFixed(0) + " %" : words(value);
            card.cursor.style.left = `${100 * this.frame / Math.max(1, this.player.calls)}%`;
        }
    }

    // ---- drawing

    draw() {
        if (!this.colours || !this.root.isConnected)
            return;
        const { tape, frame } = this, touched = tape.touched(frame);
        this.writeLists(touched);
        this.$(".chosen").textContent = this.chosen ? this.describe(this.chosen) : "";
        this.writeScale();
        this.drawOverview(touched); // from here on nothing changes the layout
        this.drawDetail(touched);
        this.drawArrows();
    }

    writeScale() {
        const bytes = this.bytesPerPixel;
        this.$(".scale").textContent = bytes >= 1 ? `A pixel is ${plural(Math.round(bytes), "byte")}.`
            : `A byte is ${plural(Math.round(1 / bytes), "pixel")}.`;
    }

    /* The whole heap, and the frame around what is shown closely. */
    drawOverview(touched) {
        const canvas = this.$(".overview"), pen = penOf(canvas), { tape, view, colours } = this;
        const strip = new Strip(pen, tape, { from: 0, span: tape.territory.length || 1 }, 4, 26, colours);
        strip.draw(new Set(), false);
        strip.outline(Math.max(1, strip.x(view.from)), Math.min(pen.width - 2, strip.x(view.from + view.span)),
            colours.ink);
        pen.fillStyle = colours.mark;
        for (const at of touched) {
            const position = tape.territory.position(tape.number[at]);
            if (position !== null)
                pen.fill(new Path2D(`M${strip.x(position)} 35l5 9h-10z`));
        }
        const blocks = tape.sums.free ? `${words(tape.sums.free[this.frame])} bytes free, the largest hole ` +
            words(tape.sums.hole[this.frame]) : `${words(tape.live[this.frame])} bytes live`;
        canvas.setAttribute("aria-label", `The whole heap: ${blocks}`);
    }

    /* What the call did, closely: before it, and after. */
    drawDetail(touched) {
        const canvas = this.$(".detail"), pen = penOf(canvas), { tape, frame, view, colours } = this;
        const write = (text, y) => {
            pen.fillStyle = colours.soft;
            pen.textAlign = "left";
            pen.textBaseline = "alphabetic";
            pen.fillText(text, 0, y);
        };
        write("before", 11);
        tape.go(frame - 1);
        new Strip(pen, tape, view, 17, 36, colours).draw(touched, true);
        tape.go(frame);
        write("after", 70);
        const after = new Strip(pen, tape, view, 77, 52, colours);
        after.draw(touched, true);
        if (this.chosen) {
            const row = tape.rows[this.chosen], x = address => after.x(tape.territory.position(address) ?? -1e9);
            const start = tape.number[this.chosen];
            after.outline(x(start - tape.overhead[row]), x(start) + tape.size[row] * after.scale, colours.ink, [4, 3]);
        }
        drawScale(pen, tape, view, 136, colours);
        const name = position => tape.name(BigInt(Math.floor(tape.territory.address(position))));
        canvas.setAttribute("aria-label", `Close view, before and after the call, from ${name(view.from)} to ` +
            `${name(view.from + view.span)}. ${plural(after.marks.length, "block")} touched.`);
    }

    drawCharts() {
        for (const card of this.root.querySelectorAll(".card")) {
            const name = card.dataset.name, numbers = this.tape.sums[name], own = most(numbers);
            drawLine(penOf(card.canvas), numbers, this.player.calls + 1, this.player.most(name), this.colours);
            const told = card.unit === "%" ? own.toFixed(0) + " %" : words(own);
            card.most.textContent = "at most " + told;
            card.canvas.setAttribute("aria-label", `${card.firstChild.firstChild.data} over time: at most ${told}${
                card.unit === " bytes" ? " bytes" : ""}, after call ${words(numbers.indexOf(own))}; at the end ${
                words(numbers[this.tape.calls])}`);
        }
    }

    /* Of each list that isn't empty a row; when there are many, first of those that the call touched. */
    writeLists(touched) {
        const { tape } = this, names = tape.about.lists, box = this.$(".lists"), button = this.$(".more-lists");
        const all = [...tape.lists].filter(([, row]) => row.length);
        all.sort(([one], [other]) => BY_NUMBER(names[one], names[other]));
        const meets = new Map(all.map(list => [list, list[1].some(block => touched.has(block))]));
        const shown = new Set([...all].sort((one, other) => meets.get(other) - meets.get(one)).slice(0, this.lists));
        const rows = all.filter(list => shown.has(list)).map(([name, row]) => this.listRow(names[name], row, touched));
        [...box.children].forEach(row => rows.includes(row) || row.remove());
        rows.forEach((row, i) => row === box.children[i] || box.insertBefore(row, box.children[i] ?? null));
        button.hidden = all.length <= LISTS;
        button.textContent = shown.size < all.length ? `and ${plural(all.length - LISTS, "more list")}` : "fewer lists";
        if (box.scrollHeight > this.tall) { // so that what stands below doesn't jump
            this.tall = box.scrollHeight;
            box.style.minHeight = this.tall + "px";
        }
    }

    /* All lists, or the first few again. */
    turnLists() {
        this.lists = this.lists === LISTS ? Infinity : LISTS;
        this.tall = 0;
        this.$(".lists").style.minHeight = "";
        this.draw();
    }

    /* A list's row on the page: the one it had, when nothing in it is new. Of a long list it shows what the call
     * touched, or else what is free, and on from there. */
    listRow(name, row, touched) {
        const { tape, kept } = this, seen = row.findIndex(block => touched.has(block));
        const at = seen >= 0 ? seen : row.findIndex(block => tape.row_state[tape.rows[block]] > 1);
        const first = row.length <= CHIPS ? 0 : Math.max(0, at - 1), shown = row.slice(first, first + CHIPS);
        const parts = shown.map(block => `${block} ${tape.rows[block]} ${touched.has(block)}`);
        const state = [row.length, first, ...parts].join();
        if (kept.get(name)?.state !== state)
            kept.set(name, { state, line: this.makeRow(name, row.length, first, shown, touched) });
        return kept.get(name).line;
    }

    makeRow(name, length, first, shown, touched) {
        const line = element("div", "list"), title = element("b", "", name), list = element("ol", "");
        const more = (count, where) => count > 0 ? [element("li", "more", `${words(count)} ${where}`)] : [];
        title.append(element("small", "", " " + plural(length, "block")));
        list.setAttribute("aria-label", name);
        list.append(...more(first, "before"), ...shown.map(block => this.chip(block, touched)),
            ...more(length - first - shown.length, "more"));
        line.append(title, list);
        return line;
    }

    chip(block, touched) {
        const { tape } = this, row = tape.rows[block];
        const item = element("li", STATES[tape.row_state[row]] + (touched.has(block) ? " touched" : ""));
        item.textContent = `${tape.name(tape.value[block])} · ${tape.sizeText(row)}`;
        item.dataset.at = block;
        return item;
    }

    /* From each block in a list that can be seen to its place in the strip. */
    drawArrows() {
        const figure = this.$(".heap").getBoundingClientRect(), strip = this.$(".detail").getBoundingClientRect();
        const { tape, view } = this, bottom = strip.top - figure.top + 130, found = [];
        for (const item of this.root.querySelectorAll("li[data-at]")) {
            const box = item.getBoundingClientRect(), frame = item.parentNode.getBoundingClientRect();
            const position = tape.territory.position(tape.number[item.dataset.at]), middle = (box.left + box.right) / 2;
            if (position === null || position < view.from || position > view.from + view.span ||
                middle < frame.left || middle > frame.right)
                continue;
            const x = strip.left - figure.left + (position - view.from) / this.bytesPerPixel;
            const from = middle - figure.left, y = box.top - figure.top, bend = (bottom + y) / 2;
            found.push(`<path d="M${from} ${y}C${from} ${bend} ${x} ${bend} ${x} ${bottom + 7}"/>` +
                `<path class="head" d="M${x} ${bottom}l4 9h-8z"/>`);
        }
        this.$(".arrows").innerHTML = found.join("");
    }
}
