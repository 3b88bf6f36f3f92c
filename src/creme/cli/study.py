"""Run, plan and look at studies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creme.cli.asking import PowerOption, ShardOption, TrustOption, trust_by
from creme.cli.choices import add_table, add_values, chosen
from creme.cli.cluster import Scheduler, Workers, chosen_cluster
from creme.errors import ConfigError, listing
from creme.files.trusted import Trust
from creme.interrupts import STOPPED
from creme.results.words import duration, units

if TYPE_CHECKING:
    from creme.study.forecast.cost import Forecast


def study(
    path: Annotated[Path, typer.Argument(help="a study file, or the folder of a study")],
    output: Annotated[
        Path | None, typer.Option(help="the study's folder, instead of NAME.study")
    ] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option(
            help="only this stage; may be repeated; --plan adds those that it needs and that are "
            "not finished"
        ),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="only say what it will take, stage by stage")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="only say how far it is")] = False,
    seconds_per_prediction: Annotated[
        float | None, typer.Option(min=0, help="for --plan, instead of timing the model")
    ] = None,
    price_per_hour: Annotated[
        float | None, typer.Option(min=0, help="for --plan: what an hour of the machine costs")
    ] = None,
    assume_loci: Annotated[
        int | None, typer.Option(min=0, help="for --plan: selected loci, while none are known")
    ] = None,
    power: PowerOption = None,
    trust: TrustOption = False,
    workers: Workers = None,
    dask: Scheduler = None,
    shard: ShardOption = None,
) -> None:
    """Run a study: from a genome to every test's tables.

    A study that was begun goes on from where it was left."""
    if plan and status:
        raise ConfigError("--plan and --status: give one of them")
    of_plan = {
        "--seconds-per-prediction": seconds_per_prediction,
        "--price-per-hour": price_per_hour,
        "--assume-loci": assume_loci,
        "--power": power,
    }
    alone = [name for name, value in of_plan.items() if value is not None]
    if alone and not plan:
        raise ConfigError(f"{listing(alone)}: only with --plan; without it the study is run")
    if shard is not None and (plan or status):
        raise ConfigError("--shard: --plan and --status go with the whole study")
    if status:
        show_study(path, output, stage)
        return
    cluster = chosen_cluster(workers, dask)
    if shard is not None:
        raise typer.Exit(execute_study_shard(path, output, stage, shard, trust_by(trust), cluster))
    if plan:
        if dask is not None:
            raise ConfigError("--plan and --dask: give --workers, to say how many there are")
        times = (seconds_per_prediction, price_per_hour, assume_loci)
        show_plan(path, output, stage, *times, trust_by(trust), workers, power)
        return
    raise typer.Exit(execute_study(path, output, stage, trust_by(trust), cluster))


def execute_study(
    path: Path,
    output: Path | None,
    stages: list[str] | None,
    trust: Trust = False,
    cluster: int | str | None = None,
) -> int:
    """Run a study; returns the exit status."""
    from creme.cli.terminal import err, out, progress, say_aside
    from creme.study.run import run_study

    failures = 0
    interrupted = False

    def on_stage(stage: str, state: dict[str, Any], ran: bool) -> None:
        nonlocal failures, interrupted
        interrupted = state["state"] == "interrupted"
        if state["state"] == "finished":
            out.print(_line(stage, state, ran))
        for sentence in state.get("remarks", []):
            say_aside(f"Note: {stage}, {sentence}")
        for unit, message in state.get("failures", []):
            err.print(f"Failed: stage {stage!r} on {unit!r}: {message}", style="red")
        failures += len(state.get("failures", []))

    further = f"creme study {path}" + (f" --output {output}" if output else "")
    try:
        done = run_study(
            path,
            output=output,
            stages=stages,
            progress=lambda stage, plan: progress(plan),
            on_stage=on_stage,
            trust=trust,
            cluster=cluster,
        )
    except KeyboardInterrupt:  # between two stages, or a second time
        interrupted = True
    if interrupted:
        out.print(f"Stopped before the end. To continue: {further}")
        return STOPPED
    for note in done.notes:
        say_aside(f"Note: {note}")
    if failures:
        err.print(f"To try what failed once more: {further}")
    entries = done.stages.items()
    outdated = [stage for stage, entry in entries if entry["state"] == "outdated"]
    if outdated:
        are = "is" if len(outdated) == 1 else "are"
        out.print(
            f"{listing(outdated, 20)} {are} outdated: 'creme study {done.path}' makes them anew, "
            f"from the store where it can"
        )
    add_values(study=done.path, tables=done.path / "tables")
    add_table("stages", _COLUMNS, [_row(*entry) for entry in entries])
    out.print(f"Study: {done.path}; its tables are in {done.path / 'tables'}")
    return 1 if failures else 0


def execute_study_shard(
    path: Path,
    output: Path | None,
    stages: list[str] | None,
    text: str,
    trust: Trust = False,
    cluster: int | str | None = None,
) -> int:
    """Predict one part of a stage into a store of its own; returns the exit status."""
    from creme.cli.execute import say_shard
    from creme.cli.terminal import progress
    from creme.runner.shards import Shard
    from creme.study.shards import only_stage, run_study_shard

    shard, stage = Shard.parse(text), only_stage(stages)
    report, store = run_study_shard(
        path, stage, shard, output=output, progress=progress, trust=trust, cluster=cluster
    )
    return say_shard(report, shard, store)


def _line(stage: str, state: dict[str, Any], ran: bool) -> str:
    if state.get("note"):
        return f"{stage}: nothing to do: {state['note']}."
    if not ran:
        return f"{stage}: finished before, {units(state['units'])}."
    if state.get("from_results"):
        return (
            f"{stage}: tables made anew from the results of {units(state['units'])}; nothing "
            f"was asked for; {state['seconds']:.1f} s."
        )
    return (
        f"{stage}: {units(state['units'])}, {state['asked']} sequences asked for, "
        f"{state['predicted']} predicted, {state['stored']} taken from the store, "
        f"{state['repeated']} repeated; {state['seconds']:.1f} s."
    )


def show_study(path: Path, output: Path | None, stages: list[str] | None) -> None:
    """State of each stage, or of those given, and the funnel."""
    from creme.cli.terminal import out, show_table
    from creme.runner.toml_file import read_text
    from creme.study.config import StudyFile
    from creme.study.folder import STUDY
    from creme.study.location import Location

    location = Location.of(path, output)
    folder = location.folder
    if folder is None or not folder.begun:
        folder = location.begun(StudyFile.from_text(location.text(), title=str(location.file)))
    state, entries = folder.state(), folder.stages()
    for stage in stages or ():
        if stage not in entries:
            raise ConfigError(
                f"{folder.path} has no stage {stage!r}: it has {listing(entries, 20)}"
            )
    rows = [_row(*entry) for entry in entries.items() if not stages or entry[0] in stages]
    title = f"{folder.path} (updated {state['updated']}; store {state['store']})"
    shown = [
        place
        for place, name in enumerate(_COLUMNS)
        if chosen.json
        or (
            (name != "note" or any(row[place] for row in rows))
            and (name != "repeated" or chosen.verbose)
        )
    ]
    columns = [_COLUMNS[place] for place in shown]
    show_table("stages", columns, [[row[place] for place in shown] for row in rows], title)
    if state.get("funnel"):
        steps = [[row["step"], row["left"], row["removed"], row["why"]] for row in state["funnel"]]
        show_table("selection", ["step", "left", "removed", "why"], steps, "selection of TSSs")
    for name in ("categories", "classes"):
        if state.get(name):
            add_values(**{name: state[name]})
            out.print(f"{name}: {_counted(state[name])}")
    for file in folder.changed_files():
        out.print(f"{file} is no longer the file that this study was made from.")
    kept = folder.path / STUDY
    if kept != location.file and kept.is_file() and location.text() != read_text(kept):
        out.print(
            f"{location.file} is not as it was run last: --plan says whether this study takes it."
        )
    states = {entry["state"] for entry in entries.values()}
    if "running" not in states and (
        states != {"finished"} or any(entry.get("failures") for entry in entries.values())
    ):
        out.print(f"To continue: creme study {folder.path}")


_COLUMNS = (
    "stage",
    "state",
    "units",
    "asked",
    "predicted",
    "stored",
    "repeated",
    "seconds",
    "note",
)


def _row(stage: str, entry: dict[str, Any]) -> list[Any]:
    return [stage, *(entry.get(name, "") for name in _COLUMNS[1:-1]), _remark(entry)]


def _counted(counts: dict[str, Any]) -> str:
    """Numbers by name, or by two names, in words."""
    words = []
    for name, count in counts.items():
        several = isinstance(count, dict)
        words.append(f"{name}: {_counted(count)}" if several else f"{count} {name}")
    return ("; " if any(isinstance(each, dict) for each in counts.values()) else ", ").join(words)


def _remark(state: dict[str, Any]) -> str:
    failed = len(state.get("failures", []))
    return state.get("error") or state.get("note") or (f"{failed} failed" if failed else "")


def show_plan(
    path: Path,
    output: Path | None,
    stages: list[str] | None,
    seconds: float | None,
    price: float | None,
    assumed: int | None,
    trust: Trust = False,
    workers: int | None = None,
    power: float | None = None,
) -> None:
    """The cost of a study, before anything runs; and the replicates that find an effect."""
    from creme.cli.planned import show_planned_powers
    from creme.cli.terminal import out, show_table
    from creme.study.forecast.cost import forecast
    from creme.study.forecast.powers import stage_powers
    from creme.study.forecast.speed import seconds_per_prediction
    from creme.study.run import prepare

    prepared, folder = prepare(path, output, trust)
    with prepared.study.trusting(trust):
        planned = forecast(prepared, folder, assumed, stages)
        how = "as given" if seconds is not None else "measured on this machine"
        seconds = seconds_per_prediction(prepared) if seconds is None else seconds
        powers = [] if power is None else stage_powers(prepared, folder, power, stages)
    columns = ["stage", "units", "asked", "to predict", "in the store", "time"]
    columns += ["cost"] if price is not None else []
    cluster = prepared.study.cluster
    n = workers or (1 if cluster is None else cluster.most)
    rows = [_planned(one, seconds, price, n) for one in planned]
    requested, needed, stored = (
        sum(getattr(one, name) for one in planned) for name in ("asked", "needed", "stored")
    )
    mark = "at least " if any(one.kind == "unknown" for one in planned) else ""
    took = needed * seconds
    last = ["all", "", f"{mark}{requested}", f"{mark}{needed}", stored]
    rows.append([*last, f"{mark}{duration(took / n)}", *_cost(took, price)])
    title = f"{prepared.study.name}: {seconds:.3g} s a prediction, {how}"
    title += f"; {n} workers, each as fast" if n > 1 else ""
    show_table("plan", columns, rows, title)
    for note in dict.fromkeys(note for one in planned for note in one.notes):
        with_note = [one.stage for one in planned if note in one.notes]
        out.print(f"- {note} ({listing(with_note, 20)})")
    if power is not None:
        show_planned_powers(powers, power)


def _planned(one: Forecast, seconds: float, price: float | None, workers: int) -> list[Any]:
    if one.kind == "unknown":
        units = f"{'about ' if one.assumed else ''}{one.units}" if one.units else "not known"
        cost = [] if price is None else ["not known"]
        return [one.stage, units, "not known", "not known", "", "not known", *cost]
    took = one.needed * seconds
    mark = {"exact": "", "estimate": "about ", "bound": "at most "}[one.kind]
    return [
        one.stage,
        f"{mark if one.assumed else ''}{one.units}",
        f"{mark}{one.asked}",
        f"{mark}{one.needed}",
        one.stored,
        duration(took / workers),
        *_cost(took, price),
    ]


def _cost(seconds: float, price: float | None) -> list[str]:
    return [] if price is None else [f"{seconds / 3600 * price:.2f}"]
