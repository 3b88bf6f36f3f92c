"""Effects against measurements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creme.cli.commands import Commands
from creme.cli.tables import check_ending, toml_value, with_interval, write_table
from creme.errors import ConfigError, listing

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from creme.analysis.crispri_table import Pairs
    from creme.results.view import ResultsView

validate_app = Commands(help="Compare effects with measurements.")


def crispri(
    table: Annotated[Path, typer.Argument(help="element-gene pairs: .tsv, .csv, or gzipped")],
    results: Annotated[Path, typer.Argument(help="an experiment or a study with a necessity test")],
    test: Annotated[
        list[str] | None, typer.Option(help="label of a necessity test; may be repeated")
    ] = None,
    track: Annotated[str | None, typer.Option(help="only this track")] = None,
    export: Annotated[
        Path, typer.Option(help="where the joined pairs are written, .csv or .tsv")
    ] = Path("crispri_pairs.csv"),
    elements: Annotated[
        Path | None,
        typer.Option(help="only write here the tests that measure the elements themselves (TOML)"),
    ] = None,
    build: Annotated[
        str | None, typer.Option(help="genome build of the table, unless its name says it")
    ] = None,
    cell_type: Annotated[str | None, typer.Option(help="of the table, if it has several")] = None,
    by: Annotated[str, typer.Option(help="what the bootstrap draws: gene or element")] = "gene",
    distances: Annotated[
        str, typer.Option(help="where distance bins begin, bp")
    ] = "0,10000,30000,100000",
    tss_gap: Annotated[
        int, typer.Option(min=0, help="largest usual distance of a gene's TSS from the table's, bp")
    ] = 10_000,
    resamples: Annotated[int, typer.Option(min=1, help="of the bootstrap")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="of the bootstrap")] = 0,
) -> None:
    """Rank CRISPRi elements by necessity and by distance."""
    from creme.analysis.crispri import (
        check_build,
        element_tiles,
        evaluate,
        join,
        place,
        tss_tile_of,
        windows,
    )
    from creme.analysis.crispri_table import read_pairs
    from creme.analysis.resampling import FEW
    from creme.cli.show import warn_if_outdated
    from creme.cli.terminal import out
    from creme.study.view import open_results

    edges = _edges(distances)
    check_ending(export)
    view = open_results(results)
    datasets = _necessity(view, test)
    warn_if_outdated(view)
    pairs = read_pairs(table, build=build, cell_type=cell_type)
    placed = place(pairs, windows(datasets), tss_tile_of(datasets))
    far, compared = check_build(placed, pairs.build, tss_gap)
    _print_matches(pairs, placed, datasets, far, compared, tss_gap)
    if elements is not None:
        _write_elements(elements, element_tiles(placed), datasets[0])
        return
    joined = {name: join(datasets, placed, name) for name in _tracks(datasets, track)}
    _print_missing(joined)
    _write_pairs(export, list(joined.values()))
    if all((part["missing"] != "").all() for part in joined.values()):
        raise ConfigError(f"no pair of {table} is measured in {results}; the reasons stand above")
    few = False
    for name, part in joined.items():
        scored = evaluate(part, by=by, edges=edges, resamples=resamples, seed=seed)
        _print_scores(scored, name, by)
        whole = evaluate(part, missing="lowest", by=by, edges=edges, resamples=resamples, seed=seed)
        if whole["pairs"].max() > scored["pairs"].max():
            _print_scores(whole, f"{name}, missing pairs of these loci scored lowest", by)
        few = few or bool(scored["few"].any())
    if few:
        out.print(f"Warning: intervals over fewer than {FEW} {by}s are too narrow.")
    out.print(f"Wrote the pairs, joined and missing, to {export}")


def _edges(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(
            f"--distances {text!r}: give whole numbers of bp with commas between them"
        ) from None


def _necessity(view: ResultsView, requested: list[str] | None) -> list[xr.Dataset]:
    """The Datasets of some labels, or the only one of the necessity test."""
    from creme.results.neighbours import own

    labels = requested or view.labels_of("necessity")
    if not labels:
        raise ConfigError(
            f"{view.path} has no results of the test 'necessity'; it has {listing(view.tests)}"
        )
    if not requested and len(labels) > 1:
        raise ConfigError(
            f"{view.path} has several necessity tests, {listing(labels)}: choose with --test, "
            f"once for each that is to be used"
        )
    for label in labels:
        if (name := view.test_name(label)) != "necessity":
            raise ConfigError(f"--test {label}: it is a test {name!r}, not 'necessity'")
    return [own(view.dataset(label)) for label in labels]


def _tracks(datasets: list[xr.Dataset], requested: str | None) -> list[str]:
    tracks = [str(name) for name in datasets[0]["track"].values]
    if requested is None:
        return tracks
    if requested not in tracks:
        raise ConfigError(f"there is no track {requested!r}: {listing(tracks)}")
    return [requested]


def _print_matches(
    pairs: Pairs,
    placed: pd.DataFrame,
    datasets: list[xr.Dataset],
    far: int,
    compared: int,
    gap: int,
) -> None:
    from creme.cli.terminal import out

    out.print(
        f"{len(pairs.table)} pairs of {pairs.source}, {int(pairs.table['regulated'].sum())} "
        f"regulated; genome build: {pairs.build or 'not stated (--build says it)'}.",
    )
    contigs = {str(name) for name in datasets[0]["contig"].values}
    in_table = set(placed.loc[placed["element_start"].notna(), "contig"])
    if in_table - contigs:
        one = sorted(in_table - contigs)[0]
        out.print(
            f"Contigs are matched with and without 'chr': {one!r} of the table is not called so in "
            f"the results.",
        )
    if compared:
        out.print(f"{far} of {compared} genes have their TSS more than {gap} bp from the table's.")
    else:
        out.print("The table and the results share no TSS to tell the build by.")


def _print_missing(joined: dict[str, pd.DataFrame]) -> None:
    """Print one table for all tracks with the same pairs missing: an effect may be undefined in a
    few tracks only."""
    from creme.analysis.crispri import missing_counts
    from creme.cli.terminal import show_table

    tracks_by_missing: dict[tuple[str, ...], list[str]] = {}
    for name, part in joined.items():
        tracks_by_missing.setdefault(tuple(part["missing"]), []).append(name)
    for tracks in tracks_by_missing.values():
        part = joined[tracks[0]]
        measured = part[part["missing"] == ""]
        rows: list[list[object]] = [["measured", len(measured), int(measured["regulated"].sum())]]
        rows += [[reason, *counts] for reason, counts in missing_counts(part).items()]
        of_tracks = f" ({listing(tracks)})" if len(tracks_by_missing) > 1 else ""
        title = f"pairs, and why they are missing{of_tracks}"
        show_table("pairs" + of_tracks, ["pairs", "n", "regulated"], rows, title)


def _print_scores(scored: pd.DataFrame, track: str, by: str) -> None:
    from creme.analysis.crispri import BASELINE
    from creme.cli.terminal import show_table

    rows = []
    for (distances, metric), part in scored.groupby(["distances", "metric"], sort=False):
        own = part[part["score"] != BASELINE].iloc[0]
        other = part[part["score"] == BASELINE].iloc[0]
        rows.append(
            [
                distances,
                int(own.pairs),
                int(own.regulated),
                int(own.genes),
                str(metric).upper(),
                own.why or with_interval(own.value, own.low, own.high),
                own.why or with_interval(other.value, other.low, other.high),
                own.why or with_interval(other.gain, other.gain_low, other.gain_high),
            ]
        )
    columns = ["distance, bp", "pairs", "regulated", "genes", "", "necessity", BASELINE, "gain"]
    title = f"{track}: with 95 % intervals of a bootstrap over {by}s"
    show_table(f"scores of {track}", columns, rows, title)


def _write_pairs(path: Path, parts: list[pd.DataFrame]) -> None:
    import pandas as pd

    columns = [str(name) for name in parts[0]]
    whole = [n for n in columns if n.endswith(("_start", "_end")) or n == "distance"]
    frame = pd.concat(parts, ignore_index=True).astype(dict.fromkeys([*whole, "tss"], "Int64"))
    write_table(path, frame)


def _write_elements(
    path: Path, layers: list[dict[str, list[tuple[int, int]]]], dataset: xr.Dataset
) -> None:
    """Tests for an experiment file, with the settings of the one that was run."""
    from creme.cli.terminal import out
    from creme.files.durable import write_text

    if not layers:
        raise ConfigError("no element of the table can be measured in these loci")
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}: make it first")
    settings: dict[str, Any] = json.loads(dataset.attrs["configuration"])
    kept = {key: value for key, value in settings.items() if key != "tiles" and value is not None}
    lines = ["# The elements of a CRISPRi table as tiles; those that overlap stand in other tests."]
    for number, layer in enumerate(layers, start=1):
        lines += ["", "[[tests]]", 'name = "necessity"', f'label = "elements_{number}"']
        lines += [f"{key} = {toml_value(value)}" for key, value in kept.items()]
        lines.append("[tests.tiles]")
        for locus, tiles in layer.items():
            lines.append(f"{toml_value(locus)} = {toml_value(tiles)}")
    write_text(path, "\n".join(lines) + "\n")
    count = sum(len(tiles) for layer in layers for tiles in layer.values())
    out.print(
        f"Wrote {count} elements in {len(layers)} tests to {path}: add them to the experiment file "
        f"under another name, run it, and validate with "
        + " ".join(f"--test elements_{number}" for number in range(1, len(layers) + 1)),
    )


validate_app.add(
    crispri,
    """
creme validate crispri pairs.tsv.gz k562.results
# a test whose tiles are the elements, to run next
creme validate crispri pairs.tsv.gz k562.results \\
    --elements elements.toml
""",
)
