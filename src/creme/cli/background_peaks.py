"""Print the peaks of backgrounds away from the TSS."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path


def show_peaks(directory: Path, test: str | None, top: int, export: Path | None) -> None:
    """The backgrounds with the highest bins elsewhere; all of them into a table if given.

    Profiles are read from the store of the experiment; nothing is predicted.
    """
    from creme.cli.tables import check_ending, write_table
    from creme.cli.terminal import out, show_table
    from creme.errors import ConfigError, StoreError, listing
    from creme.runner.background_peaks import NEAR, background_peaks
    from creme.runner.experiment import Experiment
    from creme.runner.plan import Plan
    from creme.store.others import open_store
    from creme.study.folder import STUDY, of_study

    if export is not None:
        check_ending(export)
    if of_study(directory) is not None or (directory / STUDY).is_file():
        raise ConfigError(
            f"{directory} is of a study, and --peaks reads an experiment's results: 'creme run' "
            f"with the study's [model], [loci], seed and store has the same backgrounds"
        )
    experiment = Experiment.of_results(directory)
    plan = Plan.of(experiment)
    if test is not None:
        if test not in plan.tests:
            raise ConfigError(f"{directory} has no test {test!r}: it has {listing(plan.tests)}")
        plan = replace(plan, tests={test: plan.tests[test]})
    if not experiment.store_place.is_there():
        raise StoreError(f"there is no store {experiment.store_place}")
    with open_store(
        experiment.store_place, index_url=experiment.index, read_from=experiment.other_stores
    ) as store:
        frame = background_peaks(plan, store)
    if export is not None:
        write_table(export, frame)
        out.print(f"Wrote {len(frame)} rows to {export}")
        return
    ordered = frame.sort_values("ratio", ascending=False, kind="stable")
    title = f"highest bins of backgrounds more than {NEAR} bp from the TSS"
    rows = ordered.head(top).to_numpy(dtype=object).tolist()
    show_table("peaks", [str(name) for name in ordered], rows, title)
    higher = int((frame["ratio"] > 1).sum())
    out.print(
        f"{higher} of {len(frame)} backgrounds have a higher bin elsewhere than at the TSS.",
    )
