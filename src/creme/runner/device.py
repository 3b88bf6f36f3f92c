"""The model at work: batches of mutants in, kept values out."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf

import numpy as np
from numpy.typing import NDArray

from creme.errors import CremeError, ModelError
from creme.model import Model, Selection
from creme.runner.windowed import Windowed
from creme.sequence import Sequenceable, onehot_table
from creme.split import SplitModel


class Device:
    """A model with its selection, fed with sequences.

    A `SplitModel` is evaluated by windows, unless it says ``exact = "full"``.

    Parameters
    ----------
    model : Model
    selection : Selection
        The bins and tracks that are kept of each prediction.
    """

    def __init__(self, model: Model, selection: Selection) -> None:
        self.model = model
        self.selection = selection
        self._table = onehot_table(model.n_value)
        self._buffer = np.empty((0, model.input_length, 4), dtype=np.float32)
        self._windowed: Windowed | None = None
        if isinstance(model, SplitModel) and model.exact == "windowed":
            self._windowed = Windowed(model, selection)

    def predict(self, batch: SequenceOf[Sequenceable]) -> NDArray[np.float32]:
        """Kept values of a batch, (len(batch), bins, tracks) float32.

        Not to be called by two threads at once: the one-hot batch is a buffer that is reused.

        Raises
        ------
        ModelError
            If the model fails or returns another shape.
        """
        try:
            values = np.asarray(self._predict(batch))
        except CremeError:
            raise
        except Exception as error:
            raise ModelError(
                f"model {self.model.name} failed on a batch of {len(batch)}: "
                f"{type(error).__name__}: {error}"
            ) from error
        expected = (len(batch), *self.selection.shape)
        if values.shape != expected:
            raise ModelError(
                f"model {self.model.name} returned an array of shape {values.shape} where "
                f"{expected} was described"
            )
        # A model may hand out a buffer of its own; what is kept must not change under it.
        return np.array(values, dtype=np.float32, order="C")

    def _predict(self, batch: SequenceOf[Sequenceable]) -> NDArray[np.float32]:
        if self._windowed is not None:
            return self._windowed.predict(batch)
        if len(self._buffer) < len(batch):
            shape = (len(batch), self.model.input_length, 4)
            self._buffer = np.empty(shape, dtype=np.float32)
        onehot = self._buffer[: len(batch)]
        for row, sequence in zip(onehot, batch, strict=True):
            np.take(self._table, sequence.sequence.codes, axis=0, out=row, mode="clip")
        return self.model.predict_selected(onehot, self.selection)
