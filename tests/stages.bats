# The stages' names, their order, and what each keeps. The folders are made up: names and promises.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    unset BUILD
    copy=$BATS_TEST_TMPDIR/copy
    mkdir "$copy" "$copy/tests"
    cp -r Makefile common scripts "$copy"
    cp tests/promises "$copy/tests"
    cd "$copy" || return
    # shellcheck source=scripts/dev/stages.sh
    . scripts/dev/stages.sh
    # Made in no order.
    for folder in 10-threads 08c-buddy 08-bins 07-resize 08b-tree 09-pages 09b-other; do
        mkdir -p "stages/$folder"
        echo "/* $folder */" >"stages/$folder/malloc.c"
        echo "+p${folder%%-*}  text" >"stages/$folder/promises"
    done
    echo '-p07  no more' >>stages/08b-tree/promises
    echo '-p08  no more' >>stages/09-pages/promises
}

@test "the order is the same in every locale" {
    local order='stage7 stage8 stage8b stage8c stage9 stage9b stage10'
    for locale in C C.UTF-8 $(locale -a | grep -i 'utf-\?8$' | head -n 3); do
        [ "$(export LC_ALL=$locale; stage_names)" = "$order" ]
        run -0 env LC_ALL="$locale" make -s -f - names <<<$'include Makefile\nnames:\n\t@echo $(stages)'
        [ "$output" = "$order" ]
    done
}

@test "stages.sh and the Makefile give the same name to a folder" {
    for folder in 01-sbrk 08-bins 08b-tree 10-threads 14-hardened 10c-x-y; do
        run -0 make -s -f - name <<<$'include Makefile\nname:\n\t@echo $(call stage_of,'"$folder)"
        [ "$output" = "$(stage_of "$folder")" ]
    done
}

@test "a stage keeps what the main line promised; nothing of a side door goes on" {
    [ "$(tests/promises --names stage8)" = "p07 p08" ]
    [ "$(tests/promises --names stage8b)" = "p08 p08b" ]
    [ "$(tests/promises --names stage8c)" = "p07 p08 p08c" ]
    [ "$(tests/promises --names stage9)" = "p07 p09" ]
    [ "$(tests/promises --names 09b-other)" = "p07 p09 p09b" ]
    [ "$(tests/promises --names 10)" = "p07 p09 p10" ]
    [ "$(tests/promises --names --all)" = "p07 p08 p08b p08c p09 p09b p10" ]
}

@test "a stage is compared with the one before, a side door with its sibling" {
    for pair in 07-resize: 08-bins:07-resize 08b-tree:08-bins 08c-buddy:08-bins 09-pages:08-bins \
        09b-other:09-pages 10-threads:09-pages; do
        [ "$(folder_before "${pair%:*}")" = "${pair#*:}" ]
    done
    run scripts/dev/diff-stage 08c
    [[ $output == *"stage8c against stage8: 1 lines added, 1 removed"* ]]
}

@test "a lesson is a stage's sources without what only tools need" {
    touch stages/08-bins/{inspect.c,tests.c,more.c,more.h,README.md}
    [ "$(lesson_of 08-bins | xargs)" = "stages/08-bins/malloc.c stages/08-bins/more.c stages/08-bins/more.h" ]
}

@test "what is compiled: all sources but the tests and what another includes" {
    echo '#include "malloc.c"' >stages/08-bins/inspect.c
    touch stages/08-bins/{tests.c,more.c}
    run -0 make -s -f - units <<<$'include Makefile\nunits:\n\t@echo $(call units,stages/08-bins)'
    [ "$(tr ' ' '\n' <<<"$output" | sort | xargs)" = "stages/08-bins/inspect.c stages/08-bins/more.c" ]
}

@test "a fix is carried to side doors, and not from one" {
    cp "$BATS_TEST_DIRNAME/../scripts/carry" scripts/
    git init -q && git add . && git -c user.name=A -c user.email=a@b commit -qm Start
    for stage in stages/*/; do seq 20 >"$stage/malloc.c"; done
    git -c user.name=A -c user.email=a@b commit -qam Lines
    sed -i 's/^7$/seven/' stages/08-bins/malloc.c
    run -0 scripts/carry 8
    [ "$output" = 'stages/08b-tree/malloc.c: applied
stages/08c-buddy/malloc.c: applied
stages/09-pages/malloc.c: applied
stages/09b-other/malloc.c: applied
stages/10-threads/malloc.c: applied' ]
    run -2 scripts/carry 8b
    [ "$output" = "carry: stage8b is a side door: no later stage stands on it" ]
}

@test "make refuses a BUILD that names no folder, and cleans nothing else" {
    run make BUILD= stage3
    [ "$status" -eq 2 ] && [[ $output == *"BUILD is the name of a folder"* ]]
    run make "BUILD=a b" clean
    [ "$status" -eq 2 ] && [[ $output == *"BUILD is the name of a folder"* ]]
    touch "$BATS_TEST_TMPDIR/file"
    run make clean BUILD="$BATS_TEST_TMPDIR/file"
    [ "$status" -eq 2 ] && [[ $output == *"is no folder"* ]]
    [ -e "$BATS_TEST_TMPDIR/file" ]
}
