# shellcheck shell=bash
# shellcheck disable=SC2034 # the scripts that source this file use them
# When something counts as hung.

# A test of the suite, in seconds. The slowest takes less than one. Check reads it.
export CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT:-30}
# A real program, in seconds of CPU: one that walks a list for ever. Nothing on the ladder takes one
# on libc, and a busy machine changes nothing in that.
cpu_limit=${CPU_LIMIT:-10}
# The same in seconds of any time: one that waits for ever.
time_limit=60
# After so many that hang, though they are promised, the other tests or programs are not run.
export HUNG_LIMIT=2
