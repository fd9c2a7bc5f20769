# until-broken: the first call after which the heap is broken, on bugs kept on purpose and on a program
# that writes past a block. tests/until tries all bugs.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    debug=$PWD/scripts/debug tmp=$BATS_TEST_TMPDIR
}

says() { # says STATUS WORDS...: the last run's status, and each of these words
    local words
    [ "$status" -eq "$1" ] || { echo "status $status: $output"; return 1; }
    for words in "${@:2}"; do
        [[ $output == *"$words"* ]] || { echo "not said: $words"; echo "said: $output"; return 1; }
    done
}

@test "on a bug of each kind of heap it stops at the call that the check names" {
    run tests/until --debug merge-no-prev first-of-the-bin grown-not-counted
    says 0 "3 right, 0 wrong"
}

@test "what the program wrote between two calls is told so, where it's found" {
    cat >"$tmp/over.c" <<'END'
#include <stdlib.h>
#include <string.h>
int main(void)
{
    char *p = malloc(24), *q = malloc(100);
    memset(p, 1, 60);
    free(q);
    return 0;
}
END
    cc -g -fno-builtin -o "$tmp/over" "$tmp/over.c"
    for stage in 3 7 8 10; do
        run timeout 60 "$debug" -s "$stage" --until-broken "$tmp/over" </dev/null
        says 0 "until-broken: call 3, free(" "between call 2, malloc(100) = " "in the program: it wrote there" \
            $'\nbefore +' $'\nafter  +'
        [ "$(grep -c '^until-broken' <<<"$output")" -eq 1 ]
    done
}

@test "a sound program runs to its end" {
    run timeout 60 "$debug" -s 7 --until-broken true </dev/null
    says 0 "exited normally" "and the heap was sound after each"
}

@test "a second run begins anew; continue goes on without it" {
    cc -g -fno-builtin -o "$tmp/calls" tests/gdb/calls.c -ldl
    printf '%s\n' 'myheap until-broken' run 'myheap until-broken' run >"$tmp/commands"
    run timeout 100 "$debug" -s 6 -x "$tmp/commands" "$tmp/calls" 20 </dev/null
    says 0 "until-broken: 20 calls"
    [ "$(grep -c 'until-broken: 20 calls' <<<"$output")" -eq 2 ]
}

@test "it takes no core, no process, and no word" {
    run "$debug" --until-broken -p 1
    says 125 "--until-broken starts a program"
    printf '%s\n' 'myheap until-broken now' >"$tmp/commands"
    run timeout 60 "$debug" -s 7 -x "$tmp/commands" true </dev/null
    says 1 "myheap until-broken takes nothing"
}
