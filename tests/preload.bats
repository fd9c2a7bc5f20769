# preload: what it runs, what it refuses, and in which words.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    preload=$PWD/scripts/preload
    lib3=$(readlink -f build/stage3/libmalloc.so)
    tmp=$BATS_TEST_TMPDIR
}

program() { # program NAME [CFLAGS...]: a tiny program in $tmp
    printf '#include <stdlib.h>\nint main(void) { return malloc(1) ? 0 : 1; }\n' >"$tmp/$1.c"
    cc -o "$tmp/$1" "$tmp/$1.c" "${@:2}"
}

remover() { # remover [CC]: $tmp/remover, a program that has been run when the file `made` is gone
    printf '#include <stdio.h>\nint main(void) { return remove("made"); }\n' >"$tmp/remover.c"
    "${1:-cc}" -o "$tmp/remover" "$tmp/remover.c"
}

says() { # says STATUS WORDS: the last run's status and one line with these words
    [ "$status" -eq "$1" ] || { echo "status $status: $output"; return 1; }
    [[ $output == *"$2"* ]] || { echo "not said: $2"; echo "said: $output"; return 1; }
    [ "${#lines[@]}" -eq 1 ] || { echo "more than one line: $output"; return 1; }
}

@test "the program prints what it prints without preload" {
    [ "$("$preload" -s 3 ls -la /usr)" = "$(ls -la /usr)" ]
}

@test "the malloc is the stage's" {
    run "$preload" -s 3 --check ls
    says 0 "ls: malloc is $lib3"
}

@test "--check doesn't run the program" {
    remover
    touch "$tmp/made"
    cd "$tmp"
    run "$preload" -s 3 --check ./remover
    says 0 "./remover: malloc is $lib3"
    [ -e made ]
    run "$preload" -s 3 ./remover
    [ "$status" -eq 0 ]
    [ ! -e made ]
}

@test "--check of a script checks its interpreter" {
    printf '#!/bin/sh\n' >"$tmp/script" && chmod +x "$tmp/script"
    run "$preload" -s 3 --check "$tmp/script"
    says 0 "malloc is $lib3"
}

@test "a stage can be named in four ways" {
    for name in 3 03 stage3 03-linked-list; do
        run "$preload" -s "$name" --check ls
        says 0 "malloc is $lib3"
    done
}

@test "without -s it takes the stage that was built last" {
    mkdir -p "$tmp/build"
    make -s BUILD="$tmp/build" stage4 stage2
    BUILD=$tmp/build run "$preload" --check ls
    says 0 "$tmp/build/stage2/libmalloc.so"
}

@test "the program's status is its own" {
    run "$preload" -s 3 sh -c 'exit 7'
    [ "$status" -eq 7 ]
    run "$preload" -s 3 sh -c 'kill -TERM $$'
    [ "$status" -eq 143 ]
}

@test "there is one exec, of the program itself" {
    command -v strace || skip "no strace here"
    run strace -f -e trace=execve -o "$tmp/log" "$preload" -s 3 sleep 0
    first=$(head -n 1 "$tmp/log" | cut -d' ' -f1)
    [ "$(grep -c "^$first .*execve.* = 0" "$tmp/log")" -eq 2 ] # preload, then sleep
    grep "^$first .*execve.* = 0" "$tmp/log" | tail -n 1 | grep -q '"sleep", "0"'
}

@test "an LD_PRELOAD that is set is kept, behind ours" {
    program other -shared -fPIC
    LD_PRELOAD=$tmp/other run "$preload" -s 3 sh -c 'echo $LD_PRELOAD'
    says 0 "$lib3:$tmp/other"
}

@test "options end at the program's name and at --" {
    run "$preload" -s 3 echo -s 4 --check
    says 0 "-s 4 --check"
    run "$preload" -s 3 -- echo hi
    says 0 "hi"
}

@test "it works through a symbolic link and from another folder" {
    ln -s "$preload" "$tmp/preload"
    cd /
    run "$tmp/preload" -s 3 --check ls
    says 0 "malloc is $lib3"
}

@test "-l takes any library, by a relative path too" {
    cd build/stage3
    run "$preload" -l libmalloc.so --check ls
    says 0 "malloc is $lib3"
}

@test "--check of a script that env starts checks the program that env finds" {
    cp "$(type -P sh)" "$tmp/shell"
    printf '#!/usr/bin/env shell\n' >"$tmp/script" && chmod +x "$tmp/script"
    PATH=$tmp:$PATH run "$preload" -s 3 --check "$tmp/script"
    says 0 "$tmp/shell, which runs $tmp/script: malloc is $lib3"
}

@test "--check tells when a program has a malloc of its own" {
    printf '#include <stddef.h>\nvoid *malloc(size_t n) { (void)n; return NULL; }\nint main(void) { return 0; }\n' >"$tmp/own.c"
    cc -fno-builtin -rdynamic -o "$tmp/own" "$tmp/own.c"
    run "$preload" -s 3 --check "$tmp/own"
    says 125 "the malloc of $tmp/own is not $lib3's but that of: $tmp/own"
}

@test "--check tells when the library has no malloc" {
    printf 'int nothing;\n' >"$tmp/nothing.c"
    cc -shared -fPIC -o "$tmp/nothing.so" "$tmp/nothing.c"
    run "$preload" -l "$tmp/nothing.so" --check ls
    says 125 "is not $tmp/nothing.so's but that of: "
}

@test "--check of a program that musl starts doesn't run it" {
    command -v musl-gcc || skip "no musl-gcc here"
    remover musl-gcc
    touch "$tmp/made"
    cd "$tmp"
    run "$preload" -s 3 --check ./remover
    says 125 "musl's loader, which starts ./remover, doesn't tell"
    [ -e made ]
    run "$preload" -s 3 ./remover
    [ "$status" -eq 0 ]
    [ ! -e made ]
}

@test "--list names every stage and its state" {
    run "$preload" --list
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq "$(find stages -mindepth 1 -maxdepth 1 -type d | wc -l)" ]
    [[ $output == *"stage3 "*"03-linked-list"* ]]
}

@test "refused: a static program" {
    program static -static || skip "no static libc here"
    run "$preload" -s 3 "$tmp/static"
    says 125 "statically linked"
    program static-pie -static-pie
    run "$preload" -s 3 "$tmp/static-pie"
    says 125 "statically linked"
}

@test "refused: a setuid or setgid program" {
    program setuid
    for bit in u+s g+s; do
        chmod ug-s "$tmp/setuid" && chmod "$bit" "$tmp/setuid"
        run "$preload" -s 3 "$tmp/setuid"
        says 125 "$tmp/setuid is setuid or setgid"
    done
}

@test "refused: a program with file capabilities" {
    program capable
    PATH=$PATH:/usr/sbin:/sbin setcap cap_net_raw+ep "$tmp/capable" || skip "only root may set capabilities"
    run "$preload" -s 3 "$tmp/capable"
    says 125 "capabilities"
}

@test "refused: a script whose interpreter is static" {
    program static -static || skip "no static libc here"
    printf '#!%s\n' "$tmp/static" >"$tmp/script" && chmod +x "$tmp/script"
    run "$preload" -s 3 "$tmp/script"
    says 125 "$tmp/static, which runs $tmp/script, is statically linked"
}

@test "refused: a script that nothing can run" {
    printf '#!%s\n' "$tmp/one" >"$tmp/two"
    printf '#!%s\n' "$tmp/two" >"$tmp/one"
    printf '#!/no/such/interpreter\n' >"$tmp/three"
    printf '#!\n' >"$tmp/four"
    chmod +x "$tmp/one" "$tmp/two" "$tmp/three" "$tmp/four"
    run "$preload" -s 3 "$tmp/one"
    says 126 "a script whose interpreter is a script"
    run "$preload" -s 3 "$tmp/three"
    says 126 "the interpreter of $tmp/three, /no/such/interpreter, can't be executed"
    run "$preload" -s 3 "$tmp/four"
    says 126 "the interpreter of $tmp/four, none, can't be executed"
}

@test "refused: a program whose loader is missing" {
    program foreign -Wl,--dynamic-linker=/no/such/loader
    run "$preload" -s 3 "$tmp/foreign"
    says 126 "the loader of $tmp/foreign, /no/such/loader, is missing"
}

@test "refused: a program that may be run but not read" {
    [ "$(id -u)" -eq 0 ] || skip "needs root to become somebody else"
    command -v setpriv || skip "no setpriv here"
    setpriv --reuid 65534 --clear-groups test -r "$preload" || skip "nobody else may read this repository"
    chmod -R a+rX "$BATS_RUN_TMPDIR" && cp "$(type -P ls)" "$tmp/ls" && chmod 711 "$tmp/ls"
    run setpriv --reuid 65534 --clear-groups "$preload" -s 3 "$tmp/ls"
    says 126 "$tmp/ls can't be read"
}

@test "refused: a builtin, a missing and an unreadable program" {
    run -127 "$preload" -s 3 cd
    says 127 "cd is a builtin of the shell"
    run -127 "$preload" -s 3 no-such-program
    says 127 "no-such-program: not found"
    run -127 "$preload" -s 3 ./no-such-program
    says 127 "not found"
    run "$preload" -s 3 /etc/passwd
    says 126 "not executable"
    run "$preload" -s 3 /etc
    says 126 "not a program"
    echo hello >"$tmp/text" && chmod +x "$tmp/text"
    run "$preload" -s 3 "$tmp/text"
    says 126 "neither an ELF program nor a script"
}

@test "refused: an unknown stage, and the known ones are named" {
    run "$preload" -s 99 ls
    says 125 "there is no stage '99'; there are: stage1 stage2"
    run "$preload" -s nonsense ls
    says 125 "there is no stage 'nonsense'"
}

@test "refused: a stage that is not built, and how to build it" {
    BUILD=$tmp/empty run "$preload" -s 3 ls
    says 125 "stage3 is not built; build it with: make stage3"
    BUILD=$tmp/empty run "$preload" ls
    says 125 "no stage is chosen yet; build one with: make stage3"
}

@test "refused: a library path that LD_PRELOAD can't carry" {
    for name in 'a b' 'a:b' 'a$b'; do
        mkdir -p "$tmp/$name" && cp "$lib3" "$tmp/$name/x.so"
        run "$preload" -l "$tmp/$name/x.so" ls
        says 125 "can't carry"
    done
    cp -r Makefile common scripts stages "$tmp/a b"
    make -s -C "$tmp/a b" stage3
    run "$tmp/a b/scripts/preload" ls
    says 125 "another folder can be built in: make BUILD="
    make -s -C "$tmp/a b" "BUILD=$tmp/build" stage3
    BUILD=$tmp/build run "$tmp/a b/scripts/preload" --check ls
    says 0 "malloc is $tmp/build/stage3/libmalloc.so"
}

@test "refused: what is not a whole library" {
    run "$preload" -l "$tmp/none.so" ls
    says 125 "there is no library"
    run "$preload" -l /etc/passwd ls
    says 125 "not a shared library"
    head -c 3000 "$lib3" >"$tmp/half.so"
    run "$preload" -l "$tmp/half.so" ls
    says 125 "$tmp/half.so"
}

@test "refused: a library for another machine" {
    cp "$lib3" "$tmp/arm.so"
    printf '\267\000' | dd of="$tmp/arm.so" bs=1 seek=18 conv=notrunc status=none # e_machine: aarch64
    run "$preload" -l "$tmp/arm.so" ls
    says 125 "different machines"
}

@test "refused: nonsense on the command line" {
    run "$preload"
    says 125 "which program?"
    run "$preload" -s
    says 125 "-s needs a value"
    run "$preload" -s '' ls
    says 125 "-s needs a value"
    run "$preload" --nonsense ls
    says 125 "there is no option --nonsense"
    run "$preload" -s 3 -l "$lib3" ls
    says 125 "exclude each other"
}

@test "--help is the manual" {
    run "$preload" --help
    [ "$status" -eq 0 ]
    [[ $output == *"preload [-s STAGE | -l FILE.so] [--check] [--list] [--] CMD"* ]]
    [ "${lines[-1]}" = "(Debian has an unrelated package of this name, in /usr/sbin.)" ]
}
