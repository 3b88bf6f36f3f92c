"""Whether two tiles act together: the epistasis of pairs, tested on two scales."""

from __future__ import annotations

import json
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from creme.analysis import scipy_stats as stats
from creme.analysis.evidence import fit_prior
from creme.analysis.noise import Q
from creme.errors import ConfigError

Floats = NDArray[np.float64]
Scale = Literal["log", "additive"]
MINIMUM_LOG = 0.32
"""log2, a factor of 1.25: an epistasis on the log scale that is no larger than this is none."""
MINIMUM_SHARE = 0.05
"""Of the wild type's activity: the same on the additive scale."""
KINDS = (
    *("none", "multiplicative", "additive", "between", "redundant", "cooperative"),
    *("insulating", "other"),
)


def log_activity(activity: ArrayLike, wild_type: ArrayLike, floor: float) -> Floats:
    """log2 of activities with a floor, a share of the wild type's; NaN where that is not above 0.

    Activities below 0 count as 0.
    """
    wild = np.asarray(wild_type, dtype=np.float64)
    values = np.maximum(np.asarray(activity, dtype=np.float64), 0) + floor * wild
    valid = (values > 0) & (wild > 0)
    return np.log2(values, out=np.full(valid.shape, np.nan), where=valid)


def contrast(
    wild_type: ArrayLike,
    one: ArrayLike,
    other: ArrayLike,
    both: ArrayLike,
    scale: Scale,
    floor: float = 0.0,
) -> Floats:
    """The epistasis of two losses: WT - A - B + AB, of logarithms or by the wild type.

    Parameters
    ----------
    wild_type : array, (track,)
    one, other, both : array, (..., track)
        Activities without one tile, without the other one, and without both.
    scale : {'log', 'additive'}
        log2 of the activities with the floor, or shares of the wild type.
    floor : float
        Of the log scale: a share of the wild type.
    """
    if scale == "log":
        parts = [log_activity(part, wild_type, floor) for part in (wild_type, one, other, both)]
    else:
        wild = np.asarray(wild_type, dtype=np.float64)
        wild = np.where(wild > 0, wild, np.nan)
        parts = [np.asarray(part, np.float64) / wild for part in (wild_type, one, other, both)]
    return parts[0] - parts[1] - parts[2] + parts[3]


def against_interval(values: ArrayLike, minimum: float) -> dict[str, Floats]:
    """Means over replicates against an interval around 0, with moderated variances.

    Shuffles that do nothing to the other tile's effect give a contrast of 0 in each replicate, so
    that the mean's error is s / sqrt(R), without a term for the native bases; s^2 is moderated by
    the variances of all contrasts. The null hypothesis is that the mean lies within plus and minus
    `minimum`.

    Parameters
    ----------
    values : array, (..., replicate)
    minimum : float

    Returns
    -------
    dict of str to array, (...)
        ``mean``, ``low`` and ``high`` (0.95), ``p``, and ``q`` (Benjamini and Hochberg, over all).
        With a single replicate only the mean is defined.

    Notes
    -----
    McCarthy and Smyth, Testing significance relative to a fold-change threshold is a TREAT (2009).
    """
    values = np.asarray(values, dtype=np.float64)
    replicates = values.shape[-1]
    mean = values.mean(axis=-1)
    out = {name: np.full(mean.shape, np.nan) for name in ("low", "high", "p", "q")}
    if replicates > 1:
        variances = values.var(axis=-1, ddof=1)
        prior = fit_prior(variances.ravel(), replicates - 1)
        df = min(prior.df + replicates - 1, 1e9)
        error = np.sqrt(prior.moderated(variances, replicates - 1) / replicates)
        half = stats.student.ppf(0.975, df) * error
        out["low"], out["high"] = mean - half, mean + half
        with np.errstate(divide="ignore", invalid="ignore"):
            p = stats.student.sf((np.abs(mean) - minimum) / error, df)
            p = p + stats.student.sf((np.abs(mean) + minimum) / error, df)
        # 0 / 0: a contrast that is its bound in every replicate.
        out["p"] = np.where(np.isnan(p) & np.isfinite(mean), 1.0, np.minimum(p, 1.0))
        valid = np.isfinite(out["p"])
        if valid.any():
            out["q"][valid] = stats.false_discovery_control(out["p"][valid])
    return {"mean": mean, **out}


def kind(
    log: int, additive: int, first: int, second: int, *, first_within: bool, second_within: bool
) -> str:
    """How two tiles act together, by the signs of the effects that exceed noise.

    Parameters
    ----------
    log, additive : {-1, 0, 1}
        Signs of the epistasis on the two scales.
    first, second : {-1, 0, 1}
        Signs of the change of activity by the loss of one tile alone.
    first_within, second_within : bool
        Whether a tile lies between the other one and the TSS.

    Returns
    -------
    str
        ``none``; ``multiplicative`` or ``additive``, the scale on which there is no epistasis;
        ``between`` the two; ``insulating``, where the loss of a tile that lies between raises the
        activity, and the other one's loss costs more then; ``redundant``, more is lost together
        than the product and the sum of the losses one by one; ``cooperative``, less than either
        (tiles that need one another). ``other`` is what remains of pairs with a tile whose loss
        raises the activity.
    """
    if not log and not additive:
        return "none"
    insulates = first > 0 >= second and first_within
    if log < 0 and (insulates or (second > 0 >= first and second_within)):
        return "insulating"
    if not log:
        return "multiplicative"
    if first > 0 or second > 0:
        return "other"
    if not additive:
        return "additive"
    if log == additive:
        return "redundant" if log < 0 else "cooperative"
    return "between"


def pair_table(
    dataset: xr.Dataset,
    *,
    minimum_log: float = MINIMUM_LOG,
    minimum_share: float = MINIMUM_SHARE,
    q_below: float = Q,
) -> pd.DataFrame:
    """The pairs of an interactions test, each with its epistasis on both scales.

    Parameters
    ----------
    dataset : Dataset
        Of the interactions test, of the loci's own TSSs.
    minimum_log, minimum_share : float
        Epistasis up to these is none: in log2, and as a share of the wild type.
    q_below : float
        Of the signs that `kind` goes by.

    Returns
    -------
    DataFrame
        A row for each pair, locus and track: ``first_start``, ``first_end`` and so on;
        ``first_change`` and ``second_change``, log2 fold changes by the loss of one; ``epistasis``
        (log2) and ``additive_epistasis``, each with ``_low``, ``_high`` (0.95),
        ``_p`` and ``_q``, over all pairs of a track; ``kind``, empty for a single replicate.

    Raises
    ------
    ConfigError
        If the Dataset is of another test.
    """
    floor = floor_of(dataset)
    frames: list[pd.DataFrame] = []
    for track in dataset["track"].values:
        one = dataset.sel(track=track)
        every = (_pairs_of(one.sel(locus=locus), floor) for locus in one["locus"].values)
        rows = [row for row in every if row is not None]
        if not rows:
            continue
        frame = pd.concat([row.frame for row in rows], ignore_index=True)
        signs = {}
        for name, minimum in (("epistasis", minimum_log), ("additive_epistasis", minimum_share)):
            results = against_interval(np.concatenate([row.of[name] for row in rows]), minimum)
            for key, values in results.items():
                frame[name if key == "mean" else f"{name}_{key}"] = values
            signs[name] = np.sign(results["mean"]) * (results["q"] <= q_below)
        for name in ("first", "second"):
            changes = np.concatenate([row.of[name] for row in rows])
            results = against_interval(changes, minimum_log)
            frame[f"{name}_change"] = results["mean"]
            signs[name] = np.sign(results["mean"]) * (results["q"] <= q_below)
        within = [_within(frame, a, b) for a, b in (("first", "second"), ("second", "first"))]
        defined = np.isfinite(frame["epistasis_q"]) & np.isfinite(frame["additive_epistasis_q"])
        frame["kind"] = [
            kind(
                *(int(signs[name][n]) for name in ("epistasis", "additive_epistasis")),
                *(int(signs[name][n]) for name in ("first", "second")),
                first_within=bool(within[0][n]),
                second_within=bool(within[1][n]),
            )
            if defined[n]
            else ""
            for n in range(len(frame))
        ]
        frame.insert(1, "track", str(track))
        frames.append(frame)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=COLUMNS)


_PLACES = ("start", "end", "distance", "genomic_start", "genomic_end")
_TESTED = ("", "_low", "_high", "_p", "_q")
COLUMNS = (
    *("locus", "track", "contig"),
    *(f"{name}_{place}" for name in ("first", "second") for place in _PLACES),
    *(f"{name}{key}" for name in ("epistasis", "additive_epistasis") for key in _TESTED),
    *("first_change", "second_change", "kind"),
)
"""Of `pair_table`."""


class _Pairs:
    """The pairs of one locus and track: a table of places, and replicates by what they are of."""

    def __init__(self, one: xr.Dataset, there: NDArray[np.intp], floor: float) -> None:
        first = one["pair_first"].values[there].astype(int)
        second = one["pair_second"].values[there].astype(int)
        contig = str(one["contig"].item()) if "contig" in one.coords else ""
        frame: dict[str, object] = {
            "locus": [str(one["locus"].item())] * len(there),
            "contig": [contig] * len(there),
        }
        for name, members in (("first", first), ("second", second)):
            for place in _PLACES:
                values = one[f"member_{place}"].values[members]
                frame[f"{name}_{place}"] = values.astype(int)
        self.frame = pd.DataFrame(frame)
        wild = one["wild_type"].values
        single = one["shuffled"].transpose("tile", "replicate").values
        changes = log_activity(single, wild, floor) - log_activity(wild, wild, floor)
        tile = one["member_tile"].values
        self.of = {
            "first": changes[tile[first].astype(int)],
            "second": changes[tile[second].astype(int)],
        }
        for name in ("epistasis", "additive_epistasis"):
            replicates = one[f"{name}_replicates"].transpose("pair", "replicate")
            self.of[name] = replicates.values[there].astype(np.float64)


def _pairs_of(one: xr.Dataset, floor: float) -> _Pairs | None:
    there = np.flatnonzero(np.isfinite(one["pair_first"].values.astype(np.float64)))
    return _Pairs(one, there, floor) if len(there) else None


def _within(frame: pd.DataFrame, inner: str, outer: str) -> NDArray[np.bool_]:
    """Whether a tile lies between another one and the TSS."""
    a, b = frame[f"{inner}_distance"].to_numpy(), frame[f"{outer}_distance"].to_numpy()
    return (np.sign(a) == np.sign(b)) & (np.abs(a) < np.abs(b))


def floor_of(dataset: xr.Dataset) -> float:
    """The floor of an interactions test; an error if the Dataset is of another one."""
    if dataset.attrs.get("test") != "interactions":
        raise ConfigError(
            f"epistasis is of the interactions test, and this is {dataset.attrs.get('test', '?')!r}"
        )
    return float(json.loads(dataset.attrs["configuration"])["floor"])
