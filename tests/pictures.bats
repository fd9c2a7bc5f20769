# Pictures of recordings: they say what the run did, and the check of those in the repository fails when they don't.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    record=$PWD/scripts/record view=$PWD/scripts/heap-view tmp=$BATS_TEST_TMPDIR
    rec=$tmp/x.rec out=$tmp/x.svg
    export LC_ALL=C.UTF-8
}

recorded() { # recorded OPTION...: the C program from standard input, in $rec
    cat >"$tmp/x.c"
    cc -g -fno-builtin -o "$tmp/x" "$tmp/x.c"
    "$record" "$@" -o "$rec" "$tmp/x"
}

six_calls() { # six_calls OPTION...
    recorded "$@" <<'END_OF_C'
#include <stdlib.h>
int main(void)
{
    char *a = malloc(100), *b = malloc(200), *c = malloc(300);
    free(b);
    free(a);
    b = malloc(250);
    return !b || !c;
}
END_OF_C
}

says() { # says STATUS WORDS...: the last run's status, and each of these words
    local words
    [ "$status" -eq "$1" ] || { echo "status $status: $output"; return 1; }
    for words in "${@:2}"; do
        [[ $output == *"$words"* ]] || { echo "not said: $words"; echo "said: $output"; return 1; }
    done
}

sentence() { # sentence STATUS WORDS: and it is all that was said
    says "$@"
    [ "${#lines[@]}" -eq 1 ] || { echo "more than one line: $output"; return 1; }
}

shows() { # shows WORDS...: each is in $out
    local words
    for words; do
        grep -qF -- "$words" "$out" || { echo "not shown: $words"; cat "$out"; return 1; }
    done
}

# A picture anybody can look at: well formed, told in words, at rest on demand, and nothing from elsewhere.
sound() { # sound FILE...
    python3 - "$@" <<'END_OF_PYTHON'
import re
import sys
import xml.etree.ElementTree as tree
for path in sys.argv[1:]:
    text = open(path, encoding="utf-8").read()
    root = tree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == space + "svg" and root.find(space + "title").text and root.find(space + "desc").text, path
    assert not root.findall(".//" + space + "script") and "prefers-color-scheme:dark" in text, path
    assert text.count("http") == 1 and "@import" not in text and "href" not in text, path
    assert "animation" not in text or "prefers-reduced-motion" in text, path
    used = {name for node in root.iter() for name in node.get("class", "").split()} - {"m", "code", "halo"}
    ruled = set(re.findall(r"\.([\w-]+)\{", text))
    assert used <= ruled, (path, used - ruled)
    for x in re.findall(r" x='([^']*)'", text):
        assert -1 <= float(x) <= 800, (path, x)
END_OF_PYTHON
}

@test "the pictures of the repository are sound, and none is too large for a page" {
    sound stages/*/film/*.svg docs/pictures/*.svg
    run find stages docs/pictures -name '*.svg' -size +40k
    says 0
    [ -z "$output" ]
}

@test "each chapter shows its film" {
    for chapter in stages/*/README.md; do
        grep -q '^!\[.*\](film/film.svg)' "$chapter" || { echo "$chapter"; false; }
    done
}

@test "the check passes, and finds a frame that was changed, a picture that is missing, and one of nobody" {
    copy=$tmp/copy
    mkdir "$copy"
    git ls-files -coz --exclude-standard | xargs -0 ls -d | tar -c -T - | tar -x -C "$copy"
    cd "$copy"
    run scripts/dev/pictures --check 04-first-fit leak
    says 0 "3 pictures: all as the stages do"
    sed -i 's/e = malloc(150)/e = malloc(151)/' stages/04-first-fit/film/film.svg
    rm docs/pictures/leak.svg
    run scripts/dev/pictures --check 04-first-fit leak
    says 1 "stages/04-first-fit/film/film.svg isn't what the stage does today, from line" "docs/pictures/leak.svg is missing" \
        "2 faults"
    # Another heap, another picture: this one joins to the right only.
    sed -i 's/if (chunk->prev->free \&\& /if (false \&\& /' stages/06-merge/malloc.c
    run scripts/dev/pictures --check 06-merge
    says 1 "stages/06-merge/film/frames.svg isn't"
    run scripts/dev/pictures 04-first-fit
    says 0 "1 written"
    run scripts/dev/pictures --check 04-first-fit
    says 0
    run scripts/dev/pictures --check nothing
    sentence 2 "there is no picture 'nothing'; there are: 01-sbrk"
    cp docs/pictures/ls.svg docs/pictures/own.svg
    run scripts/dev/pictures --check
    says 1 "docs/pictures/own.svg is made by nobody"
}

@test "a film says what each call did, on a stage that merges and on one that doesn't" {
    six_calls -s 6 --every 1
    "$view" --animate "$out" "$rec"
    sound "$out"
    shows 'a = malloc(100): The first 160 bytes from the system.' 'b = malloc(200): 256 bytes more from the system.' \
        'free(b): It is free now.' 'free(a): Joined with its free neighbour: 368 bytes free in one.' \
        'd = malloc(250): Cut off the free 368 bytes; 64 bytes stay free.' '>on 06-merge<'
    six_calls -s 5 --every 1
    "$view" --strip "$out" "$rec"
    sound "$out"
    shows 'free(a): It is free now.' 'd = malloc(250): 304 bytes more from the system.'
}

@test "a film of a heap that nobody asked is drawn from the calls, and doesn't claim to know" {
    six_calls --libc
    "$view" --animate "$out" "$rec"
    sound "$out"
    shows 'a = malloc(100): The first block.' 'free(b): It is given back.'
    six_calls -s 6 --every 100
    "$view" --animate "$out" --map "$tmp/y.svg" "$rec"
    shows 'a = malloc(100): The first block.'
    out=$tmp/y.svg shows 'at most 600 in use' 'up to 50 %'
    six_calls -s 6 --every 2
    "$view" --strip "$out" "$rec"
    shows 'a = malloc(100): The heap was not asked after this call.'
}

@test "a film of a heap that breaks says when, and which invariant" {
    recorded -s 9 --every 1 <<'END_OF_C' || true
#include <stdlib.h>
#include <string.h>
int main(void)
{
    char *a = malloc(24), *b = malloc(100);
    a = realloc(a, 0);
    a = malloc(24);
    memset(a, 1, 60);
    b = malloc(16);
    _Exit(!b);
}
END_OF_C
    "$view" --animate "$out" --strip "$tmp/y.svg" --map "$tmp/z.svg" "$rec"
    sound "$out" "$tmp/y.svg" "$tmp/z.svg"
    shows 'realloc(a, 0) = NULL: It is free now' 'c = malloc(24): The free 24 bytes are taken whole.' \
        'd = malloc(16): ' 'The heap is broken: invariant 1'
    run grep -o 'taken whole. The heap is broken' "$out"
    says 1
}

@test "blocks keep their letters when the film begins later" {
    six_calls -s 8 --every 1
    "$view" --animate "$out" --calls 4-6 "$rec"
    shows 'A film of 3 calls. free(b): It is free now' 'd = malloc(250)'
}

@test "the lists are shown in their order, not in memory's" {
    recorded -s 8 --every 1 <<'END_OF_C'
#include <stdlib.h>
int main(void)
{
    char *a = malloc(100), *b = malloc(8), *c = malloc(100), *d = malloc(8);
    free(a);
    free(c);
    return !b || !d;
}
END_OF_C
    "$view" --strip "$out" "$rec"
    shows 'bin 112: c 104 → a 104' 'free(c): It is free now, first in bin 112.'
}

@test "threads have lanes" {
    cc -g -fno-builtin -pthread -o "$tmp/x" stages/10-threads/film/film.c
    "$record" -s 10 --every 1 -o "$rec" "$tmp/x"
    "$view" --animate "$out" "$rec"
    sound "$out"
    shows '>thread 1<' '>thread 2<'
}

@test "a map shows all of a run; its peak is the one of the statistics" {
    "$record" -s 8 --every 5 -o "$rec" ls -l /usr >"$tmp/said"
    "$view" --map "$out" --by caller "$rec"
    sound "$out"
    peak=$("$view" --stats --json "$rec" | python3 -c 'import json, sys; print(json.load(sys.stdin)["peak"]["bytes"])')
    [ "$peak" -ge 100000 ] || shows "at most $peak in use"
    shows "time goes to the right, addresses go up"
    recorded --libc <"tests/pictures/leak.c"
    "$view" --map "$out" --by caller "$rec"
    shows ' at x.c:'
    "$view" --map "$out" "$rec"
    shows 'up to 10 %'
}

@test "a map of more mappings than it has lines is still a map" {
    recorded -s 9 --every 10 <<'END_OF_C'
#include <stdlib.h>
int main(void)
{
    char *block[300];
    for (int i = 0; i < 300; i++)
        block[i] = malloc(1500000 + 4096 * (size_t)i);
    for (int i = 0; i < 300; i += 2)
        free(block[i]);
    return !block[1];
}
END_OF_C
    "$view" --map "$out" "$rec"
    sound "$out"
    python3 - "$out" <<'END_OF_PYTHON'
import re
import sys
text = open(sys.argv[1]).read()
assert all(float(y) >= 40 for y in re.findall(r"d='m[0-9.]+[ -]([0-9.]+)h", text)), "drawn above its frame"
END_OF_PYTHON
}

@test "a film begins with the call by which a region goes" {
    cc -g -fno-builtin -o "$tmp/x" stages/09-pages/film/film.c
    "$record" -s 9 --every 1 -o "$rec" "$tmp/x"
    "$view" --animate "$out" --calls 5 "$rec"
    shows 'A film of 1 call. free(c): A region of 1.9 MiB back to the system.'
    sound "$out"
}

@test "what can't be drawn is refused in a sentence" {
    six_calls -s 6 --every 1
    run "$view" --animate "$out" --calls 3-99 "$rec"
    sentence 2 "--calls wants A-B, of the calls 1 to 6"
    run "$view" --strip "$out" --calls x "$rec"
    sentence 2 "--calls wants A-B"
    run "$view" --map "$tmp/nowhere/x.svg" "$rec"
    sentence 2 "nowhere/x.svg can't be written: No such file or directory"
    run "$view" --map "$out" --by size "$rec"
    sentence 2 "--by"
    head -c 4200 "$rec" >"$tmp/short.rec"
    run "$view" --animate "$out" "$tmp/short.rec"
    sentence 2 "short.rec is cut off"
    "$record" -s 6 -o "$rec" ls /usr/bin >"$tmp/said"
    run "$view" --animate "$out" "$rec"
    sentence 2 "are too many for one picture: choose up to 60 with --calls A-B"
}
