# heap-view --html: the page that it makes works in a real browser, from a file, offline.
#
# tests/page/check.py opens it in Chromium, does what a reader does, and compares what is shown with
# what the recording says. Each check ends with: nothing on the console, nothing asked of a network.

bats_require_minimum_version 1.5.0

program() { # program NAME: a C program from standard input
    cc -g -fno-builtin -o "$BATS_FILE_TMPDIR/$1" -x c -
}

setup_file() {
    cd "$BATS_TEST_DIRNAME/.." || return
    export LC_ALL=C.UTF-8
    local tmp=$BATS_FILE_TMPDIR
    program steps <<'END_OF_C' # each of its calls does one thing to a heap, on stage 6
#include <stdlib.h>

int main(void)
{
    char *a = malloc(100), *b = malloc(400), *c = malloc(300); /* the heap grows, three times */

    free(b);                    /* 4: a hole */
    b = malloc(50);             /* 5: it is cut */
    free(b);                    /* 6: and whole again */
    free(a);                    /* 7: both in one */
    a = malloc((size_t)-1 / 4); /* 8: refused */
    return a != NULL || c == NULL;
}
END_OF_C
    program over <<'END_OF_C' # it breaks the heap after call 2
#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *p = malloc(24), *q = malloc(100);

    memset(p, 1, 60);
    free(q);
    return 0;
}
END_OF_C
    program tiny <<<'#include <stdlib.h>
int main(void) { return malloc(5) == NULL; }'
    cc -O1 -fno-builtin -o "$tmp/many" tests/page/many.c
    scripts/record -s 6 -o "$tmp/ls.rec" ls -l /usr/bin >/dev/null
    scripts/record -s 6 --every 1 -o "$tmp/six.rec" ls / >/dev/null
    scripts/record -s 8 --every 1 -o "$tmp/eight.rec" ls -l / >/dev/null
    scripts/record -s 6 --every 1 -o "$tmp/steps.rec" "$tmp/steps"
    scripts/record -s 6 --until-broken -o "$tmp/over.rec" "$tmp/over" 2>/dev/null || [ $? -eq 134 ]
    scripts/record -s 10 -o "$tmp/many.rec" "$tmp/many"
    scripts/record --libc -o "$tmp/tiny.rec" "$tmp/tiny"
}

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    view=$PWD/scripts/heap-view tmp=$BATS_FILE_TMPDIR
}

browse() { # browse CHECK RECORDING...: makes the page, and does the check on it
    local check=$1
    shift
    cd "$tmp" || return
    "$view" --html "$check.html" "$@"
    python3 "$BATS_TEST_DIRNAME/page/browser.py" >/dev/null || skip "there is no Chromium; scripts/setup scripts"
    timeout 100 python3 "$BATS_TEST_DIRNAME/page/check.py" "$check" "$check.html" "$@"
}

@test "it opens from a file, at 1400 and at 390 pixels, light and dark, and its picture is to scale" {
    browse load ls.rec
}

@test "it goes by keys, and its address has the call" {
    browse keys ls.rec
}

@test "it goes by slider, play, charts and buttons; all have names, and Tab finds them" {
    browse controls eight.rec
}

@test "it finds addresses, sizes and functions" {
    browse search eight.rec
}

@test "at any call, its figures and its lists are those of the recording" {
    browse heap eight.rec
}

@test "it jumps to splits, merges, growth and what was refused, and tells of a block" {
    browse jumps steps.rec
}

@test "it opens at the call after which an invariant was broken" {
    browse broken over.rec
}

@test "two recordings stand side by side, and go together" {
    browse pair six.rec eight.rec
    browse pair eight.rec eight.rec
}

@test "one call of a few bytes is enough; none is refused" {
    browse tiny tiny.rec
    cp tiny.rec none.rec && printf '\0\020\0\0\0\0\0\0' | dd of=none.rec bs=1 seek=16 conv=notrunc status=none
    run -2 "$view" --html none.html none.rec
    [ "$output" = "heap-view: none.rec has no call" ]
}

@test "a hundred thousand calls are no hindrance" {
    browse many many.rec
}

@test "it asks nothing of anywhere: no address stands in it" {
    "$view" --html "$tmp/alone.html" "$tmp/steps.rec"
    run grep -Eo '(src|href|url|import) *[=(] *"?(https?:|//)[^">]*' "$tmp/alone.html"
    [ "$status" -eq 1 ]
    grep -q "default-src 'none'" "$tmp/alone.html"
}

@test "refused: what can't be read or written, a recording that would be written over" {
    run -2 "$view" --html "$tmp/no/such.html" "$tmp/steps.rec"
    [ "$output" = "heap-view: $tmp/no/such.html can't be written: No such file or directory" ]
    run -2 "$view" --html "$tmp/x.html" "$tmp/absent.rec"
    [[ $output == *"absent.rec can't be read: "* ]]
    head -c 5000 "$tmp/steps.rec" >"$tmp/short.rec"
    run -2 "$view" --html "$tmp/x.html" "$tmp/steps.rec" "$tmp/short.rec"
    [[ $output == *"short.rec is cut off: "* ]]
    [ ! -e "$tmp/x.html" ]
    before=$(cksum <"$tmp/ls.rec")
    run -2 "$view" --html "$tmp/ls.rec" "$tmp/steps.rec"
    [[ $output == *"ls.rec is a recording: I won't write over it" ]]
    [ "$(cksum <"$tmp/ls.rec")" = "$before" ]
    run -2 "$view" "$tmp/steps.rec" "$tmp/ls.rec"
    [[ $output == *"two recordings go side by side with --html alone" ]]
}
