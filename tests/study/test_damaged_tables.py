"""Tables of a study whose bytes are not those that were written."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pandas as pd
import pytest

import creme
import mini_study as mini
from creme.errors import CremeWarning, ResultsError
from creme.models.synthetic import SyntheticModel
from creme.report.page.results import PageResults
from creme.results.kept_files import KeptFiles
from creme.study import StudyResults, run_study
from creme.study.run import prepare
from in_process import caller
from mutations import CASES
from states import write_state

STAGES = ["loci", "context_dependence", "necessity", "sufficiency"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study of three genes; not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    mini.write(folder, genes=3)
    return run_study(mini.study(folder), stages=STAGES)


@pytest.fixture
def copied(whole, tmp_path) -> Path:
    """The folder of a copy of it."""
    shutil.copytree(whole.path.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / "mini.study"


def flip(path: Path, at: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << bit
    path.write_bytes(content)


def flip_a_name(path: Path) -> None:
    """Change a letter of a gene's name, which all tables have."""
    content = path.read_bytes()
    path.write_bytes(content.replace(b"GENE1", b"GENE9"))
    assert path.read_bytes() != content


def content_of(folder: Path) -> dict[str, bytes]:
    files = [*(folder / "tables").glob("*.csv"), folder / "loci.tsv", folder / "selected.tsv"]
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def test_every_table_has_its_checksum(whole):
    recorded = json.loads((whole.path / "study.json").read_text())["sha256"]
    assert set(recorded) == {*content_of(whole.path), "study.toml"}


def read_all(folder: Path, file: Path) -> tuple[dict[str, pd.DataFrame], int]:
    """All tables that can be read, and the number of those that are refused for a file."""
    view = creme.open_results(folder)
    read, refused = {}, 0
    for name in (*tables(folder), "selected"):
        try:
            read[name] = view.loci if name == "selected" else view.table(name)
        except ResultsError as error:
            refused += str(file) in str(error)
    return read, refused


def test_a_flipped_byte_is_never_read_as_another_number(copied):
    """Nor as another name: of each table that a reader gives, all bytes are as they were."""
    rng = random.Random("tables")
    before, _ = read_all(copied, copied)
    files = sorted(content_of(copied))
    for number in range(CASES // 2):
        file = copied / files[number % len(files)]
        right = file.read_bytes()
        flip(file, rng.randrange(len(right)), rng.randrange(8))
        read, refused = read_all(copied, file)
        assert (len(read), refused) == (len(before) - 1, 1)
        for name, table in read.items():
            pd.testing.assert_frame_equal(table, before[name])
        file.write_bytes(right)


def tables(folder: Path) -> tuple[str, ...]:
    return creme.open_results(folder).tables


@pytest.mark.parametrize(
    ("name", "readers"),
    [
        ("tables/categories.csv", ["export"]),
        ("tables/coverage.csv", ["report"]),
        ("selected.tsv", ["report"]),
        ("loci.tsv", ["report"]),
    ],
)
def test_what_reads_a_damaged_table_says_so(copied, name, readers, monkeypatch, capsys):
    """The others do not read it."""
    call = caller(monkeypatch, capsys)
    flip_a_name(copied / name)
    more = {"export": ["--to", copied / "e"]}
    for command in readers:
        printed = call(command, copied, *more.get(command, []), status=2)
        assert f"{copied}/{name} is damaged, or was edited" in printed.replace("\n", " ")
        assert f"'creme study {copied}' makes it anew" in printed
    call("status", copied)


def test_the_next_stage_does_not_take_it(copied):
    flip_a_name(copied / "selected.tsv")
    prepared, folder = prepare(copied)
    with pytest.raises(ResultsError, match=r"selected\.tsv is damaged"):
        prepared.selected(folder)


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("tables/categories.csv", "context_dependence"),
        ("tables/cre_classes.csv", "sufficiency"),
        ("selected.tsv", "loci"),
        ("tables/funnel.csv", "loci"),
    ],
)
def test_its_stage_makes_it_anew_and_no_other_one_runs(copied, name, stage, monkeypatch):
    before = content_of(copied)
    flip_a_name(copied / name) if name != "tables/funnel.csv" else flip(copied / name, 30)
    # Later stages are not called outdated: what they were made from is as it was.
    assert {of["state"] for of in StudyResults(copied).stages.values()} == {"finished", "waiting"}
    monkeypatch.setattr(SyntheticModel, "predict", None)  # nothing is predicted
    ran = []
    with pytest.warns(CremeWarning, match=f"{name} in .*: damaged, or edited; stage '{stage}'"):
        run_study(
            copied,
            stages=STAGES,
            on_stage=lambda name, state, now: ran.append(name) if now else None,
        )
    assert ran == [stage]
    assert (copied / f"{name}.damaged").is_file()
    assert content_of(copied) == before


def test_an_earlier_versions_folder_is_read_as_it_is(copied):
    state = json.loads((copied / "study.json").read_text())
    del state["sha256"]
    write_state(copied / "study.json", state)
    flip_a_name(copied / "tables" / "sufficiency.csv")
    table = creme.open_results(copied).table("sufficiency")
    assert "GENE9" in set(table["locus"])
    ran = []
    run_study(
        copied, stages=STAGES, on_stage=lambda name, state, now: ran.append(name) if now else None
    )
    assert ran == []


def test_a_table_that_is_replaced_while_it_is_read_is_no_damage(copied, monkeypatch):
    view = creme.open_results(copied)
    assert isinstance(view, StudyResults)
    folder = view.folder
    frame = folder.table("categories")
    changed = frame.assign(effect=0.5)
    checksums = vars(KeptFiles)["sums"].fget
    calls: list[int] = []

    def late(self):
        """The checksums of before, the table of now."""
        recorded = checksums(self)
        if not calls:
            calls.append(1)
            folder.write_tables({"tables/categories.csv": changed})
        return recorded

    monkeypatch.setattr(KeptFiles, "sums", property(late))
    read = folder.table("categories")
    assert set(read["effect"]) == {0.5}


@pytest.mark.parametrize("stopped", ["checksum", "table"])
def test_a_kill_between_table_and_checksum_leaves_no_table_that_is_called_damaged(
    copied, monkeypatch, stopped
):
    folder = StudyResults(copied).folder
    frame = folder.table("categories").assign(effect=0.5)
    with monkeypatch.context() as patched:
        if stopped == "checksum":
            real = type(folder).update
            count = []

            def once(self, changes):
                count.append(1)
                if len(count) == 2:
                    raise KeyboardInterrupt
                real(self, changes)

            patched.setattr(type(folder), "update", once)
        else:
            patched.setattr("creme.results.kept_files.write_text", stop)
        with pytest.raises(KeyboardInterrupt):
            folder.write_tables({"tables/categories.csv": frame})
    assert len(folder.table("categories")) == len(frame)


def stop(*_args):
    raise KeyboardInterrupt


def test_an_edited_study_file_is_told_from_one_that_was_written(copied):
    file = copied / "study.toml"
    creme.open_results(copied).configuration  # noqa: B018
    file.write_text(file.read_text().replace('name = "mini"', 'name = "other"'))
    with pytest.warns(CremeWarning, match=r"study\.toml is not as it was written: unless you have"):
        creme.open_results(copied).limits  # noqa: B018
    with pytest.warns(CremeWarning, match="writes it anew"):
        study = creme.Study.from_file(copied)
    assert study.name == "other"


def test_the_page_finds_a_damaged_table_of_loci(copied):
    flip(copied / "loci.tsv", 40)
    with pytest.raises(ResultsError, match=r"loci\.tsv is damaged"):
        PageResults(creme.open_results(copied)).neighbours  # noqa: B018
