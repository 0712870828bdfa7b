#!/bin/sh
# Makes .venv with the packages of pyproject.toml, at the versions of requirements.lock; does nothing when that is done already.
#
#   deploy/setup.sh          what Duebook needs to run
#   deploy/setup.sh test     and the tools for tests and lint
#
# Writes below the checkout only (and what pip keeps in its download cache). PYTHON names the interpreter to use.
set -eu
cd "$(dirname "$0")/.."
here=$(pwd -P)
extra=${1:-}
stamp=.venv/.duebook
# The names of the packages count too: an editable installation knows only those that were there.
state=$( (cat pyproject.toml requirements.lock && ls -d ./*/__init__.py) | cksum)

fail() {
    echo "make setup: $*" >&2
    exit 1
}

find_python() {
    without_venv=
    for python in ${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3}; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            "$python" -c 'import ensurepip, venv' 2>/dev/null && return
            without_venv=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
        fi
    done
    [ -z "$without_venv" ] || fail "$without_venv has no venv module. On Debian and Ubuntu: apt install $without_venv-venv"
    fail "Python 3.11 or newer is needed${PYTHON:+, and $PYTHON is not that}. Install it, or name it: make setup PYTHON=/path/to/python3"
}

# A virtual environment holds absolute paths: one of a copied or moved checkout, or whose Python is gone, is made anew.
usable() {
    .venv/bin/python -c '' 2>/dev/null && grep -qF "$here/.venv/bin/" .venv/bin/pip 2>/dev/null
}

if usable; then
    done_before=$(cat "$stamp" 2>/dev/null || true)
    [ "$done_before" = "$state test" ] && exit 0
    [ "$done_before" = "$state $extra" ] && exit 0
    case $done_before in *" test") extra=test ;; esac
fi

begin=$(date +%s)
[ -w . ] && { [ ! -e .venv ] || [ -w .venv ]; } || fail "$(id -un) may not write $here/.venv; remove it, or run as the user it belongs to"
if ! usable; then
    find_python
    echo "Making .venv with $("$python" -V) ..."
    rm -rf .venv
    "$python" -m venv "$here/.venv" || fail "no virtual environment could be made in $here"
fi
rm -f "$stamp"
echo "Installing packages (some half a minute, this once) ..."
.venv/bin/python -m pip install -qq --disable-pip-version-check -c requirements.lock -e ".${extra:+[$extra]}" ||
    fail "the packages could not be installed, for the reason above. They come from PyPI."
echo "$state $extra" >"$stamp"
echo "Ready to run after $(($(date +%s) - begin)) s."
