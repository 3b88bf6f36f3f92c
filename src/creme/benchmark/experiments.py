"""The benchmark's experiments: each asks one question of a model and writes a few tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from creme.benchmark.backgrounds import background_scores, sharing_scores
from creme.benchmark.curves import distance_errors, fine_tile_errors, saturation_errors
from creme.benchmark.learned import learned_scores
from creme.benchmark.planted_scores import planted_pair_scores, planted_set_scores
from creme.benchmark.searches import searched_scores
from creme.benchmark.sets import set_scores
from creme.benchmark.subject import Subject
from creme.benchmark.truth import benchmark_truth
from creme.errors import ConfigError, listing
from creme.files.durable import write_text

Tables = Mapping[str, pd.DataFrame]
TILES = (500, 1000, 2000, 5000, 10_000)
"""Sizes of tiles that are compared, bp."""
KEYS = ("model", "experiment", "loci")
"""The first columns of all tables."""


@dataclass(frozen=True)
class BenchmarkExperiment:
    """A question, and the number of loci for which it is asked.

    Attributes
    ----------
    name, title : str
    loci : int
        Held-out loci, unless it is told to take a share of them.
    run : callable
        Of a `Subject` and a number of loci: tables by name.
    """

    name: str
    title: str
    loci: int
    run: Callable[[Subject, int], Tables]


def _calls(
    tiles: Iterable[int], replicates: SequenceOf[int], rules: SequenceOf[str] = ("q", "size")
) -> Callable[[Subject, int], Tables]:
    def run(subject: Subject, loci: int) -> Tables:
        tables = benchmark_truth(
            subject, loci=loci, tiles=tiles, replicates=replicates, rules=rules
        )
        return dict(zip(("calls", "calibration", "noise"), tables, strict=True))

    return run


def _of(
    name: str, compute: Callable[..., pd.DataFrame], *, test: str | None = None, **options: Any
) -> Callable[[Subject, int], Tables]:
    columns = {} if test is None else {"test": test}

    def run(subject: Subject, loci: int) -> Tables:
        return {name: compute(subject, loci=loci, **options).assign(**columns)}

    return run


_EXPERIMENTS = (
    BenchmarkExperiment(
        "calls",
        "necessity and sufficiency",
        200,
        _calls((1000, 2500, 5000), (2, 3, 5, 10), ("q", "both")),
    ),
    BenchmarkExperiment("searches", "greedy searches", 200, _of("searches", searched_scores)),
    BenchmarkExperiment("sets", "pairs of tiles", 200, _of("sets", set_scores)),
    BenchmarkExperiment(
        "distance", "the distance curve", 60, _of("curves", distance_errors, test="distance")
    ),
    BenchmarkExperiment("learned", "errors separated", 40, _of("learned", learned_scores)),
    BenchmarkExperiment("tiles", "tiles of 500 to 10,000 bp", 20, _calls(TILES, (1, 2, 3, 5, 10))),
    BenchmarkExperiment(
        "backgrounds", "kinds of backgrounds", 20, _of("backgrounds", background_scores)
    ),
    BenchmarkExperiment("sharing", "shared backgrounds", 40, _of("sharing", sharing_scores)),
    BenchmarkExperiment(
        "multiplicity",
        "the saturation of copies",
        60,
        _of("curves", saturation_errors, test="multiplicity"),
    ),
    BenchmarkExperiment("fine tile", "sub-tiles", 40, _of("fine_tile", fine_tile_errors)),
    BenchmarkExperiment(
        "replicates", "1 to 30 replicates", 40, _calls((2000,), (1, 2, 3, 5, 10, 20, 30))
    ),
    BenchmarkExperiment(
        "planted pairs", "pairs of each class", 150, _of("pairs", planted_pair_scores)
    ),
    BenchmarkExperiment(
        "planted sets", "sets of one to four tiles", 140, _of("set_sizes", planted_set_scores)
    ),
    BenchmarkExperiment(
        "silencers' distance",
        "the distance curve of silencers",
        40,
        _of("curves", distance_errors, test="distance, silencers", kind="silencer"),
    ),
    BenchmarkExperiment(
        "silencers' copies",
        "the saturation of silencers",
        40,
        _of("curves", saturation_errors, test="multiplicity, silencers", kind="silencer"),
    ),
    BenchmarkExperiment(
        "planted sub-tiles",
        "sub-tiles of planted enhancers",
        40,
        _of("fine_tile", fine_tile_errors, planted=True),
    ),
)
EXPERIMENTS = {one.name: one for one in _EXPERIMENTS}
"""By name, in their order."""


def chosen_experiments(names: Iterable[str] | None) -> list[BenchmarkExperiment]:
    """Those of the names, or all.

    Raises
    ------
    ConfigError
        If there is none of a name.
    """
    names = list(EXPERIMENTS) if names is None else list(names)
    for name in names:
        if name not in EXPERIMENTS:
            raise ConfigError(f"no experiment is called {name!r}: {listing(EXPERIMENTS, 20)}")
    return [EXPERIMENTS[name] for name in names]


def run_experiment(
    experiment: BenchmarkExperiment, subject: Subject, folder: Path, *, share: float = 1.0
) -> Tables:
    """Run an experiment, and write its rows into the tables of a folder.

    Parameters
    ----------
    experiment : BenchmarkExperiment
    subject : Subject
    folder : Path
        Of ``TABLE.csv`` files; rows of the same model and experiment are replaced, others stay.
    share : float
        Of its loci; three at least are taken.

    Returns
    -------
    mapping of str to DataFrame
        Its tables by name, with the columns of `KEYS` first.
    """
    loci = max(3, round(experiment.loci * share))
    first: dict[str, Any] = {"model": subject.name, "experiment": experiment.name, "loci": loci}
    tables = {}
    for name, table in experiment.run(subject, loci).items():
        whole = table.assign(**first)
        tables[name] = whole[[*first, *(each for each in whole if each not in first)]]
        write_rows(folder / f"{name}.csv", tables[name])
    return tables


def write_rows(file: Path, table: pd.DataFrame) -> None:
    """Put rows into a CSV file, in place of those of the same model and experiment."""
    new = pd.read_csv(_text(table))
    if file.exists():
        before = pd.read_csv(file)
        same = before["model"].isin(new["model"]) & before["experiment"].isin(new["experiment"])
        kept = before[~same]
        new = pd.concat([kept, new], ignore_index=True) if len(kept) else new
    order = {name: place for place, name in enumerate(EXPERIMENTS)}
    names = sorted(set(new["model"]), key=lambda name: ("oracle" not in name, len(name), name))
    models = {name: place for place, name in enumerate(names)}
    new = new.sort_values(
        ["model", "experiment"],
        key=lambda column: column.map(models if column.name == "model" else order),
        kind="stable",
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, new.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def _text(table: pd.DataFrame):  # type: ignore[no-untyped-def]
    from io import StringIO

    return StringIO(table.to_csv(index=False, float_format="%.6g"))
