# tests/run, tests/programs and tests/teeth: what they judge, what they refuse, and how long they take
# over what hangs. (That the suite's tests can fail is shown by make check-teeth and check-bugs.)

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    unset BUILD
    tmp=$BATS_TEST_TMPDIR
}

says() { # says STATUS WORDS...: the last run's status, and each of these words
    local words
    [ "$status" -eq "$1" ] || { echo "status $status: $output"; return 1; }
    for words in "${@:2}"; do
        [[ $output == *"$words"* ]] || { echo "not said: $words"; echo "said: $output"; return 1; }
    done
}

refuses() { # refuses WORDS ARG...: status 2, and one line with these words
    run tests/run "${@:2}"
    says 2 "$1"
    [ "${#lines[@]}" -eq 1 ] || { echo "more than one line: $output"; return 1; }
}

# A library like stage 3 that says it is STAGE, or nothing when that is empty.
library() { # library FILE STAGE
    sed "s/\.stage = \"[^\"]*\"/.stage = \"$2\"/" stages/03-linked-list/inspect.c >"$tmp/inspect.c"
    mkdir -p "$(dirname "$1")"
    cc -std=gnu11 -O1 -fPIC -fno-builtin -shared -Wl,-Bsymbolic-functions -Icommon -Istages/03-linked-list \
        -o "$1" "$tmp/inspect.c"
}

looping() { # looping FILE: a library whose malloc comes to no end
    printf '#include <stddef.h>\n#include <errno.h>\n%s\n%s\n%s\n%s\n' \
        'void *malloc(size_t n) { for (;;) __asm__ volatile("" : : "r"(n)); }' 'void free(void *p) { (void)p; }' \
        'void *calloc(size_t n, size_t m) { return malloc(n * m); }' \
        'void *realloc(void *p, size_t n) { (void)p; return malloc(n); }' >"$tmp/loop.c"
    cc -O1 -fPIC -fno-builtin -shared -Wl,-Bsymbolic-functions -o "$1" "$tmp/loop.c"
}

@test "refused in one sentence: promises that are none, none at all, one twice, and too many" {
    local so=build/stage3/libmalloc.so
    refuses "there is no promise 'sing'; there are: start malloc " --so $so --promises "malloc sing"
    refuses "the list of promises is empty; there are: start malloc " --so $so --promises ''
    refuses "the list of promises is empty" --so $so --promises '  '
    refuses "the promise 'malloc' stands twice in the list" --so $so --promises "malloc align malloc"
    refuses "stands twice" --so $so --promises "$(yes malloc | head -n 160 | xargs) realloc"
    refuses "no test can be run on these promises alone" --so $so --promises start
    run make -s check SO=$so PROMISES=
    says 2 "the list of promises is empty"
}

@test "refused in one sentence: stages and libraries that are none, options that don't go together" {
    refuses "there is no stage 'stage99'; there are: stage1 stage2" stage99
    refuses "there is no stage 'stage99'" --so build/stage3/libmalloc.so --stage stage99
    refuses "there is no library" --so "$tmp/none.so"
    refuses "the library can't be opened" --so Makefile
    refuses "either --so or stages" --so build/stage3/libmalloc.so stage3
    refuses "either --promises or --stage" --so build/stage3/libmalloc.so --promises malloc --stage stage3
    refuses "--promises and --stage go with --so" --promises malloc
    refuses "there is no option --fast" --fast
    refuses "--test needs a value" --test
}

@test "without promises a stage is held to its own, and any other to what every malloc keeps" {
    local narrow
    narrow=$(tests/run --list | awk -F '\t' '$2 == "malloc" { print $1; exit }')
    library "$tmp/a.so" 03-linked-list
    run tests/run --so "$tmp/a.so" --test "$narrow"
    says 0 "$tmp/a.so is 03-linked-list, and is held to what stage3 promises" "1 test passed"
    library "$tmp/stage3/b.so" mine
    run tests/run --so "$tmp/stage3/b.so" --test "$narrow"
    says 0 "is 03-linked-list, and is held to what stage3 promises"
    library "$tmp/c.so" mine
    run tests/run --so "$tmp/c.so" --no-programs
    [[ $output != *"is held to"* ]]
    says 1 "FAILED" "reuse" # every malloc uses memory again, and stage 3 doesn't
}

@test "a stage has four names here too" {
    local narrow
    narrow=$(tests/run --list | awk -F '\t' '$2 == "malloc" { print $1; exit }')
    for name in 3 03 stage3 03-linked-list; do
        run tests/run "$name" --test "$narrow"
        says 0 "stage3: 1 test passed"
    done
}

@test "libc's own malloc keeps what every malloc keeps" {
    run tests/run --so libc --no-programs
    says 0 "passed on 1 library"
}

@test "programs wait for the tests: not run when one failed, and how to run them" {
    library "$tmp/a.so" 03-linked-list
    run tests/run --so "$tmp/a.so" --promises "start malloc reuse"
    says 1 "FAILED" "the real programs were not run, for tests failed; to run them all the same:"
    again=$(grep -o 'tests/programs --promises .*' <<<"$output")
    run bash -c "$again"
    says 0 "programs: 2 run, 0 failed"
}

@test "a heap that hangs is given up after two tests, and the rest is not counted" {
    looping "$tmp/loop.so"
    SECONDS=0
    CK_DEFAULT_TIMEOUT=1 run tests/run --so "$tmp/loop.so" --promises "start malloc align zero"
    says 1 "it didn't end" " more tests were not run, for 2 came to no end" "the real programs were not run"
    [[ ${lines[-1]} =~ ^"suite: FAILED: 2 of "[0-9]+" tests on 1 library"$ ]]
    [ "$SECONDS" -lt 60 ]
}

@test "programs that hang are given up after two, named, and not counted as run" {
    looping "$tmp/loop.so"
    CPU_LIMIT=1 run tests/programs --promises "start programs" "$tmp/loop.so"
    says 1 ": time"
    [ "$(grep -c ': time$' <<<"$output")" -eq 2 ]
    [[ ${lines[-1]} =~ ^"programs: "[0-9]+" run, 2 failed, "[1-9][0-9]*" not run, for 2 had hung"$ ]]
    CPU_LIMIT=1 run tests/programs --one ls "$tmp/loop.so"
    says 1 "ls: time"
}

@test "the table alone says what a program needs" {
    [ -z "$(tests/programs --list --promises "malloc free-null")" ]
    [ "$(tests/programs --list --promises start)" = "$(tests/programs --list --needs start)" ]
    run ! grep 'needs programs threads' <(tests/programs --list --set all --promises "start programs")
    run tests/programs --list --set all --needs threads
    says 0 "needs programs threads"
    for word in $(awk -F'\t' '/^[^#]/ { print $3 }' tests/programs.tsv | xargs -n 1 | sort -u); do
        grep -q "^# reason: $word"$'\t' tests/programs.tsv || [[ " $(tests/promises --names --all) " == *" $word "* ]] ||
            { echo "$word is no promise, and the table gives no reason"; return 1; }
    done
}

@test "a test file joins by standing there, and leaves by going" {
    mkdir "$tmp/copy"
    cp -r Makefile common scripts stages tests "$tmp/copy"
    cd "$tmp/copy"
    printf '#include "suite.h"\nSTART_TEST(mine)\n{\n    must(lib.malloc(1));\n}\nEND_TEST\nSUITE\n{\n    add(mine, "malloc");\n}\n' \
        >stages/03-linked-list/tests.c
    cp stages/03-linked-list/tests.c tests/suite/one.c
    sed -i 's/mine/other/' tests/suite/one.c
    run tests/run stage1 --test mine
    says 0 "1 test passed"
    run tests/run stage1 --test other
    says 0 "1 test passed"
    rm tests/suite/one.c
    run tests/run stage1 --test other
    says 2 "there is no test other"
    [ "$(nm -D build/stage3/libmalloc.so 2>/dev/null | grep -c suite)" -eq 0 ]
}

@test "the runner notices what it must" {
    run tests/suite/self/run
    says 0 "self: the runner notices all of it"
}

@test "the runner itself can run on a stage, and says that it did" {
    run tests/run --on 10 stage7 --test blocks_keep_their_bytes
    says 0 "1 test passed" "the runner itself asked " "on-stage10.so for memory" "that heap is sound"
    run tests/run stage7 --test blocks_keep_their_bytes
    says 0 "1 test passed"
    [[ $output != *"the runner itself"* ]]
    run tests/run --on 10 stage7 --test libc_memalign_in_between
    says 2 "doesn't promise all that libc_memalign_in_between needs"
    refuses "there is no stage 'stage99'" --on stage99 stage7
}

@test "random traffic for as many rounds as one likes, and nothing else" {
    run tests/run --rounds 2 stage7
    says 0 "stage7: 4 tests passed, 2 rounds each"
    run tests/run --rounds 3000 --test random_traffic_of_threads --so build/stage9/libmalloc.so --promises "malloc threads"
    says 1 "FAILED random_traffic_of_threads: " "of 3000" # it has no lock, and stops at the first crash
    refuses "--rounds needs a number of rounds, not '0'" --rounds 0 stage7
    refuses "--rounds needs a number of rounds, not 'many'" --rounds many stage7
}

@test "teeth refuses a stage that is none" {
    run tests/teeth stage99
    says 2 "teeth: there is no stage 'stage99'; there are: stage1"
}
