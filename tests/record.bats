# record, heap-view and replay: what is written down is what the program did, however it ended, and a
# file that is damaged is refused in a sentence.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    record=$PWD/scripts/record view=$PWD/scripts/heap-view replay=$PWD/scripts/replay tmp=$BATS_TEST_TMPDIR
    rec=$tmp/x.rec
    export LC_ALL=C.UTF-8
}

program() { # program NAME: a C program from standard input, in $tmp
    cat >"$tmp/$1.c"
    cc -g -fno-builtin -o "$tmp/$1" "$tmp/$1.c" -lpthread
}

says() { # says STATUS WORDS...: the last run's status, and each of these words
    local words
    [ "$status" -eq "$1" ] || { echo "status $status: $output"; return 1; }
    for words in "${@:2}"; do
        [[ $output == *"$words"* ]] || { echo "not said: $words"; echo "said: $output"; return 1; }
    done
}

sentence() { # sentence STATUS WORDS: and it is all that was said
    says "$@"
    [ "${#lines[@]}" -eq 1 ] || { echo "more than one line: $output"; return 1; }
}

json() { # json FILE EXPRESSION: of r, what --stats --json says
    "$view" --stats --json "$1" | python3 -c 'import json, sys; r = json.load(sys.stdin); print(eval(sys.argv[1]))' "$2"
}

known_program() {
    program known <<'END_OF_C'
#include <stdlib.h>
#include <string.h>
int main(void)
{
    void *a = malloc(100), *b = calloc(3, 50), *c = NULL, *kept[10];
    a = realloc(a, 1000);
    if (posix_memalign(&c, 64, 200) != 0)
        return 1;
    for (int i = 0; i < 10; i++)
        kept[i] = malloc(7);
    for (int i = 0; i < 9; i++)
        free(kept[i]);
    free(a), free(b), free(c), free(NULL);
    return malloc((size_t)-1 / 4) != NULL;
}
END_OF_C
}

@test "the counts are those of what the program does" {
    known_program
    for which in '-s 8' '-s 10' --libc; do
        # shellcheck disable=SC2086 # an option and its value
        "$record" $which -o "$rec" "$tmp/known"
        [ "$(json "$rec" 'sorted(r["functions"].items())')" = \
            "[('calloc', 1), ('free', 13), ('malloc', 12), ('posix_memalign', 1), ('realloc', 1)]" ]
        [ "$(json "$rec" '(r["failed"], r["strays"], r["left"]["bytes"], r["left"]["blocks"])')" = "(1, 0, 7, 1)" ]
        [ "$(json "$rec" '(r["peak"]["bytes"], r["peak"]["blocks"], r["peak"]["call"])')" = "(1420, 13, 14)" ]
        [ "$(json "$rec" 'r["left"]["callers"][0]["caller"]')" = "main at $tmp/known.c:10" ]
        [ "$(json "$rec" 'r["ending"]')" = "ended by exit" ]
    done
}

@test "every stage can be recorded, and the blocks are those that the stage tells" {
    known_program
    for stage in $(scripts/preload --list | awk '{ print $1 }'); do
        "$record" -s "$stage" -o "$rec" "$tmp/known" || true # what it doesn't promise it may refuse
        [ "$(json "$rec" 'r["calls"]')" = 28 ]
        run "$view" --bar "$rec"
        says 0 "live blocks, by the calls alone"
        case $stage in stage1 | stage2) continue ;; esac # they write nothing down
        "$record" -s "$stage" -o "$rec" --every 3 "$tmp/known" || true
        [ "$(json "$rec" '(r["inspections"], r["broken"])')" = "(9, None)" ]
        python3 - "$rec" <<'END_OF_PYTHON'
import sys
sys.path.insert(0, "scripts/record.d")
from recording import Call, Heap, Recording
heap = Heap()
for item in Recording(sys.argv[1]).items():
    if not isinstance(item, Call):
        heap.apply(item)
        assert len(heap.blocks) == item.count > 0, (len(heap.blocks), item.count)
END_OF_PYTHON
    done
}

@test "other libraries: a student's own; one that describes no heap, by its calls alone" {
    known_program
    export MINE=build/test-record
    rm -rf "$MINE" && mkdir -p "$MINE/stage6" && cp stages/06-merge/*.c "$MINE/stage6"
    make -s mine6
    "$record" -s mine6 -o "$rec" --every 1 "$tmp/known" || true # it has no posix_memalign
    [ "$(json "$rec" '(r["calls"], r["inspections"], r["broken"], r["stage"])')" = "(28, 28, None, '06-merge')" ]
    rm -r "$MINE" build/mine6
    jemalloc=$(ldconfig -p | sed -n 's/.*libjemalloc.so.2 .*=> //p' | head -n 1)
    [ -n "$jemalloc" ]
    "$record" -l "$jemalloc" -o "$rec" "$tmp/known"
    [ "$(json "$rec" '(r["functions"]["free"], r["failed"], r["strays"])')" = "(13, 1, 0)" ]
    run "$view" --bar --ascii "$rec"
    says 0 "live blocks, by the calls alone" "+0 #"
    run "$record" -l "$jemalloc" -o "$rec" --every 1 "$tmp/known"
    sentence 125 "doesn't tell its blocks"
}

@test "a red test leaves a film of its last calls, and the debugger stops in it" {
    export MINE=build/test-record
    rm -rf "$MINE" build/films && mkdir -p "$MINE/stage6" && cp stages/06-merge/*.c "$MINE/stage6"
    patch -s -p3 -d "$MINE/stage6" <stages/06-merge/bugs/merge-no-prev.patch
    make -s mine6
    run tests/run --no-programs --so build/mine6/libmalloc.so --stage stage6 --test any_size_up_to_64_mib
    says 1 "a film of it: scripts/heap-view build/films/mine6-any_size_up_to_64_mib.rec"
    rm -r build/films
    run timeout 200 make -s check-mine6
    film=$(sed -n 's/^  film  *\(scripts.heap-view build.films.*\.rec\) .*/\1/p' <<<"$output")
    [ -n "$film" ] || { echo "$output"; false; }
    echo backtrace >"$tmp/commands"
    run timeout 60 scripts/debug --at "${film#* }:2" -x "$tmp/commands"
    says 0 "up to call 2 of the recording" "#0 " "_fn (_i=" "tests/suite/"
    rm -r "$MINE" build/mine6
    run $film --broken
    says 0 "The heap broke in this call, from " "tests/suite/" "2. prev is the way back"
    run tests/run --no-programs stage6
    says 0
    [ "$(ls build/films)" = "$(basename "$film")" ]
}

@test "a program that is killed leaves a file that can be read up to the last call" {
    program killed <<'END_OF_C'
#include <signal.h>
#include <stdlib.h>
int main(void)
{
    for (int i = 0; i < 5000; i++)
        if (!malloc(100))
            return 1;
    return raise(SIGKILL);
}
END_OF_C
    run "$record" -s 10 -o "$rec" "$tmp/killed"
    [ "$status" -eq 137 ]
    [ "$(json "$rec" '(r["calls"], r["left"]["bytes"], "without exit" in r["ending"])')" = "(5000, 500000, True)" ]
}

@test "a call that never returns is told" {
    program inside <<'END_OF_C'
#include <stdlib.h>
int main(void)
{
    char *p = malloc(10);
    free(p + 8);
    return 0;
}
END_OF_C
    run "$record" -s 10 -o "$rec" "$tmp/inside"
    [ "$status" -eq 134 ]
    run "$view" "$rec"
    says 0 "1 calls" "ended inside of call 2, free(0x"
}

@test "fork gives two files, and the child's goes on from the parent's" {
    program forks <<'END_OF_C'
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
    void *a = malloc(100), *b;
    pid_t child = fork();
    if (child == 0) {
        free(a);
        b = malloc(200);
        _exit(b == NULL);
    }
    waitpid(child, NULL, 0);
    b = malloc(7);
    free(a);
    return b == NULL;
}
END_OF_C
    "$record" -s 10 -o "$rec" "$tmp/forks"
    [ "$(ls "$tmp"/x.rec*)" = "$rec"$'\n'"$rec.1" ]
    [ "$(json "$rec" '(r["calls"], r["left"]["bytes"], r["peak"]["bytes"], r["strays"])')" = "(3, 7, 107, 0)" ]
    [ "$(json "$rec.1" '(r["calls"], r["left"]["bytes"], r["peak"]["bytes"], r["strays"])')" = "(2, 200, 200, 0)" ]
    [ "$(json "$rec.1" '(r["inherited_blocks"], r["threads"][0]["of_others"])')" = "(1, 0)" ]
    run "$replay" -s 10 "$rec.1"
    says 0 "calls: 2, as recorded" "peak: 200, as recorded"
    mv "$rec" "$tmp/elsewhere"
    run "$view" "$rec.1"
    sentence 2 "goes on from the recording of its parent"
}

@test "exec gives a file of its own, and old files go" {
    "$record" -s 10 -o "$rec" sh -c 'exec ls /' >/dev/null
    [ "$(json "$rec.1" '(r["command"], r["inherited_blocks"], r["ending"])')" = "(['ls', '/'], 0, 'ended by exit')" ]
    "$record" -s 10 -o "$rec" ls / >/dev/null
    [ "$(ls "$tmp"/x.rec*)" = "$rec" ]
}

@test "a file that can't grow, is gone or replaced: the program goes on, the rest isn't recorded" {
    program busy <<'END_OF_C'
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    for (int i = 0; i < 40000; i++) {
        if (i == 20000 && argc > 1 && (argc == 2 ? unlink(argv[1]) : rename(argv[2], argv[1])) != 0)
            return 2;
        free(malloc(24));
    }
    return puts("done") < 0;
}
END_OF_C
    run bash -c 'ulimit -f 100; exec "$@"' bash "$record" -s 10 -o "$rec" "$tmp/busy" # 100 KiB
    says 0 "done"
    [ "$(json "$rec" '(1000 < r["calls"] < 5000, r["ending"][:7])')" = "(True, 'ended w')" ]
    run "$view" "$rec"
    says 0 "The recording stopped before the program did: its file could not grow."
    run "$record" -s 10 -o "$rec" "$tmp/busy" "$rec"
    says 0 "done"
    [ ! -e "$rec" ]
    seq 300000 >"$tmp/mine" && cp "$tmp/mine" "$tmp/copy"
    run "$record" -s 10 -o "$rec" "$tmp/busy" "$rec" "$tmp/copy"
    says 0 "done"
    cmp "$rec" "$tmp/mine"
}

@test "a signal's handler that forks in the middle of a call does no harm to the recording" {
    program handler <<'END_OF_C'
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile sig_atomic_t left = 8, child;
static void forks(int unneeded)
{
    (void)unneeded;
    if (left > 0 && !child) {
        left--;
        child = fork() == 0;
    }
}
int main(void)
{
    const struct itimerval often = {{0, 2000}, {0, 2000}};
    long pairs = 0;
    signal(SIGALRM, forks);
    setitimer(ITIMER_REAL, &often, NULL);
    for (; left > 0 && !child; pairs++)
        free(malloc(50));
    for (int i = 0; child && i < 500; i++)
        free(malloc(20));
    if (child)
        _exit(0);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    while (wait(NULL) > 0)
        ;
    setvbuf(stdout, NULL, _IONBF, 0);
    return printf("%ld\n", 2 * pairs) < 0;
}
END_OF_C
    run timeout 60 "$record" --libc -o "$rec" "$tmp/handler"
    [ "$status" -eq 0 ]
    [ "$(json "$rec" 'r["functions"]["malloc"] + r["functions"]["free"]')" = "$output" ]
    [ "$(compgen -G "$rec*" | wc -l)" -eq 9 ]
    for file in "$rec.1" "$rec.8"; do
        [ "$(json "$file" 'r["calls"] >= 1000')" = True ]
    done
}

@test "threads: each has its calls, and frees of others' blocks are counted" {
    program threads <<'END_OF_C'
#include <pthread.h>
#include <stdlib.h>
static void *given[1000];
static void *gives_back(void *unneeded)
{
    for (int i = 0; i < 1000; i++)
        free(given[i]);
    return unneeded;
}
int main(void)
{
    pthread_t other;
    for (int i = 0; i < 1000; i++)
        given[i] = malloc(24);
    return pthread_create(&other, NULL, gives_back, NULL) || pthread_join(other, NULL);
}
END_OF_C
    "$record" -s 10 -o "$rec" "$tmp/threads"
    [ "$(json "$rec" '[(t["calls"] >= 1000, t["of_others"]) for t in r["threads"]]')" = "[(True, 0), (True, 1000)]" ]
}

@test "until-broken ends at the call that the check names, and the view opens there" {
    run timeout 100 tests/until --record merge-no-prev takes-smaller-chunk buddy-stays-listed last-stays
    says 0 "4 right, 0 wrong"
}

@test "until-broken tells what the program wrote between two calls" {
    program over <<'END_OF_C'
#include <stdlib.h>
#include <string.h>
int main(void)
{
    char *p = malloc(24), *q = malloc(100);
    memset(p, 1, 60);
    free(q);
    return 0;
}
END_OF_C
    for stage in 3 7 8 10; do
        run "$record" -s "$stage" -o "$rec" --until-broken "$tmp/over"
        says 134 "until-broken: call 3, free(+" "between call 2, malloc(100) = +" "in the program: it wrote there"
        run "$view" --broken "$rec"
        says 0 "call 2 of 2: malloc(100)" "the program wrote there" $'\nbefore ' $'\nafter '
    done
    run "$record" -s 7 -o "$rec" --until-broken ls /
    says 0
    run "$view" --broken "$rec"
    sentence 1 "sound at each look"
}

@test "python3 is recorded, and replayed with the same counts on another stage" {
    command -v python3
    "$record" -s 10 -o "$rec" "$(python3 -c 'import sys; print(sys.executable)')" -c 'print([{i: str(i)} for i in range(999)][-1])'
    for which in '-s 10' '-s 8d' --libc; do
        # shellcheck disable=SC2086 # an option and its value
        run "$replay" $which "$rec"
        says 0 "calls: " "peak: " "live: " "failed: 0, as recorded" "damaged: 0, as recorded"
        [ "$(grep -c 'as recorded' <<<"$output")" -eq 6 ]
    done
}

@test "a replay that goes otherwise is told" {
    known_program
    "$record" -s 3 -o "$rec" "$tmp/known"
    run "$replay" -s 2 "$rec" # no block above 1 KiB: none of it fails but what failed
    says 0
    program large <<'END_OF_C'
#include <stdlib.h>
int main(void)
{
    return malloc(5000) == NULL;
}
END_OF_C
    "$record" -s 3 -o "$rec" "$tmp/large"
    run "$replay" -s 2 "$rec"
    says 1 "failed: 0 recorded, 1 replayed" "peak: 5000 recorded, 0 replayed" "calls: 1, as recorded"
}

@test "the terminal's view goes by keys" {
    known_program
    "$record" -s 8 -o "$rec" --every 1 "$tmp/known"
    cat >"$tmp/type.py" <<'END_OF_PYTHON'
import fcntl, os, pty, struct, sys, termios
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 90, 0, 0))
shown = b""
for key in ["", "j", "\033[B", "k", "5g", "G", "n", "g", "n", "x", "/posix\r", "s", "q"]:
    os.write(terminal, key.encode())
    while not shown.endswith(b"\033[0m") and not shown.endswith(b"1049l"):
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
    print(shown.decode().split("\033[J")[-1].splitlines()[0] if shown else "")
    if key == "s":
        print(shown.decode().split("H\033[7m")[-1])
    shown = b""
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
END_OF_PYTHON
    TERM=xterm run python3 "$tmp/type.py" "$view" "$rec"
    [ "$(grep -o '^call [0-9]*\|^[0-9]$' <<<"$output" | tr '\n' ' ')" = \
        "call 1 call 2 call 3 call 2 call 5 call 28 call 28 call 1 call 28 call 28 call 28 call 28 0 " ] || { echo "$output"; false; }
    [[ $output == *"scripts/debug --at $rec:28"* ]]
}

@test "the debugger stops right before a call of a recording" {
    known_program
    "$record" -s 8 -o "$rec" "$tmp/known"
    echo backtrace >"$tmp/commands"
    for call in 1=malloc 2=calloc 4=posix_memalign 15=free 28=malloc; do
        run timeout 60 scripts/debug --at "$rec:${call%=*}" -x "$tmp/commands"
        says 0 "up to call ${call%=*} of the recording" "${call#*=} (" "in main () at $tmp/known.c:"
    done
    : >"$tmp/commands"
    run timeout 60 scripts/debug --at "$rec:29" -x "$tmp/commands"
    says 0 "It came to no such call"
    for bad in "$rec" "$rec:0" :1 "$rec:x"; do
        run scripts/debug --at "$bad"
        sentence 125 "debug: "
    done
    run scripts/debug --at "$rec:1" true
    sentence 125 "--at takes the program and the library from the recording"
}

@test "without a terminal, without colour, in ASCII" {
    "$record" -s 8 -o "$rec" --every 1 ls / >"$tmp/out"
    [ "$(cat "$tmp/out")" = "$(ls /)" ]
    run "$view" --bar --at 20 --ascii --width 60 "$rec"
    says 0 "call 20 of " "+0 " "# used" "- free"
    [ -z "$(LC_ALL=C tr -d '\n -~' <<<"$output")" ]
    [ "$(LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 "$view" --bar --at 20 --width 60 "$rec")" = "$output" ]
    run "$view" --bar --color --width 60 "$rec"
    says 0 $'\033['
    run "$view" "$rec"
    says 0 "sound   at each of " "largest hole"
}

@test "refused: a file that is none, is cut off, or of another version" {
    "$record" -s 8 -o "$rec" --every 1 true || true
    "$record" -s 8 -o "$rec" --every 1 ls / >/dev/null
    for tool in "$view --stats" "$view --bar" "$view --broken" "$replay -s 8"; do
        run $tool /etc/passwd
        sentence 2 "is no recording"
        run $tool "$tmp/none"
        sentence 2 "can't be read"
        for size in 0 7 60; do
            head -c $size "$rec" >"$tmp/bad"
            run $tool "$tmp/bad"
            [ "${#lines[@]}" -eq 1 ] && [ "$status" -eq 2 ]
        done
        head -c 9000 "$rec" >"$tmp/bad"
        run $tool "$tmp/bad"
        sentence 2 "is cut off"
        cp "$rec" "$tmp/bad" && printf '\011' | dd of="$tmp/bad" bs=1 seek=8 conv=notrunc status=none
        run $tool "$tmp/bad"
        sentence 2 "is of version 9"
        cp "$rec" "$tmp/bad" && printf '\377' | dd of="$tmp/bad" bs=1 seek=4096 conv=notrunc status=none
        run $tool "$tmp/bad"
        sentence 2 "is damaged at byte 4096"
    done
}

@test "bytes that are changed at random are read or refused, never a traceback" {
    known_program
    "$record" -s 8 -o "$rec" --every 2 "$tmp/known"
    timeout 50 tests/record/fuzz 10
}

@test "refused: what can't be recorded" {
    run "$record"
    sentence 125 "which program?"
    run "$record" --every 0 true
    sentence 125 "--every wants a number"
    run "$record" -o /no/such/folder/x true
    sentence 125 "there is no folder"
    echo mine >"$tmp/mine"
    run "$record" -o "$tmp/mine" true
    sentence 125 "is no recording: I won't write over it"
    run "$record" -s 1 -o "$rec" --every 1 ls /
    sentence 125 "doesn't tell its blocks"
    run "$record" --libc -o "$rec" --until-broken ls /
    sentence 125 "doesn't tell its blocks"
    run "$record" -s 99 -o "$rec" true
    says 125 "there is no stage '99'"
    run "$view" --nonsense
    sentence 2 "see heap-view --help"
    run "$replay"
    sentence 125 "which recording?"
}
