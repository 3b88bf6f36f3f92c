"""The example files are valid, and the real one runs on the real network."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from command import CREME
from creme.errors import ModelError, PluginError
from creme.registry import plugins
from creme.results.directory import Results
from creme.runner.experiment import build_tests, parse
from creme.runner.plan import Plan
from creme.study.config import StudyFile
from creme.suite.compatibility import Compatibility
from creme.suite.design import Design
from creme.suite.distance import Distance

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def chr20(data, tmp_path):
    if "seqnn" not in plugins("model"):
        pytest.skip("the plugin creme-seqnn is not installed")
    (tmp_path / "data").symlink_to(data.resolve())
    return (EXAMPLES / "seqnn_chr20.toml").read_text(), tmp_path


def test_the_chr20_experiment_is_ready_to_run(chr20):
    text, folder = chr20
    plan = Plan.of(parse(text, folder=folder))
    assert plan.size() == 4 * ((1 + 4) + (1 + 24 * 4) + (1 + 4 + 24 * 4))
    positions = {locus.name: locus.position for locus in plan.loci}
    assert positions["PSMF1"] == 99_235
    assert positions["FKBP1A"] == 373_816
    assert len(plan.selection.tracks) == 12
    assert plan.activities == ["two_bins", "six_bins"]


def test_the_suite_experiment_is_ready_to_run(chr20):
    _, folder = chr20
    plan = Plan.of(parse((EXAMPLES / "seqnn_suite.toml").read_text(), folder=folder))
    own = {n for n, p in plugins("test").items() if p.target.startswith("creme.suite.")}
    # Sets come from a search that was run before; the others have examples of their own.
    left_out = {"set_sufficiency", "interactions", "compatibility", "design", "design_check"}
    assert set(plan.tests) == own - left_out
    assert [locus.name for locus in plan.loci] == ["PSMF1", "FKBP1A"]
    assert plan.activities == ["six_bins"]
    distance = plan.tests["distance"]
    assert isinstance(distance, Distance)
    assert [locus.distance(tile) for locus in plan.loci for tile in distance.tiling(locus)] == [
        *(5000, 45_000),
        *(10_000, 20_000),
    ]


def test_the_compatibility_experiment_is_ready_to_run(chr20):
    _, folder = chr20
    text = (EXAMPLES / "seqnn_compatibility.toml").read_text()
    plan = Plan.of(parse(text, folder=folder))
    assert plan.size() == 5 * (5 + 17 * 5)
    (test,) = plan.tests.values()
    assert isinstance(test, Compatibility)
    units = list(test.units(plan.loci))
    assert len({unit.locus.name for unit in units}) == 5
    strands = {one.strand for one in units[0].promoters.values()}
    assert strands == {one.strand for one in units[0].enhancers.values()} == {"+", "-"}


def test_the_study_of_pairs_and_designs_is_ready_to_run(chr20):
    _, folder = chr20
    study = StudyFile.from_text((EXAMPLES / "seqnn_pairs_designs.toml").read_text(), folder=folder)
    named = ["compatibility", "design", "design_check", "parts"]
    assert study.stages.in_order == ["loci", "context_dependence", "sufficiency", *named]
    design, parts = study.test("design"), study.test("parts")
    assert isinstance(design, Design)
    assert isinstance(parts, Compatibility)
    assert design.replicates == 1
    assert isinstance(parts.tiles, dict)
    assert len(parts.tiles["SNPH"]) == 12
    own = study.test("compatibility")
    assert isinstance(own, Compatibility)
    assert parts.replicates == own.replicates == 5


def test_the_study_of_parts_is_ready_to_run(chr20):
    _, folder = chr20
    study = StudyFile.from_text((EXAMPLES / "seqnn_parts.toml").read_text(), folder=folder)
    study.check_added()
    assert study.stages.in_order[-2:] == ["fine_tile", "motif_level"]
    assert study.added["motif_level"].takes == "parts"
    assert study.parts("motif_level") == study.cres("fine_tile") == study.cres("motif_level")
    matrix = study.test("motif_level")
    assert isinstance(matrix, Compatibility)
    assert (matrix.replicates, matrix.tile) == (10, 5000)


def test_the_parts_of_enhancers_are_ready_to_run(chr20):
    """They come from the exported tracks of the search, whose names repeat."""
    _, folder = chr20
    plan = Plan.of(parse((EXAMPLES / "seqnn_fine_tiles.toml").read_text(), folder=folder))
    assert [locus.name for locus in plan.loci] == ["PSMF1", "SNPH", "RAD21L1"]
    assert plan.size() is None
    tracks = folder / "seqnn-fine-tiles.export" / "tracks"
    tracks.mkdir(parents=True)
    rows = ["103235\t103335\tPSMF1:activating", "143735\t143935\tPSMF1:activating"]
    bed = "".join(f"chr20_hg19_1000000_2000000\t{row}\t781\t+\n" for row in rows)
    (tracks / "fine_tile.bed").write_text(f"track name=x\n{bed}")
    plan = Plan.of(parse((EXAMPLES / "seqnn_motif_level.toml").read_text(), folder=folder))
    parts, ablated = plan.tests["parts"], plan.tests["ablated"]
    assert isinstance(parts, Compatibility)
    assert isinstance(ablated, Compatibility)
    unit, *others = parts.units(plan.loci)
    assert len({unit.locus.name, *(one.locus.name for one in others)}) == 5
    lengths = sorted(len(one.sequence) for one in unit.enhancers.values())
    assert lengths == [100, 200, 5000, 5000, 5000, 5000]
    assert plan.size() == 10 * 5 * (1 + 3 * (6 + 6)) + 10 * 4 * 5 * (1 + 8 + 5)
    of_promoters = next(iter(ablated.units(plan.loci))).promoters
    assert sum("without [-100, 0)" in name for name in of_promoters) == 4


def test_the_design_experiment_is_ready_to_run(chr20):
    _, folder = chr20
    plan = Plan.of(parse((EXAMPLES / "seqnn_design.toml").read_text(), folder=folder))
    (locus,), test = plan.loci, plan.tests["design"]
    assert isinstance(test, Design)
    assert plan.size() is None
    assert locus.distance(test.place(locus)) == -700
    assert not test.place(locus).overlaps(test.tss(locus))


def gtf_rows(path: Path, feature: str) -> dict[str, tuple[int, int, str]]:
    """Start, end and strand by gene, 0-based and half-open."""
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    return {
        row[8].split('"')[1]: (int(row[3]) - 1, int(row[4]), row[6])
        for row in lines
        if row[2] == feature
    }


def test_readouts_of_rna_and_cage_on_a_real_profile(chr20):
    """The example's readouts of FKBP1A's stored output, against loops over bases and tracks."""
    _, folder = chr20
    lines = (folder / "data" / "annotation" / "chr20_hg19_1Mb.gtf").read_text().splitlines()
    exons = [line.replace("\ttranscript\t", "\texon\t") for line in lines]
    (folder / "megabase.gtf").write_text("\n".join([*lines, *exons]) + "\n")
    text = (EXAMPLES / "seqnn_readouts.toml").read_text()
    plan = Plan.of(parse(text, folder=folder))
    assert plan.size() == 2 * 5 * (1 + 24 * 2)
    (locus,) = [locus for locus in plan.loci if locus.name == "FKBP1A"]
    assert (locus.position, locus.strand) == (373_805, "-")
    mini = folder / "data" / "models" / "seqnn_mini"
    with np.load(mini / "reference_predictions.npz") as arrays:
        (profile,) = (values for values in arrays.values() if values.shape == (2048, 74))
    unit = plan.bound.of(locus)
    (activities,) = unit(plan.selection.take(profile[None]))
    read = {
        (plan.activities[track], unit.sites[place].gene): value
        for (place, track), value in zip(unit.places, activities.tolist(), strict=True)
    }
    rows = [row.split("\t") for row in (mini / "targets.txt").read_text().splitlines()[1:]]
    names, about_tracks = [row[1] for row in rows], [row[-1] for row in rows]

    def tracks(prefix: str, strands: str) -> list[int]:
        """Those whose name ends in one of the strands, or in neither."""
        return [
            k
            for k, (name, about) in enumerate(zip(names, about_tracks, strict=True))
            if about.startswith(prefix) and (name[-1] in strands or name[-1] not in "+-")
        ]

    expected: dict[tuple[str, str], float] = {}
    for gene, (start, end, strand) in gtf_rows(folder / "megabase.gtf", "transcript").items():
        tss = start if strand == "+" else end - 1
        middle = (65_536 + 373_805 - tss - 32_768) // 32  # FKBP1A runs down the contig
        if 2 <= middle < 2046:
            of_strand = tracks("CAGE", "+" if strand == "-" else "-")
            part = profile[middle - 2 : middle + 3, of_strand].astype(np.float64)
            expected["around", gene] = part.sum(axis=0).mean()
    expected["tss", "FKBP1A"] = expected["around", "FKBP1A"]
    start, end, _ = gtf_rows(folder / "megabase.gtf", "exon")["FKBP1A"]
    bins = np.zeros(2048)
    for base in range(start, end):
        place = (65_536 + 373_805 - base - 32_768) // 32
        if 0 <= place < 2048:
            bins[place] += 1 / 32
    for name, prefix in (("rna", "RNA:"), ("gm12878", "RNA:GM12878")):
        by_track = bins @ profile[:, tracks(prefix, "+")].astype(np.float64)
        expected[name, "FKBP1A"] = by_track.mean()
    ratio = expected["gm12878", "FKBP1A"] / expected["rna", "FKBP1A"]
    expected["specific", "FKBP1A"] = np.log2(ratio)
    assert set(read) == set(expected)
    assert {"RP11-314N13.10"} < {gene for _, gene in read}
    for key, value in expected.items():
        assert read[key] == pytest.approx(value, rel=1e-5), key


def test_two_tiles_of_psmf1_on_the_real_network(chr20):
    text, folder = chr20
    text = text.replace('genes = ["PSMF1", "FKBP1A", "SNPH", "RAD21L1"]', 'genes = ["PSMF1"]')
    text = text.replace('"necessity"\n', '"necessity"\ntiles = [[108036, 113036], [3036, 8036]]\n')
    text = text.replace('\n[[tests]]\nname = "sufficiency"\ntile = 5000\nreplicates = 4\n', "")
    (folder / "small.toml").write_text(text)
    for predicted in (1 + 4 + 8, 0):
        done = subprocess.run(
            [*CREME, "run", str(folder / "small.toml")], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert f" {predicted} predicted" in done.stdout
    results = Results.existing(folder / "seqnn-chr20.results")
    context = results.load("context_dependence").sel(locus="PSMF1", track="six_bins")
    # About 0.7 of PSMF1's activity goes with its context, and 2.1 is what is read there.
    assert 0.6 < float(context.effect) < 0.85
    assert abs(float(context.wild_type) - 2.105) < 0.01
    necessity = results.load("necessity").sel(track="six_bins").effect.values[0]
    assert necessity[1] > 0.15
    assert abs(necessity[0]) < 0.05


@pytest.mark.parametrize("name", ["enformer_k562", "borzoi_k562", "alphagenome_torch_k562"])
def test_examples_without_their_weights_are_valid(name):
    experiment = parse((EXAMPLES / f"{name}.toml").read_text(), name, EXAMPLES)
    assert list(build_tests(experiment.tests, experiment.seed)) == [
        "context_dependence",
        "necessity",
        "sufficiency",
    ]
    plugin = experiment.model["plugin"]
    if plugin in plugins("model"):
        with pytest.raises(ModelError, match="huggingface-cli download"):
            Plan.of(experiment)
    else:
        with pytest.raises(PluginError, match=plugin):
            Plan.of(experiment)


def test_a_network_of_ones_own(data, tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "data").symlink_to(data.resolve())
    for name in ("own_model.py", "own_model.toml"):
        (tmp_path / name).write_text((EXAMPLES / name).read_text())
    done = subprocess.run(
        [*CREME, "run", str(tmp_path / "own_model.toml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    necessity = Results.existing(tmp_path / "own-model.results").load("necessity")
    assert necessity.sizes["tile"] == 8
    assert necessity.track.values.tolist() == ["one", "two"]
