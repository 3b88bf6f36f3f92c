"""Classes of promoters and of enhancers, where their compatibility shows any."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from creme.analysis import scipy_stats as stats
from creme.analysis.compatibility import (
    MINIMUM,
    Matrix,
    Q,
    deviations_of,
    intact,
    masked_pairs,
    matrices,
)

FEWEST = 4
"""Promoters, enhancers and carriers that classes need at least."""
Array = NDArray[np.float64]


def compatibility_classes(
    dataset: xr.Dataset,
    *,
    pseudo_count: float | None = None,
    floor: float | None = None,
    ceiling: float | None = None,
    minimum: float = MINIMUM,
    q_below: float = Q,
) -> xr.Dataset:
    """Two classes of promoters and two of enhancers, of which like prefers like, and their parts.

    The axis along which the deviations differ most is found in all carriers but one, and each
    promoter's and enhancer's place on it is measured in the one left out. There are classes only if
    the axis is found again in the carriers left out, and only of those that stand out: a place
    beyond log2 of `minimum`, of which a curve of second order leaves at least half, q below
    `q_below`, and for enhancers beyond the place of every shuffled one. A single promoter
    that stands out at one side is odd, and no class.

    One axis has two sides. So the promoters of each class are compared once more among themselves,
    by the same rules: a class that strong responders make of all others may be two.

    Parameters
    ----------
    dataset : Dataset
        Of the compatibility test. Promoters with an ablated part are left out.
    pseudo_count, floor, ceiling, minimum, q_below
        As of `creme.analysis.compatibility.compatibility`.

    Returns
    -------
    Dataset
        ``promoter_place`` and ``enhancer_place`` (log2: deviation with the other side's first class
        less that with its second one), with ``promoter_q`` and ``enhancer_q``; ``promoter_class``
        and ``enhancer_class``: 1, 2, or 0 for none; ``axis_p``, of the axis, one-sided;
        ``null_place``, the furthest of a shuffled enhancer. The first class of promoters has the
        first promoter by name that has a class. ``promoter_subclass``, 1 or 2 where the promoter's
        class is split again and 0 where it is not; ``enhancer_subclass``, (class, enhancer), those
        that the parts of each class prefer, and ``split_p``, (class,), of the axis within it. All
        along distance and track.

    Raises
    ------
    ConfigError
        If the Dataset is of another test, or has fewer than two carriers.
    """

    least = float(np.log2(minimum))

    def make(matrix: Matrix) -> xr.Dataset:
        pseudo = matrix.pseudo if pseudo_count is None else pseudo_count
        logs = np.where(masked_pairs(matrix, floor, ceiling), np.nan, matrix.logs(pseudo))
        first = _of_logs(logs, matrix.null, least, q_below)
        return first.assign(
            _split(logs, first["promoter_class"].values, matrix.null, least, q_below)
        )

    whole = matrices(dataset, make, intact(dataset))
    return whole.assign_coords({"class": [1, 2]})


def _of_logs(logs: Array, null: NDArray[np.bool_], least: float, q_below: float) -> xr.Dataset:
    line, curve = (deviations_of(logs, order)[0] for order in (1, 2))
    return _of_matrix(line, curve, null, least, q_below)


def _split(
    logs: Array, classes: NDArray[np.int8], null: NDArray[np.bool_], least: float, q_below: float
) -> dict[str, xr.Variable]:
    """The classes within each class of promoters."""
    promoters = np.zeros(len(classes), np.int8)
    enhancers = np.zeros((2, len(null)), np.int8)
    p = np.full(2, np.nan)
    for row, number in enumerate((1, 2)):
        members = np.flatnonzero(classes == number)
        if len(members) < FEWEST:
            continue
        inner = _of_logs(logs[:, members], null, least, q_below)
        promoters[members] = inner["promoter_class"].values
        enhancers[row] = inner["enhancer_class"].values
        p[row] = float(inner["axis_p"])
    return {
        "promoter_subclass": xr.Variable("promoter", promoters),
        "enhancer_subclass": xr.Variable(("class", "enhancer"), enhancers),
        "split_p": xr.Variable("class", p),
    }


def _of_matrix(
    deviations: Array, curved: Array, null: NDArray[np.bool_], least: float, q_below: float
) -> xr.Dataset:
    carriers, promoters, _ = deviations.shape
    projected, rows, columns = _placed(deviations, null)
    bent = [values.mean(axis=0) for values in _places(curved, *_axis(curved.mean(axis=0), null))]
    axis_p = _one_sided(projected)
    null_place = float(np.abs(columns.mean(axis=0)[null]).max(initial=0.0))
    enough = min(carriers, promoters, int((~null).sum())) >= FEWEST and axis_p < 0.05
    sign = 1.0 if bent[0] @ rows.mean(axis=0) >= 0 else -1.0
    places, qs, classes = [], [], []
    for values, curve, hurdle, tested in (
        (rows, bent[0], least, np.ones(promoters, bool)),
        (columns, bent[1], max(least, null_place), ~null),
    ):
        place = values.mean(axis=0)
        q = _q(values, tested)
        stays = sign * curve * np.sign(place) >= least / 2
        stands_out = tested & stays & (np.abs(place) > hurdle) & (q < q_below) & enough
        places.append(place)
        qs.append(q)
        classes.append(np.where(stands_out, np.where(place > 0, 1, 2), 0).astype(np.int8))
    sides = [(classes[0] == number).sum() for number in (1, 2)]
    if 1 in sides or not all(kinds.any() for kinds in classes):
        classes = [np.zeros_like(kinds) for kinds in classes]
    elif classes[0][classes[0] > 0][0] == 2:
        places = [-place for place in places]
        classes = [np.array([0, 2, 1], np.int8)[kinds] for kinds in classes]
    return xr.Dataset(
        {
            "promoter_place": ("promoter", places[0]),
            "promoter_q": ("promoter", qs[0]),
            "promoter_class": ("promoter", classes[0]),
            "enhancer_place": ("enhancer", places[1]),
            "enhancer_q": ("enhancer", qs[1]),
            "enhancer_class": ("enhancer", classes[1]),
            "axis_p": axis_p,
            "null_place": null_place,
        }
    )


def _placed(deviations: Array, null: NDArray[np.bool_]) -> tuple[Array, Array, Array]:
    """Of each carrier, on the axis of the others: its projection, places of rows and columns."""
    first = _axis(deviations.mean(axis=0), null)[0]
    projected, rows, columns = [], [], []
    for carrier, here in enumerate(deviations):
        u, v = _axis(np.delete(deviations, carrier, axis=0).mean(axis=0), null)
        if u @ first < 0:  # the sign of an axis is arbitrary
            u, v = -u, -v
        projected.append(u @ np.nan_to_num(here) @ v)
        row, column = _places(here[None], u, v)
        rows.append(row[0])
        columns.append(column[0])
    return np.array(projected), np.stack(rows), np.stack(columns)


def _places(deviations: Array, u: Array, v: Array) -> tuple[Array, Array]:
    """How far apart the two sides of the axis are, weighted by it: of each row, and each column."""
    filled = np.nan_to_num(deviations)

    def apart(weights: Array) -> Array:
        sides = np.stack([np.maximum(weights, 0), -np.maximum(-weights, 0)])
        return np.asarray(
            (sides / np.maximum(np.abs(sides).sum(axis=1, keepdims=True), 1e-12)).sum(0)
        )

    return filled @ apart(v), np.einsum("p,cpe->ce", apart(u), filled)


def _axis(values: Array, null: NDArray[np.bool_]) -> tuple[Array, Array]:
    """The first singular vectors of the real enhancers' columns; 0 for the shuffled ones."""
    u, _, v = np.linalg.svd(np.nan_to_num(values)[:, ~null], full_matrices=False)
    whole = np.zeros(len(null))
    whole[~null] = v[0]
    return u[:, 0], whole


def _one_sided(values: Array) -> float:
    spread = values.std(ddof=1)
    if not spread > 0:
        return 1.0
    return float(stats.student.sf(values.mean() / (spread / np.sqrt(len(values))), len(values) - 1))


def _q(values: Array, tested: NDArray[np.bool_]) -> Array:
    """Of means over carriers, by t; NaN where nothing is tested."""
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stats.student.sf(np.abs(values.mean(axis=0)) / error, len(values) - 1)
    out, good = np.full(len(p), np.nan), tested & np.isfinite(p)
    if good.any():
        out[good] = stats.false_discovery_control(p[good])
    return out
