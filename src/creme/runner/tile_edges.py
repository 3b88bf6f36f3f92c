"""The effect of each tile on the accessibility of every other one, in profiles the store has."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as SequenceOf

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from creme.errors import ConfigError
from creme.genome import Locus
from creme.model import Readout
from creme.runner.plan import Plan
from creme.runner.write_buffer import StoredPredictions
from creme.store import Store
from creme.suite.necessity import Necessity
from creme.suite.statistics import averaged, relative
from creme.tiling import Tile


def tile_accessibility(
    plan: Plan,
    store: Store,
    test: Necessity,
    loci: SequenceOf[Locus],
    tracks: str | list[str | int],
) -> xr.Dataset:
    """How much of each tile's accessibility is lost without another tile; nothing is predicted.

    The predictions are those of a necessity test whose bins are kept. The accessibility of a tile
    is the mean over the bins whose middle it holds, and over the tracks.

    Parameters
    ----------
    plan : Plan
        With the model and the bins and tracks that are kept.
    store : Store
        Where the test's predictions are.
    test : Necessity
    loci : sequence of Locus
    tracks : str or list
        Names, indices or regular expressions of tracks of accessibility.

    Returns
    -------
    Dataset
        As of the necessity test, with a dimension ``target`` before ``track``, which has one
        activity, ``accessibility``: ``wild_type``, ``shuffled``, ``effect`` and its statistics;
        ``target_start`` and ``target_end`` are genomic. Tiles that hold no kept bin are no targets,
        and effects of which a prediction is not stored are NaN. `creme.analysis.network.edges`
        makes edges of it.

    Raises
    ------
    ConfigError
        If no track of the name is kept, or no tile holds a bin that is.
    """
    model, kept = plan.model, plan.selection
    chosen = model.tracks_read(Readout(tracks=tracks), kept)
    columns = [kept.tracks.index(track) for track in chosen]
    middles = model.output_start + np.array(kept.bins) * model.bin_size + model.bin_size // 2
    stored = StoredPredictions(store, model, kept)
    parts = []
    for locus in test.units(loci):
        assert isinstance(locus, Locus)
        tiles = tuple(test.tiling(locus))
        masks = [(middles >= tile.start) & (middles < tile.end) for tile in tiles]
        targets = [number for number, mask in enumerate(masks) if mask.any()]
        if not targets:
            raise ConfigError(
                f"{locus.name}: no tile holds the middle of a kept bin: keep the bins of the "
                f"output, [model] bins = 'all'"
            )
        reading = _Reading(stored, columns, [masks[number] for number in targets])
        parts.append(_of_locus(test, locus, tiles, targets, reading))
    if not parts:
        raise ConfigError("no locus of which accessibility could be read")
    dataset = xr.concat(parts, dim="locus", data_vars="all", coords="different", compat="equals")
    return dataset.assign_attrs(test=test.name)


class _Reading:
    """The accessibility of the targets in stored predictions."""

    def __init__(
        self, stored: StoredPredictions, columns: list[int], masks: list[NDArray[np.bool_]]
    ) -> None:
        self._stored, self._columns = stored, columns
        self._weights = np.stack([mask / mask.sum() for mask in masks])
        self.number = len(masks)

    def of(self, digests: list[bytes]) -> NDArray[np.float64]:
        """(sequence, target); NaN for what is not stored."""
        rows = self._stored.read(digests)
        out = np.full((len(digests), self.number), np.nan)
        for place, digest in enumerate(digests):
            if digest in rows:
                profile = rows[digest][0][:, self._columns].mean(axis=1, dtype=np.float64)
                out[place] = self._weights @ profile
        return out


def _of_locus(
    test: Necessity,
    locus: Locus,
    tiles: tuple[Tile, ...],
    targets: list[int],
    reading: _Reading,
) -> xr.Dataset:
    (wild,) = reading.of([locus.sequence.digest])
    measurable = set(test.measurable(locus))
    shuffled = np.full((len(tiles), test.replicates, len(targets)), np.nan)
    for number, tile in enumerate(tiles):
        if tile in measurable:
            shuffled[number] = reading.of(list(_digests(test, locus, tile)))
    dims = ("tile", "replicate", "target", "track")
    values = averaged("effect", dims, relative(wild - shuffled, wild)[..., None])
    placed = [locus.interval(tile) for tile in tiles]
    return values.assign(
        wild_type=(("target", "track"), wild[:, None]), shuffled=(dims, shuffled[..., None])
    ).assign_coords(
        locus=locus.name,
        track=["accessibility"],
        contig=locus.contig,
        strand=locus.strand,
        genomic_start=("tile", [float(start) for start, _ in placed]),
        genomic_end=("tile", [float(end) for _, end in placed]),
        target_start=("target", [float(placed[number][0]) for number in targets]),
        target_end=("target", [float(placed[number][1]) for number in targets]),
    )


def _digests(test: Necessity, locus: Locus, tile: Tile) -> Iterator[bytes]:
    for mutant in test.shuffles(locus.sequence, tile, locus):
        yield mutant.digest
