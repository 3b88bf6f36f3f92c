"""The tables of an experiment file, made into a model, a selection of it, and tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from creme import file_plugins, registry
from creme.errors import ConfigError
from creme.grid import OutputGrid
from creme.model import Model, Selection
from creme.parameters import Parameters
from creme.readout import tracks_of_file
from creme.test import Test

_FILE_NAME = re.compile(r"[\w][\w.+-]*")


def _a_folder_name(name: str) -> str:
    if not _FILE_NAME.fullmatch(name):
        raise ValueError("use letters, digits, and . _ + - only: it names a folder")
    return name


FolderName = Annotated[str, AfterValidator(_a_folder_name)]

KEPT = ("tracks", "tracks_file", "strand", "bins", "heads")
"""Keys of the table [model] that choose what is kept; the others are the plugin's."""


def build_model(table: dict[str, Any], folder: Path) -> tuple[Model, Selection]:
    """The model of a [model] table, and what is kept of its output.

    Raises
    ------
    ConfigError, PluginError
        If the plugin is unknown, or a parameter, a track or a bin is not allowed.
    """
    table = dict(table)
    plugin = table.pop("plugin", None)
    if not isinstance(plugin, str):
        raise ConfigError(
            f"[model]: 'plugin' is required; installed are {', '.join(registry.plugins('model'))}"
        )
    kept = _listed({key: table.pop(key) for key in KEPT if key in table}, folder)
    if isinstance(kept.get("heads"), dict):
        heads = kept["heads"].items()
        kept["heads"] = {
            head: _listed(dict(its), folder) if isinstance(its, dict) else its
            for head, its in heads
        }
    ensemble = table.pop("ensemble", None)
    cls = registry.load("model", plugin)
    try:
        model = make_model(cls, table, ensemble, folder)
        return model, select(model, **kept)
    except ConfigError as error:
        raise ConfigError(f"[model]: {error}") from None


def _listed(kept: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The table of kept tracks, those of a file in the place of its name."""
    file = kept.pop("tracks_file", None)
    if file is None:
        return kept
    if "tracks" in kept or not isinstance(file, str):
        raise ConfigError("[model]: tracks_file is a file's name, and stands in place of tracks")
    return {**kept, "tracks": tracks_of_file(folder / Path(file).expanduser())}


def make_model(
    cls: type[Model], parameters: Mapping[str, Any], ensemble: Any, folder: Path
) -> Model:
    """The model of a class, or an ensemble of several, strands and shifts.

    Parameters
    ----------
    cls : class
    parameters : mapping
        The plugin's own.
    ensemble : dict, optional
        As the table [model.ensemble]; None for a single model.
    folder : Path
        Where relative paths start from.

    Raises
    ------
    ConfigError
        If a parameter is not allowed.
    """
    if ensemble is None:
        return cls(**_resolved(cls, parameters, folder))
    if not isinstance(ensemble, dict):
        raise ConfigError(f"ensemble = {ensemble!r}: give a table, [model.ensemble]")
    from creme.models.ensemble import ensemble as combine
    from creme.models.ensemble import replicates

    rows = replicates(dict(parameters), ensemble.get("replicates", {}))
    models = [cls(**_resolved(cls, row, folder)) for row in rows]
    return combine(models, **{k: v for k, v in ensemble.items() if k != "replicates"})


def select(
    model: Model,
    tracks: int | str | Iterable[int | str] = "all",
    strand: str | None = None,
    bins: int | str | list[int] = "tss",
    heads: Mapping[str, Mapping[str, Any]] | None = None,
) -> Selection:
    """The bins and tracks to keep.

    Parameters
    ----------
    model : Model
    tracks : list of int or str, or 'all'
        Indices, names or regular expressions.
    strand : {'+', '-', '.'}, optional
        Keep only tracks of this strand, and unstranded ones; '+' is the gene's.
    bins : list of int, 'tss', 'all' or 'first-last'
    heads : dict of str to dict, optional
        Further heads that are kept, each with tracks, strand and bins of its own.

    Raises
    ------
    ConfigError
        If a track, a bin or a head is not there, or a key is unknown.
    """
    own = _selected(model, tracks, strand, bins)
    if heads is None:
        return own
    if not isinstance(heads, Mapping):
        raise ConfigError(f"heads = {heads!r}: give a table, as heads = {{ counts = {{}} }}")
    kept = []
    for head, its in heads.items():
        grid = model.grid_of(head)
        unknown = [key for key in its if key not in ("tracks", "strand", "bins")]
        if not isinstance(its, Mapping) or unknown:
            raise ConfigError(
                f"heads.{head} = {its!r}: give a table of tracks (or tracks_file), strand and bins"
            )
        try:
            kept.append((head, _selected(grid, **its)))
        except ConfigError as error:
            raise ConfigError(f"heads.{head}: {error}") from None
    return Selection(own.bins, own.tracks, tuple(kept))


def _selected(
    grid: OutputGrid,
    tracks: int | str | Iterable[int | str] = "all",
    strand: str | None = None,
    bins: int | str | list[int] = "tss",
) -> Selection:
    """The kept bins and tracks of one grid."""
    if strand not in (None, "+", "-", "."):
        raise ConfigError(f"strand = {strand!r} is not allowed: give '+' (the gene's), '-' or '.'")
    return Selection(bins=grid.select_bins(bins), tracks=grid.tracks.select(tracks, strand))


def build_test(table: Mapping[str, Any], folder: Path) -> Test:
    """A test from a table of its name and parameters.

    Relative paths start from `folder`.

    Raises
    ------
    ConfigError, PluginError
        If the test is unknown, or a parameter is not allowed.
    """
    cls, parameters = registry.find("test", file_plugins.resolved(dict(table), folder))
    test: Test = cls(**_resolved(cls, parameters, folder))
    return test


def build_tests(tables: list[dict[str, Any]], seed: int, folder: Path = Path()) -> dict[str, Test]:
    """The tests by label: the name, or `label` where one name stands for several.

    Relative paths start from `folder`.

    Raises
    ------
    ConfigError, PluginError
        If a test is unknown, a parameter is not allowed, or two have one label.
    """
    tests: dict[str, Test] = {}
    for place, written in enumerate(tables):
        table = {"seed": seed, **written}
        label = table.pop("label", None)
        where = f"[[tests]] number {place + 1}"
        try:
            test = build_test(table, folder)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None
        label = test.name if label is None else label
        check_label(label, where)
        if label in tests:
            raise ConfigError(f"{where}: two tests are called {label!r}; give one a 'label'")
        tests[label] = test
    return tests


def check_label(label: object, where: str) -> None:
    """See that a test's label can name a file.

    Raises
    ------
    ConfigError
        If it cannot; `where` says whose it is.
    """
    if not isinstance(label, str) or not _FILE_NAME.fullmatch(label):
        raise ConfigError(
            f"{where}: label = {label!r} is not allowed: use letters, digits, "
            f"and . _ + - only, since it names a file"
        )


def _resolved(cls: type[Parameters], table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Parameters whose fields are paths, taken from the experiment file's folder."""
    kinds = {
        name: {info.annotation, *getattr(info.annotation, "__args__", ())}
        for name, info in cls.model_fields.items()
    }
    return {
        key: _from(folder, value, maybe=str in kinds[key]) if Path in kinds.get(key, ()) else value
        for key, value in table.items()
    }


def _from(folder: Path, value: Any, *, maybe: bool) -> Any:
    """A path from a folder; a field that is a path or a name is one where something is there."""
    if isinstance(value, dict):
        return {key: _from(folder, part, maybe=False) for key, part in value.items()}
    if isinstance(value, list):
        return [_from(folder, part, maybe=maybe) for part in value]
    if not isinstance(value, str):
        return value
    path = folder / Path(value).expanduser()
    return path if path.exists() or not maybe else value
