"""The model plugin ``alphagenome``: predictions of the hosted service."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from creme import Model, Selection, Sequence, TrackTable
from creme.errors import ConfigError, ModelError, listing
from creme.sequence import N, onehot_table
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, StringConstraints, field_validator, model_validator

from creme_alphagenome.retry import Ended, RequestBatch
from creme_alphagenome.service import PUBLIC, Reply, Service, address, sdk_version
from creme_alphagenome.tracks import Offer, Record, choose, digest, keep, kept, table

RESOLUTIONS = {
    "atac": 1,
    "cage": 1,
    "chip_histone": 128,
    "chip_tf": 128,
    "dnase": 1,
    "procap": 1,
    "rna_seq": 1,
    "splice_sites": 1,
    "splice_site_usage": 1,
}
"""bp from one value of the service to the next, by output."""

_NO_PROFILES = {
    "contact_maps": "contact maps are values of pairs of positions, not a profile",
    "splice_junctions": "splice junctions are values of pairs of positions, not a profile",
}

Term = Annotated[str, StringConstraints(pattern=r"^(CLO|UBERON|CL|EFO|NTR):\d{7}$")]


class AlphaGenome(Model):
    """One output of AlphaGenome, predicted by the hosted service: a request a sequence.

    The API key is taken from the environment (``ALPHAGENOME_API_KEY``) when it is first needed. The
    table of tracks is asked for once and kept in the cache folder, so that describing the model
    needs no network; before the first prediction of a process it is compared with the service's.

    Raises
    ------
    ConfigError
        If a setting is not allowed; from `tracks`, if the output or a term has no tracks.
    ModelError
        If the SDK or the key is missing, or the service refuses, or fails for too long.
    """

    name: ClassVar[str] = "alphagenome"
    version: ClassVar[str] = "1"
    frameworks: ClassVar[tuple[str, ...]] = ("alphagenome", "grpcio")
    """Distributions whose versions are kept with the results."""

    output: Literal[
        "atac",
        "cage",
        "chip_histone",
        "chip_tf",
        "dnase",
        "procap",
        "rna_seq",
        "splice_sites",
        "splice_site_usage",
    ] = Field(description="what is predicted")
    ontology_terms: tuple[Term, ...] | None = Field(
        None, min_length=1, description="samples, such as EFO:0002067; all unless given"
    )
    organism: Literal["human", "mouse"] = "human"
    length: Literal[16384, 131072, 524288, 1048576] = Field(1048576, description="of the input, bp")
    resolution: int = Field(
        128, ge=1, description="length of a bin, bp: the mean of the service's values within it"
    )
    model_version: Literal["all_folds", "fold_0", "fold_1", "fold_2", "fold_3"] = Field(
        "all_folds", description="all_folds is the published model; fold_N was not shown fold N"
    )
    concurrency: int = Field(5, ge=1, le=64, description="requests at the same time, at most")
    patience: float = Field(
        600.0, ge=0.0, description="seconds for which a request that failed is repeated"
    )

    _lock: Any = PrivateAttr(default_factory=threading.RLock)
    _address: str = PrivateAttr(default_factory=address)
    _service: Service | None = PrivateAttr(default=None)
    _records: tuple[Record, ...] | None = PrivateAttr(default=None)
    _compared: bool = PrivateAttr(default=False)
    _predicted: set[str] = PrivateAttr(default_factory=set)

    @field_validator("output", mode="before")
    @classmethod
    def _a_profile(cls, output: Any) -> Any:
        if isinstance(output, str) and output in _NO_PROFILES:
            raise ValueError(f"{_NO_PROFILES[output]} along the sequence")
        return output

    @field_validator("ontology_terms")
    @classmethod
    def _once(cls, terms: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if terms is not None and len(set(terms)) < len(terms):
            raise ValueError("each term is given once")
        return terms

    @model_validator(mode="after")
    def _divides(self) -> Self:
        native = RESOLUTIONS[self.output]
        if self.resolution % native or self.length % self.resolution:
            raise ValueError(
                f"resolution = {self.resolution} is not allowed: {self.output} has a value for "
                f"each {native} bp, so give a multiple of {native} that divides {self.length}"
            )
        return self

    @property
    def batch_size(self) -> int:  # type: ignore[override]
        """As many sequences as are asked for at the same time."""
        return self.concurrency

    @property
    def input_length(self) -> int:
        """Length of the input, bp."""
        return self.length

    @property
    def bin_size(self) -> int:
        """Length of an output bin, bp."""
        return self.resolution

    @property
    def n_bins(self) -> int:
        """Number of output bins: they cover the whole input."""
        return self.length // self.resolution

    @cached_property
    def tracks(self) -> TrackTable:
        """The output's tracks that belong to one of the terms, in the service's order."""
        return table(self._chosen(), self.output)

    def identity(self) -> dict[str, Any]:
        """Output, organism, model version, and a digest of what the service says of the tracks.

        The service does not say which weights it runs. A private endpoint's address is part of it.
        """
        return {
            "output": self.output,
            "organism": self.organism,
            "model_version": self.model_version,
            "tracks": digest(self._chosen()),
            "address": None if self._address == PUBLIC else self._address,
        }

    def environment(self) -> dict[str, Any]:
        """Service, model version, versions, and days (UTC), once something was predicted."""
        if not self._predicted:
            return {}
        return {
            "service": self._address,
            "model_version": self.model_version,
            **{name: version(name) for name in self.frameworks},
            "predicted": sorted(self._predicted),
        }

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Only Python's own error: a used-up quota (RESOURCE_EXHAUSTED) is no matter of memory."""
        return isinstance(error, MemoryError)

    def predict(self, onehot: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict all bins and tracks; see `creme.model.Model.predict`.

        Raises
        ------
        ModelError
            If the input has another shape or is not one-hot, or the service fails.
        """
        return self._together(onehot, None)

    def predict_selected(
        self, onehot: NDArray[np.float32], selection: Selection
    ) -> NDArray[np.float32]:
        """Predict, and keep of each reply only some bins and tracks."""
        return self._together(onehot, selection)

    def __reduce__(self) -> tuple[Any, ...]:
        # The connection, and with it the key, stay in their process.
        return _again, (type(self), {name: getattr(self, name) for name in type(self).model_fields})

    def _together(
        self, onehot: NDArray[np.float32], selection: Selection | None
    ) -> NDArray[np.float32]:
        if onehot.ndim != 3 or onehot.shape[1:] != (self.length, 4):
            raise ModelError(
                f"model alphagenome: the input has shape {onehot.shape}, and "
                f"(B, {self.length}, 4) is needed"
            )
        shape = (self.n_bins, len(self.tracks)) if selection is None else selection.shape
        values = np.empty((len(onehot), *shape), dtype=np.float32)
        if not len(onehot):
            return values
        connection = self._connection()
        batch = RequestBatch()

        def one(place: int) -> None:
            values[place] = self._one(connection, onehot[place], selection, batch)

        pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix="creme-alphagenome")
        try:
            futures = [pool.submit(one, place) for place in range(len(onehot))]
            wait(futures, return_when=FIRST_EXCEPTION)
            for error in _errors(futures):
                raise error
        finally:
            batch.end()  # nothing is left of it, unless a request failed or the user interrupted
            pool.shutdown(wait=True, cancel_futures=True)
        self._predicted.add(datetime.now(UTC).date().isoformat())
        return values

    def _one(
        self,
        connection: Service,
        row: NDArray[np.float32],
        selection: Selection | None,
        batch: RequestBatch,
    ) -> NDArray[np.float32]:
        sequence = self._sequence(row)
        request = connection.request(
            str(sequence),
            organism=self.organism,
            output=self.output,
            ontology_terms=self.ontology_terms,
            model_version=self.model_version,
        )
        reply = connection.predict(request, sequence.digest.hex(), batch)
        return self._binned(reply, selection)

    def _sequence(self, row: NDArray[np.float32]) -> Sequence:
        """The bases of one row; N where all four channels are `n_value`."""
        codes = np.where(row.max(axis=1) == 1.0, row.argmax(axis=1), N).astype(np.uint8)
        if not np.array_equal(onehot_table(self.n_value).take(codes, axis=0), row):
            raise ModelError(
                f"model alphagenome takes bases: a position of the input is neither one of them "
                f"nor N ({self.n_value} in all four channels)"
            )
        return Sequence(codes)

    def _binned(self, reply: Reply, selection: Selection | None) -> NDArray[np.float32]:
        """Means within bins, of the table's tracks in its order."""
        native = RESOLUTIONS[self.output]
        if reply.resolution != native:
            raise ModelError(
                f"model alphagenome: the service sent {self.output} at {reply.resolution} bp, and "
                f"{native} bp was expected; a newer creme-alphagenome may know of it"
            )
        places = {key: place for place, key in enumerate(reply.tracks)}
        wanted = [(record.name, record.strand) for record in self._chosen()]
        if len(places) < len(reply.tracks):
            raise ModelError("model alphagenome: the service sent a track twice")
        missing = [" ".join(key) for key in wanted if key not in places]
        if missing:
            raise ModelError(
                f"model alphagenome: the service's reply lacks tracks of {self.output} that it "
                f"lists: {listing(missing)}"
            )
        columns = [places[key] for key in wanted]
        parts = reply.values.reshape(self.n_bins, self.resolution // native, len(reply.tracks))
        if selection is not None:
            parts = parts[list(selection.bins)]
            columns = [columns[index] for index in selection.tracks]
        return parts.mean(axis=1, dtype=np.float64)[:, columns].astype(np.float32)

    def _connection(self) -> Service:
        """The connection, once the tracks were compared with the service's."""
        with self._lock:
            if self._service is None:
                self._service = Service(self._address, self.patience)
            if not self._compared:
                self._compare(self._service)
                self._compared = True
            return self._service

    def _compare(self, connection: Service) -> None:
        described = self._chosen()
        if self._compared:  # they were not on disk, and have just been asked for
            return
        offer = self._ask(connection)
        try:
            same = choose(offer, self.output, self.ontology_terms, self.organism) == described
        except ConfigError:
            same = False
        if not same:
            raise ModelError(
                "model alphagenome: the service's tracks have changed since they were last asked "
                "for; run again, and the predictions get a fingerprint of their own"
            )

    def _chosen(self) -> tuple[Record, ...]:
        with self._lock:
            if self._records is None:
                offer = kept(self.organism, self._address, sdk_version())
                if offer is None:
                    if self._service is None:
                        self._service = Service(self._address, self.patience)
                    offer = self._ask(self._service)
                    self._compared = True
                self._records = choose(offer, self.output, self.ontology_terms, self.organism)
            return self._records

    def _ask(self, connection: Service) -> Offer:
        offer = connection.metadata(self.organism)
        keep(offer, self.organism, self._address, sdk_version())
        return offer


def _errors(futures: list[Future[None]]) -> Iterator[BaseException]:
    """The failures of requests, without the requests that were ended because of them."""
    for future in futures:
        error = future.exception() if future.done() and not future.cancelled() else None
        if error is not None and not isinstance(error, Ended):
            yield error


def _again(cls: type[AlphaGenome], fields: dict[str, Any]) -> AlphaGenome:
    return cls(**fields)
