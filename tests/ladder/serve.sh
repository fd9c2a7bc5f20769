# shellcheck shell=bash
# What the programs of this folder share that talk to a server of their own. They source it.
#
# A file here is named for the program that it runs, and is run itself by a row of programs.tsv, on
# the library and on libc: both must print the same. $TMPDIR is its alone, and is removed after it.
set -euo pipefail

fail() { # fail SENTENCE: with what the server said last
    echo "$1" >&2
    tail -n 3 "$TMPDIR/log" >&2
    exit 1
}

# start COMMAND...: a server, in the background. However the script ends, the server ends before.
start() {
    "$@" >>"$TMPDIR/log" 2>&1 &
    server=$!
    trap 'kill "$server" 2>/dev/null || true; wait "$server" || true' EXIT
    trap 'exit 1' INT TERM
}

# await COMMAND...: until it succeeds; it must before ten seconds are over, and while the server lives.
await() {
    local end=$((SECONDS + 10))
    until "$@" >/dev/null 2>&1; do
        kill -0 "$server" 2>/dev/null || fail 'the server ended'
        [ "$SECONDS" -lt "$end" ] || fail 'the server does not answer'
        sleep 0.1
    done
}

