"""Names that would command a terminal, a browser or a spreadsheet: they are data everywhere."""

from __future__ import annotations

import csv
import io
import re
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import creme
import in_process
import mini_study as mini
from creme.cli.layout import table
from creme.cli.terminal import err, out, printable
from creme.errors import LONGEST_MESSAGE as LONGEST
from creme.errors import ConfigError, CremeWarning, legible, reason
from creme.results.csv_text import as_before, csv_text
from creme.results.directory import Results

SCRIPT, FORMULA = "<img src=x onerror=alert(1)>", "=cmd|' /C calc'!A0"
NAMES = [SCRIPT, FORMULA, "A\rB", "+1+1", "C&D", "GENE6"]


@pytest.fixture
def call(monkeypatch, capsys):
    return in_process.caller(monkeypatch, capsys)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("names")
    mini.write(folder, NAMES)
    file = mini.study(folder)
    with pytest.warns(CremeWarning, match=r"control characters in names.*'A\\rB' as 'A B'"):
        creme.Study.from_file(file).run(stages=["loci", "context_dependence", "necessity"])
    return folder / "mini.study"


def test_a_study_goes_through_and_its_tables_give_the_names_back(study):
    """A carriage return in a gene's name ended it, and a formula would have run."""
    view = creme.open_results(study)
    wanted = {name.replace("\r", " ") for name in NAMES}
    assert set(view.loci["gene"]) == wanted
    assert set(view.table("necessity")["gene"]) == wanted
    assert set(map(str, view.dataset("necessity")["locus"].values)) == wanted
    # Which is joined to the Dataset by names.
    assert set(view.dataset("necessity")["category"].values) - {""}
    for file in [*study.rglob("*.csv"), study / "loci.tsv", study / "selected.tsv"]:
        separator = "," if file.suffix == ".csv" else "\t"
        for row in csv.reader(
            io.StringIO(file.read_bytes().decode(), newline=""), delimiter=separator
        ):
            dangerous = [cell for cell in row if re.match(r"[=@]|[+-][^\d.]", cell)]
            assert not dangerous, file
    assert f"'{FORMULA}" in (study / "tables" / "necessity.csv").read_text()


def test_a_page_an_export_and_the_terminal_take_them_as_text(study, tmp_path, call):
    call("report", study, "--output", tmp_path / "page.html")
    assert SCRIPT not in (tmp_path / "page.html").read_text()
    call("export", study, "--to", tmp_path / "exported")
    for file in (tmp_path / "exported").rglob("*"):
        assert re.fullmatch(r"[\w.+-]+", file.name), file.name
    text = (tmp_path / "exported" / "tables" / "necessity.replicates.csv").read_text()
    assert f"'{FORMULA}" in text
    assert f",{FORMULA}" not in text
    call("results", study, "--test", "necessity", "--export", tmp_path / "tidy.csv")
    assert f"\n{FORMULA}" not in (tmp_path / "tidy.csv").read_text()


def test_escapes_of_a_received_directory_are_written_out(tmp_path, call):
    """They cleared the screen."""
    names = np.array(["\x1b[2J\x1b]0;pwned\x07A", "B\r\nstate finished"], dtype=object)
    tiles = np.arange(5)
    dataset = xr.Dataset(
        {"effect": (("locus", "tile", "track"), np.random.default_rng(1).random((2, 5, 1)))},
        coords={
            **{"locus": names, "tile": tiles, "track": np.array(["\x1b[31mt"], dtype=object)},
            "tile_start": ("tile", 100 * tiles),
            "gene": ("locus", names),
            "transcript": ("locus", names),
            "contig": ("locus", names),
            "tss_position": ("locus", [5000, 9000]),
            "strand": ("locus", np.array(["+", "-"], dtype=object)),
        },
        attrs={"measure": "effect", "neutral": 0.0, "title": "T\x1b[2J", "summary": "s\x9b2J"},
    )
    for place in ("a", "b"):
        results = Results(tmp_path / place)
        results.claim("text", tmp_path, {"tests": {"t": {}}})
        results.save("t", dataset)
        failures = [["t", "\x1b[2Jlocus", "\x1b[2Jwhy"]]
        results.update({"state": "finished", "failures": failures, "error": "\x1b[2Je"})
    for command in (["results"], ["status"], ["compare", tmp_path / "b"]):
        shown = call(command[0], tmp_path / "a", *command[1:])
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown), command
        assert r"\x1b[" in shown


def test_text_of_a_table_stays_in_its_line_and_is_no_emoji():
    console = type(out)()
    with console.capture() as shown:
        console.print(table(["name"], [["a\nb"], ["chr1:100:dog: [red]x[/red] \u202e"]]))
    assert r"a\nb" in shown.get()
    assert r"chr1:100:dog: [red]x[/red] \u202e" in shown.get()
    assert printable("tab\tline\n ü 日本 \udc80") == "tab\tline\n ü 日本 \\udc80"


def test_a_long_word_is_printed_at_once():
    """The search for what to highlight took 37 s."""
    word = "a" * 40_000
    for console in (out, err):
        began = time.monotonic()
        with console.capture():
            console.print(word)
        assert time.monotonic() - began < 15


def test_a_message_has_an_upper_length(call, experiment):
    long = "x" * 1_000_000
    assert len(str(ConfigError(long))) <= LONGEST
    assert len(reason(ValueError(long))) <= LONGEST
    assert len(reason(ConfigError(long))) <= LONGEST
    assert legible("short") == "short"
    cut = legible("a" * 9000 + "z")
    assert len(cut) <= LONGEST
    assert cut.startswith("aaa")
    assert cut.endswith("z")
    assert "..." in cut
    # Before the change each of the million letters was printed.
    file = experiment(("seed = 7", f'seed = "{long}"'))
    assert len(call("run", file, status=2)) < 2 * LONGEST


def test_only_what_a_spreadsheet_would_compute_is_changed():
    texts = ["=1", "+A", "-x", "@x", "\tx", "'=1", "''", "-", "+", "-1.5e3", "GATA1", "a=b", "＝1"]
    frame = pd.DataFrame({"gene": texts, "value": [-1.5] * len(texts)})
    text = csv_text(frame)
    read = pd.read_csv(io.StringIO(text), dtype={"gene": str})
    assert list(read["gene"]) == [
        *("'=1", "'+A", "'-x", "'@x", "'\tx", "''=1", "''", "-", "+"),
        *("-1.5e3", "GATA1", "a=b", "'＝1"),
    ]
    assert list(as_before(read)["gene"]) == texts
    assert list(read["value"]) == [-1.5] * len(texts)
    plain = frame[frame["gene"].isin(["GATA1", "-", "+", "a=b"])]
    assert csv_text(plain) == plain.to_csv(index=False, lineterminator="\n")


def test_a_carriage_return_stays_in_its_cell(tmp_path):
    frame = pd.DataFrame({"locus": ["A\rB", "C\nD", 'E"F'], "value": [1, 2, 3]})
    (tmp_path / "t.csv").write_bytes(csv_text(frame).encode())
    assert pd.read_csv(tmp_path / "t.csv").equals(frame)


def test_names_of_bed_and_table_lose_control_characters(tmp_path):
    from creme.genome.annotation import Annotation

    (tmp_path / "t.bed").write_bytes(b"c\t5\t6\tA\x1b[2J\t0\t+\nc\t9\t10\tB\x00\t0\t-\n")
    (tmp_path / "t.tsv").write_bytes(b"gene\tcontig\ttss\tstrand\nA\x07\tc\t5\t+\n")
    with pytest.warns(CremeWarning, match=r"line 1, and 1 more"):
        bed = Annotation.from_bed(tmp_path / "t.bed")
    assert [record.gene for record in bed.records] == ["A [2J", "B"]
    with pytest.warns(CremeWarning, match=r"'A\\x07' as 'A' in line 2"):
        assert Annotation.from_table(tmp_path / "t.tsv").records[0].gene == "A"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (tmp_path / "t.bed").write_text("c\t5\t6\tÄ\u00a0é日本\t0\t+\n")
        assert Annotation.from_bed(tmp_path / "t.bed").records[0].gene == "Ä\u00a0é日本"
