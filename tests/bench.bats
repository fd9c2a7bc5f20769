# make bench: that it measures what it says, and says what it can't measure.
#
# No test here depends on how fast the machine is: a library that is slow on purpose is slower by
# hundreds of times, and instructions are counted.

bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_TEST_DIRNAME/.." || return
    # It builds its tools, then refuses.
    run -2 scripts/dev/bench --only stage99
}

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    root=$PWD
    tmp=$BATS_TEST_TMPDIR
}

library() { # library NAME: from C code on stdin, $tmp/NAME.so
    cc -x c -std=gnu11 -O1 -fno-builtin -shared -fPIC -Itests/bench -o "$tmp/$1.so" -
}

slow() { # list.c with a loop of N turns in its malloc: $tmp/slow.so
    sed "s|^    class = class_of(size);|    for (volatile int turn = 0; turn < $1; turn++)\n        ;\n&|" tests/bench/list.c |
        tee "$tmp/slow.c" | library slow
    ! cmp -s "$tmp/slow.c" tests/bench/list.c
}

# The figures of a library in all the tables, one a line: its row without its name.
rows_of() {
    sed -n "s/^$1  *//p" <<<"$output"
}

@test "every workload that a stage promises has a figure, no other has one" {
    run -0 scripts/dev/bench --quick --only --tsv "$tmp/runs.tsv" stage1 stage3
    cut -f 4 "$tmp/runs.tsv" | sort | uniq -c >"$tmp/counts"
    all=$(awk -F '\t' '!/^#/ && $3 == "yes"' tests/bench/workloads.tsv | wc -l)
    for library in libc 'libc again'; do
        grep -Eqx " *$all $library" "$tmp/counts" || { cat "$tmp/counts"; return 1; }
    done
    # stage1 promises neither realloc nor programs, stage3 no threads; both only run what they promise.
    [ "$(awk -F '\t' '$4 == "stage1" { print $2, $3 }' "$tmp/runs.tsv" | xargs)" = \
        "lifo 100 fifo 100 random 100 random 10000 sizes of gcc sizes large" ]
    [ -z "$(awk -F '\t' 'NR > 1 && $5 != "ok"' "$tmp/runs.tsv")" ]
    grep -Eq '^stage1 +[0-9.]+ +- +[0-9.]+ +[0-9.]+\*$' <<<"$output"
    grep -Eq '^stage3 +- +-$' <<<"$output"
    run ! grep -E '^.{81}' <<<"$output"
    run ! grep -P '\thandoff\tstage3' "$tmp/runs.tsv"
}

@test "the libraries take turns: each round and workload begins with another one" {
    run -0 scripts/dev/bench --quick --rounds 2 --only --tsv "$tmp/runs.tsv" list
    awk -F '\t' 'NR > 1 && $1 $2 $3 != last { print $4 } { last = $1 $2 $3 }' "$tmp/runs.tsv" >"$tmp/first"
    [ "$(sort -u "$tmp/first" | wc -l)" -eq 3 ]
    [ "$(sort "$tmp/first" | uniq -c | sort -n | awk 'NR == 1 { print $1 }')" -ge 5 ]
}

@test "a slower library is shown as slower" {
    slow 2000
    run -0 scripts/dev/bench --quick --only list "$tmp/slow.so"
    # In the tables of lifo, fifo and random: the figures, and their ratio to libc.
    paste -d ' ' <(rows_of list) <(rows_of slow) | head -n 3 | awk '
        { for (i = 1; i <= NF / 2; i++) if ($(NF / 2 + i) < 20 * $i) exit 1; rows++ }
        END { exit rows != 3 }' || { echo "$output"; return 1; }
}

@test "a loop in malloc is found to the instruction" {
    slow 100
    run -0 scripts/dev/bench --instructions --only list "$tmp/slow.so"
    grep '^list\|^slow' <<<"$output" | awk 'NR == 1 { for (i = 2; i <= 4; i++) list[i] = $i }
        # 100 turns of some 4 to 6 instructions in malloc: half of that per operation.
        NR == 2 { for (i = 2; i <= 4; i++) if ($i - list[i] < 150 || $i - list[i] > 350) exit 1; found = 1 }
        END { exit !found }' || { echo "$output"; return 1; }
}

@test "libc without its cache, and with one arena, is libc otherwise" {
    run -0 scripts/dev/bench --instructions --only no-tcache one-arena
    grep -E '^(libc|no-tcache|one-arena) ' <<<"$output" | awk '{ lifo[$1] = $2 }
        # The cache spares most of the work; the number of arenas is nothing to one thread.
        END { exit !(lifo["no-tcache"] > 1.5 * lifo["libc"] && lifo["one-arena"] < 1.1 * lifo["libc"]) }' ||
        { echo "$output"; return 1; }
}

@test "what can't be measured is shown with a word, and tried once" {
    library crash <<<'#include <stddef.h>
        void *malloc(size_t size) { return (void *)(16 + 0 * size); }
        void free(void *block) { (void)block; }'
    library refuse <<<'#include <stddef.h>
        void *malloc(size_t size) { (void)size; return NULL; }'
    library endless <<<'#include <stddef.h>
        void *malloc(size_t size) { for (volatile int i = 0;; i++) if (i < 0) return (void *)size; }'
    run -0 scripts/dev/bench --quick --rounds 2 --only --tsv "$tmp/runs.tsv" "$tmp/crash.so" "$tmp/refuse.so" "$tmp/endless.so"
    [ "$(rows_of crash | head -n 1)" = "SIGSEGV       -" ]
    [ "$(rows_of refuse | head -n 1)" = "refused       -" ]
    [ "$(rows_of endless | head -n 1)" = "> 1 s       -" ]
    # With more live blocks it isn't tried again, nor in the second round.
    [ "$(rows_of endless | sed -n 3p)" = "> 1 s        -       -" ]
    [ "$(grep -c $'lifo\t100\tendless' "$tmp/runs.tsv")" -eq 1 ]
    [[ $(rows_of endless | tail -n 1) =~ ^-\ +-\ +-\ +[0-9]+\ of ]]
}

@test "launch: the status, a limit of time, and memory that is not the parent's" {
    mkdir -p "$tmp/build"
    BUILD=$tmp/build run -0 scripts/dev/bench --quick --only list
    launch=$tmp/build/bench/launch
    run -0 "$launch" "" 1 sh -c 'exit 7'
    [[ $output == "7 "* ]]
    run -0 "$launch" "" 1 sh -c 'kill -SEGV $$'
    [[ $output == "139 "* ]]
    run -0 "$launch" "" 1 sh -c 'while :; do :; done'
    [[ $output == "152 "* ]]
    run -0 "$launch" "" 1 sleep 60 # ten seconds later
    [[ $output == "142 "* ]]
    # The parent holds 100 MiB; true holds less than 8.
    run -0 python3 -c 'import subprocess, sys
held = b"x" * (100 << 20)
subprocess.run([sys.argv[1], "", "1", "true"])' "$launch"
    [ "${output##* }" -lt 8192 ]
    # What the command holds is counted.
    run -0 "$launch" "" 2 python3 -c 'held = b"x" * (100 << 20)'
    [ "${output##* }" -gt 102400 ]
}

@test "the plot has a curve for each library, made of the table's figures" {
    printf '#!/bin/sh\ncat >"%s"\n' "$tmp/script" >"$tmp/gnuplot"
    chmod +x "$tmp/gnuplot"
    cd "$tmp"
    PATH=$tmp:$PATH run -0 "$root/scripts/dev/bench" --quick --only --tsv runs.tsv --plot my.svg list
    [ "${lines[-1]}" = "drawn: $tmp/my.svg" ]
    grep -q "set output '$tmp/my.svg'" script
    for group in lifo fifo random; do
        [ "$(grep -c "^plot \$${group}0 .*'libc' noenhanced, .*'libc again' .*'list'" script)" -eq 1 ]
    done
    [ "$(sed -n '/^$random2 << END/,/^END/p' script | sed '1d;$d')" = \
        "$(awk -F '\t' '$2 == "random" && $4 == "list" { print $3, $6 }' runs.tsv)" ]
}

@test "a library is named for its file, a stage's for its folder, and no two are named alike" {
    make -s "BUILD=$tmp/build" stage1
    cp build/bench/list.so "$tmp/libmine.so.2"
    run -0 scripts/dev/bench --quick --only --tsv "$tmp/runs.tsv" 1 "$tmp/build/stage1/libmalloc.so" "$tmp/libmine.so.2" "$tmp/libmine.so.2"
    [ "$(awk -F '\t' 'NR > 1 { print $4 }' "$tmp/runs.tsv" | sort -u | paste -sd ' ')" = \
        "libc libc again mine mine#2 stage1 stage1#2" ]
}

@test "STAGES and PLOT are make's way to say it" {
    run -2 make -s bench STAGES="3 99"
    [[ $output == *"bench: there is no stage, no library and no file '99'"* ]]
    run -2 make -s bench PLOT=x.png
    [[ $output == *"bench: the plot's name must end in .svg and have no quote in it"* ]]
}

@test "it refuses what it doesn't know, in one sentence" {
    for arguments in '--rounds 0' '--rounds' '--rounds x' '--seconds -1' '--fast' '--only stage99'; do
        # shellcheck disable=SC2086 # words
        run scripts/dev/bench $arguments
        [ "$status" -eq 2 ] && [ "${#lines[@]}" -eq 1 ] || { echo "$arguments: $output"; return 1; }
    done
    cp build/bench/list.so "$tmp/a b.so"
    run -2 scripts/dev/bench --only "$tmp/a b.so"
    [[ $output == "bench: LD_PRELOAD can't carry a path with a space"* ]]
}

@test "bench.c refuses what it can't run" {
    for arguments in '' 'lifo 0 small 10' 'lifo 1000001 small 10' 'any 10 small 10' 'lifo 10 nobody 10' 'lifo 10 small 0'; do
        # shellcheck disable=SC2086 # words
        run build/bench/bench $arguments
        [ "$status" -eq 2 ] || { echo "$arguments: $output"; return 1; }
    done
}
