# debug: what it opens, what it refuses; and the heap commands, on every stage that has a list, live and
# on core files, on sound heaps and on damaged ones. Each session runs under a kill-timer.

bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_TEST_DIRNAME/.." || return
    export fixture=$BATS_FILE_TMPDIR/fixture
    cc -std=gnu11 -g -O0 -fno-builtin -Icommon -o "$fixture" tests/gdb/fixture.c -ldl -pthread
    lists=$(grep -l 'HEAP_LAYOUT' stages/*/malloc.c | sed 's,stages/0*\([0-9a-z]*\)-.*,\1,' | tr '\n' ' ')
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
        says 0 "at $folder/malloc.c:"
        says 0 "already hit 1 time"
        [ "$(grep -c "in malloc at $folder/malloc.c" <<<"$output")" -eq 1 ] # one place, no 1.1, 1.2
        [[ $output != *1.1* ]]
        [[ $output == *"$(grep -n '^{' "$folder/malloc.c" | head -1 | cut -d: -f2)"* ]]
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

@test "on a sound heap and on every damage, each command is right or says why not: live and on a core" {
    for stage in $lists; do
        mkdir -p "$tmp/cores$stage"
        TEST_CORES=$tmp/cores$stage run timeout -k 5 120 "$debug" -s "$stage" -x "$driver" "$fixture" damage </dev/null
        passes
        TEST_CORES=$tmp/cores$stage run timeout -k 5 120 "$debug" --core "$tmp/cores$stage/none" -x "$driver" </dev/null
        passes
        rm -r "$tmp/cores$stage"
    done
}

@test "what would says comes true, over random calls, with a break that others move too" {
    for stage in $lists; do
        for seed in 7 42; do
            run timeout -k 5 120 "$debug" -s "$stage" -x "$driver" "$fixture" calls "$seed" </dev/null
            passes
        done
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
myheap check
myheap would free(p)
myheap would realloc(p, 400)
print *$chunk(p)
print base
END
)

@test "the chunks are listed as they are" {
    session "$heap_commands" -s 6 "$fixture"
    says 0 "6 chunks: 4 used (992 bytes), 2 free (256 bytes); 288 bytes of headers."
    grep -Eq '^ +\+416 +304  used$' <<<"$output"
    grep -Eq '^ +\+768 +48  free$' <<<"$output"
    grep -Eq '^ +1\. +\+160 +208 bytes' <<<"$output"
    says 0 "+464 is byte 0 of the payload of the chunk at +416: 304 bytes, used."
    says 0 "+470 is byte 6 of the payload"
    says 0 "Next: free, and it touches: joined, +768 is taken in."
    says 0 "Previous: free, and it touches: joined, +160 takes it in."
    says 0 "+416  304 bytes used -> no chunk"
    says 0 "= +416: 304 bytes used, next +768, prev +160"
    says 0 "= base, the sentinel: next +0, prev +1424"
}

@test "the same output with ASLR and without, and with libc's debug symbols and without" {
    session "$heap_commands" -s 6 "$fixture"
    grep -v -e process -e libthread_db -e stop_here <<<"$output" >"$tmp/first"
    session "set disable-randomization off"$'\n'"$heap_commands" -s 6 "$fixture"
    grep -v -e process -e libthread_db -e stop_here <<<"$output" | diff "$tmp/first" -
    session "set debug-file-directory /nonexistent"$'\n'"$heap_commands" -s 6 "$fixture"
    grep -v -e process -e libthread_db -e stop_here <<<"$output" | diff "$tmp/first" -
    [ "$(wc -l <"$tmp/first")" -gt 40 ]
}

@test "the pictures are to scale, and have an ASCII form" {
    session $'break stop_here\nrun\nmyheap map 16 -a\nmyheap bar 8 -a' -s 3 "$fixture"
    says 0 "        +0 HHH#######HHH-------------HHH###################HHH---HHH#######"
    says 0 "a cell is 16 bytes and shows what most of it is: # used  - free  H header  . not ours"
    grep -Eq '^\+0 [#H.-]{8} \+1536$' <<<"$output"
}

@test "a hundred thousand chunks are no trouble" {
    session $'break stop_here\nrun\nmyheap check\nmyheap list last 1\nmyheap map\nmyheap bar\nmyheap which p' \
        -s 3 "$fixture" many
    says 0 "100006 chunks: sound."
    says 0 "+464 is byte 0"
}

@test "label and compare tell what changed" {
    session $'break stop_here\nrun\nmyheap label before\nbreak exit\nset variable *(char *) ($chunk(0)) = *(char *) $chunk(0)\nmyheap compare before' -s 4 "$fixture"
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

@test "a library without debug symbols, and one that is nobody's stage" {
    strip -o "$tmp/bare.so" build/stage6/libmalloc.so
    session $'break stop_here\nmyheap trace on\nrun\nmyheap check\nmyheap list' -l "$tmp/bare.so" "$fixture"
    says 0 "6 chunks: sound."
    grep -Eq '^ +[0-9]+  malloc\(300\) = \+464$' <<<"$output"
    sed 's/"06-merge"/"mine"/' stages/06-merge/malloc.c >"$tmp/malloc.c"
    cc -std=gnu11 -g -fPIC -shared -fno-builtin -Icommon -Wl,-Bsymbolic-functions -o "$tmp/mine.so" "$tmp/malloc.c"
    run timeout -k 5 60 "$debug" -l "$tmp/mine.so" "$fixture" </dev/null
    place=$(sed -n 's/.*Type:  break \(.*\)/\1/p' <<<"$output")
    session "break $place"$'\nrun\ninfo breakpoints\ndelete\nbreak stop_here\ncontinue\nmyheap check\nmyheap would free(p)' \
        -l "$tmp/mine.so" "$fixture"
    says 1 "Breakpoint 1, malloc (size="
    says 1 "mine is no stage of this repository; checked as a list of chunks."
    says 1 "6 chunks: sound."
    says 1 "mine is no stage of this repository: what its free does, only its source knows."
}

@test "no metadata, no library, no program: a sentence" {
    session $'break 01-sbrk/malloc.c:malloc\nrun\nmyheap check' -s 1 "$fixture"
    says 1 "01-sbrk has no metadata: there is nothing to walk."
    session 'myheap list' -s 3 ls
    says 1 "No program is running here, so there is no heap. Type: run"
    session $'starti\nmyheap list' -s 3 ls
    says 1 "No library is loaded that describes its heap"
}

@test "no command runs the program's code" {
    session $'break stop_here\nrun\nmyheap label\nmyheap which malloc(1)\nmyheap compare' -s 6 "$fixture"
    says 1 "may-call-functions is off"
    session $'break stop_here\nrun\nmyheap label\npython\ntry: gdb.execute("myheap which \\"literal\\"")\nexcept gdb.error as e: print(e)\nend\nmyheap compare' -s 6 "$fixture"
    says 0 "No chunk has changed since last."
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
