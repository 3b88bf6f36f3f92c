"""Run, plan and look at studies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creme.errors import listing

if TYPE_CHECKING:
    from creme.study.plan import Forecast


def study(
    path: Annotated[Path, typer.Argument(help="a study file, or the folder of a study")],
    output: Annotated[
        Path | None, typer.Option(help="the study's folder, instead of NAME.study")
    ] = None,
    stage: Annotated[
        list[str] | None, typer.Option(help="only this stage; may be repeated")
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
) -> None:
    """Run a managed study: from a genome and an annotation to every test's tables."""
    if status:
        show_study(path, output)
        return
    if plan:
        show_plan(path, output, seconds_per_prediction, price_per_hour, assume_loci)
        return
    raise typer.Exit(execute_study(path, output, stage))


def execute_study(path: Path, output: Path | None, stages: list[str] | None) -> int:
    """Run a study; returns the exit status."""
    from creme.cli.terminal import err, out, progress
    from creme.study.run import run_study

    failures = 0

    def on_stage(stage: str, state: dict[str, Any], ran: bool) -> None:
        nonlocal failures
        if state["state"] == "finished":
            out.print(_line(stage, state, ran), highlight=False)
        for unit, message in state.get("failures", []):
            err.print(f"Failed: stage {stage!r} on {unit!r}: {message}", style="red")
        failures += len(state.get("failures", []))

    try:
        done = run_study(
            path,
            output=output,
            stages=stages,
            progress=lambda stage, ready: progress(ready),
            on_stage=on_stage,
        )
    except KeyboardInterrupt:  # between two stages, or a second time
        out.print(f"Stopped before the end. To continue: creme study {path}")
        return 130
    if done.interrupted:
        out.print(f"Stopped before the end. To continue: creme study {done.path}")
        return 130
    out.print(f"Study: {done.path}; its tables are in {done.path / 'tables'}")
    return 1 if failures else 0


def _line(stage: str, state: dict[str, Any], ran: bool) -> str:
    if state.get("note"):
        return f"{stage}: nothing to do: {state['note']}."
    if not ran:
        return f"{stage}: finished before, {state['units']} units."
    return (
        f"{stage}: {state['units']} units, {state['asked']} sequences asked for, "
        f"{state['predicted']} predicted, {state['stored']} taken from the store, "
        f"{state['repeated']} repeated; {state['seconds']:.1f} s."
    )


def show_study(path: Path, output: Path | None) -> None:
    """State of each stage, and the funnel."""
    from creme.cli.terminal import out, table
    from creme.runner.experiment import read_text
    from creme.study.config import parse
    from creme.study.folder import Folder

    if output is None and not path.is_dir():
        output = path.parent / f"{parse(read_text(path), str(path)).name}.study"
    folder = Folder.existing(output or path)
    state = folder.state()
    columns = ["stage", "state", "units", "asked", "predicted", "stored", "repeated", "seconds", ""]
    rows = [
        [stage, *(known.get(name, "") for name in columns[1:-1]), _said(known)]
        for stage, known in folder.stages().items()
    ]
    title = f"{folder.path} (updated {state['updated']}; store {state['store']})"
    out.print(table(columns, rows, title=title))
    if state.get("funnel"):
        steps = [[row["step"], row["left"], row["removed"], row["why"]] for row in state["funnel"]]
        out.print(table(["step", "left", "removed", "why"], steps, title="selection of TSSs"))
    for name in ("categories", "classes"):
        if state.get(name):
            out.print(f"{name}: {state[name]}", highlight=False)
    if any(known["state"] != "finished" for known in folder.stages().values()):
        out.print(f"To continue: creme study {folder.path}")


def _said(state: dict[str, Any]) -> str:
    failed = len(state.get("failures", []))
    return state.get("error") or state.get("note") or (f"{failed} failed" if failed else "")


def show_plan(
    path: Path,
    output: Path | None,
    seconds: float | None,
    price: float | None,
    assumed: int | None,
) -> None:
    """What a study will take, before anything runs."""
    from creme.cli.terminal import out, table
    from creme.study.plan import forecast, seconds_per_prediction
    from creme.study.run import prepare

    ready, folder = prepare(path, output)
    found = forecast(ready, folder, assumed)
    if seconds is None:
        seconds = seconds_per_prediction(ready)
        how = "measured on this machine"
    else:
        how = "as given"
    columns = ["stage", "units", "asked", "to predict", "in the store", "time"]
    columns += ["cost"] if price is not None else []
    rows = [_planned(one, seconds, price) for one in found]
    total = sum(one.needed for one in found)
    last = ["all", "", sum(one.asked for one in found), total, sum(one.stored for one in found)]
    rows.append([*last, duration(total * seconds), *_cost(total * seconds, price)])
    title = f"{ready.study.name}: {seconds:.3g} s a prediction, {how}"
    out.print(table(columns, rows, title=title))
    for note in dict.fromkeys(note for one in found for note in one.notes):
        of = [one.stage for one in found if note in one.notes]
        out.print(f"- {note} ({listing(of, 20)})", highlight=False)


def _planned(one: Forecast, seconds: float, price: float | None) -> list[Any]:
    took = one.needed * seconds
    mark = {"exact": "", "estimate": "about ", "bound": "at most "}[one.kind]
    return [
        one.stage,
        f"{mark if one.assumed else ''}{one.units}",
        f"{mark}{one.asked}",
        f"{mark}{one.needed}",
        one.stored,
        duration(took),
        *_cost(took, price),
    ]


def _cost(seconds: float, price: float | None) -> list[str]:
    return [] if price is None else [f"{seconds / 3600 * price:.2f}"]


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"
