"""The commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creme.cli.asking import PowerOption, ShardOption, TrustOption, trust_by
from creme.cli.benchmark import benchmark_app
from creme.cli.cache import cache_app
from creme.cli.calibrate import calibrate
from creme.cli.choices import add_values, chosen
from creme.cli.cluster import Scheduler, Workers, chosen_cluster
from creme.cli.commands import Commands, Debug
from creme.cli.compare import compare
from creme.cli.doctor import doctor
from creme.cli.export import export
from creme.cli.gene import gene
from creme.cli.models import models_app
from creme.cli.motifs import motifs
from creme.cli.plugins import plugins_app
from creme.cli.report import report
from creme.cli.scorecard import scorecard_app
from creme.cli.study import study
from creme.cli.validate import validate_app
from creme.errors import ConfigError

app = Commands(
    name="creme",
    help="In silico perturbation experiments on sequence-based DNNs.",
)
Directory = Annotated[Path, typer.Argument(help="a results directory")]
Folder = Annotated[Path, typer.Argument(help="a results directory, or the folder of a study")]


def demo(
    folder: Annotated[Path, typer.Argument(help="where to work")] = Path("creme-demo"),
    genes: Annotated[int, typer.Option(min=3, max=300, help="synthetic genes")] = 60,
) -> None:
    """Run a study of the synthetic model and genome.

    Its results are compared with what was planted, and its report is written."""
    from creme.cli.demo import run_demo

    raise typer.Exit(run_demo(folder, genes))


def init(
    file: Annotated[
        Path | None, typer.Argument(help="the file to write; experiment.toml unless given")
    ] = None,
    study: Annotated[bool, typer.Option("--study", help="a study file: study.toml")] = False,
    published: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="PRESET",
            help="with --study: preprint, published-enformer or published-borzoi, the settings of "
            "Nature Genetics 56, 2517-2527 (2024), doi 10.1038/s41588-024-01923-3",
        ),
    ] = None,
) -> None:
    """Write a commented experiment file, or study file."""
    from creme.cli.presets import preset
    from creme.cli.template import STUDY, TEMPLATE
    from creme.cli.terminal import out
    from creme.files.durable import write_text

    if published is not None and not study:
        raise ConfigError("--as: only with --study, of which it chooses the settings")
    text = STUDY if study else TEMPLATE
    if published is not None:
        text = preset(published)
    file = file or Path("study.toml" if study else "experiment.toml")
    if file.exists():
        raise ConfigError(f"{file} exists: give another name, or remove it first")
    if not file.parent.is_dir():
        raise ConfigError(f"there is no folder {file.parent}: make it first")
    write_text(file, text)
    add_values(file=file)
    out.print(f"Wrote {file}; edit it, then: creme {'study' if study else 'run'} {file}")


def run(
    file: Annotated[Path, typer.Argument(help="an experiment file")],
    output: Annotated[
        Path | None, typer.Option(help="results directory, instead of the file's")
    ] = None,
    profile: Annotated[bool, typer.Option("--profile", help="say where the time went")] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="only say what it will ask for; nothing is predicted")
    ] = False,
    workers: Workers = None,
    dask: Scheduler = None,
    seconds_per_prediction: Annotated[
        float | None,
        typer.Option(min=0, help="for --plan, where no run of this model has measured it"),
    ] = None,
    power: PowerOption = None,
    shard: ShardOption = None,
) -> None:
    """Run an experiment, from where it was left.

    Stored predictions are not made again."""
    from creme.cli.execute import execute, execute_shard
    from creme.cli.planned import show_planned_run
    from creme.results.kind import Kind, kind_of, mistaken
    from creme.runner.experiment import Experiment
    from creme.runner.shards import Shard

    if kind_of(file) in (Kind.STUDY_FILE, Kind.STUDY, Kind.RESULTS, Kind.STORE):
        raise ConfigError(str(mistaken(file, "an experiment file")))
    if seconds_per_prediction is not None and not plan:
        raise ConfigError("--seconds-per-prediction: only with --plan; without it the file is run")
    if power is not None and not plan:
        raise ConfigError("--power: only with --plan; without it the file is run")
    if plan and (output or profile or dask):
        raise ConfigError(
            "--plan: nothing is run, so --output, --profile and --dask do nothing with it"
        )
    if shard is not None and (plan or output or profile):
        raise ConfigError(
            "--shard: it fills a store and makes no results, so --plan, --output and --profile go "
            "with runs of the whole"
        )
    cluster = chosen_cluster(workers, dask)
    experiment = Experiment.from_file(file)
    if shard is not None:
        raise typer.Exit(execute_shard(experiment, Shard.parse(shard), cluster))
    if plan:
        show_planned_run(experiment, seconds_per_prediction, workers, power)
        return
    raise typer.Exit(execute(experiment, output, profile=profile, cluster=cluster))


def resume(
    directory: Directory,
    trust: TrustOption = False,
    workers: Workers = None,
    dask: Scheduler = None,
) -> None:
    """Continue the run that made a results directory."""
    from creme.cli.execute import execute
    from creme.errors import ResultsError
    from creme.results.directory import Results
    from creme.results.kind import Kind, kind_of, mistaken
    from creme.runner.experiment import Experiment
    from creme.study.folder import of_study

    if kind_of(directory) is not Kind.RESULTS and (
        why := mistaken(directory, "a results directory")
    ):
        raise ResultsError(why)
    Results.existing(directory)
    study = of_study(directory)
    if study is not None:
        raise ResultsError(
            f"{directory} is a stage of {study}, which takes it further: creme study {study}"
        )
    cluster = chosen_cluster(workers, dask)
    experiment = Experiment.of_results(directory)
    raise typer.Exit(execute(experiment, directory, trust=trust_by(trust), cluster=cluster))


def status(directory: Folder) -> None:
    """Say how far an experiment or a study is."""
    from creme.cli.show import show_status

    show_status(directory)


def results(
    directory: Folder,
    test: Annotated[str | None, typer.Option(help="only this test or stage")] = None,
    export: Annotated[
        Path | None, typer.Option(help="write a tidy table here: .csv, .tsv or .parquet")
    ] = None,
    replicates: Annotated[bool, typer.Option("--replicates", help="a row each")] = False,
    top: Annotated[int, typer.Option(min=1, help="strongest rows to print")] = 10,
    peaks: Annotated[
        bool,
        typer.Option("--peaks", help="highest bins of backgrounds elsewhere, from stored profiles"),
    ] = False,
) -> None:
    """Print results, the strongest first, or export a table.

    Those of an experiment or of a study; of one test where it is exported."""
    from creme.cli.show import export_results, show_results

    if peaks:
        from creme.cli.background_peaks import show_peaks

        show_peaks(directory, test, top, export)
    elif export is None:
        show_results(directory, test, top)
    else:
        export_results(directory, test, export, replicates)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"creme {version('creme-toolkit')}")
        raise typer.Exit


@app.callback()
def creme(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="the toolkit's version"),
    ] = False,
    debug: Debug = False,
) -> None:
    """In silico perturbation experiments on sequence-based DNNs.

    creme demo shows all of it on a synthetic genome; creme gene takes one gene of yours from a
    genome, an annotation and a model to its report."""
    chosen.debug = debug


app.add(
    demo,
    """
creme demo
creme demo my-demo --genes 12
""",
)
app.add(
    init,
    """
creme init
creme init mine.toml
creme init --study
creme init --study --as published-enformer
""",
)
app.add(
    run,
    """
creme run experiment.toml
# what it would ask for, and what is stored
creme run experiment.toml --plan
# replicates that find an effect of 0.1
creme run experiment.toml --plan --power 0.1
# two GPUs; where the time went
creme run experiment.toml --workers 2 --profile
# the first of ten jobs of an array
creme run experiment.toml --shard 1/10
""",
)
app.add(
    resume,
    """
creme resume k562.results
""",
)
app.add(
    status,
    """
creme status k562.results
creme status k562.study --json
""",
)
app.add(
    results,
    """
creme results k562.results
creme results k562.results --test necessity --top 30
creme results k562.results --test necessity \\
    --export necessity.csv
""",
)
app.add(
    study,
    """
creme study study.toml --plan
creme study study.toml
# how far it is; and on from there
creme study k562.study --status
creme study k562.study
creme study study.toml --stage necessity
""",
)
app.add(
    gene,
    """
creme gene GATA1 --fasta hg38.fa --gtf gencode.gtf.gz \\
    --model borzoi --track "CAGE.*K562"
# the embedded model, on the genome of creme demo
creme gene GENE1 --fasta creme-demo/genome.fa \\
    --gtf creme-demo/annotation.gtf --model synthetic
""",
)
app.add(
    doctor,
    """
creme doctor
# also the store, genome and annotation of a file
creme doctor experiment.toml
""",
)
app.add(
    report,
    """
creme report k562.study
creme report k562.results --output k562.html
creme report k562.study --compare gm12878.study
""",
)
app.add(
    export,
    """
creme export k562.study --to export
creme export k562.results --to export --only tracks
""",
)
app.add(
    motifs,
    """
# of the loci of an experiment; of a study's enhancers
creme motifs k562.toml --meme JASPAR.meme --to sites.bed
creme motifs k562.study --within enhancers \\
    --meme JASPAR.meme --to sites.bed
creme motifs ccres.bed --fasta hg38.fa \\
    --meme JASPAR.meme --to sites.bed
""",
)
app.add(
    compare,
    """
creme compare enformer.results borzoi.results
creme compare a.results b.results --test necessity \\
    --export pairs.csv
""",
)
app.add(
    calibrate,
    """
# effects in shuffled contexts, to compare others with
creme calibrate experiment.toml --to panel.json
creme calibrate negatives.results --to panel.json
""",
)
app.add_typer(benchmark_app, name="benchmark")
app.add_typer(cache_app, name="cache")
app.add_typer(models_app, name="models")
app.add_typer(plugins_app, name="plugins")
app.add_typer(scorecard_app, name="scorecard")
app.add_typer(validate_app, name="validate")
