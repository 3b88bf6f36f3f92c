"""Readouts bound to loci: what is read of the predictions for each unit of a test."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as SequenceOf
from functools import cached_property
from typing import Any

from creme.errors import ConfigError, CremeError, listing, nearest
from creme.files.digests import digest
from creme.genome import Locus
from creme.genome.neighbours import Neighbour
from creme.model import BoundReadout, Model, Readout, Selection
from creme.runner.annotation_bins import AnnotationBins
from creme.runner.unit_readout import Remarkable, SiteActivity, UnitReadout, titled

_REMEMBERED = 512
"""Loci whose bound readouts are kept; more than there are generators in flight."""

_Place = tuple[int, str]


class LocusReadouts:
    """The readouts of an experiment, which give the activities of each unit.

    Activities of readouts that are the same everywhere are the same function for all units. A unit
    that is no locus, such as a pair of loci, has these, and of neighbours the own TSS alone.

    Parameters
    ----------
    model : Model
    selection : Selection
    readouts : sequence of Readout
    of_loci : bool
        Whether exons, neighbours, and what is chosen by locus are read at all.

    Raises
    ------
    ConfigError
        If a readout asks for what the model does not keep or has not, two activities have one
        label, or one is compared with what is no other readout.
    """

    def __init__(
        self,
        model: Model,
        selection: Selection,
        readouts: SequenceOf[Readout],
        *,
        of_loci: bool = True,
    ) -> None:
        self._model, self._selection = model, selection
        self._annotated = AnnotationBins(model, selection)
        self._readouts = tuple(readouts)
        self._of_loci = of_loci
        self._by_name = {readout.name: readout for readout in readouts if readout.name}
        self._bound: OrderedDict[tuple[str, str], UnitReadout] = OrderedDict()
        self._chosen = {}
        labels = []
        for number, readout in enumerate(self._readouts):
            try:
                self._chosen[number] = self._choices(readout)
                indices = sorted({one for some in self._chosen[number].values() for one in some})
                grid = model.grid_of(readout.head)
                labels.append(grid.bound(readout, selection, (), indices).labels)
            except ConfigError as error:
                raise ConfigError(f"{titled(readout)}: {error}") from None
        for readout, own in zip(self._readouts, labels, strict=True):
            self._check_minus(readout, len(own), [len(each) for each in labels])
        self.labels = [label for own in labels for label in own]
        """Of all activities: the coordinate ``track`` of results."""
        if len(set(self.labels)) < len(self.labels):
            repeated = next(x for k, x in enumerate(self.labels) if x in self.labels[:k])
            raise ConfigError(
                f"readouts: two activities have the label {repeated!r}; give each readout a name "
                f"of its own"
            )
        self._place = {label: place for place, label in enumerate(self.labels)}

    @property
    def by_locus(self) -> bool:
        """Whether any readout reads other bins or tracks at one locus than at another."""
        return any(readout.by_locus for readout in self._readouts)

    def labels_of(self, unit: UnitReadout) -> list[str]:
        """Those of `labels` that the activities of a unit have, in their order."""
        return [self.labels[track] for _, track in unit.places]

    def of(self, unit: object) -> UnitReadout:
        """The activities of a unit.

        Raises
        ------
        ConfigError
            If there is none, or a bin or a track of one is not kept.
        GenomeError
            If the annotation lacks the gene of a locus.
        """
        if not self.by_locus or not self._of_loci or not isinstance(unit, Locus):
            return self.everywhere
        key = (unit.name, unit.key)
        if key not in self._bound:
            self._bound[key] = self._at(unit)
            if len(self._bound) > _REMEMBERED:
                self._bound.popitem(last=False)
        return self._bound[key]

    def check(self, loci: Iterable[Locus]) -> None:
        """See that every locus has its activities, and every locus that is named is there.

        Raises
        ------
        CremeError
        """
        if not self.by_locus:
            self.of(None)
            return
        names = []
        for locus in loci:
            names.append(locus.name)
            self.of(locus)
        for readout in self._readouts:
            for field_name in ("bins", "tracks", "transcripts"):
                chosen = getattr(readout, field_name)
                for name in chosen if isinstance(chosen, dict) else ():
                    if name not in names:
                        raise ConfigError(
                            f"{titled(readout)}: {field_name} names locus {name!r}, which the "
                            f"experiment does not have{nearest(name, names)}"
                        )

    def identity(self, loci: Iterable[Locus]) -> str:
        """Digest of what is read at each locus, which the annotation decides."""
        hashed = hashlib.sha256()
        for locus in loci:
            try:
                unit = self.of(locus)
            except CremeError as error:  # it fails when its turn comes, and the others go on
                hashed.update(json.dumps([locus.name, str(error)]).encode())
                continue
            parts = [
                [p.neighbour, p.tracks, [_read_of(each) for each in (p.bound, p.minus) if each]]
                for p in unit.parts
            ]
            sites = [[*site.place, site.gene] for site in unit.sites]
            hashed.update(json.dumps([locus.name, parts, sites]).encode())
        return hashed.hexdigest()

    def about(self, loci: Iterable[Locus]) -> list[str]:
        """Sentences on what is read of the loci, for a plan; none where all are read alike."""
        if not self.by_locus:
            return []
        around: list[int] = []
        remarks: dict[str, list[int]] = {}
        for locus in loci:
            unit = self.of(locus)
            around.append(len(unit.sites))
            for sentence, count in unit.remarks.items():
                remarks.setdefault(sentence, []).append(count)
        sentences = []
        if any(around):
            least, most = min(around), max(around)
            number = f"{most}" if least == most else f"{least} to {most}"
            sentences.append(
                f"readouts of neighbours: {number} TSSs a locus, its own among them, "
                f"{sum(around):,} in all"
            )
        for sentence, counts in remarks.items():
            loci_of = "1 locus" if len(counts) == 1 else f"{len(counts):,} loci"
            sentences.append(f"{loci_of}: {sentence.replace('{count}', f'{sum(counts):,}')}")
        return sentences

    def _choices(self, readout: Readout) -> dict[str | None, tuple[int, ...]]:
        """The tracks that a readout chooses: by locus, or the same for all under None."""
        choice = readout.tracks
        by_locus: Mapping[Any, Any] = choice if isinstance(choice, dict) else {None: choice}
        return {
            name: self._model.grid_of(readout.head).tracks_read(
                readout.model_copy(update={"tracks": tracks}), self._selection, _strand(readout)
            )
            for name, tracks in by_locus.items()
        }

    def _check_minus(self, readout: Readout, number: int, numbers: list[int]) -> None:
        if readout.minus is None:
            return
        title = f"{titled(readout)}: minus = {readout.minus!r}"
        other = self._by_name.get(readout.minus)
        if other is None:
            raise ConfigError(
                f"{title} is no other readout{nearest(readout.minus, self._by_name)}; they are "
                f"{listing(self._by_name)}"
            )
        if [each.name for each in self._readouts].count(other.name) > 1:
            raise ConfigError(f"{title}: two readouts have this name")
        if other.minus is not None:
            raise ConfigError(f"{title}: that readout is compared with another one itself")
        if other.of == "neighbours" and readout.of != "neighbours":
            raise ConfigError(f"{title} is of neighbours, and this readout is not")
        others = numbers[self._readouts.index(other)]
        by_locus = any(isinstance(each.tracks, dict) for each in (readout, other))
        if not by_locus and others not in (1, number):
            raise ConfigError(
                f"{title} has {others} activities, and this readout {number}: give both as many "
                f"tracks, or over_tracks = 'mean'"
            )

    @cached_property
    def everywhere(self) -> UnitReadout:
        """The activities of a unit that is no locus.

        Raises
        ------
        ConfigError
            If there is none.
        """
        parts = self._parts(None, Remarkable())
        if not parts:
            raise ConfigError(
                "readouts: all of them are of loci (of = 'exons', or bins or tracks by locus): "
                "there is no activity for a unit that is no locus, nor to select loci by; add one "
                "of bins that are the same for all"
            )
        return UnitReadout(parts, len(self.labels))

    def _at(self, locus: Locus) -> UnitReadout:
        gathered = Remarkable()
        parts = self._parts(locus, gathered)
        if not parts:
            raise ConfigError(f"readouts: none of them names bins or tracks of {locus.name!r}")
        return UnitReadout(
            parts, len(self.labels), tuple(gathered.sites), gathered.labels, gathered.remarks
        )

    def _parts(self, locus: Locus | None, gathered: Remarkable) -> tuple[SiteActivity, ...]:
        """The activities of all readouts; `gathered` takes up what else there is to say."""
        at = "" if locus is None else f" at locus {locus.name!r}"
        bound: list[dict[_Place | None, BoundReadout]] = []
        for number, readout in enumerate(self._readouts):
            try:
                bound.append(self._bind(number, locus, gathered))
            except CremeError as error:
                raise type(error)(f"{titled(readout)}{at}: {error}") from None
        gathered.sites.sort(key=lambda one: (abs(one.distance), one.distance, one.strand))
        if locus is not None and any(readout.of == "neighbours" for readout in self._readouts):
            itself = Neighbour.itself(locus)
            gathered.sites = [itself, *(one for one in gathered.sites if one.place != itself.place)]
        order = {site.place: place for place, site in enumerate(gathered.sites)}
        parts = []
        for readout, sites in zip(self._readouts, bound, strict=True):
            compared = self._by_name.get(readout.minus or "")
            others = {} if compared is None else bound[self._readouts.index(compared)]
            for place, one in sites.items():
                other = others.get(place, others.get(None))
                if compared is not None and other is None:
                    continue
                if other is not None and len(other.labels) not in (1, len(one.labels)):
                    raise ConfigError(
                        f"{titled(readout)}{at}: it has {len(one.labels)} activities, and "
                        f"{readout.minus!r} has {len(other.labels)}"
                    )
                parts.append(
                    SiteActivity(
                        bound=one,
                        neighbour=0 if place is None else order[place],
                        tracks=tuple(self._place[label] for label in one.labels),
                        minus=other,
                        scale=readout.minus_scale,
                    )
                )
        return tuple(parts)

    def _bind(
        self, number: int, locus: Locus | None, gathered: Remarkable
    ) -> dict[_Place | None, BoundReadout]:
        """A readout's activities: at None those of the locus, or at the place of each TSS."""
        kept, readout = self._selection, self._readouts[number]
        grid = self._annotated.grid(readout)
        choices = self._chosen[number]
        if readout.by_locus and locus is None:
            if readout.of != "neighbours" or None not in choices:
                return {}
            return {None: self._annotated.around(readout, choices[None], grid.tss, "+")}
        here = readout if locus is None else readout.at(locus.name)
        if locus is not None and readout.of == "exons":
            shares = None if here is None else self._annotated.exons(here, locus)
            gathered.tell_of_exons(self._exon_prefix(readout), shares)
        if here is None:
            return {}
        tracks = choices[None] if None in choices else choices[locus.name if locus else ""]
        if here.of == "bins":
            bins = grid.bins_read(here, kept)
            return {None: grid.bound(here, kept, bins, tracks, here.weights)}
        assert locus is not None
        if here.of == "exons":
            assert shares is not None
            return {None: grid.bound(here, kept, shares.bins, tracks, shares.shares)}
        bound: dict[_Place | None, BoundReadout] = {}
        for site in self._annotated.neighbours(here, locus):
            around = self._annotated.bins_around(here, site.index)
            strand = "+" if site.strand == locus.strand else "-"
            if not 0 <= around[0] <= around[-1] < grid.n_bins:
                if not site.distance:
                    raise ConfigError(
                        f"bins {around[0]} to {around[-1]} of its TSS are not all in the output"
                    )
                gathered.leave_out(
                    here, "lie so near to an end of the output window that their flank leaves it"
                )
            elif strand == "-" and grid.tracks.unpaired(tracks):
                gathered.leave_out(
                    here, "are on the other strand, and tracks of one strand have no pair of it"
                )
            else:
                bound[site.place] = self._annotated.around(here, tracks, site.index, strand)
                gathered.add(site)
        return bound

    def _exon_prefix(self, readout: Readout) -> str:
        """Of labels that count exons: empty where all readouts read the same exons."""
        kinds = {str((each.transcripts, each.gtf)) for each in self._readouts if each.of == "exons"}
        return f"{readout.name}_" if len(kinds) > 1 and readout.name else ""


def _read_of(bound: BoundReadout) -> list[Any]:
    """JSON values of what is read: of several heads also where its own values are."""
    of_head = [] if bound.part is None else [bound.part]
    return [bound.bins, bound.tracks, bound.weights, *of_head]


def identity_of(readout: Readout) -> dict[str, Any]:
    """JSON values of a readout, its annotation by its digest: a file may be moved."""
    identity = readout.identity()
    return identity if readout.gtf is None else {**identity, "gtf": digest(readout.gtf)}


def _strand(readout: Readout) -> str | None:
    """The strand of the tracks that are read: of a neighbour's own unless the readout says."""
    return readout.strand or ("+" if readout.of == "neighbours" else None)
