# bugs: what it says of a patch that nobody catches, or that is no use at all.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    unset BUILD
}

# A repository of stage 1 alone, without its bugs.
copy_stage1() {
    copy="$BATS_TEST_TMPDIR/copy"
    mkdir -p "$copy/stages"
    cp -r Makefile common scripts tests "$copy"
    cp -r stages/01-sbrk "$copy/stages"
    cd "$copy" || return
    rm -f stages/01-sbrk/bugs/*
}

# bug NAME SYMPTOM OLD NEW: a patch that changes OLD to NEW in stage 1.
bug() {
    local file=stages/01-sbrk/malloc.c
    {
        printf '%s\n\n' "$2"
        sed "s|$3|$4|" "$file" | diff -u --label "a/$file" --label "b/$file" "$file" - || true
    } >"stages/01-sbrk/bugs/$1.patch"
}

@test "--list shows each patch with its symptom" {
    run -0 tests/bugs --list
    patches=(stages/*/bugs/*.patch)
    [ "${#lines[@]}" -eq "${#patches[@]}" ]
    for line in "${lines[@]}"; do
        [[ "$line" =~ ^[0-9]+[^\ ]*\ +[a-z0-9-]+\ +[^\ ] ]]
    done
}

@test "each patch applies without fuzz and without an offset" {
    for patch in stages/*/bugs/*.patch; do
        run -0 patch -F0 -p1 --dry-run --force <"$patch"
        [[ "$output" != *offset* ]] || { echo "$patch: $output"; return 1; }
    done
}

@test "an unknown name and an unknown option are refused in a sentence" {
    run -2 tests/bugs nonsense
    [ "$output" = "bugs: there is no bug 'nonsense'; see tests/bugs --list" ]
    run -2 tests/bugs --nonsense
    [ "$output" = "bugs: there is no option --nonsense" ]
}

@test "a bug is caught; a patch that is no bug, or none that can be tried, is a failure" {
    copy_stage1
    bug caught 'free(NULL) ends in SIGSEGV.' '^    (void)payload;' '    *(volatile char *)payload = 0;'
    bug harmless 'nobody sees anything.' 'That is enough for a malloc' 'It is enough for a malloc'
    bug no-c 'it cannot be built.' 'return end + padding;' 'return end + ;'
    bug old 'it was made for another version.' 'return end + padding;' 'return end;'
    sed -i 's/^-    return end.*/-    return something else;/' stages/01-sbrk/bugs/old.patch
    bug nameless '' 'return end + padding;' 'return end;'
    run -1 tests/bugs
    [[ "${lines[0]}" == 'stage1  caught '*' caught by '*': '* ]]
    [[ "${lines[1]}" == 'stage1  harmless '*' CAUGHT BY NOTHING' ]]
    [[ "${lines[2]}" == 'stage1  nameless '*' HAS NO SYMPTOM in its first line' ]]
    [[ "${lines[3]}" == 'stage1  no-c '*" DOESN'T BUILD: "*error* ]]
    [[ "${lines[4]}" == 'stage1  old '*" DOESN'T APPLY: "* ]]
    [ "${lines[5]}" = 'bugs: 4 of 5 were not caught' ]
}

@test "a suite that fails without a bug catches none" {
    copy_stage1
    bug caught 'free(NULL) ends in SIGSEGV.' '^    (void)payload;' '    *(volatile char *)payload = 0;'
    sed -i 's/return heap_grow(align_up(size ? size : 1));/return heap_grow(size);/' stages/01-sbrk/malloc.c
    run -2 tests/bugs
    [ "$output" = 'bugs: the suite fails without any bug; see make check' ]
}

@test "make's own BUILD is not where a broken stage is built" {
    copy_stage1
    bug caught 'free(NULL) ends in SIGSEGV.' '^    (void)payload;' '    *(volatile char *)payload = 0;'
    make -s BUILD=elsewhere stage1
    before=$(cksum <elsewhere/stage1/libmalloc.so)
    run -0 make -s BUILD=elsewhere check-bugs
    [ "$(cksum <elsewhere/stage1/libmalloc.so)" = "$before" ]
    [[ "$output" == *"bugs: all 1 caught" ]]
}
