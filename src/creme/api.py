"""The front door for Python: a model, loci, and what a test measures of them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from creme import registry
from creme.engines.cluster import ClusterLike, opened
from creme.errors import ConfigError
from creme.genome import LociConfig, Locus
from creme.model import Model, Readout
from creme.runner.failures import refuse_empty, warn_of_failures, warn_of_remarks
from creme.runner.other_stores import OtherStore, places
from creme.runner.plan import prepare
from creme.runner.progress_bar import shown_in_python
from creme.runner.report import Report
from creme.runner.run import measure as run_plan
from creme.runner.spread import Spread
from creme.runner.tables import KEPT, build_test, check_label, make_model
from creme.store import Store
from creme.store.compact import compact_at_the_end
from creme.store.location import place_at
from creme.store.others import NamedPlace, open_store
from creme.store.place import Place
from creme.test import Test

if TYPE_CHECKING:
    import xarray as xr
    from distributed import Client

OneTest = str | type[Test] | Test
SeveralTests = SequenceOf[OneTest] | Mapping[str, OneTest]


def load_model(
    plugin: str, *, ensemble: Mapping[str, Any] | None = None, **parameters: Any
) -> Model:
    """A model of a plugin, as the table ``[model]`` of an experiment file describes it.

    Weights are read at the first prediction.

    Parameters
    ----------
    plugin : str
        The name that the model is registered by; ``creme plugins`` lists those that are installed.
    ensemble : dict, optional
        What is averaged, as the table ``[model.ensemble]``: ``replicates``, ``reverse_complement``,
        ``shifts``.
    **parameters
        The plugin's own. Relative paths start from the current directory.

    Returns
    -------
    Model

    Raises
    ------
    PluginError
        If no plugin has this name, or it cannot be imported.
    ConfigError
        If a parameter is not allowed.

    Examples
    --------
    >>> import creme
    >>> creme.load_model("synthetic", length=24576).input_length
    24576
    """
    for key in KEPT:
        if key in parameters:
            raise ConfigError(f"load_model: give {key!r} to measure, which chooses what is kept")
    cls = registry.load("model", plugin)
    return make_model(cls, parameters, None if ensemble is None else dict(ensemble), Path())


def load_loci(
    model: Model,
    *,
    fasta: str | Path,
    gtf: str | Path | None = None,
    bed: str | Path | None = None,
    table: str | Path | None = None,
    genes: Iterable[str] | None = None,
) -> list[Locus]:
    """The loci of genes, with sequences of a model's input length and the TSS at its place.

    Parameters
    ----------
    model : Model
    fasta : str or Path
        The genome, plain or compressed by gzip or bgzip.
    gtf, bed, table : str or Path
        One of them: an annotation whose transcripts give the TSSs; a BED file (6 columns) of TSSs;
        a TSV or CSV file with the columns gene, contig, tss and strand.
    genes : iterable of str, optional
        Names, gene ids or transcript ids; all genes unless given.

    Returns
    -------
    list of Locus

    Raises
    ------
    ConfigError
        If not exactly one of gtf, bed and table is given, or genes is empty.
    GenomeError
        If a file is missing or damaged, or lacks a gene or its contig.
    """
    names = genes if genes is None or isinstance(genes, str) else list(genes)
    try:
        chosen = LociConfig(fasta=fasta, gtf=gtf, bed=bed, table=table, genes=names)
    except ConfigError as error:
        words = str(error).replace(LociConfig.name, "load_loci", 1)
        raise ConfigError(words) from None
    return chosen.load(model.input_length, model.tss, inputs=model.inputs)


@overload
def measure(  # type: ignore[overload-overlap]  # a name is text, and text a sequence of texts
    tests: OneTest,
    model: Model,
    loci: Locus | SequenceOf[Locus],
    *,
    tracks: int | str | Iterable[int | str] = ...,
    strand: str | None = ...,
    bins: int | str | list[int] = ...,
    heads: Mapping[str, Mapping[str, Any]] | None = ...,
    readouts: Readout | SequenceOf[Readout] | None = ...,
    store: str | Path | Store | None = ...,
    index: str | None = ...,
    read_from: SequenceOf[str | Path | OtherStore] = ...,
    seed: int = ...,
    batch_size: int | Literal["auto"] | None = ...,
    spread: Mapping[str, Any] | None = ...,
    progress: bool | None = ...,
    cluster: ClusterLike | Client | None = ...,
    **parameters: Any,
) -> xr.Dataset: ...


@overload
def measure(
    tests: SeveralTests,
    model: Model,
    loci: Locus | SequenceOf[Locus],
    *,
    tracks: int | str | Iterable[int | str] = ...,
    strand: str | None = ...,
    bins: int | str | list[int] = ...,
    heads: Mapping[str, Mapping[str, Any]] | None = ...,
    readouts: Readout | SequenceOf[Readout] | None = ...,
    store: str | Path | Store | None = ...,
    index: str | None = ...,
    read_from: SequenceOf[str | Path | OtherStore] = ...,
    seed: int = ...,
    batch_size: int | Literal["auto"] | None = ...,
    spread: Mapping[str, Any] | None = ...,
    progress: bool | None = ...,
    cluster: ClusterLike | Client | None = ...,
) -> dict[str, xr.Dataset]: ...


def measure(
    tests: OneTest | SeveralTests,
    model: Model,
    loci: Locus | SequenceOf[Locus],
    *,
    tracks: int | str | Iterable[int | str] = "all",
    strand: str | None = None,
    bins: int | str | list[int] = "tss",
    heads: Mapping[str, Mapping[str, Any]] | None = None,
    readouts: Readout | SequenceOf[Readout] | None = None,
    store: str | Path | Store | None = None,
    index: str | None = None,
    read_from: SequenceOf[str | Path | OtherStore] = (),
    seed: int = 0,
    batch_size: int | Literal["auto"] | None = None,
    spread: Mapping[str, Any] | None = None,
    progress: bool | None = None,
    cluster: ClusterLike | Client | None = None,
    **parameters: Any,
) -> xr.Dataset | dict[str, xr.Dataset]:
    """Run one test, or several, on loci.

    The numbers are those of ``creme run`` on an experiment file with the same settings.

    Parameters
    ----------
    tests : str, class or object; or a list or dict of these
        A test by the name that it is registered by, such as ``"necessity"``; a class derived from
        `Test`; or an object of one. Those of a list are called by their names, those of a dict by
        its keys.
    model : Model
    loci : list of Locus, or one
    tracks : int, str or list of these
        Tracks that are kept: indices, names or regular expressions; or ``"all"``.
    strand : {'+', '-', '.'}, optional
        Only tracks of this strand, and unstranded ones; ``"+"`` is the gene's.
    bins : int, str or list of int
        Those that are kept: ``"tss"``, ``"all"``, ``"first-last"`` or a list.
    heads : dict of str to dict, optional
        Further heads that are kept, each with its tracks, strand and bins: ``{"counts": {}}``.
    readouts : Readout or list of Readout, optional
        Activities that are read; the mean over the kept bins of each track unless given.
    store : str, Path or Store, optional
        The directory of predictions, which may be the one of experiment files: what is in it is
        not predicted again. Without one, predictions are kept in a temporary directory until the
        call returns. A `Store` object is left open. ``s3://bucket/prefix`` is one in an object
        store, whose ``index`` is in PostgreSQL.
    index : str, optional
        SQLAlchemy URL of the store's index, where it is not in the directory.
    read_from : list of str or Path, optional
        Stores that are read first and never written, such as one that a lab shares; those whose
        index is in SQLite have to be sealed (``creme cache seal``).
    seed : int
        Seed of everything random, where a test object was given none of its own.
    batch_size : int or 'auto', optional
        Sequences a forward pass; ``"auto"`` finds it by trying, as is done on a GPU.
    spread : dict, optional
        Further kinds of noise to measure, as the table ``[spread]``: ``shift_tss``, ``members``.
    progress : bool, optional
        Whether to show how far the run is; unless given, in notebooks and terminals only.
    cluster : int, str, Client, or dict; optional
        Whose workers predict, instead of this process: a number of processes, the address of a
        Dask scheduler, a `dask.distributed.Client`, or the fields of the table ``[cluster]``.
    **parameters
        Of a single test that is given by name or class, such as ``tile=5000``.

    Returns
    -------
    xarray.Dataset, or dict of label to Dataset
        A Dataset for a single test; a dict for a list or dict, even of one. Loci that failed are
        not in it: they are in ``attrs["failures"]``, a JSON list of [locus, message], and each is
        a `CremeWarning`. So is what a reader of the values has to know, such as why effects are
        NaN: where there is anything, ``attrs["remarks"]`` is a JSON list of sentences.

    Raises
    ------
    ConfigError, PluginError
        If a parameter, a track, a bin, a readout or a label is not allowed; before anything is
        predicted.
    MeasurementError
        If a test succeeded on no locus. It has the Datasets of the other tests.
    ModelError
        If the model fails; what was predicted is in the store.
    KeyboardInterrupt
        After Ctrl-C, once what was predicted is in the store. A second Ctrl-C does not wait for
        the batch in flight.

    Examples
    --------
    >>> import creme
    >>> model = creme.load_model("synthetic")                                  # doctest: +SKIP
    >>> loci = creme.load_loci(model, fasta="genome.fa", gtf="genes.gtf")      # doctest: +SKIP
    >>> creme.measure("necessity", model, loci, tile=5000)                     # doctest: +SKIP
    """
    labelled, single = _labelled(tests, seed, parameters)
    # Before anything of the model, which may change the current directory, is called.
    place = place_at(store) if isinstance(store, str | Path) else store
    others = places([read_from] if isinstance(read_from, str | Path) else read_from, Path())
    plan = prepare(
        labelled,
        model,
        [loci] if isinstance(loci, Locus) else loci,
        tracks=tracks,
        strand=strand,
        bins=bins,
        heads=heads,
        readouts=_readouts(readouts),
        seed=seed,
        batch_size=batch_size,
        spread=Spread(**(spread or {})),
    )
    with (
        _opened(place, index, others) as predictions,
        opened(cluster) as workers,
        shown_in_python(plan, progress) as (on_progress, on_start),
    ):
        report = run_plan(
            plan, predictions, on_progress=on_progress, on_start=on_start, cluster=workers
        )
        if report.interrupted:
            lost = "lost, since no store was given" if store is None else f"in {predictions.place}"
            raise KeyboardInterrupt(f"stopped before the end; what was predicted is {lost}")
    datasets = _with_failures(report, list(labelled))
    warn_of_failures([failure for failure in report.failures if failure[0] in datasets])
    warn_of_remarks(report.remarks, report.notes)
    refuse_empty(list(labelled), datasets, report.failures)
    return datasets[next(iter(labelled))] if single else datasets


def _labelled(
    tests: OneTest | SeveralTests, seed: int, parameters: Mapping[str, Any]
) -> tuple[dict[str, Test], bool]:
    """The tests by label, and whether a single one was given."""
    if isinstance(tests, (str, Test)) or (isinstance(tests, type) and issubclass(tests, Test)):
        test = _test(tests, seed, parameters)
        check_label(test.name, "tests")
        return {test.name: test}, True
    if not isinstance(tests, (Mapping, list, tuple)):
        raise ConfigError(
            f"tests = {tests!r} is not allowed: give a test's name, its class or an object of it, "
            f"or a list or dict of these"
        )
    if parameters:
        raise ConfigError(
            f"measure: {', '.join(parameters)} may be given with a single test only: give a list "
            f"of objects, each made with its own parameters"
        )
    if not tests:
        raise ConfigError("tests: there are none")
    labelled: dict[str, Test] = {}
    pairs = tests.items() if isinstance(tests, Mapping) else [(None, each) for each in tests]
    for label, each in pairs:
        test = _test(each, seed, {})
        label = test.name if label is None else label
        check_label(label, "tests")
        if label in labelled:
            raise ConfigError(
                f"tests: two tests are called {label!r}; give a dict, with a label of its own "
                f"for each"
            )
        labelled[label] = test
    return labelled, False


def _test(test: object, seed: int, parameters: Mapping[str, Any]) -> Test:
    """A test from its name, its class or an object of it."""
    if isinstance(test, str):
        return build_test({"seed": seed, **parameters, "name": test}, Path())
    if isinstance(test, type) and issubclass(test, Test):
        registry.check_class("test", test, f"class {test.__name__}")
        return test(**{"seed": seed, **parameters})
    if not isinstance(test, Test):
        raise ConfigError(
            f"tests: {test!r} is none: give a test's name, its class or an object of it"
        )
    registry.check_class("test", type(test), f"class {type(test).__name__}")
    if parameters:
        raise ConfigError(
            f"measure: {', '.join(parameters)} cannot be given with a test that is an object: "
            f"make it with these parameters"
        )
    if "seed" in test.model_fields_set or test.seed == seed:
        return test
    return test.model_copy(update={"seed": seed})


def _readouts(chosen: Readout | SequenceOf[Readout] | None) -> list[Readout]:
    readouts = [chosen] if isinstance(chosen, Readout) else list(chosen or [])
    if wrong := [each for each in readouts if not isinstance(each, Readout)]:
        raise ConfigError(f"readouts: {wrong[0]!r} is not a creme.Readout")
    return readouts or [Readout()]


@contextmanager
def _opened(
    store: Place | Store | None, index: str | None, others: SequenceOf[NamedPlace]
) -> Iterator[Store]:
    """A store: the one given, that of a directory, or one that goes with the call."""
    if isinstance(store, Store):
        if index is not None:
            raise ConfigError("index: a Store object has its own; give it with a directory")
        if others:
            raise ConfigError("read_from: give the directory of the store with it, not an object")
        yield store
    elif store is not None:
        with open_store(store, index_url=index, read_from=others) as opened:
            yield opened
            compact_at_the_end(opened)
    else:
        if index is not None:
            raise ConfigError("index: give the directory of the store as well, as 'store'")
        with (
            tempfile.TemporaryDirectory(prefix="creme-") as folder,
            open_store(Path(folder) / "predictions", read_from=others) as opened,
        ):
            yield opened


def _with_failures(report: Report, labels: list[str]) -> dict[str, xr.Dataset]:
    """The Datasets in the tests' order, with what failed of their test in their attributes."""
    return {
        label: report.datasets[label].assign_attrs(
            failures=json.dumps(
                [[unit, why] for test, unit, why in report.failures if test == label]
            )
        )
        for label in labels
        if label in report.datasets
    }
