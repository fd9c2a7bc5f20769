# The ghost: the allocator's own code, run on a copy of the program's memory. Each session is GDB with the
# driver tests/gdb/ghost_driver.py on the program tests/gdb/ghost_program.c, under a kill-timer.

bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_TEST_DIRNAME/.." || return
    export program=$BATS_FILE_TMPDIR/program build=${BUILD:-build} SHELL=/bin/sh
    cc -std=gnu11 -g -O0 -fno-builtin -o "$program" tests/gdb/ghost_program.c -pthread
    # The files, not the targets stageN: build/current stays where it is.
    mapfile -t libraries < <(stages break | sed 's,.*,stage&/libmalloc.so,')
    make -s ghost "${libraries[@]/#/$build/}" && make -s DEBUG=1 "${libraries[@]/#/$build/debug/}"
}

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    tmp=$BATS_TEST_TMPDIR
}

# session TEST LIBRARY ARGUMENTS OF THE PROGRAM...
session() {
    local test=$1 library=$2
    shift 2
    GHOST_TEST=$test run timeout -k 5 100 gdb -q -nx -batch -iex 'set debuginfod enabled off' \
        -ex 'set startup-with-shell on' -ex "set exec-wrapper env LD_PRELOAD=$(readlink -f "$library")" \
        -x tests/gdb/ghost_driver.py --args "${tested:-$program}" "$@"
}

passes() { # passes LEAST: all that the driver looked at was right, and it was at least so much
    [[ $output =~ passed\ ([0-9]+)\ failed\ 0 ]] || { grep -A20 FAILED <<<"$output" || echo "$output"; return 1; }
    [ "${BASH_REMATCH[1]}" -ge "$1" ] || { echo "only ${BASH_REMATCH[1]}: $output"; return 1; }
}

core() { # core FILE
    GHOST_CORE=$1 GHOST_TEST=same run timeout -k 5 100 gdb -q -nx -batch -iex 'set debuginfod enabled off' \
        "$program" "$1" -x tests/gdb/ghost_driver.py
    passes 8
}

mine() { # mine OPTIONS...: the library of another shape
    cc -std=gnu11 -g -O1 -fPIC -fno-builtin -shared -Icommon "$@" -o "$tmp/mine.so" tests/gdb/ghost_library.c
}

# stages PROMISE: those that keep it and tell of their blocks, as in 3 4 5.
stages() {
    # shellcheck source=/dev/null
    . scripts/dev/stages.sh
    for stage in $(stage_names); do
        [[ " $(tests/promises --names "$stage") " != *" inspect "*" $1 "* &&
            " $(tests/promises --names "$stage") " != *" $1 "*" inspect "* ]] || echo "${stage#stage}"
    done
}

# Where the kernel maps what a stage asks for by mmap the ghost can't foretell.
@test "250 random calls, foretold to the address, on each stage with blocks on the break" {
    for stage in $(stages break); do
        session calls "$build/stage$stage/libmalloc.so" calls 250 "$stage"
        passes 900
    done
    [ "$stage" -ge 7 ]
}

@test "320 damaged headers, an answer each, on each stage with a ring" {
    for stage in $(stages list-layout); do
        session damage "$build/debug/stage$stage/libmalloc.so" damage 320 "$stage"
        passes 900
    done
}

@test "live, gcore and the kernel's core tell the same, in any language and radix, stripped too" {
    library=$build/debug/stage7/libmalloc.so
    GHOST_GCORE=$tmp/gcore session same "$library" calls 250 9
    passes 8
    told=$(grep -E '^(\(|break)' <<<"$output")
    [ "$(wc -l <<<"$told")" -eq 4 ]
    for language in pascal rust fortran ada modula-2; do
        GHOST_SETTINGS="set language $language;set input-radix 16;set output-radix 8" session same "$library" calls 250 9
        passes 8
        [ "$(grep -E '^(\(|break)' <<<"$output")" = "$told" ]
    done
    strip -o "$tmp/stripped.so" "$build/debug/stage7/libmalloc.so"
    session same "$tmp/stripped.so" calls 250 9
    passes 8
    core "$tmp/gcore"
    [ "$(grep -E '^(\(|break)' <<<"$output")" = "$told" ]
}

@test "the kernel's core is a heap too" {
    [ "$(cat /proc/sys/kernel/core_pattern)" = core ] || skip "core_pattern sends cores elsewhere"
    (cd "$tmp" && ulimit -c unlimited &&
        LD_PRELOAD=$(readlink -f "$BATS_TEST_DIRNAME/../$build/debug/stage7/libmalloc.so") "$program" many 100) || true
    core "$tmp"/core*
    [[ $output == *" 100 blocks"* ]]
}

@test "each thread has its own errno" {
    session threads "$build/debug/stage7/libmalloc.so" threads
    passes 6
}

@test "before the loader is ready there is a sentence, before the first malloc an empty heap" {
    session early "$build/debug/stage7/libmalloc.so" calls 10 1
    passes 2
}

@test "100,000 blocks are soon told" {
    session many "$build/stage7/libmalloc.so" many 100000
    passes 2
}

@test "a library of another shape: a loop, a crash, an abort and an old version are answers" {
    says() { # says WANT OPTIONS OF THE COMPILER...
        mine "${@:2}"
        GHOST_WANT=$1 session says "$tmp/mine.so" calls 5 1
        passes 2
    }
    says 'no end within 2 s, in trouble' -DLOOP
    says 'no end within 2 s, in trouble' -DLOOP -DIN_BLOCKS
    says 'SIGSEGV writing to 0x10 in trouble' -DCRASH
    says 'SIGSEGV writing to 0x10 in trouble' -DCRASH -DIN_BLOCKS -g
    says 'abort, after saying "free: this is no block"' -DABORT
    says 'waits for ever, for a lock that is held' -DLOCK
    says 'exit(42)' -DPLAY
    says 'tells of more than 1048576 blocks: no end' -DCIRCLE
    says 'heap_inspect is of version 1; these commands know version 2.' -DVERSION=1
}

@test "a user without rights has a ghost too" {
    [ "$(id -u)" -eq 0 ] || skip 'only root can become another user'
    # The repository may stand where nobody may look.
    cp -r --parents Makefile common scripts/gdb tests/gdb stages "$tmp"
    mkdir -p "$tmp/build" && cp -r "$build/ghost" "$tmp/build"
    cp "$build/debug/stage7/libmalloc.so" "$program" "$tmp"
    chmod -R a+rX "$tmp"
    chmod a+rx "$BATS_RUN_TMPDIR" "${tmp%/*}" "$tmp"
    cd "$tmp"
    BUILD=build GHOST_TEST=same run su nobody -s /bin/bash -c "timeout -k 5 100 gdb -q -nx -batch -iex 'set debuginfod enabled off' \
        -ex 'set exec-wrapper env LD_PRELOAD=$tmp/libmalloc.so' -x tests/gdb/ghost_driver.py --args '$tmp/program' calls 250 9"
    passes 8
}

@test "64 GiB that nobody may touch, 600 MiB touched, a deleted file, a program that isn't PIE" {
    session places "$build/debug/stage7/libmalloc.so" places
    passes 5
    cc -std=gnu11 -g -O0 -fno-builtin -no-pie -o "$tmp/fixed" tests/gdb/ghost_program.c -pthread
    tested=$tmp/fixed session places "$build/debug/stage7/libmalloc.so" places
    passes 5
}

@test "a library in the program itself, linked statically" {
    cc -std=gnu11 -g -O0 -fno-builtin -Icommon -static -o "$tmp/static" tests/gdb/ghost_program.c stages/07-resize/inspect.c -pthread
    tested=$tmp/static session calls /dev/null calls 250 2
    passes 900
}

@test "a program of 32 bits under a debugger of 64" {
    [ "$(uname -m)" = x86_64 ] || skip 'only x86-64 runs both'
    make -s "$build/ghost/i386"
    cc=(cc -m32 -idirafter "/usr/include/$(cc -print-multiarch)" -std=gnu11 -g -fno-builtin -Icommon)
    "${cc[@]}" -o "$tmp/program" tests/gdb/ghost_program.c -pthread 2>"$tmp/said" || skip 'cc has no libc of 32 bits'
    "${cc[@]}" -O2 -fPIC -shared -o "$tmp/stage7.so" stages/07-resize/inspect.c
    tested=$tmp/program session calls "$tmp/stage7.so" calls 250 5
    passes 900
}

@test "where there can be no ghost a sentence says why" {
    GHOST_WANT='No program is running here' session refused "$build/debug/stage7/libmalloc.so" calls 1
    passes 1
    GHOST_START=run GHOST_WANT='memory where the ghost must be' session refused "$build/debug/stage7/libmalloc.so" \
        inside 200000010000
    passes 1
    GHOST_START='run' GHOST_WANT='No library is loaded' session refused /dev/null many 1
    passes 1
}
