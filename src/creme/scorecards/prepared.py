"""A scorecard made ready: its model, panel and loci are checked, and nothing is predicted."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from creme.errors import ConfigError, ResultsError, listing
from creme.files.durable import write_text
from creme.model import Model
from creme.results.csv_text import csv_text
from creme.results.experiment_view import ExperimentResults
from creme.runner.experiment import Experiment
from creme.scorecards import steps
from creme.scorecards.loci import PlacedLoci, place_loci
from creme.scorecards.panel_file import ScorecardPanel
from creme.scorecards.settings import ScorecardSettings
from creme.scorecards.steps import LOCI, PanelTiles, Step

PANEL = "panel.toml"


@dataclass
class PreparedCard:
    """A scorecard whose model, panel and loci are checked; nothing is predicted.

    Attributes
    ----------
    settings : ScorecardSettings
    to : Path
        The folder of the card and of its experiments.
    panel : ScorecardPanel
    model : Model
    placed : PlacedLoci
    tiles : PanelTiles
    without_strands : str
        Why the two strands cannot be compared; empty where they can.
    """

    settings: ScorecardSettings
    to: Path
    panel: ScorecardPanel
    model: Model
    placed: PlacedLoci
    tiles: PanelTiles
    without_strands: str = ""
    experiments: dict[Step, Experiment] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: ScorecardSettings, to: Path) -> PreparedCard:
        """Check a scorecard's file, and write its list of loci.

        Raises
        ------
        CremeError
            Whatever is wrong with the model, the panel, the genome or the loci; if the folder has
            the card of another panel.
        """
        from creme.runner.tables import build_model

        panel = settings.load_panel()
        kept = to / PANEL
        if kept.is_file() and (other := ScorecardPanel.read(kept)).digest != panel.digest:
            raise ResultsError(
                f"{to} is of panel {other.name!r} ({other.digest[:12]}), and the file asks panel "
                f"{panel.name!r} ({panel.digest[:12]}): give another folder"
            )
        model, _ = build_model(settings.model, settings.folder)
        if model.inputs:
            raise ConfigError(
                f"model {model.name} takes {listing(model.inputs)} beside the sequence: a panel "
                f"has sequences alone"
            )
        tiles = PanelTiles.of(panel, model)
        settings = settings.with_genome(panel, to)
        assert settings.genome is not None
        placed = place_loci(panel, settings.genome, model, settings.folder)
        to.mkdir(parents=True, exist_ok=True)
        write_text(kept, panel.to_toml())
        write_text(to / LOCI, csv_text(_table_of(placed), "\t"))
        prepared = cls(settings, to, panel, model, placed, tiles)
        prepared.experiments["effects"] = steps.effects(settings, panel, tiles, to)
        if "strands" in panel.questions:
            both, why = steps.strands(settings, panel, to)
            prepared.without_strands = why
            if both is not None:
                prepared.experiments["strands"] = both
        return prepared

    def results(self, step: Step) -> ExperimentResults | None:
        """The results of a step that is finished."""
        path = self.path(step)
        if not path.is_dir():
            return None
        view = ExperimentResults(path)
        return view if view.state == "finished" else None

    def path(self, step: Step) -> Path:
        """The results directory of a step."""
        return self.to / f"{step}.results"

    def track(self, activities: list[str]) -> str:
        """The activity that is scored.

        Raises
        ------
        ConfigError
            If there are several and none is named, or the named one is not there.
        """
        chosen = self.settings.track
        if chosen is None and len(activities) == 1:
            return activities[0]
        if chosen in activities:
            assert chosen is not None
            return chosen
        wrong = "none is named" if chosen is None else f"there is no {chosen!r}"
        raise ConfigError(
            f"{self.settings.title}: track names the activity that is scored, and {wrong}; there "
            f"are {listing(activities)}"
        )

    def take_curves(self) -> None:
        """Make the third step's experiment from the findings of the first.

        Raises
        ------
        ResultsError
            If the first one is not finished.
        """
        view = self.results("effects")
        if view is None:
            raise ResultsError(f"step 'effects' of {self.to} has to be finished first")
        track = self.track(
            [str(name) for name in view.dataset("context_dependence")["track"].values]
        )
        alone, losses = {}, {}
        if "sufficiency" in view.tests:
            alone = steps.strongest_alone(view.dataset("sufficiency"), track, self.panel.least)
        if "necessity" in view.tests:
            losses = steps.strongest_losses(view.dataset("necessity"), track, self.panel.strongest)
        arguments = (self.settings, self.panel, self.tiles, self.to, alone, losses)
        if (made := steps.curves(*arguments)) is not None:
            self.experiments["curves"] = made


def _table_of(placed: PlacedLoci) -> Any:
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "gene": locus.name,
                "contig": locus.contig,
                "tss": locus.position,
                "strand": locus.strand,
                "transcript": locus.transcript,
            }
            for locus in placed.loci
        ]
    )
