"""Published tables of tracks."""

from __future__ import annotations

import gzip
import hashlib

import pytest

from creme.adapters.targets import ENFORMER_TARGETS, read_columns, read_targets, track_table
from creme.errors import ConfigError

TABLE = """\
\tidentifier\tscale\tstrand_pair\tdescription
0\tA+\t1\t1\tCAGE:liver, adult
1\tA-\t2\t0\tCAGE:liver, adult
2\tB\t0.3\t2\tCHIP:CTCF:K562
3\tC\t1\t3\tDNASE
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        file = tmp_path / "targets.txt"
        file.write_text(text)
        return file

    return write


def test_what_a_row_says(write):
    table = read_targets(write(TABLE), 4)
    assert [track.name for track in table] == ["A+", "A-", "B", "C"]
    assert [track.strand for track in table] == ["+", "-", ".", "."]
    assert [track.pair for track in table] == [1, 0, None, None]
    assert [track.assay for track in table] == ["CAGE", "CAGE", "CHIP", ""]
    assert [track.cell_type for track in table] == ["liver, adult", "liver, adult", "K562", ""]


def test_further_columns(write):
    file = write(TABLE)
    assert read_columns(file, 4, ("scale",)) == {"scale": ["1", "2", "0.3", "1"]}
    with pytest.raises(ConfigError, match=r"lacks the columns clip; .*it has , identifier"):
        read_columns(file, 4, ("clip",))
    with pytest.raises(ConfigError, match="has 4 tracks, but the head of the network has 5"):
        read_columns(file, 5, ("scale",))


def test_without_a_table_tracks_are_numbered(write):
    assert [track.name for track in track_table(None, 3)] == ["track0", "track1", "track2"]
    assert track_table(write(TABLE), 4) == read_targets(write(TABLE), 4)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("identifier", "name", "lacks the columns identifier"),
        ("\tCAGE:liver, adult\n1", "\n1", "the row of track 0 has not 5 columns"),
        ("\t1\t1\t", "\t1\t7\t", "strand pair '7' of track 0"),
        ("A+", "A", r"track 0 \(A\) has a strand pair, but its identifier"),
        ("A-", "A+", "not each other's pair on opposite strands"),
    ],
)
def test_what_is_malformed_is_said(write, old, new, said):
    with pytest.raises(ConfigError, match=said):
        read_targets(write(TABLE.replace(old, new, 1)), 4)


def test_a_table_that_cannot_be_read_is_said(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_targets(tmp_path / "absent.txt", 4)
    cut = tmp_path / "cut.txt.gz"
    cut.write_bytes(gzip.compress(TABLE.encode())[:-12])
    with pytest.raises(ConfigError, match="cannot be read"):
        read_targets(cut, 4)


def test_enformers_published_tracks(data):
    table = read_targets(data / "targets" / "enformer_targets_human.txt.gz", 5313)
    assert table.select(["CAGE.*K562 ENCODE"]) == table.select(["CNhs12336"]) == (5111,)
    track = table[5111]
    assert (track.assay, track.strand, track.pair) == ("CAGE", ".", None)
    assert track.cell_type.startswith("chronic myelogenous leukemia cell line:K562")
    assert sum(track.assay == "CAGE" for track in table) == 638
    assert len({track.name for track in table}) == 5313
    # The digest that `creme models fetch` holds the download to.
    content = gzip.decompress((data / "targets" / "enformer_targets_human.txt.gz").read_bytes())
    assert ENFORMER_TARGETS[0].file == "targets_human.txt"
    assert ENFORMER_TARGETS[0].sha256 == hashlib.sha256(content).hexdigest()


def test_borzois_published_tracks(data):
    file = data / "targets" / "borzoi_targets_human.txt.gz"
    table = read_targets(file, 7611)
    assert table.select(["CNhs12336"]) == (872, 873)
    assert table.select(["CNhs12336"], strand="+") == (872,)
    assert table.select(["CNhs12336"], strand="-") == (873,)
    assert [(table[k].strand, table[k].pair) for k in (872, 873)] == [("+", 873), ("-", 872)]
    assert read_columns(file, 7611, ("sum_stat",))["sum_stat"][872] == "sum"
    with pytest.raises(ConfigError, match="has 7611 tracks, but the head of the network has 5313"):
        read_targets(file, 5313)
