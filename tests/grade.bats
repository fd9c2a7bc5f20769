# scripts/grade: many submissions, each in a box. tests/grade-forty has them all.

bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_TEST_DIRNAME/.." || return
    unset BUILD MINE MAKEFLAGS
    make -s && tests/run --list >/dev/null
}

setup() {
    unset BUILD MINE MAKEFLAGS
    cd "$BATS_TEST_DIRNAME/.." || return
    class=$BATS_TEST_TMPDIR/class
}

says() { # says STATUS WORDS...: the last run's status, and each of these words
    local words
    [ "$status" -eq "$1" ] || { echo "status $status: $output"; return 1; }
    for words in "${@:2}"; do
        [[ $output == *"$words"* ]] || { echo "not said: $words"; echo "said: $output"; return 1; }
    done
}

submit() { # submit NAME STAGE-FOLDER: a submission; says its folder
    mkdir -p "$class/$1"
    cp "stages/$2"/*.c "$class/$1"
    echo "$class/$1"
}

grade() {
    local open=
    python3 -B scripts/grade.d/box.py 2>/dev/null || open=--open
    # shellcheck disable=SC2086 # an option or nothing
    scripts/grade $open --out "$BATS_TEST_TMPDIR/out" "$@"
}

# In a container without namespaces all but this is tested.
@test "a class of twelve, with loops, bombs and cheats in it, gets the right table" {
    why=$(python3 -B scripts/grade.d/box.py 2>&1) || skip "no boxes here: $why"
    run tests/grade-forty --few
    says 0 "12 submissions, 0 wrong"
}

@test "what is malformed is refused in a sentence" {
    run scripts/grade
    says 2 "which stage?"
    run scripts/grade --stage 4
    says 2 "which submissions?"
    run scripts/grade --stage 44 .
    says 2 "there is no stage '44'"
    run scripts/grade --stage 4 nowhere
    says 2 "there is no folder"
    run scripts/grade --stage 4 --held
    says 2 "--held needs a value"
    run scripts/grade --stage 4 -j 0 .
    says 2 "-j needs a number"
    run scripts/grade --stage 4 --loud .
    says 2 "there is no option --loud"
    submit a 01-sbrk
    mkdir -p "$class/b/a" "$class/held"
    run scripts/grade --stage 4 "$class/a" "$class/b/a"
    says 2 "two submissions are called a"
    run scripts/grade --stage 4 --held "$class/held" "$class/a"
    says 2 "has no .c and no .trace file"
    echo "reuse much" >"$class/weights"
    run scripts/grade --stage 4 --weights "$class/weights" "$class/a"
    says 2 "a line is a name and a number"
    echo "speed 3" >"$class/weights"
    run scripts/grade --stage 4 --weights "$class/weights" "$class/a"
    says 2 "there is no part 'speed'"
}

@test "what was graded is not done again unless it changed; weights count at once" {
    submit one 01-sbrk
    mkdir "$class/held"
    printf 'a 0 100\nf 0\n' >"$class/held/easy.trace"
    printf '#include <stdlib.h>\nint main(void)\n{\n    return 1;\n}\n' >"$class/held/never.c"
    run grade --stage 1 --held "$class/held" "$class/one"
    says 0 "one " " 93.8 " "held:never"
    kept=$BATS_TEST_TMPDIR/out/one/result.json
    touch -d 2020-01-01 "$kept"
    echo "held:never 14" >"$class/weights"
    run grade --stage 1 --held "$class/held" --weights "$class/weights" "$class/one"
    says 0 "one " " 51.7 "
    [ "$(date -r "$kept" +%Y)" = 2020 ]
    echo "/* changed */" >>"$class/one/malloc.c"
    run grade --stage 1 --held "$class/held" "$class/one"
    [ "$(date -r "$kept" +%Y)" != 2020 ]
}

@test "another teacher's folder, another option or another grader grades anew" {
    local now
    submit one 01-sbrk
    mkdir -p "$class/held" "$BATS_TEST_TMPDIR/copy"
    printf '#include "size.h"\n#include <stdlib.h>\nint main(void)\n{\n    return !malloc(SIZE);\n}\n' >"$class/held/one.c"
    echo '#define SIZE 100' >"$class/held/size.h"
    cp -a Makefile common scripts stages tests "$BATS_TEST_TMPDIR/copy"
    cd "$BATS_TEST_TMPDIR/copy"
    is_anew() { # is_anew YES-OR-NO OPTION...: was it graded anew?
        touch -d 2020-01-01 "$BATS_TEST_TMPDIR/out/one/result.json"
        grade --stage 1 --held "$class/held" "${@:2}" "$class/one"
        now=$([ "$(date -r "$BATS_TEST_TMPDIR/out/one/result.json" +%Y)" = 2020 ] && echo no || echo yes)
        [ "$now" = "$1" ] || { echo "graded anew: $now"; return 1; }
    }
    grade --stage 1 --held "$class/held" "$class/one"
    is_anew no
    echo '#define SIZE 200' >"$class/held/size.h"
    is_anew yes
    is_anew yes --seed spring
    is_anew no --seed spring
    echo '# changed' >>scripts/grade.d/submission.py
    is_anew yes --seed spring
}

@test "the results are also there for machines" {
    submit one 01-sbrk
    sed -i 's/(size_t)/(int)/' "$class/one/malloc.c"
    echo 'int broken' >>"$class/one/malloc.c"
    submit two 01-sbrk
    run --separate-stderr grade --stage 1 --json "$class"/*
    python3 -c '
import json, sys
one, two = json.loads(sys.argv[1])
assert one["score"] == 0 and one["state"] == "no compile" and "malloc.c" in one["said"], one
assert two["score"] == 100 and two["state"] == "right", two' "$output"
    run --separate-stderr grade --stage 1 --junit "$class"/*
    python3 -c '
import sys
from xml.etree import ElementTree
one, two = ElementTree.fromstring(sys.argv[1])
assert one.get("failures") == one.get("tests") == two.get("tests") and two.get("failures") == "0"
assert len(two.findall("testcase")) == int(two.get("tests"))' "$output"
    run --separate-stderr grade --stage 1 --tap "$class"/*
    [ "${lines[0]}" = "TAP version 13" ]
    [ "$(grep -c '^ok ' <<<"$output")" -eq "$(grep -c '^not ok ' <<<"$output")" ]
    [ "${lines[1]}" = "1..$(grep -cE '^(not )?ok ' <<<"$output")" ]
    run --separate-stderr grade --stage 1 --gradescope "$class/two"
    python3 -c '
import json, sys
found = json.loads(sys.argv[1])
assert found["score"] == 100 and all(t["status"] == "passed" and t["score"] == t["max_score"] for t in found["tests"])' "$output"
    run --separate-stderr grade --stage 1 --classroom "$class"/*
    [ "${lines[0]}" = "$BATS_TEST_TMPDIR/out/one/classroom.json" ]
    python3 -c '
import json, sys
found = json.load(open(sys.argv[1]))
assert found["status"] == "fail" and found["max_score"] == len(found["tests"]) and not sum(t["score"] for t in found["tests"])' "${lines[0]}"
}

@test "what is alike beyond what was given is told, with its place, whatever the names" {
    submit one 06-merge
    submit two 06-merge
    submit other 05-split
    sed -i 's/\bchunk\b/piece/g; s/\bsize\b/bytes/g' "$class/two/malloc.c"
    run python3 - "$class" <<'EOF'
import sys
sys.path[:0] = ["scripts/learn.d", "scripts/grade.d"]
import similar, submission, workspace
texts = {name: submission.Submission(sys.argv[1] + "/" + name).text() for name in ("one", "two", "other")}
print(*similar.pairs(texts, [{"malloc.c": workspace.read("stages/05-split/malloc.c")}], 60), sep="\n")
EOF
    says 0 "(100, 'one', 'malloc.c:" "'two', 'malloc.c:" "['other']"
}

@test "without namespaces it refuses, and goes on when it is told to" {
    submit one 01-sbrk
    mkdir "$class/path"
    printf '#!/bin/sh\necho "unshare: not permitted" >&2\nexit 1\n' >"$class/path/unshare"
    chmod +x "$class/path/unshare"
    PATH=$class/path:$PATH run scripts/grade --stage 1 "$class/one"
    says 2 "no box here" "unshare: not permitted" "--open"
    PATH=$class/path:$PATH run scripts/grade --out "$BATS_TEST_TMPDIR/out" --stage 1 --open "$class/one"
    says 0 "100.0  right" "There was no box"
}
