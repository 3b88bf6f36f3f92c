"""Readouts of exons, of neighbours and by locus, against plain loops over bases and bins."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

import creme
import stranded
from creme import Readout, registry
from creme.errors import ConfigError
from creme.results.tidy import tidy
from creme.runner.locus_readouts import LocusReadouts
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.runner.tables import select
from stranded import BIN, BINS, GENES, MODEL, START, bin_of, profile, tss

ALL = select(MODEL, "all", None, "all")
CAGE, DNASE, RNA = (0, 1), 2, (4, 3)  # by strand: that of the sequence, and the other


def of(locus, *readouts, kept=ALL):
    """The function of a locus, by (neighbour, label) of each activity, on its wild type."""
    bound = LocusReadouts(MODEL, kept, readouts)
    unit = bound.of(locus)
    values = kept.take(profile(locus)[None].astype(np.float32))
    keys = [(neighbour, bound.labels[track]) for neighbour, track in unit.places]
    (activities,) = unit(values)
    assert activities.dtype == np.float32
    return dict(zip(keys, activities.tolist(), strict=True)), unit


def exon_bases(gene: str, transcripts=None) -> set[int]:
    own = GENES[gene][1]
    return {
        base
        for name in transcripts or own
        for start, end in own[name]
        for base in range(start, end)
    }


@pytest.mark.parametrize("transform", [None, "expm1"])
@pytest.mark.parametrize("over_bins", ["sum", "mean"])
@pytest.mark.parametrize("gene", list(GENES))
def test_exons_are_read_as_base_by_base(gene, over_bins, transform, tmp_path):
    (locus,) = stranded.loci(tmp_path, gene)
    choices: dict[str, Any] = {
        "all": None,
        "representative": [f"{gene}.1"],
        f"{gene}.1": [f"{gene}.1"],
        **({"A.2": ["A.2"]} if gene == "A" else {}),
    }
    values = profile(locus)
    if transform:
        values = np.expm1(values)
    for transcripts, names in choices.items():
        readout = Readout(
            name="x",
            of="exons",
            transcripts=transcripts,
            over_bins=over_bins,
            transform=transform,
            tracks=["rna"],
            strand="+",
        )
        total, share, outside = 0.0, 0.0, 0
        for base in exon_bases(gene, names):
            place = bin_of(locus, base)
            if 0 <= place < BINS:
                total += values[place, RNA[0]] / BIN
                share += 1 / BIN
            else:
                outside += 1
        activities, unit = of(locus, readout)
        expected = total if over_bins == "sum" else total / share
        assert activities == {(0, "x:rna+"): pytest.approx(expected, rel=1e-6)}
        assert unit.labels["exon_bp_outside"] == outside
        assert unit.labels["exon_bp"] == len(exon_bases(gene, names))
        assert bool(unit.remarks) == bool(outside)


def test_exons_are_summed_unless_said(tmp_path):
    assert Readout(of="exons").over_bins == "sum"
    assert Readout(of="exons", over_bins="mean").over_bins == "mean"
    (locus,) = stranded.loci(tmp_path, "B")
    summed, _ = of(locus, Readout(of="exons", tracks=["dnase"]))
    said, _ = of(locus, Readout(of="exons", tracks=["dnase"], over_bins="sum"))
    assert summed == said


@pytest.mark.parametrize(
    ("flank", "weights", "over_bins"),
    [(0, None, "mean"), (1, None, "max"), (2, None, "sum"), (1, [0.5, 2, 1], "mean")],
)
@pytest.mark.parametrize("gene", list(GENES))
def test_neighbours_are_read_as_in_a_loop(gene, flank, weights, over_bins, tmp_path):
    (locus,) = stranded.loci(tmp_path, gene)
    readout = Readout(of="neighbours", flank=flank, weights=weights, over_bins=over_bins)
    activities, unit = of(locus, readout)
    values = profile(locus)
    expected: dict[Any, float] = {}
    for name, (strand, transcripts) in GENES.items():
        for transcript in transcripts:
            position = tss(name, transcript)
            turned = strand != locus.strand
            bins = [bin_of(locus, position) + k for k in range(-flank, flank + 1)]
            if not all(0 <= place < BINS for place in bins):
                continue
            # 5' to 3' of the neighbour, which on the other strand runs the other way.
            bins = bins[::-1] if turned else bins
            for label, track in (
                ("cage+", CAGE[turned]),
                ("dnase", DNASE),
                ("rna+", RNA[turned]),
            ):
                own = [values[place, track] for place in bins]
                if weights:
                    value = sum(w * x for w, x in zip(weights, own, strict=True)) / sum(weights)
                else:
                    value = {"mean": sum(own) / len(own), "sum": sum(own), "max": max(own)}[
                        over_bins
                    ]
                expected[position, strand, label] = value
    read = {
        (unit.sites[neighbour].position, unit.sites[neighbour].strand, label): value
        for (neighbour, label), value in activities.items()
    }
    assert read == {key: pytest.approx(value, rel=1e-6) for key, value in expected.items()}
    assert unit.sites[0].gene == gene


def test_antisense_of_each_neighbour_and_one_tss_a_gene(tmp_path):
    (locus,) = stranded.loci(tmp_path, "A")
    values = profile(locus)
    readout = Readout(of="neighbours", transcripts="representative", tracks=["cage"], strand="-")
    activities, unit = of(locus, readout)
    genes = [site.gene for site in unit.sites]
    assert sorted(genes) == ["A", "B", "C", "E"]
    for place, gene in enumerate(genes):
        turned = GENES[gene][0] == "-"
        value = values[bin_of(locus, tss(gene)), CAGE[not turned]]
        assert activities[place, "cage-"] == pytest.approx(value)


def test_a_window_of_bins_and_its_weights(tmp_path):
    (locus,) = stranded.loci(tmp_path, "D")
    values = profile(locus)[:, DNASE]
    at: dict[str, Any] = {"tracks": ["dnase"]}
    middle = MODEL.tss_bin()
    cases = [
        (Readout(bins="10-13", over_bins="max", **at), values[10:14].max()),
        (Readout(bins="tss", flank=2, **at), values[middle - 2 : middle + 3].mean()),
        (
            Readout(bins=[10, 12, 13], weights=[1, 0.5, 0.25], **at),
            (values[10] + values[12] / 2 + values[13] / 4) / 1.75,
        ),
        (
            Readout(bins=[10, 12], weights=[1, -1], over_bins="sum", **at),
            values[10] - values[12],
        ),
        (
            Readout(bins="10-11", weights=[3, 1], transform="exp", **at),
            (3 * math.exp(values[10]) + math.exp(values[11])) / 4,
        ),
    ]
    for readout, expected in cases:
        activities, _ = of(locus, readout)
        assert list(activities.values()) == [pytest.approx(expected, rel=1e-6)]


@pytest.mark.filterwarnings("ignore:a readout reads tracks of both strands")
def test_bins_and_tracks_by_locus(tmp_path):
    a, b, c = stranded.loci(tmp_path, "A", "B", "C")
    readouts = [
        Readout(name="site", bins={"A": [3], "B": "5-6"}, tracks={"A": ["cage+"], "B": [2, 1]}),
        Readout(name="all", bins="tss", over_tracks="mean"),
    ]
    bound = LocusReadouts(MODEL, ALL, readouts)
    assert bound.labels == ["site:cage+", "site:cage-", "site:dnase", "all"]
    of_a, of_b, of_c = (of(locus, *readouts)[0] for locus in (a, b, c))
    assert of_a[0, "site:cage+"] == pytest.approx(profile(a)[3, 0])
    assert of_b[0, "site:cage-"] == pytest.approx(profile(b)[5:7, 1].mean())
    assert of_b[0, "site:dnase"] == pytest.approx(profile(b)[5:7, 2].mean())
    assert list(of_c) == [(0, "all")]
    dataset = creme.measure(
        created("context_dependence"), MODEL, [a, b, c], bins="all", readouts=readouts
    )
    there = np.isfinite(dataset["wild_type"].transpose("locus", "track").values)
    assert there.tolist() == [
        [True, False, False, True],
        [False, True, True, True],
        [False, False, False, True],
    ]
    assert dataset["track"].values.tolist() == bound.labels


@pytest.mark.filterwarnings("ignore::creme.errors.CremeWarning")
def test_transcripts_by_locus(tmp_path):
    a, b, c = stranded.loci(tmp_path, "A", "B", "C")
    readouts = [
        Readout(name="tss", bins="tss", tracks=["rna+"]),
        Readout(name="x", of="exons", tracks=["rna+"], transcripts={"A": "A.2", "B": "all"}),
        Readout(name="y", bins="tss", tracks=["rna+"], minus="x"),
    ]
    for locus, names in ((a, ["A.2"]), (b, None)):
        values = profile(locus)[:, RNA[0]]
        places = [bin_of(locus, base) for base in exon_bases(locus.name, names)]
        expected = sum(values[place] / BIN for place in places if 0 <= place < BINS)
        activities, _ = of(locus, *readouts)
        assert activities[0, "x:rna+"] == pytest.approx(expected, rel=1e-6)
        assert activities[0, "y:rna+"] == pytest.approx(
            values[MODEL.tss_bin()] - expected, rel=1e-5, abs=1e-5
        )
    # Without the one there is no difference from it either.
    assert list(of(c, *readouts)[0]) == [(0, "tss:rna+")]
    dataset = creme.measure(
        created("context_dependence"), MODEL, [a, b, c], bins="all", readouts=readouts
    )
    assert np.isnan(dataset["exon_bp"].values).tolist() == [False, False, True]
    there = dataset["wild_type"].transpose("locus", "track").notnull().values
    assert there.tolist() == [[True] * 3, [True] * 3, [True, False, False]]


@pytest.mark.parametrize("scale", ["difference", "log_ratio"])
def test_a_readout_less_another_one(scale, tmp_path):
    (locus,) = stranded.loci(tmp_path, "B")
    values = profile(locus)
    tss_bin = MODEL.tss_bin()
    more: dict[str, Any] = {"minus": "b", "minus_scale": scale}
    readouts = [
        Readout(name="b", tracks=["dnase"], bins="tss"),
        Readout(name="a", tracks=["rna+", "cage+"], bins="tss", over_tracks="mean", **more),
        Readout(name="n", tracks=["rna"], of="neighbours", **more),
        Readout(name="e", of="exons", tracks=["rna+"], **more),
    ]
    activities, unit = of(locus, *readouts)

    def compared(one: float, other: float) -> Any:
        value = one - other if scale == "difference" else math.log2(one / other)
        return pytest.approx(value, rel=1e-5, abs=1e-6)

    other = values[tss_bin, 2]
    assert activities[0, "b:dnase"] == pytest.approx(other)
    assert activities[0, "a"] == compared((values[tss_bin, 0] + values[tss_bin, 4]) / 2, other)
    exons = sum(
        values[bin_of(locus, base), 4] / BIN
        for base in exon_bases("B")
        if 0 <= bin_of(locus, base) < BINS
    )
    assert activities[0, "e:rna+"] == compared(exons, other)
    for place, site in enumerate(unit.sites):
        one = values[bin_of(locus, site.position), RNA[site.strand != locus.strand]]
        assert activities[place, "n:rna+"] == compared(one, other)


def test_a_ratio_to_nothing_is_nan(tmp_path):
    (locus,) = stranded.loci(tmp_path, "B")
    activities, _ = of(
        locus,
        Readout(name="b", tracks=["dnase"], transform="log", pseudo_count=0, bins="3-5"),
        Readout(
            name="a",
            tracks=["rna+"],
            bins="3-5",
            over_bins="sum",
            minus="zero",
            minus_scale="log_ratio",
        ),
        Readout(name="zero", tracks=["dnase"], bins=[3, 4], weights=[0, 0], over_bins="sum"),
    )
    assert math.isnan(activities[0, "a:rna+"])
    assert math.isfinite(activities[0, "b:dnase"])


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"of": "exons", "bins": "tss"}, "bins has no meaning for of = 'exons'"),
    ({"of": "exons", "flank": 1}, "no flank"),
    ({"of": "exons", "weights": [1]}, "not to exons"),
    ({"of": "exons", "over_bins": "max"}, "as a sum or a mean"),
    ({"of": "neighbours", "transcripts": "A.1"}, "'all' or 'representative'"),
    ({"of": "neighbours", "flank": 1, "weights": [1, 1]}, "flank = 1 makes 3 bins"),
    ({"transcripts": "all"}, "transcripts and gtf belong to of"),
    ({"gtf": "x.gtf"}, "transcripts and gtf belong to of"),
    ({"flank": 1}, "flank belongs to bins = 'tss'"),
    ({"bins": [3, 2], "weights": [1, 1]}, "ascending order"),
    ({"bins": [2, 3], "weights": [1, -1]}, "add up to more than 0"),
    ({"bins": [2, 3], "weights": [1, math.nan], "over_bins": "sum"}, "weights are finite"),
    ({"bins": [2], "weights": [1], "over_bins": "max"}, "nor to a maximum"),
    ({"tracks": ["a"], "tracks_file": "x"}, "tracks or tracks_file, and not both"),
    ({"minus_scale": "log_ratio"}, "minus_scale belongs to minus"),
    ({"name": "a", "minus": "a"}, "minus is the name of another readout"),
    ({"of": "genes"}, "of = 'genes' is not allowed"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG, ids=lambda x: str(x)[:40])
def test_fields_that_do_not_fit(fields, message):
    with pytest.raises(ConfigError, match=message):
        Readout(**fields)


def test_what_loci_do_not_have(tmp_path):
    files = stranded.write(tmp_path)
    loci = creme.load_loci(MODEL, **files, genes=["A", "D"])
    tests = [created("necessity")]

    def refused(message, *readouts, among=loci, **kept):
        with pytest.raises(ConfigError, match=message):
            prepare(tests, MODEL, among, readouts=readouts, **{"bins": "all", **kept})

    exons = Readout(name="rna", of="exons")
    refused("readout 'rna' at locus 'A': bins .* add them to .model. bins", exons, bins="tss")
    refused("tracks cage-, rna- are not among those", Readout(of="neighbours"), strand="+")
    several = Readout(bins={"A": [1], "D": [1], "E": [1]})
    refused("bins names locus 'E', which the experiment does not have", several)
    refused("none of them names bins or tracks of 'D'", Readout(bins={"A": [1]}))
    refused("'x' is no other readout", Readout(name="y", minus="x"))
    refused(
        "'n' is of neighbours, and this readout is not",
        Readout(name="n", of="neighbours"),
        Readout(name="y", bins="tss", minus="n"),
    )
    refused(
        "has 2 activities, and this readout 1",
        Readout(name="n", bins="tss", tracks=["rna"]),
        Readout(name="y", bins="tss", over_tracks="mean", minus="n"),
    )
    refused("weights has 2 values for 3 bins", Readout(bins="1-3", weights=[1, 2]))
    refused("flank = 30: bins -18 to 42", Readout(bins="tss", flank=30))
    bare = [creme.Locus.from_sequence(locus.sequence, locus.name) for locus in loci]
    refused("needs an annotation, and the locus comes from none", exons, among=bare)
    other = Readout(of="neighbours", tracks=["cage-"])
    refused("matches none of the model's 5 tracks on strand '.'", other)


MIXED = [
    Readout(name="tss", bins="tss", tracks=["cage+", "rna+"]),
    Readout(name="around", of="neighbours", tracks=["cage"], flank=1),
    Readout(name="rna", of="exons", tracks=["rna"], strand="+"),
]
TILES = [(0, 200), (400, 600), (1700, 1900)]
SUITE: dict[str, dict[str, Any]] = {
    "context_dependence": {},
    "context_swap": {},
    "necessity": {},
    "sufficiency": {"tiles": TILES},
    "distance": {"tiles": TILES[:1], "positions": [0, 400]},
    "higher_order": {"tiles": TILES},
    "multiplicity": {"tiles": TILES[:1], "positions": [0, 400, 1700], "copies": 2},
    "fine_tile": {"tiles": TILES[:1], "windows": [100], "shares": [0.9], "removed": [1]},
    "interactions": {"tiles": TILES, "combine": "all"},
    "set_sufficiency": {"sets": {"A": [(0, 200), (400, 600)], "B": [(400, 600)]}},
    "saturation_mutagenesis": {"regions": [(1190, 1193)]},
    "motif_embedding": {"motifs": ["TGACTCA"], "positions": [10, 1500]},
    "compatibility": {"tiles": TILES[:1]},
    "design": {
        "length": 50,
        "distance": -400,
        "rounds": 1,
        "candidates": 3,
        "choose": 2,
        "finalists": 2,
        "designs": 1,
    },
    "design_check": {
        "designs": ["ACGTTGCA" * 8],
        "distance": -400,
        "others": 0,
        "copies": 2,
        "part": 32,
    },
}


def created(name: str) -> creme.Test:
    common: dict[str, Any] = {"seed": 3}
    if name != "saturation_mutagenesis":
        common |= {"tile": 200, "replicates": 3}
    fields = registry.load("test", name).model_fields
    chosen = {key: value for key, value in {**common, **SUITE[name]}.items() if key in fields}
    return registry.create("test", {"name": name, **chosen})


def test_the_list_is_that_of_all_tests():
    own = {n for n, p in registry.plugins("test").items() if p.target.startswith("creme.suite")}
    assert own == set(SUITE)


@pytest.mark.filterwarnings("ignore::creme.errors.CremeWarning")
@pytest.mark.parametrize("name", list(SUITE))
def test_every_test_of_the_suite_reads_them(name, tmp_path):
    """Plain activities are, bit for bit, those of a run without the others."""
    loci = stranded.loci(tmp_path, "A", "B", "D")
    test = created(name)
    both = creme.measure(test, MODEL, loci, bins="all", readouts=MIXED, store=tmp_path / "store")
    alone = creme.measure(
        test, MODEL, loci, bins="all", readouts=MIXED[:1], store=tmp_path / "store"
    )
    assert not json.loads(both.attrs["failures"])
    # Where units are no loci: the own TSS alone.
    if name in ("context_swap", "compatibility", "design_check"):
        assert "neighbour" not in both.dims
        own = both
        raw = own["wild_type" if name == "context_swap" else "control"]
        assert raw.sel(track="around:cage+").notnull().all()
        assert raw.sel(track="rna:rna+").isnull().all()
    else:
        assert both["neighbour_gene"].dims == ("locus", "neighbour")
        own = both.isel(neighbour=0)
        assert own["neighbour_gene"].values.tolist() == both["gene"].values.tolist()
        numbers = both["neighbour_position"].notnull().sum("neighbour").values.tolist()
        if both.sizes["locus"] == 3:
            assert len(set(numbers)) > 1
        if "wild_type" in both:
            # A locus lacks the neighbours that it has not, and nothing else.
            around = both["wild_type"].sel(track="around:cage+").notnull()
            there = both["neighbour_position"].notnull().transpose(*around.dims)
            assert (around.values == there.values).all()
    plain = own.sel(track=alone["track"].values)
    for variable in alone.data_vars:
        if "track" in alone[variable].dims:
            one, other = plain[variable], alone[variable]
            for dim in other.dims:  # searches of other activities may be longer
                if dim not in other.coords and one.sizes[dim] > other.sizes[dim]:
                    one = one.isel({dim: slice(other.sizes[dim])})
                elif dim in other.coords and dim != "track":
                    one = one.sel({dim: other[dim].values})
            np.testing.assert_array_equal(one.transpose(*other.dims).values, other.values)


def test_effects_on_every_gene_around(tmp_path):
    """Necessity of neighbours, recomputed from the model's outputs."""
    loci = stranded.loci(tmp_path, "A", "B", "D")
    readout = Readout(of="neighbours", tracks=["cage"])
    dataset = creme.measure(
        "necessity", MODEL, loci, bins="all", readouts=readout, tile=200, replicates=2, seed=4
    )
    assert dataset["effect"].dims == ("locus", "tile", "neighbour", "track")
    assert dataset["track"].values.tolist() == ["cage+"]
    test = registry.create("test", {"name": "necessity", "tile": 200, "replicates": 2, "seed": 4})
    for row, locus in enumerate(loci):
        one = dataset.isel(locus=row, track=0)
        wild = profile(locus)
        for place in range(dataset.sizes["neighbour"]):
            if np.isnan(one["neighbour_position"].values[place]):
                assert one["effect"].isel(neighbour=place).isnull().all()
                continue
            gene = str(one["neighbour_gene"].values[place])
            position = int(one["neighbour_position"].values[place])
            strand = GENES[gene][0]
            assert one["neighbour_strand"].values[place] == strand
            at = bin_of(locus, position), CAGE[strand != locus.strand]
            for number, tile in enumerate(test.tiling(locus)):
                mutants = [m.sequence.onehot() for m in test.shuffles(locus.sequence, tile, locus)]
                shuffled = MODEL.predict(np.stack(mutants))[:, at[0], at[1]].astype(np.float64)
                expected = ((wild[at] - shuffled) / wild[at]).mean()
                assert float(one["effect"].values[number, place]) == pytest.approx(
                    expected, rel=1e-4, abs=1e-6
                )
    table = tidy(dataset[["wild_type"]])
    assert len(table) == int(dataset["neighbour_position"].notnull().sum())
    assert table["neighbour_gene"].ne("").all()
    assert table["neighbour_position"].dtype == np.int64
    assert tidy(dataset)["neighbour_gene"].isin(list(GENES)).all()


def test_they_cost_no_prediction_where_the_bins_are_kept(tmp_path):
    loci = stranded.loci(tmp_path, "A", "B")
    with creme.Store(tmp_path / "store") as store:
        plans = [
            prepare([created("necessity")], MODEL, loci, bins="all", readouts=readouts)
            for readouts in ([Readout(bins="tss")], MIXED)
        ]
        first, second = (measure(plan, store).progress for plan in plans)
    assert first.predicted > 0
    assert second.predicted == 0
    assert second.stored + second.repeated == first.asked


def test_plain_readouts_are_the_same_experiment_as_before(tmp_path):
    loci = stranded.loci(tmp_path, "A")
    plan = prepare([created("necessity")], MODEL, loci, bins="all", readouts=MIXED[:1])
    identity = plan.identity()
    assert sorted(identity) == ["genome", "loci", "model", "readouts", "seed", "tests"]
    assert identity["readouts"] == [
        {
            "name": "tss",
            "tracks": ["cage+", "rna+"],
            "strand": None,
            "bins": "tss",
            "over_bins": "mean",
            "over_tracks": "each",
        }
    ]
    assert plan.bound.of(loci[0]) is plan.bound.of(None)


def test_the_annotation_is_part_of_the_experiment(tmp_path):
    loci = stranded.loci(tmp_path / "one", "A")
    files = stranded.write(tmp_path / "two")
    files["gtf"].write_text(files["gtf"].read_text().replace("\texon\t3501\t", "\texon\t3551\t"))
    others = creme.load_loci(MODEL, **files, genes=["A"])
    one, other = (
        prepare([created("necessity")], MODEL, each, bins="all", readouts=MIXED).identity()
        for each in (loci, others)
    )
    assert one["read_of_loci"] != other["read_of_loci"]
    assert {k: v for k, v in one.items() if k != "read_of_loci"} == {
        k: v for k, v in other.items() if k != "read_of_loci"
    }


def test_output_window():
    assert (START, MODEL.output_start) == (600, 600)
