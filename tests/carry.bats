# carry: what it merges into the later stages, what it leaves by hand, and what it refuses.

bats_require_minimum_version 1.5.0

# A repository of three stages in a folder with a space in its name. Stage 2 has a line more than
# stage 1, stage 3 has changed line 20 as well.
setup() {
    repo="$BATS_TEST_TMPDIR/a repository"
    mkdir -p "$repo"/{scripts/dev,stages/{01-one,02-two,03-three}}
    cp "$BATS_TEST_DIRNAME/../scripts/carry" "$repo/scripts/"
    cp "$BATS_TEST_DIRNAME/../scripts/dev/stages.sh" "$repo/scripts/dev/"
    cd "$repo" || return
    export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@b
    for i in {1..30}; do echo "line $i"; done >stages/01-one/malloc.c
    sed '10s/$/\nonly two has this/' stages/01-one/malloc.c >stages/02-two/malloc.c
    sed 's/^line 20$/three has its own line 20/' stages/02-two/malloc.c >stages/03-three/malloc.c
    git init -q . && git add . && git commit -qm 'Start'
}

mend() { # mend LINE...: a fix in stage 1
    local line
    for line; do sed -i "s/^line $line\$/mended line $line/" stages/01-one/malloc.c; done
}

refuses() { # refuses WORDS ARG...: status 2, one line with these words, and nothing changed
    local before
    before=$(git status --porcelain; git diff)
    run scripts/carry "${@:2}"
    [ "$status" -eq 2 ] || { echo "status $status: $output"; return 1; }
    [[ ${#lines[@]} -eq 1 && $output == "carry: "*"$1"* ]] || { echo "said: $output"; return 1; }
    [ "$(git status --porcelain; git diff)" = "$before" ]
}

@test "a fix reaches each later stage, beside what the stage has of its own" {
    mend 5 25
    run -0 scripts/carry stage1
    [ "$output" = 'stages/02-two/malloc.c: applied
stages/03-three/malloc.c: applied' ]
    for stage in 02-two 03-three; do
        [ "$(grep -c mended "stages/$stage/malloc.c")" -eq 2 ]
        grep -qx 'only two has this' "stages/$stage/malloc.c"
    done
    grep -qx 'three has its own line 20' stages/03-three/malloc.c
}

@test "a second time it is already there" {
    mend 5
    scripts/carry stage1
    before=$(git diff)
    run -0 scripts/carry stage1
    [ "$output" = 'stages/02-two/malloc.c: already there
stages/03-three/malloc.c: already there' ]
    [ "$(git diff)" = "$before" ]
}

@test "an earlier stage is left alone" {
    sed -i 's/^line 5$/mended line 5/' stages/02-two/malloc.c
    run -0 scripts/carry stage2
    [ "$output" = 'stages/03-three/malloc.c: applied' ]
    git diff --quiet -- stages/01-one
}

@test "where a stage changed the same line, its own stays and both are shown" {
    mend 20
    run -1 scripts/carry stage1
    [ "$output" = 'stages/02-two/malloc.c: applied
stages/03-three/malloc.c: left by hand:
  stages/03-three/malloc.c:21
    the stage has
        three has its own line 20
    the fix is
      - line 20
      + mended line 20' ]
    git diff --quiet -- stages/03-three
}

@test "the other places of that fix are applied, and no marker is written" {
    mend 5 20
    run -1 scripts/carry stage1
    [[ $output == *'stages/03-three/malloc.c: applied in part; left by hand:'* ]]
    grep -qx 'mended line 5' stages/03-three/malloc.c
    grep -qx 'three has its own line 20' stages/03-three/malloc.c
    run -1 grep -rE '^(<<<|>>>|===|[|]{3})' stages
}

@test "a fix next to a line that the stage changed is not lost" {
    mend 19
    run -1 scripts/carry stage1
    [[ $output == *'+ mended line 19'* ]]
}

@test "what isn't committed in a later stage survives" {
    mend 5
    echo 'work in progress' >>stages/03-three/malloc.c
    run -0 scripts/carry stage1
    grep -qx 'work in progress' stages/03-three/malloc.c
    grep -qx 'mended line 5' stages/03-three/malloc.c
}

@test "--dry-run says the same and changes nothing" {
    mend 5 20
    before=$(git diff)
    run -1 scripts/carry --dry-run stage1
    [[ $output == *'02-two/malloc.c: applied'*'+ mended line 20'*'Nothing was changed'* ]]
    [ "$(git diff)" = "$before" ]
}

@test "--from takes a commit's change, not the working tree's" {
    mend 5
    git commit -qam 'Mend 5'
    mend 25
    run -0 scripts/carry --from HEAD stage1
    grep -qx 'mended line 5' stages/03-three/malloc.c
    run -1 grep -q 'mended line 25' stages/03-three/malloc.c
}

@test "a staged fix and a new file are seen" {
    mend 5
    echo 'int helper;' >stages/01-one/helper.c
    git add stages
    run -1 scripts/carry stage1
    [[ $output == *'stages/02-two/helper.c: left by hand; this stage has no such file'* ]]
    [[ $output == *'stages/03-three/malloc.c: applied'* ]]
}

@test "a file keeps its mode, and a missing newline at its end" {
    mend 5
    chmod 640 stages/02-two/malloc.c
    printf 'no newline' >>stages/02-two/malloc.c
    scripts/carry stage1
    [ "$(stat -c %a stages/02-two/malloc.c)" = 640 ]
    [ "$(tail -c 10 stages/02-two/malloc.c)" = 'no newline' ]
}

@test "it works from any folder, through a symbolic link" {
    mend 5
    ln -s "$repo/scripts/carry" "$BATS_TEST_TMPDIR/link"
    cd /
    run -0 "$BATS_TEST_TMPDIR/link" 1
    [[ $output == *'03-three/malloc.c: applied'* ]]
}

@test "it refuses, in one sentence, what it can't do" {
    refuses 'which stage' --dry-run
    refuses "there is no stage 'stage9'; there are: stage1 stage2 stage3" stage9
    refuses 'stage3 is the last stage' stage3
    refuses 'the working tree changes no source file of stage1' stage1
    refuses "there is no commit 'nowhere'" --from nowhere stage1
    refuses 'HEAD is the first commit' --from HEAD stage1
    refuses '--from needs a commit' --from
    refuses 'there is no option --fast' --fast stage1
    refuses 'one stage at a time' stage1 stage2
    mend 5
    git commit -qam 'Mend 5'
    refuses 'carry --from COMMIT stage1' stage1
    refuses 'HEAD changes no source file of stage2' --from HEAD stage2
}
