"""A genome that was replaced by another one of the same size and time."""

from __future__ import annotations

import gzip
import os

from creme.genome import Genome


def test_a_copy_in_the_cache_is_of_the_file_that_is_there_now(tmp_path, monkeypatch):
    monkeypatch.setenv("CREME_CACHE_DIR", str(tmp_path / "cache"))
    path = tmp_path / "g.fa.gz"
    for bases in ("ACGTACGTACGT", "TGCATGCATGCA"):
        path.write_bytes(gzip.compress(f">a\n{bases}\n".encode(), mtime=0))
        os.utime(path, (1_700_000_000, 1_700_000_000))
        assert str(Genome(path).fetch("a", 0, 12)) == bases
    sizes = {path.stat().st_size for path in (tmp_path / "cache").rglob("*.fa")}
    assert len(sizes) == 1
