# docs/attack.md: each attack works on the stage as it is, and the answer ends it with one sentence.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    unset BUILD MAKEFLAGS
    copy=$BATS_TEST_TMPDIR/copy
    mkdir -p "$copy"
    cp -a Makefile common stages "$copy"
}

# attack FOLDER NAME: builds the stage, and runs an attack on it
attack() {
    local stage
    stage=$(. scripts/dev/stages.sh && stage_of "$1")
    make -s -C "$copy" WERROR=1 BUILD=build "$stage" || return
    cc -Wall -Wextra -Wconversion -Werror -fno-builtin -o "$copy/attack" "tests/attack/$2.c" || return
    run bash -c 'ulimit -c 0; LD_PRELOAD=$1/build/$2/libmalloc.so exec "$1/attack"' _ "$copy" "$stage"
}

# stops FOLDER ANSWER NAME SENTENCE: what worked before the answer's patch ends in the sentence after it
stops() {
    attack "$1" "$3"
    [ "$status" -eq 0 ] || { echo "the attack fails on the stage as it is: $output"; return 1; }
    patch -s -F0 -p1 -d "$copy" <"stages/$1/answers/$2.patch"
    attack "$1" "$3"
    [ "$status $output" = "134 malloc: $4" ] || { echo "status $status: $output"; return 1; }
}

@test "stage 3: realloc believes a size that an overflow wrote, until it looks at the next header" {
    stops 03-linked-list check-header resize \
        "the size of a block is damaged: somebody wrote past the end of another."
}

@test "stage 7: malloc follows a link out of the heap, until it asks for the way back" {
    stops 07-resize check-links walk "the links of a block are damaged: somebody wrote past the end of another."
}

@test "stages 7 and 8: a second free gives a block two owners, until blocks wait" {
    stops 07-resize wait twice "a block came back that is free already."
    stops 08-bins wait twice "a block came back that is free already."
}

@test "stage 8: a tag makes two blocks of one, until used chunks are sealed" {
    stops 08-bins seal tag "a seal is broken: somebody wrote past the end of a block."
}

@test "stage 3 uses no memory again: a second free does no harm" {
    attack 03-linked-list twice
    [ "$status" -eq 1 ] && [ "$output" = "malloc gave me memory of my own" ]
}

@test "no attack depends on where memory lies" {
    for _ in 1 2 3 4 5 6 7 8; do
        attack 07-resize walk
        [ "$status" -eq 0 ]
        attack 08-bins tag
        [ "$status" -eq 0 ]
    done
}
