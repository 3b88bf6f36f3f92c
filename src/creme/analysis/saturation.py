"""Saturation of activity with copies of a CRE."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from creme.errors import ConfigError


def saturation(
    dataset: xr.Dataset, *, confidence: float = 0.95, resamples: int = 200, seed: int = 0
) -> xr.Dataset:
    """Fit a saturating curve to the fold change over copies.

    y(n) = y(0) + (plateau - y(0)) n / (n + half), where y(0) is measured, TSS-CONTROL / CONTROL,
    and n the number of copies.

    Parameters
    ----------
    dataset : Dataset
        Of the multiplicity test.
    confidence : float
        Of the intervals.
    resamples : int
        Of the replicates, with replacement, for the uncertainty.
    seed : int

    Returns
    -------
    Dataset, (locus, tile, search, track)
        ``plateau``, a fold change, and ``half``, the copies that go half of the way, each with
        ``_se``, ``_low`` and ``_high``; ``baseline``, y(0); ``rmse`` of the fit; and ``saturates``:
        whether the upper end of `half` lies below the number of copies measured, so that the
        plateau is no extrapolation. NaN where `half` itself lies beyond them, where there are fewer
        than three copies, or where the curve does not leave y(0). One replicate has no interval,
        and so cannot be said to saturate.

    Notes
    -----
    Section "Does Enformer learn a sigmoidal function of gene expression?" and Supplementary
    Figure 5 speak of saturation without a formula; this is the simplest with a plateau.
    """
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence = {confidence}: it lies between 0 and 1")
    copies = dataset["copies"].values.astype(np.float64)
    control = dataset["control"].astype(np.float64)
    start = dataset["tss_control"] / control.where(control != 0)
    change = dataset["fold_change_replicates"].astype(np.float64)
    start = start.broadcast_like(change.isel(copy=0, drop=True))
    order = ("locus", "tile", "search", "track")
    shape = tuple(change.sizes[dim] for dim in order)
    y = change.transpose(*order, "copy", "replicate").values
    y0 = start.transpose(*order, "replicate").values
    fits = np.full((*shape, len(_FIELDS)), np.nan)
    for index in np.ndindex(shape):
        draws = np.random.default_rng(seed)
        fits[index] = _one(copies, y[index], y0[index], confidence, resamples, draws)
    coords = {n: c for n, c in change.coords.items() if set(c.dims) <= set(order)}
    fitted = xr.Dataset({n: (order, fits[..., k]) for k, n in enumerate(_FIELDS)}, coords)
    return fitted.assign(saturates=fitted["half_high"] < copies.max(initial=0))


_FIELDS = (
    *("plateau", "plateau_se", "plateau_low", "plateau_high"),
    *("half", "half_se", "half_low", "half_high"),
    *("baseline", "rmse"),
)


def _one(
    copies: np.ndarray,
    y: np.ndarray,
    y0: np.ndarray,
    confidence: float,
    resamples: int,
    draws: np.random.Generator,
) -> np.ndarray:
    """One curve, (copy, replicate): the values of `_FIELDS`."""
    undefined = np.full(len(_FIELDS), np.nan)
    start = float(y0.mean())
    undefined[_FIELDS.index("baseline")] = start
    if len(copies) < 3 or not np.isfinite(y).all() or not np.isfinite(y0).all():
        return undefined
    best = _fit(copies, y.mean(axis=1), start)
    if best is None or best[1] >= copies.max():
        return undefined
    n = y.shape[1]
    refits = []
    # Of few replicates there are few draws: two have four.
    drawn: dict[bytes, tuple[float, float]] = {}
    for _ in range(resamples if n > 1 else 0):
        chosen = draws.integers(0, n, n)
        key = chosen.tobytes()
        if key not in drawn:
            fit = _fit(copies, y[:, chosen].mean(axis=1), float(y0[chosen].mean()))
            # A draw that does not bend counts as one that never saturates.
            drawn[key] = fit if fit is not None else (np.nan, np.inf)
        refits.append(drawn[key])
    tail = (1 - confidence) / 2
    row = []
    for k, value in enumerate(best):
        values = np.array([fit[k] for fit in refits])
        finite = values[np.isfinite(values)]
        ordered = np.sort(np.where(np.isnan(values), np.inf, values))
        if len(finite) < 2:
            row += [value, np.nan, np.nan, np.nan]
            continue
        low, high = (
            ordered[min(len(ordered) - 1, int(np.floor(share * len(ordered))))]
            for share in (tail, 1 - tail)
        )
        row += [value, finite.std(ddof=1), low, high]
    fitted = start + (best[0] - start) * copies / (copies + best[1])
    rmse = float(np.sqrt(np.mean((y.mean(axis=1) - fitted) ** 2)))
    return np.array([*row, start, rmse])


def _fit(copies: np.ndarray, y: np.ndarray, start: float) -> tuple[float, float] | None:
    """Plateau and half, or None where the curve does not move or no fit is found."""
    from scipy.optimize import OptimizeWarning, curve_fit

    reach = float(y[np.argmax(np.abs(y - start))] - start)
    if abs(reach) <= 1e-9 * max(1.0, abs(start)):
        return None

    def curve(n: np.ndarray, plateau: float, half: float) -> np.ndarray:
        return start + (plateau - start) * n / (n + half)

    guess = (start + 1.5 * reach, max(1.0, float(np.median(copies)) / 2))
    bounds = ([-np.inf, 1e-6], [np.inf, 100 * copies.max()])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)
        try:
            (plateau, half), _ = curve_fit(curve, copies, y, p0=guess, bounds=bounds)
        except RuntimeError:
            return None
    return float(plateau), float(half)
