"""Models: what makes predictions."""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from creme.errors import ConfigError, ModelError, listing
from creme.fingerprint import NotInFingerprint, settings_identity
from creme.parameters import Parameters
from creme.readout import BoundReadout, Readout, Selection, bin_choices
from creme.tracks import Track, TrackTable, is_index, shortened

if TYPE_CHECKING:
    from creme.files.fetch import Download


__all__ = [
    "BoundReadout",
    "Model",
    "NotInFingerprint",
    "Readout",
    "Selection",
    "Track",
    "TrackTable",
]

_INPUT = {"predict", "predict_selected", "encode"}
"""Methods that are given a batch."""

_OUT_OF_MEMORY = ("OutOfMemoryError", "ResourceExhaustedError")
# onnxruntime, JAX, CUDA's libraries and PyTorch on a CPU have no type of their own for it.
_NO_MEMORY = re.compile(
    r"out of memory|not enough memory|can't allocate memory|failed to allocate memory"
    r"|RESOURCE_EXHAUSTED|_ALLOC_FAILED",
    re.IGNORECASE,
)


class Model(Parameters, ABC):
    """A sequence-based DNN, or anything that maps a sequence to binned tracks.

    A subclass declares its parameters as annotated fields, sets ``name`` and ``version``, describes
    its output grid, and implements `predict`. Heavy things (frameworks, weights) are imported and
    loaded at the first prediction, not in the constructor, so that describing a model is cheap and
    the object can be pickled to a worker.

    Attributes
    ----------
    name : str
        The name that it is registered by.
    version : str
        Of the architecture's code: raise it whenever the same weights give other numbers.
    n_value : float
        The value of all four channels of an N.
    batch_size : int
        Sequences predicted at once, or to begin with, unless the user says otherwise.
    takes_codes : bool
        Whether `predict`, `predict_selected` and an `encode` take codes as well as one-hot, and so
        a GPU is sent a byte a base. False in a class that overrides one of them and does not say.
    downloads : dict of str to tuple of `creme.files.fetch.Download`
        Published weights and tables by the name of a set, for ``creme models fetch``.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    n_value: ClassVar[float] = 0.25
    batch_size: ClassVar[int] = 1
    takes_codes: ClassVar[bool] = False
    downloads: ClassVar[dict[str, tuple[Download, ...]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # What was written for one-hot would read codes wrongly, and not always with an error.
        if "takes_codes" not in vars(cls) and not _INPUT.isdisjoint(vars(cls)):
            cls.takes_codes = False

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
    def tss(self) -> int:
        """Input position at which a locus's TSS base is put."""
        return self.input_length // 2

    @property
    def receptive_field(self) -> int | None:
        """How far beyond its own bases a bin sees, bp on either side; None if that is not known.

        For convolutions the sum of ``dilation * (kernel - 1) / 2 * (stride of its input)``. It
        changes no prediction: `creme.testing` checks with it that positions are what they should
        be, so it is to be exact and not an upper limit. A bin that depends on everything, as behind
        attention, has none.
        """
        return None

    @property
    @abstractmethod
    def tracks(self) -> TrackTable:
        """The output tracks."""

    def identity(self) -> dict[str, Any]:
        """JSON values that tell this model's numbers from another's.

        All settings unless overridden, with files by their digest, and without those that are
        declared with `creme.fingerprint.NotInFingerprint`: device, sizes of batches, caches. Name,
        version, grid and `n_value` are added by `fingerprint`. A model that overrides it gives
        digests of the weights and every setting that changes the output (head, transform, padding,
        precision); paths and devices do not belong here.

        Raises
        ------
        ModelError
            If a file cannot be read, or a setting has no form in JSON.
        """
        return settings_identity(self)

    @abstractmethod
    def predict(self, onehot: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict whole outputs.

        Parameters
        ----------
        onehot : array of float32, shape (B, input_length, 4)
            Must not be modified. A row of N is `n_value` in all four channels. Where `takes_codes`
            is true it may be codes, uint8 of shape (B, input_length), A C G T N = 0 1 2 3 4: the
            model makes its one-hot of them, on its own device, and gives the same numbers.

        Returns
        -------
        array of float32, shape (B, n_bins, len(tracks))
        """

    def predict_selected(
        self, onehot: NDArray[np.float32], selection: Selection
    ) -> NDArray[np.float32]:
        """Predict only some bins and tracks; override where the model can compute only these.

        Returns
        -------
        array of float32, shape (B, len(selection.bins), len(selection.tracks))
            Equal to ``selection.take(self.predict(onehot))``.
        """
        return selection.take(self.predict(onehot))

    def environment(self) -> dict[str, Any]:
        """The device and the versions that this process predicts with.

        JSON values for people to read, kept with the results; empty before the first prediction.
        """
        return {}

    def free_memory(self) -> int | None:
        """Bytes that are free on the GPU that holds the loaded network; None if there is no GPU.

        Where it is known, the size of batches is found by trying unless the user gives it.
        """
        return None

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether a prediction failed for want of memory, so that a smaller batch may succeed.

        Knows Python's own error, those of PyTorch, TensorFlow, JAX and onnxruntime, and errors
        that were raised from them.
        """
        reason: BaseException | None = error
        while reason is not None:
            if isinstance(reason, MemoryError) or type(reason).__name__ in _OUT_OF_MEMORY:
                return True
            if isinstance(reason, Exception) and _NO_MEMORY.search(str(reason)):
                return True
            reason = reason.__cause__
        return False

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) of all that changes a prediction."""
        text = json.dumps(self._fingerprinted(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def check_unchanged(self) -> None:
        """Say so if the files of a model are others than those of its fingerprint.

        To be called where weights have just been read: predictions are kept by the fingerprint.

        Raises
        ------
        ModelError
            If the fingerprint was asked for before, and is another one now.
        """
        before = self.__dict__.get("fingerprint")
        # Computed anew: what is cached is what was there before.
        if before is not None and vars(Model)["fingerprint"].func(self) != before:
            raise ModelError(
                f"model {self.name}: its weights have been changed since it was set up; start again"
            )

    def _fingerprinted(self) -> dict[str, Any]:
        return {
            "model": self.name,
            "version": self.version,
            "n_value": self.n_value,
            "grid": [self.input_length, self.output_start, self.bin_size, self.n_bins],
            "identity": self.identity(),
        }

    def tss_bin(self) -> int:
        """The bin that holds the TSS base.

        Raises
        ------
        ModelError
            If the TSS lies outside the output.
        """
        index = (self.tss - self.output_start) // self.bin_size
        if not 0 <= index < self.n_bins:
            raise ModelError(f"model {self.name}: the TSS at {self.tss} lies outside its output")
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

    def _named_bins(self, bins: str) -> tuple[int, ...]:
        if bins == "tss":
            return (self.tss_bin(),)
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
            f"bins = {bins}: model {self.name} has bins 0 to {self.n_bins - 1}, and at least one "
            f"must be chosen"
        )

    @property
    def members(self) -> tuple[Model, ...]:
        """The models whose mean this one is, if there are several; see `Ensemble`."""
        return ()

    def bind(self, readout: Readout, selection: Selection) -> BoundReadout:
        """A readout of chosen bins with its place in a selection, and labels for its activities.

        Raises
        ------
        ConfigError
            If the readout asks for a bin or a track that the selection does not keep, or is one of
            loci, which `creme.runner.locus_readouts` binds.
        """
        title = f"readout {readout.name!r}" if readout.name else "readout"
        if readout.by_locus or readout.minus is not None:
            raise ConfigError(f"{title}: it depends on the locus or on another readout")
        try:
            bins = self.bins_read(readout, selection)
            return self.bound(
                readout, selection, bins, self.tracks_read(readout, selection), readout.weights
            )
        except ConfigError as error:
            raise ConfigError(f"{title}: {error}") from None

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
        bin_places = {index: place for place, index in enumerate(selection.bins)}
        if missing := [index for index in bins if index not in bin_places]:
            raise ConfigError(
                f"bins {listing(missing)} are not among those that the model keeps; add them to "
                f"[model] bins"
            )
        track_places = {index: place for place, index in enumerate(selection.tracks)}
        if missing := [index for index in tracks if index not in track_places]:
            names = listing(self.tracks[index].name for index in missing)
            raise ConfigError(
                f"tracks {names} are not among those that the model keeps; add them to [model] "
                f"tracks"
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
        )

    def bins_read(self, readout: Readout, selection: Selection) -> tuple[int, ...]:
        """The bins of the model's output that a readout chooses, the same for all loci.

        Raises
        ------
        ConfigError
            If one does not exist.
        """
        if readout.bins is None:
            return selection.bins
        assert not isinstance(readout.bins, dict), "of a locus: `Readout.at`"
        chosen = self.select_bins(readout.bins)
        if not readout.flank:
            return chosen
        first, last = chosen[0] - readout.flank, chosen[-1] + readout.flank
        if first < 0 or last >= self.n_bins:
            raise ConfigError(
                f"flank = {readout.flank}: bins {first} to {last} are not all among the model's, 0 "
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
        if readout.tracks is None and strand is None:
            return selection.tracks
        assert not isinstance(readout.tracks, dict), "of a locus: `Readout.at`"
        table = self.tracks
        indices = set(table.select("all" if readout.tracks is None else readout.tracks, strand))
        tracks = tuple(index for index in selection.tracks if index in indices)
        by_index = readout.tracks is not None and all(map(is_index, readout.tracks))
        if not tracks or (by_index and len(tracks) < len(indices)):
            kept = (table[index].name for index in selection.tracks)
            raise ConfigError(
                f"tracks = {readout.tracks} are not among those that the model keeps "
                f"({listing(kept)}); add them to [model] tracks"
            )
        return tracks
