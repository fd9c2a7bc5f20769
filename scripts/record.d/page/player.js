/* player.js - the controls, which move all panes at once. */

const JUMPS = [["s", "Split", SPLIT], ["m", "Merge", MERGE], ["w", "Growth", GROWTH], ["n", "Refused", REFUSED],
    ["x", "Broken", BROKEN], ["p", "Peak", PEAK]];
const STEPS = { j: 1, ArrowRight: 1, k: -1, ArrowLeft: -1, f: 20, b: -20, d: 200, u: -200 };

class Player {
    constructor(tapes, at) {
        this.calls = Math.max(...tapes.map(tape => tape.calls));
        this.panes = tapes.map(tape => new Pane(tape, this));
        this.frame = 0;
        $("#panes").replaceChildren(...this.panes.map(pane => pane.root));
        $("#panes").classList.toggle("two", tapes.length > 1);
        document.title = this.panes.map(pane => pane.$(".title").textContent).join(" | ");
        Object.assign($("#slider"), { min: Math.min(1, this.calls), max: this.calls });
        $("#of").textContent = "of " + words(this.calls);
        this.makeJumps();
        this.listen();
        this.compare(tapes);
        this.dress();
        const broken = this.seek(0, 1, BROKEN);
        this.go(this.fromAddress() ?? at ?? (broken || 1));
        $("#panes").removeAttribute("aria-busy");
    }

    most(name) {
        return most(this.panes.map(pane => most(pane.tape.sums[name] ?? [])));
    }

    /* Colours and sizes anew: a change of theme. */
    dress() {
        const colours = palette();
        for (const pane of this.panes) {
            pane.colours = colours;
            pane.tall = 0;
            pane.$(".lists").style.minHeight = "";
            pane.drawCharts();
            if (!this.dressed)
                pane.look(0, pane.$(".detail").clientWidth * CLOSE);
            pane.draw();
        }
        this.dressed = true;
    }

    /* Where two recordings ask for different things: from there on they aren't of the same calls. */
    compare([one, other]) {
        if (!other)
            return;
        const same = frame => one.functions[one.kind[frame]] === other.functions[other.kind[frame]] &&
            one.number[one.asked[frame]] === other.number[other.asked[frame]];
        const apart = one.seek(0, 1, frame => frame > other.calls || !same(frame)) ||
            (other.calls > one.calls ? one.calls + 1 : 0);
        $("#apart").hidden = false;
        $("#apart").textContent = apart ? `The two ask for the same up to call ${words(apart - 1)}; from call ` +
            `${words(apart)} on they differ.` : "The two ask for the same, call by call.";
    }

    makeJumps() {
        const row = $(".jumps");
        for (const [key, name, flag] of JUMPS) {
            const counts = this.panes.map(({ tape }) => tape.flags.reduce((sum, flags) => sum + !!(flags & flag), 0));
            const count = counts.reduce((one, other) => one + other);
            const button = element("button", "", name + " ");
            button.append(element("small", "", words(count)));
            button.title = `Next ${name.toLowerCase()} (${key}); with Shift the one before`;
            button.disabled = !count;
            button.addEventListener("click", event => this.jump(flag, name, event.shiftKey ? -1 : 1));
            row.append(button);
        }
    }

    listen() {
        const actions = { first: () => this.go(1), back: () => this.go(this.frame - 1), play: () => this.play(),
            on: () => this.go(this.frame + 1), last: () => this.go(this.calls) };
        this.actions = actions;
        for (const button of document.querySelectorAll("[data-do]"))
            button.addEventListener("click", actions[button.dataset.do]);
        $("#slider").addEventListener("input", event => this.go(Number(event.target.value)));
        $("#number").addEventListener("change", ({ target }) =>
            this.go(Number(target.value.replaceAll(",", "")) || this.frame));
        $(".find").addEventListener("submit", event => {
            event.preventDefault();
            this.find(1);
        });
        $("#words").addEventListener("keydown", event => {
            if (event.key === "Enter" && event.shiftKey) {
                event.preventDefault();
                this.find(-1);
            } else if (event.key === "Escape")
                event.target.blur();
        });
        document.addEventListener("keydown", event => this.press(event));
        window.addEventListener("hashchange", () => this.go(this.fromAddress() ?? this.frame));
        window.addEventListener("resize", () => this.dress());
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.dress());
        if (matchMedia("(prefers-reduced-motion: reduce)").matches)
            $("#speed").value = "2";
    }

    fromAddress() {
        const found = /^#call=(\d+)$/.exec(location.hash);
        return found ? Number(found[1]) : null;
    }

    say(text) {
        $("#said").textContent = text;
    }

    /* Many moves may come between two pictures: only the last one is drawn. */
    go(frame) {
        this.frame = Math.min(Math.max(frame, Math.min(1, this.calls)), this.calls);
        this.drawing ??= requestAnimationFrame(() => this.show());
    }

    show() {
        this.drawing = null;
        $("#slider").value = this.frame;
        $("#slider").setAttribute("aria-valuetext", `call ${this.frame}: ${this.panes[0].tape.text(
            Math.min(this.frame, this.panes[0].tape.calls))}`);
        if (document.activeElement !== $("#number"))
            $("#number").value = words(this.frame);
        this.panes.forEach(pane => pane.show(this.frame));
        clearTimeout(this.noting); // browsers refuse many changes of the address in a row
        this.noting = setTimeout(() => history.replaceState(null, "", "#call=" + this.frame), 150);
    }

    play() {
        this.playing = !this.playing;
        $("#play").textContent = this.playing ? "Pause" : "Play";
        this.panes.forEach(pane => pane.$(".call").setAttribute("aria-live", this.playing ? "off" : "polite"));
        if (!this.playing)
            return;
        if (this.frame >= this.calls)
            this.go(1);
        let last = performance.now(), due = 0;
        const tick = now => {
            due += (now - last) / 1000 * Number($("#speed").value);
            last = now;
            if (due >= 1)
                this.go(this.frame + Math.floor(due));
            due %= 1;
            if (this.playing && this.frame >= this.calls)
                this.play();
            if (this.playing)
                requestAnimationFrame(tick);
        };
        requestAnimationFrame(tick);
    }

    /* The call nearest to a frame, in any pane, of which holds what is asked of its tape; 0: none. */
    nearest(frame, step, asked) {
        const found = this.panes.map(({ tape }) => tape.seek(frame, step, asked(tape))).filter(Boolean);
        return found.length ? (step > 0 ? Math.min : Math.max)(...found) : 0;
    }

    seek(frame, step, flag) {
        return this.nearest(frame, step, tape => at => tape.flags[at] & flag);
    }

    jump(flag, name, step) {
        const found = flag === PEAK ? this.seek(0, 1, flag) : this.seek(this.frame, step, flag); // there is one peak
        this.say(found ? "" : `No ${name.toLowerCase()} ${step > 0 ? "after" : "before"} this call.`);
        if (found)
            this.go(found);
    }

    find(step) {
        const query = $("#words").value.trim();
        const found = query && this.nearest(this.frame, step, tape => tape.finder(query));
        this.say(found ? `${query}: call ${words(found)}.`
            : query && `No call ${step > 0 ? "after" : "before"} this one has ${query}.`);
        if (found)
            this.go(found);
    }

    press(event) {
        const { key, target } = event, typing = target.matches("input:not([type=range], [type=checkbox]), select");
        const own = target.matches("input[type=range]") && /^(Arrow|Page|Home|End)/.test(key) ||
            target.matches("button, [type=checkbox]") && key === " ";
        if (typing || own || event.ctrlKey || event.metaKey || event.altKey || !this.command(key))
            return;
        event.preventDefault();
    }

    /* True: the key means something. */
    command(key) {
        const jump = JUMPS.find(([letter]) => letter === key.toLowerCase());
        const others = { g: this.actions.first, G: this.actions.last, " ": this.actions.play,
            "?": () => $("#help").togglePopover(), "/": () => $("#words").focus(),
            "[": () => this.panes[0].chooseNext(-1), "]": () => this.panes[0].chooseNext(1) };
        const zooms = { "+": "in", "=": "in", "-": "out", 0: "all" };
        if (STEPS[key])
            this.go(this.frame + STEPS[key]);
        else if (jump)
            this.jump(jump[2], jump[1], key === jump[0] ? 1 : -1);
        else if (zooms[key])
            this.panes.forEach(pane => pane.zoom(zooms[key]));
        else if (others[key])
            others[key]();
        else
            return false;
        return true;
    }
}

async function open() {
    const data = JSON.parse($("#data").textContent), tapes = [];
    for (const { columns, data: packed, ...about } of data.recordings)
        tapes.push(new Tape(about, data.functions, unpack(columns, await inflate(packed))));
    window.player = new Player(tapes, data.at);
}

open().catch(error => {
    $("#opening").textContent = `This browser can't open the recording: ${error.message}`;
    throw error;
});
