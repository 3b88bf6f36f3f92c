"""The experiment file: one TOML that is all that a run needs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from creme import file_plugins, registry
from creme.errors import ConfigError
from creme.genome import LociConfig
from creme.model import Model, Readout, Selection
from creme.parameters import Parameters
from creme.test import Test

_FILE_NAME = re.compile(r"[\w][\w.+-]*")


def _a_folder_name(name: str) -> str:
    if not _FILE_NAME.fullmatch(name):
        raise ValueError("use letters, digits, and . _ + - only: it names a folder")
    return name


FolderName = Annotated[str, AfterValidator(_a_folder_name)]


BatchSize = Annotated[int, Field(ge=1)] | Literal["auto"] | None


class Experiment(Parameters):
    """An experiment as its file describes it.

    Relative paths are relative to the folder of the file.
    """

    name: FolderName = Field(description="names the results directory")
    seed: int = Field(0, ge=0, description="seed of everything random")
    store: str = Field("predictions", description="directory of predictions, shared by experiments")
    index: str | None = Field(
        None, description="SQLAlchemy URL of the store's index, where it is not in the directory"
    )
    results: str | None = Field(None, description="results directory; NAME.results unless given")
    batch_size: BatchSize = Field(
        None,
        description="sequences a forward pass, or 'auto' to find it by trying; unless given that "
        "is done on a GPU, and on a CPU it is the model's own",
    )
    model: dict[str, Any] = Field(
        description="plugin, its parameters, and what is kept: tracks, strand, bins"
    )
    loci: LociConfig
    readouts: list[Readout] = Field(default=[], description="activities that are read")
    tests: list[dict[str, Any]] = Field(min_length=1, description="name and parameters of each")


KEPT = ("tracks", "strand", "bins")
"""Keys of the table [model] that choose what is kept; the others are the plugin's."""


def read(path: Path) -> Experiment:
    """Read an experiment file.

    Raises
    ------
    ConfigError
        If the file is missing, is not TOML, or holds a key or a value that is not allowed.
    """
    return parse(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of an experiment file; a ConfigError if it is missing or cannot be read.

    A byte order mark, as some editors write, is no part of it.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"no experiment file {path}; 'creme init {path}' writes a commented one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None


def parse(text: str, title: str = "experiment") -> Experiment:
    """An experiment from the text of a file; `title` names it in errors."""
    table = parse_toml(text, title)
    try:
        return Experiment(**table)
    except ConfigError as error:
        raise ConfigError(f"{title}: {str(error).removeprefix('Experiment: ')}") from None


def parse_toml(text: str, title: str) -> dict[str, Any]:
    """The table of a TOML text; a ConfigError if it is not TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{title} is not valid TOML: {error}") from None


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
    kept = {key: table.pop(key) for key in KEPT if key in table}
    cls = registry.load("model", plugin)
    try:
        model = _model(cls, table, folder)
        return model, select(model, **kept)
    except ConfigError as error:
        raise ConfigError(f"[model]: {error}") from None


def _model(cls: type[Model], table: dict[str, Any], folder: Path) -> Model:
    """The model of a class, or an ensemble of several, strands and shifts."""
    variants = table.pop("ensemble", None)
    if variants is None:
        return cls(**_resolved(cls, table, folder))
    if not isinstance(variants, dict):
        raise ConfigError(f"ensemble = {variants!r}: give a table, [model.ensemble]")
    from creme.models.ensemble import ensemble, replicates

    rows = replicates(table, variants.get("replicates", {}))
    models = [cls(**_resolved(cls, row, folder)) for row in rows]
    return ensemble(models, **{k: v for k, v in variants.items() if k != "replicates"})


def select(
    model: Model,
    tracks: int | str | list[int | str] = "all",
    strand: str | None = None,
    bins: int | str | list[int] = "tss",
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
    """
    if strand not in (None, "+", "-", "."):
        raise ConfigError(f"strand = {strand!r} is not allowed: give '+' (the gene's), '-' or '.'")
    return Selection(bins=model.select_bins(bins), tracks=model.tracks.select(tracks, strand))


def build_tests(tables: list[dict[str, Any]], seed: int, folder: Path = Path()) -> dict[str, Test]:
    """The tests by label: the name, or `label` where one name stands for several.

    Relative paths start from `folder`.

    Raises
    ------
    ConfigError, PluginError
        If a test is unknown, a parameter is not allowed, or two have one label.
    """
    tests: dict[str, Test] = {}
    for place, given in enumerate(tables):
        table = {"seed": seed, **given}
        label = table.pop("label", None)
        where = f"[[tests]] number {place + 1}"
        try:
            cls, parameters = registry.find("test", file_plugins.resolved(table, folder))
            test = cls(**_resolved(cls, parameters, folder))
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None
        label = test.name if label is None else label
        if not isinstance(label, str) or not _FILE_NAME.fullmatch(label):
            raise ConfigError(
                f"{where}: label = {label!r} is not allowed: use letters, digits, "
                f"and . _ + - only, since it names a file"
            )
        if label in tests:
            raise ConfigError(f"{where}: two tests are called {label!r}; give one a 'label'")
        tests[label] = test
    return tests


def _resolved(cls: type[Parameters], table: dict[str, Any], folder: Path) -> dict[str, Any]:
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
