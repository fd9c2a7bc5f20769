# debug: what it opens, what it refuses; and the heap commands, on every stage that has a list, live and
# on core files, on sound heaps and on damaged ones. Each session runs under a kill-timer.

bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_TEST_DIRNAME/.." || return
    export fixture=$BATS_FILE_TMPDIR/fixture
    cc -std=gnu11 -g -O0 -fno-builtin -o "$fixture" tests/gdb/fixture.c -pthread
    [ -e "${BUILD:-build}/current" ] || make -s stage6
    # The stages whose heap is a ring of headers: the fixture damages their fields.
    # shellcheck source=/dev/null
    . scripts/dev/stages.sh
    lists=$(for stage in $(stage_names); do
        ! tests/promises --names "$stage" | grep -qw list-layout || echo "${stage#stage}"
    done | xargs)
    export lists
}

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    root=$PWD debug=$PWD/scripts/debug driver=$PWD/tests/gdb/driver.py tmp=$BATS_TEST_TMPDIR
    build=${BUILD:-$root/build}
}

# session 'COMMANDS' ARGS OF DEBUG...: a batch session; $output has both streams
session() {
    printf '%s\n' "$1" >"$tmp/commands"
    shift
    run timeout -k 5 60 "$debug" -x "$tmp/commands" "$@" </dev/null
}

says() { # says STATUS WORDS: the last run's status, and a line with these words
    [ "$status" -eq "$1" ] || { echo "status $status: $output"; return 1; }
    [[ $output == *"$2"* ]] || { echo "not said: $2"; echo "said: $output"; return 1; }
}

passes() { # every check of the driver has passed, and there were many
    [[ $output =~ passed\ [0-9]{3,}\ failed\ 0 ]] || { grep -A12 FAILED <<<"$output" || echo "$output"; return 1; }
}

# --- debug

@test "the breakpoint that the greeting names reaches the stage's malloc, for ls, on every stage" {
    for folder in stages/[0-9]*; do
        stage=${folder#stages/}
        run timeout -k 5 60 "$debug" -s "$stage" ls -a </dev/null
        place=$(sed -n 's/.*Type:  break \(.*\)/\1/p' <<<"$output")
        session "break $place"$'\nrun\ninfo breakpoints\nbacktrace 1' -s "$stage" ls -a
        says 0 "Breakpoint 1, malloc (size="
        file=$(compgen -G "stages/${place%:malloc}" || compgen -G "${place%:malloc}")
        says 0 "at $file:"
        says 0 "already hit 1 time"
        [ "$(grep -c "in malloc at $file" <<<"$output")" -eq 1 ] # one place, no 1.1, 1.2
        [[ $output != *1.1* ]]
        [[ $output == *$'\n'"$(grep -n -A 1 '^void \*malloc(' "$file" | tail -n 1 | tr - '\t')"* ]]
    done
}

@test "the greeting is two lines, the first thing that is said" {
    run timeout -k 5 60 "$debug" -s 3 ls </dev/null
    says 0 "ls will run on the malloc of 03-linked-list. Type:  break 03-linked-list/malloc.c:malloc"
    [[ ${lines[0]} == "ls will run"* ]]
    [[ ${lines[1]} == "then:  run "* ]]
    [[ ${lines[2]} == "(gdb)"* ]]
}

@test "the program's output and arguments are its own" {
    session run -s 4 printf '%s|' "a b" "it's" '$HOME' '*' ''
    says 0 "a b|it's|\$HOME|*||"
}

@test "it works from another folder, through a link, with another shell, and finds the source" {
    ln -s "$debug" "$tmp/debug"
    printf 'break 03-linked-list/malloc.c:malloc\nrun\nlist\n' >"$tmp/commands"
    cd /
    SHELL=/usr/sbin/nologin run timeout -k 5 60 "$tmp/debug" -s 3 -x "$tmp/commands" ls </dev/null
    says 0 "void *malloc(size_t size)"
    echo run >"$tmp/run"
    SHELL=/usr/sbin/nologin run timeout -k 5 60 "$tmp/debug" -s 3 -x "$tmp/run" printenv SHELL </dev/null
    says 0 "/usr/sbin/nologin"
}

@test "build/current stays where it is, and names the stage when none is named" {
    mkdir -p "$tmp/build"
    make -s BUILD="$tmp/build" stage4
    export BUILD=$tmp/build
    session run -s 3 true
    says 0 "03-linked-list"
    [ "$(readlink "$tmp/build/current")" = stage4 ]
    session run true
    says 0 "04-first-fit"
}

@test "make debug-stageN opens it" {
    DEBUG_COMMANDS=<(echo 'info symbol malloc') run make -s debug-stage4 CMD="ls -l" </dev/null
    says 0 "ls will run on the malloc of 04-first-fit"
}

@test "a script is debugged in its interpreter" {
    printf '#!/bin/sh\necho hello $1\n' >"$tmp/script" && chmod +x "$tmp/script"
    session $'break 05-split/malloc.c:malloc\nrun\ndelete\ncontinue' -s 5 "$tmp/script" you
    says 0 "Breakpoint 1, malloc"
    says 0 "hello you"
}

@test "threads" {
    session $'break 06-merge/malloc.c:malloc if size == 20\nrun\nmyheap check\ninfo threads' -s 6 "$fixture" threads
    says 0 "malloc (size=20)"
    says 0 "chunks: sound."
    grep -Eq '^\* [2-9] +Thread .* malloc \(size=20\)' <<<"$output"
}

@test "DEBUG_COMMANDS adds a file of commands, and the program does not see it" {
    DEBUG_COMMANDS=$(mktemp "$tmp/XXXX.gdb")
    export DEBUG_COMMANDS
    echo run >"$DEBUG_COMMANDS"
    run timeout -k 5 60 "$debug" -s 3 env </dev/null
    says 0 "HOME="
    [[ $output != *DEBUG_COMMANDS=* ]]
}

@test "refused: what can't be preloaded or isn't there, in one sentence" {
    for case in '127 no-such-program: not found:no-such-program' '127 cd is a builtin of the shell:cd' \
        '125 which program?:' '125 there is no option --nonsense:--nonsense' "125 there is no stage '99':-s 99 ls" \
        '125 -s needs a value:-s' '125 exclude each other:-s 3 -l x.so ls' '125 there is no library /none.so:-l /none.so ls' \
        '125 there is no core file /none:--core /none' '125 there is no file of commands /none:-x /none -s 3 ls' \
        '126 not executable:-s 3 /etc/passwd'; do
        words=${case%:*} arguments=${case##*:}
        # shellcheck disable=SC2086
        run "-${words%% *}" timeout -k 5 60 "$debug" $arguments </dev/null
        says "${words%% *}" "debug: "
        says "${words%% *}" "${words#* }"
        [ "${#lines[@]}" -eq 1 ]
    done
    printf 'int main(void) { return 0; }\n' >"$tmp/static.c" && cc -static -o "$tmp/static" "$tmp/static.c"
    run timeout -k 5 60 "$debug" -s 3 "$tmp/static" </dev/null
    says 125 "statically linked"
}

@test "refused: a system without ptrace, and how to allow it" {
    command -v strace || skip "no strace here"
    # Who is traced already can't be traced again.
    run timeout -k 5 60 strace -f -qq -o /dev/null -e trace=none "$debug" -s 3 ls </dev/null
    says 125 "doesn't allow ptrace"
    says 125 "--cap-add=SYS_PTRACE"
    [ "${#lines[@]}" -eq 1 ]
}

@test "refused: a system without gdb, after setup has tried" {
    mkdir "$tmp/bin"
    for tool in bash env readlink dirname basename cat grep sed awk sort id mktemp rm cc make git patch; do
        ln -s "$(type -P "$tool")" "$tmp/bin/$tool"
    done
    PATH=$tmp/bin run "$debug" -s 3 ls </dev/null
    says 125 "gdb is missing; install it with: scripts/setup docs"
}

# --- the heap commands

# on_damages STAGE: the driver, live and then on the cores that it wrote
on_damages() {
    export TEST_CORES=$tmp/cores$1
    mkdir -p "$TEST_CORES"
    run timeout -k 5 120 "$debug" -s "$1" -x "$driver" "$fixture" damage </dev/null
    passes
    run timeout -k 5 120 "$debug" --core "$TEST_CORES/none" -x "$driver" </dev/null
    passes
    rm -r "$TEST_CORES"
}

@test "on a sound heap and on every damage, each command is right or says why not: live and on cores" {
    [ "$(wc -w <<<"$lists")" -ge 5 ]
    for stage in $lists; do
        on_damages "$stage"
    done
}

@test "and on a core of every damage" {
    TEST_ALL_CORES=1 on_damages 7
}

@test "what would says comes true, over random calls, with a break that others move too" {
    for stage in $lists; do
        run timeout -k 5 120 "$debug" -s "$stage" -x "$driver" "$fixture" calls "4$stage" </dev/null
        passes
    done
}

heap_commands=$(cat <<'END'
break stop_here
run
myheap
myheap list
myheap list free
myheap freelist
myheap bar
myheap map
myheap which p
myheap which +470
myheap which +430
myheap check
myheap would free(p)
myheap would realloc(p, 400)
print base
END
)
varying=(-v -e process -e libthread_db -e stop_here -e 'from 0x')

@test "the chunks are listed as they are" {
    session "$heap_commands"$'\nmyheap header +416' -s 6 "$fixture"
    says 0 "6 chunks: 4 used (992 bytes), 2 free (256 bytes); 288 bytes of headers."
    grep -Eq '^ +\+416 +304  used +"cccccccccccccccccccccccc"\.\.\.$' <<<"$output"
    grep -Eq '^ +\+768 +48  free ' <<<"$output"
    says 0 "the list of chunks: 2 free of 6 chunks"
    grep -Eq '^ +1\. +\+160 +208 bytes, after 1 step$' <<<"$output"
    says 0 "+464 is byte 0 of the payload of the chunk at +416: 304 bytes, used."
    says 0 "+470 is byte 6 of the payload"
    says 0 "+430 is in the header of the chunk at +416: byte 6 of prev."
    grep -Eq '^ +\+8  prev  .*  \+160$' <<<"$output"
    says 0 "+160  208 bytes free -> 656 bytes free"
    says 0 "+416  304 bytes used -> no chunk"
    says 0 "realloc(+464, 400) = +1584"
    says 0 "System call: brk(+448)"
    says 0 "= base: next +0, prev +1424, size 0, free false"
}

@test "the bins are told apart, though their names are written to one place" {
    cc -g -fno-builtin -x c -o "$tmp/bins" - <<'END'
#include <stdlib.h>
int main(void)
{
    char *small = malloc(100), *between = malloc(10), *large = malloc(200), *last = malloc(10);
    free(small);
    free(large);
    exit(between == last);
}
END
    session $'break exit\nrun\nmyheap freelist' -s 8 "$tmp/bins"
    says 0 "bin 112: 1 free of 1 chunk"
    says 0 "bin 208: 1 free of 1 chunk"
}

@test "the same output with ASLR and without, and with libc's debug symbols and without" {
    session "$heap_commands" -s 6 "$fixture"
    grep "${varying[@]}" <<<"$output" >"$tmp/first"
    session "set disable-randomization off"$'\n'"$heap_commands" -s 6 "$fixture"
    grep "${varying[@]}" <<<"$output" | diff "$tmp/first" -
    session "set debug-file-directory /nonexistent"$'\n'"$heap_commands" -s 6 "$fixture"
    grep "${varying[@]}" <<<"$output" | diff "$tmp/first" -
    [ "$(wc -l <"$tmp/first")" -gt 40 ]
}

@test "the pictures are to scale, hide no hole, and have an ASCII form" {
    session $'break stop_here\nrun\nmyheap map 16 -a\nmyheap bar 8 -a' -s 3 "$fixture"
    says 0 "        +0 HHH#######HHH-------------HHH###################HHH---HHH#######"
    says 0 "a cell is 16 bytes: - free  + mostly free  % mostly used  # used  H header  . no chunk"
    grep -Eq '^\+0 [%+#-]{8} \+1536$' <<<"$output"
    grep -Eq '^\+0 .*[%+].* \+1536$' <<<"$output"
}

@test "a hundred thousand chunks: each command in under a second" {
    run timeout -k 5 120 "$debug" -s 7 -x "$driver" "$fixture" many </dev/null
    [[ $output =~ passed\ [0-9]{2,}\ failed\ 0 ]] || { grep -A12 FAILED <<<"$output"; return 1; }
}

@test "label and compare tell what changed" {
    session $'break stop_here\nrun\nmyheap label before\nbreak exit\nset variable *(char *) $chunk(0) = *(char *) $chunk(0)\nmyheap compare before' -s 4 "$fixture"
    says 0 "No chunk has changed since before."
    session $'break 06-merge/malloc.c:free if payload != 0\nrun\nmyheap label\nfinish\nmyheap compare' -s 6 "$fixture"
    says 0 "208 bytes used -> 208 bytes free"
}

@test "trace tells each call, what is inside it, the sum, and who allocated a block" {
    session $'myheap trace on\nbreak stop_here\nrun\nmyheap who p\nmyheap who +464\ncontinue' -s 6 "$fixture"
    says 0 "The trace begins when the library is loaded."
    grep -Eq '^ +[0-9]+  malloc\(300\) = \+464$' <<<"$output"
    grep -Eq '^ +[0-9]+  free\(\+208\)$' <<<"$output"
    says 0 "malloc(300) = +464, from"
    grep -q 'build at .*fixture.c:' <<<"$output"
    grep -q 'main at .*fixture.c:' <<<"$output"
    session $'myheap trace on quiet\nrun\nmyheap who +464\nmyheap who' -s 6 "$fixture" # after the end
    says 0 "allocated by call 3, malloc(300) = +464, from"
    says 0 "960 bytes  4 blocks     build at "
    session $'myheap trace on quiet\nrun\nrun' -s 6 "$fixture" # the second run is counted anew
    [ "$(grep -c '^trace: 8 calls' <<<"$output")" -eq 2 ]
    says 0 "trace: 8 calls: malloc 6, free 2, calloc 0, realloc 0"
    says 0 "asked for  1200 bytes in all, 500 at most in one call; refused: 0"
    says 0 "in use now 4 blocks, 960 bytes as asked"
    for stage in 1 2 6; do
        session $'myheap trace on\nrun' -s "$stage" "$fixture" inner
        grep -Eq '^ +1  calloc\(3, 5\) = \+[0-9]+$' <<<"$output"
        grep -Eq '^ {11}malloc\(15\) = \+[0-9]+$' <<<"$output" # inside calloc
        says 0 "trace: 2 calls: malloc 0, free 0, calloc 1, realloc 1"
    done
    session $'myheap trace on\nrun' -s 6 sh -c "exec $fixture inner" # from one program into another
    says 0 "is executing new program"
    says 0 "trace: 2 calls: malloc 0, free 0, calloc 1, realloc 1"
}

@test "a core file that the kernel wrote; the program and the library are found by the core itself" {
    cd "$tmp"
    case $(cat /proc/sys/kernel/core_pattern) in core*) ;; *) skip "cores go elsewhere here" ;; esac
    make -s -C "$root" DEBUG=1 BUILD="$build" "$build/debug/stage5/libmalloc.so"
    (ulimit -c unlimited && "$root/scripts/preload" -l "$build/debug/stage5/libmalloc.so" "$fixture" abort) || true
    core=$(compgen -G 'core*')
    session $'myheap check\nbacktrace -1' --core "$core"
    says 0 "A core of fixture on $(readlink -f "$build/debug/stage5/libmalloc.so")"
    says 0 "6 chunks: sound."
    says 0 "main ("
    session 'myheap list' -s 3 --core "$core" "$fixture"
    says 0 "so that is looked at, not"
}

@test "a core whose library was rebuilt since" {
    make -s BUILD="$tmp/build" DEBUG=1 "$tmp/build/debug/stage5/libmalloc.so"
    export BUILD=$tmp/build
    session $'break stop_here\nrun\ngcore '"$tmp/core" -s 5 "$fixture"
    session 'myheap check' --core "$tmp/core"
    says 0 "chunks: sound."
    [[ $output != *"built anew"* ]]
    make -s -B BUILD="$tmp/build" DEBUG=1 CFLAGS=-DOTHER=1\ -O0 "$tmp/build/debug/stage5/libmalloc.so"
    session 'myheap check' --core "$tmp/core"
    # GDB 13 loads the other library, and so does ours; newer ones say the same, and refuse it.
    [[ $output == *"was built anew since"* || $output == *"does not match core file"* ]] || says 0 "was built anew since"
}

@test "a library without debug symbols" {
    make -s BUILD="$build" "$build/stage6/libmalloc.so"
    strip -o "$tmp/bare.so" "$build/stage6/libmalloc.so"
    session $'break stop_here\nmyheap trace on\nrun\nmyheap check\nmyheap list\nmyheap header +416\nmyheap would free(p)\nmyheap which +430' \
        -l "$tmp/bare.so" "$fixture"
    says 0 "6. holds   No two free chunks touch."
    says 0 "6 chunks: sound."
    grep -Eq '^ +[0-9]+  malloc\(300\) = \+464$' <<<"$output"
    says 0 "+416  304 bytes used -> no chunk"
    says 0 "+430 is in the header of the chunk at +416: byte 14."
}

@test "a student's library, with a list that ends in NULL and the used bit in the size" {
    cat >"$tmp/mine.c" <<'END'
/* Invariants
 *   1. size is not 0, and even
 *      but for its lowest bit. */
#include "inspect.h"

#include <string.h>

struct node {
    size_t size; /* the lowest bit: in use */
    struct node *next;
};
static struct node *first, **last = &first;

void *malloc(size_t size)
{
    struct node *node;

    size = (size + 31) & ~(size_t)15;
    for (node = first; node; node = node->next)
        if (!(node->size & 1) && node->size >= size)
            return node->size |= 1, node + 1;
    node = sbrk((intptr_t)(sizeof(struct node) + size));
    *node = (struct node){size | 1, NULL};
    *last = node;
    last = &node->next;
    return node + 1;
}
void free(void *p)
{
    if (p)
        ((struct node *)p - 1)->size &= ~(size_t)1;
}
void *calloc(size_t n, size_t size)
{
    return memset(malloc(n * size), 0, n * size);
}
void *realloc(void *p, size_t size)
{
    return p ? memcpy(malloc(size), p, size) : malloc(size);
}
/* The description. */
static void blocks(heap_visit_block *visit, void *arg)
{
    for (struct node *n = first; n; n = n->next)
        if (!visit(&(struct heap_block){n + 1, n->size & ~1ul, sizeof *n, n->size & 1 ? HEAP_USED : HEAP_FREE, 0}, arg))
            return;
}
static void check(struct heap_report *report)
{
    for (struct node *n = first; n; n = n->next)
        if (n->size < 16)
            heap_broken(report, 1, n, "size is %zu", n->size, 0);
}
const struct heap_inspect heap_inspect = {
    .version = 2, .invariants = 1, .stage = "mine", .header = "struct node", .blocks = blocks, .check = check};
END
    [ "$(sed '1,/The description/d' "$tmp/mine.c" | wc -l)" -le 15 ]
    cc -std=gnu11 -g -fPIC -shared -fno-builtin -Icommon -Wl,-Bsymbolic-functions -o "$tmp/mine.so" "$tmp/mine.c"
    run timeout -k 5 60 "$debug" -l "$tmp/mine.so" "$fixture" </dev/null
    place=$(sed -n 's/.*Type:  break \(.*\)/\1/p' <<<"$output")
    cat >"$tmp/script" <<END
break $place
myheap trace on
run
delete
myheap list
break stop_here
continue
myheap
myheap list
myheap bar
myheap which p
myheap header p
myheap check
myheap would free(p)
myheap would malloc(150)
set variable ((long *) p)[-2] = 0
myheap check
END
    session "$(cat "$tmp/script")" -l "$tmp/mine.so" "$fixture"
    says 0 "Breakpoint 1, malloc (size="
    grep -Eq '^ +[0-9]+  malloc\(300\) = \+400$' <<<"$output"
    says 0 "6 chunks: 4 used (1056 bytes), 2 free (288 bytes); 96 bytes of headers."
    grep -Eq '^ +\+384 +320  used +"ccc' <<<"$output"
    grep -Eq '^ +\+144 +224  free' <<<"$output"
    says 0 "is byte 0 of the payload of the chunk at +384: 320 bytes, used."
    grep -Eq '^ +\+0  size .* 321$' <<<"$output"
    says 0 "1. holds   size is not 0, and even but for its lowest bit."
    says 0 "+384  320 bytes used -> 320 bytes free"
    says 0 "malloc(150) = +160"
    says 0 "at +384: size is 0"
}

@test "a library that describes nothing, and one of version 1: a sentence; the trace works" {
    for version in 0 1; do
        printf '%s\n' '#include <string.h>' '#include <unistd.h>' 'void *malloc(size_t n) { return sbrk((n + 31) & ~15); }' \
            'void free(void *p) { (void)p; }' 'void *calloc(size_t n, size_t m) { return memset(malloc(n * m), 0, n * m); }' \
            'void *realloc(void *p, size_t n) { return p ? memcpy(malloc(n), p, n) : malloc(n); }' >"$tmp/my.c"
        [ "$version" = 0 ] || echo "const unsigned heap_inspect[40] = {1, 4};" >>"$tmp/my.c"
        cc -g -fPIC -shared -fno-builtin -o "$tmp/my.so" "$tmp/my.c"
        session $'break stop_here\nmyheap trace on\nrun\nmyheap who p\nmyheap list' -l "$tmp/my.so" "$fixture"
        says 1 "malloc(300) = +"
        says 1 "build at "
        [ "$version" = 1 ] || says 1 "$tmp/my.so describes no heap: it exports no heap_inspect"
        [ "$version" = 0 ] || says 1 "heap_inspect is of version 1; these commands know version 2."
    done
}

@test "no metadata, no library, no program: a sentence" {
    session $'break 01-sbrk/malloc.c:malloc\nrun\nmyheap would malloc(100)\nmyheap check' -s 1 "$fixture"
    says 1 "System call: brk(+112)"
    says 1 "01-sbrk describes no check of itself."
    session $'break 01-sbrk/malloc.c:malloc\nrun\nmyheap list' -s 1 "$fixture"
    says 1 "01-sbrk writes down nothing that could be shown"
    session 'myheap list' -s 3 ls
    says 1 "No program is running here, so there is no heap. Type: run"
    session $'starti\nmyheap list' -s 3 ls
    says 1 "No library is loaded that describes its heap (heap_inspect) yet."
    session $'break 03-linked-list/malloc.c:malloc\nrun\nprint $chunk(128)' -s 3 ls # before the first block
    says 1 "The heap is empty"
}

@test "a reworded invariant is checked by its number" {
    cp -r Makefile common stages scripts "$tmp"
    sed -i 's/ \*   4\. mark is .*/ *   4. The mark is right./' "$tmp/stages/06-merge/malloc.c"
    printf '%s\n' 'break stop_here' run 'set variable $chunk(416)->mark = 1' 'myheap check' >"$tmp/commands"
    run timeout -k 5 60 env -u BUILD "$tmp/scripts/debug" -s 6 -x "$tmp/commands" "$fixture" </dev/null
    says 0 "4. BROKEN  The mark is right."
    says 0 "at +416: mark is 0x1, it should be 0x"
}

@test "after a fatal signal nobody is told to type finish; in the middle of a call one is" {
    session $'break stop_here\nrun\nset variable $chunk(0)->next = 16\ncontinue\nbacktrace 1\nmyheap check' -s 6 "$fixture" search
    says 0 "SIGSEGV"
    says 0 "malloc.c"
    says 0 "of 6 invariants broken."
    [[ $output != *"Type: finish"* ]]
    session $'break 06-merge/malloc.c:chunk_insert\nrun\nnext\nnext\nset variable base.prev = 16\nmyheap check' -s 6 "$fixture"
    says 0 "a change half done is no damage. Type: finish"
}

@test "programs in other languages, and numbers in another radix" {
    session $'set input-radix 16\nbreak stop_here\nmyheap trace on\nrun\nmyheap which +470\nmyheap list 300-400\nmyheap would malloc(10)\nset language rust\nmyheap check\nmyheap which +470\nprint $chunk(0)\nset language fortran\nmyheap list\nmyheap trace on\nmyheap header +416' \
        -s 6 "$fixture"
    says 0 "malloc(300) = +464"
    says 0 "+470 is byte 6"
    says 0 "malloc(16) = +208"
    says 0 "6 chunks: sound."
    grep -Eq '^ +\+8  prev  .*  \+160$' <<<"$output"
    command -v gfortran >/dev/null || skip "no gfortran here"
    printf '%s\n' 'program p' 'integer, allocatable :: a(:)' 'allocate(a(100))' 'a = 7' 'print *, sum(a)' 'end' >"$tmp/p.f90"
    gfortran -g -o "$tmp/p" "$tmp/p.f90"
    session $'break 5\nmyheap trace on quiet\nrun\nshow language\nmyheap check\nmyheap list last 1 -a\nmyheap which a\nmyheap would malloc(5)\nmyheap trace summary' \
        -s 6 "$tmp/p"
    says 0 "fortran"
    says 0 "chunks: sound."
    says 0 "is byte 0 of the payload"
}

@test "names with quotes are names" {
    folder="$tmp/a'b\"c \$d"
    mkdir "$folder"
    cp "$fixture" "$folder/x'''.py"
    cp "$build/debug/stage6/libmalloc.so" "$tmp/it's.so"
    session $'run\nmyheap' -l "$tmp/it's.so" "$folder/x'''.py"
    says 1 "x'''.py will run on the malloc of $tmp/it's.so."
    says 1 "exited normally"
    says 1 "No program is running here"
    [[ $output != *Error:* ]]
}

@test "debug -p looks at a process that runs already" {
    make -s DEBUG=1 BUILD="$build" "$build/debug/stage6/libmalloc.so"
    "$root/scripts/preload" -l "$build/debug/stage6/libmalloc.so" sleep 60 3>&- &
    sleep=$!
    for _ in {1..50}; do [[ $(cat /proc/$sleep/wchan /proc/$sleep/comm) == *nanosleep*sleep ]] && break || sleep 0.1; done
    session $'myheap check\nmyheap would malloc(100)' -p "$sleep"
    kill "$sleep"
    says 0 "sleep, process $sleep, stands still; its malloc is $(readlink -f "$build/debug/stage6/libmalloc.so")."
    says 0 "chunks: sound."
    says 0 "malloc(100) = +"
    run "$debug" -p 3000000 </dev/null
    says 125 "debug: there is no process 3000000"
    run "$debug" -p $$ ls </dev/null
    says 125 "-p takes neither a program nor"
}

@test "the greeting warns of AMX and an old GDB, and of nothing else" {
    session $'python import myheap.session as s\npython print([len(s.calls_fail(cpu, gdb)) > 9 for cpu, gdb in (("x amx_tile y", "13.1"), ("x amx_tile y", "14.1"), ("x", "13.1"))])\npython print(s.calls_fail("amx_tile", "13.1"))' -s 6 ls
    says 0 "[True, False, False]"
    says 0 "GDB 14 or newer can."
}

@test "where GDB can't call functions of the program, the commands answer all the same" {
    cc -shared -fPIC -o "$tmp/fault.so" tests/amx-fault.c
    mkdir "$tmp/bin"
    printf '#!/bin/sh\nLD_PRELOAD=%s exec %s "$@"\n' "$tmp/fault.so" "$(type -P gdb)" >"$tmp/bin/gdb"
    chmod +x "$tmp/bin/gdb"
    cat >"$tmp/script.py" <<'END'
import gdb
gdb.execute("myheap trace on")
gdb.execute("break stop_here")
gdb.execute("run")
try:
    gdb.execute("print (long) malloc(3)")
except gdb.error as error:
    print("said: %s" % error)
for command in "check", "would free(p)", "who p", "bar":
    gdb.execute("myheap " + command)
END
    PATH=$tmp/bin:$PATH run timeout -k 5 60 "$debug" -s 6 -x "$tmp/script.py" "$fixture" </dev/null
    says 0 "said: Couldn't write extended state status: Bad address."
    says 0 "chunks: sound."
    says 0 "free(+464) returns."
    says 0 "allocated by call 3, malloc(300) = +464, from"
}

@test "colour on a terminal only, and by GDB's own settings" {
    printf '%s\n' 'set confirm off' 'break stop_here' run 'myheap list' quit >"$tmp/commands"
    echo 'set style enabled off' >"$tmp/plain"
    export TERM=xterm HOME=$tmp
    timeout -k 5 20 script -qec "'$debug' -s 6 -x '$tmp/commands' '$fixture'" /dev/null </dev/null >"$tmp/on" || true
    grep -q $'\e\\[3[0-9]m+416\e\\[m' "$tmp/on"
    timeout -k 5 20 script -qec "'$debug' -s 6 -x '$tmp/plain' -x '$tmp/commands' '$fixture'" /dev/null </dev/null >"$tmp/off" || true
    grep -q '  +416 ' "$tmp/off"
    session $'break stop_here\nrun\nset style enabled on\nmyheap list' -s 6 "$fixture"
    [[ $output == *'  +416 '* ]]
}

@test "no command runs the program's code, nor changes GDB's settings" {
    cat >"$tmp/script.py" <<'END'
import gdb
gdb.execute("break stop_here")
gdb.execute("run")
gdb.execute("myheap label")
gdb.execute("set may-call-functions off")
for text in "malloc(1)", '"literal"', "nobody", "*p", "$rsp", "p +", "1.5":
    try:
        gdb.execute("myheap which " + text)
    except gdb.error as error:
        print("said: %s" % error)
gdb.execute("show may-call-functions")
gdb.execute("show language")
gdb.execute("set may-call-functions on")
gdb.execute("myheap which 16")
gdb.execute("show may-call-functions")
gdb.execute("myheap compare")
END
    run timeout -k 5 60 "$debug" -s 6 -x "$tmp/script.py" "$fixture" </dev/null
    says 0 "said: The heap commands never make GDB call a function of the program, as this would: malloc(1)"
    says 0 'said: That has no address in the program: "literal"'
    says 0 'said: No symbol "nobody" in current context.'
    says 0 "Permission to call functions in the program is off."
    says 0 "Permission to call functions in the program is on."
    says 0 'auto; currently c'
    says 0 "No chunk has changed since last."
    [[ $output != *"Python"* ]]
}

@test "the trace marks a double free, and stops at it and at a write after free when asked" {
    cat >"$tmp/twice.c" <<'END'
#include <stdlib.h>
int main(void)
{
    char *a = malloc(40), *b = malloc(24);
    free(a);
    free(a);
    free(b);
    b[3] = '!';
    a = malloc(8);
    free(a);
}
END
    cc -g -fno-builtin -o "$tmp/twice" "$tmp/twice.c"
    for stage in 1 3 7; do
        session $'myheap trace on\nrun\nmyheap who' -s "$stage" "$tmp/twice"
        grep -Eq '^ +4  free\(\+[0-9]+\)  ! double free: call 3 gave it back$' <<<"$output"
        grep -Eq '^  ! 1 double free, the first in call 4$' <<<"$output"
        says 0 "0 blocks in use, 0 bytes as asked"
        session $'myheap trace on stop\nrun\nbacktrace 1\ncontinue\ncontinue' -s "$stage" "$tmp/twice"
        says 0 "double free: call 3 gave it back. Stopped before it."
        says 0 "free (payload="
        says 0 "trace: byte 3 of +"
        says 0 "was written to after call 5, and call 5 had given the block back."
        says 0 "trace: 7 calls: malloc 3, free 4"
    done
    session $'myheap trace on stop\nrun' -s 7 "$fixture" calls 42 # nothing is wrong there
    says 0 "trace: 1"
    [[ $output != *"trace: byte"* && $output != *"double free"* ]]
}

@test "each command has a help text to learn from" {
    session 'help myheap' -s 3 ls
    commands=$(sed -n 's/^myheap \([a-z]*\) -- .*/\1/p' <<<"$output")
    [ "$(wc -w <<<"$commands")" -ge 12 ]
    session "$(sed 's/.*/echo = &\\n\nhelp myheap &/' <<<"$commands")" -s 3 ls
    for command in $commands; do
        [ "$(sed -n "/^= $command$/,/^= /p" <<<"$output" | wc -l)" -ge 5 ]
        grep -q "myheap $command" docs/debugging/commands.md
    done
}
