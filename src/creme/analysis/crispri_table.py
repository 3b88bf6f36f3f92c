"""Tables of element-gene pairs that were tested by CRISPRi."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from creme.errors import ConfigError, listing
from creme.files.small import require_file

# Names of a column in the ENCODE benchmark, in its forerunners, and in short.
_COLUMNS = {
    "contig": ("chrom", "chrperturbationtarget", "chr", "contig"),
    "start": ("chromstart", "startperturbationtarget", "start"),
    "end": ("chromend", "endperturbationtarget", "end"),
    "gene": ("measuredgenesymbol", "genesymbol", "gene"),
    "gene_id": ("measuredgeneensemblid", "geneensemblid", "gene_id"),
    "tss": ("starttss", "genetss", "tss"),
    "effect_size": ("effectsize",),
    "significant": ("significant",),
    "regulated": ("regulated",),
    "valid": ("validconnection", "includeinmodel"),
    "cell_type": ("celltype",),
    "dataset": ("dataset",),
}
_REQUIRED = ("contig", "start", "end", "gene")
_TRUE, _FALSE, _NONE = {"TRUE", "T", "1"}, {"FALSE", "F", "0"}, {"", "NA", "NAN", "."}
_NO_CALL = "no call in the table"
_NO_LENGTH = "element of no length in the table"
_REPEATED, _CONTRADICTED = "repeated in the table", "contradicted in the table"
_INVALID = "by the table: "
_BUILDS = {"hg38": "hg38", "grch38": "hg38", "hg19": "hg19", "grch37": "hg19"}


@dataclass(frozen=True)
class Pairs:
    """Element-gene pairs of one cell type.

    Attributes
    ----------
    table : DataFrame
        A row for each line: ``line`` of the file; ``contig``, ``start``, ``end`` of the element
        (0-based, half-open); ``gene``, ``gene_id``; ``tss``, float, NaN where unknown;
        ``effect_size``, the change of expression as a share, NaN where unknown; ``regulated``,
        bool, False where there is no call; ``cell_type``, ``dataset``; ``missing``, why the pair
        cannot be used, or empty.
    build : str
        ``hg38`` or ``hg19``, or the build as it was requested; empty where it is not known.
    source : str
        The file.
    """

    table: pd.DataFrame
    build: str
    source: str


def read_pairs(
    path: str | Path, *, build: str | None = None, cell_type: str | None = None
) -> Pairs:
    """Read and check a table, comma- or tab-separated, plain or gzipped.

    The columns are those of the ENCODE benchmark: ``chrom``, ``chromStart``, ``chromEnd`` and
    ``measuredGeneSymbol`` are needed, and ``Regulated``, or ``Significant`` and ``EffectSize``
    from which it follows. ``measuredGeneEnsemblId``, ``startTSS``, ``ValidConnection``,
    ``CellType`` and ``Dataset`` are used where they are there. Names of the older format of
    Fulco et al. (``chrPerturbationTarget``, ``GeneSymbol``, ``IncludeInModel``) are understood.

    Parameters
    ----------
    path : str or Path
    build : str, optional
        Genome build of the coordinates; that in the file's name (GRCh38, hg19) unless given.
    cell_type : str, optional
        Required if the table has several.

    Returns
    -------
    Pairs
        With every line of the cell type. ``missing`` is set for pairs without a call, for elements
        of no length, for pairs that the table itself marks as not valid, and for those that it
        repeats or contradicts.

    Raises
    ------
    ConfigError
        If the file is not such a table, with the line that shows it; if it has several cell types,
        or lacks the requested one; if its name contains another build.

    Notes
    -----
    Columns as described with the benchmark of Gschwind et al. (ENCODE-rE2G): a pair is regulated
    where the effect on the gene is significant and negative.
    """
    path = Path(path)
    raw = _text(path)
    columns = _by_name(path, raw)
    table = pd.DataFrame({"line": np.arange(len(raw)) + 2, "contig": columns["contig"]})
    for name in ("start", "end"):
        table[name] = _numbers(path, columns[name], name, whole=True).astype(np.int64)
    wrong = np.flatnonzero((table["start"] < 0) | (table["start"] > table["end"]))
    if wrong.size:
        row = table.iloc[wrong[0]]
        raise ConfigError(
            f"{path}, line {row.line}: element [{row.start}, {row.end}) needs 0 <= start < end"
        )
    no_length = table["start"] == table["end"]
    empty = pd.Series([""] * len(raw))
    for name in ("gene", "gene_id", "cell_type", "dataset"):
        table[name] = columns.get(name, empty)
    nothing = pd.Series(np.full(len(raw), np.nan))
    for name in ("tss", "effect_size"):
        table[name] = _numbers(path, columns[name], name) if name in columns else nothing
    call = _calls(path, columns, table["effect_size"])
    table["regulated"] = call.fillna(0).astype(bool)
    table["missing"] = np.where(no_length, _NO_LENGTH, np.where(call.isna(), _NO_CALL, ""))
    if "valid" in columns:
        _mark_invalid(table, columns["valid"])
    table = _of_cell_type(path, table, cell_type)
    _mark_repeated(table)
    return Pairs(table, _build(path, build), str(path))


def called(missing: pd.Series) -> pd.Series:
    """Whether each pair has a valid call, by its reason: true too where only a value is missing.

    Parameters
    ----------
    missing : Series of str
        Of `Pairs`, or as `creme.analysis.crispri` completes it.

    Returns
    -------
    Series of bool
    """
    by_table = missing.isin([_NO_CALL, _NO_LENGTH, _REPEATED, _CONTRADICTED])
    return ~(by_table | missing.str.startswith(_INVALID))


def _text(path: Path) -> pd.DataFrame:
    options: Any = {"dtype": str, "keep_default_na": False, "skip_blank_lines": False}
    try:
        require_file(path)
        raw = pd.read_csv(path, sep="\t", encoding="utf-8-sig", **options)
        if raw.shape[1] == 1:
            raw = pd.read_csv(path, sep=",", encoding="utf-8-sig", **options)
    except FileNotFoundError:
        raise ConfigError(f"there is no table {path}") from None
    except (OSError, EOFError, UnicodeDecodeError, ValueError, zlib.error) as error:
        raise ConfigError(f"{path} cannot be read as a table: {error}") from None
    # A first column without a name would be taken for names of rows.
    raw = raw.reset_index(drop=True).apply(lambda column: column.fillna("").str.strip())
    filled = np.flatnonzero((raw != "").any(axis=1))
    if not filled.size:
        raise ConfigError(f"{path} has no lines below its header")
    return raw.iloc[: filled[-1] + 1]  # without blank lines at the end


def _by_name(path: Path, raw: pd.DataFrame) -> dict[str, pd.Series]:
    lower = {str(name).strip().lstrip("#").lower(): name for name in raw}
    columns = {
        name: raw[lower[alias]]
        for name, aliases in _COLUMNS.items()
        if (alias := next((a for a in aliases if a in lower), None)) is not None
    }
    missing = [
        {"contig": "chrom", "start": "chromStart", "end": "chromEnd", "gene": "measuredGeneSymbol"}[
            name
        ]
        for name in _REQUIRED
        if name not in columns
    ]
    if "regulated" not in columns and not {"significant", "effect_size"} <= set(columns):
        missing.append("Regulated (or Significant and EffectSize)")
    if missing:
        raise ConfigError(
            f"{path} has no column {', '.join(missing)}; its columns are {listing(raw, 50)}"
        )
    return columns


def _numbers(path: Path, column: pd.Series, name: str, *, whole: bool = False) -> pd.Series:
    """The numbers of a column; empty and NA are NaN, or errors where `whole` ones are required."""
    filled = ~column.str.upper().isin(_NONE)
    values = pd.to_numeric(column.where(filled), errors="coerce").astype(np.float64)
    wrong = ~np.isfinite(values) & (filled | whole)
    if whole:
        wrong |= values % 1 != 0
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise ConfigError(
            f"{path}, line {place + 2}: {name} {column.iloc[place]!r} is not a"
            f"{' whole' if whole else ''} number"
        )
    return values


def _booleans(path: Path, column: pd.Series, name: str) -> pd.Series:
    """1, 0, and NaN for none."""
    upper = column.str.upper()
    values = pd.Series(np.nan, index=column.index)
    values[upper.isin(_TRUE)] = 1.0
    values[upper.isin(_FALSE)] = 0.0
    wrong = np.flatnonzero(values.isna() & ~upper.isin(_NONE))
    if wrong.size:
        raise ConfigError(
            f"{path}, line {wrong[0] + 2}: {name} {column.iloc[wrong[0]]!r} is not TRUE, FALSE "
            f"or NA"
        )
    return values


def _calls(path: Path, columns: dict[str, pd.Series], effect: pd.Series) -> pd.Series:
    if "regulated" in columns:
        return _booleans(path, columns["regulated"], "Regulated")
    significant = _booleans(path, columns["significant"], "Significant")
    # A significant pair without an effect size has no direction, and so no call.
    call = (significant == 1) & (effect < 0)
    return call.astype(np.float64).where(
        significant.notna() & ((significant == 0) | effect.notna())
    )


def _mark_invalid(table: pd.DataFrame, valid: pd.Series) -> None:
    upper = valid.str.upper()
    # A text gives the reason: "overlaps potential promoter".
    reason = valid.where(~upper.isin(_FALSE | _NONE), "not valid")
    wrong = ~upper.isin(_TRUE) & (table["missing"] == "")
    table.loc[wrong, "missing"] = _INVALID + reason[wrong]


def _of_cell_type(path: Path, table: pd.DataFrame, cell_type: str | None) -> pd.DataFrame:
    types = sorted(set(table["cell_type"]))
    if cell_type is None and len(types) > 1:
        raise ConfigError(
            f"{path} has pairs of several cell types, {listing(types)}: choose one, that of the "
            f"model's track"
        )
    if cell_type is None:
        return table
    if cell_type not in types:
        raise ConfigError(f"{path} has no pair of cell type {cell_type!r}: it has {listing(types)}")
    return table[table["cell_type"] == cell_type].reset_index(drop=True)


def _mark_repeated(table: pd.DataFrame) -> None:
    """A pair counts once; where its calls differ it has none."""
    usable = table[table["missing"] == ""]
    calls = usable.groupby(["contig", "start", "end", "gene", "gene_id"], sort=False)["regulated"]
    repeats = calls.cumcount() > 0
    differing = calls.transform("nunique") > 1
    table.loc[repeats.index[repeats], "missing"] = _REPEATED
    table.loc[differing.index[differing], "missing"] = _CONTRADICTED


def _build(path: Path, requested: str | None) -> str:
    words = set(re.split(r"[^a-z0-9]+", path.name.lower()))
    in_name = {build for word, build in _BUILDS.items() if word in words}
    if requested is None:
        return in_name.pop() if len(in_name) == 1 else ""
    build = _BUILDS.get(requested.lower(), requested)
    if in_name and build not in in_name:
        raise ConfigError(
            f"build = {requested!r}, but the name of {path.name} says {listing(sorted(in_name))}"
        )
    return build
