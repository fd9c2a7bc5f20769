# scripts/learn score: memory and speed of a student's stage.

bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_TEST_DIRNAME/.." || return
    unset BUILD MINE MAKEFLAGS
    make -s
}

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    unset BUILD MAKEFLAGS
    export MINE=$BATS_TEST_TMPDIR/mine BUILD=$BATS_TEST_TMPDIR/build
    mkdir -p "$MINE/stage5"
    cp stages/05-split/*.c "$MINE/stage5"
}

says() { # says STATUS WORDS...: the last run's status, and each of these words
    local words
    [ "$status" -eq "$1" ] || { echo "status $status: $output"; return 1; }
    for words in "${@:2}"; do
        [[ $output == *"$words"* ]] || { echo "not said: $words"; echo "said: $output"; return 1; }
    done
}

@test "the repository's own stage earns what it earns for being as good as itself, and a little for libc's sake" {
    run scripts/learn score
    says 0 "trace    points" "mine5 scores "
    [[ $output != *wrong* ]]
    for trace in stack queue cache ages buffers chromium gcc git lua node perl python3 redis sqlite3 vim; do
        # Its memory is that of the repository's stage to the page.
        [[ $output =~ $trace\ +[0-9]+\ +[0-9]+\ KiB\ +1\.00 ]]
    done
    score=$(sed -n 's/mine5 scores \([0-9]*\).*/\1/p' <<<"$output")
    [ "$score" -ge 60 ] && [ "$score" -lt 100 ]
    [ "$(cut -f 2,4 "$MINE/score.tsv")" = $'mine5\t1' ]
}

@test "a trace that comes out wrong earns nothing, whatever its speed; what was before is told" {
    patch -s -p3 -d "$MINE/stage5" <stages/05-split/bugs/split-too-small.patch ||
        sed -i 's/chunk->free = false/chunk->free = true/' "$MINE/stage5/malloc.c"
    printf '2026-01-02\tmine5\tabc\t1\t61.5\n' >"$MINE/score.tsv"
    run scripts/learn score 5 --seed 7
    says 0 "wrong: call " "before, 2026-01-02: 61.5 (seed 1)"
    [ "$(tail -n 1 "$MINE/score.tsv" | cut -f 4)" = 7 ]
}

@test "more memory and more time than the repository's stage cost points" {
    sed -i 's/^void \*malloc(size_t size)$/void *malloc(size_t size);\nstatic void *plain(size_t size)/' "$MINE/stage5/malloc.c"
    cat >>"$MINE/stage5/malloc.c" <<'EOF'
void *malloc(size_t size)
{
    for (volatile int i = 0; i < 5000; i++)
        ;
    return plain(size < (size_t)1 << 20 ? 4 * size : size);
}
EOF
    run scripts/learn score 5
    says 0 "mine5 scores "
    score=$(sed -n 's/mine5 scores \([0-9]*\).*/\1/p' <<<"$output")
    [ "$score" -gt 0 ] && [ "$score" -lt 60 ]
}

@test "of a real trace a stage is asked what it promises: no realloc, no block above 1 KiB" {
    asked() { # asked PROMISE...
        python3 -B -c 'import collections, sys
sys.path.insert(0, "scripts/learn.d")
import traffic
lines = [line.split() for text in traffic.real(sys.argv[1:]).values() for line in text.splitlines()]
print("".join(sorted({line[0] for line in lines})), max(int(line[2]) for line in lines if line[0] != "f") > 1024)' "$@"
    }
    [ "$(asked malloc)" = "acf False" ]
    [ "$(asked malloc any-size realloc)" = "acfr True" ]
}

@test "what can't be scored is said in a sentence" {
    run scripts/learn score 4
    says 2 "you have no stage 4 yet"
    echo 'int broken' >>"$MINE/stage5/malloc.c"
    run scripts/learn score 5
    says 1 "mine5 doesn't compile"
}
