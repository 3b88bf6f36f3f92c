"""The model at work: batches of mutants in, kept values out."""

from __future__ import annotations

import threading
import warnings
from collections import deque
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as SequenceOf
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from creme.adapters.split import SplitModel
from creme.errors import CremeError, CremeWarning, ModelError, listing
from creme.inference.batching import Batching
from creme.inference.feature_memory import Coded
from creme.inference.rows import Buffer
from creme.inference.windowed import Windowed
from creme.model import Model, Selection
from creme.rounding import ROUNDING, UNLIKE, relative_difference
from creme.selection import require_real
from creme.sequence import Sequenceable


@dataclass(frozen=True)
class Batch:
    """Sequences that are ready for the model.

    Attributes
    ----------
    sequences : list of Sequence or Mutant
    rows : array, optional
        One-hot, (len(sequences), length, 4) float32, or codes, (len(sequences), length) uint8, as
        the model takes them. None where it is evaluated by windows, or where there was no memory.
    coded : list of Coded, optional
        What a model takes that is evaluated by windows.
    buffer : Buffer, optional
        What `rows` is a part of; it is used again after the batch.
    order : list of int, optional
        Where each of them stood among those to predict; as here unless given.
    """

    sequences: SequenceOf[Sequenceable]
    rows: NDArray[Any] | None = None
    coded: SequenceOf[Coded] | None = None
    buffer: Buffer | None = None
    order: SequenceOf[int] | None = None

    def __len__(self) -> int:
        return len(self.sequences)

    def part(self, places: slice) -> Batch:
        """Those of these places."""
        rows = None if self.rows is None else self.rows[places]
        coded = None if self.coded is None else self.coded[places]
        return Batch(self.sequences[places], rows, coded)


class Device:
    """A model with its selection, fed with sequences.

    A `SplitModel` is evaluated by windows, unless it says ``exact = "full"``. A batch that does not
    fit into memory is predicted in halves.

    Parameters
    ----------
    model : Model
    selection : Selection
        The bins and tracks that are kept of each prediction.
    batch_size : int or 'auto', optional
        See `creme.inference.batching.Batching`.
    differences : dict of int to float, optional
        Those that were measured before.
    rooms : int
        Batches that are in memory at once: each is written over the one that came so many before.

    Attributes
    ----------
    batching : Batching
        How many sequences a batch should have.
    differences : dict of int to float
        By size of batch, measured once at the first full batch: how far its first sequence's values
        are from those that it has alone, relative to the largest of them. Many kernels round
        differently by batch size.
    repeat_first : bool
        Whether the first sequence of the next batch is predicted again, to find a model that is
        random or has a state; that is done once.
    repeats : int
        Predictions that were made for it.
    """

    def __init__(
        self,
        model: Model,
        selection: Selection,
        batch_size: int | Literal["auto"] | None = None,
        differences: Mapping[int, float] | None = None,
        rooms: int = 1,
    ) -> None:
        self.model = model
        self.selection = selection
        self.batching = Batching(model, batch_size)
        self.differences = dict(differences or {})
        self.repeat_first = False
        self.repeats = 0
        self._compared = {1, *self.differences}
        self._rooms, self._lent = rooms, 0
        self._buffers: deque[Buffer | None] = deque([None] * rooms)
        self._leaves_input = False
        self._lock = threading.Lock()
        self._windowed: Windowed | None = None
        if isinstance(model, SplitModel) and model.exact == "windowed":
            self._windowed = Windowed(model, selection)

    def skip(self, sizes: Iterable[int]) -> None:
        """Measure no differences of these sizes of batch: they are known by now."""
        self._compared |= set(sizes)

    def prepare(self, sequences: SequenceOf[Sequenceable]) -> Batch:
        """Encode a batch; another thread may be predicting one meanwhile."""
        if self._windowed is not None:
            return Batch(sequences, coded=self._windowed.prepare(sequences))
        with self._lock:
            buffer = self._buffers.popleft() if self._buffers else None
            self._lent += 1
        try:
            if buffer is None or len(buffer) < len(sequences):
                buffer = self._room(len(sequences))
            order = buffer.arranged(sequences)
            if order == list(range(len(sequences))):
                return Batch(sequences, buffer.write(sequences), buffer=buffer)
            ordered = [sequences[place] for place in order]
            return Batch(ordered, buffer.write(ordered), buffer=buffer, order=order)
        except MemoryError:
            self._give_back(None)
            return Batch(sequences)  # in parts, then

    def _give_back(self, buffer: Buffer | None) -> None:
        """Let a later batch be written over this one, unless it had more than its rooms."""
        with self._lock:
            self._lent -= 1
            if len(self._buffers) + self._lent < self._rooms:
                self._buffers.append(buffer)

    def _room(self, rows: int) -> Buffer:
        """A buffer for so many sequences, and for the full batches that are to come."""
        size = self.batching.size
        if rows < size:
            with suppress(MemoryError):
                return self._buffer(size)
        return self._buffer(rows)

    def _buffer(self, rows: int) -> Buffer:
        n_value = None if self.model.takes_codes else self.model.n_value
        return Buffer(rows, self.model.input_length, n_value)

    def predict(self, batch: SequenceOf[Sequenceable] | Batch) -> NDArray[np.float32]:
        """Kept values of a batch, (len(batch), bins, tracks) float32.

        Not to be called by two threads at once. A batch from `prepare` is predicted once: its
        memory is used again.

        Raises
        ------
        ModelError
            If the model fails, returns another shape, or has no memory for a single sequence.
        """
        if not isinstance(batch, Batch):
            batch = self.prepare(batch)
        try:
            began = perf_counter()
            values = self._predict(batch)
            self.batching.ran(len(batch), perf_counter() - began)
            self._compare(batch, values)
        finally:
            if batch.buffer is not None:
                # All of the first batch, and a sample of later ones.
                whole = not self._leaves_input
                self._leaves_input = batch.buffer.check(batch.sequences, whole=whole)
                self._give_back(batch.buffer)
        return values if batch.order is None else values[np.argsort(batch.order)]

    def _predict(self, batch: Batch) -> NDArray[np.float32]:
        """As much at once as memory allows."""
        try:
            return self._forward(batch)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if not isinstance(error, Exception) or not self.model.is_out_of_memory(error):
                raise self._failed(error, len(batch)) from error
            # What the frames hold is memory too.
            failure: Exception = error.with_traceback(None)
            failure.__context__ = None
        self.batching.exceeded(len(batch))
        if len(batch) > 1:
            half = len(batch) // 2
            halves = slice(half), slice(half, None)
            parts = [self._predict(batch.part(places)) for places in halves]
            return np.concatenate(parts)
        if self._windowed is not None and self._windowed.forget():
            return self._predict(batch)
        raise ModelError(
            f"model {self.model.name}: a single sequence of {self.model.input_length} bp does not "
            f"fit into memory: {type(failure).__name__}: {failure}"
        ) from failure

    def _forward(self, batch: Batch) -> NDArray[np.float32]:
        if self._windowed is not None:
            output = self._windowed.predict(batch.coded or batch.sequences)
        else:
            rows = batch.rows
            if rows is None:
                rows = self._buffer(len(batch)).write(batch.sequences)
            output = self._output(rows, batch.sequences)
        values = np.asarray(output)
        expected = (len(batch), *self.selection.shape)
        if values.shape != expected:
            raise ModelError(
                f"model {self.model.name} returned an array of shape {values.shape} where "
                f"{expected} was described"
            )
        require_real(output)
        # A model may hand out a buffer of its own; what is kept must not change under it.
        return np.array(values, dtype=np.float32, order="C")

    def _output(self, rows: NDArray[Any], sequences: SequenceOf[Sequenceable]) -> Any:
        model = self.model
        if not model.inputs:
            return model.predict_selected(rows, self.selection)
        beside = [sequence.base.inputs for sequence in sequences]
        if any(len(each) != len(model.inputs) for each in beside):
            raise ModelError(
                f"model {model.name} takes {listing(model.inputs)} beside a sequence, and one has "
                f"{min(map(len, beside))} numbers: a mutant has those of the sequence that it is "
                f"made of (Sequence.with_inputs)"
            )
        inputs = np.array(beside, dtype=np.float32)
        return model.predict_with_inputs(rows, inputs, self.selection)

    def _alone(self, batch: Batch) -> NDArray[np.float32]:
        """Values of the first sequence without the others, from nothing that they have computed."""
        first = batch.part(slice(1))
        if self._windowed is None:
            return self._forward(first)[0]
        afresh = Windowed(self._windowed.model, self.selection)
        afresh.predict([first.sequences[0].base])
        return afresh.predict(first.sequences)[0]

    def _failed(self, error: BaseException, n: int) -> CremeError:
        """The error of a model that failed, whatever it raised: SystemExit would end a thread."""
        if isinstance(error, CremeError):
            return error
        return ModelError(
            f"model {self.model.name} failed on a batch of {n}: {type(error).__name__}: {error}"
        )

    def _compare(self, batch: Batch, values: NDArray[np.float32]) -> None:
        """Measure what a batch changes of its first sequence's values, once for each size.

        Of the first batch also whether that sequence has the same values twice.
        """
        size, repeat = len(batch), self.repeat_first
        measure = (
            size not in self._compared and size == self.batching.size and self.batching.settled
        )
        if not (measure or repeat):
            return
        self.repeat_first = False
        if measure:
            self._compared.add(size)
        alone = self._once_more(batch)
        if alone is None:
            return
        self.repeats += repeat
        apart = float(np.abs(values[0] - alone).max(initial=0.0))
        largest = float(np.abs(alone).max(initial=0.0))
        if not np.isfinite(apart):
            return
        difference = apart / largest if largest else apart
        if measure:
            self.differences[size] = difference
        if repeat and difference > ROUNDING:
            self._refuse_random(batch, alone, difference)

    def _once_more(self, batch: Batch) -> NDArray[np.float32] | None:
        """Values of the first sequence alone; None where there is no memory for it."""
        try:
            return self._alone(batch)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if isinstance(error, Exception) and self.model.is_out_of_memory(error):
                return None
            raise self._failed(error, 1) from error

    def _refuse_random(self, batch: Batch, alone: NDArray[np.float32], in_batch: float) -> None:
        """Tell a model that is random or has a state from one that rounds by size of batch.

        Raises
        ------
        ModelError
            If a sequence alone has two predictions that differ by more than `UNLIKE`.

        Warns
        -----
        CremeWarning
            If they differ by more than `ROUNDING`; or those alone and in a batch by `UNLIKE`.
        """
        again = self._once_more(batch)
        if again is None:
            return
        self.repeats += 1
        name = f"model {self.model.name}"
        difference = relative_difference(alone, again)
        # The batch was its own where it had one sequence.
        if len(batch) == 1:
            difference = max(difference, in_batch)
        if difference > UNLIKE:
            raise ModelError(
                f"{name} gives other predictions of the same sequence each time: two differ by "
                f"{difference:.1e} of their largest value. Switch off what is random or changes "
                f"with each prediction (dropout, sampling, training mode), or seed it for each"
            )
        if difference > ROUNDING:
            warnings.warn(
                f"{name}: two predictions of the same sequence differ by {difference:.1e} of their "
                f"largest value",
                CremeWarning,
                stacklevel=2,
            )
        elif in_batch > UNLIKE:
            warnings.warn(
                f"{name}: a sequence's prediction in a batch of {len(batch)} differs from the one "
                f"that it has alone by {in_batch:.1e} of its largest value",
                CremeWarning,
                stacklevel=2,
            )
