"""The scorecard of a model, and cards side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from creme.cli.asking import ShardOption, parameters_of
from creme.cli.choices import add_values
from creme.cli.cluster import Scheduler, Workers, chosen_cluster
from creme.cli.commands import Commands
from creme.errors import ConfigError, listing
from creme.interrupts import STOPPED

if TYPE_CHECKING:
    from creme.runner.report import Report
    from creme.scorecards.card import Scorecard
    from creme.scorecards.prepared import PreparedCard
    from creme.scorecards.steps import Step

MAKE = "make"


class _FileFirst(TyperGroup):
    """A group whose command `MAKE` may be left out: a file stands where a command would."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "--help", "-h"}:
            args = [MAKE, *args]
        return super().parse_args(ctx, args)


scorecard_app = Commands(
    cls=_FileFirst,
    help="Answers of a model to a fixed panel, as a card that travels.",
)


def make(
    file: Annotated[Path, typer.Argument(help="a scorecard's file: model, genome and panel")],
    to: Annotated[
        Path | None, typer.Option(help="folder of the card; NAME.scorecard beside it unless given")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="only say what it will ask for; nothing is predicted")
    ] = False,
    step: Annotated[
        str | None, typer.Option(help="only this step: effects, strands or curves; no card is made")
    ] = None,
    shard: ShardOption = None,
    workers: Workers = None,
    dask: Scheduler = None,
) -> None:
    """Make a model's scorecard, from where it was left.

    The word make may be left out: creme scorecard FILE."""
    from creme.scorecards.prepared import PreparedCard
    from creme.scorecards.settings import ScorecardSettings
    from creme.scorecards.steps import STEPS

    if step is not None and step not in STEPS:
        raise ConfigError(f"--step {step}: choose {listing(STEPS)}")
    if shard is not None and step is None:
        raise ConfigError(
            "--shard: with --step, since a step takes the findings of the one before; 'effects' "
            "first, and 'curves' once that is merged and run"
        )
    if plan and (shard is not None or step is not None or dask is not None):
        raise ConfigError(
            "--plan: nothing is run, so --step, --shard and --dask do nothing with it"
        )
    settings = ScorecardSettings.from_file(file)
    folder = to or settings.folder / f"{settings.name}.scorecard"
    prepared = PreparedCard.of(settings, folder)
    if plan:
        _show_plan(prepared)
        return
    raise typer.Exit(_run(prepared, step, shard, chosen_cluster(workers, dask)))


def _show_plan(prepared: PreparedCard) -> None:
    """Print what each step will ask for."""
    from creme.cli.terminal import out, show_table
    from creme.scorecards.steps import most_of_curves

    rows: list[list[Any]] = []
    if prepared.results("effects") is not None:
        prepared.take_curves()
    for step, experiment in prepared.experiments.items():
        planned = experiment.plan()
        rows += [
            [
                step,
                test.label,
                test.units,
                f"{_ABOUT[test.kind]}{test.requested:,}",
                f"{test.stored:,}",
                f"{_ABOUT[test.kind]}{test.to_predict:,}",
            ]
            for test in planned.tests
        ]
    loci = len(prepared.placed.loci)
    if "curves" not in prepared.experiments:
        most = most_of_curves(prepared.panel, prepared.tiles, loci)
        rows.append(["curves", "all", loci, f"at most {most:,}", "", f"at most {most:,}"])
    panel, model = prepared.panel, prepared.model
    out.print(
        f"{prepared.settings.name}: {loci} of {len(panel.loci)} loci of panel {panel.name} "
        f"({panel.assembly}), model {model.name}, input of {model.input_length:,} bp"
    )
    columns = ["step", "test", "loci", "asked", "in the store", "to predict"]
    show_table("plan", columns, rows)
    for gene, why in prepared.placed.left_out:
        out.print(f"Left out: {gene}: {why}")
    for question in panel.questions:
        why = prepared.tiles.lacking(question, panel, model.input_length)
        if question == "strands":
            why = prepared.without_strands
        if question == "crispri" and prepared.settings.crispri is None:
            why = "no CRISPRi table is given"
        if why:
            out.print(f"Not applicable, {question}: {why}")


_ABOUT = {"exact": "", "estimate": "about ", "at least": "at least "}


def _run(
    prepared: PreparedCard, step: str | None, shard: str | None, cluster: int | str | None
) -> int:
    import creme
    from creme.cli.execute import say_shard
    from creme.cli.terminal import out, progress, say_failures
    from creme.runner.shards import Shard, run_shard
    from creme.scorecards.run import run_steps
    from creme.scorecards.scoring import score_card
    from creme.scorecards.steps import STEPS

    if shard is not None:
        part = Shard.parse(shard)
        if step == "curves":
            prepared.take_curves()
        experiment = prepared.experiments.get(step)  # type: ignore[call-overload]
        if experiment is None:
            raise ConfigError(f"--step {step}: this card has nothing to ask there")
        report, store = run_shard(experiment, part, progress=progress, cluster=cluster)
        return say_shard(report, part, store)
    failed = []

    def ended(name: Step, report: Report) -> None:
        counts = report.progress
        out.print(
            f"{name}: {counts.asked:,} sequences asked for, {counts.predicted:,} predicted, "
            f"{counts.stored:,} taken from the store"
        )
        say_failures(report.failures)
        failed.extend(report.failures)

    wanted = STEPS if step is None else [one for one in STEPS if one == step]
    try:
        whole = run_steps(prepared, only=wanted, progress=progress, cluster=cluster, on_step=ended)
    except KeyboardInterrupt:  # before the first batch of a step, or a second time
        whole = False
    if not whole:
        out.print("Stopped before the end; the same command goes on from there")
        return STOPPED
    if step is None:
        card = score_card(prepared, creme.__version__)
        paths = card.write(prepared.to)
        _show(card)
        add_values(card=paths[0], panel=card.panel["digest"], cost=dict(card.cost))
        out.print(f"Wrote {', '.join(path.name for path in paths)} in {prepared.to}")
    return 1 if failed else 0


def _show(card: Scorecard) -> None:
    """Print the scores, and below them why others have no value."""
    from creme.cli.terminal import out, show_table
    from creme.scorecards.scores import number, shown

    rows = [
        [
            score.question,
            score.score,
            shown(score),
            score.n or "",
            number(score.noise),
            number(score.floor),
            score.better,
        ]
        for score in card.scores
        if not score.why
    ]
    columns = ["question", "score", "value", "n", "noise", "floor", "better"]
    show_table("scores", columns, rows, f"{card.name}, panel {card.panel['name']}")
    without: dict[tuple[str, str], list[str]] = {}
    for score in card.scores:
        if score.why:
            without.setdefault((score.question, score.why), []).append(score.score)
    for (question, why), names in without.items():
        out.print(f"Not applicable, {question} ({listing(names, 3)}): {why}")
    add_values(
        not_applicable=[
            {"question": question, "scores": names, "why": why}
            for (question, why), names in without.items()
        ]
    )


def compare(
    cards: Annotated[
        list[Path], typer.Argument(help="cards of one panel: scorecard.json, or its folder")
    ],
    to: Annotated[Path | None, typer.Option(help="folder of the tables and the page")] = None,
) -> None:
    """Set scorecards of one panel side by side.

    Differences are over the loci whose bases are the same."""
    from creme.cli.terminal import out, show_table
    from creme.scorecards.card import Scorecard
    from creme.scorecards.scores import number
    from creme.scorecards.side_by_side import SideBySide

    together = SideBySide.of([Scorecard.read(path) for path in cards])
    rows = []
    for row in together.scores.to_dict("records"):
        values = [
            f"not applicable: {row[f'why {name}']}"
            if row[f"why {name}"]
            else number(row[f"value {name}"])
            for name in together.names
        ]
        rows.append([row["question"], row["score"], row["better"], *values])
    show_table("scores", ["question", "score", "better", *together.names], rows)
    differences = [
        [
            row["question"],
            row["score"],
            row["card"],
            number(row["difference"]),
            f"{number(row['low'])} to {number(row['high'])}",
            row["n"],
            row["says"],
        ]
        for row in together.differences.to_dict("records")
    ]
    columns = ["question", "score", "card", "difference", "interval", "loci", "says"]
    show_table("differences", columns, differences, f"less {together.names[0]}")
    for note in together.notes:
        out.print(note)
    if to is not None:
        paths = together.write(to)
        add_values(files=paths)
        out.print(f"Wrote {', '.join(path.name for path in paths)} in {to}")


def panel(
    loci: Annotated[
        Path, typer.Option(help="TSV or CSV: gene; with contig, tss and strand, or without")
    ],
    name: Annotated[str, typer.Option(help="of the panel, with a number: another list, another")],
    assembly: Annotated[str, typer.Option(help="the genome that the loci are of")],
    to: Annotated[Path, typer.Option(help="the panel's file")],
    fasta: Annotated[
        Path | None,
        typer.Option(
            help="keeps digests of the bases around the TSSs, by which others' genomes are checked"
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="such as tile=5000; may be repeated"),
    ] = None,
) -> None:
    """Make a panel's file from a list of loci.

    It is never written over: another list has another name."""
    from creme.cli.terminal import out
    from creme.files.durable import write_text
    from creme.scorecards.making import make_panel

    if to.exists():
        raise ConfigError(f"{to} exists: a panel does not change; give another name and file")
    if not to.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder {to.parent}: make it first")
    made = make_panel(loci, name, assembly, fasta=fasta, **parameters_of(setting or []))
    write_text(to, made.to_toml())
    add_values(panel=to, digest=made.digest, loci=len(made.loci))
    out.print(f"Wrote {len(made.loci)} loci to {to}; digest {made.digest}")


scorecard_app.add(
    make,
    """
creme scorecard make enformer.toml --plan
creme scorecard make enformer.toml --to enformer.card
# the first of eight jobs of an array
creme scorecard make enformer.toml --step effects \\
    --shard 1/8
""",
    MAKE,
)
scorecard_app.add(
    compare,
    """
creme scorecard compare enformer.card borzoi.json
creme scorecard compare a.json b.json c.json --to cards
""",
)
scorecard_app.add(
    panel,
    """
creme scorecard panel --loci genes.tsv --name mine-1 \\
    --assembly hg38 --to mine-1.toml
# shorter tiles; digests of the bases around the TSSs
creme scorecard panel --loci tss.tsv --name mine-2 \\
    --assembly hg38 --fasta hg38.fa --set tile=2000 \\
    --to mine-2.toml
""",
)
