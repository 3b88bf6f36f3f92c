"""Plugins: models, perturbations and tests found by entry points.

Listing imports none of them. A broken or duplicate plugin is reported by name and never takes the
program down.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import (
    Distribution,
    EntryPoint,
    EntryPoints,
    PackageNotFoundError,
    distributions,
    entry_points,
    requires,
    version,
)
from typing import Any

from creme.errors import ConfigError, CremeWarning, PluginError, legible, listing, nearest
from creme.kinds import KINDS, PYTHON, check_class, entry_point_group
from creme.packages import plugin_install

__all__ = [
    "KINDS",
    "PYTHON",
    "Plugin",
    "check_class",
    "create",
    "find",
    "load",
    "plugins",
    "specification",
]


OUR_MODELS = {
    name: f"creme-{name}"
    for name in (
        *("alphagenome", "alphagenome-torch", "borzoi", "enformer", "enformer-torch"),
        *("keras", "mini", "onnx", "seqnn"),
    )
}
"""The models that are published with the toolkit, and the distributions that they are in."""


@dataclass(frozen=True)
class Plugin:
    """A registered plugin, not yet imported.

    Attributes
    ----------
    kind : {'model', 'perturbation', 'test'}
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
            If the import fails, or the class is not what its kind needs; see `check_class`.
        """
        title = f"{self.kind} {self.name!r} ({self.target}, from {self.distribution})"
        entry = EntryPoint(name=self.name, value=self.target, group=entry_point_group(self.kind))
        try:
            loaded = entry.load()
        except Exception as error:
            raise PluginError(
                f"{title} cannot be imported: {type(error).__name__}: {error}"
            ) from error
        check_class(self.kind, loaded, title)
        if loaded.name != self.name:
            raise PluginError(
                f"{title} is registered by another name than its class has: set "
                f"name = {self.name!r} in the class, or register it as {loaded.name!r}"
            )
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
    try:
        return entry_points()
    except Exception:  # of whatever kind: a file that some distribution has written
        return EntryPoints(_entries_one_by_one())


def _entries_one_by_one() -> Iterator[EntryPoint]:
    """The entry points of each distribution whose list of them can be read."""
    seen = set()
    for distribution in distributions():
        name = str(distribution.metadata["Name"]).lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            yield from distribution.entry_points
        except Exception as error:
            warnings.warn(
                f"the plugins of {name}, if it has any, are left out: its entry_points.txt cannot "
                f"be read ({legible(str(error))})",
                CremeWarning,
                stacklevel=4,
            )


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

    Raises
    ------
    ConfigError
        If there is no such kind.
    """
    if kind not in KINDS:
        raise ConfigError(
            f"no kind of plugin is called {kind!r}{nearest(kind, KINDS)}: give one of "
            f"{listing(KINDS)}"
        )
    by_name: dict[str, Plugin] = {}
    candidates = [
        Plugin(
            kind=kind,
            name=entry.name,
            distribution=_named(entry.dist)[0],
            version=_named(entry.dist)[1],
            target=entry.value,
        )
        for entry in _entries().select(group=entry_point_group(kind))
    ]
    # The toolkit's own come first, so that no other distribution can replace one of them.
    candidates.sort(key=lambda p: (p.name, p.distribution != "creme-toolkit", p.distribution))
    for plugin in candidates:
        first = by_name.setdefault(plugin.name, plugin)
        if first.target != plugin.target:
            warnings.warn(
                f"{kind} {plugin.name!r} is registered by {first.distribution} and by "
                f"{plugin.distribution}; the one of {first.distribution} is used",
                CremeWarning,
                stacklevel=2,
            )
    return by_name


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
        published = OUR_MODELS.get(name) if kind == "model" else None
        if published:
            raise PluginError(
                f"model {name!r} is not installed; it comes with {published}: "
                f"{plugin_install(published)}"
            )
        raise PluginError(
            f"no {kind} is called {name!r}{nearest(name, installed)}; installed are "
            f"{listing(installed, 20)}: 'creme plugins' describes them"
        )
    return installed[name].load()


def find(kind: str, spec: str | Mapping[str, Any]) -> tuple[type[Any], dict[str, Any]]:
    """The class that a name, or a table of name and parameters, stands for; and the parameters.

    The name ``python`` stands for a class in a file, ``object = "FILE.py:NAME"``; that of a model
    is a model itself, see `creme.models.python_file`.

    Raises
    ------
    ConfigError
        If the table has no name, or there is no such object.
    PluginError
        As `load`.
    """
    table = {"name": spec} if isinstance(spec, str) else dict(spec)
    name = table.pop("name", None)
    plugins(kind)  # is there such a kind?
    if not isinstance(name, str):
        raise ConfigError(
            f"a table of a {kind} needs its name; installed are {listing(plugins(kind), 20)}"
        )
    if name == PYTHON and kind != "model":
        from creme import file_plugins

        reference, sha256 = table.pop("object", None), table.pop("sha256", None)
        return file_plugins.load_class(kind, reference, sha256), table
    return load(kind, name), table


def create(kind: str, spec: str | Mapping[str, Any]) -> Any:
    """An object of a registered class, from its name or a table of its name and parameters.

    ``create("perturbation", "mask")`` and ``create("test", {"name": "necessity", "tile": 500})``.

    Raises
    ------
    ConfigError
        As `find`; also if a parameter is not allowed.
    PluginError
        As `load`.
    """
    cls, parameters = find(kind, spec)
    return cls(**parameters)


def specification(plugin: Any) -> dict[str, Any]:
    """The table from which `create` makes the same test or perturbation again."""
    from creme.file_plugins import FromFile

    name = PYTHON if isinstance(plugin, FromFile) else plugin.name
    return {"name": name, **plugin.configuration()}
