# activate: the scripts on PATH, and completion.

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    root=$PWD
}

@test "bash: preload is found, from any folder" {
    run bash -c "cd / && . '$root/scripts/activate' && command -v preload"
    [ "$output" = "$root/scripts/preload" ]
}

@test "sh: preload is found from the root" {
    run sh -c ". scripts/activate && command -v preload"
    [ "$output" = "$root/scripts/preload" ]
    run sh -c "cd / && . '$root/scripts/activate'"
    [ "$status" -ne 0 ]
    [[ $output == *"repository's root"* ]]
}

@test "zsh: preload is found, from any folder, and completes" {
    command -v zsh || skip "no zsh here"
    run zsh -fc "cd / && . '$root/scripts/activate' && whence -p preload && print \$_comps[preload]"
    [ "${lines[0]}" = "$root/scripts/preload" ]
    [ -n "${lines[1]}" ]
}

@test "twice is as good as once" {
    run bash -c '. scripts/activate && one=$PATH && . scripts/activate && [ "$one" = "$PATH" ]'
    [ "$status" -eq 0 ]
}

@test "a path with a space" {
    cp -r scripts "$BATS_TEST_TMPDIR/with space"
    run bash -c ". '$BATS_TEST_TMPDIR/with space/activate' && command -v preload"
    [ "$output" = "$BATS_TEST_TMPDIR/with space/preload" ]
}

@test "executed instead of sourced: a sentence" {
    run bash scripts/activate
    [ "$status" -eq 1 ]
    [[ $output == *"source me"* ]]
}

@test "bash completes options, stages and programs" {
    complete() { # complete WORD...: what the last word may become
        bash -c '. scripts/activate; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
                 _malloc_preload; printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
    }
    [ "$(complete preload --ch)" = --check ]
    [ "$(complete preload -s stage3)" = stage3 ]
    complete preload -s 3 l | grep -qx ls
    complete preload ls Make | grep -qx Makefile
}
