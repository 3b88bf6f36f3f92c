"""What Genome makes of files: compression, indexes, the cache folder, damage."""

from __future__ import annotations

import gzip
import multiprocessing
import os
import struct
import sys
import time
import zlib
from pathlib import Path

import pytest

from creme.errors import GenomeError
from creme.genome import Genome
from creme.genome.cache import cache_folder, cached
from creme.genome.index import IndexedFasta

TEXT = ">one first contig\nACGTACGTAC\nGGGGCCCCAA\nTTT\n>two\nNNNNacgtNN\n>three\nA\n"
CONTIGS = {"one": "ACGTACGTACGGGGCCCCAATTT", "two": "NNNNACGTNN", "three": "A"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("CREME_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The user's folder, where nothing may appear."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def bgzip(text: bytes, block: int = 0xFF00) -> bytes:
    """A BGZF file, by the SAM specification."""
    out = b""
    for at in [*range(0, len(text), block), len(text)]:
        piece = text[at : at + block]
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        body = packer.compress(piece) + packer.flush()
        head = struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(body) + 25)
        out += head + body + struct.pack("<2I", zlib.crc32(piece), len(piece))
    return out


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def assert_whole(genome: Genome) -> None:
    assert dict(genome.contigs) == {name: len(text) for name, text in CONTIGS.items()}
    assert list(genome.contigs) == list(CONTIGS)
    for name, text in CONTIGS.items():
        assert str(genome.fetch(name, 0, len(text))) == text
    assert str(genome.fetch("one", 8, 12)) == "ACGG"


def fails(path: Path, *words: str) -> str:
    with pytest.raises(GenomeError) as caught:
        Genome(path)
    message = str(caught.value)
    for word in words:
        assert word in message, message
    return message


# ---------------------------------------------------------------- plain files


def test_plain_fasta(home: Path, cache: Path) -> None:
    path = write(home / "g.fa", TEXT)
    genome = Genome(path)
    assert_whole(genome)
    assert names(home) == ["g.fa"]
    assert [name.endswith(".fai") for name in names(cache / "genomes")] == [True]
    assert len(genome.notes) == 1
    assert str(cache) in genome.notes[0]


def test_path_as_string_and_relative(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home / "g.fa", TEXT)
    monkeypatch.chdir(home)
    genome = Genome("g.fa")
    assert genome.path == home / "g.fa"
    monkeypatch.chdir("/")
    assert_whole(genome)


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("\n", "\r\n"),
        TEXT.rstrip("\n"),
        TEXT.replace("\n", "\r\n").rstrip("\r\n"),
        TEXT + "\n",
        "\n" + TEXT,
        "; a comment\n;another\n" + TEXT,
        TEXT.replace(">two", "> two"),
        TEXT.replace("acgt", "ACGT"),
        TEXT.replace("TTT\n>", "TTT\n\n>"),
    ],
    ids=[
        "crlf",
        "no-last-newline",
        "crlf-no-last-newline",
        "blank-end",
        "blank-start",
        "comments",
        "space-before-name",
        "upper",
        "blank-between",
    ],
)
def test_variants_of_fasta(home: Path, text: str) -> None:
    assert_whole(Genome(write(home / "g.fa", text)))
    assert_whole(Genome(home / "g.fa"))


def test_one_line_contig_longer_than_any_buffer(home: Path) -> None:
    text = "ACGTTGCA" * 40_000
    genome = Genome(write(home / "g.fa", f">a\n{text}\n>b\nC"))
    assert str(genome.fetch("a", 262_140, 262_150)) == text[262_140:262_150]
    assert str(genome.fetch("b", 0, 1)) == "C"


def test_an_empty_contig_among_others(home: Path) -> None:
    genome = Genome(write(home / "g.fa", ">none\n>a\nACGT\n>last\n"))
    assert dict(genome.contigs) == {"none": 0, "a": 4, "last": 0}
    assert str(genome.fetch("none", -1, 2)) == "NNN"
    assert str(genome.fetch("a", 0, 4)) == "ACGT"


def test_missing(home: Path) -> None:
    fails(home / "none.fa", str(home / "none.fa"), "does not exist")


def test_folder(home: Path) -> None:
    fails(home, "folder")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bgzip], ids=["plain", "gzip", "bgzip"])
def test_empty(home: Path, cache: Path, pack) -> None:
    fails(write(home / "g.fa.gz", pack(b"")), "is empty")
    assert not cache.exists()


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"chr1\t10\t20\n", "chr1"),
        (b"\x7fELF\x02\x01\x01\x00\x00\x00", "ELF"),
        (b"BM\x00\x01\xff\xfe" * 40, "BM"),
        (b"\xef\xbb\xbf>a\nACGT\n", "xef"),
        (b"ACGT\n>a\nACGT\n", "ACGT"),
    ],
    ids=["bed", "elf", "binary", "byte-order-mark", "no-header"],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_not_fasta(home: Path, cache: Path, content: bytes, shown: str, pack) -> None:
    fails(write(home / "g.fa", pack(content)), "not FASTA", shown, "'>'")
    assert not cache.exists()


def test_binary_after_a_header(home: Path, cache: Path) -> None:
    fails(write(home / "g.fa", b">a\nACGT\n\xff\xfe\x00\x01\n"), str(home / "g.fa"), "not FASTA")
    assert names(cache) == ["genomes"]


def test_header_alone(home: Path) -> None:
    fails(write(home / "g.fa", ">a\n"), "no bases")
    fails(write(home / "old_mac.fa", ">a\rACGT\r"), "no bases", "LF or CRLF")


def test_header_without_name(home: Path) -> None:
    message = fails(write(home / "g.fa", ">\nACGT\n"), "cannot be indexed", "name")
    assert "length" not in message


def test_duplicate_contigs(home: Path, cache: Path) -> None:
    path = write(home / "g.fa", ">a\nACGT\n>b\nA\n>a\nCCCC\n")
    fails(path, "'a'", str(path), "more than once")
    assert names(cache) == ["genomes"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (">a\nACGT\nAC\nACGT\n", "line 3"),
        (">a\nACGT\n\nACGT\n", "line 3"),
        (">z\nACGT\n>a\nAC\nACGT\nAC\n>b\nACGT\n", "line 5"),
        # What pyfaidx indexes all the same, and then reads the next contig's header for bases.
        (">a\nAC\nACGTACGT\n>b\nACGT\n", "contig 'b'"),
        (">a\nAC\nACG\n>b\nACGT\n", "contig"),
        (">a\nAC\nACGTACGT\n", "contig 'a'"),
        (">a\nACGT\n\n\n\n>b\nA\n", ""),
    ],
)
def test_uneven_lines(home: Path, cache: Path, text: str, place: str) -> None:
    fails(write(home / "g.fa", text), "cannot be indexed", "one length", place)
    assert names(cache) == ["genomes"]


# ---------------------------------------------------------------- gzip


def test_gzip_is_decompressed_once(home: Path, cache: Path) -> None:
    path = write(home / "g.fa.gz", gzip.compress(TEXT.encode()))
    genome = Genome(path)
    assert_whole(genome)
    assert names(home) == ["g.fa.gz"]
    (copy,) = (cache / "genomes").glob("*.fa")
    assert copy.read_text() == TEXT
    assert str(copy) in genome.notes[0]
    before = copy.stat().st_mtime_ns, copy.stat().st_ino
    assert_whole(Genome(path))
    assert (copy.stat().st_mtime_ns, copy.stat().st_ino) == before


def test_gzip_of_several_members(home: Path) -> None:
    half = len(TEXT) // 2
    parts = gzip.compress(TEXT[:half].encode()) + gzip.compress(TEXT[half:].encode())
    assert_whole(Genome(write(home / "g.fa.gz", parts)))


def test_gzip_that_changes_is_decompressed_anew(home: Path) -> None:
    path = write(home / "g.fa.gz", gzip.compress(b">one\nAAAA\n"))
    os.utime(path, (1, 1))
    assert str(Genome(path).fetch("one", 0, 4)) == "AAAA"
    path.write_bytes(gzip.compress(b">one\nCCCC\n"))
    os.utime(path, (2, 2))
    assert str(Genome(path).fetch("one", 0, 4)) == "CCCC"


def test_same_name_in_two_folders(home: Path) -> None:
    for folder, base in (("x", "A"), ("y", "G")):
        (home / folder).mkdir()
        path = write(home / folder / "g.fa.gz", gzip.compress(f">one\n{base * 4}\n".encode()))
        os.utime(path, (5, 5))
        assert str(Genome(path).fetch("one", 0, 4)) == base * 4


@pytest.mark.parametrize("name", ["g.fa", "g.bgz", "g.txt", "genome"])
def test_gzip_by_content_and_not_by_name(home: Path, name: str) -> None:
    assert_whole(Genome(write(home / name, gzip.compress(TEXT.encode()))))


def test_plain_file_with_the_name_of_a_compressed_one(home: Path) -> None:
    fails(write(home / "g.fa.gz", TEXT), "not compressed", "rename")


def test_truncated_gzip_leaves_nothing(home: Path, cache: Path) -> None:
    body = ">a\n" + "".join(f"{i * 7919 % 4**8:08b}"[:8] + "\n" for i in range(30_000))
    packed = gzip.compress(body.encode())
    for cut in (len(packed) - 1, len(packed) - 8, len(packed) // 2):
        path = write(home / f"{cut}.fa.gz", packed[:cut])
        fails(path, str(path), "cut short")
    assert [path for path in cache.rglob("*") if path.is_file()] == []
    assert names(cache / "genomes") == []


def test_gzip_with_a_flipped_byte(home: Path, cache: Path) -> None:
    packed = bytearray(gzip.compress(os.urandom(200).hex().encode() * 400))
    header = gzip.compress(b">a\n" + b"ACGT" * 20 + b"\n")
    packed[-6] ^= 1
    fails(write(home / "g.fa.gz", header + bytes(packed)), "damaged")
    assert names(cache / "genomes") == []


def test_cached_copy_that_was_cut(home: Path, cache: Path) -> None:
    path = write(home / "g.fa.gz", gzip.compress(TEXT.encode()))
    Genome(path)
    (copy,) = (cache / "genomes").glob("*.fa")
    made = copy.stat().st_mtime
    os.truncate(copy, 40)
    os.utime(copy, (made, made))
    fails(path, "does not fit", f"delete {copy} and {copy}.fai")


# ---------------------------------------------------------------- the cache folder


def test_source_that_changes_while_it_is_read(home: Path, cache: Path) -> None:
    source = write(home / "g.txt", "one")

    def make(target: Path) -> None:
        target.write_text("made")
        source.write_text("another size")

    with pytest.raises(GenomeError, match="changed while it was read"):
        cached(source, (".x",), make)
    assert names(cache / "genomes") == []


def test_failure_leaves_nothing(home: Path, cache: Path) -> None:
    source = write(home / "g.txt", "one")

    def make(first: Path, second: Path) -> None:
        first.write_text("made")
        raise GenomeError("no")

    with pytest.raises(GenomeError, match=r"^no$"):
        cached(source, (".x", ".y"), make)
    assert names(cache / "genomes") == []


def test_all_files_or_none(home: Path, cache: Path) -> None:
    source = write(home / "g.txt", "one")
    made = []

    def make(*targets: Path) -> None:
        made.append(targets)
        for target in targets:
            target.write_text(target.suffix)

    first = cached(source, (".x", ".y"), make)
    assert [file.read_text() for file in first] == [".x", ".y"]
    assert cached(source, (".x", ".y"), make) == first
    assert len(made) == 1
    first[1].unlink()
    assert cached(source, (".x", ".y"), make) == first
    assert len(made) == 2
    assert all(file.is_file() for file in first)


def test_what_killed_processes_left_is_removed(home: Path, cache: Path) -> None:
    old, young = cache / "genomes" / ".making-old", cache / "genomes" / ".making-young"
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "part").write_text("x")
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (long_ago, long_ago))
    Genome(write(home / "g.fa", TEXT))
    assert not old.exists()
    assert (young / "part").exists()


def test_unusable_cache_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home / "file", "x")
    monkeypatch.setenv("CREME_CACHE_DIR", str(home / "file" / "cache"))
    fails(write(home / "g.fa", TEXT), "cache folder", "CREME_CACHE_DIR", str(home / "file"))


def test_default_cache_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREME_CACHE_DIR")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "xdg"))
    assert cache_folder() == home / "xdg" / "creme"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(home))
    assert cache_folder() == home / ".cache" / "creme"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder() == home / "Library" / "Caches" / "creme"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(home / "local"))
    assert cache_folder() == home / "local" / "creme"


def _open_at_once(path: str, barrier, queue) -> None:
    barrier.wait()
    try:
        queue.put(str(Genome(path).fetch("long", 1000, 1020)))
    except BaseException as error:  # reported by the parent
        queue.put(repr(error))


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_processes_at_once(home: Path, cache: Path) -> None:
    text = "ACGTTGCAAC" * 20_000
    lines = "".join(text[i : i + 60] + "\n" for i in range(0, len(text), 60))
    path = write(home / "g.fa.gz", gzip.compress(f">long\n{lines}>b\nA\n".encode()))
    context = multiprocessing.get_context("fork")
    barrier, queue = context.Barrier(6), context.Queue()
    processes = [
        context.Process(target=_open_at_once, args=(str(path), barrier, queue)) for _ in range(6)
    ]
    for process in processes:
        process.start()
    got = [queue.get(timeout=600) for _ in processes]
    for process in processes:
        process.join()
    assert got == [text[1000:1020]] * 6
    assert [name.split(".fa.gz-")[1][16:] for name in names(cache / "genomes")] == [
        ".fa",
        ".fa.fai",
    ]


# ---------------------------------------------------------------- indexes beside the FASTA


def index_of(text: str, folder: Path) -> bytes:
    """The .fai of a text, made by this package."""
    path = write(folder / "other.fa", text)
    genome = IndexedFasta(path)
    index = Path(genome.notes[-1].split(" is ")[1])
    genome.close()
    return index.read_bytes()


def test_index_beside_is_used(home: Path, tmp_path: Path, cache: Path) -> None:
    index = index_of(TEXT, tmp_path)
    assert index.decode().splitlines()[0] == "one\t23\t18\t10\t11"
    for file in (cache / "genomes").iterdir():
        file.unlink()
    path = write(home / "g.fa", TEXT)
    write(home / "g.fa.fai", index)
    genome = Genome(path)
    assert_whole(genome)
    assert genome.notes == ()
    assert names(cache / "genomes") == []
    assert (home / "g.fa.fai").read_bytes() == index


def test_older_index_is_neither_used_nor_touched(home: Path) -> None:
    path = write(home / "g.fa", TEXT)
    write(home / "g.fa.fai", "one\t3\t5\t10\t11\n")
    os.utime(home / "g.fa.fai", (1000, 1000))
    genome = Genome(path)
    assert_whole(genome)
    assert "index" in genome.notes[0]
    assert (home / "g.fa.fai").read_text() == "one\t3\t5\t10\t11\n"
    assert (home / "g.fa.fai").stat().st_mtime == 1000


@pytest.mark.parametrize(
    "other",
    [
        TEXT.replace("TTT", "TTTT"),
        TEXT.replace("TTT", "TT"),
        TEXT.replace(">two", ">tow"),
        TEXT.replace(" first contig", ""),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("ACGTACGTAC\nGGGGCCCCAA\n", "ACGTACGTACGGGG\nCCCCAA"),
        TEXT.replace(">three\nA\n", ""),
        TEXT.replace(">two\nNNNNacgtNN\n", ""),
        TEXT + ">four\nACGT\n",
        TEXT.replace(">one", ">one\nACGT\n>zero"),
    ],
    ids=[
        "longer",
        "shorter",
        "renamed",
        "header",
        "crlf",
        "width",
        "last-missing",
        "middle-missing",
        "one-more",
        "other-first",
    ],
)
def test_index_of_another_version(home: Path, tmp_path: Path, other: str) -> None:
    path = write(home / "g.fa", TEXT)
    write(home / "g.fa.fai", index_of(other, tmp_path))
    fails(path, "does not fit", f"delete {home / 'g.fa.fai'}")


@pytest.mark.parametrize(
    "content",
    ["", "one\n", "one\ta\tb\tc\td\n", "one\t23\t18\t10\t11\none\t23\t18\t10\t11\n"],
    ids=["empty", "short", "letters", "twice"],
)
def test_broken_index(home: Path, content: str) -> None:
    path = write(home / "g.fa", TEXT)
    write(home / "g.fa.fai", content)
    fails(path, "does not fit", f"delete {home / 'g.fa.fai'}")


def test_fasta_from_the_future(home: Path, recwarn: pytest.WarningsRecorder) -> None:
    path = write(home / "g.fa", TEXT)
    later = time.time() + 1e6
    os.utime(path, (later, later))
    assert_whole(Genome(path))
    assert_whole(Genome(path))
    assert not recwarn.list


def test_file_that_is_cut_while_open(home: Path) -> None:
    path = write(home / "g.fa", f">a\n{'ACGT' * 50_000}\n")
    genome = Genome(path)
    os.truncate(path, 100_000)
    assert len(genome.fetch("a", 10, 60)) == 50
    with pytest.raises(GenomeError, match="changed since it was opened"):
        genome.fetch("a", 150_000, 160_000)


# ---------------------------------------------------------------- bgzip


@pytest.fixture
def biopython() -> None:
    pytest.importorskip("Bio.bgzf", reason="biopython (extra bgzip) is not installed")


@pytest.mark.usefixtures("biopython")
@pytest.mark.parametrize("block", [0xFF00, 0x10000, 7], ids=["htslib", "full", "tiny"])
def test_bgzip_is_read_in_place(home: Path, cache: Path, block: int) -> None:
    path = write(home / "g.fa.gz", bgzip(TEXT.encode(), block))
    for _ in range(2):
        genome = Genome(path)
        assert_whole(genome)
        for start in range(23):
            for end in range(start + 1, 24):
                assert str(genome.fetch("one", start, end)) == CONTIGS["one"][start:end]
    assert names(home) == ["g.fa.gz"]
    assert sorted(Path(name).suffix for name in names(cache / "genomes")) == [".fai", ".gzi"]


@pytest.mark.usefixtures("biopython")
@pytest.mark.parametrize("block", [0xFF00, 0x10000])
def test_bgzip_around_the_ends_of_blocks(home: Path, block: int) -> None:
    text = "".join("ACGTN"[i * i % 97 % 5] for i in range(200_000))
    lines = "".join(text[i : i + 60] + "\n" for i in range(0, len(text), 60))
    path = write(home / "g.fa.gz", bgzip(f">a\n{lines}".encode(), block))
    for genome in (Genome(path), Genome(path)):
        for number in range(1, 4):
            around = (number * block - 3) * 60 // 61
            for start in range(around - 3, around + 4):
                for length in (1, 2, 70):
                    got = str(genome.fetch("a", start, start + length))
                    assert got == text[start : start + length].ljust(length, "N")
        assert str(genome.fetch("a", 0, 200_000)) == text


@pytest.mark.usefixtures("biopython")
def test_bgzip_with_indexes_beside(home: Path, cache: Path) -> None:
    path = write(home / "g.fa.gz", bgzip(TEXT.encode()))
    Genome(path)
    for file in list((cache / "genomes").iterdir()):
        file.replace(home / f"g.fa.gz{file.suffix}")
    genome = Genome(path)
    assert_whole(genome)
    assert genome.notes == ()
    (home / "g.fa.gz.gzi").unlink()
    assert_whole(Genome(path))
    assert names(home) == ["g.fa.gz", "g.fa.gz.fai"]
    assert len(names(cache / "genomes")) == 2


@pytest.mark.usefixtures("biopython")
def test_bgzip_with_an_index_of_another_version(home: Path, tmp_path: Path) -> None:
    path = write(home / "g.fa.gz", bgzip(TEXT.encode()))
    notes = Genome(path).notes
    gzi = Path(notes[0].split(" is ")[1]).with_suffix(".gzi")
    write(home / "g.fa.gz.gzi", gzi.read_bytes())
    write(home / "g.fa.gz.fai", index_of(TEXT + ">four\nA\n", tmp_path))
    fails(path, "does not fit", str(home / "g.fa.gz.fai"), str(home / "g.fa.gz.gzi"))


@pytest.mark.usefixtures("biopython")
def test_bgzip_with_a_flipped_byte(home: Path) -> None:
    body = (f">a\n{'ACGTTGCA' * 20}\n" * 1 + ">b\n" + "GATTACA" * 40_000 + "\n").encode()
    packed = bytearray(bgzip(body))
    packed[len(packed) // 2] ^= 0xFF
    fails(write(home / "g.fa.gz", bytes(packed)), str(home / "g.fa.gz"))


def test_bgzip_cut_short(home: Path, cache: Path) -> None:
    whole = bgzip(TEXT.encode(), 20)
    fails(write(home / "g.fa.gz", whole[:-28]), "cut short", "bgzip")
    fails(write(home / "h.fa.gz", whole[:-1]), "cut short")
    assert not cache.exists()


def test_bgzip_without_biopython(home: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "Bio", None)
    genome = Genome(write(home / "g.fa.gz", bgzip(TEXT.encode(), 20)))
    assert_whole(genome)
    assert any("compressed by bgzip; its decompressed copy is" in note for note in genome.notes)
    assert len(list((cache / "genomes").glob("*.fa"))) == 1


def test_bgzip_under_another_name_is_decompressed(home: Path, cache: Path) -> None:
    genome = Genome(write(home / "g.fa", bgzip(TEXT.encode())))
    assert_whole(genome)
    assert len(list((cache / "genomes").glob("*.fa"))) == 1
