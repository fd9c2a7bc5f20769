# A stage of another shape joins by its folder alone. tests/trial has one: no ring, no neighbours, free
# lists that end in NULL. In a copy of the repository it stands as stages/08-trial, and all that the
# house does with a stage is done with it. A side door stands beside it.

bats_require_minimum_version 1.5.0

setup_file() {
    copy=$BATS_FILE_TMPDIR/copy
    export copy
    mkdir "$copy"
    cd "$BATS_TEST_DIRNAME/.." || return
    git ls-files -coz --exclude-standard | xargs -0 ls -d 2>/dev/null | tar -c -T - | tar -x -C "$copy"
    cd "$copy" || return
    git init -q
    git add -A
    rm -rf stages/0[89]* stages/[1-9]* # what came after stage 7 meanwhile
    mv tests/trial stages/08-trial
    mv stages/08-trial/chapter stages/08-trial/README.md
    scripts/dev/listings stages/08-trial/README.md
    make -s WERROR=1 stage7 stage8
}

setup() {
    cd "$copy" || return
    unset BUILD
}

says() { # says STATUS WORDS...: the last run's status, and each of these words
    local words
    [ "$status" -eq "$1" ] || { echo "status $status: $output"; return 1; }
    for words in "${@:2}"; do
        [[ $output == *"$words"* ]] || { echo "not said: $words"; echo "said: $output"; return 1; }
    done
}

# A side door: the same heap, with a promise of its own.
side_door() {
    cp -r stages/08-trial stages/08b-door
    rm -r stages/08b-door/{bugs,tests.c,README.md}
    sed -i 's/Stage 8: a list for each size/Stage 8b: another list for each size/' stages/08b-door/malloc.c
    sed -i 's/08-trial/08b-door/' stages/08b-door/inspect.c
    echo '+door  it stands beside' >stages/08b-door/promises
}

teardown() {
    rm -rf "$copy/stages/08b-door"
}

@test "make check: its tests and its own, the real programs, and nothing of a ring" {
    run make -s check-stage8
    says 0 "stage8: " "tests passed" "programs: " "not promised" "list-layout" "merge"
    run tests/run --list
    says 0 $'sizes_are_powers_of_two\tinspect classes'
    run tests/run stage7 --test sizes_are_powers_of_two
    says 2 "no test ran"
}

@test "a library is held to what its stage promises" {
    run tests/run --so build/stage8/libmalloc.so --test sizes_are_powers_of_two
    says 0 "libmalloc.so is 08-trial, and is held to what stage8 promises" "1 test passed"
}

@test "its promise bites on the stage before" {
    run tests/teeth stage8
    says 0 "stage8  classes           1 of 1 tests fail on stage7"
}

@test "its bug is caught" {
    run tests/bugs class-too-small
    says 0 "caught by" "bugs: all 1 caught"
}

@test "preload knows it, by each name" {
    run scripts/preload --list
    says 0 "stage8   08-trial" "a list for each size."
    for name in 8 08 stage8 08-trial; do
        run scripts/preload -s "$name" --check ls
        says 0 "malloc is $copy/build/stage8/libmalloc.so"
    done
    [ "$(scripts/preload -s 8 ls -la stages)" = "$(ls -la stages)" ]
}

@test "the debugger tells its blocks, and its check is the stage's own" {
    printf '%s\n' 'break exit' run 'myheap list all' 'myheap check' 'myheap would malloc 100' kill quit >"$BATS_TEST_TMPDIR/commands"
    run timeout 100 scripts/debug -s 8 -x "$BATS_TEST_TMPDIR/commands" ls common </dev/null
    says 0 "1. holds   Going by next from bottom, each cell is marked, and cells come in address order." \
        " chunks: sound." "malloc(100) = +" "-> 128 bytes used"
    [[ $output != *"struct chunk"* && $output != *Traceback* ]]
    grep -Eq '^ +\+[0-9]+ +65536  free' <<<"$output" # ls reads a folder by 32 KiB and a bit
}

@test "diff-stage shows the lesson, and not what only tools need" {
    run scripts/dev/diff-stage stage8
    says 0 "stages/08-trial/malloc.c" "stage8 against stage7: " "newly promised: classes" "no longer promised: merge"
    [[ $output != *heap_inspect* && $output != *START_TEST* ]]
    run scripts/dev/diff-stage --sizes
    says 0 $'stage8\t08-trial\t'"$(wc -l <stages/08-trial/malloc.c)"$'\t'
}

@test "a second source of a stage is built, shown and counted" {
    printf '/* more.c - more of the lesson. */\nint heap_more(void);\nint heap_more(void)\n{\n    return 8;\n}\n' >stages/08-trial/more.c
    make -s WERROR=1 BUILD="$BATS_TEST_TMPDIR/build" stage8
    nm "$BATS_TEST_TMPDIR/build/stage8/libmalloc.so" | grep -q ' t heap_more'
    run scripts/dev/diff-stage stage8
    says 0 stages/08-trial/more.c
    run scripts/dev/diff-stage --sizes
    says 0 $'stage8\t08-trial\t'"$(cat stages/08-trial/m*.c | wc -l)"$'\t'
    rm stages/08-trial/more.c
}

@test "the ladder has a row for it, and for a side door" {
    side_door
    cp README.md "$BATS_TEST_TMPDIR/README.md"
    mkdir -p build
    for stage in $(scripts/dev/diff-stage --sizes | cut -f 1); do
        grep -v '^#' tests/programs.tsv | cut -f 1 | sed "s/.*/$stage\t&\tok\tyes\t/"
    done >build/tour.tsv
    run scripts/dev/tables --check
    says 1 "the ladder is out of date" "08-trial"
    scripts/dev/tables
    run -0 scripts/dev/tables --check
    grep -q '^| 8 | \[08-trial\](stages/08-trial/README.md) | a list for each size |.* classes; no longer list-layout' README.md
    grep -q '^| 8b | \[08b-door\].*| +1 −1 | door |' README.md
    cp "$BATS_TEST_TMPDIR/README.md" README.md
    git checkout -q docs/tour.tsv
}

@test "its chapter is executed, and its listings are the source's" {
    run scripts/dev/listings --check stages/08-trial/README.md
    says 0 "1 listings: all as the sources say"
    run scripts/dev/links stages/08-trial/README.md
    says 0 "each leads somewhere"
    run scripts/dev/run-text stages/08-trial/README.md
    says 0 "all as the pages say"
    sed -i 's/^exports.map/imports.map/' stages/08-trial/README.md
    run scripts/dev/run-text stages/08-trial/README.md
    sed -i 's/^imports.map/exports.map/' stages/08-trial/README.md
    says 1 "- imports.map"
}

@test "bench measures it" {
    run -0 scripts/dev/bench --quick --only stage8
    grep -Eq '^stage8 .* of [0-9]+$' <<<"$output" # its row in the table of all workloads
}

@test "a side door stands beside its sibling" {
    side_door
    make -s WERROR=1 stage8b
    run scripts/dev/diff-stage stage8b
    says 0 "stage8b against stage8: 1 lines added, 1 removed" "newly promised: door"
    [ "$(tests/promises --names stage8b)" = "$(tests/promises --names stage8) door" ]
    run scripts/preload --list
    says 0 "stage8   08-trial" "stage8b  08b-door"
    # Its promise has no test: teeth, which compares with stage8, says so.
    run tests/teeth stage8b
    says 1 "stage8b door              NO TEST needs it"
    # make alone leaves the main line's last stage as the current one.
    make -s && [ "$(readlink build/current)" = stage8 ]
    run scripts/debug -s 8b --help
    [ "$status" -eq 0 ]
}
