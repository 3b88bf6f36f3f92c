"""The base of tests whose effect is a change of activity, on the scale that the user chooses."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from creme.suite.adaptive import AdaptiveTest, Measurements
from creme.suite.statistics import Variables, relative, result
from creme.test import remarked

_NO_LOGARITHM = (
    "activities at or below 0 have no logarithm, so that log ratios with them are NaN. Give the "
    "readout a transform ('exp', 'expm1') where the model's output is on a log scale, or the test "
    "effect = 'difference'"
)

_BELOW_MINIMUM = (
    "the activity of the wild type is below minimum_activity = {minimum:g}: {what} are flagged "
    "(below_minimum) and get no class"
)
_NO_DIVISION = ". effect = 'difference' does not divide by it"

MinimumActivity = Annotated[
    float | None,
    Field(
        allow_inf_nan=False,
        description="activity of the wild type below which effects are flagged and get no class",
    ),
]
"""Type of the field `minimum_activity`."""


def flagged(dataset: xr.Dataset, minimum: float, what: str, more: str = "") -> xr.Dataset:
    """A unit's Dataset with ``below_minimum``, (track,): whether its wild type is below a minimum.

    Parameters
    ----------
    dataset : Dataset
        With ``wild_type``, (track,).
    minimum : float
    what, more : str
        The values that are flagged, and the end of the remark, where there is any below it.
    """
    below = dataset["wild_type"].values < minimum
    dataset = dataset.assign(below_minimum=("track", below))
    if not below.any():
        return dataset
    return remarked(dataset, _BELOW_MINIMUM.format(minimum=minimum, what=what) + more)


class EffectTest(AdaptiveTest):
    """A test that compares an activity with a lower one that an enhancer would leave."""

    effect: Literal["relative", "difference", "log_ratio"] = Field(
        "relative",
        description="scale of the effect: a share of the wild type's activity, a difference of "
        "activities, or the log2 of their ratio; positive for an enhancer in all",
    )
    minimum_activity: MinimumActivity = None

    def identity(self) -> dict[str, Any]:
        """The parameters; without the scale where it is the usual one, and without no minimum."""
        identity = super().identity()
        # Results of before there was a choice stay those of the same experiment.
        for name in ("effect", "minimum_activity"):
            if getattr(self, name) == type(self).model_fields[name].default:
                del identity[name]
        return identity

    def effect_of(
        self, high: ArrayLike, low: ArrayLike, wild_type: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Effects on the test's scale.

        Parameters
        ----------
        high, low : array of float32
            Activities with and without what is tested; an enhancer's are higher with it.
        wild_type : array of float32, (track,)

        Returns
        -------
        array of float64
            (high - low) / wild_type, high - low, or log2(high / low); 0 where both are equal, and
            NaN where it is not defined: a wild type at or below 0, or a logarithm of such.
        """
        match self.effect:
            case "relative":
                return relative(np.subtract(high, low), wild_type)
            case "difference":
                return np.subtract(high, low, dtype=np.float64)
            case _:
                return _log2(high) - _log2(low)

    def effect_result(
        self, measured: Measurements, dims: tuple[str, ...], activities: Variables
    ) -> xr.Dataset:
        """A unit's Dataset of the effect and the raw activities, among them ``wild_type``.

        The attribute ``effect_scale`` says the scale where it is another than usual; with a
        minimum, ``below_minimum`` flags tracks whose wild type is below it.
        """
        divisor = "wild_type" if self.effect == "relative" else None
        dataset = result(measured.averaged("effect", dims), activities, divisor=divisor)
        if self.effect != "relative":
            dataset = dataset.assign_attrs(effect_scale=self.effect)
        if self.effect == "log_ratio" and any((v <= 0).any() for _, v in activities.values()):
            dataset = remarked(dataset, _NO_LOGARITHM)
        if self.minimum_activity is None:
            return dataset
        return flagged(dataset, self.minimum_activity, "effects", _NO_DIVISION)


def _log2(values: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(values, dtype=np.float64)
    return np.log2(values, out=np.full_like(values, np.nan), where=values > 0)
