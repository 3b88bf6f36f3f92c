"""From one gene to its report: the study file is written, run and kept."""

from __future__ import annotations

import math
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creme.cli.asking import parameters_lacking, parameters_of
from creme.cli.choices import add_values
from creme.cli.tables import toml_value
from creme.errors import ConfigError, CremeError, ResultsError

if TYPE_CHECKING:
    from creme.model import Model

STAGES = ("loci", "context_dependence", "necessity", "sufficiency")
"""Stages that are run unless more are asked for."""
FURTHER = ("distance", "higher_order", "set_sufficiency", "multiplicity", "fine_tile")
"""Stages that --all adds; a context swap needs a second gene."""

FEW_TRACKS = 2
"""A model of more tracks has to be asked for some of them."""
AROUND, READ = 1000, 128
"""bp on either side of the TSS: of the bins that are kept, and of those that are read."""

_WEIGHTS = {
    "enformer-torch": "EleutherAI/enformer-official-rough",
    "borzoi": "johahi/borzoi-replicate-0",
}
_SETTINGS: dict[str, dict[str, Any]] = {"borzoi": {"unsquash": True}}


def gene(
    symbol: Annotated[str, typer.Argument(help="a gene's name or id, as in the annotation")],
    fasta: Annotated[Path, typer.Option(help="the genome: plain, gzip or bgzip")],
    gtf: Annotated[Path, typer.Option(help="the annotation, of the same build")],
    model: Annotated[str, typer.Option(help="a model's plugin; creme plugins lists them")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE of the model, as in [model]; may be repeated"),
    ] = None,
    track: Annotated[
        list[str] | None,
        typer.Option(help="name or regular expression; may be repeated: their mean is read"),
    ] = None,
    to: Annotated[Path, typer.Option(help="folder; predictions in it serve all its genes")] = Path(
        "creme-genes"
    ),
    tile: Annotated[
        int | None, typer.Option(min=1, help="bp; by the length of the model's input unless given")
    ] = None,
    replicates: Annotated[int, typer.Option(min=1, help="shuffles of each tile")] = 10,
    everything: Annotated[
        bool, typer.Option("--all", help="all tests of a single gene, and not four stages")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="write the file, and say what it will take")
    ] = False,
) -> None:
    """Run one gene, from genome and model to its report.

    The study file that it runs is written first, so that creme study can run it again, and you
    can change it. The same command goes on with what was stopped.
    """
    from creme.cli.report import write_report
    from creme.cli.study import execute_study, show_plan
    from creme.cli.terminal import out
    from creme.genome import Annotation
    from creme.runner.tables import build_model

    for what, path in (("--fasta", fasta), ("--gtf", gtf)):
        if not path.is_file():
            raise ConfigError(f"{what} {path}: there is no such file")
    annotation = Annotation.from_gtf(gtf)
    annotation.find(symbol)  # refuses what is no gene, or several
    sites = annotation.starts(symbol)
    chosen = _absolute({**_SETTINGS.get(model, {}), **parameters_of(settings or [])})
    table = {"plugin": model, **_with_files(model, chosen)}
    with parameters_lacking(model):
        built = build_model(table, Path.cwd())[0]
    table |= _kept(built, model, track)
    build_model(table, Path.cwd())  # whether there are such tracks
    if not plan:
        import_module("creme.report.style")  # a missing matplotlib is an error before the run
    name = re.sub(r"[^\w.+-]", "_", symbol)
    fewer, more = (
        _text(name, symbol, table, built, (fasta, gtf), tile, replicates, each)
        for each in (False, True)
    )
    file = to / f"{name}.toml"
    new = _write(file, more if everything else fewer, fewer)
    add_values(study_file=file, study=to / f"{name}.study")
    starts = len({(site.contig, site.position, site.strand) for site in sites})
    active = ", the most active of which is used" if starts > 1 else ""
    unasked = "" if track or len(built.tracks) == 1 else f", track {built.tracks[0].name}"
    out.print(
        f"{symbol} on {sites[0].contig} ({sites[0].strand}), {starts} TSS{'s' * (starts > 1)}"
        f"{active}{unasked}; study file: {file}"
    )
    try:
        if plan:
            show_plan(file, None, None, None, None, 1, True)
            return
        status = execute_study(file, None, None, True)
    except CremeError:
        if new and not _begun(to / f"{name}.study"):
            file.unlink()  # so that the same command with other settings is not refused
        raise
    if status:
        raise typer.Exit(status)
    page = write_report(to / f"{name}.study")
    add_values(report=page)
    out.print(f"The report, to open in a browser: {page}")
    out.print(f"Its numbers: creme results {to / f'{name}.study'}")
    if not everything:
        out.print(f"Not run: {', '.join(FURTHER)}. The same command with --all adds them")
    out.print(f"Once more, also with other settings: creme study {file}")


def _begun(study: Path) -> bool:
    """Whether a study has its loci."""
    from creme.study.view import StudyResults

    try:
        return StudyResults(study).folder.finished("loci")
    except ResultsError:
        return False


def _write(file: Path, text: str, fewer: str) -> bool:
    """Write the study file, also over the one with fewer stages; whether there was none."""
    from creme.files.durable import write_text

    new = not file.is_file()
    if not new and file.read_text() not in (text, fewer):
        raise ConfigError(
            f"{file} is there with other settings: 'creme study {file}' goes on with those; for "
            f"the new ones give another folder with --to, or remove it"
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, text)
    return new


def _absolute(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings whose values are files here, or an object of one, from wherever they are read."""
    changed = dict(settings)
    for key, value in settings.items():
        if not isinstance(value, str):
            continue
        path, colon, rest = value.partition(".py:")
        if colon and Path(f"{path}.py").is_file():
            changed[key] = f"{Path(f'{path}.py').resolve()}:{rest}"
        elif value and Path(value).expanduser().exists():
            changed[key] = str(Path(value).expanduser().resolve())
    return changed


def _with_files(plugin: str, settings: dict[str, Any]) -> dict[str, Any]:
    """With the published weights, and the table of tracks where it was fetched."""
    from creme import registry
    from creme.files.cache_folder import cache_folder
    from creme.files.fetch import place

    cls = registry.load("model", plugin)
    made = dict(settings)
    if "weights" in cls.model_fields and plugin in _WEIGHTS:
        made.setdefault("weights", _WEIGHTS[plugin])
    folder = cache_folder() / "models" / plugin / "targets"
    for file in cls.downloads.get("targets", ()):
        if "targets" in cls.model_fields and "human" in file.file and place(file, folder).exists():
            made.setdefault("targets", str(place(file, folder)))
    return made


def _kept(model: Model, plugin: str, tracks: list[str] | None) -> dict[str, Any]:
    """The tracks and bins of the table [model]."""
    n, half = model.tss_bin(), -(-AROUND // model.bin_size)
    bins = f"{max(0, n - half)}-{min(model.n_bins - 1, n + half - 1)}"
    if not tracks and len(model.tracks) > FEW_TRACKS:
        raise ConfigError(
            f"model {plugin} has {len(model.tracks)} tracks: choose with --track, once or more; "
            f"'creme models tracks {plugin} REGEX' lists them"
        )
    chosen: list[int | str] = list(tracks or [model.tracks[0].name])
    kept: dict[str, Any] = {"tracks": chosen, "bins": bins}
    if {track.strand for track in model.tracks} >= {"+", "-"}:
        kept["strand"] = "+"
    return kept


def nice_tile(length: int) -> int:
    """bp of a tile that cuts a window into 26 or more: 5,000 for 131 kb and longer."""
    most = length / 26
    if most >= 5000:
        return 5000
    power = 10 ** int(math.log10(most))
    return max(step * power for step in (1, 2, 5) if step * power <= most)


def _text(
    name: str,
    symbol: str,
    table: dict[str, Any],
    model: Model,
    files: tuple[Path, Path],
    tile: int | None,
    replicates: int,
    everything: bool,
) -> str:
    """The study file."""
    n, half = model.tss_bin(), -(-READ // model.bin_size)
    # The TSS may be the first base of its bin: then as much is read before as behind it.
    centred = (model.tss - model.output_start) % model.bin_size == 0
    first, last = (n - half, n + half - 1) if centred else (n, n)
    read = f"{max(0, first)}-{min(model.n_bins - 1, last)}"
    size = tile or nice_tile(model.input_length)
    stages = [*STAGES, *(FURTHER if everything else ())]
    lines = [
        f"# {symbol}, written by creme gene; creme study runs it again.",
        f"name = {toml_value(name)}",
        "seed = 7",
        'store = "predictions"           # shared by all genes of this folder',
        f"stages = {toml_value(stages)}",
        "",
        "[model]",
        *(f"{key} = {toml_value(value)}" for key, value in table.items()),
        "",
        "[[readouts]]",
        'name = "activity"               # the mean over the bins around the TSS and all tracks',
        f"bins = {toml_value(read)}",
        'over_tracks = "mean"',
        "",
        "[loci]",
        f"fasta = {toml_value(str(files[0].resolve()))}",
        f"gtf = {toml_value(str(files[1].resolve()))}",
        f"genes = {toml_value([symbol])}",
        "",
        "[selection]                     # the most active TSS of the gene, however active it is",
        "activity = 0",
        'summit = "any"',
        "per_gene = 1",
        "",
        "[categories]                    # without gaps, so that the gene has one and goes on",
        "enhancing = 0.2                 # published studies of many genes: 0.95",
        "neutral = 0.2",
        "silencing = -0.2                # published: -0.5 and -0.3",
        "",
        "[common]",
        f"tile = {size}",
        f"replicates = {replicates}",
    ]
    if everything:
        windows = [max(1, size // 10), max(1, size // 100)]
        lines += ["", "[fine_tile]", f"windows = {toml_value(windows)}"]
    return "\n".join(lines) + "\n"
