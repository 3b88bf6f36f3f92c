"""The generated pages of the reference: keys, parameters, variables, columns, classes."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import words
from specimens import Specimens

SequenceOfText = typing.Sequence[str]
MADE = "<!-- Made by docs/generate.py from the code: edit that, and not this page. -->\n"


def page(title: str, text: str, parts: Iterable[str]) -> str:
    """A page with a heading, a paragraph, and parts."""
    return "\n".join([MADE, f"# {title}\n", f"{text}\n", *parts])


def table(head: SequenceOfText, rows: Iterable[SequenceOfText]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = (" ".join(cell.split()).replace("|", "\\|") for cell in row)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def type_words(annotation: Any) -> str:
    """A type as people write it: text, a number, a list of ..."""
    plain = {
        str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path",
        Any: "any", type(None): "none",
    }  # fmt: skip
    if annotation in plain:
        return plain[annotation]
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return type_words(parts[0])
    if origin is typing.Literal:
        return ", ".join(f"`{json.dumps(part)}`" for part in parts)
    if origin in (typing.Union, types.UnionType):
        options = [type_words(part) for part in parts if part is not type(None)]
        return " or ".join(dict.fromkeys(options))
    if origin in (list, tuple):
        return f"list of {type_words(parts[0])}" if parts else "list"
    if origin is dict:
        return "table"
    name = getattr(annotation, "__name__", str(annotation))
    return "table" if hasattr(annotation, "model_fields") else name


def default_words(field: Any) -> str:
    """The default of a field as a file would write it; empty where there is none."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or hasattr(type(value), "model_fields"):
        return ""
    if isinstance(value, tuple):
        value = list(value)
    return f"`{json.dumps(value, default=str)}`"


def limits(field: Any) -> str:
    """The limits of a field, as an addition to its type."""
    signs = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    parts = [
        f"{word} {getattr(limit, sign)}"
        for limit in field.metadata
        for sign, word in signs.items()
        if hasattr(limit, sign)
    ]
    return ", " + ", ".join(parts) if parts else ""


def fields_of(cls: Any, leave: Iterable[str] = ()) -> str:
    """The table of a class's fields.

    Raises
    ------
    LookupError
        If one is described nowhere.
    """
    rows = []
    for name, field in cls.model_fields.items():
        if name in leave:
            continue
        text = field.description or words.FIELDS.get(f"{cls.__name__}.{name}")
        if not text:
            raise LookupError(
                f"{cls.__name__}.{name} has no words: give its Field a description, or write it "
                f"into docs/_ext/words.py"
            )
        kind = type_words(field.annotation) + limits(field)
        rows.append((f"`{name}`", kind, default_words(field), text))
    return table(("key", "type", "default", "meaning"), rows)


def first_sentence(text: str | None) -> str:
    """The first paragraph of a docstring."""
    return " ".join((text or "").strip().split("\n\n")[0].split())


_TRACKS = "tracks to keep: indices, names or regular expressions"
_STRAND = "only tracks of this strand, and unstranded ones; `+` is the gene's"
_BINS = '`"tss"`, `"all"`, `"first-last"` or a list of bins to keep'
_REPLICATES = "parameters of the plugin that differ between the networks, a value for each"


def experiment_file() -> str:
    """The page on keys of an experiment file."""
    from creme.analysis.thresholds import Calibration
    from creme.engines.table import ClusterTable
    from creme.genome.loci import LociConfig
    from creme.models.ensemble import Ensemble
    from creme.readout import Readout
    from creme.runner.experiment import Experiment
    from creme.runner.spread import Spread

    tables = ("model", "loci", "readouts", "calibration", "spread", "cluster", "tests")
    model = [
        ("`plugin`", "text", "required", "name of the model; `creme plugins` lists them"),
        ("`tracks`", "list of whole number or text", '`"all"`', _TRACKS),
        ("`tracks_file`", "path", "", "a file that lists them, one a line, in place of `tracks`"),
        ("`strand`", '`"+"`, `"-"`, `"."`', "", _STRAND),
        ("`bins`", "text or list of whole number", '`"tss"`', _BINS),
        ("`ensemble`", "table", "", "several networks, strands and shifts as one model, see below"),
        ("all others", "", "", "parameters of the plugin, see [parameters](parameters.md)"),
    ]  # fmt: skip
    members = [
        ("`replicates`", "table of lists", "", _REPLICATES),
        *_rows_of(Ensemble, {"of"} | set(_base_fields("model"))),
    ]  # fmt: skip
    return page(
        "Keys of an experiment file",
        "An experiment file is TOML; `creme init experiment.toml` writes a commented one. Relative "
        "paths start from the file's folder. The keys at the top stand before the first table.",
        [
            "## At the top\n",
            fields_of(Experiment, tables),
            "## `[model]`\n",
            table(("key", "type", "default", "meaning"), model),
            "## `[model.ensemble]`\n",
            table(("key", "type", "default", "meaning"), members),
            "## `[loci]`\n",
            fields_of(LociConfig),
            "## `[[readouts]]`\n",
            "[The activities that are read](../readouts.md) has examples.\n",
            fields_of(Readout),
            "## `[[tests]]`\n",
            "`name` is the test's, `label` names its results where a test stands twice; all other "
            "keys are [parameters](parameters.md) of the test.\n",
            "## `[calibration]`\n",
            fields_of(Calibration),
            "## `[spread]`\n",
            fields_of(Spread),
            "## `[cluster]`\n",
            "[Several workers](../clusters.md) has examples.\n",
            fields_of(ClusterTable),
        ],
    )  # fmt: skip


def _rows_of(cls: Any, leave: Iterable[str]) -> list[tuple[str, ...]]:
    rows = fields_of(cls, leave).splitlines()[2:]
    return [tuple(cell.strip() for cell in row.strip("|").split(" | ")) for row in rows]


def _base_fields(kind: str) -> list[str]:
    from creme.model import Model

    return list(Model.model_fields) if kind == "model" else []


def study_file() -> str:
    """The page on keys of a study file."""
    from creme.analysis.thresholds import Categories, Classes, Networks
    from creme.study.config import StudyFile
    from creme.study.sections import TESTS, Common, LocusSelection
    from creme.study.stage_tables import AddedStage, BuiltInOptions

    shared = ("model", "loci", "readouts", "calibration", "spread", "cluster")
    tables = (*shared, "selection", "categories", "classes", "network", "common", *TESTS)
    listed = ", ".join(f"`[{name}]`" for name in TESTS)
    return page(
        "Keys of a study file",
        "A study file is TOML; `creme init --study study.toml` writes a commented one. "
        "[The managed study](../study.md) says how the stages follow one another. The tables "
        "`[model]`, `[loci]`, `[[readouts]]`, `[calibration]`, `[spread]` and `[cluster]` are "
        "those of an [experiment file](experiment_file.md).",
        [
            "## At the top\n",
            fields_of(StudyFile, tables),
            "## `[selection]`\n",
            fields_of(LocusSelection),
            "## `[categories]`\n",
            fields_of(Categories),
            "## `[classes]`\n",
            fields_of(Classes),
            "## `[network]`\n",
            fields_of(Networks),
            "## `[common]`\n",
            fields_of(Common),
            "## Tables of stages\n",
            f"{listed}: each takes [parameters](parameters.md) of its test, and these keys:\n",
            fields_of(BuiltInOptions),
            "## `[stages.NAME]`, a stage of your own\n",
            fields_of(AddedStage),
        ],
    )


def parameters() -> str:
    """The page on parameters of what is registered by the core."""
    from creme import registry

    parts = []
    for kind, heading in (
        ("test", "Tests"),
        ("perturbation", "Perturbations"),
        ("model", "Models"),
    ):
        parts.append(f"## {heading}\n")
        for name, plugin in sorted(registry.plugins(kind).items()):
            if not plugin.target.startswith("creme."):
                continue
            cls = registry.load(kind, name)
            parts += [f"### `{name}`\n", f"{first_sentence(cls.__doc__)}\n"]
            parts.append(fields_of(cls) if cls.model_fields else "It takes no parameters.\n")
    return page(
        "Parameters of tests, perturbations and models",
        "The tests, perturbations and models that come with the core. You have to set a parameter "
        "that is required; one with an empty default is left out unless you set it. "
        "`creme plugins` lists these and the plugins that you have installed.",
        parts,
    )


def suite_pages(folder: Path) -> dict[str, str]:
    """The pages of the suite's tests, each with the table of its parameters between two comments.

    Parameters
    ----------
    folder : Path
        Where the pages stand, which are written by hand but for the tables.

    Raises
    ------
    LookupError
        If a page has no place for its table.
    """
    from creme import registry

    made = {}
    for name, plugin in sorted(registry.plugins("test").items()):
        if not plugin.target.startswith("creme."):
            continue
        text = (folder / f"{name}.md").read_text(encoding="utf-8")
        first, last = f"<!-- parameters of {name} -->\n", "<!-- end of parameters -->\n"
        before, begins, rest = text.partition(first)
        _, ends, after = rest.partition(last)
        if not (begins and ends):
            raise LookupError(f"{name}.md lacks {first.strip()} and {last.strip()}")
        fields = fields_of(registry.load("test", name))
        made[f"suite/{name}.md"] = f"{before}{first}\n{fields}\n{last}{after}"
    return made


def _variables(dataset: Any, names: Iterable[str], place: str) -> str:
    rows = []
    for name in names:
        variable = dataset[name]
        unit, text = words.words_of(name, place, words.DATASET)
        role = "coordinate" if name in dataset.coords else "variable"
        dims = ", ".join(map(str, variable.dims)) or "none"
        rows.append((f"`{name}`", role, dims, unit, text))
    return table(("name", "role", "dimensions", "unit", "meaning"), rows)


def _in_order(names: Iterable[Any]) -> list[str]:
    order = {name.rpartition(".")[2]: k for k, name in reversed(list(enumerate(words.DATASET)))}

    def place(name: str) -> tuple[int, str]:
        return order.get(words.without_ending(name)[0] if name not in order else name, 999), name

    return sorted(map(str, names), key=place)


def datasets(made: Specimens) -> str:
    """The page on variables of each test's Dataset."""
    shared = set.intersection(*(set(dataset.variables) for dataset in made.datasets.values()))
    shared -= {"wild_type"}
    some = made.datasets["necessity"]
    parts = ["## In every Dataset\n", _variables(some, _in_order(shared), "")]
    for test, dataset in sorted(made.datasets.items()):
        sizes = ", ".join(f"`{dim}`" for dim in _dimensions(dataset))
        parts += [f"## `{test}`\n", f"Dimensions: {sizes}.\n"]
        parts.append(_variables(dataset, _in_order(set(dataset.variables) - shared), test))
    parts.append("## With options\n")
    parts.append("Some options add variables to the Dataset of a test:\n")
    seen: set[str] = set()
    for option, tests in made.options.items():
        for test, dataset in tests.items():
            more = set(map(str, dataset.variables)) - set(made.datasets[test].variables)
            if "replicates_used" not in more:
                more -= seen
            seen |= more
            parts += [f"### {option[:1].upper()}{option[1:]}\n"]
            parts.append(_variables(dataset, _in_order(more), test))
    attributes = set().union(*(dataset.attrs for dataset in _all(made)))
    missing = {str(name) for name in attributes} - set(words.ATTRIBUTES)
    if missing:
        raise LookupError(f"attributes without words, see docs/_ext/words.py: {sorted(missing)}")
    parts += ["## Attributes\n", "Structured values are JSON, as text.\n"]
    rows = [(f"`{name}`", text) for name, text in words.ATTRIBUTES.items()]
    parts.append(table(("attribute", "meaning"), rows))
    return page(
        "Variables of each Dataset",
        "`creme.measure` gives a Dataset, and `creme.open_results(...).dataset(TEST)` opens one. "
        "Coordinates are 0-based and half-open; distances run along the gene, and negative ones "
        "are upstream. A position of the window counts from its first base, 5' to 3' along the "
        "gene. `MEASURE_replicates`, `MEASURE_std` and `MEASURE_se` stand beside a measure that "
        "has replicates.",
        parts,
    )


def _all(made: Specimens) -> Iterator[Any]:
    yield from made.datasets.values()
    for tests in made.options.values():
        yield from tests.values()


def _dimensions(dataset: Any) -> list[str]:
    return _in_order(dataset.sizes)


def tables(made: Specimens) -> str:
    """The page on columns of each table."""
    from creme import registry

    parts = []
    shown = [name for name in words.TABLES if name in made.tables]
    for name in [*shown, *sorted(set(made.tables) - set(shown))]:
        frame = made.tables[name]
        stem = name.partition(".")[0]
        if name in words.TABLES:
            about = words.TABLES[name]
        elif name.endswith(".replicates.csv"):
            about = f"Every replicate of `{stem}`, with its raw activities"
        elif stem in registry.plugins("test"):
            about = f"The statistics of `{stem}`, a row for each locus, track and what it varies"
        else:
            raise LookupError(f"nothing is written on table {name}: add it to docs/_ext/words.py")
        rows = []
        for column in map(str, frame.columns):
            unit, text = words.words_of(column, name, words.COLUMNS, _of_test(stem), words.DATASET)
            rows.append((f"`{column}`", unit, text))
        parts += [f"## `{name}`\n", f"{about}.\n", table(("column", "unit", "meaning"), rows)]
    return page(
        "Columns of each table",
        "A study writes its tables into `tables/` in its folder, and `loci.tsv` and `selected.tsv` "
        "into the folder itself. `creme export` writes all of them, and a table of replicates for "
        "each test. Coordinates are 0-based and half-open. A cell is empty if nothing was "
        "measured.",
        parts,
    )


def _of_test(test: str) -> dict[str, tuple[str, str]]:
    """The words of a test's own variables, by their bare names."""
    prefix = f"{test}."
    own = {k.removeprefix(prefix): v for k, v in words.DATASET.items() if k.startswith(prefix)}
    if test == "sub_tiles":
        return _of_test("fine_tile")
    return own
