# The maintainers' own: diff-stage, tables, lint. Each is shown to fail when it must.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    copy="$BATS_TEST_TMPDIR/copy"
}

# What is in the working tree, without history and builds.
copy_repository() {
    mkdir "$copy"
    git ls-files -z --cached --others --exclude-standard |
        xargs -0 sh -c 'for f; do [ ! -e "$f" ] || echo "$f"; done' sh | tar -cf - -T - | tar -xf - -C "$copy"
    git -C "$copy" init -q
    cd "$copy" || return
}

# A tour in $copy/build that ran everything, and all was well.
pretend_tour() {
    local stage
    mkdir -p build
    for stage in $(scripts/dev/diff-stage --sizes | cut -f 1); do
        grep -v '^#' tests/programs.tsv | cut -f 1 | sed "s/.*/$stage\t&\tok\tyes/"
    done >build/tour.tsv
}

make_tables() { # in the copy
    BUILD=build scripts/dev/tables
}

check_tables() {
    BUILD=build scripts/dev/tables --check
}

# A repository with lint and what it needs, in which there is nothing to find fault with.
make_clean_repository() {
    mkdir -p "$copy"/scripts/dev "$copy"/common
    cp scripts/dev/lint "$copy/scripts/dev/"
    cp scripts/setup "$copy/scripts/"
    cp .clang-format "$copy/"
    printf 'int twice(int n)\n{\n    return 2 * n;\n}\n' >"$copy/twice.c"
    printf '#!/bin/sh\necho "$1"\n' >"$copy/say"
    printf '@test "t" {\n    true\n}\n' >"$copy/t.bats"
    printf 'print(1)\n' >"$copy/p.py"
    cd "$copy" || return
    git init -q
}

says() { # says STATUS WORDS: the last run's status and words
    [ "$status" -eq "$1" ] || { echo "status $status: $output"; return 1; }
    [[ $output == *"$2"* ]] || { echo "not said: $2"; echo "said: $output"; return 1; }
}

@test "diff-stage: the counts at the end are those of the lines shown" {
    run -0 scripts/dev/diff-stage stage4
    [[ $output =~ 'stage4 against stage3: '([0-9]+)' lines added, '([0-9]+)' removed' ]]
    added=${BASH_REMATCH[1]} removed=${BASH_REMATCH[2]}
    [ "$added" -eq "$(grep -c '^+[^+]\|^+$' <<<"$output")" ]
    [ "$removed" -eq "$(grep -c '^-[^-]\|^-$' <<<"$output")" ]
    says 0 'newly promised: reuse'
}

@test "diff-stage: no colour without a terminal, even when git's settings ask for it" {
    GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=color.ui GIT_CONFIG_VALUE_0=always run -0 scripts/dev/diff-stage stage4
    [[ $output != *$'\e'* ]]
}

@test "diff-stage: the first stage is shown whole" {
    run -0 scripts/dev/diff-stage stage1
    says 0 "is the first stage: all of its $(wc -l <stages/01-sbrk/malloc.c) lines are new"
}

@test "diff-stage: a stage has four names, and an unknown one is refused" {
    expected=$(scripts/dev/diff-stage stage4)
    for name in 4 04 04-first-fit; do
        [ "$(scripts/dev/diff-stage "$name")" = "$expected" ]
    done
    for name in stage99 0 first '*' ''; do
        run scripts/dev/diff-stage "$name"
        [ "$status" -eq 1 ] && [ "${#lines[@]}" -eq 1 ]
    done
}

@test "diff-stage: says when a stage is more than one idea" {
    copy_repository
    yes '/* one more line */' | head -n 200 >>stages/04-first-fit/malloc.c
    run scripts/dev/diff-stage stage4
    says 0 "more than one idea's worth"
}

@test "tables: a change of a promise is found, and mended" {
    copy_repository
    pretend_tour
    make_tables
    run -0 check_tables
    printf '+sing  it sings\n' >>stages/04-first-fit/promises
    run check_tables
    says 1 'README.md: the ladder is out of date; mend it with: make tables'
    make_tables
    run -0 check_tables
    grep -q '04-first-fit.* reuse, .*sing |' README.md
}

@test "tables: the record of the tour ends with a change of code, not of a comment" {
    copy_repository
    pretend_tour
    make_tables
    sed -i '2s/^/ * A comment.\n/' stages/04-first-fit/malloc.c
    make_tables
    run -0 check_tables
    echo 'int more;' >>stages/04-first-fit/malloc.c
    touch -d '1 minute' stages/04-first-fit/malloc.c # younger than the tour, whatever the clock's step
    run check_tables
    says 1 '04-first-fit has changed since tour.tsv was made'
    run make_tables
    says 1 'run scripts/tour --all first (the last tour is older than stages/04-first-fit/malloc.c)'
}

@test "tables: a tour becomes the record when it ran everything" {
    copy_repository
    sed -i 's/^sed\ttour\tprograms/& telepathy/' tests/programs.tsv
    pretend_tour
    # Those that need what no stage promises don't count.
    programs=$(grep -v '^#' tests/programs.tsv | cut -f 3 | grep -vcw 'telepathy\|served')
    make_tables
    grep -q "03-linked-list.*| $programs of $programs |" README.md
    sed -i 's/^stage3\ttrue\tok/stage3\ttrue\ttime/; s/^stage3\techo\tok/stage3\techo\tnot here/' build/tour.tsv
    make_tables
    grep -q "03-linked-list.*| $((programs - 2)) of $((programs - 1)) |" README.md
    cp README.md before
    sed -i 's/^stage3\tls\tok/stage3\tls\tnot run/' build/tour.tsv # it gave up on programs that hung
    make_tables
    cmp before README.md
    sed -i '/^stage2\t/d' build/tour.tsv # not a whole tour
    make_tables
    cmp before README.md
}

@test "tables: a page that lost its marks is left alone" {
    copy_repository
    pretend_tour
    sed -i '/end of the ladder/d' README.md
    cp README.md before
    run make_tables
    says 1 'README.md has no place for the ladder'
    cmp before README.md
}

@test "lint: nothing to find" {
    make_clean_repository
    run scripts/dev/lint
    says 0 'lint: clang-format: ' # no fault, or left out
    says 0 'lint: shellcheck on bats: 1 files, no fault'
}

@test "lint: another version of cppcheck is left out, and said to be" {
    make_clean_repository
    mkdir "$BATS_TEST_TMPDIR/bin"
    printf '#!/bin/sh\necho Cppcheck 9.17\n' >"$BATS_TEST_TMPDIR/bin/cppcheck"
    chmod +x "$BATS_TEST_TMPDIR/bin/cppcheck"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH run scripts/dev/lint
    says 0 'lint: cppcheck: LEFT OUT: it is version 9.17 here, and the code is held to what 2.10 says'
    [[ $output != *'lint: cppcheck on'* ]]
}

@test "lint: each kind of fault is found" {
    make_clean_repository
    finds() { # finds FILE TOOL: lint fails, by TOOL, and names FILE
        run scripts/dev/lint
        says 1 "lint: $2: faults in the above"
        says 1 "$1"
        git rm -q --cached -r . 2>/dev/null || true
        rm "$1"
    }
    run scripts/dev/lint
    if [[ $output != *'LEFT OUT'* ]]; then # other versions find other faults
        printf 'int  two(void){return 2;}\n' >layout.c
        finds layout.c clang-format
        printf 'int two(int n)\n{\n    int a[2] = {n, n};\n    return a[2];\n}\n' >bound.c
        finds bound.c 'cppcheck on the rest'
        printf 'static int n;\nint two(void)\n{\n    int *p = 0;\n    *p = 2;\n    return 2 + n;\n}\n' >common/null.h
        finds common/null.h 'cppcheck on stages'
    fi
    printf '#!/bin/sh\necho $1\n' >quote
    finds quote shellcheck
    printf '@test "t" {\n    echo $1\n}\n' >quote.bats
    finds quote.bats 'shellcheck on bats'
    printf 'print(\n' >half.py
    finds half.py python
    printf 'space \n' >space.txt
    finds space.txt text
    printf 'no newline' >newline.txt
    finds newline.txt text
}
