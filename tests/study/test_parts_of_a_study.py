"""Stages that take the parts of tiles which the study's own fine-tile search has kept."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import in_process
import mini_study as mini
from creme.errors import ConfigError, ResultsError
from creme.export import export
from creme.genome import Genome
from creme.models.synthetic import SyntheticModel
from creme.report.page.pairs import pairs
from creme.report.page.results import PageResults
from creme.runner.experiment import parse as parse_experiment
from creme.runner.run import run_experiment
from creme.runner.shards import Shard
from creme.store import Store
from creme.store.merge import merge
from creme.study import run_study
from creme.study.config import parse
from creme.study.folder import Folder
from creme.study.forecast.cost import forecast
from creme.study.lineage import stage_inputs
from creme.study.run import prepare
from creme.study.shards import run_study_shard
from creme.study.stages.order import BUILT_IN, added_stage
from states import change_table

RUN = '["loci", "context_dependence", "sufficiency", "fine_tile"]'
BEFORE = json.loads(RUN)
ADDED = f"""
batch_size = 8

[stages]
run = {RUN}

[stages.motifs]
test = "compatibility"
parts = {{ enhancing = ["enhancer"] }}
cres = {{ enhancing = ["enhancer"] }}
promoters = ["GENE1", "GENE2", "GENE4"]
replicates = 3
distances = [-2000]

[stages.networks]
test = "interactions"
parts = {{ enhancing = ["enhancer"] }}

[stages.none]
test = "sufficiency"
parts = {{ silencing = ["silencer"] }}

[model]"""
WINDOWS = "windows = [200]\nshares = [0.7]\nremoved = [2]"
GENES = ('gtf = "annotation.gtf"', 'gtf = "annotation.gtf"\ngenes = ["GENE1", "GENE2", "GENE4"]')
TAKEN = ("motifs", "networks")
"""Those of the stages of parts that find any."""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A finished study, and its forecast with the search finished; not to be changed."""
    folder = tmp_path_factory.mktemp("parts")
    mini.write(folder, genes=4)
    file = mini.study(folder, ("[model]", ADDED), ("windows = [200, 50]", WINDOWS), GENES)
    run_study(file, stages=BEFORE)
    later = {one.stage: one for one in forecast(*prepare(file), stages=TAKEN)}
    return run_study(file), later


@pytest.fixture
def copied(study, tmp_path):
    """A copy of it; its study file."""
    shutil.copytree(study[0].path.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / "study.toml"


def kept(done):
    """The rows of ``sub_tiles.csv`` in enhancing contexts: on a gene of each strand."""
    rows = done.table("sub_tiles")
    rows = rows[rows["category"] == "enhancing"]
    assert set(rows["strand"]) == {"+", "-"}
    assert (rows["sub_end"] - rows["sub_start"] < mini.TILE).all()
    return rows


def begun_again(file, *stages):
    """As if these stages had not begun, and nothing were stored."""
    folder = Folder(file.parent / "mini.study")
    shutil.rmtree(file.parent / "predictions")
    for stage in stages:
        shutil.rmtree(folder.path / "stages" / stage)
        folder.update_stage(stage, {"state": "waiting"})
        for table in folder.stage_records()[stage].tables:
            (folder.path / "tables" / f"{table}.csv").unlink()
    return folder


def test_enhancers_are_the_parts_and_their_tiles_with_the_bases_of_the_genome(study):
    done, _ = study
    rows, dataset = kept(done), done.dataset("motifs")
    names = [f"{r.locus}:{r.sub_start}-{r.sub_end}" for r in rows.itertuples()]
    tiles = [f"{r.locus}:{r.tile_start}-{r.tile_end}" for r in rows.itertuples()]
    there = dataset.enhancer.values[~dataset.null.values]
    assert sorted(there) == sorted({*names, *tiles})
    of = dataset.sel(enhancer=names)
    genome = Genome(done.path.parent / "genome.fa")
    loci = {locus.name: locus for locus in prepare(done.path)[0].selected(done.folder)}
    for at, row in enumerate(rows.itertuples()):
        one = of.isel(enhancer=at)
        place = (row.contig, row.sub_genomic_start, row.sub_genomic_end, row.strand)
        places = ("contig", "start", "end", "strand")
        assert tuple(one[f"enhancer_{name}"].item() for name in places) == place
        assert one.enhancer_group.item() == f"part of {row.cre_class}"
        bases = loci[row.locus].sequence[row.sub_start : row.sub_end]
        assert str(bases) == str(genome.fetch(*place))
        # The first base of a part lies where its tile has it, in the direction of its gene.
        first = row.genomic_start + (row.sub_start - row.tile_start)
        if row.strand == "-":
            first = row.genomic_end - (row.sub_end - row.tile_start)
        assert row.sub_genomic_start == first
    table = done.table("motifs")
    owners = dict(zip(table["enhancer"], table["part_of"], strict=True))
    assert {name: owners[name] for name in names} == dict(zip(names, tiles, strict=True))
    assert {owners[name] for name in tiles} == {""}
    pairs_of = done.table("motifs_pairs")
    assert len(pairs_of) == 3 * len(there)
    assert dict(zip(pairs_of["enhancer"], pairs_of["part_of"], strict=True)) == {
        name: owners[name] for name in there
    }
    own = pairs_of[pairs_of["own"]]
    assert (own["enhancer"].str.partition(":")[0] == own["promoter"]).all()


def test_a_test_of_tiles_has_them_as_tiles(study):
    done, _ = study
    rows, pairs_of = kept(done), done.table("networks_pairs")
    spans = set(zip(rows["locus"], rows["sub_start"], rows["sub_end"], strict=True))
    dataset = done.dataset("networks")
    configuration = json.loads(dataset.attrs["configuration"])
    assert {(n, *span) for n, of in configuration["tiles"].items() for span in of} == spans
    owners = {
        (r.locus, r.sub_start): f"{r.locus}:{r.tile_start}-{r.tile_end}" for r in rows.itertuples()
    }
    for one in ("first", "second"):
        keys = zip(pairs_of["locus"], pairs_of[f"{one}_start"], strict=True)
        assert pairs_of[f"{one}_part_of"].tolist() == [owners[key] for key in keys]


def test_the_numbers_are_those_of_an_export_and_an_experiment(study, tmp_path):
    done, _ = study
    export(done.path, tmp_path, ("tracks",))
    bed = tmp_path / "tracks" / "fine_tile.bed"
    experiment = (done.path / "stages" / "motifs" / "experiment.toml").read_text()
    head = experiment.partition("[[tests]]")[0]
    whole = kept(done)[["locus", "tile_start", "tile_end"]].drop_duplicates()
    tiles = {
        name: rows[["tile_start", "tile_end"]].values.tolist()
        for name, rows in whole.groupby("locus")
    }
    # Shuffled enhancers are drawn by their names, and an export calls parts by their classes.
    lines = [line.split("\t") for line in bed.read_text().splitlines()[1:]]
    names = {
        (r.sub_genomic_start, r.sub_genomic_end): f"{r.locus}:{r.sub_start}-{r.sub_end}"
        for r in kept(done).itertuples()
    }
    assert sorted((int(line[1]), int(line[2])) for line in lines) == sorted(names)
    for line in lines:
        line[3] = names[int(line[1]), int(line[2])]
    bed.write_text("".join("\t".join(line) + "\n" for line in lines))
    text = (
        f'{head}[[tests]]\nname = "compatibility"\ntile = {mini.TILE}\nreplicates = 3\n'
        f'promoters = ["GENE1", "GENE2", "GENE4"]\ndistances = [-2000]\nenhancers = "{bed}"\n'
        "[tests.tiles]\n" + "".join(f"{name} = {spans}\n" for name, spans in tiles.items())
    )
    _, results = run_experiment(
        parse_experiment(text, "two steps", done.path.parent), tmp_path / "two.results"
    )
    within, alone = done.dataset("motifs"), results.load("compatibility")
    assert alone.enhancer.values.tolist() == within.enhancer.values.tolist()
    for name in ("control", "mutant", "effect", "null", "own", "enhancer_strand"):
        np.testing.assert_array_equal(alone[name].values, within[name].values)


def test_the_plan_says_that_it_waits_for_the_search_and_is_then_exact(study, monkeypatch, capsys):
    done, later = study
    for stage in TAKEN:
        took = done.stages[stage]
        assert (later[stage].kind, later[stage].assumed) == ("exact", False)
        assert later[stage].units == took["units"]
        assert (later[stage].asked, later[stage].needed) == (took["asked"], took["predicted"])
    creme = in_process.caller(monkeypatch, capsys)
    file, new = done.path.parent / "study.toml", done.path.parent / "new.study"
    shown = creme("study", file, "--output", new, "--plan", "--seconds-per-prediction", "1")
    (row,) = [line for line in shown.splitlines() if "motifs" in line and "│" in line]
    assert row.count("not known") == 4
    note = "not known beforehand: stage 'fine_tile' has yet to find the parts (motifs, networks"
    assert note in " ".join(shown.split())
    needs = "stage 'motifs' needs loci and context_dependence and sufficiency and fine_tile first"
    refused = creme("study", file, "--output", new, "--stage", "motifs", status=2)
    assert needs in " ".join(refused.split())


def test_in_shards_and_stopped_on_its_way_it_is_the_same(study, copied, monkeypatch):
    done, _ = study
    folder = begun_again(copied, *TAKEN)
    shards = [run_study_shard(copied, "networks", Shard(number, 2))[1] for number in (1, 2)]
    with Store(copied.parent / "predictions") as into:
        for path in shards:
            with Store(path) as other:
                merge(into, other)
    predict, calls = SyntheticModel.predict, []

    def stopped(self, codes):
        calls.append(len(codes))
        if len(calls) > 3:
            raise KeyboardInterrupt
        return predict(self, codes)

    with monkeypatch.context() as patched:
        patched.setattr(SyntheticModel, "predict", stopped)
        with pytest.raises(KeyboardInterrupt):
            run_study(copied)
    assert folder.stages()["motifs"]["state"] == "interrupted"
    again = run_study(folder.path)
    assert 0 < again.stages["motifs"]["predicted"] < done.stages["motifs"]["predicted"]
    assert again.stages["networks"]["predicted"] == 0
    assert mini.tables(again.path) == mini.tables(done.path)


def test_it_is_outdated_with_the_search_and_no_other_stage_is(copied):
    folder = Folder(copied.parent / "mini.study")
    path = folder.path / "tables" / "sub_tiles.csv"
    rows = pd.read_csv(path)
    # Another score of the same parts makes nothing another one.
    change_table(
        folder.path, "tables/sub_tiles.csv", rows.assign(final_score=0.5).to_csv(index=False)
    )
    assert {entry["state"] for entry in folder.stages().values()} == {"finished"}
    change_table(folder.path, "tables/sub_tiles.csv", rows[1:].to_csv(index=False))
    states = {name: entry["state"] for name, entry in folder.stages().items()}
    assert {name for name, state in states.items() if state == "outdated"} == {*TAKEN, "none"}
    with pytest.raises(ResultsError, match="stage fine_tile has other results since"):
        folder.table("motifs_pairs")


def test_nothing_but_what_takes_parts_is_made_from_them():
    needs = ("context_dependence", "fine_tile")
    after = added_stage("after", "necessity", needs, "categories")
    of_parts = added_stage("of_parts", "necessity", ("fine_tile",), "parts")
    stages = {**BUILT_IN, "after": after, "of_parts": of_parts}
    passed = {"loci": "a", "sufficiency": "b", "fine_tile": "c"}
    # As studies of before parts were taken have recorded it.
    assert stage_inputs("after", passed, stages) == {"loci": "a", "sufficiency": "b"}
    assert stage_inputs("of_parts", passed, stages) == passed


def test_the_identity_of_the_search_is_without_the_panel_and_of_its_own_settings(study, copied):
    done, _ = study
    text = copied.read_text()
    panel = done.path / "stages" / "sufficiency" / "calibration.json"
    copied.write_text(f'{text}\n[calibration]\npanel = "{panel}"\n')
    identity = prepare(copied)[0].identity()
    assert {stage for stage, of in identity.items() if "panel" in of} == {
        "context_dependence", "sufficiency",
    }  # fmt: skip
    assert identity["networks"]["takes"]["parts"] == {
        "enhancing": ["strong enhancer", "weak enhancer"]
    }
    copied.write_text(
        text.replace('enhancing = ["enhancer"] }\n\n', 'enhancing = ["weak enhancer"] }\n\n')
    )
    with pytest.raises(ResultsError, match="differs in networks: takes"):
        run_study(copied)


def test_the_report_has_its_figures(study):
    done, _ = study
    results = PageResults(done)
    shown = next(pairs(results))
    assert shown.title == "Compatibility"
    assert "in 3 carriers" in shown.caption


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (
            'test = "motif_embedding"\nmotifs = ["ACGT"]\npositions = [5]\nparts = {P}',
            "parts: test 'motif_embedding' takes no tiles",
        ),
        ('test = "distance"\nparts = {P}', "moves tiles that are all as long as 'tile'"),
        ('test = "necessity"\nparts = {P}\ncres = {P}', "must not overlap, as a part and its"),
        ('test = "necessity"\nparts = {P}\ncategories = ["neutral"]', "give categories or parts"),
        ('test = "necessity"\nparts = {P}\ntiles = [[0, 5]]', "tiles: the study sets it"),
        ('test = "necessity"\nparts = {P}\nafter = "sufficiency"', "and that comes later"),
        ('test = "necessity"\nparts = {P}\nlacking = 1', "lacking.*a stage has.*cres, parts"),
    ],
)
def test_what_is_no_stage_of_parts_is_refused(stage, words):
    table = "[stages]\nrun = {}\n[stages.x]\n{}\n\n[model]"
    stage = stage.replace("{P}", '{ enhancing = ["enhancer"] }')
    text = mini.STUDY.replace("[model]", table.format(RUN, stage))
    with pytest.raises(ConfigError, match=words):
        parse(text, "it").check_added()


def test_it_needs_the_search_among_the_stages():
    stage = '[stages.x]\ntest = "necessity"\nparts = { enhancing = ["enhancer"] }\n'
    run = RUN.replace(', "fine_tile"', "")
    text = mini.STUDY.replace("[model]", f"[stages]\nrun = {run}\n{stage}\n[model]")
    with pytest.raises(ConfigError, match="stage 'x' needs stage fine_tile, which is not"):
        parse(text, "it")


def test_without_parts_there_is_nothing_to_do(study):
    done, _ = study
    assert done.table("none").empty
    note = "no tile of which parts were searched for is a weak silencer or strong silencer in a"
    assert done.stages["none"]["note"].startswith(note)
