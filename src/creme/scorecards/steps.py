"""The experiments that a scorecard is made of, and the tiles that they take."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from creme.errors import ConfigError
from creme.model import Model
from creme.runner.experiment import Experiment
from creme.runner.tables import build_model
from creme.runner.toml_file import without_none
from creme.scorecards.panel_file import ScorecardPanel
from creme.scorecards.settings import ScorecardSettings
from creme.tiling import Tile, Tiling

if TYPE_CHECKING:
    import xarray as xr

Step = Literal["effects", "strands", "curves"]
STEPS: tuple[Step, ...] = ("effects", "strands", "curves")
LOCI = "loci.tsv"
TESTS = {
    "necessity": {"agreement", "additivity", "crispri"},
    "sufficiency": {"agreement", "distance", "saturation"},
}
"""Questions by the test of the first step that they need."""
_ENOUGH = 4
"""Tiles of an input at least, for a question about their order."""


@dataclass(frozen=True)
class PanelTiles:
    """The intervals of a panel in a model's input, the same at each locus.

    Attributes
    ----------
    tiles : tuple of Tile
        Those within reach.
    places : tuple of Tile
        Those that a tile is moved and copied to.
    of_tiles, of_places : int
        As many as there are in an input that is long enough.
    """

    tiles: tuple[Tile, ...]
    places: tuple[Tile, ...]
    of_tiles: int
    of_places: int

    @classmethod
    def of(cls, panel: ScorecardPanel, model: Model) -> PanelTiles:
        """Those of a model.

        Raises
        ------
        ConfigError
            If the input has no room for a tile beside the TSS tile.
        """
        size, half = panel.tile, panel.tile // 2
        if model.input_length < 3 * size:
            raise ConfigError(
                f"model {model.name} takes {model.input_length:,} bp, and panel {panel.name!r} has "
                f"tiles of {size:,} bp: three of them have to fit; make a panel with shorter ones"
            )
        context = Tiling.around(model.input_length, model.tss, size).context
        centres = {tile: abs((tile.start + tile.end) // 2 - model.tss) for tile in context}
        per_side = max(0, (panel.reach - half) // size)
        return cls(
            tuple(tile for tile in context if centres[tile] + half <= panel.reach),
            tuple(tile for tile in context if round(centres[tile] / size) in panel.steps),
            2 * per_side,
            2 * len(panel.steps),
        )

    def lacking(self, question: str, panel: ScorecardPanel, length: int) -> str:
        """Why the input is too short for a question; empty where it is long enough."""
        holds = f"the input of {length:,} bp holds "
        if question in ("agreement", "additivity", "crispri") and len(self.tiles) < _ENOUGH:
            return f"{holds}{len(self.tiles)} of the panel's {self.of_tiles} tiles"
        if question in ("distance", "saturation"):
            least = panel.copies if question == "saturation" else 4
            if len(self.places) < least or not self.tiles:
                return f"{holds}{len(self.places)} of the panel's {self.of_places} places"
        return ""


def _experiment(
    settings: ScorecardSettings,
    to: Path,
    step: Step,
    tests: list[dict[str, Any]],
    seed: int,
    model: Mapping[str, Any] | None = None,
) -> Experiment:
    import tomli_w

    table = settings.configuration()
    folder = settings.folder.absolute()
    keys = ("store", "index", "read_from", "batch_size", "cluster", "model", "readouts")
    here = Path(os.path.relpath(to.absolute() / LOCI, folder)).as_posix()
    parts = {
        "name": f"{settings.name}.{step}",
        "seed": seed,
        **{key: table[key] for key in keys},
        "loci": {"fasta": table["genome"]["fasta"], "table": here},
        "tests": tests,
    }
    if model is not None:
        parts["model"] = dict(model)
    stated = {key: part for key, part in without_none(parts).items() if part not in ({}, [])}
    text = tomli_w.dumps(stated)
    return Experiment.from_text(text, folder, f"{settings.title}, step {step}")


def effects(
    settings: ScorecardSettings, panel: ScorecardPanel, tiles: PanelTiles, to: Path
) -> Experiment:
    """The first step: contexts and tiles, at each locus alike."""
    shared = {"tile": panel.tile, "replicates": panel.replicates}
    tests: list[dict[str, Any]] = [{"name": "context_dependence", **shared}]
    intervals = [[tile.start, tile.end] for tile in tiles.tiles]
    for name, questions in TESTS.items():
        if intervals and questions & set(panel.questions):
            tests.append({"name": name, **shared, "tiles": intervals})
    return _experiment(settings, to, "effects", tests, panel.seed)


def strands(
    settings: ScorecardSettings, panel: ScorecardPanel, to: Path
) -> tuple[Experiment | None, str]:
    """The second step: the same sequences by the mean over both strands.

    Returns
    -------
    Experiment or None, str
        None where the model cannot be asked, and why.
    """
    table = dict(settings.model)
    variants = dict(table.get("ensemble") or {})
    if variants.get("reverse_complement"):
        return None, "its predictions are means over both strands already"
    table["ensemble"] = {**variants, "reverse_complement": True}
    try:
        build_model(table, settings.folder)
    except ConfigError as error:
        return None, str(error).removeprefix("[model]: ")
    tests = [{"name": "context_dependence", "tile": panel.tile, "replicates": 1}]
    return _experiment(settings, to, "strands", tests, panel.seed, table), ""


def curves(
    settings: ScorecardSettings,
    panel: ScorecardPanel,
    tiles: PanelTiles,
    to: Path,
    chosen: Mapping[str, Tile],
    strongest: Mapping[str, list[Tile]],
) -> Experiment | None:
    """The third step: tiles that the first one has found, moved, copied and lost in pairs.

    It has a seed of its own: the shuffles that have chosen a tile do not measure it.

    Parameters
    ----------
    settings : ScorecardSettings
    panel : ScorecardPanel
    tiles : PanelTiles
    to : Path
    chosen : dict of locus to Tile
        Of `strongest_alone`.
    strongest : dict of locus to list of Tile
        Of `strongest_losses`.

    Returns
    -------
    Experiment or None
        None where there is nothing to ask.
    """
    shared = {"tile": panel.tile, "replicates": panel.replicates}
    moved = {**shared, "positions": [place.start for place in tiles.places]}
    alone = {"tiles": {name: [[one.start, one.end]] for name, one in chosen.items()}}
    tests: list[dict[str, Any]] = []
    if chosen and len(tiles.places) >= 4 and "distance" in panel.questions:
        tests.append({"name": "distance", **moved, **alone})
    enough = len(tiles.places) >= panel.copies
    # The distance question takes its controls from here: see `creme.scorecards.curve_scores`.
    if chosen and enough and {"distance", "saturation"} & set(panel.questions):
        searches = {"copies": panel.copies, "searches": ["enhancers"]}
        tests.append({"name": "multiplicity", **moved, **alone, **searches})
    if strongest and "additivity" in panel.questions:
        pairs = {name: [[one.start, one.end] for one in its] for name, its in strongest.items()}
        of_pairs = {"tiles": pairs, "strongest": panel.strongest}
        tests.append({"name": "interactions", **shared, "tss_tile": panel.tile, **of_pairs})
    if not tests:
        return None
    return _experiment(settings, to, "curves", tests, panel.seed + 1)


def strongest_alone(sufficiency: xr.Dataset, track: str, least: float) -> dict[str, Tile]:
    """By locus, the tile of the largest sufficiency effect; loci without one are left out."""
    chosen = {}
    for name, effect, tiles in _by_locus(sufficiency, track):
        if np.isfinite(effect).any() and np.nanmax(effect) >= max(least, 1e-9):
            chosen[name] = tiles[int(np.nanargmax(effect))]
    return chosen


def strongest_losses(necessity: xr.Dataset, track: str, number: int) -> dict[str, list[Tile]]:
    """By locus, the tiles whose loss changes most, in their order along the sequence."""
    chosen = {}
    for name, effect, tiles in _by_locus(necessity, track):
        size = np.where(np.isfinite(effect), np.abs(effect), -1.0)
        ranked = [k for k in np.argsort(-size, kind="stable")[:number] if size[k] >= 0]
        if len(ranked) >= 2:
            chosen[name] = sorted(tiles[k] for k in ranked)
    return chosen


def _by_locus(dataset: xr.Dataset, track: str) -> list[tuple[str, np.ndarray, list[Tile]]]:
    one = dataset.sel(track=track)
    effect = one["effect"].transpose("locus", "tile")
    rows = []
    starts, ends = (
        one[key].broadcast_like(effect).transpose("locus", "tile").values
        for key in ("tile_start", "tile_end")
    )
    for k, name in enumerate(effect["locus"].values.tolist()):
        tiles = [Tile(int(a), int(b)) for a, b in zip(starts[k], ends[k], strict=True)]
        rows.append((str(name), effect.values[k].astype(np.float64), tiles))
    return rows


def most_of_curves(panel: ScorecardPanel, tiles: PanelTiles, loci: int) -> int:
    """Sequences that the third step asks for at most, before the first one has its findings."""
    places, each = len(tiles.places), 1
    if "distance" in panel.questions and places >= 4:
        each += (1 + places) * panel.replicates
    if {"distance", "saturation"} & set(panel.questions) and places >= panel.copies:
        each += (2 + sum(places - k for k in range(panel.copies))) * panel.replicates
    if "additivity" in panel.questions:
        combined = min(panel.strongest, len(tiles.tiles))
        each += (combined + comb(combined, 2)) * panel.replicates
    return each * loci
