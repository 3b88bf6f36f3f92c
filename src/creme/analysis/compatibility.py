"""Compatibility of enhancers and promoters: the rest after strength and responsiveness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from creme.analysis import scipy_stats as stats
from creme.analysis.evidence import fit_prior
from creme.errors import ConfigError

MINIMUM = 1.25
"""Fold by which an activity has to differ from the expected one to be called compatibility."""
Q = 0.05
"""Below it a pair is called."""
PSEUDO = 0.01
"""The pseudo-count, as a share of the median activity of a promoter alone."""
NEAR, COMMON = 0.02, 0.1
"""A floor or a ceiling is there where this share of pairs lies within `NEAR` of the extreme."""
_PROMOTERS_THERE = 3
"""Promoters that have to reach it,"""
_UNLIKE = 2.0
"""whose activities alone have to differ by this fold."""
_FEWEST = {1: 3, 2: 5}
"""Enhancers that a line and a curve need."""
_FACTORS = (1.0, 0.5, 2.0)
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Matrix:
    """The pairs of one track at one distance.

    Attributes
    ----------
    mutant : array of float64, (carrier, promoter, enhancer)
    control : array of float64, (carrier, promoter)
    null : array of bool, (enhancer,)
    """

    mutant: Array
    control: Array
    null: NDArray[np.bool_]

    @property
    def pseudo(self) -> float:
        """The usual pseudo-count; 0 where no promoter is active by itself."""
        return max(0.0, PSEUDO * float(np.median(self.control)))

    def logs(self, pseudo: float) -> Array:
        """log2(mutant + pseudo); NaN where that is not above 0."""
        shifted = self.mutant + pseudo
        return np.log2(shifted, out=np.full_like(shifted, np.nan), where=shifted > 0)


def matrices(
    dataset: xr.Dataset, make: Callable[[Matrix], xr.Dataset], promoters: object = None
) -> xr.Dataset:
    """An analysis of each distance and track, along ``distance`` and ``track``.

    Parameters
    ----------
    dataset : Dataset
        Of the compatibility test.
    make : callable
        From the pairs of one distance and track to a Dataset without coordinates.
    promoters : list of str, optional
        All unless given.

    Raises
    ------
    ConfigError
        If the Dataset is of another test, or has fewer than two carriers.
    """
    lacking = {"control", "mutant", "promoter", "enhancer", "null"} - set(dataset.variables)
    if lacking:
        raise ConfigError(
            f"the Dataset has no {', '.join(sorted(lacking))}: it is none of test 'compatibility'"
        )
    if dataset.sizes["locus"] < 2:
        raise ConfigError("one carrier says nothing of how pairs vary: measure two at least")
    if promoters is not None:
        dataset = dataset.sel(promoter=promoters)
    mutant = dataset["mutant"].transpose("distance", "track", "locus", "promoter", "enhancer")
    control = dataset["control"].transpose("track", "locus", "promoter")
    null = dataset["null"].values.astype(bool)
    parts = []
    for place in range(mutant.sizes["distance"]):
        tracks = [
            make(
                Matrix(
                    mutant.values[place, track].astype(np.float64),
                    control.values[track].astype(np.float64),
                    null,
                )
            )
            for track in range(mutant.sizes["track"])
        ]
        parts.append(xr.concat(tracks, dim="track"))
    whole = xr.concat(parts, dim="distance")
    kept = [
        name
        for name, values in dataset.coords.items()
        if set(values.dims) <= {"distance", "track", "promoter", "enhancer"}
        and set(values.dims) <= set(whole.dims)
    ]
    return whole.assign_coords({name: dataset.coords[name].variable for name in kept})


def intact(dataset: xr.Dataset) -> list[str]:
    """The promoters without those of which a part is ablated."""
    names = dataset["promoter"].values.astype(str)
    whole = dataset["promoter_locus"].values.astype(str)
    return [str(name) for name, locus in zip(names, whole, strict=True) if name == locus]


def compatibility(
    dataset: xr.Dataset,
    *,
    pseudo_count: float | None = None,
    floor: float | None = None,
    ceiling: float | None = None,
    minimum: float = MINIMUM,
    q_below: float = Q,
) -> xr.Dataset:
    """How much more or less active pairs are than strength and responsiveness predict.

    In each carrier, a promoter's log2 activities are fitted by a line of the enhancers' strengths,
    which the other promoters in the other carriers have measured (its slope is the promoter's
    responsiveness); what is left is centred over promoters and over enhancers. Over carriers, its
    mean is the deviation, which a moderated t compares with the interval of deviations below
    `minimum`. Where a promoter saturates the line bends: a deviation counts only if a curve of
    second order leaves at least half of `minimum` of it.

    Parameters
    ----------
    dataset : Dataset
        Of the compatibility test. Promoters with an ablated part are left out.
    pseudo_count : float, optional
        Added to activities before their logarithm; 1 % of the median activity of a promoter alone
        unless given. All is done with half and with twice of it as well.
    floor, ceiling : float, optional
        Pairs whose mean activity is at or beyond it are masked, since nothing can change there.
        Unless given it is looked for: of the pairs of enhancers that are not shuffled ones, a tenth
        lies within 2 % of their extreme activity, and some of three promoters, whose
        activities alone differ by a fold of 2.
    minimum : float
        Fold that a deviation has to exceed.
    q_below : float

    Returns
    -------
    Dataset
        Along distance, promoter, enhancer and track: ``deviation`` (log2), ``deviation_se``, ``p``,
        ``q`` (Benjamini and Hochberg, over pairs that are not null), ``deviation_half`` and
        ``deviation_double``, by the other pseudo-counts, ``deviation_curved``, of the curve,
        ``masked``, and ``compatible``: 1 or -1 where q is below `q_below` by all three
        pseudo-counts and with one sign, which the curve leaves, else 0.
        ``responsiveness`` (promoter), with ``responsiveness_low`` and ``_high`` (95 %, over
        carriers), relative: its mean is 1. ``strength`` (enhancer): log2, 0 on average over the
        shuffled ones. ``null_calls``: shuffled enhancers' pairs as unlikely as those that were
        called. NaN where a promoter or an enhancer has too few pairs.

    Raises
    ------
    ConfigError
        If the Dataset is of another test, has fewer than two carriers, or three intact promoters.

    Notes
    -----
    Rank one on the log scale is the multiplicative model of Bergman et al., Compatibility rules of
    human enhancer and promoter sequences (2022); the interval null is that of McCarthy and Smyth
    (2009).
    """
    if not minimum >= 1:
        raise ConfigError(f"minimum = {minimum}: a fold of 1 or more")
    names = intact(dataset)
    if len(names) < 3:
        raise ConfigError(
            f"{len(names)} promoters: strength is measured by other promoters, so there are three "
            f"at least"
        )

    def make(matrix: Matrix) -> xr.Dataset:
        usual = matrix.pseudo if pseudo_count is None else pseudo_count
        masked = masked_pairs(matrix, floor, ceiling)
        tested = [_tested(matrix, usual * factor, masked, np.log2(minimum)) for factor in _FACTORS]
        first = tested[0]
        calls = np.stack([(one["q"] < q_below) * np.sign(one["deviation"]) for one in tested])
        logs = np.where(masked, np.nan, matrix.logs(usual))
        curved = deviations_of(logs, 2)[0].mean(axis=0)
        bent = curved * np.sign(first["deviation"]) < np.log2(minimum) / 2
        called = np.where((calls == calls[0]).all(axis=0) & ~bent, calls[0], 0)
        worst = np.where(called != 0, first["p"], -np.inf).max()
        pairs = {key: first[key] for key in ("deviation", "deviation_se", "p", "q")}
        pairs |= {"deviation_half": tested[1]["deviation"]}
        pairs |= {"deviation_double": tested[2]["deviation"], "deviation_curved": curved}
        of_promoters = {key: v for key, v in first.items() if key.startswith("responsiveness")}
        return xr.Dataset(
            {
                **{key: (("promoter", "enhancer"), v) for key, v in pairs.items()},
                "masked": (("promoter", "enhancer"), masked),
                "compatible": (("promoter", "enhancer"), called.astype(np.int8)),
                **{key: ("promoter", v) for key, v in of_promoters.items()},
                "strength": ("enhancer", first["strength"]),
                "null_calls": int((first["p"][:, matrix.null] <= worst).sum()),
                "pseudo_count": usual,
            }
        )

    return matrices(dataset, make, names)


def pair_table(result: xr.Dataset) -> pd.DataFrame:
    """The pairs of enhancers that are not shuffled ones: those called first, then by q.

    Parameters
    ----------
    result : Dataset
        Of `compatibility`.
    """
    pairs = result[[name for name in result.data_vars if "enhancer" in result[name].dims]]
    pairs = pairs.drop_vars("strength").sel(enhancer=~result["null"])
    own = [name for name in ("own", "promoter_group", "enhancer_group") if name in result.coords]
    kept = {"distance", "promoter", "enhancer", "track", *own}
    frame = pairs.drop_vars([n for n in pairs.coords if n not in kept]).to_dataframe().reset_index()
    order = frame.assign(called=frame["compatible"] == 0, size=-frame["deviation"].abs())
    order = order.sort_values(["called", "q", "size"], kind="stable", na_position="last")
    first = ["distance", "promoter", "enhancer", "track", *own]
    return order[[*first, *(c for c in frame if c not in first)]].reset_index(drop=True)


def masked_pairs(matrix: Matrix, floor: float | None, ceiling: float | None) -> NDArray[np.bool_]:
    """The pairs at the floor or the ceiling, (promoter, enhancer); see `compatibility`."""
    means = matrix.mutant.mean(axis=0)
    real = means[:, ~matrix.null]
    if not real.size:
        return np.zeros(means.shape, dtype=bool)
    low = _near(matrix, real.min()) if floor is None else means <= floor
    high = _near(matrix, real.max()) if ceiling is None else means >= ceiling
    return low | high


def _near(matrix: Matrix, extreme: float) -> NDArray[np.bool_]:
    """The pairs near an extreme that unlike promoters share, or none.

    With shuffled enhancers a promoter is as active as alone, whatever that is; and promoters that
    are alike are so at their most active too, without a ceiling.
    """
    means, alone = matrix.mutant.mean(axis=0), matrix.control.mean(axis=0)
    real = means[:, ~matrix.null]
    near = np.abs(real - extreme) <= NEAR * abs(extreme)
    there = alone[near.any(axis=1)]
    unlike = len(there) >= _PROMOTERS_THERE and there.max() >= _UNLIKE * there.min()
    apart = (means - extreme) * (1 if extreme == real.max() else -1)
    return (apart >= -NEAR * abs(extreme)) & (unlike and near.mean() >= COMMON)


def _tested(
    matrix: Matrix, pseudo: float, masked: NDArray[np.bool_], least: float
) -> dict[str, Array]:
    logs = np.where(masked, np.nan, matrix.logs(pseudo))
    carriers = len(logs)
    deviations, slopes, strength = deviations_of(logs)
    mean, variance = deviations.mean(axis=0), deviations.var(axis=0, ddof=1)
    prior = fit_prior(variance.ravel(), carriers - 1)
    moderated = prior.moderated(variance, carriers - 1)
    error = np.sqrt(np.where(np.isfinite(variance), moderated, np.nan) / carriers)
    df = min(prior.df + carriers - 1, 1e9)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = stats.student.sf((np.abs(mean) - least) / error, df)
        p = np.minimum(1.0, p + stats.student.sf((np.abs(mean) + least) / error, df))
    q = np.full_like(p, np.nan)
    tested = np.isfinite(p) & ~matrix.null
    if tested.any():
        q[tested] = stats.false_discovery_control(p[tested])
    relative = _relative(slopes)
    centre = relative.mean(axis=0)
    half = stats.student.isf(0.025, carriers - 1) * relative.std(axis=0, ddof=1) / np.sqrt(carriers)
    base = strength[matrix.null]
    return {
        "deviation": mean,
        "deviation_se": error,
        "p": p,
        "q": q,
        "responsiveness": centre,
        "responsiveness_low": centre - half,
        "responsiveness_high": centre + half,
        "strength": strength - (np.nanmean(base) if np.isfinite(base).any() else 0.0),
    }


def deviations_of(logs: Array, order: int = 1) -> tuple[Array, Array, Array]:
    """Log activities minus those that strength and responsiveness predict.

    Parameters
    ----------
    logs : array of float64, (carrier, promoter, enhancer)
        NaN for masked pairs, in all carriers.
    order : {1, 2}
        Of what is fitted: rank one is a straight line, and saturation bends it.

    Returns
    -------
    deviations : array of float64, (carrier, promoter, enhancer)
        With means of 0 over promoters and over enhancers in each carrier.
    slopes : array of float64, (carrier, promoter)
        Of the straight lines on the strengths that the others have measured.
    strength : array of float64, (enhancer,)
        Over all carriers and promoters.
    """
    there = np.isfinite(logs).all(axis=0)
    enhancers = there.shape[1]
    # A row or a column of which little is left predicts nothing.
    there &= (there.mean(axis=1) >= 0.5)[:, None]
    there &= (there.mean(axis=0) >= 0.5)[None, :]
    filled = np.stack([_filled(one, there) for one in logs])
    kept = there.any(axis=1)
    deviations = np.full_like(logs, np.nan)
    slopes = np.full(logs.shape[:2], np.nan)
    for carrier in range(len(logs)):
        others = np.delete(filled, carrier, axis=0).mean(axis=0)
        for promoter in np.flatnonzero(kept):
            rest = kept.copy()
            rest[promoter] = False
            rows = there[promoter]
            if rest.sum() < 2 or rows.sum() < _FEWEST[order]:
                continue
            x = others[rest].mean(axis=0)[rows]
            y = logs[carrier, promoter, rows]
            slopes[carrier, promoter] = _curve(x, y, 1)[0][1]
            deviations[carrier, promoter, rows] = y - _curve(x, y, order)[1]
        deviations[carrier] = _centred(deviations[carrier])
    strength = np.full(enhancers, np.nan)
    columns = there.any(axis=0)
    if kept.any():
        strength[columns] = filled.mean(axis=0)[kept].mean(axis=0)[columns]
    return deviations, slopes, strength


def _filled(logs: Array, there: NDArray[np.bool_]) -> Array:
    """Log activities less their promoter's mean; masked pairs are as rank one predicts."""
    rows = there.any(axis=1)
    number = np.maximum(there.sum(axis=1, keepdims=True), 1)
    means = np.where(there, logs, 0.0).sum(axis=1, keepdims=True) / number
    values = np.where(there, logs - means, 0.0)
    if there[rows].all():
        return values
    slope, strength, base = np.ones(len(logs)), np.zeros(logs.shape[1]), np.zeros(len(logs))
    for _ in range(50):
        weight = (there * slope[:, None] ** 2).sum(axis=0)
        part = (there * slope[:, None] * (values - base[:, None])).sum(axis=0)
        strength = np.divide(part, weight, out=np.zeros_like(part), where=weight > 0)
        for row in np.flatnonzero(rows):
            x = strength[there[row]]
            (middle, slope[row]), _ = _curve(x, values[row, there[row]], 1)
            base[row] = middle - slope[row] * x.mean()
        slope /= np.abs(slope[rows]).mean() or 1.0
    whole = np.where(there, values, base[:, None] + slope[:, None] * strength)
    return np.asarray(whole - whole.mean(axis=1, keepdims=True))


def _curve(x: Array, y: Array, order: int) -> tuple[Array, Array]:
    """Coefficients by least squares in powers of x less its mean, and the fitted values."""
    powers = np.stack([(x - x.mean()) ** power for power in range(order + 1)], axis=1)
    solution = np.linalg.lstsq(powers, y, rcond=1e-10)[0]
    return solution, powers @ solution


def _centred(values: Array) -> Array:
    """Less the means over rows and over columns, in turn until both are 0; NaN stay."""
    there = np.isfinite(values)
    out = np.where(there, values, 0.0)
    for _ in range(100):
        for axis in (0, 1):
            number = there.sum(axis=axis, keepdims=True)
            mean = out.sum(axis=axis, keepdims=True) / np.maximum(number, 1)
            out = np.where(there, out - mean, 0.0)
        if there.all():
            break
    return np.where(there, out, np.nan)


def _relative(slopes: Array) -> Array:
    """Responsiveness from slopes on the others' mean strength, so that its mean is 1.

    With b for responsiveness and M promoters, the slope is b (M - 1) / (M - b).
    """
    finite = np.isfinite(slopes).all(axis=0)
    number = finite.sum()
    if not number:
        return np.full_like(slopes, np.nan)
    out = slopes * number / (number - 1 + slopes)
    return np.asarray(out / out[:, finite].mean(axis=1, keepdims=True))
