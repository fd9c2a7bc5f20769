# tests/fuzz: it finds a bug that is there, says how to see it again, and refuses what it must.

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
    run tests/fuzz "${@:2}"
    says 2 "$1"
    [ "${#lines[@]}" -eq 1 ] || { echo "more than one line: $output"; return 1; }
}

# A stage with a bug: the library's name in $library.
bug() { # bug STAGE FOLDER NAME
    mkdir -p "$tmp/$3/stages"
    cp -r Makefile common "$tmp/$3"
    cp -r "stages/$2" "$tmp/$3/stages"
    patch -s -p1 -d "$tmp/$3" <"stages/$2/bugs/$3.patch"
    make -s -C "$tmp/$3" BUILD=build "$1"
    library=$tmp/$3/build/$1/libmalloc.so
}

@test "a sound stage: nothing found, and which seeds" {
    run tests/fuzz --seed 1 stage8
    says 0 "stage8: seeds 1 to 1: nothing found"
    run tests/fuzz --seed 7 --seconds 1 8 10
    says 0 "stage8: seeds 7 to " "stage10: seeds 7 to "
}

@test "a bug is found, made short, and shown again by the command that is printed" {
    bug stage8 08-bins lead-too-small
    run tests/fuzz --seed 1 --so "$library" stage8
    says 1 "stage8: seed 1: step 52, memalign(" "  again: tests/fuzz --so " "  which says: step "
    again=$(sed -n 's/^  again: //p' <<<"$output")
    said=$(sed -n 's/^  which says: //p' <<<"$output")
    [ "$(tr -cd , <<<"${again#*--steps}" | wc -c)" -lt 10 ]
    run bash -c "$again 2>&1"
    says 1 "$said" "  step 52: memalign("
}

@test "a bug that shows only when the system refuses is found, and a lock that is missing" {
    bug stage9 09-pages refused-mremap-unlinks
    run tests/fuzz --seed 1 --seconds 60 --so "$library" stage9
    says 1 "again: "
    bug stage10 10-threads no-lock
    run tests/fuzz --seed 1 --seconds 60 --so "$library" stage10
    says 1 "it had threads; some times again: tests/fuzz --so $library --seed "
}

@test "the bytes of a file decide, and a crash says that something is wrong" {
    bug stage8 08-bins usable-counts-the-tag
    seq 30000 | gzip -n >"$tmp/input" # as good as drawn by lot
    run tests/fuzz --file "$tmp/input" 8
    says 0
    run tests/fuzz --file "$tmp/input" --so "$library" 8
    says 2 "malloc: a block came back whose tag is damaged" "it ended with status 134"
}

@test "refused in one sentence" {
    refuses "there is no stage 'stage99'" stage99
    refuses "--seconds needs a number, not 'long'" --seconds long 8
    refuses "--seed needs a number, not '-1'" --seed -1 8
    refuses "no list of steps" --seed 1 --steps 9-3 8
    refuses "no list of steps" --seed 1 --steps 5000 8
    refuses "can't read" --file "$tmp/none" 8
    refuses "go with one stage" --seed 1 --steps 1 8 9
    refuses "there is no library" --seed 1 --so "$tmp/none.so" 8
    refuses "there is no option --hard" --hard
}
