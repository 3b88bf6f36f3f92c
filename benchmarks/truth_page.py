"""The tables and the numbers of docs/known_truth.md, from the tables of the experiments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, TABLES = DOCS / "known_truth.md", DOCS / "known_truth"
CITING = (PAGE, DOCS / "trust.md", DOCS / "mini_network.md")
"""The pages that have numbers of the tables."""
NETWORK = "network"
"""As a table's name: the tables of docs/mini_network.md, which the training's evaluation wrote."""
FORMULAS = ("oracle", "noisy oracle")
"""The models that numbers in sentences are of, unless they name another one."""
_SQUARES = ("error not learned", "error of the test")
"""Scores that are mean squares, and so far below 1."""
_TABLE = re.compile(r"(<!-- table (.+?) -->\n).*?(\n<!-- end -->)", re.DOTALL)
_NUMBER = re.compile(r"(<!-- = (.+?) -->)(.*?)(<!-- \. -->)", re.DOTALL)


@cache
def read(name: str) -> pd.DataFrame:
    """A table of the experiments; or `NETWORK`, with ``first``, ``column`` and ``value``."""
    if name == NETWORK:
        return _of_network(DOCS / "mini_network.md")
    return pd.read_csv(TABLES / f"{name}.csv")


def _of_network(page: Path) -> pd.DataFrame:
    """Each number of the page's tables: ``of``, the table's first heading, the ``nth`` table of it;
    ``first``, the row."""
    rows: list[dict[str, object]] = []
    heads: list[str] = []
    tables: Counter[str] = Counter()
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [one.strip() for one in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            heads = []
        elif not heads:
            heads = cells
            tables[heads[0]] += 1
        else:
            for column, text in zip(heads[1:], cells[1:], strict=True):
                start = re.match(r"-?[0-9.]+", text)
                if start and not set(text) <= {"-"}:
                    place = {"of": heads[0], "nth": tables[heads[0]], "first": cells[0]}
                    rows.append({**place, "column": column, "value": float(start[0])})
    return pd.DataFrame(rows)


def rewritten(text: str) -> str:
    """The page with its tables and numbers as the experiments' tables have them.

    A table stands between ``<!-- table NAME -->`` and ``<!-- end -->``, a number between ``<!-- =
    TABLE: COLUMN=VALUE; ... | HOW -->`` and ``<!-- . -->``.
    """
    text = _TABLE.sub(lambda match: f"{match[1]}\n{RENDERED[match[2]]()}\n{match[3]}", text)
    return _NUMBER.sub(lambda match: f"{match[1]}{number(match[2])}{match[4]}", text)


def number(selector: str) -> str:
    """A number, or a range, such as ``calls: test=necessity; replicates=2 | range 2``.

    Rows are those of the formulas unless a model is named. How is ``range``, ``min``, ``max``,
    ``value`` or ``less`` (than one, a range if there are several), of the column ``value``, with a
    number of digits; ``percent`` and ``missed``, the range of 100 times the value, or of what it
    lacks to one; ``false``, the largest share of calls that is; or ``loci`` and ``n``, the columns'
    largest.
    """
    where, how = (part.strip() for part in selector.split("|"))
    name, _, conditions = where.partition(":")
    rows = read(name.strip())
    for condition in filter(None, map(str.strip, conditions.split(";"))):
        column, _, wanted = condition.partition("=")
        rows = rows[rows[column.strip()].astype(str).isin(wanted.strip().split("/"))]
    if "model=" not in conditions and "model" in rows:
        rows = rows[rows["model"].isin(FORMULAS)]
    kind, *digits = how.split()
    if not len(rows):
        raise ValueError(f"{selector}: no row of the table is meant")
    if kind in ("loci", "n"):
        return f"{int(rows[kind].max()):,}"
    form = f".{digits[0]}f"
    if kind == "false":
        sums = rows.groupby(["model", "replicates", "q"])[["calls", "false"]].sum()
        return format((sums["false"] / sums["calls"]).max(), form)
    values = rows["value"]
    if kind in ("less", "missed"):
        values = 1 - values
    if kind in ("percent", "missed"):
        values = 100 * values
    low, high = values.min(), values.max()
    if kind in ("range", "less", "percent", "missed"):
        texts = [format(low, form), format(high, form)]
        return texts[0] if texts[0] == texts[1] else " to ".join(texts)
    if kind == "value" and len(rows) != 1:
        raise ValueError(f"{selector}: {len(rows)} rows of the table are meant")
    return format({"min": low, "max": high, "value": low}[kind], form)


def cell(row: pd.Series, digits: int = 3) -> str:
    """A value with its interval and its number."""
    if not np.isfinite(row["value"]):
        return "–"
    value = f"{row['value']:.{digits}f}"
    n = f"n {int(row['n']):,}"
    if not np.isfinite(row["low"]):
        return f"{value} ({n})"
    return f"{value} ({row['low']:.{digits}f}–{row['high']:.{digits}f}; {n})"


def grid(rows: pd.DataFrame, keys: list[str], scores: dict[str, str]) -> str:
    """A Markdown table: a row for each combination of keys, a column for each score."""
    if rows.empty:
        return "*Not measured yet.*"
    heads = [*(key.replace("_", " ") for key in keys), *scores.values()]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for key, part in rows.groupby(keys, sort=False):
        by_score = {str(row["score"]): row for _, row in part.iterrows()}
        cells = [
            cell(by_score[score], 4 if score == "correlation" else 3) if score in by_score else "–"
            for score in scores
        ]
        lines.append("| " + " | ".join([*map(str, key), *cells]) + " |")
    return "\n".join(lines)


FOUND = {
    "enhancer recall": "enhancers found",
    "silencer recall": "silencers found",
    "precision": "calls that are right",
    "false call rate": "calls of tiles that do nothing",
    "correlation": "correlation",
}


def _calls(
    experiment: str,
    rule: str,
    replicates: Collection[int] | None = None,
    tiles: Collection[int] | None = None,
    *,
    networks: bool = False,
) -> Callable[[], str]:
    """Scores of calls: of the formulas, or of the networks."""

    def render() -> str:
        rows = _of_models("calls", networks)
        rows = rows[(rows["experiment"] == experiment) & (rows["rule"] == rule)]
        if replicates is not None:
            rows = rows[rows["replicates"].isin(replicates)]
        if tiles is not None:
            rows = rows[rows["tile"].isin(tiles)]
        return grid(rows, ["model", "test", "tile", "replicates"], FOUND)

    return render


def _of_models(name: str, networks: bool) -> pd.DataFrame:
    rows = read(name)
    return rows[rows["model"].isin(FORMULAS) != networks]


def _calibration(
    experiment: str, levels: Collection[float] = (0.01, 0.05, 0.1, 0.2), *, networks: bool = False
) -> Callable[[], str]:
    def render() -> str:
        rows = _of_models("calibration", networks)
        rows = rows[(rows["experiment"] == experiment) & rows["q"].isin(levels)]
        lines = [
            "| model | replicates | q < | calls | false | share |",
            "|---|---|---|---|---|---|",
        ]
        for key, part in rows.groupby(["model", "replicates", "q"], sort=False):
            calls, false = int(part["calls"].sum()), int(part["false"].sum())
            share = f"{false / calls:.3f}" if calls else "–"
            cells = [*map(str, key), f"{calls:,}", str(false), share]
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines)

    return render


def _of(name: str, keys: list[str], scores: dict[str, str]) -> Callable[[], str]:
    return lambda: grid(read(name), ["model", *keys], scores)


def _listed(name: str, keys: list[str], only: dict[str, str] | None = None) -> Callable[[], str]:
    """A row for each score, but those of `_confusion`."""

    def render() -> str:
        rows = read(name)
        rows = rows[~rows["score"].str.contains(" as ")]
        for column, value in (only or {}).items():
            rows = rows[rows[column] == value]
        names = list(dict.fromkeys(rows["model"]))
        lines = [
            f"| {' | '.join([*keys, 'score', *names])} |",
            "|" + "---|" * (len(keys) + 1 + len(names)),
        ]
        for key, part in rows.groupby([*keys, "score"], sort=False):
            of_model = part.set_index("model")
            digits = 5 if str(key[-1]).startswith(_SQUARES) else 3
            cells = [
                cell(of_model.loc[one], digits) if one in of_model.index else "–" for one in names
            ]
            lines.append("| " + " | ".join([*map(str, key), *cells]) + " |")
        return "\n".join(lines)

    return render


def _confusion() -> str:
    """Of each true class of pairs of enhancers, the share that is called each class."""
    from creme.benchmark.sets import CLASSES

    rows = read("pairs")
    rows = rows[rows["pairs"] == "enhancers"]
    lines = [
        f"| model | truly | n | {' | '.join(f'called {name}' for name in CLASSES)} |",
        "|" + "---|" * (3 + len(CLASSES)),
    ]
    for model, part in rows.groupby("model", sort=False):
        values = part.set_index("score")
        for true in CLASSES:
            shares = [values["value"][f"{true} as {called}"] for called in CLASSES]
            cells = [f"{share:.2f}" if np.isfinite(share) else "–" for share in shares]
            number_of = str(int(values["n"][f"{true} as {true}"]))
            lines.append("| " + " | ".join([str(model), true, number_of, *cells]) + " |")
    return "\n".join(lines)


def _power() -> str:
    from creme.analysis.power import Noise, replicates_for
    from creme.runner.planned_power import in_words

    rows = read("noise")
    rows = rows[rows["experiment"] == "tiles"]
    effects = (0.05, 0.1, 0.2, 0.3)
    heads = ["model", "test", "tile", *(f"effect {effect:g}" for effect in effects)]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for row in rows.to_dict("records"):
        noise = Noise(row["df"], row["sd"], bool(row["log"]), row["control"], row["called"])
        needed = [in_words(replicates_for(effect, noise)) for effect in effects]
        lines.append(
            "| " + " | ".join([row["model"], row["test"], str(row["tile"]), *needed]) + " |"
        )
    return "\n".join(lines)


def written_noise() -> str:
    """The noise that plans fall back upon: of the noisy oracle, the largest."""
    rows = read("noise")
    rows = rows[(rows["experiment"] == "tiles") & (rows["model"] == "noisy oracle")]
    kept = ["model", "test", "tile", "df", "sd", "log", "control", "called"]
    return rows[kept].to_csv(index=False, float_format="%.6g", lineterminator="\n")


RENDERED: dict[str, Callable[[], str]] = {
    "calls": _calls("calls", "q", tiles=(1000,)),
    "calls of larger tiles": _calls("calls", "q", (10,), (2500, 5000)),
    "calls by q and size": _calls("calls", "both", (5, 10), (1000,)),
    "calls of networks": _calls("calls", "q", (2, 5, 10), (1000, 2500), networks=True),
    "calls of networks by q and size": _calls(
        "calls", "both", (2, 5, 10), (1000, 2500), networks=True
    ),
    "calibration of networks": _calibration("calls", networks=True),
    "calibration": _calibration("calls"),
    "searches": _of(
        "searches",
        ["accept", "search"],
        {
            "named that act": "tiles named that act",
            "set named": "of the true set, named",
            "hidden named": "of its tiles that necessity does not tell, named",
        },
    ),
    "tiles by q": _calls("tiles", "q", (5,)),
    "tiles by size": _calls("tiles", "size", (1,)),
    "replicates by q": _calls("replicates", "q", (2, 5, 10, 30)),
    "calibration of replicates": _calibration("replicates", (0.05,)),
    "power": _power,
    "sets": _listed("sets", []),
    "distance": _listed("curves", ["test"], {"test": "distance"}),
    "multiplicity": _listed("curves", ["test"], {"test": "multiplicity"}),
    "fine tile": _listed("fine_tile", [], {"experiment": "fine tile"}),
    "planted sub-tiles": _listed("fine_tile", [], {"experiment": "planted sub-tiles"}),
    "planted pairs": _listed("pairs", ["pairs"]),
    "confusion": _confusion,
    "set sizes": _of(
        "set_sizes",
        ["accept", "search", "size"],
        {
            "whole set named": "whole set named",
            "set named": "of the set, named",
            "named that act": "tiles named that act",
            "names one that does nothing": "searches that name one that does nothing",
        },
    ),
    "distance of silencers": _listed("curves", ["test"], {"test": "distance, silencers"}),
    "multiplicity of silencers": _listed("curves", ["test"], {"test": "multiplicity, silencers"}),
    "backgrounds": _of(
        "backgrounds",
        ["test", "kind"],
        {
            "enhancer recall": "enhancers found",
            "precision": "calls that are right",
            "error": "root mean square error",
            "noise of nothing": "95th percentile of tiles that do nothing",
        },
    ),
    "sharing": _of(
        "sharing",
        ["backgrounds", "replicates", "predictions"],
        {
            "enhancer recall": "enhancers found",
            "precision": "calls that are right",
            "error": "root mean square error",
            "correlation": "correlation",
        },
    ),
    "learned": _listed("learned", ["test"]),
}
"""The tables of the page by name."""
