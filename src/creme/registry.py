"""Plugins: models, perturbations and tests found by entry points.

Listing imports none of them. A broken or duplicate plugin is reported by name and never takes the
program down.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import (
    Distribution,
    EntryPoint,
    PackageNotFoundError,
    entry_points,
    requires,
    version,
)
from typing import Any

from creme.errors import ConfigError, CremeWarning, PluginError, listing, nearest

KINDS = {
    "models": ("creme.model", "Model"),
    "perturbations": ("creme.perturbation", "Perturbation"),
    "tests": ("creme.test", "Test"),
}
"""Entry-point groups (after ``creme.``) and where the class is that their members derive from."""


@dataclass(frozen=True)
class Plugin:
    """A registered plugin, not yet imported.

    Attributes
    ----------
    kind : {'models', 'perturbations', 'tests'}
    name : str
    distribution, version : str
        The installed package that registers it.
    target : str
        ``module:class``.
    """

    kind: str
    name: str
    distribution: str
    version: str
    target: str

    def missing(self) -> list[str]:
        """Packages that its distribution needs and that are not installed; imports nothing."""
        required = _required(self.distribution)
        # What has a marker is for an extra, or for another platform.
        names = [re.split(r"[ <>=!~\[(]", line)[0] for line in required if ";" not in line]
        return [name for name in names if not _installed(name)]

    def load(self) -> type[Any]:
        """Import the class.

        Raises
        ------
        PluginError
            If the import fails, or it is not a class of its kind.
        """
        where = f"{self.kind[:-1]} {self.name!r} ({self.target}, from {self.distribution})"
        try:
            loaded = EntryPoint(
                name=self.name, value=self.target, group=f"creme.{self.kind}"
            ).load()
        except Exception as error:
            raise PluginError(
                f"{where} cannot be imported: {type(error).__name__}: {error}"
            ) from error
        home, name = KINDS[self.kind]
        base = getattr(import_module(home), name)
        if not (isinstance(loaded, type) and issubclass(loaded, base)):
            raise PluginError(f"{where} is not a subclass of creme.{name}")
        return loaded


@cache
def _required(distribution: str) -> list[str]:
    try:
        return requires(distribution) or []
    except PackageNotFoundError:
        return []


@cache
def _installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


@cache
def _entries() -> Any:
    """All of the environment's, read once: Python 3.11 has a type of its own for them."""
    return entry_points()


@cache
def _named(distribution: Distribution | None) -> tuple[str, str]:
    """Name and version, which are parsed at each access."""
    if distribution is None:
        return "unknown", "unknown"
    metadata = distribution.metadata
    return metadata["Name"], metadata["Version"]


@cache
def plugins(kind: str) -> dict[str, Plugin]:
    """The registered plugins of a kind, by name and sorted; nothing is imported.

    Where two distributions register one name, the first by distribution's name is taken and a
    warning names both.
    """
    found: dict[str, Plugin] = {}
    candidates = [
        Plugin(
            kind=kind,
            name=entry.name,
            distribution=_named(entry.dist)[0],
            version=_named(entry.dist)[1],
            target=entry.value,
        )
        for entry in _entries().select(group=f"creme.{kind}")
    ]
    # The toolkit's own come first, so that no other distribution can replace one of them.
    candidates.sort(key=lambda p: (p.name, p.distribution != "creme-toolkit", p.distribution))
    for plugin in candidates:
        first = found.setdefault(plugin.name, plugin)
        if first.target != plugin.target:
            warnings.warn(
                f"{kind[:-1]} {plugin.name!r} is registered by {first.distribution} and by "
                f"{plugin.distribution}; the one of {first.distribution} is used",
                CremeWarning,
                stacklevel=2,
            )
    return found


def load(kind: str, name: str) -> type[Any]:
    """The class that is registered by a name.

    Raises
    ------
    PluginError
        If nothing is registered by the name (with the nearest one and what is installed), or it
        cannot be imported.
    """
    installed = plugins(kind)
    if name not in installed:
        raise PluginError(
            f"no {kind[:-1]} is called {name!r}{nearest(name, installed)}; installed are "
            f"{listing(installed, 20)}"
        )
    return installed[name].load()


def create(kind: str, spec: str | Mapping[str, Any]) -> Any:
    """An object of a registered class, from its name or a table of its name and parameters.

    ``create("perturbations", "mask")`` and ``create("tests", {"name": "necessity", "tile": 500})``.

    Raises
    ------
    ConfigError
        If the table has no name, or a parameter is not allowed.
    PluginError
        As `load`.
    """
    table = {"name": spec} if isinstance(spec, str) else dict(spec)
    if not isinstance(table.get("name"), str):
        raise ConfigError(
            f"a table of a {kind[:-1]} needs its name; installed are {listing(plugins(kind), 20)}"
        )
    return load(kind, table.pop("name"))(**table)
