"""Locus: coordinates on both strands."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creme.errors import ConfigError, CremeWarning, GenomeError
from creme.genome import Genome, Locus
from creme.sequence import Sequence
from creme.test import Unit
from creme.tiling import Tile, Tiling

TEXT = "".join(np.random.default_rng(3).choice(list("ACGTNacgt"), 400))
COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A", "N": "N"}


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Genome:
    folder = tmp_path_factory.mktemp("locus")
    lines = "".join(TEXT[i : i + 50] + "\n" for i in range(0, len(TEXT), 50))
    (folder / "g.fa").write_text(f">chr1\n{lines}>chr2\nACGTA\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREME_CACHE_DIR", str(folder / "cache"))
        return Genome(folder / "g.fa")


def base(position: int, strand: str) -> str:
    """The base that a gene of this strand has at a position of the genome."""
    letter = TEXT[position].upper() if 0 <= position < len(TEXT) else "N"
    return COMPLEMENT[letter] if strand == "-" else letter


def slow(position: int, strand: str, length: int, tss: int) -> str:
    """Base by base, by the definition."""
    step = 1 if strand == "+" else -1
    return "".join(base(position + step * (i - tss), strand) for i in range(length))


@st.composite
def places(draw: st.DrawFn) -> tuple[int, str, int, int]:
    length = draw(st.integers(1, 500))
    return (
        draw(st.integers(0, len(TEXT) - 1)),
        draw(st.sampled_from("+-")),
        length,
        draw(st.integers(0, length - 1)),
    )


def locus_at(genome: Genome, place: tuple[int, str, int, int]) -> Locus:
    position, strand, length, tss = place
    return Locus("x", "chr1", position, strand, length, genome, tss)


# ---------------------------------------------------------------- coordinates


@given(place=places())
@settings(max_examples=300, deadline=None)
def test_sequence_against_the_definition(genome: Genome, place) -> None:
    position, strand, length, tss = place
    locus = locus_at(genome, place)
    text = str(locus.sequence)
    assert text == slow(position, strand, length, tss)
    assert text[tss] == base(position, strand)


@given(place=places(), data=st.data())
@settings(max_examples=300, deadline=None)
def test_interval_against_the_definition(genome: Genome, place, data: st.DataObject) -> None:
    position, strand, length, tss = place
    locus = locus_at(genome, place)
    start = data.draw(st.integers(0, length - 1))
    tile = Tile(start, data.draw(st.integers(start + 1, length)))
    step = 1 if strand == "+" else -1
    positions = [position + step * (i - tss) for i in range(tile.start, tile.end)]
    assert locus.interval(tile) == (min(positions), max(positions) + 1)
    fetched = genome.fetch("chr1", *locus.interval(tile), strand)
    assert fetched == tile.of(locus.sequence)


@given(place=places())
@settings(max_examples=300, deadline=None)
def test_window_and_padding(genome: Genome, place) -> None:
    position, strand, length, tss = place
    locus = locus_at(genome, place)
    step = 1 if strand == "+" else -1
    positions = [position + step * (i - tss) for i in range(length)]
    assert (locus.start, locus.end) == (min(positions), max(positions) + 1)
    assert locus.interval(Tile(0, length)) == (locus.start, locus.end)
    outside = [not 0 <= p < len(TEXT) for p in positions]
    left, right = sum(outside[:tss]), sum(outside[tss:])
    assert locus.padding == (left, right)
    assert str(locus.sequence)[:left] == "N" * left
    assert str(locus.sequence)[length - right :] == "N" * right


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("length", [10, 11])
def test_tss_index_by_default(genome: Genome, strand: str, length: int) -> None:
    locus = Locus("x", "chr1", 100, strand, length, genome)
    assert locus.tss == 5
    assert str(locus.sequence)[5] == base(100, strand)


def test_by_hand(genome: Genome) -> None:
    plus = Locus("p", "chr1", 100, "+", 10, genome)
    minus = Locus("m", "chr1", 100, "-", 10, genome)
    assert (plus.start, plus.end) == (95, 105)
    assert (minus.start, minus.end) == (96, 106)
    assert plus.interval(Tile(0, 2)) == (95, 97)
    assert minus.interval(Tile(0, 2)) == (104, 106)
    assert minus.interval(Tile(5, 6)) == (100, 101)
    edge = Locus("e", "chr2", 4, "-", 10, genome, 3)
    assert (edge.start, edge.end) == (-2, 8)
    assert edge.padding == (3, 2)
    assert str(edge.sequence) == "NNNTACGTNN"


def test_distance(genome: Genome) -> None:
    for strand in "+-":
        locus = Locus("x", "chr1", 200, strand, 100, genome)
        assert locus.distance(Tile(45, 55)) == 0
        assert locus.distance(Tile(35, 45)) == -10
        assert locus.distance(Tile(55, 65)) == 10
        assert locus.distance(Tile(0, 1)) == -50
        assert locus.distance(Tile(50, 51)) == 0


@given(tile=st.integers(1, 20), tss_tile=st.integers(1, 20), strand=st.sampled_from("+-"))
def test_distance_of_a_tiling(genome: Genome, tile: int, tss_tile: int, strand: str) -> None:
    locus = Locus("x", "chr1", 200, strand, 101, genome, 47)
    tiling = Tiling.around(101, locus.tss, tile, tss_tile)
    assert tiling.tss is not None
    assert locus.distance(tiling.tss) == 0
    for each in tiling:
        low, high = locus.interval(each)
        downstream = (low > 200) if strand == "+" else (high <= 200)
        assert (locus.distance(each) > 0) == downstream
        centre = (low + high - 1) / 2
        genomic = (centre - 200) * (1 if strand == "+" else -1)
        assert abs(locus.distance(each) - genomic) <= 0.5


# ---------------------------------------------------------------- what it is


def test_labels(genome: Genome) -> None:
    locus = Locus("x", "chr1", 3, "-", 10, genome, gene="G", transcript="T.1")
    assert locus.labels == {
        "gene": "G",
        "transcript": "T.1",
        "contig": "chr1",
        "tss_position": 3,
        "strand": "-",
        "start": -1,
        "end": 9,
        "padding_left": 0,
        "padding_right": 1,
    }
    assert all(type(value) in (str, int) for value in locus.labels.values())


def test_is_a_unit(genome: Genome) -> None:
    assert isinstance(Locus("x", "chr1", 3, "-", 10, genome), Unit)


def test_key(genome: Genome) -> None:
    locus = Locus("x", "chr1", 100, "-", 10, genome)
    assert locus.key == "chr1:100:-"
    assert Locus("other", "chr1", 100, "-", 20, genome, 3).key == locus.key
    assert Locus("x", "chr1", 100, "+", 10, genome).key != locus.key


def test_sequence_is_shared_and_lazy(genome: Genome) -> None:
    locus = Locus("x", "chr1", 100, "-", 30, genome)
    assert locus.sequence is locus.sequence
    assert Locus("y", "chr1", 100, "-", 30, genome).sequence is locus.sequence


def test_equality_and_hash(genome: Genome) -> None:
    one = Locus("x", "chr1", 100, "-", 30, genome)
    other = Locus("x", "chr1", 100, "-", 30, Genome(genome.path))
    assert one == other
    assert hash(one) == hash(other)
    assert one != Locus("x", "chr1", 101, "-", 30, genome)
    assert "genome" not in repr(one)


def test_frozen(genome: Genome) -> None:
    with pytest.raises(AttributeError):
        Locus("x", "chr1", 100, "-", 30, genome).position = 5  # type: ignore[misc]


def test_pickle_and_copy(genome: Genome) -> None:
    loci = [Locus("x", "chr1", at, "-", 30, genome, 7, "G", "T") for at in (100, 200)]
    again = [pickle.loads(pickle.dumps(locus)) for locus in loci]
    assert again == loci
    assert again[0].genome is again[1].genome
    assert [locus.sequence for locus in again] == [locus.sequence for locus in loci]
    assert [locus.labels for locus in again] == [locus.labels for locus in loci]
    assert len(pickle.dumps(loci[0])) < 1000
    assert copy.deepcopy(loci[0]) == loci[0]


def test_contig_of_another_style(genome: Genome) -> None:
    fresh = Genome(genome.path)
    with pytest.warns(CremeWarning, match="'1' is called 'chr1'"):
        locus = Locus("x", "1", 100, "+", 10, fresh)
    assert locus.contig == "chr1"
    assert locus == Locus("x", "chr1", 100, "+", 10, fresh)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"strand": "."}, ConfigError, "strand '.'"),
        ({"tss": 10}, ConfigError, "tss = 10 is not an index of a sequence of 10 bp"),
        ({"tss": -1}, ConfigError, "tss = -1"),
        ({"length": 0}, ConfigError, "sequence of 0 bp"),
        ({"contig": "chr7"}, GenomeError, "no contig 'chr7'"),
        (
            {"position": 400},
            GenomeError,
            "position 400 (0-based) lies outside contig chr1",
        ),
        ({"position": -1}, GenomeError, "position -1"),
        ({"genome": None}, ConfigError, "needs a genome or a given sequence"),
        ({"given": Sequence([0])}, ConfigError, "not both"),
        ({"given": Sequence([0]), "genome": None}, ConfigError, "given sequence has 1 bp"),
    ],
)
def test_impossible(genome: Genome, changes: dict, error: type[Exception], words: str) -> None:
    values = {"contig": "chr1", "position": 100, "strand": "+", "length": 10, "genome": genome}
    with pytest.raises(error) as caught:
        Locus("bad one", **{**values, **changes})
    assert words in str(caught.value)
    assert "'bad one'" in str(caught.value)


# ---------------------------------------------------------------- without genome


def test_from_sequence() -> None:
    sequence = Sequence.from_string("ACGTACGTNN")
    locus = Locus.from_sequence(sequence, "synthetic")
    assert locus.sequence is sequence
    assert (locus.name, locus.contig, locus.position, locus.tss) == ("synthetic", "", 5, 5)
    assert (locus.strand, locus.length, locus.start, locus.end) == ("+", 10, 0, 10)
    assert locus.padding == (0, 0)
    assert locus.interval(Tile(2, 4)) == (2, 4)
    assert locus.distance(Tile(0, 2)) == -4
    assert locus.labels["tss_position"] == 5
    assert isinstance(locus, Unit)


def test_from_sequence_with_tss() -> None:
    locus = Locus.from_sequence(Sequence.from_string("ACGTAC"), "s", tss=0)
    assert (locus.tss, locus.start, locus.end) == (0, 0, 6)
    with pytest.raises(ConfigError, match="tss = 6"):
        Locus.from_sequence(Sequence.from_string("ACGTAC"), "s", tss=6)


def test_from_sequence_key_and_equality() -> None:
    one, other = (Sequence.from_string(text) for text in ("ACGT", "ACGA"))
    key = Locus.from_sequence(one, "a").key
    assert key == Locus.from_sequence(Sequence.from_string("acgt"), "a").key
    assert key == f"a:{one.digest.hex()[:16]}"
    assert key != Locus.from_sequence(one, "b").key
    assert key != Locus.from_sequence(other, "a").key
    assert Locus.from_sequence(one, "a") == Locus.from_sequence(Sequence.from_string("ACGT"), "a")
    assert Locus.from_sequence(one, "a") != Locus.from_sequence(other, "a")
    assert len({Locus.from_sequence(one, "a"), Locus.from_sequence(other, "a")}) == 2


def test_from_sequence_pickle() -> None:
    locus = Locus.from_sequence(Sequence.from_string("ACGTAC"), "s", tss=2)
    again = pickle.loads(pickle.dumps(locus))
    assert again == locus
    assert (again.key, str(again.sequence), again.tss) == (locus.key, "ACGTAC", 2)
