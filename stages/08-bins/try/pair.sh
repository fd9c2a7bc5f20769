#!/usr/bin/env bash
# Counts the instructions of one free and one malloc, in pairs.c.
#
#   pair.sh STAGE BLOCKS     while so many blocks are live; with '' for STAGE on libc
#
# They are what 20,000 pairs take less what 10,000 take, so the program's start doesn't count.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

die() { # die SENTENCE
    echo "pair.sh: $1" >&2
    exit 2
}

stage=${1-} blocks=${2-}
[[ $blocks =~ ^[1-9][0-9]*$ ]] || die "which stage, and how many blocks?"
library=${stage:+$PWD/build/stage$stage/libmalloc.so}
[ -z "$stage" ] || [ -e "$library" ] || die "stage $stage is not built; build it with: make stage$stage"
command -v valgrind >/dev/null || die "valgrind is missing; install it with: scripts/setup docs"

count() { # count PAIRS: the instructions of the whole program
    LD_PRELOAD=$library valgrind -q --tool=callgrind --callgrind-out-file=build/count \
        build/pairs "$blocks" "$1" 2>build/out
    awk '/^totals:/ { print $2 }' build/count
}

cc -fno-builtin -o build/pairs stages/08-bins/try/pairs.c
echo "${stage:-libc}: $blocks blocks, $((($(count 20000) - $(count 10000)) / 10000)) instructions a pair"
