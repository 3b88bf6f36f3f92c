"""Two experiments or studies against each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creme.cli.tables import check_ending, with_interval, write_table
from creme.errors import ConfigError, listing

if TYPE_CHECKING:
    import pandas as pd

    from creme.results.view import ResultsView


def compare(
    a: Annotated[Path, typer.Argument(help="a results directory, or the folder of a study")],
    b: Annotated[Path, typer.Argument(help="another, with the same loci and tiles")],
    track_a: Annotated[
        str | None, typer.Option(help="track of A, where tracks have other names in B")
    ] = None,
    track_b: Annotated[str | None, typer.Option(help="track of B")] = None,
    test: Annotated[
        list[str] | None, typer.Option(help="only this test or stage; may be repeated")
    ] = None,
    export: Annotated[
        Path | None, typer.Option(help="write the paired values here: .csv or .tsv")
    ] = None,
    persistence: Annotated[
        float, typer.Option(help="of the rank-biased overlap; smaller: the first tiles weigh more")
    ] = 0.9,
    resamples: Annotated[int, typer.Option(min=1, help="of the bootstrap over loci")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="of the bootstrap")] = 0,
) -> None:
    """Compare the same loci under two models or settings.

    Effects, classes and greedy orders are compared."""
    from creme.analysis.agreement import NothingInCommonError
    from creme.cli.terminal import out
    from creme.study.view import open_results

    if export is not None:
        check_ending(export)
    views = open_results(a), open_results(b)
    agreement = _AgreementTables({"resamples": resamples, "seed": seed}, persistence)
    _print_differences(views)
    for labels in _shared(views, test):
        try:
            agreement.add(labels, views, (track_a, track_b))
        except NothingInCommonError as error:
            agreement.left_out.append(f"{_title(labels)} ({error})")
        except ConfigError as error:
            raise ConfigError(f"{_title(labels)}: {error}") from None
    if not agreement.effects and not agreement.orders:
        raise ConfigError(
            f"{a} and {b} have no test in common that can be compared: values along loci, and "
            f"greedy searches, can; not compared: {listing(agreement.left_out)}"
        )
    agreement.show()
    if export is not None and not agreement.paired:
        raise ConfigError("there are no paired effects to export: only greedy orders are compared")
    if export is not None:
        _write(export, agreement.paired)
        out.print(f"Wrote the paired effects to {export}")


_SIGNS = "signs of values of at least 0.05 in A or B, and the strongest of each locus"
_OF_STRONGEST = ("same_strongest", "median_rank")


def _title(labels: tuple[str, str]) -> str:
    return labels[0] if labels[0] == labels[1] else " / ".join(labels)


class _AgreementTables:
    """The rows of the tables that are printed at the end.

    Parameters
    ----------
    options : dict
        Of the bootstrap.
    persistence : float
        Of the rank-biased overlap.
    """

    def __init__(self, options: dict[str, int], persistence: float) -> None:
        self.effects: list[list[Any]] = []
        self.signs: list[list[Any]] = []
        self.classes: list[list[Any]] = []
        self.counts: list[tuple[str, pd.DataFrame]] = []
        self.orders: list[list[Any]] = []
        self.notes: list[str] = []
        self.left_out: list[str] = []
        self.paired: list[pd.DataFrame] = []
        self._options = options
        self._persistence = persistence

    def add(
        self,
        labels: tuple[str, str],
        views: tuple[ResultsView, ResultsView],
        tracks: tuple[str | None, str | None],
    ) -> None:
        """Compare a test of A with one of B."""
        from creme.analysis.agreement import paired_tracks, why_not_paired
        from creme.results.neighbours import own

        shown = [view.presentation(label) for view, label in zip(views, labels, strict=True)]
        title = _title(labels)
        if shown[0].test != shown[1].test:
            self.left_out.append(f"{title} (a test {shown[0].test!r} in A, {shown[1].test!r} in B)")
            return
        a, b = (own(view.open(label)) for view, label in zip(views, labels, strict=True))
        if all({"selected", "tile_fold_change"} <= set(each.variables) for each in (a, b)):
            self._add_orders(title, a.load(), b.load(), paired_tracks(a, b, *tracks))
            return
        measures = shown[0].measure, shown[1].measure
        if reason := why_not_paired(a, b, measures):
            self.left_out.append(f"{title} ({reason})")
            return
        pairs = paired_tracks(a, b, *tracks)
        self._add_classes(title, shown[0].test, (a, b), pairs, views)
        # The rest, such as raw activities of replicates, is not needed.
        a, b = (each[[measures[0]]].load() for each in (a, b))
        self._add_values(labels, views, a, b, pairs)

    def _add_values(
        self,
        labels: tuple[str, str],
        views: tuple[ResultsView, ResultsView],
        a: Any,
        b: Any,
        pairs: Any,
    ) -> None:
        from creme.analysis.agreement import effect_agreement, paired_effects
        from creme.analysis.background_choice import sign_and_rank

        title, shown = _title(labels), views[0].presentation(labels[0])
        table, overlap = paired_effects(a, b, pairs, shown.measure)
        self.notes += overlap.sentences(title)
        if table.empty:
            self.left_out.append(f"{title} (no {shown.measure} is defined in both)")
            return
        self.paired.append(table.assign(test=labels[0], measure=shown.measure))
        scores = effect_agreement(table, **self._options)
        name = title if shown.measure == "effect" else f"{title}, {shown.measure}"
        for (of_a, of_b), part in scores.groupby(["track_a", "track_b"], sort=False):
            correlations = [
                with_interval(row["correlation"], row["low"], row["high"]) for row in _records(part)
            ]
            loci, n = int(part["loci"].iloc[0]), int(part["n"].iloc[0])
            self.effects.append([name, _track(of_a, of_b), loci, n, *correlations])
        if shown.neutral == shown.neutral:
            self._add_signs(name, sign_and_rank(table, shown.neutral))

    def _add_signs(self, name: str, agreed: pd.DataFrame) -> None:
        for row in _records(agreed):
            self.signs.append(
                [
                    name,
                    _track(row["track_a"], row["track_b"]),
                    row["signs"],
                    *(row[key] for key in ("same_sign", "difference", "loci")),
                    *("" if row[key] != row[key] else row[key] for key in _OF_STRONGEST),
                ]
            )

    def _add_classes(
        self,
        title: str,
        test: str,
        datasets: tuple[Any, Any],
        pairs: Any,
        views: tuple[ResultsView, ResultsView],
    ) -> None:
        """Compare classes, each by the thresholds of its own results.

        Thresholds are shares of the wild type's activity: effects on another scale have no class,
        nor have those whose wild type is below the least activity.
        """
        from creme.analysis.agreement import paired_effects
        from creme.analysis.class_agreement import class_agreement, classes_of
        from creme.analysis.normalise import class_effect
        from creme.seeds import derive

        if not classes_of(test, [0.0])[1]:
            return
        scales = [each.attrs.get("effect_scale", "relative") for each in datasets]
        if set(scales) != {"relative"}:
            self.notes.append(
                f"{title}: no classes, whose thresholds are shares of the wild type's activity: "
                f"the effects of A are {scales[0]!r} and those of B {scales[1]!r}."
            )
            return
        a, b = (class_effect(each).to_dataset(name="effect").load() for each in datasets)
        table, _ = paired_effects(a, b, pairs, "effect")
        if table.empty:
            return
        for (of_a, of_b), part in table.groupby(["track_a", "track_b"], sort=False):
            (in_a, names), (in_b, others) = (
                classes_of(test, part[side], **_thresholds(test, view))
                for side, view in zip("ab", views, strict=True)
            )
            if not (names and others):
                return
            seed = derive(
                self._options["seed"], "agreement", "classes", title, str(of_a), str(of_b)
            )
            agreement = class_agreement(
                in_a,
                in_b,
                part["locus"],
                names,
                seed=seed,
                resamples=self._options["resamples"],
            )
            track = _track(of_a, of_b)
            kappa = with_interval(agreement.kappa, agreement.low, agreement.high)
            if agreement.kappa != agreement.kappa:
                kappa = "one class only"
            self.classes.append([title, track, agreement.n, agreement.agreement, kappa])
            heading = f"{title}, {track}: classes of A (down) and B (across)"
            self.counts.append((heading, agreement.counts))

    def _add_orders(self, title: str, a: Any, b: Any, pairs: Any) -> None:
        from creme.analysis.order_agreement import order_agreement

        orders, overlap = order_agreement(
            a, b, pairs, persistence=self._persistence, **self._options
        )
        for row in _records(orders):
            self.orders.append(
                [
                    title,
                    row["search"],
                    _track(row["track_a"], row["track_b"]),
                    row["loci"],
                    row["rounds"],
                    with_interval(row["overlap"], row["low"], row["high"]),
                    row["chance"],
                    row["first"],
                ]
            )
        self.notes += overlap.sentences(title)

    def show(self) -> None:
        """Print all tables and notes."""
        from creme.cli.terminal import out, show_table

        intervals = "with 95 % intervals of a bootstrap over loci"
        if self.effects:
            columns = ["test", "track", "loci", "values", "Pearson", "Spearman"]
            show_table("effects", columns, self.effects, f"effects, {intervals}")
        if self.signs:
            columns = ["test", "track", "values", "same sign", "mean |A - B|", "loci"]
            columns += ["same strongest", "rank of A's strongest in B"]
            show_table("signs", columns, self.signs, _SIGNS)
        if self.classes:
            columns = ["test", "track", "values", "same class", "Cohen's kappa"]
            show_table("classes", columns, self.classes, f"classes, {intervals}")
        for title, counts in self.counts:
            # Classes that neither has are left out.
            names = [n for n in counts.index if counts.loc[n].any() or counts[n].any()]
            body = [[name, *counts.loc[name, names].tolist()] for name in names]
            show_table(title, ["A \\ B", *names], body, title)
        if self.orders:
            columns = ["test", "search", "track", "loci", "rounds"]
            columns += ["rank-biased overlap", "by chance", "same first tile"]
            show_table("orders", columns, self.orders, f"greedy orders, {intervals}")
        for note in self.notes:
            out.print(note)
        if self.left_out:
            out.print(f"Not compared: {', '.join(self.left_out)}")


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _thresholds(test: str, view: ResultsView) -> dict[str, Any]:
    categories, classes = view.limits
    if test == "context_dependence":
        return categories.of_loci()
    if test == "sufficiency":
        return classes.of_tiles()
    return {}


def _print_differences(views: tuple[ResultsView, ResultsView]) -> None:
    from creme.cli.terminal import out

    kinds = [view.kind for view in views]
    if kinds[0] != kinds[1]:
        out.print(f"A is {_a(kinds[0])} and B is {_a(kinds[1])}.")
    else:
        one, other = (view.sections for view in views)
        differing = sorted(key for key in {*one, *other} if one.get(key) != other.get(key))
        out.print(
            f"A and B differ in {listing(differing, 20)}."
            if differing
            else f"A and B are the same {kinds[0]}.",
        )
    for name, view in zip("AB", views, strict=True):
        if view.state != "finished":
            run = "run" if view.kind == "experiment" else "study"
            out.print(f"The {run} of {name} is {view.state}.")


def _a(kind: str) -> str:
    return "an experiment" if kind == "experiment" else f"a {kind}"


def _shared(
    views: tuple[ResultsView, ResultsView], requested: list[str] | None
) -> list[tuple[str, str]]:
    """Labels in A and in B that belong together: by their name, or else the only ones of a test."""
    in_a, in_b = (view.tests for view in views)
    pairs = {label: label for label in in_a if label in in_b}
    rest = [
        {label: view.test_name(label) for label in view.tests if label not in pairs}
        for view in views
    ]
    for label, test in rest[0].items():
        same = [other for other, name in rest[1].items() if name == test]
        if len(same) == 1 and list(rest[0].values()).count(test) == 1:
            pairs[label] = same[0]
    ordered = [(label, pairs[label]) for label in in_a if label in pairs]
    for label in requested or []:
        if not any(label in pair for pair in ordered):
            for view in views:
                view.open(label)  # says which tests there are
    if requested:
        ordered = [pair for pair in ordered if set(pair) & set(requested)]
    if not ordered:
        raise ConfigError(
            f"A and B have no test in common: A has {listing(in_a)}, and B has {listing(in_b)}"
        )
    return ordered


def _track(of_a: object, of_b: object) -> str:
    return str(of_a) if of_a == of_b else f"{of_a} / {of_b}"


def _write(path: Path, tables: list[pd.DataFrame]) -> None:
    import pandas as pd

    frame = pd.concat(tables, ignore_index=True)
    columns = ["test", *(name for name in frame if name != "test")]
    numbers = [n for n in frame if str(n).endswith(("_distance", "_start", "_end"))]
    numbers += [n for n in ("distance", "tile_length") if n in frame]
    write_table(path, frame[columns].astype(dict.fromkeys(numbers, "Int64")))
