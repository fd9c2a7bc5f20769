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

@test "first on PATH, also when another clone was activated since" {
    cp -r scripts "$BATS_TEST_TMPDIR/other"
    for shell in bash zsh; do
        command -v "$shell" || continue
        run "$shell" -c "PATH=/a:$root/scripts:\$PATH; . scripts/activate; . '$BATS_TEST_TMPDIR/other/activate'
                         . scripts/activate; echo \"\$PATH\""
        [ "$output" = "$root/scripts:$BATS_TEST_TMPDIR/other:/a:$PATH" ]
    done
}

@test "the user's settings are borne, and stay" {
    mkdir "$BATS_TEST_TMPDIR/scripts"
    export CDPATH=$BATS_TEST_TMPDIR:.
    run bash -c 'set -eu; . scripts/activate; command -v preload; shopt -qo errexit && shopt -qo nounset'
    [ "$status" -eq 0 ]
    [ "$output" = "$root/scripts/preload" ]
    run sh -c 'set -eu; . scripts/activate; command -v preload'
    [ "$output" = "$root/scripts/preload" ]
}

@test "make stage3 && preload ls, as written" {
    cp -r Makefile common scripts stages "$BATS_TEST_TMPDIR"
    cd "$BATS_TEST_TMPDIR"
    run bash -c 'make -s stage3 && . scripts/activate && preload ls -la /usr && preload --check ls'
    [ "$status" -eq 0 ]
    [ "${lines[-1]}" = "ls: malloc is $BATS_TEST_TMPDIR/build/stage3/libmalloc.so" ]
    unset 'lines[-1]'
    [ "$(printf '%s\n' "${lines[@]}")" = "$(ls -la /usr)" ]
}

@test "a path with a space" {
    cp -r scripts "$BATS_TEST_TMPDIR/with space"
    run bash -c ". '$BATS_TEST_TMPDIR/with space/activate' && command -v preload"
    [ "$output" = "$BATS_TEST_TMPDIR/with space/preload" ]
}

@test "executed instead of sourced: a sentence" {
    for way in '' bash sh zsh; do
        [ -z "$way" ] || command -v "$way" || continue
        # shellcheck disable=SC2086
        run $way scripts/activate
        [ "$status" -eq 1 ]
        [ "$output" = "activate: source me: . scripts/activate" ]
    done
}

@test "bash completes options, stages and programs" {
    complete() { # complete WORD...: what the last word may become
        bash -c '. scripts/activate; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
                 _malloc_run; printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
    }
    [ "$(complete preload --ch)" = --check ]
    [ "$(complete preload -s stage3)" = stage3 ]
    complete preload -s 3 l | grep -qx ls
    [ "$(complete preload ls Make)" = Makefile ]
    [ "$(complete preload -l build/stage3/lib)" = build/stage3/libmalloc.so ]
    [ "$(complete preload -- mktem)" = mktemp ]
    [ "$(complete debug --c)" = --core ]
    [ "$(complete preload --nonsense)" = "" ]
    mkdir "$BATS_TEST_TMPDIR/a b"
    [ "$(complete preload ls "$BATS_TEST_TMPDIR/a")" = "$BATS_TEST_TMPDIR/a b" ]
}

@test "zsh completes at its prompt" {
    command -v zsh || skip "no zsh here"
    zsh -fc 'zmodload zsh/zpty && zpty try true' || skip "no pseudo-terminals here"
    # The patterns are waited for; the time limit only ends a test that fails.
    run timeout 60 zsh -fc '
        zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell ". scripts/activate; print rea\dy"
        zpty -r shell seen "*ready*"
        zpty -w -n shell "preload -s 3 --ch"$'"'\\t'"'
        zpty -r shell seen "*preload -s 3 --check*"
        print -r -- "$seen"
        zpty -d shell'
    [ "$status" -eq 0 ]
    [[ $output == *"preload -s 3 --check"* ]]
}
