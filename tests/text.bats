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
```console
$ printf 'one\ntwo\nthree\n'
one
...
three
$ echo 17 apples; echo '17 pears [x]'
[0-9]+ apples (re)
1? p*s [x] (glob)
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

   ```console
   $ echo $x
   kept
   ```
END
    check run-text
    passes
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

@test "run-text: a wildcard that doesn't match" {
    printf '```console\n$ echo apples\n[0-9]+ apples (re)\n```\n' | page
    check run-text
    fails page.md:2 "- [0-9]+ apples (re)"
    printf '```console\n$ echo apples\nb*s (glob)\n```\n' | page
    check run-text
    fails page.md:2 "- b*s (glob)"
    printf '```console\n$ echo apples\n...\npears\n```\n' | page
    check run-text
    fails page.md:2 "- pears"
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

@test "run-text: a page has a private copy of the repository" {
    printf '```console\n$ rm -r stages; touch new; git status -s | tail -n 1\n?? new\n```\n' | page
    check run-text
    passes
    [ -d stages ] && [ ! -e new ]
}

@test "run-text: --update rewrites what is wrong, and keeps wildcards" {
    page <<'END'
- in a list

  ```console
  $ printf 'a 1\nb 2\nc 3\n'; (exit 3)
  a [0-9] (re)
  wrong
  ...
  ```
END
    check run-text --update
    fails page.md:4
    check run-text
    passes
    grep -Fx '  a [0-9] (re)' page.md
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

```gdb
(gdb) twice 21
$2 = 42
(gdb) nonesuch
Undefined command: "nonesuch".  Try "help".
(gdb) run
Starting program: /*/true (glob)
[Inferior 1 (process N) exited normally]
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
    fails "page.md:17: (gdb) twice 21" "- \$2 = 43" "+ \$2 = 42" "1 are not as the page says"
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
    printf '```c stages/04-first-fit/malloc.c chunk_end\n```\n' | page
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
