# scripts/learn: the student's own stages, and what the tests tell of them.

bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_TEST_DIRNAME/.." || return
    unset BUILD MINE MAKEFLAGS
    make -s && tests/run --list >/dev/null || return
    copy=$BATS_FILE_TMPDIR/copy
    mkdir -p "$copy/build"
    cp -a Makefile common scripts stages tests .gitignore "$copy"
    cp -a build/tests build/stage* "$copy/build"
}

setup() {
    unset BUILD MINE MAKEFLAGS
    cd "$BATS_FILE_TMPDIR/copy" || return
    PATH=$PWD/scripts:$PATH
    rm -rf mine build/mine* build/learn
}

says() { # says STATUS WORDS...: the last run's status, and each of these words
    local words
    [ "$status" -eq "$1" ] || { echo "status $status: $output"; return 1; }
    for words in "${@:2}"; do
        [[ $output == *"$words"* ]] || { echo "not said: $words"; echo "said: $output"; return 1; }
    done
}

# The repository's own stage N as the student's, with a bug of its own if one is named.
own() { # own N [BUG]
    local folder
    folder=$(. scripts/dev/stages.sh && find_folder "$1")
    mkdir -p "mine/stage$1"
    cp "stages/$folder"/*.c "mine/stage$1"
    rm -f "mine/stage$1/tests.c"
    [ -z "${2:-}" ] || patch -s -p3 -d "mine/stage$1" <"stages/$folder/bugs/$2.patch"
}

@test "start makes a stage, says what is new and red and where to read, and never overwrites" {
    run learn start 4
    says 0 "mine/stage4 begins with the repository's stage 3" "newly promised: reuse: freed memory" \
        "tests: reuse first-fit" 'read: stages/04-first-fit/README.md'
    [ "${#lines[@]}" -eq 4 ]
    grep -q 'TODO (reuse, first-fit)' mine/stage4/malloc.c
    echo mine >>mine/stage4/malloc.c
    run learn start 4
    says 2 "mine/stage4 is there already" "learn reset 4"
    run make -s start-stage4
    says 2 "mine/stage4 is there already"
    [ "$(tail -n 1 mine/stage4/malloc.c)" = mine ]
}

@test "start goes on from one's own stage before when it is green, else from the repository's" {
    own 3
    sed -i 's/^static void \*payload_of/\/* my own words *\/\n&/' mine/stage3/malloc.c
    run learn start 4
    says 0 "begins with your own stage 3, which is green"
    grep -q 'my own words' mine/stage4/malloc.c
    rm -r mine
    own 3 header-size-off
    run learn start 4
    says 0 "begins with the repository's stage 3, for yours is not green"
}

@test "each start compiles without a warning, and each chapter has the part that is to be read" {
    for path in stages/*; do
        number=$(. scripts/dev/stages.sh && stage_of "${path#stages/}")
        python3 - "${number#stage}" <<'EOF'
import sys
sys.path.insert(0, "scripts/learn.d")
sys.dont_write_bytecode = True
import beginning, gaps, workspace
stage = workspace.find_stage(sys.argv[1])
for name, text in gaps.make(stage, beginning.base_of(stage)[0]).items():
    workspace.write(stage.own_path + "/" + name, text)
EOF
        run make -s WERROR=1 "mine${number#stage}"
        says 0
        [ ! -e "$path/README.md" ] || grep -q '^## The idea' "$path/README.md"
    done
}

@test "what stage 8 begins with is stage 7, until that is deleted" {
    run learn start 8
    says 0 "red now:"
    [ -e mine/stage8/malloc.c ] && [ -e mine/stage8/heap.c ]
    rm mine/stage8/malloc.c
    run make -s mine8
    says 0
    run learn check 8
    says 1 "First red: malloc" "malloc(i * 3 + 1) gives a block"
}

@test "a side door begins with one's own stage 8, under another name, until that is deleted" {
    own 8
    sed -i 's/^static size_t top_size/\/* mine *\/\n&/' mine/stage8/heap.c
    for door in 8b 8c 8d 8e; do
        run learn start $door
        says 0 "mine/stage$door begins with your own stage 8, which is green" "red now:"
        grep -q '/\* mine \*/' mine/stage$door/stage8.c
        rm mine/stage$door/stage8.c mine/stage$door/bins.c
        run make -s WERROR=1 mine$door
        says 0
    done
    run learn check 8b
    says 1 "First red: malloc"
    run learn hint 8b
    says 0 "hint 1 of 3" "While nothing is ever free in the tree"
}

@test "check: a call that should end the program, and doesn't, is the one that is told" {
    own 8e into-a-block-unseen
    run learn check 8e
    says 1 "free(a + 16)   <-- here" "broken    invariant 3" "It looks like this"
    run learn debug 8e
    says 0 "free (payload="
}

@test "a stage of one's own is a stage for make, preload, debug, promises and the suite" {
    own 4
    run make -s mine4
    says 0
    run preload -s mine4 --check ls
    says 0 "/build/mine4/libmalloc.so"
    run preload --list
    says 0 "mine4    mine/stage4"
    [ "$(tests/promises --names mine4)" = "$(tests/promises --names stage4)" ]
    run debug -s mine4 true </dev/null
    says 0 "break mine/stage4/malloc.c:malloc"
    run tests/run --no-programs mine4 --test row_after_reuse
    says 0 "mine4: 1 test passed"
    run preload -s mine5 ls
    says 125 "there is no stage 'mine5'"
    git init -q . && git add -A && [ -z "$(git status --short -- mine)" ] && git check-ignore -q mine/stage4
    rm -rf .git
}

@test "check: the first cause in full, with its calls, both rows, the invariant and its place" {
    own 5 split-no-prev
    run learn check 5
    says 1 "First red: split" "c = malloc(64)    +48   <-- here" "before  |###" "after   |###" \
        "broken    invariant 2: prev is the way back" "invariant 2 at +176: prev is +0, the chunk before is +112" \
        "tests/suite/heap.c:" "stand     learn debug 5" 'read      stages/05-split/README.md, "The idea"' \
        "more tests end in the same way" "mine5 is red: "
    run learn debug 5 </dev/null
    says 0 "malloc (size=64) at mine/stage5/malloc.c"
    run learn progress
    says 0 "stage5   red" "stage4   -"
}

@test "check: a block that isn't the caller's to write to is named as that" {
    own 3
    sed -i '/^static void \*payload_of/,/^}/s/chunk + 1/(char *)(chunk + 1) - ALIGNMENT/' mine/stage3/malloc.c
    run learn check 3
    says 1 "(the test fills its blocks)   <-- here" "the heap was whole after that call" "invariant 4 at +0: mark is"
    [[ $output != *18446744* ]]
}

@test "check: of one cause the shortest story is told, with what the system was made to refuse" {
    own 6 merge-no-prev
    run learn check 6
    says 1 "heap      before  |" "found: invariant 2 at base: prev is"
    [[ $output != *"calls before"* ]]
    own 6 errno-lost
    run learn check 6
    says 1 "(sbrk was made to fail)   <-- here"
}

@test "check: a crash names one's own function and line, never the test's insides" {
    own 4 realloc-copies-too-much
    run learn check 4
    says 1 "SIGSEGV in chunk_move, line " "place     mine/stage4/malloc.c: chunk_move, line" "called by realloc, line" \
        "never came back   <-- here"
    [[ $output != *"suite.c"* && $output != *"check.h"* ]]
}

@test "check: an endless loop is a verdict, and shows where it goes round" {
    own 4
    sed -i 's/chunk = chunk->next)/chunk = chunk)/' mine/stage4/malloc.c
    run timeout 120 learn check 4
    says 1 "expected  an end" "place     mine/stage4/malloc.c: chunk_find, line" "not run after that" \
        "tests pass, the 23 programs wait"
}

@test "check: a stack that is used up is named as what it is" {
    own 4
    sed -i 's/^static struct chunk \*chunk_find(size_t size)$/static struct chunk *chunk_find(size_t size);\n__attribute__((noinline)) &/
        s/^    for (struct chunk \*chunk = base.next; .*/    volatile size_t more = size; struct chunk *found = chunk_find(more); if (found) return found + (more == 1);\n&/' \
        mine/stage4/malloc.c
    run learn check 4
    says 1 "chunk_find calls itself without end"
}

@test "check: the number of a stage's tests is the same, whatever is red" {
    total() { sed -n 's/.* of \([0-9]*\) tests pass.*/\1/p' <<<"$output"; }
    own 4
    run learn check 4
    says 0 "mine4 is green"
    says 0 "then: learn start 5"
    local all
    all=$(total)
    own 4 still-free
    run learn check 4
    says 1
    [ "$(total)" = "$all" ]
    sed -i 's/chunk = chunk->next)/chunk = chunk)/' mine/stage4/malloc.c
    run learn check 4
    says 1
    [ "$(total)" = "$all" ]
}

@test "check: what doesn't compile is shown by the compiler, and is no verdict on the heap" {
    own 4
    echo 'int x = ;' >>mine/stage4/malloc.c
    run learn check 4
    says 1 "mine/stage4/malloc.c:" "error:" "mine/stage4 doesn't compile: the first error"
}

@test "check --so: another library; one that reaches a foreign malloc is told the flag before any test" {
    run learn check 4 --so build/stage4/libmalloc.so
    says 0 "build/stage4/libmalloc.so is green"
    run learn check 5 --so build/stage4/libmalloc.so
    says 1 "First red: split"
    gcc -O2 -shared -fPIC -o build/mine.so stages/01-sbrk/malloc.c
    run learn check 1 --so build/mine.so
    says 2 "its calloc calls calloc" "-fno-builtin"
    gcc -O2 -shared -fPIC -fno-builtin -o build/mine.so stages/01-sbrk/malloc.c
    run learn check 1 --so build/mine.so
    says 2 "calls the program's malloc in place of its own" "-Wl,-Bsymbolic-functions" "-fno-builtin"
    [ ! -e mine/progress.tsv ]
    run learn check --so build/mine.so
    says 2 "which stage's promises"
}

@test "reset keeps a copy, keep makes one, diff shows the answer" {
    own 4 still-free
    run learn keep works 4
    says 0 "mine/stage4 is copied to mine/kept/works"
    run learn keep works 4
    says 2 "is there already"
    run learn keep ../out 4
    says 2 "a name of letters"
    run learn diff 4
    says 0 "+    chunk->free = false;"
    run learn reset 4
    says 0 "What you had is in mine/kept/stage4-1" "mine/stage4 begins with"
    cmp mine/kept/works/malloc.c mine/kept/stage4-1/malloc.c
}

@test "check: an older copy that was put back is what is tested" {
    own 4
    touch -d yesterday mine/stage4/malloc.c
    cp -p mine/stage4/malloc.c "$BATS_TEST_TMPDIR/works.c"
    sed -i '/^    chunk->free = false;$/d' mine/stage4/malloc.c
    run learn check 4
    says 1 "First red: reuse"
    cp -p "$BATS_TEST_TMPDIR/works.c" mine/stage4/malloc.c
    run learn check 4
    says 0 "mine4 is green"
}

@test "refused in one sentence" {
    # shellcheck disable=SC2154 # bats sets them
    refuses() { # refuses WORDS ARG...
        run --separate-stderr learn "${@:2}"
        [ "$status" -eq 2 ] && [ -z "$output" ] && [[ $stderr == *"$1"* ]] && [ "${#stderr_lines[@]}" -eq 1 ]
    }
    refuses "there is no command 'swim'" swim
    refuses "there is no stage '77'" start 77
    refuses "which stage?" start
    refuses "you have no stage yet; begin one with: learn start 1" check
    refuses "you have no stage 4 yet; begin it with: learn start 4" check 4
    refuses "there is no option -x" check -x
    refuses "one word too many: 5" check 4 5
    refuses "there is no library nothing.so" check 4 --so nothing.so
}

@test "hint: three at least for each promise, then all again, and the answer only when asked twice more" {
    python3 - <<'EOF'
import sys
sys.path.insert(0, "scripts/learn.d")
sys.dont_write_bytecode = True
import advice, workspace
poor = ["%s %s" % (stage.name, name) for stage in workspace.stages() for name in stage.new_promises()
        if len(advice.hints(stage, name)[0]) < advice.LEAST]
sys.exit("too few hints: " + ", ".join(poor) if poor else 0)
EOF
    own 4 still-free
    run learn hint 4
    says 2 "first: learn check 4"
    for number in 1 2 3; do
        run learn hint 4 reuse
        says 0 "reuse  freed memory is handed out again" "hint $number of 3:"
        [[ $output != *"diff --git"* ]]
    done
    run learn hint 4 reuse
    says 0 "hint 1 of 3" "hint 3 of 3" "Ask once more for the answer"
    [[ $output != *"diff --git"* ]]
    run learn hint 4 reuse
    says 0 "What the repository's stage changes" "+    chunk->free = false;" "stage4 against stage3"
    run learn hint 4 swim
    says 2 "stage 4 promises no 'swim'"
}

@test "the thought behind a red is named when it looks like a bug that is kept, and not otherwise" {
    own 5 split-keeps-size
    run learn check 5
    says 1 "It looks like this (" "you may think that the chunk that was cut keeps its size"
    rm -r mine
    learn start 5 >/dev/null
    run learn check 5
    says 1 "First red: split"
    [[ $output != *"It looks like this"* ]]
}

@test "each bug that is kept has a thought behind it" {
    for patch in stages/*/bugs/*.patch; do
        name=${patch##*/}
        grep -qx "bug ${name%.patch}" "${patch%/bugs/*}/hints" || { echo "none: $patch"; return 1; }
    done
}

@test "watch: in a terminal, a save is answered, keys give a hint and the list, q ends it" {
    shows() { # shows WORDS: within a minute
        for _ in {1..300}; do
            tmux -L learn capture-pane -p -S - -t watch >"$BATS_TEST_TMPDIR/screen"
            ! grep -qF -- "$1" "$BATS_TEST_TMPDIR/screen" || return 0
            sleep 0.2
        done
        echo "not shown: $1"
        cat "$BATS_TEST_TMPDIR/screen"
        return 1
    }
    own 4 still-free
    tmux -L learn -f /dev/null new-session -d -s watch -x 130 -y 50 "$PWD/scripts/learn watch 4; echo it ended; sleep 60"
    shows 'First red: reuse'
    shows '[h]int  [l]ist  [a]ll  [d]ebug  [q]uit'
    tmux -L learn send-keys -t watch h
    shows 'hint 1 of 3'
    tmux -L learn send-keys -t watch l
    shows 'row_after_reuse: the heap should be'
    sed -i 's/^    if (!chunk)$/&/; s/^    return payload_of(chunk);/    chunk->free = false;\n&/' mine/stage4/malloc.c
    shows 'passes now; the others run.'
    tmux -L learn send-keys -t watch q
    shows 'it ended'
    tmux -L learn kill-server
}
