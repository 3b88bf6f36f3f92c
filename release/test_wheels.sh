#!/usr/bin/env bash
# test_wheels.sh PYTHON TORCH CONSTRAINTS TESTS...: the wheels in dist/ in a clean environment, by the
# tests of the sdists beside them, in a folder outside the checkout.
set -euo pipefail
python=$1 torch=$2 constraints=$3
shift 3
dist=$PWD/dist
pip=(-m pip install -q)
if [ -n "$constraints" ]; then pip+=(-c "$PWD/$constraints"); fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Nothing of the checkout: neither its environment's PYTHONPATH nor its folder.
unset PYTHONPATH
"$python" -m venv "$folder/venv"
cd "$folder"
venv/bin/python "${pip[@]}" "$torch"
# A wheel's extras are named behind its path.
venv/bin/python "${pip[@]}" "$(echo "$dist"/creme_toolkit-*.whl)[report]" \
  "$dist"/creme_seqnn-*.whl "$dist"/creme_mini-*.whl "$dist"/creme_template-*.whl
venv/bin/python -m pip check
venv/bin/python - "$folder" << 'PY'
import sys
import creme, creme_mini, creme_seqnn, creme_template
for package in (creme, creme_mini, creme_seqnn, creme_template):
    assert package.__file__.startswith(sys.argv[1]), package.__file__
PY
venv/bin/creme plugins
venv/bin/python "${pip[@]}" pytest pytest-timeout hypothesis hatchling
for name in creme_toolkit creme_seqnn creme_mini creme_template; do tar xf "$dist/$name"-*.tar.gz; done
(cd creme_toolkit-*/ && ../venv/bin/python "${pip[@]}" --no-build-isolation tests/example_plugin \
  && ../venv/bin/python -m pytest -q "$@")
for name in creme_seqnn creme_mini creme_template; do
  (cd "$name"-*/ && ../venv/bin/python -m pytest -q)
done
