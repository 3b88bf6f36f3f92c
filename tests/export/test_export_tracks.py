"""BED and bedGraph against the Datasets, by coordinates and by the bases that stand there."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exported
from creme.analysis.categories import context_categories, cre_classes
from creme.export import export
from creme.export.features import COLUMNS
from creme.export.tracks import field, header, layers, suffixes, write_tracks
from creme.results.directory import Results
from creme.sequence import Sequence
from creme.study import StudyResults, open_results

TRACKS = {"synthetic:alpha": "synthetic_alpha", "synthetic:beta": "synthetic_beta"}
HEADER = re.compile(r'track (type=bedGraph )?name="[^"\t\n]+" description="[^"\t\n]+" \S.*')
BLUE, VERMILION, GREY = "0,114,178", "213,94,0", "140,140,140"


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    return exported.genome(tmp_path_factory.mktemp("genome"))


@pytest.fixture(scope="module")
def loci(bases):
    return exported.loci(bases[0])


@pytest.fixture(scope="module")
def experiment_results(loci, tmp_path_factory):
    return exported.experiment(tmp_path_factory.mktemp("experiment"), loci)


@pytest.fixture(scope="module")
def finished_study(tmp_path_factory):
    return exported.study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def tracks(experiment_results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    export(experiment_results, folder / "out", ["tracks"])
    return folder / "out" / "tracks"


@pytest.fixture(scope="module")
def study_tracks(finished_study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("of_study")
    export(finished_study, folder / "out", ["tracks"])
    return folder / "out" / "tracks"


def lines(path):
    text = path.read_bytes().decode()
    assert text.endswith("\n")
    first, *rest = text[:-1].split("\n")
    assert HEADER.fullmatch(first), first
    return [line.split("\t") for line in rest]


def read_bed(path):
    """A strict reader of BED9."""
    found = []
    for columns in lines(path):
        contig, start, end, name, score, strand, thick_start, thick_end, colour = columns
        assert (thick_start, thick_end) == (start, end)
        assert re.fullmatch(r"[ -~]*", contig + strand + colour)
        assert 0 <= int(start) < int(end)
        assert 1 <= len(name) <= 255
        assert not re.search(r"\s", name)
        assert str(int(score)) == score
        assert 0 <= int(score) <= 1000
        assert strand in "+-"
        assert all(0 <= int(part) <= 255 for part in colour.split(","))
        found.append((contig, int(start), int(end), name, int(score), strand, colour))
    assert found == sorted(found, key=lambda row: row[:3])
    return found


def read_graph(path):
    found = [(c, int(s), int(e), float(v)) for c, s, e, v in lines(path)]
    for one, other in pairwise(found):
        assert one[0] < other[0] or (one[0] == other[0] and one[2] <= other[1]), (one, other)
    return found


def graphs(folder, stem):
    """All layers of a track; a value stands in one of them."""
    return [row for path in sorted(folder.glob(f"{stem}*.bedgraph")) for row in read_graph(path)]


def expected(dataset, loci, bases, value, start="tile_start", end="tile_end", tile=None):
    """(contig, start, end, locus, value, tile) of each, from the locus sequences alone."""
    found = []
    rows = dataset.to_dataframe().reset_index()
    rows = rows.drop_duplicates(
        [c for c in ("locus", "tile", "sub_tile", "position", "track") if c in rows]
    )
    by_name = {locus.name: locus for locus in loci}
    for row in rows.to_dict("records"):
        if not np.isfinite(row[value]) or not np.isfinite(row[start]):
            continue
        locus = by_name[row["locus"]]
        first = int(row[start])
        last = int(row[end]) if end else first + 1
        middle = locus.length // 2
        if locus.strand == "+":
            low, high = locus.position + first - middle, locus.position + last - middle
        else:
            low, high = locus.position - last + middle + 1, locus.position - first + middle + 1
        whole = bases[1][locus.contig]
        inside = (max(low, 0), min(high, len(whole)))
        if inside[0] >= inside[1]:
            continue
        there = Sequence.from_string(whole[inside[0] : inside[1]])
        own = str(locus.sequence)[first:last]
        own = own if locus.strand == "+" else str(Sequence.from_string(own).complemented)
        assert str(there) == own[inside[0] - low : len(own) - (high - inside[1])]
        found.append((locus.contig, *inside, locus, row[value], row["track"], row.get("tile")))
    return found


@pytest.mark.parametrize("label", ["necessity", "enough", "fine_tile", "bases"])
@pytest.mark.parametrize("track", TRACKS)
def test_bedgraphs_hold_every_value_at_its_place(
    label, track, tracks, experiment_results, loci, bases
):
    dataset = Results(experiment_results).load(label).sel(track=[track])
    names = {
        "fine_tile": ("final_score", "sub_start", "sub_end"),
        "bases": ("importance", "position_start", None),
    }.get(label, ("effect", "tile_start", "tile_end"))
    want = expected(dataset, loci, bases, *names)
    got = graphs(tracks, f"{label}.{TRACKS[track]}")
    assert sorted(got) == sorted((c, s, e, v) for c, s, e, _, v, _, _ in want)
    assert {locus.strand for _, _, _, locus, *_ in want} == {"+", "-"}
    if label in ("necessity", "enough"):
        cut = [1 for _, s, e, *_ in want if e - s != 700]
        assert cut  # at the ends of contigs
        assert len(list(tracks.glob(f"{label}.{TRACKS[track]}*.bedgraph"))) > 1


def test_each_of_two_sufficiency_tests_has_its_own_classes(experiment_results, tmp_path):
    shutil.copytree(experiment_results, tmp_path / "results")
    results = Results(tmp_path / "results")
    dataset = results.load("enough")
    results.save("less", dataset.assign(effect=-dataset["effect"]).drop_encoding())
    (tmp_path / "tracks").mkdir()
    write_tracks(open_results(results.path), tmp_path / "tracks")
    suffix = suffixes([str(track) for track in dataset["track"].values])[0]
    kinds = {}
    for label in ("enough", "less"):
        lines = (tmp_path / "tracks" / f"{label}.cre_classes{suffix}.bed").read_text().splitlines()
        names = [line.split("\t")[3] for line in lines if "\t" in line]
        ends = [name.rpartition("_")[2] for name in names]  # of a long name it is cut off
        kinds[label] = sorted(end for end in ends if end in ("enhancer", "silencer"))
    assert kinds["enough"]
    exchanged = {"enhancer": "silencer", "silencer": "enhancer"}
    assert kinds["less"] == sorted(exchanged[kind] for kind in kinds["enough"])


@pytest.mark.parametrize("track", TRACKS)
def test_bed_files_hold_every_tile_with_its_class(track, tracks, experiment_results, loci, bases):
    results = Results(experiment_results)
    sufficiency = results.load("enough")
    classes = cre_classes(sufficiency).sel(track=track)
    for label in ("necessity", "enough"):
        dataset = results.load(label).sel(track=[track])
        want = []
        for contig, start, end, locus, value, _, tile in expected(dataset, loci, bases, "effect"):
            group = str(classes.sel(locus=locus.name, tile=tile).item())
            sign = "activating" if value > 0 else "repressing"
            colour = VERMILION if value > 0 else BLUE
            if label == "enough":
                colour = {
                    "strong enhancer": VERMILION,
                    "strong silencer": BLUE,
                    "weak enhancer": "238,170,128",
                    "weak silencer": "128,185,217",
                    "": GREY,
                }[group]
            score = min(1000, round(abs(value) * 1000))
            name = field(f"{locus.gene}:{group or sign}")
            want.append((contig, start, end, name, score, locus.strand, colour))
        got = read_bed(tracks / f"{label}.{TRACKS[track]}.bed")
        assert sorted(got) == sorted(want)
    classed = read_bed(tracks / f"enough.cre_classes.{TRACKS[track]}.bed")
    assert sorted(classed) == sorted(row for row in want if row[-1] != GREY)
    assert classed


def test_contexts_are_at_their_tss(tracks, experiment_results, loci):
    dataset = Results(experiment_results).load("context_dependence").sel(track="synthetic:beta")
    categories = context_categories(dataset)
    got = read_bed(tracks / "context_dependence.synthetic_beta.bed")
    want = []
    for locus in loci:
        value = dataset["effect"].sel(locus=locus.name).item()
        category = str(categories.sel(locus=locus.name).item())
        if np.isfinite(value):
            colour = {"enhancing": VERMILION, "silencing": BLUE}.get(category, GREY)
            name = field(f"{locus.gene}:{category or 'no category'}")
            score = min(1000, round(abs(value) * 1000))
            place = (locus.contig, locus.position, locus.position + 1)
            want.append((*place, name, score, locus.strand, colour))
    assert sorted(got) == sorted(want)
    assert not list(tracks.glob("context*.bedgraph"))


def test_a_study_has_the_classes_and_categories_of_its_thresholds(study_tracks, finished_study):
    study = StudyResults(finished_study)
    table = study.table("cre_classes")
    got = read_bed(study_tracks / "cre_classes.bed")
    by_gene = dict(
        zip(study.table("necessity")["locus"], study.table("necessity")["gene"], strict=True)
    )
    want = [
        (row.genomic_start, row.genomic_end, field(f"{by_gene[row.locus]}:{row.cre_class}"))
        for row in table.itertuples()
    ]
    assert sorted(row[1:4] for row in got) == sorted(want)
    parts = study.table("sub_tiles")
    fine = read_bed(study_tracks / "fine_tile.bed")
    assert sorted(row[1:3] for row in fine) == sorted(
        zip(parts["sub_genomic_start"], parts["sub_genomic_end"], strict=True)
    )
    assert {row[3].rpartition(":")[2] for row in fine} <= {"strong_enhancer", "weak_enhancer"}
    contexts = {
        row[3].rpartition(":")[2] for row in read_bed(study_tracks / "context_dependence.bed")
    }
    assert contexts == {"enhancing", "neutral", "silencing"}
    necessity = graphs(study_tracks, "necessity")
    tidy = study.table("necessity")
    assert sorted(necessity) == sorted(
        zip(tidy["contig"], tidy["genomic_start"], tidy["genomic_end"], tidy["effect"], strict=True)
    )


def test_sorted_as_the_tools_of_browsers_want_it(tracks):
    files = [*tracks.glob("*.bed"), *tracks.glob("*.bedgraph")]
    assert len(files) > 10
    for path in files:
        rest = path.read_bytes().split(b"\n", 1)[1]
        done = subprocess.run(
            ["sort", "-c", "-k1,1", "-k2,2n"],
            input=rest,
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, (path, done.stderr)


def test_an_independent_program_reads_them(tracks, bases, tmp_path):
    """bigWig and bigBed refuse what is unsorted, overlaps, or lies outside its contig."""
    pybigtools = pytest.importorskip("pybigtools")
    sizes = {name: len(text) for name, text in bases[1].items()}
    for path in tracks.glob("*.bedgraph"):
        rows = read_graph(path)
        if not rows:
            continue
        made = str(tmp_path / f"{path.name}.bw")
        pybigtools.open(made, "w").write(sizes, iter(rows))
        opened = pybigtools.open(made)
        for contig in sizes:
            values = np.full(sizes[contig], np.nan)
            for _, start, end, value in (row for row in rows if row[0] == contig):
                values[start:end] = value
            if any(row[0] == contig for row in rows):
                got = np.array(opened.values(contig, 0, sizes[contig], fillna=np.nan))
                np.testing.assert_allclose(got, values, rtol=1e-6)
    for path in tracks.glob("*.bed"):
        rows = [(c, int(s), int(e), "\t".join(rest)) for c, s, e, *rest in lines(path)]
        if rows:
            made = str(tmp_path / f"{path.name}.bb")
            pybigtools.open(made, "w").write(sizes, iter(rows))
            opened = pybigtools.open(made)
            kept = [
                (contig, *record) for contig in opened.chroms() for record in opened.records(contig)
            ]
            assert sorted((c, s, e, *rest) for c, s, e, *rest in kept) == sorted(
                (c, s, e, *rest.split("\t")) for c, s, e, rest in rows
            )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from("ab"), st.integers(0, 40), st.integers(1, 9)), max_size=5
        ),
        max_size=6,
    )
)
def test_layers_never_overlap_and_lose_nothing(given_loci):
    rows = [
        {**dict.fromkeys(COLUMNS), "locus": str(k), "contig": of[0][0], "start": s, "end": s + n}
        for k, of in enumerate(given_loci)
        for _, s, n in of
    ]
    part = pd.DataFrame(rows, columns=COLUMNS).sort_values(["contig", "start", "end"])
    found = layers(part)
    assert sorted(index for layer in found for index in layer.index) == sorted(part.index)
    whole = defaultdict(set)
    for number, layer in enumerate(found):
        for (c, _, end), (d, start, _) in pairwise(
            layer[["contig", "start", "end"]].itertuples(index=False, name=None)
        ):
            assert c < d or end <= start
        for locus in layer["locus"]:
            whole[locus].add(number)
    own_overlap, spans = set(), []
    for locus, of in part.groupby("locus"):
        places = of[["start", "end"]].to_numpy()
        if any(one[1] > other[0] for one, other in pairwise(places.tolist())):
            own_overlap.add(locus)
        spans.append((of["contig"].iloc[0], places[:, 0].min(), places[:, 1].max()))
    assert {locus for locus, numbers in whole.items() if len(numbers) > 1} <= own_overlap
    if not own_overlap and spans:
        depth = max(
            sum(c == d and start <= at < end for d, start, end in spans) for c, at, _ in spans
        )
        assert len(found) == depth


def test_names_of_files_and_tracks():
    assert suffixes(["anything/at all"]) == [""]
    assert suffixes(["a:", "a;", "a_1"]) == [".a_2", ".a_3", ".a_1"]
    assert suffixes(["K562 CAGE", "k562:CAGE", "K562_CAGE_2"]) == [
        *(".K562_CAGE_1", ".k562_CAGE_3", ".K562_CAGE_2"),
    ]
    assert suffixes(["CAGE:K562", "../x", "É", "cage k562", "!"]) == [
        *(".CAGE_K562_1", ".x", ".track_3", ".cage_k562_4", ".track_5"),
    ]
    assert field("a\tb\nc d\x00é\u2028") == "a_b_c_d_é_"
    assert header('a"b\tc', "d\ne", "x=1") == 'track name="a\'b c" description="d e" x=1\n'
