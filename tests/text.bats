# The checks of the text: each must fail when the text is wrong, and say where. They work on pages
# in a copy of the repository.

bats_require_minimum_version 1.5.0

setup() {
    copy=$BATS_TEST_TMPDIR/copy
    mkdir "$copy"
    cd "$BATS_TEST_DIRNAME/.." || return
    git ls-files -coz --exclude-standard | xargs -0 ls -d 2>/dev/null | tar -c -T - | tar -x -C "$copy"
    cd "$copy" && git init -q || return
}

# A GDB that fails as one before 14 does on an Intel processor with AMX, first on PATH.
break_gdb() {
    mkdir "$BATS_TEST_TMPDIR/bin"
    cc -shared -fPIC -o "$BATS_TEST_TMPDIR/fault.so" tests/amx-fault.c
    # (One that runs on a stage itself, as in story 1, is left alone.)
    printf '#!/bin/sh\nLD_PRELOAD=${LD_PRELOAD:-%s} exec %s "$@"\n' "$BATS_TEST_TMPDIR/fault.so" "$(type -P gdb)" >"$BATS_TEST_TMPDIR/bin/gdb"
    chmod +x "$BATS_TEST_TMPDIR/bin/gdb"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

page() { # a page, page.md, from stdin
    cat >page.md
}

check() { # check SCRIPT [OPTION...]: runs it on page.md
    run "scripts/dev/$1" "${@:2}" page.md
}

passes() {
    [ "$status" -eq 0 ] || { echo "status $status: $output"; return 1; }
}

fails() { # fails WORDS...: not 0, and each of these is said
    local words
    [ "$status" -eq 1 ] || { echo "status $status: $output"; return 1; }
    for words; do
        [[ $output == *"$words"* ]] || { echo "not said: $words"; echo "said: $output"; return 1; }
    done
}

@test "run-text: a true page passes" {
    page <<'END'
<!-- varies: \d+(?= apples) -->
<!-- varies: p\w+s -->
```console
$ printf 'one\ntwo\nthree\n'
one
...
three
$ echo 17 apples; echo '17 pears [x]'
23 apples
17 pairs [x]
$ x=kept; cd stages; (exit 3)
[3]
$ echo $x $? $PWD
kept 3 /home/you/malloc/stages
$ for i in 1 2; do
>     echo $i
> done
1
2
$ nonesuch
bash: nonesuch: command not found
[127]
$ (kill -SEGV $BASHPID)
Segmentation fault
[139]
$ cat && type -t preload
file
$ echo error >&2; printf 'no newline'
error
no newline
```

1. In a list, and another block of the same shell.

   <!-- varies: k\w+t -->
   ```console
   $ echo $x
   kapt
   ```
END
    check run-text
    passes
    [ "${lines[-1]}" = "run-text: 1 pages, 2 blocks, 10 commands: all as the pages say" ]
}

@test "run-text: a changed line of output" {
    page <<'END'
# A page

```console
$ echo first
first
$ printf '%s\n' one two three
one
2
three
```
END
    check run-text
    fails "page.md:6: \$ printf" "- 2" "+ two" "  three" "1 are not as the page says"
    [[ $output != *"page.md:4"* ]]
}

@test "run-text: a line too many, a line too few, an empty output" {
    printf '```console\n$ echo one\none\ntwo\n```\n' | page
    check run-text
    fails page.md:2 "- two"
    printf '```console\n$ echo one; echo two\none\n```\n' | page
    check run-text
    fails page.md:2 "+ two"
    printf '```console\n$ echo one\n```\n' | page
    check run-text
    fails page.md:2 "+ one"
}

@test "run-text: what varies counts as equal, and nothing else in the line" {
    printf '<!-- varies: [0-9]+ -->\n```console\n$ echo apples\n3 apples\n```\n' | page
    check run-text
    fails page.md:3 "- 3 apples" "+ apples"
    printf '<!-- varies: [0-9]+ -->\n```console\n$ echo 3 apples\n4 pears\n```\n' | page
    check run-text
    fails page.md:3 "- 4 pears" "+ 3 apples"
    # What one expression takes, another doesn't stand for.
    printf '<!-- varies: a+ -->\n<!-- varies: b+ -->\n```console\n$ echo a\nb\n$ echo b\na\n```\n' | page
    check run-text
    fails page.md:4 page.md:6
    printf '```console\n$ echo apples\n...\npears\n```\n' | page
    check run-text
    fails page.md:2 "- pears"
}

@test "run-text: an expression that finds nothing in its block has to go" {
    printf '<!-- varies: [0-9]+ -->\n```console\n$ echo apples\napples\n```\n\n```console\n$ echo 3\n3\n```\n' | page
    check run-text
    fails page.md:2 "[0-9]+ finds nothing in this block" "1 are not as the page says"
    # Neither does one that another above it leaves nothing.
    printf '<!-- varies: [0-9]+ -->\n<!-- varies: 3 -->\n```console\n$ echo 3\n3\n```\n' | page
    check run-text
    fails page.md:3 "3 finds nothing in this block"
}

@test "run-text: a comment that means nothing" {
    printf '<!-- varies: [0-9 -->\n```console\n$ echo 3\n3\n```\n' | page
    check run-text
    fails page.md:1 "no regular expression"
    printf '<!-- varies: [0-9]* -->\n```console\n$ echo 3\n3\n```\n' | page
    check run-text
    fails page.md:1 "finds nothing as well as something"
    printf '<!-- varies: [0-9]+ -->\n\n```console\n$ echo 3\n3\n```\n' | page
    check run-text
    fails page.md:1 "directly above"
    printf '<!-- varies: [0-9]+ -->\n```text\n3\n```\n' | page
    check run-text
    fails page.md:1 "directly above"
    printf '<!-- varies [0-9]+ -->\n```console\n$ echo 3\n3\n```\n' | page
    check run-text
    fails page.md:1 "directly above"
    printf '<!-- needs: luck -->\n```console\n$ echo 3\n3\n```\n' | page
    check run-text
    fails page.md:1 "what is luck? A block may need calls, reverse"
}

@test "run-text: no mark in what a reader sees" {
    for mark in glob re; do
        printf '```console\n$ echo apples\nap* (%s)\n```\n' $mark | page
        check run-text
        fails page.md:3 "no mark in what a reader sees"
    done
}

@test "run-text: an exit status that is not noted, or another one" {
    printf '```console\n$ echo out; false\nout\n```\n' | page
    check run-text
    fails page.md:2 "+ [1]"
    printf '```console\n$ (exit 4)\n[5]\n```\n' | page
    check run-text
    fails page.md:2 "- [5]" "+ [4]"
    printf '```console\n$ true\n[5]\n```\n' | page
    check run-text
    fails page.md:2 "- [5]" "exit status 0"
}

@test "run-text: an endless command is ended, and its children with it" {
    page <<'END'
```console
$ echo before
before
```

```console limit=2
$ echo started; timeout 12345 sleep 12345
started
```
END
    check run-text
    fails page.md:7 "more than 2 s" started
    run ! pgrep -f 'sleep 12345'
}

@test "run-text: a shell that ends is no pass" {
    printf '```console\n$ echo last words; exit 0\nlast words\n$ echo never\nnever\n```\n' | page
    check run-text
    fails page.md:2 "ended the shell" "last words"
}

@test "run-text: nothing goes unrun" {
    printf '```sh\nrm -r build\n```\n' | page
    check run-text
    fails page.md:2 "nobody runs"
    printf '```text\n$ ls\n```\n' | page
    check run-text
    fails page.md:2 "nobody runs"
    printf '```\n(gdb) run\n```\n' | page
    check run-text
    fails page.md:2 "nobody runs"
    printf 'Text\n\n    $ ls\n' | page
    check run-text
    fails page.md:3 "nobody runs"
    printf '```console\n$ echo one\none\n' | page
    check run-text
    fails page.md:1 "never closed"
    printf '```console\none\n$ echo one\n```\n' | page
    check run-text
    fails page.md:2 "before the first command"
    printf '```console skip\n$ echo one\n```\n' | page
    check run-text
    fails page.md:1 skip
    printf '```gdb\n(gdb) run\n```\n' | page
    check run-text
    fails page.md:2 "no session"
}

@test "run-text: a page has a private copy of the repository, and leaves it as it was" {
    printf '```console\n$ mkdir -p build; touch build/new; echo >>Makefile; git status -s\n M Makefile\n$ git checkout -q .\n```\n' | page
    check run-text
    passes
    [ ! -e build/new ]
    printf '```console\n$ echo >>Makefile; touch new core; rm LICENSE\n```\n' | page
    check run-text
    fails "page.md: leaves the repository changed" " M Makefile" "?? new" "!! core" " D LICENSE" "1 are not as the page says"
    [ -e LICENSE ] && [ ! -e new ]
}

@test "run-text: a command that prints without end is stopped" {
    printf '```console\n$ yes\ny\n```\n' | page
    check run-text
    fails page.md:2 "printed more than 1048576 bytes"
}

@test "run-text: where GDB can't call functions, blocks are left out, named and counted apart" {
    page <<'END'
```gdb
$ gdb -q
(gdb) print 1
$1 = 1
```

<!-- needs: calls -->
```gdb
(gdb) print 2
$2 = 3
```

```gdb
(gdb) print 3
$3 = 4
```

<!-- needs: reverse -->
```console
$ echo wrong
right
```

```console
$ echo the page goes on
the page goes on
```
END
    check run-text
    fails page.md:9 page.md:14 page.md:20 "3 are not as the page says"
    [[ $output != *"left out"* ]]
    break_gdb
    check run-text
    passes
    [ "${lines[0]}" = "page.md: 3 of 5 blocks left out: GDB can't call functions in a program here:\
 Couldn't write extended state status: Bad address." ]
    [[ ${lines[-1]} == "run-text: 1 pages, 2 blocks, 3 commands: all as the pages say; 3 blocks left out: "* ]]
    # What doesn't need it is run there too.
    sed -i 's/^the page goes on/the page ends/' page.md
    check run-text
    fails page.md:25 "1 are not as the page says; 3 blocks left out"
    printf '<!-- needs: reverse -->\n```console\n$ echo wrong\nright\n```\n' | page
    check run-text
    passes
    [[ $output == *"all 1 blocks left out: GDB can't run a program backwards here"*"0 blocks, 0 commands"*"1 blocks left out"* ]]
}

@test "run-text: the stories pass with a GDB that can't call functions, and say what they left out" {
    break_gdb
    run -0 scripts/dev/run-text docs/debugging/*.md
    for story in 02 09 10; do
        [[ $output == *"docs/debugging/$story-"*" blocks left out: GDB can't "* ]] || { echo "$output"; return 1; }
    done
}

@test "run-text: GDB that says without end what it can't do is stopped" {
    break_gdb
    page <<'END'
```console
$ printf '%s\n' 'double x = 1;' 'int main(void) { for (int i = 0; i < 9; i++) x = x * 1.5 + i; return 0; }' >build.c
$ cc -g -o build.out build.c
$ (printf '%s\n' 'break main' run 'record full' 'break exit' continue reverse-continue; sleep 1000) | gdb -nx -q build.out
```
END
    check run-text
    fails page.md:4 "printed more than 1048576 bytes" "Couldn't write extended state status: Bad address."
}

@test "run-text: --update rewrites what is wrong, and keeps what only varies" {
    page <<'END'
- in a list

  <!-- varies: a \d -->
  ```console
  $ printf 'a 1\nb 2\nc 3\n'; (exit 3)
  a 7
  wrong
  ...
  ```
END
    check run-text --update
    fails page.md:5
    check run-text
    passes
    grep -Fx '  a 7' page.md
    grep -Fx '  ...' page.md
    grep -Fx '  [3]' page.md
    run ! grep wrong page.md
}

session() { # a page with a session over two blocks, and some text between
    page <<'END'
```gdb
$ debug -s 3 true
true will run on the malloc of 03-linked-list. Type:  break 03-linked-list/malloc.c:malloc
...
(gdb) print 6 * 7
$1 = 42
(gdb) define twice
Type commands for definition of "twice".
End with a line saying just "end".
>print 2 * $arg0
>end
```

Between.

<!-- varies: /\S+/true$ -->
```gdb
(gdb) twice 21
$2 = 42
(gdb) nonesuch
Undefined command: "nonesuch".  Try "help".
(gdb) run
Starting program: /usr/bin/true
[Inferior 1 (process 4711) exited normally]
```

```console
$ echo the shell goes on
the shell goes on
```
END
}

@test "run-text: a true session passes" {
    session
    check run-text
    passes
}

@test "run-text: a changed line of GDB's output" {
    session
    sed -i 's/^\$2 = 42/$2 = 43/' page.md
    check run-text
    fails "page.md:18: (gdb) twice 21" "- \$2 = 43" "+ \$2 = 42" "1 are not as the page says"
}

@test "run-text: an address counts as far as it is the same in each run, letters count in full" {
    page <<'END'
```gdb
$ gdb -q
(gdb) print/x 0x5555556b42a0
$1 = 0x55...2a0
(gdb) print/x 0x64d2f0b192a0
$2 = 0x55...2a0
(gdb) print/x 0x7e9d5c8010a0
$3 = 0x7f...
(gdb) print/x 0x6f1d5c8010a0
$4 = 0x7f...
(gdb) print/x 0x747475622064
$5 = 0x747475622064
```
END
    check run-text
    passes
    sed -i 's/^\$2 = .*/$2 = 0x55...2b0/; s/^\$4 = .*/$4 = 0x6f1d5c8010a/' page.md
    check run-text
    fails page.md:5 page.md:9
}

@test "run-text: GDB that ends too soon, hangs, or never starts" {
    printf '```gdb\n$ gdb -q\n(gdb) quit\n(gdb) print 1\n$1 = 1\n```\n' | page
    check run-text
    fails page.md:4 "GDB had ended"
    printf '```gdb limit=3\n$ gdb -q\n(gdb) while 1\n>end\n(gdb) print 1\n$1 = 1\n```\n' | page
    check run-text
    fails page.md:3 "more than 3 s"
    printf '```gdb\n$ gdb -q --nonesuch\n(gdb) print 1\n$1 = 1\n```\n' | page
    check run-text
    fails page.md:2 "unrecognized option" page.md:3 "GDB had ended"
}

@test "listings: they are filled, and then --check passes" {
    page <<'END'
```c stages/04-first-fit/malloc.c chunk_find ALIGNMENT chunk
```

```diff stages/03-linked-list/malloc.c stages/04-first-fit/malloc.c malloc chunk_find payload_of
```
END
    check listings --check
    fails page.md:1 page.md:4 "scripts/dev/listings page.md"
    check listings
    passes
    check listings --check
    passes
    grep -Fx 'static struct chunk *chunk_find(size_t size)' page.md
    grep -Fx '+static struct chunk *chunk_find(size_t size)' page.md
    grep -F '/* payload_of: unchanged */' page.md
    # The comment above belongs to the function, and the end of the one before doesn't.
    [ "$(sed -n 2p page.md)" = "$(grep -B 1 '^static struct chunk \*chunk_find' stages/04-first-fit/malloc.c | head -n 1)" ]
}

@test "listings: a changed function, comment, or name" {
    printf '# A page\n\n```c stages/04-first-fit/malloc.c chunk_find\n```\n' | page
    check listings
    passes
    sed -i 's/chunk->size >= size)/chunk->size > size)/' stages/04-first-fit/malloc.c
    check listings --check
    fails page.md:3 "chunk->size > size)"
    check listings && passes
    sed -i 's/First fit: the free/First fit: a free/' stages/04-first-fit/malloc.c
    check listings --check
    fails page.md:3 "a free"
    check listings && passes
    sed -i 's/chunk_find/chunk_search/' stages/04-first-fit/malloc.c
    check listings --check
    fails page.md:3 "no chunk_find in stages/04-first-fit/malloc.c"
    # What is not shown may change.
    printf '```c stages/04-first-fit/malloc.c chunk_append\n```\n' | page
    check listings && passes
    sed -i 's/free a chunk/give back/; s/Stage 4/Stage IV/' stages/04-first-fit/malloc.c
    check listings --check
    passes
}

@test "listings: a page that is edited by hand, a missing file, a half order" {
    printf '```c stages/04-first-fit/malloc.c chunk_find\n```\n' | page
    check listings && passes
    sed -i 's/return NULL/return 0/' page.md
    check listings --check
    fails page.md:1 "-    return 0"
    printf '```c stages/99-none/malloc.c malloc\n```\n' | page
    check listings --check
    fails page.md:1 "no file stages/99-none/malloc.c"
    printf '```diff stages/04-first-fit/malloc.c malloc\n```\n' | page
    check listings --check
    fails page.md:1 "diff OLD NEW NAME"
}

@test "links: good ones pass" {
    page <<'END'
# What is `malloc(0)`? A *look*

[up](#what-is-malloc0-a-look), [there](docs/words.md), [twice](#again-1), [a
folder](stages/), ![image](docs/picture.svg), <https://example.org/a>, [web](https://example.org/x_(y) "title"),
[by name][words], and `stages/*/promises`, and `[no](link)`.

## Again

## Again

[words]: docs/words.md

```text
[not](a-link)
```
END
    touch docs/picture.svg
    check links
    passes
}

@test "links: each kind of broken link" {
    page <<'END'
[file](docs/nonesuch.md)
[anchor](#nonesuch)
[anchor](docs/words.md#nonesuch)
![image](docs/nonesuch.svg)
[absolute](/etc/passwd)
[ignored](build/x)
[line](Makefile#L10)
[name][nonesuch]
[web](https://example)
`scripts/nonesuch`
<img src="nonesuch.png">
a link [over
two lines](nonesuch)
[a`b`c](nonesuch.md)
END
    mkdir -p build && touch build/x
    check links
    fails "13 links: 13 faults"
    for line in {1..12} 14; do
        [[ $output == *"page.md:$line: "* ]] || { echo "not found: line $line"; echo "$output"; return 1; }
    done
}

@test "check-docs: all three checks run, though the first fails" {
    cat >page.md <<'END'
```c stages/04-first-fit/malloc.c chunk_find
```
[file](nonesuch.md)
```console
$ echo one
two
```
END
    check check-docs
    fails page.md:1: page.md:3: page.md:5: "3 of 3 checks failed"
}

@test "check-docs: a true page passes" {
    printf '[words](docs/words.md)\n```console\n$ echo one\none\n```\n' | page
    check check-docs
    passes
    [[ ${lines[-1]} == "check-docs: the text is true"* ]]
}

@test "a page or an option that doesn't exist" {
    for script in run-text listings links; do
        run "scripts/dev/$script" nonesuch.md
        fails "no page nonesuch.md"
        run "scripts/dev/$script" --nonesuch
        fails "no option --nonesuch"
        run "scripts/dev/$script" --help
        passes
        [[ $output == *"$script ["* ]]
    done
}
