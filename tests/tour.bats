# scripts/tour, and the ladder of programs behind it.

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    tmp=$(mktemp -d)
}

teardown() {
    rm -rf "$tmp"
}

# A library in place of a stage's, in a build folder of our own; the tour takes it for up to date.
replace() { # replace STAGE FILE.c
    make -s "BUILD=$tmp/build" "$1"
    cc -shared -fPIC -fno-builtin -o "$tmp/build/$1/libmalloc.so" "$2"
}

@test "the tour refuses an option and a stage that it doesn't know" {
    run scripts/tour --alll
    [ "$status" -eq 2 ]
    [ "$output" = "tour: there is no option --alll; see tour --help" ]
    run scripts/tour stage99
    [ "$status" -eq 2 ]
    [[ $output == "tour: there is no stage 'stage99'; there are: stage1 stage2 "* ]]
}

@test "--help is the comment at the head" {
    run scripts/tour --help
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == "The tour: "* ]]
    [[ $output != *"#"* ]]
    run tests/programs --help
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == "Runs real programs "* ]]
}

@test "the table has all stages, ends in totals, and no escape codes without a terminal" {
    run scripts/tour
    [ "$status" -eq 0 ]
    [[ $output != *$'\e'* ]]
    [[ $output != *$'\r'* ]]
    for stage in $(scripts/preload --list | awk '{ print $1 }'); do
        grep -qE "^ +.*\b$stage\b" <<<"$output"
    done
    grep -qE '^ls -l  +ok +memory exhausted( +ok)+$' <<<"$output"
    grep -qE '^true( +ok)+$' <<<"$output"
    grep -qE '^ok( +[0-9]+ of [0-9]+)+$' <<<"$output"
    [ "$(cut -f 1 build/tour.tsv | sort -u | wc -l)" -eq "$(scripts/preload --list | wc -l)" ]
}

@test "from another folder, through a link, with colours only on a terminal" {
    ln -s "$PWD/scripts/tour" "$tmp/tour"
    cd "$tmp"
    run script -qec "BUILD=$tmp/build TERM=xterm $tmp/tour stage2" /dev/null
    [ "$status" -eq 0 ]
    [[ $output == *$'\e[2mmemory exhausted\e[0m'* ]]
    run script -qec "NO_COLOR=1 BUILD=$tmp/build TERM=xterm $tmp/tour stage2" /dev/null
    [ "$status" -eq 0 ]
    [[ $output != *$'\e[2m'* ]]
}

@test "a library that breaks a promise is reported, and the tour ends 1" {
    # It has memory for ten calls: enough for true, not for sort.
    cat >"$tmp/bad.c" <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
void *__libc_malloc(size_t);
void *malloc(size_t n)
{
    static int calls;
    if (calls++ < 10)
        return __libc_malloc(n);
    errno = ENOMEM;
    return NULL;
}
END
    replace stage3 "$tmp/bad.c"
    BUILD=$tmp/build run scripts/tour stage3
    [ "$status" -eq 1 ]
    grep -qE '^true +ok$' <<<"$output"
    grep -qE '^sort +memory exhausted$' <<<"$output"
    [[ $output == *"promised, but not kept:"*"sort on stage3: memory exhausted"* ]]
    run tests/programs --promises "start programs" "$tmp/build/stage3/libmalloc.so"
    [ "$status" -eq 1 ]
    [[ ${lines[-1]} =~ ^"programs: "[0-9]+" run, "[1-9][0-9]*" failed" ]]
}

@test "a wrong byte in a file that a program wrote is seen" {
    # write(2) to anything but standard output and error says "b" where the program said "a".
    cat >"$tmp/bad.c" <<'END'
#define _GNU_SOURCE
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
ssize_t write(int fd, const void *bytes, size_t n)
{
    char copy[1 << 16];
    if (fd <= 2 || n > sizeof copy)
        return syscall(SYS_write, fd, bytes, n);
    memcpy(copy, bytes, n);
    copy[n / 2] ^= 1;
    return syscall(SYS_write, fd, copy, n);
}
END
    cc -shared -fPIC -o "$tmp/bad.so" "$tmp/bad.c"
    run tests/programs --one gzip "$tmp/bad.so"
    [ "$status" -eq 1 ]
    [ "${lines[0]}" = "gzip: wrong output" ]
    [[ $output == *words.gz* ]]
}

@test "a program that walks for ever, and one that crashes, are told apart" {
    printf '#include <stddef.h>\nvoid *malloc(size_t n) { for (;;) __asm__ volatile(""); }\n' >"$tmp/loop.c"
    printf '#include <stddef.h>\nvoid *malloc(size_t n) { __builtin_trap(); }\n' >"$tmp/trap.c"
    for name in loop trap; do
        cc -shared -fPIC -fno-builtin -o "$tmp/$name.so" "$tmp/$name.c" 2>/dev/null
        run tests/programs --one ls "$tmp/$name.so"
        [ "$status" -eq 1 ]
        [[ $name:${lines[0]} = loop:"ls: time" || $name:${lines[0]} = trap:"ls: SIG"* ]]
    done
}

@test "a program that the machine lacks is marked, and doesn't fail" {
    cp -r Makefile stages common scripts tests "$tmp/" # a ladder of our own
    printf 'no-such\ttour\tprograms\t-\t-\t-\t-\t-\tno-such-program -x\n' >>"$tmp/tests/programs.tsv"
    sed -i '/^#/p; /^true\t/p; /^no-such\t/p; d' "$tmp/tests/programs.tsv"
    run env -u BUILD "$tmp/scripts/tour" stage3
    [ "$status" -eq 0 ]
    grep -qE '^no-such +not here$' <<<"$output"
    grep -qE '^ok +1 of 1$' <<<"$output"
    [[ $output == *"not here: this machine lacks the program"* ]]
    run env -u BUILD "$tmp/tests/programs" stage3
    [ "$status" -eq 0 ]
    [ "${lines[-1]}" = "programs: 1 run, 0 failed, 1 not on this machine" ]
}

@test "a static program, which can't be preloaded, is not counted as ok" {
    echo 'int main(void) { return 0; }' | cc -static -x c -o "$tmp/static" - || skip "no static libc"
    cp -r Makefile stages common scripts tests "$tmp/"
    printf 'static\ttour\tprograms\t-\t-\t-\t-\t-\t%s\n' "$tmp/static" >"$tmp/tests/programs.tsv"
    make -s -C "$tmp" stage3
    run env -u BUILD "$tmp/tests/programs" --one static stage3
    [ "${lines[0]}" = "static: not here" ]
}

# A ladder of our own with one row, in $tmp: ladder_of NEEDS COMMAND
ladder_of() {
    cp -r Makefile stages common scripts tests "$tmp/"
    printf 'row\tall\t%s\t-\t-\t-\t-\t-\t%s\n' "$1" "$2" >"$tmp/tests/programs.tsv"
    make -s -C "$tmp" stage10
}

judge_row() { # on stage 10
    run env -u BUILD "$tmp/tests/programs" --one row stage10
}

@test "a program that calls a malloc of its own is told" {
    ladder_of programs "$tmp/own"
    cat >"$tmp/own.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
#ifdef OWN
void *malloc(size_t n)
{
    static char bytes[1 << 20] __attribute__((aligned(16)));
    static size_t used;
    return &bytes[(used += (n + 15) / 16 * 16) - (n + 15) / 16 * 16];
}
void free(void *p) { (void)p; }
#endif
int main(void)
{
    puts(malloc(10) ? "some" : "none");
}
END
    cc -fno-builtin -o "$tmp/own" "$tmp/own.c"
    judge_row
    [ "${lines[0]}" = "row: ok" ]
    cc -fno-builtin -rdynamic -DOWN -o "$tmp/own" "$tmp/own.c"
    judge_row
    [ "$status" -eq 1 ]
    [ "${lines[0]}" = "row: not ours" ]
    sed -i 's/\tprograms\t/\tprograms served\t/' "$tmp/tests/programs.tsv" # known, and not counted
    judge_row
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "row: not ours" ]
}

@test "a script that runs its program without the library is told" {
    ladder_of programs ladder/ls
    printf '#!/usr/bin/env bash\nls "$@" src\n' >"$tmp/tests/ladder/ls"
    chmod +x "$tmp/tests/ladder/ls"
    judge_row
    [ "${lines[0]}" = "row: ok" ]
    for without in 'env -u LD_PRELOAD ls src' 'env -i ls src' 'echo no ls'; do
        printf '#!/usr/bin/env bash\n%s\n' "$without" >"$tmp/tests/ladder/ls"
        judge_row
        [ "$status" -eq 1 ]
        [ "${lines[0]}" = "row: not ours" ]
    done
}

# A process and its fork have one file for the loader's notes, and the loader writes a line in pieces.
@test "notes that two processes wrote at once are told apart" {
    ladder_of programs ladder/ls
    cat >"$tmp/tests/ladder/ls" <<'END'
#!/usr/bin/env bash
ls src
note() { # note PID FUNCTION FILE: a line without its end
    printf '%9d:\tbinding file ls [0] to %s [0]: normal symbol `%s'\' "$1" "$3" "$2"
}
[ -z "${LD_DEBUG_OUTPUT-}" ] ||
    printf '%s%s [V]\n [V]\n' "$(note 1 free libc.so.6)" "$(note 2 malloc "$LD_PRELOAD")" >>"$LD_DEBUG_OUTPUT.1"
END
    chmod +x "$tmp/tests/ladder/ls"
    judge_row
    [ "${lines[0]}" = "row: ok" ]
    sed -i 's/"\$LD_PRELOAD"/libc.so.6/' "$tmp/tests/ladder/ls"
    judge_row
    [ "${lines[0]}" = "row: not ours" ]
}

@test "a server ends with the script that started it, also when that fails" {
    for end in 'exit 0' 'false' 'await false' 'kill $$'; do
        printf '. ladder/serve.sh\nstart sleep 1234\necho "$server" >"$TMPDIR/pid"\n%s\n' "$end" >"$tmp/script"
        (cd tests && TMPDIR=$tmp bash "$tmp/script" >/dev/null 2>&1) || true
        if kill -0 "$(cat "$tmp/pid")"; then return 1; fi
        rm "$tmp/pid"
    done
}

@test "a server that never answers, or ends at once, is told" {
    cd tests
    TMPDIR=$tmp run bash -c '. ladder/serve.sh; start sleep 1234; await false'
    [ "$status" -eq 1 ]
    [ "${lines[0]}" = "the server does not answer" ]
    TMPDIR=$tmp run bash -c '. ladder/serve.sh; start bash -c "echo no room; exit 3"; await false'
    [ "$status" -eq 1 ]
    [ "$output" = $'the server ended\nno room' ]
}

@test "programs for musl run on the stages that need no break" {
    command -v musl-gcc >/dev/null || skip "there is no musl-gcc here"
    mkdir "$tmp/bin" # a machine that reaches no sources
    printf '#!/bin/sh\necho "no network" >&2\nexit 100\n' >"$tmp/bin/apt-get"
    chmod +x "$tmp/bin/apt-get"
    PATH=$tmp/bin:$PATH BUILD=$tmp/build run scripts/tour --musl
    [ "$status" -eq 0 ]
    [[ $output == *"musl: left out, can't be built here: lua (no network)"* ]]
    grep -qE '^ +stage9 +stage10$' <<<"$output"
    grep -qE '^threads .* ok$' <<<"$output"
    grep -qE '^forks .* ok$' <<<"$output"
    grep -qE '^lua +not here +not here$' <<<"$output"
    [[ $output == *"  6: lua, bzip2, "* ]]
    make -s CC=musl-gcc BUILD="$tmp/build/musl" stage8 # it lives on the break
    cp "$tmp/build/musl/programs/threads" "$tmp/build/musl/programs/dash"
    BUILD=$tmp/build/musl run tests/programs --set musl --one dash stage8
    [ "$status" -eq 1 ]
    run scripts/tour --musl stage8
    [ "$status" -eq 2 ]
}

@test "what can't be loaded, isn't built, or isn't in the ladder is refused" {
    echo text >"$tmp/text.so"
    run tests/programs "$tmp/text.so"
    [ "$status" -eq 2 ]
    [ "$output" = "programs: the loader can't preload $tmp/text.so" ]
    BUILD=$tmp/none run tests/programs stage3
    [ "$status" -eq 2 ]
    [ "$output" = "programs: stage3 is not built; build it with: make stage3" ]
    run tests/programs --one nothing stage3
    [ "$status" -eq 2 ]
    [[ $output == "programs: there is no program 'nothing'"* ]]
    run tests/programs --set some stage3
    [ "$status" -eq 2 ]
}

@test "verdicts don't depend on the environment, nor on the library's path" {
    mkdir "$tmp/a folder: with all"
    cp build/stage2/libmalloc.so "$tmp/a folder: with all/"
    run tests/programs --one 'ls -l' stage2
    [[ ${lines[0]} = "ls -l: memory exhausted" ]]
    plain=$output
    LONG=$(printf '%05000d' 1) COLUMNS=9 LANG=nowhere run tests/programs --one 'ls -l' "$tmp/a folder: with all/libmalloc.so"
    [ "${lines[0]}" = "ls -l: memory exhausted" ]
    [ "${plain%programs:*}" = "${output%programs:*}" ]
}

@test "the ladder's table is well made" {
    awk -F '\t' '/^[^#]/ && (NF != 9 || $2 !~ /^(tour|all)$/ || seen[$1]++) { print; bad = 1 } END { exit bad }' tests/programs.tsv
    [ "$(tests/programs --list --set all | wc -l)" -ge 48 ]
    [[ $(tests/programs --packages tour apt-get) == *$'sqlite3\tsqlite3'* ]]
}
