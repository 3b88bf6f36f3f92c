"""Write constraints.txt: the versions in the environments that `make test` has just passed in.

    python release/constraints.py .venv .venv-creme-*

One line a package. Where environments need different versions, the line has the range from the
lowest to the highest, of which pip takes the newest that an environment can have.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from packaging.version import Version

FILE = Path(__file__).resolve().parents[1] / "constraints.txt"
_HEAD = """\
# The versions that the tests have passed with; the Makefile and the hosted workflow install these.
# Written by `make constraints` (docs/releasing.md).
"""


def frozen(environment: Path) -> dict[str, Version]:
    """The distributions in an environment, without ours; local parts such as +cpu are cut off."""
    listed = subprocess.run(
        [environment / "bin" / "python", "-m", "pip", "freeze", "--exclude-editable"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    pairs = re.findall(r"^([\w.-]+)==([^+\s]+)", listed, re.M)
    names = {re.sub(r"[-_.]+", "-", name).lower(): Version(number) for name, number in pairs}
    # CUDA's libraries come with some builds of PyTorch, and only with these.
    others = ("creme-", "nvidia-", "cuda-", "triton")
    return {name: number for name, number in names.items() if not name.startswith(others)}


def lines(environments: list[dict[str, Version]]) -> list[str]:
    """A line for each package."""
    numbers: dict[str, set[Version]] = {}
    for environment in environments:
        for name, number in environment.items():
            numbers.setdefault(name, set()).add(number)
    return [
        f"{name}=={low}" if low == high else f"{name}>={low},<={high}"
        for name, of in sorted(numbers.items())
        for low, high in [(min(of), max(of))]
    ]


if __name__ == "__main__":
    written = lines([frozen(Path(path)) for path in sys.argv[1:]])
    FILE.write_text(_HEAD + "\n".join(written) + "\n")
    print(f"{FILE.name}: {len(written)} packages")
