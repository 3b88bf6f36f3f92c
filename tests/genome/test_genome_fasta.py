"""Genome.fetch and Genome.resolve."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creme.errors import CremeWarning, GenomeError
from creme.genome import Genome
from creme.genome.index import IndexedFasta
from creme.sequence import Sequence

RANDOM = np.random.default_rng(7)
BASES = {
    name: "".join(RANDOM.choice(list("ACGTNacgtn"), size))
    for name, size in (("chr1", 1009), ("chr2", 60), ("chr3", 1), ("chrM", 121))
}
COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A", "N": "N"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREME_CACHE_DIR", str(tmp_path / "cache"))


def fasta(contigs: dict[str, str], width: int = 60, end: str = "\n") -> bytes:
    lines = []
    for name, text in contigs.items():
        lines.append(f">{name} description")
        lines.extend(text[i : i + width] for i in range(0, len(text), width))
    return (end.join(lines) + end).encode()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("genome") / "g.fa"
    file.write_bytes(fasta(BASES))
    return file


@pytest.fixture(scope="module")
def genome(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Genome:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREME_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        return Genome(path)


def slow(text: str, start: int, end: int, strand: str) -> str:
    """Base by base."""
    letters = [text[i].upper() if 0 <= i < len(text) else "N" for i in range(start, end)]
    if strand == "-":
        letters = [COMPLEMENT[letter] for letter in reversed(letters)]
    return "".join(letters)


# ---------------------------------------------------------------- fetch


@given(
    contig=st.sampled_from(list(BASES)),
    start=st.integers(-150, 1150),
    length=st.integers(1, 1300),
    strand=st.sampled_from("+-"),
)
@settings(max_examples=300, deadline=None)
def test_fetch_against_string_slices(
    genome: Genome, contig: str, start: int, length: int, strand: str
) -> None:
    got = genome.fetch(contig, start, start + length, strand)
    assert isinstance(got, Sequence)
    assert str(got) == slow(BASES[contig], start, start + length, strand)


@pytest.mark.parametrize("width", [1, 7, 60, 5000])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_widths_and_line_ends(tmp_path: Path, width: int, end: str) -> None:
    file = tmp_path / "g.fa"
    file.write_bytes(fasta(BASES, width, end))
    genome = Genome(file)
    assert dict(genome.contigs) == {name: len(text) for name, text in BASES.items()}
    for contig, text in BASES.items():
        for start, stop in ((0, len(text)), (-3, 9), (len(text) - 2, len(text) + 2), (55, 68)):
            assert str(genome.fetch(contig, start, stop)) == slow(text, start, stop, "+")


def test_default_strand_and_outside(genome: Genome) -> None:
    assert genome.fetch("chr1", 5, 30) == genome.fetch("chr1", 5, 30, "+")
    assert str(genome.fetch("chr2", -10, -5)) == "NNNNN"
    assert str(genome.fetch("chr2", 60, 63, "-")) == "NNN"
    assert str(genome.fetch("chr3", -1, 2)) == f"N{BASES['chr3'].upper()}N"


def test_contigs_cannot_be_changed(genome: Genome) -> None:
    with pytest.raises(TypeError):
        genome.contigs["chr1"] = 5  # type: ignore[index]


@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 5)])
def test_empty_interval(genome: Genome, start: int, end: int) -> None:
    with pytest.raises(GenomeError, match=f"chr1:{start}-{end} is empty"):
        genome.fetch("chr1", start, end)


@pytest.mark.parametrize("strand", ["", ".", "1", "+-"])
def test_strand(genome: Genome, strand: str) -> None:
    with pytest.raises(GenomeError, match=r"'\+' or '-'"):
        genome.fetch("chr1", 0, 5, strand)


# ---------------------------------------------------------------- letters


def written(tmp_path: Path, text: str, name: str = "chr1") -> Genome:
    file = tmp_path / "letters.fa"
    file.write_bytes(fasta({name: text, "chr9": "ACGTRACGT"}, width=10))
    return Genome(file)


def test_ambiguity_letters(tmp_path: Path) -> None:
    genome = written(tmp_path, "ACGTRYSWKMBDHVNacgtryswkmbdhvn")
    with pytest.warns(CremeWarning) as caught:
        got = genome.fetch("chr1", 0, 30)
    assert str(got) == "ACGT" + "N" * 11 + "ACGT" + "N" * 11
    (warning,) = caught
    text = str(warning.message)
    assert "20 ambiguity letters in chr1:0-30" in text
    assert "2 R" in text
    assert "2 V" in text


def test_ambiguity_is_told_once_for_a_contig(tmp_path: Path) -> None:
    genome = written(tmp_path, "ACGTRACGTY" * 3)
    with pytest.warns(CremeWarning, match="1 ambiguity letters in chr1:0-5 "):
        genome.fetch("chr1", 0, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert str(genome.fetch("chr1", 0, 10, "-")) == "NACGTNACGT"
        assert str(genome.fetch("chr1", 5, 9)) == "ACGT"
    with pytest.warns(CremeWarning, match="chr9"):
        assert str(genome.fetch("chr9", 4, 5)) == "N"


def test_no_warning_beside_ambiguity_letters(tmp_path: Path) -> None:
    genome = written(tmp_path, "ACGTRACGTY")
    assert str(genome.fetch("chr1", 0, 4)) == "ACGT"
    assert str(genome.fetch("chr1", 5, 9)) == "ACGT"


@pytest.mark.parametrize("letter", ["E", "U", "u", "X", "-", ".", "*", "1", " "])
def test_other_letters(tmp_path: Path, letter: str) -> None:
    genome = written(tmp_path, "ACGTRACGTACGTACG" + letter + "ACGTQ")
    with pytest.raises(GenomeError) as caught:
        genome.fetch("chr1", 12, 30)
    message = str(caught.value)
    assert repr(letter) in message
    assert "position 16 (0-based) of contig chr1" in message
    assert "letters.fa" in message
    assert str(genome.fetch("chr1", 5, 9)) == "ACGT"


def test_a_wrong_letter_is_found_behind_ambiguous_ones(tmp_path: Path) -> None:
    genome = written(tmp_path, "ACRYACGE")
    with pytest.raises(GenomeError, match="'E' at position 7"):
        genome.fetch("chr1", 0, 8)


# ---------------------------------------------------------------- names of contigs


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        ("chr1", "1"),
        ("1", "chr1"),
        ("chrX", "X"),
        ("MT", "chrM"),
        ("MT", "M"),
        ("M", "chrM"),
        ("M", "MT"),
        ("chrM", "MT"),
        ("chrM", "M"),
        ("chrMT", "MT"),
        ("chrMT", "chrM"),
        ("MT", "chrMT"),
        ("Chr1", "1"),
        ("1", "Chr1"),
        ("Chr1", "chr1"),
    ],
)
def test_other_styles_of_names(tmp_path: Path, held: str, asked: str) -> None:
    genome = written(tmp_path, "AACC", held)
    with pytest.warns(CremeWarning, match=f"contig '{asked}' is called '{held}'"):
        assert genome.resolve(asked) == held
    assert genome.resolve(held) == held
    assert genome.fetch(asked, 0, 4) is genome.fetch(held, 0, 4)


def test_a_style_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "g.fa"
    file.write_bytes(fasta({"chr1": "ACGT", "chr2": "ACGT", "chrM": "AC", "3": "T"}))
    genome = Genome(file)
    with pytest.warns(CremeWarning) as caught:
        assert [genome.resolve(name) for name in ("1", "2", "1", "M")] == [
            "chr1",
            "chr2",
            "chr1",
            "chrM",
        ]
    assert len(caught) == 1
    with pytest.warns(CremeWarning, match="'MT'"):
        genome.resolve("MT")
    with pytest.warns(CremeWarning, match="'chr3'"):
        genome.resolve("chr3")


def test_exact_name_first(tmp_path: Path) -> None:
    file = tmp_path / "g.fa"
    file.write_bytes(fasta({"chr1": "AAAA", "1": "CCCC", "chrM": "GGGG", "MT": "TTTT"}))
    genome = Genome(file)
    got = [str(genome.fetch(name, 0, 1)) for name in ("chr1", "1", "chrM", "MT")]
    assert got == ["A", "C", "G", "T"]


def test_unknown_contig(genome: Genome, path: Path) -> None:
    with pytest.raises(GenomeError) as caught:
        genome.fetch("chr11", 0, 5)
    message = str(caught.value)
    assert "no contig 'chr11'" in message
    assert "did you mean 'chr1'" in message
    assert "chr1, chr2, chr3, chrM" in message
    assert str(path) in message


def test_unknown_contig_of_many(tmp_path: Path) -> None:
    file = tmp_path / "g.fa"
    file.write_bytes(fasta({f"scaffold_{i}": "ACGT" for i in range(50)}))
    with pytest.raises(GenomeError, match="and 42 more"):
        Genome(file).resolve("zzz")


# ---------------------------------------------------------------- sharing, threads, processes


def test_the_same_object_again(path: Path) -> None:
    genome = Genome(path)
    first = genome.fetch("chr1", 10, 100, "-")
    assert genome.fetch("chr1", 10, 100, "-") is first
    assert genome.fetch("chr1", 10, 100, "+") is not first
    for start in range(63):
        genome.fetch("chr1", start, start + 3)
        assert genome.fetch("chr1", 10, 100, "-") is first
    for start in range(64):
        genome.fetch("chr1", start, start + 4)
    again = genome.fetch("chr1", 10, 100, "-")
    assert again is not first
    assert again == first


def test_bases_cannot_be_changed(genome: Genome) -> None:
    for strand in "+-":
        with pytest.raises(ValueError):
            genome.fetch("chr1", 10, 100, strand).codes[0] = 1


def test_threads(path: Path) -> None:
    genome = Genome(path)
    start = threading.Barrier(8)

    def work(number: int) -> int:
        start.wait()
        random = np.random.default_rng(number)
        wrong = 0
        for _ in range(300):
            contig = str(random.choice(["chr1", "chr2", "chrM"]))
            at, size = int(random.integers(-20, 1000)), int(random.integers(1, 90))
            strand = str(random.choice(["+", "-"]))
            got = str(genome.fetch(contig, at, at + size, strand))
            wrong += got != slow(BASES[contig], at, at + size, strand)
        return wrong

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [0] * 8


def test_one_thread_reads_at_a_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    genome = Genome(path)
    bases = IndexedFasta.bases
    reading: list[int] = []
    most = []

    def watched(self: IndexedFasta, contig: str, start: int, end: int) -> bytes:
        reading.append(start)
        time.sleep(0.002)
        most.append(len(reading))
        got = bases(self, contig, start, end)
        reading.remove(start)
        return got

    monkeypatch.setattr(IndexedFasta, "bases", watched)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda start: genome.fetch("chr1", start, start + 5), range(40)))
    assert most == [1] * 40


def _fork(work) -> int:
    """Exit status of a forked child that runs `work`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 1)
        except BaseException:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_forked_child_has_its_own_file(tmp_path: Path) -> None:
    text = "ACGTTGCAAC" * 50_000
    file = tmp_path / "large.fa"
    file.write_bytes(fasta({"a": text}))
    genome = Genome(file)
    before = genome._fasta
    assert before is not None
    descriptor = before._file.faidx.file.fileno()
    position = os.lseek(descriptor, 0, os.SEEK_CUR)

    def work() -> bool:
        return str(genome.fetch("a", 200_003, 200_103)) == text[200_003:200_103]

    assert _fork(work) == 0
    assert os.lseek(descriptor, 0, os.SEEK_CUR) == position
    assert genome._fasta is before
    assert work()
    assert os.lseek(descriptor, 0, os.SEEK_CUR) != position


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_fork_while_another_thread_reads(path: Path) -> None:
    genome = Genome(path)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with genome._lock:
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    try:

        def work() -> bool:
            import signal

            signal.alarm(20)  # a lock that stays held would hang the child
            return len(genome.fetch("chr1", 0, 10)) == 10

        assert _fork(work) == 0
    finally:
        release.set()
        thread.join()


def test_pickle(path: Path) -> None:
    genome = Genome(path)
    data = pickle.dumps(genome)
    assert len(data) < 500
    one, other = pickle.loads(data), pickle.loads(data)
    assert one is other
    assert one is not genome
    assert one.path == genome.path
    assert dict(one.contigs) == dict(genome.contigs)
    assert one.fetch("chr1", 3, 400, "-") == genome.fetch("chr1", 3, 400, "-")


def test_unpickling_after_the_file_changed(tmp_path: Path) -> None:
    file = tmp_path / "g.fa"
    file.write_bytes(fasta({"a": "AAAA"}))
    data = pickle.dumps(Genome(file))
    assert str(pickle.loads(data).fetch("a", 0, 2)) == "AA"
    file.write_bytes(fasta({"a": "CCCCC"}))
    assert str(pickle.loads(data).fetch("a", 0, 2)) == "CC"
    file.unlink()
    with pytest.raises(GenomeError, match=r"g\.fa"):
        pickle.loads(data)


def test_repr(genome: Genome, path: Path) -> None:
    assert repr(genome) == f"Genome({str(path)!r}, contigs=4)"


def test_import_of_the_package_is_light() -> None:
    code = (
        "import sys, creme.genome; heavy = {'pyfaidx', 'Bio', 'numba', 'xarray', 'pandas', "
        "'torch', 'zarr', 'sqlalchemy'} & set(sys.modules); sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def with_runs(runs: int, length: int, size: int = 100_000) -> str:
    """Random bases with evenly placed runs of N."""
    letters = np.random.default_rng(5).choice(list("ACGT"), size)
    for at in np.linspace(0, size - length - 1, runs).astype(int):
        letters[at : at + length] = "N"
    return "".join(letters)


def test_many_short_runs_of_n_are_said_to_be_masked_repeats_once(tmp_path):
    (tmp_path / "g.fa").write_bytes(fasta({"chr1": with_runs(150, 300)}))
    genome = Genome(tmp_path / "g.fa")
    with pytest.warns(CremeWarning, match=r"hard-masked.* 150 short runs of N, 45% .*soft-masked"):
        genome.fetch("chr1", 0, 100_000)
    genome.fetch("chr1", 20_000, 60_000)  # a second warning would be an error


@pytest.mark.parametrize(("runs", "length"), [(3, 20_000), (8, 500), (400, 1)])
def test_gaps_and_ambiguity_letters_are_no_masked_repeats(runs, length, tmp_path):
    (tmp_path / "g.fa").write_bytes(fasta({"chr1": with_runs(runs, length)}))
    assert len(Genome(tmp_path / "g.fa").fetch("chr1", -5, 100_000)) == 100_005
