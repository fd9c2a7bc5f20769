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
