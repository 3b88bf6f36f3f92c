"""Effects that are within noise, as maps, tracks and tables mark them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creme.analysis.evidence import COMPARED, evidence

if TYPE_CHECKING:
    import xarray as xr

Q = 0.05
"""Effects with a q above it are within noise."""

TESTS = ("context_dependence", "necessity", "sufficiency")
"""The tests whose effects `creme.analysis.evidence.evidence` is about."""

_REPLICATES = "effect_replicates"


def q_values(dataset: xr.Dataset) -> xr.DataArray | None:
    """The q of each effect, over all loci and tiles of its track.

    Parameters
    ----------
    dataset : Dataset
        Of any test, whole: q depends on all effects of a track. One that has a variable ``q``
        keeps it.

    Returns
    -------
    DataArray or None
        With the dimensions of ``effect``, without coordinates; NaN where it is not known. None for
        a test that is none of `TESTS`, or without replicates.
    """
    if "q" in dataset.data_vars:
        return dataset["q"].reset_coords(drop=True)
    ours = dataset.attrs.get("test") in TESTS and _REPLICATES in dataset
    if not ours or dataset.sizes["replicate"] < 2 or not dataset[_REPLICATES].size:
        return None
    import xarray as xr

    needed = [_REPLICATES, *COMPARED[dataset.attrs["test"]]]
    inputs = {name: dataset[name].variable for name in needed if name in dataset.data_vars}
    dims = inputs[_REPLICATES].dims
    tracks = []
    for k in range(dataset.sizes["track"]):
        # A track at a time: all replicates of many loci take much memory.
        part = xr.Dataset(inputs, attrs=dataset.attrs).isel(track=[k])
        tracks.append(evidence(part)["q"])
    return xr.concat(tracks, dim="track").transpose(*(dim for dim in dims if dim != "replicate"))


def within_noise(dataset: xr.Dataset) -> xr.DataArray | None:
    """Where q is above `Q`; False where it is not known, None as `q_values`."""
    q = q_values(dataset)
    return None if q is None else q > Q
