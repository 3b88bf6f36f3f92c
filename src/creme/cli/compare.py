"""Two results directories against each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creme.cli.tables import check_ending, with_interval, write_table
from creme.errors import ConfigError, listing

if TYPE_CHECKING:
    import pandas as pd

    from creme.analysis.agreement import Overlap
    from creme.results.directory import Results


def compare(
    a: Annotated[Path, typer.Argument(help="a results directory")],
    b: Annotated[Path, typer.Argument(help="another, with the same loci and tiles")],
    track_a: Annotated[
        str | None, typer.Option(help="track of A, where tracks have other names in B")
    ] = None,
    track_b: Annotated[str | None, typer.Option(help="track of B")] = None,
    test: Annotated[list[str] | None, typer.Option(help="only this test; may be repeated")] = None,
    export: Annotated[
        Path | None, typer.Option(help="write the paired effects here: .csv or .tsv")
    ] = None,
    persistence: Annotated[
        float, typer.Option(help="of the rank-biased overlap; smaller: the first tiles weigh more")
    ] = 0.9,
    resamples: Annotated[int, typer.Option(min=1, help="of the bootstrap over loci")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="of the bootstrap")] = 0,
) -> None:
    """Compare the same loci under two models or settings: effects, classes, greedy orders."""
    from creme.analysis.agreement import NothingInCommonError
    from creme.cli.terminal import out
    from creme.results.directory import Results

    if export is not None:
        check_ending(export)
    results = Results.existing(a), Results.existing(b)
    states = results[0].state(), results[1].state()
    found = _Found()
    _say_what_differs(states)
    options = {"resamples": resamples, "seed": seed}
    for label in _shared(results, test):
        kinds = [state["identity"].get("tests", {}).get(label, {}).get("name") for state in states]
        if kinds[0] != kinds[1]:
            found.left_out.append(f"{label} (a test {kinds[0]!r} in A, {kinds[1]!r} in B)")
            continue
        try:
            _compare_test(label, results, (track_a, track_b), found, persistence, options)
        except NothingInCommonError as error:
            found.left_out.append(f"{label} ({error})")
        except ConfigError as error:
            raise ConfigError(f"{label}: {error}") from None
    if not found.effects and not found.orders:
        raise ConfigError(
            f"{a} and {b} have no test in common that can be compared: effects along loci and "
            f"tiles, and greedy searches, can; not compared: {listing(found.left_out)}"
        )
    found.show()
    if export is not None and not found.tables:
        raise ConfigError("there are no paired effects to export: only greedy orders are compared")
    if export is not None:
        _write(export, found.tables)
        out.print(f"Wrote the paired effects to {export}", highlight=False)


class _Found:
    """What is printed at the end, table by table."""

    def __init__(self) -> None:
        self.effects: list[list[Any]] = []
        self.classes: list[list[Any]] = []
        self.counts: list[tuple[str, pd.DataFrame]] = []
        self.orders: list[list[Any]] = []
        self.notes: list[str] = []
        self.left_out: list[str] = []
        self.tables: list[pd.DataFrame] = []

    def show(self) -> None:
        from creme.cli.terminal import out, table

        intervals = "with 95 % intervals of a bootstrap over loci"
        if self.effects:
            columns = ["test", "track", "loci", "values", "Pearson", "Spearman"]
            out.print(table(columns, self.effects, title=f"effects, {intervals}"))
        if self.classes:
            columns = ["test", "track", "values", "same class", "Cohen's kappa"]
            out.print(table(columns, self.classes, title=f"classes, {intervals}"))
        for title, counts in self.counts:
            # Classes that neither knows say nothing.
            known = [n for n in counts.index if counts.loc[n].any() or counts[n].any()]
            body = [[name, *counts.loc[name, known].tolist()] for name in known]
            out.print(table(["A \\ B", *known], body, title=title))
        if self.orders:
            columns = ["test", "search", "track", "loci", "rounds"]
            columns += ["rank-biased overlap", "by chance", "same first tile"]
            out.print(table(columns, self.orders, title=f"greedy orders, {intervals}"))
        for note in self.notes:
            out.print(note, highlight=False)
        if self.left_out:
            out.print(f"Not compared: {', '.join(self.left_out)}", highlight=False)


def _say_what_differs(states: tuple[dict[str, Any], dict[str, Any]]) -> None:
    from creme.cli.terminal import out

    one, other = (state["identity"] for state in states)
    differing = sorted(key for key in {*one, *other} if one.get(key) != other.get(key))
    out.print(
        f"A and B differ in {listing(differing)}."
        if differing
        else "A and B are the same experiment.",
        highlight=False,
    )
    for name, state in zip("AB", states, strict=True):
        if state["state"] != "finished":
            out.print(f"The run of {name} is {state['state']}.", highlight=False)


def _shared(results: tuple[Results, Results], wanted: list[str] | None) -> list[str]:
    in_a, in_b = (each.labels() for each in results)
    for label in wanted or []:
        for each in results:
            if label not in each.labels():
                each.load(label)  # says what is there
    shared = [label for label in in_a if label in in_b and (not wanted or label in wanted)]
    if not shared:
        raise ConfigError(
            f"A and B have no test in common: A has {listing(in_a)}, and B has {listing(in_b)}"
        )
    return shared


def _compare_test(
    label: str,
    results: tuple[Results, Results],
    tracks: tuple[str | None, str | None],
    found: _Found,
    persistence: float,
    options: dict[str, int],
) -> None:
    from creme.analysis.agreement import effect_agreement, paired_effects, paired_tracks
    from creme.analysis.order_agreement import order_agreement

    a, b = (each.load(label) for each in results)
    pairs = paired_tracks(a, b, *tracks)
    if "selected" in a.coords and "search" in a.dims and "tile_fold_change" in a:
        orders, overlap = order_agreement(a, b, pairs, persistence=persistence, **options)
        for row in _records(orders):
            found.orders.append(
                [
                    label,
                    row["search"],
                    _track(row["track_a"], row["track_b"]),
                    row["loci"],
                    row["rounds"],
                    with_interval(row["overlap"], row["low"], row["high"]),
                    row["chance"],
                    row["first"],
                ]
            )
        found.notes += _notes(label, overlap)
    elif "effect" in a and {"locus", "track"} <= set(a["effect"].dims) <= {
        "locus",
        "tile",
        "track",
    }:
        table, overlap = paired_effects(a, b, pairs)
        found.notes += _notes(label, overlap)
        if table.empty:
            found.left_out.append(f"{label} (no effect is defined in both)")
            return
        found.tables.append(table.assign(test=label))
        scores = effect_agreement(table, **options)
        for (of_a, of_b), part in scores.groupby(["track_a", "track_b"], sort=False):
            shown = [
                with_interval(row["correlation"], row["low"], row["high"]) for row in _records(part)
            ]
            loci, n = int(part["loci"].iloc[0]), int(part["n"].iloc[0])
            found.effects.append([label, _track(of_a, of_b), loci, n, *shown])
        _compare_classes(label, a.attrs["test"], table, found, options)
    else:
        found.left_out.append(f"{label} (it has no effect along loci and tiles)")


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _compare_classes(
    label: str, test: str, table: pd.DataFrame, found: _Found, options: dict[str, int]
) -> None:
    from creme.analysis.class_agreement import class_agreement, classes_of
    from creme.seeds import derive

    for (of_a, of_b), part in table.groupby(["track_a", "track_b"], sort=False):
        in_a, names = classes_of(test, part["a"])
        in_b, _ = classes_of(test, part["b"])
        if not names:
            return
        seed = derive(options["seed"], "agreement", "classes", label, str(of_a), str(of_b))
        got = class_agreement(
            in_a, in_b, part["locus"], names, seed=seed, resamples=options["resamples"]
        )
        track = _track(of_a, of_b)
        kappa = with_interval(got.kappa, got.low, got.high)
        if got.kappa != got.kappa:
            kappa = "one class only"
        found.classes.append([label, track, got.n, got.agreement, kappa])
        found.counts.append((f"{label}, {track}: classes of A (down) and B (across)", got.counts))


def _notes(label: str, overlap: Overlap) -> list[str]:
    """What has two names, and what only one of the two has, in sentences."""
    said = []
    if overlap.renamed:
        names_of = listing([f"{of_a} ({of_b})" for of_a, of_b in overlap.renamed])
        said.append(
            f"{label}: {len(overlap.renamed)} loci have another name in B, and are paired by "
            f"contig, TSS and strand: {names_of}."
        )
    for which, names, tiles in (
        ("A", overlap.only_a, overlap.tiles_only_a),
        ("B", overlap.only_b, overlap.tiles_only_b),
    ):
        if names:
            said.append(f"{label}: {len(names)} loci only in {which}: {listing(names)}.")
        if tiles:
            said.append(
                f"{label}: {tiles} tiles of the {overlap.loci} common loci only in {which}."
            )
    if overlap.undefined:
        said.append(f"{label}: {overlap.undefined} values are undefined in A or B, and left out.")
    moved = sorted(set(overlap.only_a) & set(overlap.only_b))
    if moved:
        said.append(f"{label}: of one name but another TSS: {listing(moved)}.")
    return said


def _track(of_a: object, of_b: object) -> str:
    return str(of_a) if of_a == of_b else f"{of_a} / {of_b}"


def _write(path: Path, tables: list[pd.DataFrame]) -> None:
    import pandas as pd

    frame = pd.concat(tables, ignore_index=True)
    columns = ["test", *(name for name in frame if name != "test")]
    whole = {n: "Int64" for n in ("distance", "tile_length") if n in frame}
    write_table(path, frame[columns].astype(whole))
