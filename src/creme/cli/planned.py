"""The predictions and the time that a run of an experiment will take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from creme.results.words import duration

if TYPE_CHECKING:
    from creme.runner.experiment import Experiment
    from creme.runner.plan import Plan
    from creme.runner.planned_power import PlannedPower

_ABOUT = {"exact": "", "estimate": "about ", "at least": "at least "}


def show_planned_run(
    experiment: Experiment,
    seconds: float | None,
    workers: int | None,
    effect: float | None = None,
) -> None:
    """Print what each test will ask for, what is stored, and the time where it is known.

    Parameters
    ----------
    experiment : Experiment
    seconds : float, optional
        A prediction's; those that the last run of the model took unless given.
    workers : int, optional
        How many predict at once.
    effect : float, optional
        The size of an effect: how many replicates find it is printed as well.
    """
    from creme.cli.terminal import out, show_table

    planned = experiment.plan()
    head, *_, total = str(planned).splitlines()[: 3 + len(planned.tests)]
    out.print(head)
    out.print(str(planned).splitlines()[1])
    source = "as given"
    if seconds is None:
        seconds, source = measured_seconds(experiment, planned.plan)
    n = workers or 1
    columns = ["test", "units", "asked", "repeated", "in the store", "to predict", "time"]
    rows = [
        [
            test.label,
            test.units,
            f"{_ABOUT[test.kind]}{test.requested}",
            test.repeated,
            test.stored,
            f"{_ABOUT[test.kind]}{test.to_predict}",
            "not known" if seconds is None else duration(test.to_predict * seconds / n),
        ]
        for test in planned.tests
    ]
    title = None if seconds is None else f"{seconds:.3g} s a prediction, {source}"
    show_table("plan", columns, rows, title)
    if seconds is None:
        out.print(f"{total}; how long one takes is not known: --seconds-per-prediction says it")
    else:
        out.print(f"{total}, {duration(planned.to_predict * seconds / n)}")
    for note in planned.notes:
        out.print(note)
    if effect is not None:
        from creme.runner.planned_power import planned_powers
        from creme.runner.planned_run import opened_for_reading
        from creme.runner.write_buffer import StoredPredictions

        plan = planned.plan
        places = (experiment.store_place, experiment.index, experiment.other_stores)
        with opened_for_reading(*places) as (store, others):
            stored = StoredPredictions(store, plan.model, plan.selection, others)
            powers = planned_powers(
                plan.tests, lambda test: test.units(plan.loci), plan, stored, effect
            )
        show_planned_powers(powers, effect)


def show_planned_powers(powers: Sequence[PlannedPower], effect: float) -> None:
    """Print how many replicates find an effect."""
    from creme.analysis.noise import Q
    from creme.cli.choices import chosen
    from creme.cli.terminal import out, show_table
    from creme.runner.planned_power import WANTED, in_words

    columns = ["test", "tile", "replicates", "chance", f"for {WANTED:.0%}", "noise from"]
    rows = [
        [
            one.label,
            one.tile,
            one.replicates,
            one.chance if chosen.json else f"{one.chance:.2f}" if one.replicates > 1 else "no q",
            one.needed if chosen.json else in_words(one.needed),
            one.source,
        ]
        for one in powers
    ]
    title = f"chance that an effect of {effect:g} is called at q < {Q:g}"
    show_table("power", columns, rows, title)
    if any(one.needed is None for one in powers):
        out.print(
            "The native bases are one more draw beside their shuffles, so that more replicates do "
            "not find each effect: larger tiles, or another readout, may."
        )


def measured_seconds(experiment: Experiment, plan: Plan) -> tuple[float | None, str]:
    """Seconds a prediction of this model and these bins and tracks, as a run has measured it.

    Returns
    -------
    float or None
        Of the latest results beside the experiment that have some; None where there are none.
    str
        Where they are from.
    """
    from creme.errors import CremeError
    from creme.results.directory import STATE, Results
    from creme.runner.write_buffer import source_fingerprint

    source = source_fingerprint(plan.model, plan.selection)
    files = [experiment.results_path / STATE, *experiment.folder.glob(f"*.results/{STATE}")]
    files = sorted(set(filter(Path.is_file, files)), key=lambda file: -file.stat().st_mtime)
    for file in files:
        try:
            state = Results(file.parent).state()
        except CremeError:
            continue
        predicted = state.get("counts", {}).get("predicted", 0)
        spent = state.get("seconds", {}).get("model", 0.0)
        if state.get("identity", {}).get("model") == source and predicted and spent:
            return spent / predicted, f"as in {file.parent}"
    return None, ""
