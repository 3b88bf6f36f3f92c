"""Carry the version in src/creme/__init__.py to every other file that names it, or change it.

python release/version.py           # prints it, and writes it where it stands too
python release/version.py 0.2.0     # a new one
python release/version.py --check   # writes nothing; exit status 1 where a file has another
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "creme" / "__init__.py"
NUMBER = re.compile(r"\d+\.\d+\.\d+(?:\.dev\d+|(?:a|b|rc)\d+)?")

# In each file the text before a version, and the version.
_STATED = [
    ("plugins/*/pyproject.toml", r'^(version = ")([^"]+)'),
    # Of a plugin on the core, or on another plugin: released together, of one minor version.
    ("plugins/*/pyproject.toml", r'("creme-(?:toolkit|seqnn)(?:\[[a-z,]+\])?~=)([^"]+)'),
    ("CITATION.cff", r"^(version: )(\S+)"),
    ("release/recipe/recipe.yaml", r'^(  version: ")([^"]+)'),
]


def version() -> str:
    """The version of the core, which is that of all distributions."""
    (number,) = re.findall(r'^__version__ = "([^"]+)"', SOURCE.read_text(), re.M)
    return str(number)


def stated() -> list[tuple[Path, str, str]]:
    """Each file that states the version: its path, its text now, and its text with the version."""
    files: dict[Path, tuple[str, str]] = {}
    for pattern, expression in _STATED:
        paths = sorted(ROOT.glob(pattern))
        if not paths:
            raise SystemExit(f"no file {pattern}: release/version.py names it")
        for path in paths:
            old, new = files.get(path) or (path.read_text(), path.read_text())
            new, count = re.subn(expression, rf"\g<1>{version()}", new, flags=re.M)
            if not count:
                raise SystemExit(f"{path}: no version is stated as {expression}")
            files[path] = (old, new)
    return [(path, old, new) for path, (old, new) in files.items()]


def main(arguments: list[str]) -> int:
    """Print the version; write it, or say which files have another."""
    check = arguments == ["--check"]
    if arguments and not check:
        (new,) = arguments
        if not NUMBER.fullmatch(new):
            raise SystemExit(f"{new!r} is no version: 1.2.3, 1.2.3rc1 or 1.2.3.dev0 are")
        SOURCE.write_text(SOURCE.read_text().replace(f'"{version()}"', f'"{new}"', 1))
    different = [(path, new) for path, old, new in stated() if old != new]
    for path, text in different:
        if check:
            print(f"{path.relative_to(ROOT)}: not version {version()}", file=sys.stderr)
        else:
            path.write_text(text)
    print(version())
    return int(check and bool(different))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
