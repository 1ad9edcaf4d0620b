#!/bin/sh
# Makes .venv and installs DataWatch Lab into it, editable. Does nothing when nothing changed.
#
#   tools/setup.sh run    what `make demo` needs
#   tools/setup.sh dev    that, and what `make check` and `make test` need
#
# PYTHON=/path/to/python chooses the interpreter. Standard output stays empty.
set -eu
cd "$(dirname "$0")/.."
what=${1:-run}
venv=.venv

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "datawatch setup: $1"
    say "  $2"
    exit 1
}

case $what in
    run) target=. ;;
    dev) target='.[dev,all]' ;;
    *) fail "unknown set of packages '$what'." "Use: tools/setup.sh run | dev" ;;
esac

supported() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        supported "$PYTHON" || fail "PYTHON=$PYTHON is not Python 3.11, 3.12 or 3.13." \
            "Set PYTHON to one of these, or unset it."
        printf '%s\n' "$PYTHON"
        return
    fi
    for name in python3 python3.13 python3.12 python3.11 python; do
        if command -v "$name" >/dev/null 2>&1 && supported "$name"; then
            command -v "$name"
            return
        fi
    done
    if command -v python3 >/dev/null 2>&1; then
        fail "found $(python3 --version 2>&1), but Python 3.11, 3.12 or 3.13 is needed." \
            "Install one of these, or name it: make PYTHON=/path/to/python3.12 demo"
    fi
    fail "there is no Python on the PATH." \
        "Install Python 3.11 or newer. On Debian or Ubuntu: apt-get install python3 python3-venv"
}

make_venv() {
    python=$(find_python)
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$python cannot make virtual environments: its venv module is not installed." \
            "On Debian or Ubuntu: apt-get install python3-venv"
    say "Making $venv with $("$python" --version 2>&1) …"
    rm -rf "$venv"
    "$python" -m venv "$venv" || fail "$python could not make $venv." \
        "The message above says why; a full disk and a read-only folder are usual."
}

stamp_of() {
    # A stamp is a function of what is asked for, so that a checkout of old files installs again.
    # The folder belongs to it: a virtual environment does not survive being moved.
    { printf '%s %s\n' "$1" "$PWD"; "$venv/bin/python" --version
      cat pyproject.toml constraints.txt tools/setup.sh; } | cksum
}

if [ ! -x "$venv/bin/python" ] || ! supported "$venv/bin/python"; then
    make_venv
fi
if [ "$(stamp_of dev)" = "$(cat "$venv/.installed-dev" 2>/dev/null)" ]; then exit 0; fi
if [ "$(stamp_of "$what")" = "$(cat "$venv/.installed-$what" 2>/dev/null)" ]; then exit 0; fi

say "Installing packages into $venv (the first time this downloads about 300 MB) …"
progress=on
[ -t 2 ] || progress=off
"$venv/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar "$progress" \
    -c constraints.txt -e "$target" >&2 ||
    fail "pip could not install the packages." \
        "The message above says why. Without a connection, try again later; what was downloaded is kept."
stamp_of "$what" >"$venv/.installed-$what"
say "Installed."
