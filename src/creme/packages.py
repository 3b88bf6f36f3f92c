"""How what is not installed gets installed: packages of an extra, plugins of the toolkit.

The sentences hold for a checkout and for wheels: neither needs the toolkit on a package index.
"""

from __future__ import annotations

import shlex
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
"""The folder of the toolkit's plugins; only a checkout has it."""


@cache
def declared(extra: str = "") -> tuple[Requirement, ...]:
    """The packages that the toolkit declares, by its metadata, without their markers.

    Parameters
    ----------
    extra : str
        Those of this extra alone; without one, those that the toolkit always needs.
    """
    from packaging.requirements import Requirement

    try:
        lines = metadata.requires("creme-toolkit") or []
    except metadata.PackageNotFoundError:  # imported from its source alone
        lines = []
    wanted = []
    for each in map(Requirement, lines):
        plain = each.marker is None or each.marker.evaluate({"extra": ""})
        if extra:
            chosen = not plain and each.marker and each.marker.evaluate({"extra": extra})
        else:
            chosen = plain
        if chosen:
            each.marker = None
            wanted.append(each)
    return tuple(wanted)


def lacking(sentence: str, *extras: str) -> str:
    """A sentence that something is needed, with the command that installs it.

    Parameters
    ----------
    sentence : str
        As far as the name of the package: ``bigWig needs pybigtools``.
    *extras : str
        The extras that have what is needed.

    Returns
    -------
    str
        ``bigWig needs pybigtools, of the extra [bigwig]: pip install 'pybigtools>=0.3'``.
    """
    these = " and ".join(f"[{extra}]" for extra in extras)
    of = f"{sentence}, of the extra{'s' if len(extras) > 1 else ''} {these} of creme-toolkit"
    packages = [str(each) for extra in extras for each in declared(extra)]
    return f"{of}: {pip_install(*packages)}" if packages else of


def pip_install(*requirements: str) -> str:
    """The command that installs packages, as a shell takes it."""
    return f"pip install {shlex.join(requirements)}"


def plugin_install(distribution: str) -> str:
    """The command that installs a plugin of the toolkit, in a checkout or from wheels.

    Parameters
    ----------
    distribution : str
        Such as ``creme-seqnn``.
    """
    if (PLUGINS / distribution / "pyproject.toml").is_file():
        return f"pip install -e {shlex.quote(str(PLUGINS / distribution))}"
    return f"pip install --find-links FOLDER {distribution}, where FOLDER has the release's wheels"
