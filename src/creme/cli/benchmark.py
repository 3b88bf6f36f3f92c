"""Models against loci whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creme.cli.commands import Commands
from creme.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

benchmark_app = Commands(help="Score a model on loci whose truth is known.")

_COLUMNS = ("question", "score", "value", "low", "high", "n", "oracle", "guess")


def truth(
    model: Annotated[str, typer.Argument(help="a model's name, such as oracle")],
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="of the model; may be repeated"),
    ] = None,
    grammar: Annotated[str, typer.Option(help="cis, simple, or the path of a .toml file")] = "cis",
    cell_type: Annotated[str, typer.Option(help="of the grammar")] = "alpha",
    track: Annotated[
        str | None, typer.Option(help="the model's track; that of the cell type unless given")
    ] = None,
    loci: Annotated[int, typer.Option(min=3, help="held-out loci of the scorecard")] = 20,
    tile: Annotated[int, typer.Option(min=100, help="length of a tile, bp")] = 1000,
    replicates: Annotated[int, typer.Option(min=2, help="shuffles of the scorecard")] = 5,
    experiment: Annotated[
        list[str] | None,
        typer.Option(help="run this experiment, or all, instead of the scorecard; may be repeated"),
    ] = None,
    share: Annotated[
        float, typer.Option(min=0.001, help="with --experiment: of the loci of each")
    ] = 1.0,
    store: Annotated[Path | None, typer.Option(help="keeps predictions")] = None,
    seed: Annotated[int, typer.Option(min=0, help="of loci, shuffles and bootstrap")] = 0,
    to: Annotated[Path, typer.Option(help="folder of the tables and the page")] = Path(
        "truth.benchmark"
    ),
) -> None:
    """Score a model on loci of a grammar, whose truth is known.

    A page compares it with the grammar's oracle and with a guess by distance."""
    from creme.api import load_model
    from creme.benchmark.experiments import chosen_experiments, run_experiment
    from creme.benchmark.scorecard import scorecard
    from creme.benchmark.subject import Subject
    from creme.cli.choices import add_values
    from creme.cli.terminal import out

    wanted = None if experiment and "all" in experiment else experiment
    chosen = chosen_experiments(wanted) if experiment else []
    if share != 1 and not experiment:
        raise ConfigError("--share: only with --experiment; --loci says how many a scorecard has")
    subject = Subject(
        model,
        load_model(model, **_settings(setting or [])),
        rules=grammar,
        cell_type=cell_type,
        track=track,
        store=store,
        seed=seed,
    )
    to.mkdir(parents=True, exist_ok=True)
    if chosen:
        for one in chosen:
            tables = run_experiment(one, subject, to, share=share)
            out.print(f"{one.title}: wrote {', '.join(f'{name}.csv' for name in tables)} in {to}")
        add_values(folder=to, experiments=[one.name for one in chosen])
        return
    scored = scorecard(subject, loci=loci, tile=tile, replicates=replicates)
    about = (
        f"{loci} held-out loci of grammar `{subject.grammar.name}`, {subject.model.input_length:,} "
        f"bp; cell type {cell_type}; tiles of {tile:,} bp, {replicates} shuffles; seed {seed}."
    )
    _write(scored, to, model, about)


def table(
    truth: Annotated[
        Path, typer.Argument(help="elements: locus, start, end, kind, strength; .csv or .tsv")
    ],
    file: Annotated[Path, typer.Argument(help="an experiment file: its model, loci and tracks")],
    tile: Annotated[int, typer.Option(min=1, help="length of a tile, bp")] = 1000,
    replicates: Annotated[int, typer.Option(min=2, help="shuffles")] = 5,
    to: Annotated[Path, typer.Option(help="folder of the table and the page")] = Path(
        "truth.benchmark"
    ),
) -> None:
    """Score a model of yours on loci whose truth you have as a table.

    Elements outside the loci's sequences are left out."""
    from creme.benchmark.scorecard import table_scorecard
    from creme.benchmark.truth_table import TruthTable
    from creme.runner.experiment import Experiment

    elements = TruthTable.read(truth)
    experiment = Experiment.from_file(file)
    planned = experiment.plan()
    plan = planned.plan
    with experiment.open_store(experiment.store_place) as store:
        scored = table_scorecard(
            plan.model,
            list(plan.loci),
            elements,
            tracks=list(plan.selection.tracks),
            bins=list(plan.selection.bins),
            tile=tile,
            replicates=replicates,
            store=store,
            seed=experiment.seed,
        )
    named = sum(locus.name in set(elements.elements["locus"]) for locus in plan.loci)
    about = (
        f"{named} loci of {file} whose elements stand in {truth}; tiles of {tile:,} bp, "
        f"{replicates} shuffles; seed {experiment.seed}."
    )
    to.mkdir(parents=True, exist_ok=True)
    _write(scored, to, plan.model.name, about)


def _settings(pairs: list[str]) -> dict[str, Any]:
    """Parameters of a model: values as in TOML, or text."""
    import tomllib

    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"--set {pair!r}: give KEY=VALUE, such as length=8192")
        try:
            settings[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            settings[key.strip()] = value
    return settings


def _write(scored: pd.DataFrame, to: Path, model: str, about: str) -> None:
    from creme.benchmark.scorecard import scorecard_page
    from creme.benchmark.scorecard_html import scorecard_html
    from creme.cli.choices import add_values
    from creme.cli.tables import write_table
    from creme.cli.terminal import out, show_table
    from creme.errors import PluginError
    from creme.files.durable import write_text

    title = f"{model}: scorecard"
    write_table(to / "scorecard.csv", scored)
    write_text(to / "scorecard.md", scorecard_page(scored, title, about))
    written, without = ["scorecard.csv", "scorecard.md"], ""
    try:
        write_text(to / "scorecard.html", scorecard_html(scored, title, about, model))
        written.append("scorecard.html")
    except PluginError as error:
        without = f"; without scorecard.html: {error}"
    columns = [name for name in _COLUMNS if name in scored]
    rows = [[_cell(row[name]) for name in columns] for row in scored.to_dict("records")]
    show_table("scorecard", columns, rows, title)
    add_values(folder=to, page=to / written[-1])
    out.print(f"Wrote {', '.join(written)} in {to}{without}")


def _cell(value: Any) -> Any:
    from creme.cli.choices import chosen

    if chosen.json or not isinstance(value, float):
        return value
    return f"{value:.3f}" if value == value else ""


benchmark_app.add(
    truth,
    """
creme benchmark truth oracle
# fewer loci of a shorter input
creme benchmark truth oracle --set length=8192 --loci 5
# an experiment of the page on known truth
creme benchmark truth oracle --experiment sets
""",
)
benchmark_app.add(
    table,
    """
creme benchmark table elements.csv experiment.toml
creme benchmark table elements.csv experiment.toml \\
    --tile 2000 --to mine.benchmark
""",
)
