"""The scores of a card, from the results of its steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from creme.errors import ResultsError, listing
from creme.passwords import masked
from creme.results.neighbours import own
from creme.runner.plan import Plan
from creme.scorecards.card import Scorecard
from creme.scorecards.crispri_scores import crispri_scores, names_of_scores
from creme.scorecards.curve_scores import additivity_scores, distance_scores, saturation_scores
from creme.scorecards.effect_scores import agreement_scores, context_scores, strand_scores
from creme.scorecards.prepared import PreparedCard
from creme.scorecards.scores import Score, ScoreKind
from creme.scorecards.steps import STEPS, Step

if TYPE_CHECKING:
    import xarray as xr

_SCORES = {
    "distance": ("activity by distance", "effect left"),
    "saturation": ("growth with copies", "copies to half the plateau"),
    "additivity": (
        "departure from the sum",
        "departure from the product",
        "pairs nearer to the sum",
    ),
    "agreement": ("necessity with sufficiency",),
    "strands": ("difference of the strands",),
}
"""The names of the scores that a card lists without a value where a question cannot be asked."""


def score_card(prepared: PreparedCard, version: str) -> Scorecard:
    """The card of the steps that have been run.

    Parameters
    ----------
    prepared : PreparedCard
    version : str
        Of the toolkit.

    Raises
    ------
    ResultsError
        If a step is not finished.
    """
    panel, model, settings = prepared.panel, prepared.model, prepared.settings
    scoring = _Scoring(prepared)
    plan = Plan.of(prepared.experiments["effects"])
    scores = [score for question in panel.questions for score in scoring.of(question)]
    return Scorecard(
        name=settings.name,
        toolkit=version,
        panel={
            "name": panel.name,
            "assembly": panel.assembly,
            "digest": panel.digest,
            "settings": panel.settings,
        },
        model={
            "name": model.name,
            "version": model.version,
            "fingerprint": model.fingerprint,
            "input_length": model.input_length,
            "track": scoring.track,
            "reading": plan.readings().get(scoring.track, {}),
            "settings": _shareable(settings.model),
        },
        loci=prepared.placed.described(panel.tile),
        left_out=list(prepared.placed.left_out),
        notes=scoring.notes(),
        cost=scoring.cost(),
        scores=tuple(scores),
    )


def _shareable(table: dict[str, Any]) -> dict[str, Any]:
    """A model's table without folders, which are nobody else's, and without passwords."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [plain(part) for part in value]
        if isinstance(value, str):
            text = masked(value)
            return text.rpartition("/")[2] if text.startswith(("/", "~", "..")) else text
        return value

    cleaned: dict[str, Any] = plain(table)
    return cleaned


class _Scoring:
    """The scores of one card, question by question."""

    def __init__(self, prepared: PreparedCard) -> None:
        self.prepared = prepared
        self.seed = prepared.panel.seed
        self._loaded: dict[tuple[Step, str], xr.Dataset] = {}
        self.views = {step: prepared.results(step) for step in STEPS}
        if self.views["effects"] is None:
            raise ResultsError(f"step 'effects' of {prepared.to} is not finished")
        context = self._dataset("effects", "context_dependence")
        assert context is not None
        self.track = prepared.track([str(name) for name in context["track"].values])

    def of(self, question: str) -> Iterator[Score]:
        """The scores of a question, each with a value or with the reason why there is none."""
        if question == "crispri":
            yield from self._crispri()
            return
        kinds, why = self._kinds(question)
        if why:
            for name in _SCORES[question]:
                yield Score(question, name, why=why)
            return
        replicates = self.prepared.panel.replicates
        empty = f"no locus has a value for it ({self._empty(question)})"
        listed = {kind.score for kind in kinds}
        for kind in kinds:
            yield kind.of(replicates, self.seed, empty)
        for name in _SCORES.get(question, ()):
            if name not in listed:
                yield Score(question, name, why="the input holds too few places for copies")

    def _kinds(self, question: str) -> tuple[list[ScoreKind], str]:
        panel, model = self.prepared.panel, self.prepared.model
        if why := self.prepared.tiles.lacking(question, panel, model.input_length):
            return [], why
        if question == "context":
            return context_scores(self._one("effects", "context_dependence")), ""
        if question == "agreement":
            lost, alone = (self._one("effects", name) for name in ("necessity", "sufficiency"))
            return agreement_scores(lost, alone, self._over()), ""
        if question == "strands":
            if self.prepared.without_strands:
                return [], self.prepared.without_strands
            single = self._one("effects", "context_dependence")
            return strand_scores(single, self._one("strands", "context_dependence")), ""
        test = {"distance": "distance", "saturation": "multiplicity", "additivity": "interactions"}
        dataset = self._dataset("curves", test[question])
        if dataset is None:
            return [], self._empty(question)
        one = dataset.sel(track=self.track)
        if question == "additivity":
            return additivity_scores(one), ""
        if question == "saturation":
            return saturation_scores(one), ""
        copied = self._dataset("curves", "multiplicity")
        return distance_scores(one, None if copied is None else copied.sel(track=self.track)), ""

    def _empty(self, question: str) -> str:
        least = f"{self.prepared.panel.least:g} of the wild type's activity"
        return {
            "distance": f"no tile does {least} by itself",
            "saturation": f"no tile does {least} by itself, or no curve bends",
            "additivity": "no two tiles have an effect, or no pair tells the two scales apart",
            "strands": "the activity is not above 0",
        }.get(question, "no effect is defined: the wild type's activity is 0")

    def _crispri(self) -> Iterator[Score]:
        prepared = self.prepared
        table = prepared.settings.crispri
        why = "" if table is not None else "no CRISPRi table is given"
        why = why or prepared.tiles.lacking("crispri", prepared.panel, prepared.model.input_length)
        if why:
            for name in names_of_scores():
                yield Score("crispri", name, why=why)
            return
        assert table is not None
        necessity = self._dataset("effects", "necessity")
        assert necessity is not None
        yield from crispri_scores(
            table,
            necessity,
            self.track,
            prepared.panel.tile,
            prepared.settings.folder,
            self.seed,
        )

    def _dataset(self, step: Step, label: str) -> xr.Dataset | None:
        if (step, label) not in self._loaded:
            view = self.views[step]
            if view is None or label not in view.tests:
                return None
            self._loaded[step, label] = own(view.dataset(label)).load()
        return self._loaded[step, label]

    def _one(self, step: Step, label: str) -> xr.Dataset:
        dataset = self._dataset(step, label)
        if dataset is None:
            raise ResultsError(f"step {step!r} of {self.prepared.to} has no results of {label!r}")
        return dataset.sel(track=self.track)

    def _over(self) -> str:
        tiles = self.prepared.tiles
        return f"{len(tiles.tiles)} tiles of {self.prepared.panel.tile:,} bp"

    def notes(self) -> list[str]:
        """Sentences on the card as a whole."""
        prepared, tiles = self.prepared, self.prepared.tiles
        notes = []
        for held, of, kind in (
            (len(tiles.tiles), tiles.of_tiles, "tiles"),
            (len(tiles.places), tiles.of_places, "places of a moved tile"),
        ):
            if held < of:
                notes.append(
                    f"The input of {prepared.model.input_length:,} bp holds {held} of the panel's "
                    f"{of} {kind}: scores over them compare with those of models that hold as many."
                )
        if left_out := prepared.placed.left_out:
            genes = listing(gene for gene, _ in left_out)
            notes.append(f"{len(left_out)} of the panel's loci are left out: {genes}.")
        for step, view in self.views.items():
            for label, unit, why in [] if view is None else view.failures:
                notes.append(f"Step {step}, test {label}: {unit} failed: {why}.")
        return notes

    def cost(self) -> dict[str, Any]:
        """The sequences that the steps ask for, and what the latest run of each predicted."""
        totals = {"sequences": 0, "predicted": 0, "seconds": 0.0}
        for view in self.views.values():
            if view is None:
                continue
            counts = view.raw.get("counts", {})
            totals["sequences"] += counts.get("asked", 0)
            totals["predicted"] += counts.get("predicted", 0)
            totals["seconds"] += float(view.raw.get("seconds", {}).get("model", 0.0))
        return {**totals, "seconds": round(totals["seconds"], 2)}
