# The comparison of fits: it measures what it says. Memory is exact, so its rows can be compared.

bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_TEST_DIRNAME/.." || return
    scripts/dev/fits --quick first next best worst bins >"$BATS_FILE_TMPDIR/table"
}

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    table=$BATS_FILE_TMPDIR/table
}

column() { # column FIT NUMBER: a figure of a row
    awk -v fit="$1" -v n="$2" '$1 == fit { print $n }' "$table"
}

less() { # less A B
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && b != "" && a + 0 < b + 0) }' || { echo "not $1 < $2"; cat "$table"; return 1; }
}

@test "each fit has its row of ten figures" {
    for fit in first next best worst bins; do
        [ "$(awk -v fit=$fit '$1 == fit { print NF }' "$table")" -eq 10 ]
    done
}

@test "headers of 48 bytes are seen in the metadata, tags of 8 too" {
    less "$(column bins 4)" "$(column best 4)"
}

@test "worst fit needs more memory than best fit; the list holds no less than was asked for" {
    less "$(column best 8)" "$(column worst 8)"
    less 1 "$(column best 8)"
}

@test "no fit escapes robson" {
    for fit in first next best worst bins; do
        less 3 "$(column "$fit" 10)"
    done
}

@test "a fit that isn't there, a plot that is no svg, an unknown option: refused" {
    run scripts/dev/fits tightest
    [ "$status" -eq 2 ] && [[ $output == "fits: there is no fit 'tightest'; there are: first next best worst bins"* ]]
    run scripts/dev/fits --plot x.png bins
    [ "$status" -eq 2 ] && [[ $output == *"must end in .svg"* ]]
    run scripts/dev/fits --fast
    [ "$status" -eq 2 ] && [[ $output == *"see fits --help"* ]]
}
