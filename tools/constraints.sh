#!/bin/sh
# Pins the ranges of pyproject.toml in constraints.txt, one version for Python 3.11 to 3.13.
# pip reads the file with -c; it names no index and no address.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-uv} # empty counts as unset
if ! command -v "$uv" >/dev/null 2>&1; then
    echo "make constraints: there is no uv on the PATH." >&2
    echo "  Install it (pip install uv), or name it: make UV=/path/to/uv constraints" >&2
    exit 1
fi
new=$(mktemp)
trap 'rm -f "$new"' EXIT
{
    echo "# Versions that this release is tested with, for Python 3.11 to 3.13."
    echo "# Made from the ranges in pyproject.toml by: make constraints"
    "$uv" pip compile pyproject.toml --all-extras --universal --fork-strategy fewest \
        --python-version 3.11 --no-header --no-annotate --no-emit-index-url --upgrade --quiet
} >"$new"
if grep -nE '://|@ |\[' "$new" >&2; then
    echo "make constraints: the lines above name an address or an extra; constraints.txt is unchanged." >&2
    exit 1
fi
cat "$new" >constraints.txt
