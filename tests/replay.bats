# scripts/replay, and the traces that ship: the same calls again, with the same counts.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    unset BUILD
    root=$PWD record=$PWD/scripts/record replay=$PWD/scripts/replay tmp=$BATS_TEST_TMPDIR
    rec=$tmp/x.rec
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

same() { # same FILE OPTION...: all six counts are those that were recorded
    run "$replay" "${@:2}" "$1"
    says 0 "calls: " "peak: " "live: " "failed: " "strays: 0, " "damaged: 0, "
    [ "$(grep -c ', as recorded$' <<<"$output")" -eq 6 ]
}

unpacked() { # unpacked FILE.xz
    python3 -c 'import lzma, sys; print(lzma.open(sys.argv[1], "rt").read(), end="")' "$1"
}

# both_ways PROGRAM COMMAND...: recorded on stage 10 and on libc, each process of that name is played on both.
both_ways() {
    local program=$1 which file found
    shift
    for which in '-s 10' --libc; do
        # shellcheck disable=SC2086 # an option and its value
        "$record" $which -o "$rec" "$@" >/dev/null
        found=$(named "$program" "$rec"*)
        [ -n "$found" ]
        for file in $found; do
            same "$file" -s 10
            same "$file" --libc
        done
    done
}

named() { # named PROGRAM FILE...: those that it left
    python3 -B - "$root/scripts/record.d" "$@" <<'END_OF_PYTHON'
import os, sys
sys.path.insert(0, sys.argv[1])
from recording import Recording
for path in sys.argv[3:]:
    recording = Recording(path)
    next(recording.items(), None)
    if recording.command and os.path.basename(recording.command[0]).startswith(sys.argv[2]):
        print(path)
END_OF_PYTHON
}

@test "python3 is replayed with the counts that the recorder saw" {
    both_ways python3 "$(python3 -c 'import sys; print(sys.executable)')" -c 'print([{i: str(i)} for i in range(999)][-1])'
}

@test "so is gcc" {
    printf '#include <stdio.h>\nint main(void)\n{\n    puts("hello");\n}\n' >"$tmp/hello.c"
    both_ways cc1 gcc -O2 -c -o "$tmp/hello.o" "$tmp/hello.c"
}

@test "so is redis, under its own benchmark" {
    command -v redis-server >/dev/null || skip "there is no redis-server here"
    cp -r tests/ladder "$tmp"
    sed -i 's/-n 3000/-n 200/; s/1, 3000 do/1, 300 do/' "$tmp/ladder/redis-server"
    mkdir "$tmp/scratch" && cd "$tmp"
    TMPDIR=$tmp/scratch both_ways redis-server ladder/redis-server
}

@test "so is node with workers" {
    command -v node >/dev/null || skip "there is no node here"
    cat >"$tmp/workers.js" <<'END_OF_JS'
const { Worker } = require("worker_threads");
const code = "require('worker_threads').parentPort.postMessage(Buffer.allocUnsafeSlow(5000).length)";
for (let i = 0; i < 2; i++) new Worker(code, { eval: true }).on("message", console.log);
END_OF_JS
    "$record" --libc -o "$rec" node "$tmp/workers.js" >/dev/null
    same "$rec" -s 10
    "$record" -s 10 -o "$rec" node "$tmp/workers.js" >/dev/null
    same "$rec" --libc
    [ "$(scripts/heap-view --stats --json "$rec" | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["threads"]) > 3)')" = True ]
}

@test "ten traces ship, each under 300 KB, and each is replayed on libc and on stage 10" {
    [ "$(cd tests/traces && echo *.xz)" = "$(printf '%s.trace.xz ' chromium gcc git lua node perl python3 redis sqlite3 vim | sed 's/ $//')" ]
    for trace in tests/traces/*.xz; do
        [ "$(stat -c %s "$trace")" -lt 300000 ]
        [ "$(unpacked "$trace" | grep -vcE '^(# trace 1: [a-z0-9]+: .*|[acr] [0-9]+ [0-9]+|m [0-9]+ [0-9]+ [0-9]+|[ft] [0-9]+)$')" -eq 0 ]
        same "$trace" --libc
        same "$trace" -s 10
    done
}

@test "a recording becomes a trace, its replay can be recorded, and gives the same trace" {
    "$record" -s 8 -o "$rec" ls -l / >/dev/null
    "$replay" --trace "$tmp/1.trace" "$rec"
    "$replay" -s 6 --record "$tmp/6.rec" --every 50 "$tmp/1.trace" >/dev/null
    [ "$(scripts/heap-view --stats --json "$tmp/6.rec" | python3 -c 'import json, sys; r = json.load(sys.stdin); print(r["stage"], r["inspections"] > 2)')" = "06-merge True" ]
    "$replay" --trace "$tmp/2.trace.xz" "$tmp/6.rec"
    diff <(tail -n +2 "$tmp/1.trace") <(unpacked "$tmp/2.trace.xz" | tail -n +2)
}

@test "all of the family goes into a trace" {
    cat >"$tmp/family.c" <<'END_OF_C'
#define _GNU_SOURCE
#include <malloc.h>
#include <stdlib.h>
int main(void)
{
    void *p[6] = {malloc(10), calloc(3, 7), aligned_alloc(64, 128), valloc(5), NULL, memalign(32, 1)};
    if (posix_memalign(&p[4], 256, 20) != 0 || malloc((size_t)-1 / 4) || malloc_usable_size(p[0]) < 10)
        return 1;
    p[0] = realloc(p[0], 1000);
    p[1] = reallocarray(p[1], 5, 11);
    free(p[3]), free(NULL);
    return 0;
}
END_OF_C
    cc -fno-builtin -w -o "$tmp/family" "$tmp/family.c"
    "$record" --libc -o "$rec" "$tmp/family"
    "$replay" --trace "$tmp/t" "$rec"
    [ "$(tail -n +2 "$tmp/t" | tr '\n' ,)" = "a 0 10,c 1 21,m 2 128 64,m 3 5 4096,m 4 1 32,m 5 20 256,r 0 1000,r 1 55,f 3," ]
    same "$tmp/t" -s 10
}

@test "the player is built for musl, and plays there" {
    command -v musl-gcc >/dev/null || skip "there is no musl-gcc here"
    export CC=musl-gcc BUILD=$tmp/musl
    make -s stage10
    same tests/traces/perl.trace.xz --libc
    same tests/traces/perl.trace.xz -s 10
    readelf -l "$BUILD/record/replay" | grep -q ld-musl
}

@test "the figures of a trace are those that one counts by hand" {
    printf '%s\n' '# trace 1: by hand' 'a 0 8' 'a 1 9' 'c 2 100' 'f 0' 't 2' 'f 1' 'r 2 5000' 'a 0 0' >"$tmp/hand"
    counted=$(scripts/heap-view --stats --json "$tmp/hand" | python3 -c '
import json, sys
r = json.load(sys.stdin)
rows = {name: [(row["to"], row["count"]) for row in r[name] if row["count"]] for name in ("sizes", "lifetimes_in_calls")}
print(rows["sizes"], rows["lifetimes_in_calls"], r["peak"]["bytes"], r["peak"]["call"], r["left"]["bytes"], r["left"]["blocks"],
      [(row["calls"], row["gave"], row["freed"], row["of_others"]) for row in r["threads"]], r["program"])')
    [ "$counted" = "[(0, 1), (8, 1), (16, 1), (128, 1), (16384, 1)] [(10, 3)] 5000 6 5000 2 [(4, 3, 1, 0), (3, 2, 2, 2)] by hand" ] ||
        { echo "$counted"; false; }
}

@test "refused: what is no trace, or a damaged one" {
    cd "$tmp"
    printf '# trace 1: x\na 0 10\n' >good
    for bad in 'f 1' 'a 0 5' 'a 1' 'a 1 x' 'b 1 1' 'm 1 10 3' 'a 1 999999999999999' 'r 7 1' '' 'f -1'; do
        { cat good; printf '%s\n' "$bad" 'f 0'; } >bad
        run "$replay" --libc bad
        sentence 2 "is damaged in line 3: "
    done
    "$replay" --trace good.xz good && head -c 50 good.xz >bad
    run "$replay" --libc bad
    sentence 2 "is cut off"
    { head -c 30 good.xz; head -c 30 /dev/zero; } >bad
    run "$replay" --libc bad
    sentence 2 "is damaged: xz can't unpack it"
    run "$replay" --trace /no/such/folder/x good
    sentence 125 "can't be written"
    run "$replay" --every 3 good
    sentence 125 "--every goes with --record"
}
