"""The grids of a model's output: bins and tracks, and how activities are read from them."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable

from creme.errors import ConfigError, ModelError, listing
from creme.readout import BoundReadout, Readout, bin_choices
from creme.selection import Selection
from creme.tracks import TrackTable, is_index, shortened


class OutputGrid(ABC):
    """Bins of equal length with a value for every track: the output of a model, or of one head."""

    @property
    def title(self) -> str:
        """The grid's owner, in errors."""
        return f"model {getattr(self, 'name', type(self).__name__)}"

    @property
    def head_name(self) -> str:
        """The head whose grid this is; empty for a model's own."""
        return ""

    @property
    def _table(self) -> str:
        """The table of an experiment file that says what is kept of it."""
        return f"[model.heads.{self.head_name}]" if self.head_name else "[model]"

    @property
    @abstractmethod
    def input_length(self) -> int:
        """Length of the input, bp."""

    @property
    @abstractmethod
    def bin_size(self) -> int:
        """Length of an output bin, bp."""

    @property
    @abstractmethod
    def n_bins(self) -> int:
        """Number of output bins."""

    @property
    def output_start(self) -> int:
        """Input position of the first base of bin 0; the output is centred unless overridden."""
        return (self.input_length - self.n_bins * self.bin_size) // 2

    @property
    def output_end(self) -> int:
        """Input position after the last base of the last bin."""
        return self.output_start + self.n_bins * self.bin_size

    def turned(self, bins: Iterable[int]) -> list[int]:
        """The bins that have the same bases where the reverse complement is predicted."""
        return [self.n_bins - 1 - index for index in bins]

    @property
    def tss(self) -> int:
        """Input position at which a locus's TSS base is put."""
        return self.input_length // 2

    @property
    @abstractmethod
    def tracks(self) -> TrackTable:
        """The output tracks."""

    def tss_bin(self) -> int:
        """The bin that holds the TSS base.

        Raises
        ------
        ModelError
            If the TSS lies outside the output.
        """
        index = (self.tss - self.output_start) // self.bin_size
        if not 0 <= index < self.n_bins:
            raise ModelError(f"{self.title}: the TSS at {self.tss} lies outside its output")
        return index

    def select_bins(self, bins: int | str | Iterable[int]) -> tuple[int, ...]:
        """Indices of bins given as 'tss', 'all', 'first-last' (both included), one or several.

        Raises
        ------
        ConfigError
            If it is none of these, or a bin does not exist.
        """
        if isinstance(bins, str):
            return self._named_bins(bins)
        try:
            chosen = set(bin_choices(bins, self.n_bins))
        except ValueError as error:
            raise ConfigError(f"bins = {shortened(bins)} is not allowed: {error}") from None
        if not chosen or not all(0 <= index < self.n_bins for index in chosen):
            raise self._no_such_bins(shortened(bins))
        return tuple(sorted(chosen))

    def _named_bins(self, bins: str, flank: int = 0) -> tuple[int, ...]:
        """Bins given as text; `flank` on either side of the TSS's."""
        if bins == "tss":
            return self._flanked(self.tss_bin(), flank)
        if bins == "all":
            return tuple(range(self.n_bins))
        match = re.fullmatch(r"\s*(\d+)\s*-\s*(\d+)\s*", bins)
        if not match:
            raise ConfigError(
                f"bins = {shortened(bins)} is not allowed: give 'tss', 'all', 'first-last' or a "
                f"list of bins"
            )
        # Python reads no numbers of thousands of digits; a model has no such bin either.
        first, last = (int(text) if len(text) < 4000 else self.n_bins for text in match.groups())
        if not first <= last < self.n_bins:
            raise self._no_such_bins(shortened(bins))
        return tuple(range(first, last + 1))

    def _no_such_bins(self, bins: str) -> ConfigError:
        return ConfigError(
            f"bins = {bins}: {self.title} has bins 0 to {self.n_bins - 1}, and at least one "
            f"must be chosen"
        )

    def bound(
        self,
        readout: Readout,
        selection: Selection,
        bins: Iterable[int],
        tracks: Iterable[int],
        weights: Iterable[float] | None = None,
    ) -> BoundReadout:
        """A readout of given bins and tracks of the model's output.

        Raises
        ------
        ConfigError
            If a bin or a track is not kept, or there are not as many weights as bins.
        """
        bins, tracks = tuple(bins), tuple(tracks)
        weights = None if weights is None else tuple(weights)
        if weights is not None and len(weights) != len(bins):
            raise ConfigError(f"weights has {len(weights)} values for {len(bins)} bins: give each")
        kept = selection.of_head(self.head_name)
        bin_places = {index: place for place, index in enumerate(kept.bins)}
        if missing := [index for index in bins if index not in bin_places]:
            raise ConfigError(
                f"bins {listing(missing)} are not among those that the model keeps; add them to "
                f"{self._table} bins"
            )
        track_places = {index: place for place, index in enumerate(kept.tracks)}
        if missing := [index for index in tracks if index not in track_places]:
            names = listing(self.tracks[index].name for index in missing)
            raise ConfigError(
                f"tracks {names} are not among those that the model keeps; add them to "
                f"{self._table} tracks"
            )
        prefix = f"{readout.name}:" if readout.name else ""
        labels = tuple(prefix + self.tracks[index].name for index in tracks)
        if readout.over_tracks == "mean":
            labels = (readout.name or "mean",)
        return BoundReadout(
            bins=tuple(bin_places[index] for index in bins),
            tracks=tuple(track_places[index] for index in tracks),
            over_bins=readout.over_bins,
            over_tracks=readout.over_tracks,
            labels=labels,
            transform=readout.transform,
            pseudo_count=readout.pseudo_count,
            weights=weights,
            part=selection.part(self.head_name),
        )

    def bins_read(self, readout: Readout, selection: Selection) -> tuple[int, ...]:
        """The bins of the model's output that a readout chooses, the same for all loci.

        Raises
        ------
        ConfigError
            If one does not exist.
        """
        if readout.bins is None:
            return selection.of_head(self.head_name).bins
        assert not isinstance(readout.bins, dict), "of a locus: `Readout.at`"
        if not readout.flank:
            return self.select_bins(readout.bins)
        assert isinstance(readout.bins, str), "a flank is of named bins"
        return self._named_bins(readout.bins, readout.flank)

    def _flanked(self, bin_: int, flank: int) -> tuple[int, ...]:
        first, last = bin_ - flank, bin_ + flank
        if first < 0 or last >= self.n_bins:
            raise ConfigError(
                f"flank = {flank}: bins {first} to {last} are not all among the model's, 0 "
                f"to {self.n_bins - 1}"
            )
        return tuple(range(first, last + 1))

    def tracks_read(
        self, readout: Readout, selection: Selection, strand: str | None = None
    ) -> tuple[int, ...]:
        """The tracks of the model's output that a readout chooses among the kept ones.

        Parameters
        ----------
        readout : Readout
        selection : Selection
        strand : {'+', '-', '.'}, optional
            In place of the readout's own.

        Raises
        ------
        ConfigError
            If none is kept, or one that is chosen by its index is not.
        """
        strand = readout.strand if strand is None else strand
        kept_tracks = selection.of_head(self.head_name).tracks
        if readout.tracks is None and strand is None:
            return kept_tracks
        assert not isinstance(readout.tracks, dict), "of a locus: `Readout.at`"
        table = self.tracks
        indices = set(table.select("all" if readout.tracks is None else readout.tracks, strand))
        tracks = tuple(index for index in kept_tracks if index in indices)
        by_index = readout.tracks is not None and all(map(is_index, readout.tracks))
        if not tracks or (by_index and len(tracks) < len(indices)):
            kept = (table[index].name for index in kept_tracks)
            raise ConfigError(
                f"tracks = {readout.tracks} are not among those that the model keeps "
                f"({listing(kept)}); add them to {self._table} tracks"
            )
        return tracks
