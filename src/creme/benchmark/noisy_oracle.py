"""The oracle in which every base matters a little, as it does in a trained network."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from creme.models.oracle import OracleModel
from creme.testing.tests import RandomModel


class NoisyOracle(OracleModel):
    """The oracle times a random network's output to a small power.

    A shuffle changes the activity wherever it is, and no tile without sites does more than its
    shuffles: here q-values are put to the test.
    """

    name: ClassVar[str] = "noisy_oracle"
    takes_codes: ClassVar[bool] = False

    noise: float = Field(0.05, ge=0, description="power of the random network's output")

    def identity(self) -> dict[str, Any]:
        """That of the oracle, and the noise."""
        return {**super().identity(), "noise": self.noise}

    @cached_property
    def _random(self) -> RandomModel:
        return RandomModel(length=self.length)

    def predict(self, onehot: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict all bins and tracks; see `creme.model.Model.predict`."""
        values = super().predict(onehot)
        random = self._random.predict(onehot)[:, :1, :1]
        return np.asarray(values * random**self.noise, dtype=np.float32)
