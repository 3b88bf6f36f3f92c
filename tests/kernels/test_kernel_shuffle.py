"""The shuffles: what they keep, what they are given, and the same bases everywhere."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import twin
from hypothesis import given, settings
from hypothesis import strategies as st

import creme
from creme.errors import ConfigError, SequenceError
from creme.kernels import shuffle
from creme.kernels.shuffle import dinucleotide_shuffles, junctions, mononucleotide_shuffles
from creme.sequence import N, encode

CODES = st.lists(st.integers(0, 4), max_size=300)
SEEDS = st.integers(0, 2**128 - 1)
BOTH = pytest.mark.parametrize("shuffles", [dinucleotide_shuffles, mononucleotide_shuffles])

SCRIPT = """
import hashlib, sys
import numpy as np
from creme.kernels.shuffle import dinucleotide_shuffles, mononucleotide_shuffles
for letters in (4, 5):
    codes = np.array([i * i * i % 11 % letters for i in range(20_000)], dtype=np.uint8)
    for shuffles in (dinucleotide_shuffles, mononucleotide_shuffles):
        print(hashlib.sha256(shuffles(codes, [0, 1, 7, 2**64, 2**128 - 1]).tobytes()).hexdigest())
"""
"""Five shuffles of each kind, as digests, of a sequence without N and of one with N; neither needs
random numbers."""

GOLDEN = [
    "1214f46cc98c82dbfd8c18b4bcf232459db7b0ee35511f670bc5e3339a6048e4",
    "e865227ad110187e8b44c96fa0a15022f13f626b52a5207c8885f319f330caab",
    "e37aa5ba4a6aa4d4ee9ca4f15ac951cd9f2607c85c2be09463047cc71477e378",
    "adacca534e2de69d0b167492b928185cebbf7206f4b3df8a46b4b06617e975b1",
]


def codes_of(length: int, letters: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, letters, length).astype(np.uint8)


def run(script: str, **environment: str) -> list[str]:
    """Lines that a script prints in a fresh process with this package."""
    source = str(Path(creme.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": source, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@settings(deadline=None)
@given(CODES, SEEDS)
def test_dinucleotide_shuffle_equals_the_twin(codes, seed):
    (row,) = dinucleotide_shuffles(np.array(codes, dtype=np.uint8), [seed])
    assert row.tolist() == twin.dinucleotide(codes, seed)


@settings(deadline=None)
@given(CODES, SEEDS)
def test_mononucleotide_shuffle_equals_the_twin(codes, seed):
    (row,) = mononucleotide_shuffles(np.array(codes, dtype=np.uint8), [seed])
    assert row.tolist() == twin.mononucleotide(codes, seed)


@pytest.mark.parametrize("letters", [2, 4, 5])
def test_long_shuffles_equal_the_twin(letters):
    # Several blocks of draws for each letter.
    codes = codes_of(5001, letters)
    for seed, row in enumerate(dinucleotide_shuffles(codes, range(5))):
        assert row.tolist() == twin.dinucleotide(codes.tolist(), seed)
    for seed, row in enumerate(mononucleotide_shuffles(codes, range(2))):
        assert row.tolist() == twin.mononucleotide(codes.tolist(), seed)


@settings(deadline=None)
@given(CODES.filter(bool), st.lists(SEEDS, min_size=1, max_size=6))
def test_dinucleotide_counts_both_ends_and_every_n_are_kept(codes, seeds):
    bases = [code for code in codes if code != N]
    pairs = Counter(pairwise(codes))
    for row in dinucleotide_shuffles(np.array(codes, dtype=np.uint8), seeds).tolist():
        assert [code == N for code in row] == [code == N for code in codes]
        joined = [code for code in row if code != N]
        assert Counter(pairwise(joined)) == Counter(pairwise(bases))
        assert (joined[:1], joined[-1:]) == (bases[:1], bases[-1:])
        # Of the sequence as it stands, a run of N between bases alters one dinucleotide at most.
        inner = {pair: n for pair, n in pairs.items() if N not in pair}
        now = {pair: n for pair, n in Counter(pairwise(row)).items() if N not in pair}
        lost = sum(max(0, n - now.get(pair, 0)) for pair, n in inner.items())
        assert lost <= junctions(np.array(codes, dtype=np.uint8))


@pytest.mark.parametrize(
    ("text", "n"), [("", 0), ("NN", 0), ("ACGT", 0), ("NACGN", 0), ("ANC", 1), ("NANNCNG", 2)]
)
def test_junctions_are_the_runs_of_n_between_bases(text, n):
    assert junctions(encode(text)) == n


@BOTH
def test_a_gap_stays_where_it_is(shuffles):
    # As a fifth letter its N were scattered, or moved by tens of kilobases.
    codes = codes_of(30_000, 4)
    codes[20_000:26_000] = N
    for row in shuffles(codes, range(5)):
        assert (np.flatnonzero(row == N) == np.arange(20_000, 26_000)).all()
        assert (np.bincount(row, minlength=5) == np.bincount(codes, minlength=5)).all()
        # One string, and not two stretches: bases cross the gap.
        assert (np.bincount(row[:20_000]) != np.bincount(codes[:20_000])).any()


@settings(deadline=None)
@given(CODES, SEEDS)
def test_letter_counts_are_kept(codes, seed):
    (row,) = mononucleotide_shuffles(np.array(codes, dtype=np.uint8), [seed]).tolist()
    assert Counter(row) == Counter(codes)


def test_dinucleotide_counts_of_real_sequence_are_kept(data):
    text = gzip.decompress((data / "sequence" / "chr20_hg19_1Mb.fa.gz").read_bytes())
    codes = encode(b"".join(text.split(b"\n")[1:])[:196_608])
    pairs = np.bincount(codes[:-1] * 5 + codes[1:], minlength=25)
    for row in dinucleotide_shuffles(codes, range(6)):
        assert (np.bincount(row[:-1] * 5 + row[1:], minlength=25) == pairs).all()
        assert (row == codes).mean() < 0.35


@BOTH
@settings(deadline=None, max_examples=50)
@given(codes=CODES, seeds=st.lists(SEEDS, max_size=11))
def test_each_row_depends_on_its_own_seed_alone(shuffles, codes, seeds):
    codes = np.array(codes, dtype=np.uint8)
    together = shuffles(codes, seeds)
    assert together.shape == (len(seeds), len(codes))
    assert together.dtype == np.uint8
    for row, seed in zip(together, seeds, strict=True):
        assert (row == shuffles(codes, [seed])[0]).all()


@BOTH
@pytest.mark.parametrize("n", range(1, 10))
def test_interleaved_walks_of_a_long_sequence_equal_single_ones(shuffles, n):
    codes = codes_of(30_011)
    together = shuffles(codes, range(100, 100 + n))
    alone = [shuffles(codes, [seed])[0] for seed in range(100, 100 + n)]
    assert (together == alone).all()
    assert len(np.unique(together, axis=0)) == n


@pytest.mark.parametrize("text", ["", "A", "AC", "NN", "ACG", "GAG", "TTT"])
def test_fewer_than_four_bases_have_one_arrangement(text):
    codes = encode(text)
    rows = dinucleotide_shuffles(codes, range(9))
    assert rows.shape == (9, len(text))
    assert all((row == codes).all() for row in rows)


@pytest.mark.parametrize(
    "text", ["ACGT", "NNNNNNNNNN", "ACACACACAC", "AAAAAAAC", "CAAAAAAA", "ANNCGNT", "NNNNACGT"]
)
def test_a_single_arrangement_comes_back(text):
    assert twin.arrangements(text) == [text]
    codes = encode(text)
    assert all((row == codes).all() for row in dinucleotide_shuffles(codes, range(30)))


def test_rarely_left_letters_cost_no_detours():
    # A walk to the tree that followed single edges would take 10**5 steps on average, or more.
    for text in ("A" * 200_000 + "C", "N" * 100_000 + "ACGT" + "N" * 100_000, "AC" * 100_000 + "G"):
        (row,) = dinucleotide_shuffles(encode(text), [3])
        assert Counter(pairwise(row.tolist())) == Counter(pairwise(encode(text).tolist()))


@BOTH
def test_the_codes_are_not_changed_and_may_be_read_only(shuffles):
    codes = codes_of(1000)
    before = codes.copy()
    shuffled = shuffles(codes, [1])
    codes.flags.writeable = False
    assert (codes == before).all()
    assert (shuffles(codes, [1]) == shuffled).all()
    assert (shuffles(np.repeat(codes, 2)[::2], [1]) == shuffled).all()


@BOTH
def test_out_is_written_and_returned(shuffles):
    codes = codes_of(500)
    out = np.empty((3, 500), dtype=np.uint8)
    assert shuffles(codes, range(3), out) is out
    assert (out == shuffles(codes, range(3))).all()


@BOTH
def test_out_may_lie_where_the_codes_are(shuffles):
    codes = codes_of(500)
    expected = shuffles(codes, [4])
    shuffles(codes, [4], codes.reshape(1, -1))
    assert (codes == expected[0]).all()


@BOTH
@pytest.mark.parametrize(
    "out",
    [
        np.empty((2, 500), dtype=np.uint8),
        np.empty((3, 499), dtype=np.uint8),
        np.empty((3, 500), dtype=np.int8),
        np.empty((3, 1000), dtype=np.uint8)[:, ::2],
        np.frombuffer(bytes(1500), dtype=np.uint8).reshape(3, 500),
    ],
)
def test_an_out_that_does_not_fit_is_refused(shuffles, out):
    with pytest.raises(SequenceError, match=r"out must be a writable .* of shape \(3, 500\)"):
        shuffles(codes_of(500), range(3), out)


@BOTH
def test_codes_that_are_no_sequence_are_refused(shuffles):
    with pytest.raises(SequenceError, match="between 0 and 4"):
        shuffles(np.array([0, 1, 5, 2], dtype=np.uint8), [0])
    with pytest.raises(SequenceError, match="must be a vector"):
        shuffles(np.zeros((2, 3), dtype=np.uint8), [0])
    with pytest.raises(SequenceError, match="2147483648 bp cannot be shuffled"):
        shuffles(np.broadcast_to(np.uint8(0), (2**31,)), [0])


@BOTH
@pytest.mark.parametrize("seed", [-1, 2**128, 0.5, "3"])
def test_seeds_out_of_range_are_refused(shuffles, seed):
    with pytest.raises(ConfigError, match=r"seed = .* is not allowed"):
        shuffles(codes_of(10), [0, seed])


@BOTH
def test_seed_0_is_a_seed_like_the_others(shuffles):
    rows = shuffles(codes_of(1000), [0, 0, 1, 2**128 - 1])
    assert (rows[0] == rows[1]).all()
    assert len(np.unique(rows, axis=0)) == 3


def test_the_same_bases_as_ever():
    assert run(SCRIPT) == GOLDEN


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="where caches are kept differs")
def test_the_same_bases_without_a_writable_cache(tmp_path):
    # Also the test that what is compiled anew is what the cache holds.
    package = tmp_path / "creme"
    shutil.copytree(
        Path(creme.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    obstacle = package / "kernels" / "__pycache__"
    obstacle.write_text("a file where numba wants a folder")
    elsewhere = str(obstacle / "cache")
    where = {"NUMBA_CACHE_DIR": elsewhere, "XDG_CACHE_HOME": elsewhere, "HOME": elsewhere}
    script = SCRIPT + "import creme; print(creme.__file__)"
    assert run(script, PYTHONPATH=str(tmp_path), **where) == [*GOLDEN, str(package / "__init__.py")]
    assert not [*tmp_path.rglob("*.nbi")]


def test_a_cache_that_fills_up_does_no_harm(monkeypatch):
    from numba.core.caching import IndexDataCacheFile

    def full(self, key, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(IndexDataCacheFile, "load", lambda self, key: None)
    monkeypatch.setattr(IndexDataCacheFile, "save", full)
    kernel = shuffle._compiled.__wrapped__(shuffle._mononucleotide)
    codes, out = codes_of(400, 4), np.empty((2, 400), dtype=np.uint8)
    codes.flags.writeable = False
    kernel(codes, shuffle.streams([8, 9]), out)
    assert (out == mononucleotide_shuffles(codes, [8, 9])).all()


def test_a_golden_digest_is_that_of_the_twin():
    # So that whoever must mend a golden value knows by what.
    for letters, golden in ((4, GOLDEN[0]), (5, GOLDEN[2])):
        codes = np.array([i * i * i % 11 % letters for i in range(20_000)], dtype=np.uint8)
        rows = [twin.dinucleotide(codes.tolist(), s) for s in (0, 1, 7, 2**64, 2**128 - 1)]
        assert hashlib.sha256(np.array(rows, dtype=np.uint8).tobytes()).hexdigest() == golden


@BOTH
def test_other_threads_run_meanwhile(shuffles):
    codes, out = codes_of(1_000_000), np.empty((16, 1_000_000), dtype=np.uint8)
    shuffles(codes[:10], [0])
    for _ in range(5):  # a crowded machine may give the other thread no time once
        span: list[float] = []

        def work(span=span):
            span.append(time.perf_counter())
            shuffles(codes, range(16), out)
            span.append(time.perf_counter())

        worker = threading.Thread(target=work)
        ticks = []
        worker.start()
        while worker.is_alive():
            ticks.append(time.perf_counter())
            time.sleep(0.001)
        worker.join()
        start, end = span
        quarter = (end - start) / 4
        if sum(start + quarter < tick < end - quarter for tick in ticks) >= 3:
            return
    pytest.fail("no other thread ran while the kernel did")


def test_threads_that_start_together_get_the_same_bases():
    codes = codes_of(20_000)
    expected = dinucleotide_shuffles(codes, range(8))
    rows: dict[int, np.ndarray] = {}

    def work(seed):
        rows[seed] = dinucleotide_shuffles(codes, [seed])[0]

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((rows[seed] == expected[seed]).all() for seed in range(8))
