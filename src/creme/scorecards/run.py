"""Making a scorecard: the steps in their order, each from where it was left, and the scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import creme
from creme.runner.plan import Plan
from creme.runner.report import Report
from creme.runner.run import run_experiment
from creme.scorecards.card import Scorecard
from creme.scorecards.prepared import PreparedCard
from creme.scorecards.scoring import score_card
from creme.scorecards.settings import ScorecardSettings
from creme.scorecards.steps import STEPS, Step

if TYPE_CHECKING:
    from creme.engines.cluster import ClusterLike


def run_steps(
    prepared: PreparedCard,
    *,
    only: Iterable[Step] = STEPS,
    progress: Callable[[Plan], Any] | None = None,
    cluster: ClusterLike | None = None,
    on_step: Callable[[Step, Report], None] = lambda step, report: None,
) -> bool:
    """Run steps of a card; returns whether they came to their end.

    Parameters
    ----------
    prepared : PreparedCard
    only : iterable of {'effects', 'strands', 'curves'}
    progress, cluster
        As of `creme.runner.run.run_experiment`.
    on_step : callable
        Called with each step that was run, and its report.
    """
    plan = Plan.of(prepared.experiments["effects"])
    prepared.track(plan.activities)
    wanted = set(only)
    for step in STEPS:
        if step not in wanted:
            continue
        if step == "curves":
            prepared.take_curves()
        experiment = prepared.experiments.get(step)
        if experiment is None:
            continue
        path = prepared.path(step)
        report, _ = run_experiment(experiment, path, progress=progress, cluster=cluster)
        on_step(step, report)
        if report.interrupted:
            return False
    return True


def scorecard(
    settings: str | Path | ScorecardSettings,
    *,
    to: str | Path,
    progress: bool | None = None,
    cluster: ClusterLike | None = None,
) -> Scorecard:
    """Make a model's scorecard, or go on with it; see docs/scorecard.md.

    Parameters
    ----------
    settings : str, Path or ScorecardSettings
        A scorecard's file, or an object with its fields, which is made in Python.
    to : str or Path
        A folder for the card and its experiments. What was predicted before comes from the store.
    progress : bool, optional
        Whether to show how far a step is; unless given, in notebooks and terminals only.
    cluster : int, str, Client, or dict; optional
        Whose workers predict; see `creme.measure`.

    Returns
    -------
    Scorecard
        It is written into the folder as well: ``scorecard.json``, which travels, ``.csv``, ``.md``
        and ``.html``.

    Raises
    ------
    CremeError
        Whatever is wrong with the file, the panel, the genome or the model.
    KeyboardInterrupt
        After Ctrl-C; what was predicted is stored, and another call goes on from there.
    """
    from creme.runner.progress_bar import shown_in_python

    if not isinstance(settings, ScorecardSettings):
        settings = ScorecardSettings.from_file(settings)
    prepared = PreparedCard.of(settings, Path(to).expanduser())
    ended = run_steps(
        prepared, progress=lambda plan: shown_in_python(plan, progress), cluster=cluster
    )
    if not ended:
        raise KeyboardInterrupt("stopped before the end; another call goes on from there")
    card = score_card(prepared, creme.__version__)
    card.write(prepared.to)
    return card
