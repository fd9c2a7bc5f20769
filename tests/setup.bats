# setup: what it decides to install, and how it asks each package manager. No test installs a thing:
# each builds a machine of its own, a PATH with the tools that any system has, and package managers
# that only write down what they were told.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    unset DEBIAN_FRONTEND
    setup=$PWD/scripts/setup
    bin=$BATS_TEST_TMPDIR/bin
    calls=$BATS_TEST_TMPDIR/calls
    mkdir "$bin"
    : >"$calls"
    for tool in bash env sed awk sort readlink dirname mktemp tail rm cat touch chmod; do
        ln -s "$(type -P "$tool")" "$bin/$tool"
    done
    stub id 'echo 0'
}

stub() { # stub NAME [COMMANDS]: a program of the machine
    printf '#!%s\n%s\n' "$(type -P bash)" "${2:-}" >"$bin/$1"
    chmod +x "$bin/$1"
}

# manager NAME: a package manager. What it installs gives the machine all that `check` needs.
manager() {
    stub "$1" "echo \"$1 \$*\" >>'$calls'
    if [[ \" \$* \" == *\" \${REFUSE:-none} \"* ]]; then echo \"E: no package \$REFUSE\"; exit 100; fi
    [[ \$* == *install* || \$* == *add* || \$* == *-S\ * ]] || exit 0
    [ -z \"\${DEBIAN_FRONTEND:-}\" ] || echo \"frontend \$DEBIAN_FRONTEND\" >>'$calls'
    for made in cc make readelf pkg-config git patch; do cp_to \$made; done"
    # shellcheck disable=SC2016
    sed -i '2i cp_to() { [ -n "${MAKES_NOTHING:-}" ] || { printf "#!/bin/sh\\n" >"'"$bin"'/$1"; chmod +x "'"$bin"'/$1"; }; }' "$bin/$1"
}

machine() { # machine COMMAND...: runs it there, without a terminal
    PATH=$bin run "$@" </dev/null
}

says() { # says STATUS WORDS: the last run's status and one line with these words
    [ "$status" -eq "$1" ] || { echo "status $status: $output"; return 1; }
    [[ $output == *"$2"* ]] || { echo "not said: $2"; echo "said: $output"; return 1; }
    [ "${#lines[@]}" -eq 1 ] || { echo "more than one line: $output"; return 1; }
}

called() { # called LINE...: these calls of package managers and sudo, and no others
    diff <(printf '%s\n' "$@") "$calls"
}

@test "apt: the lists first, then all at once, and no questions" {
    manager apt-get
    machine "$setup" check
    says 0 "setup: apt-get will install: gcc make libc6-dev binutils pkg-config check git patch"
    called 'apt-get -qq update' \
        'apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 install gcc make libc6-dev binutils pkg-config check git patch' \
        'frontend noninteractive'
}

@test "dnf" {
    manager dnf
    machine "$setup" check
    says 0 "setup: dnf will install: gcc make glibc-devel binutils pkgconf-pkg-config check-devel git patch"
    called 'dnf -y -q install gcc make glibc-devel binutils pkgconf-pkg-config check-devel git patch'
}

@test "pacman" {
    manager pacman
    machine "$setup" check
    says 0 "setup: pacman will install: gcc make glibc binutils pkgconf check git patch"
    called 'pacman -Sy --noconfirm' 'pacman -S --noconfirm --needed gcc make glibc binutils pkgconf check git patch'
}

@test "zypper" {
    manager zypper
    machine "$setup" check
    says 0 "setup: zypper will install: gcc make glibc-devel binutils pkg-config check-devel git patch"
    called 'zypper --non-interactive --quiet install gcc make glibc-devel binutils pkg-config check-devel git patch'
}

@test "apk" {
    manager apk
    machine "$setup" check
    says 0 "setup: apk will install: gcc make musl-dev binutils pkgconf check-dev git patch"
    called 'apk update' 'apk add --quiet gcc make musl-dev binutils pkgconf check-dev git patch'
}

@test "nothing lacking: silent, and nobody is called" {
    manager apt-get
    stub sudo "echo sudo >>'$calls'"
    stub id 'echo 1000'
    for tool in cc make readelf pkg-config git patch; do stub "$tool"; done
    machine "$setup" build check
    [ "$status" -eq 0 ] && [ -z "$output" ] && [ ! -s "$calls" ]
}

@test "only what is lacking is installed" {
    manager apt-get
    for tool in make readelf pkg-config git; do stub "$tool"; done
    # shellcheck disable=SC2016
    stub cc 'read -r line; [ "$line" = "#include <stdlib.h>" ]'
    machine "$setup" build check
    says 0 "will install: patch"
}

@test "a library is lacking when pkg-config doesn't know it, a header when the compiler doesn't" {
    manager apt-get
    for tool in make readelf git patch; do stub "$tool"; done
    stub cc 'exit 1'
    stub pkg-config 'exit 1'
    machine "$setup" --dry-run check
    says 0 "will install: libc6-dev check"
}

@test "--dry-run says it, and does nothing" {
    manager apt-get
    machine "$setup" --dry-run build
    says 0 "setup: apt-get will install: gcc make libc6-dev binutils"
    [ ! -s "$calls" ]
}

@test "not root: sudo, which may not ask when there is no terminal" {
    manager apt-get
    stub id 'echo 1000'
    stub sudo "echo \"sudo \$*\" >>'$calls'; [ \"\$1\" != -n ] || shift; \"\$@\""
    machine "$setup" build
    says 0 "setup: with sudo, apt-get will install: gcc make libc6-dev binutils"
    grep -q '^sudo -n apt-get -qq update' "$calls"
    grep -q '^sudo -n env DEBIAN_FRONTEND=noninteractive apt-get .* install gcc' "$calls"
}

@test "not root and no sudo, or one that refuses: what to install by hand" {
    manager apt-get
    stub id 'echo 1000'
    machine "$setup" build
    says 1 "setup: installing needs root, and there is no sudo; install by hand: gcc make libc6-dev binutils"
    stub sudo 'exit 1'
    machine "$setup" build
    [ "$status" -eq 1 ]
    [ "${lines[1]}" = "setup: installing needs root, and sudo refuses; install by hand: gcc make libc6-dev binutils" ]
    [ ! -s "$calls" ]
}

@test "no package manager: what to install by hand" {
    machine "$setup" build
    says 1 "no package manager that I know (apt, dnf, pacman, zypper, apk); install by hand: cc make stdlib.h readelf"
}

@test "programs of the tour that can't be had don't stop it" {
    for tool in cc make readelf; do stub "$tool"; done
    machine "$setup" tour
    says 0 "no package manager that I know (apt, dnf, pacman, zypper, apk); left out: "
    manager apt-get
    stub id 'echo 1000'
    machine "$setup" tour
    says 0 "setup: installing needs root, and there is no sudo; left out: "
    [[ $output == *" sqlite3 "* ]]
    stub id 'echo 0'
    REFUSE=sqlite3 machine "$setup" tour
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 2 ]
    [ "${lines[1]}" = "setup: apt-get can't install sqlite3; left out" ]
    tail -n 2 "$calls" | grep -q 'install vim$' # the others are tried all the same
}

@test "a service that came with a program doesn't stay" {
    manager apt-get
    stub systemctl "echo \"systemctl \$*\" >>'$calls'"
    machine "$setup" all
    grep -qE ' install .*\bredis-server\b' "$calls"
    grep -qx 'systemctl --quiet disable --now redis-server' "$calls"
    stub redis-server # this one was here before
    : >"$calls"
    machine "$setup" all
    run ! grep 'systemctl .* redis-server' "$calls"
}

@test "a tour without a compiler stops" {
    manager apt-get
    REFUSE=gcc machine "$setup" tour
    [ "$status" -eq 1 ]
    [[ $output == *"E: no package gcc"* ]]
    [ "${lines[-1]}" = "setup: apt-get could not install: gcc make libc6-dev binutils" ]
}

@test "an install that fails: which packages, and what the package manager said" {
    manager dnf
    REFUSE=check-devel machine "$setup" check
    [ "$status" -eq 1 ]
    [[ $output == *"E: no package check-devel"* ]]
    [ "${lines[-1]}" = "setup: dnf could not install: gcc make glibc-devel binutils pkgconf-pkg-config check-devel git patch" ]
}

@test "an install that claims success and brings nothing" {
    manager apk
    MAKES_NOTHING=1 machine "$setup" build
    [ "$status" -eq 1 ]
    [ "${lines[-1]}" = "setup: cc is still missing, after the install" ]
}

@test "lists that can't be fetched are no reason to stop" {
    manager apt-get
    REFUSE=update machine "$setup" check
    says 0 "will install"
}

@test "each package manager has a package for each need" {
    for name in apt-get dnf pacman zypper apk; do
        manager "$name"
        machine "$setup" --dry-run build check learn tour all musl scripts docs lint bench ci
        says 0 "setup: $name will install: gcc make"
        rm "$bin/$name"
    done
}

@test "every program of the ladder has five packages, or a dash" {
    awk -F'\t' '/^[^#]/ && NF != 9 { print "line " NR " has " NF " columns"; bad = 1 } END { exit bad }' tests/programs.tsv
}

@test "through a symbolic link, from another folder, in a path with a space" {
    manager apt-get
    mkdir "$BATS_TEST_TMPDIR/a b"
    cp -r scripts tests "$BATS_TEST_TMPDIR/a b"
    ln -s "$BATS_TEST_TMPDIR/a b/scripts/setup" "$BATS_TEST_TMPDIR/link"
    cd /
    machine "$BATS_TEST_TMPDIR/link" --dry-run tour
    says 0 "setup: apt-get will install: gcc make"
}

@test "refused: no group, an unknown one" {
    machine "$setup"
    says 1 "which group?"
    machine "$setup" nonsense
    says 1 "there is no group 'nonsense'; the groups are build check"
}

@test "--help is the manual" {
    machine "$setup" --help
    [ "$status" -eq 0 ]
    [[ $output == *"setup [--dry-run] GROUP..."* ]]
}

@test "tests/scripts has seen to it that this machine lacks nothing for these tests" {
    run "$setup" build scripts </dev/null
    [ "$status" -eq 0 ]
    [ -z "$output" ]
}
