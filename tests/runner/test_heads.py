"""A model of several heads: one forward pass, one row in the store, readouts that name the head."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr

import creme
from creme.adapters import DescribedModel, Description, TorchModel
from creme.errors import ConfigError, ModelError
from creme.model import Model, OutputHead, Readout, Selection, Track, TrackTable
from creme.models.ensemble import ensemble
from creme.runner.plan import Plan, prepare
from creme.runner.report import Report
from creme.runner.run import measure
from creme.runner.sources import contains, places, source_fingerprint
from creme.runner.tables import build_model, select
from creme.store import Store
from creme.suite.necessity import Necessity
from creme.test import Profiles, Test
from creme.testing import check_model
from heads import MODEL, PAIRED, Several, outputs
from toy import MODEL as TOY
from toy import Toy, toy_loci

ALL = {name: {"bins": "all"} for name in ("counts", "profile", "contacts")}
READOUTS = [
    Readout(name="own", bins="tss", tracks=["one"]),
    Readout(name="counts", head="counts"),
    Readout(name="donor", head="profile", bins="tss", flank=1, tracks=["fwd"], over_bins="sum"),
    Readout(name="insulation", head="contacts", bins="insulation", flank=2),
]


def plan(model: Model, heads=None, readouts=READOUTS) -> Plan:
    tests = [Necessity(tile=100, replicates=2, seed=3)]
    made = prepare(tests, model, toy_loci(2), heads=heads, readouts=readouts)
    return replace(made, batch_size=8)


def run(made: Plan, store: Store) -> tuple[Report, xr.Dataset]:
    report = measure(made, store)
    assert not report.failures, report.failures
    return report, report.datasets["necessity"]


class OneHead(Toy):
    """The slow twin: one head of the model as a model's own grid, with passes of its own."""

    name: ClassVar[str] = "one-head"

    head: str

    @property
    def _head(self) -> OutputHead:
        return MODEL.heads[self.head]

    @property
    def bin_size(self) -> int:
        return self._head.bin_size

    @property
    def n_bins(self) -> int:
        return self._head.size

    @property
    def output_start(self) -> int:
        return MODEL.grid_of(self.head).output_start

    @property
    def tracks(self) -> TrackTable:
        return self._head.tracks

    def predict(self, onehot):
        return MODEL.predict_heads(onehot)[self.head]


def test_models_without_further_heads_are_the_ones_that_they_were():
    # Of before there were heads.
    assert TOY.fingerprint == "7cb48d3561d8e30b88e761661cb734f360ae3230f58e44554c65a4cd57a2719b"
    source = source_fingerprint(TOY, Selection((1,), (0, 1)))
    assert source == "d01aa1173d50e0470eb5866822c0a746cabebb7a8a8b869403c1bba3c6427929"
    readouts = [Readout(), Readout(name="m", bins="all", over_tracks="mean")]
    tests = [Necessity(tile=100, replicates=2, seed=3)]
    made = prepare(tests, TOY, toy_loci(2), readouts=readouts, bins="all")
    text = json.dumps(made.identity(), sort_keys=True).encode()
    identity = "c1b6262d46768c0b232088fcda3c86f759ac3f816eeafa60cf40282da1fff107"
    assert hashlib.sha256(text).hexdigest() == identity
    assert "head" not in Readout(name="a").configuration()


def test_heads_belong_to_the_identity():
    class Finer(Several):
        name: ClassVar[str] = "several"

        @property
        def heads(self) -> dict[str, OutputHead]:
            return {**super().heads, "counts": OutputHead(1200, 2, TrackTable((Track("sum"),)))}

    assert MODEL.fingerprint != Finer().fingerprint
    several: list[Any] = [None, {"counts": {}}, {"profile": {}}, ALL]
    kept = [select(MODEL, heads=heads) for heads in several]
    assert len({source_fingerprint(MODEL, each) for each in kept}) == 4
    assert kept[0] == Selection((1,), (0, 1))
    own = select(MODEL, heads={"profile": {"tracks": "fwd", "bins": [3, 4]}})
    assert own.heads == (("profile", Selection((3, 4), (0,))),)
    assert own.shape == (1, 2 + 2)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The model with all heads, run once: its store, report, Dataset, and forward passes."""
    with Store(tmp_path_factory.mktemp("heads") / "store") as store:
        MODEL.passes.clear()
        report, dataset = run(plan(MODEL, ALL), store)
        yield store, report, dataset, sum(MODEL.passes)


def test_all_heads_come_from_one_pass(measured, tmp_path):
    _, report, dataset, passes = measured
    assert report.progress.predicted == 90
    # Besides those that were asked for, the few that compare batches and look for randomness.
    assert 90 <= passes <= 90 + 3
    with Store(tmp_path / "own") as store:
        own = run(plan(TOY, readouts=READOUTS[:1]), store)[1]
    xr.testing.assert_identical(
        own["effect"].drop_vars("track"), dataset["effect"].isel(track=[0]).drop_vars("track")
    )
    assert json.loads(dataset.attrs["model"])["heads"]["profile"]["tracks"] == ["fwd", "rev"]


@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_head_gives_what_a_model_of_it_alone_gives(measured, tmp_path, place):
    _, _, dataset, _ = measured
    head = READOUTS[place].head
    model = OneHead(head=head)
    # Of pairs the twin knows their numbers alone.
    bins = list(MODEL.grid_of(head).bins_read(READOUTS[place], select(MODEL, heads=ALL)))
    readout = READOUTS[place].model_copy(update={"head": "", "bins": bins, "flank": 0})
    made = prepare(
        [Necessity(tile=100, replicates=2, seed=3)],
        model,
        toy_loci(2),
        bins="all",
        readouts=[readout],
    )
    with Store(tmp_path / "own") as store:
        alone = run(replace(made, batch_size=8), store)[1]
    for name in ("wild_type", "shuffled", "effect"):
        if name in alone:
            ours = dataset[name].isel(track=[place])
            np.testing.assert_array_equal(alone[name].values, ours.values)
    wild_type = outputs(toy_loci(1)[0].sequence.codes)[head]
    tracks = model.tracks.select(readout.tracks or "all")
    over = np.sum if readout.over_bins == "sum" else np.mean
    expected = over(wild_type[bins][:, list(tracks)], axis=0).astype(np.float32)
    np.testing.assert_array_equal(alone["wild_type"].isel(locus=0).values, expected)


def test_another_run_reads_all_heads_from_the_store(measured):
    store, _, dataset, _ = measured
    # Reads other bins of the heads than the first run did, and the own grid alone.
    for heads, readouts in (
        (ALL, READOUTS),
        ({"profile": {"bins": [3, 9], "tracks": "rev"}}, [Readout(name="r", head="profile")]),
        ({"contacts": {"bins": "tss"}}, [Readout(name="c", head="contacts", bins="tss:5")]),
        (None, READOUTS[:1]),
    ):
        report, again = run(plan(MODEL, heads, readouts), store)
        assert report.progress.predicted == 0
        if heads is ALL or heads is None:
            np.testing.assert_array_equal(
                again["effect"].values, dataset["effect"].isel(track=slice(len(readouts))).values
            )
    codes = toy_loci(1)[0].sequence.codes
    _, pair = run(plan(MODEL, {"contacts": {}}, [Readout(head="contacts", bins="tss:5")]), store)
    first, second = np.triu_indices(PAIRED, 1)
    expected = outputs(codes)["contacts"][(first == 3) & (second == 5), 0]
    assert pair["wild_type"].isel(locus=0).item() == np.float32(expected.item())


def test_a_part_of_a_row_is_found_by_its_place():
    wide = select(MODEL, heads=ALL, bins="all")
    kept = wide.take(MODEL.predict_heads(toy_loci(1)[0].sequence.onehot()[None]))
    assert kept.shape == (1, *wide.shape) == (1, 1, 2 * 2 + 1 + 16 * 2 + 15)
    for narrow in (
        select(MODEL),
        select(MODEL, heads={"contacts": {"bins": [2, 9]}, "profile": {"tracks": "rev"}}),
    ):
        assert contains(wide, narrow)
        assert not contains(narrow, wide)
        own = narrow.take(MODEL.predict_heads(toy_loci(1)[0].sequence.onehot()[None]))[0]
        np.testing.assert_array_equal(kept[0][places(wide, narrow)], own)
    np.testing.assert_array_equal(
        wide.values(kept, "profile")[0], outputs(toy_loci(1)[0].sequence.codes)["profile"]
    )


def test_profiles_are_those_of_the_own_grid(tmp_path):
    class Shapes(Test):
        """Keeps the shape of a profile."""

        name: ClassVar[str] = "shapes"

        def run(self, locus):
            profile = yield Profiles([locus.sequence])
            nothing = yield Profiles([])
            assert nothing.shape == (0, 2, 2)
            return xr.Dataset({"profile": (("n", "bin", "channel"), profile)})

    made = prepare([Shapes()], MODEL, toy_loci(1), heads=ALL, bins="all")
    with Store(tmp_path / "store") as store:
        profile = measure(made, store).datasets["shapes"]["profile"]
    expected = outputs(toy_loci(1)[0].sequence.codes)[""]
    np.testing.assert_array_equal(profile.values.reshape(2, 2), expected.astype(np.float32))


def test_pairs_of_bins_are_named():
    grid = MODEL.grid_of("contacts")
    first, second = np.triu_indices(PAIRED, 1)
    assert grid.tss_bin() == 3

    def pairs(bins, flank=0):
        chosen = grid.bins_read(Readout(bins=bins, flank=flank), select(MODEL, heads=ALL))
        return {(int(first[k]), int(second[k])) for k in chosen}

    assert pairs("tss") == {(0, 3), (1, 3), (2, 3), (3, 4), (3, 5)}
    assert pairs("2:5, 0:1") == {(2, 5), (0, 1)}
    assert pairs("5:tss") == {(3, 5)}
    assert pairs("insulation") == {(i, j) for i in (0, 1, 2) for j in (4, 5)}
    assert pairs("insulation", flank=1) == {(2, 4)}
    assert len(pairs("all")) == 15
    for wrong, why in {"2:2": "no pair 2:2", "1:9": "no pair 1:9", "near": "pairs of bins"}.items():
        with pytest.raises(ConfigError, match=why):
            grid.select_bins(wrong)
    with pytest.raises(ConfigError, match="reads bins, and head 'contacts'"):
        plan(MODEL, ALL, [Readout(name="a", of="neighbours", head="contacts")]).bound.check(
            toy_loci(1)
        )


def test_mistakes_are_named(tmp_path):
    locus = toy_loci(1)
    with pytest.raises(ConfigError, match="nothing of head 'counts' is kept"):
        plan(MODEL, None, READOUTS[1:2])
    with pytest.raises(ConfigError, match=r"no head 'count' .did you mean 'counts'"):
        plan(MODEL, {"count": {}})
    with pytest.raises(ConfigError, match="model toy has no head 'counts': it has none"):
        creme.measure("necessity", TOY, locus, tile=100, readouts=Readout(head="counts"))
    with pytest.raises(ConfigError, match="give a table of tracks"):
        plan(MODEL, {"counts": {"bin": "all"}})
    with pytest.raises(ConfigError, match=r"heads.counts: .* head 'counts' of model several"):
        plan(MODEL, {"counts": {"bins": [1]}})
    with pytest.raises(ConfigError, match=r"add them to \[model.heads.profile\] bins"):
        plan(MODEL, {"profile": {}}, READOUTS[2:3])


def test_the_mean_of_both_strands_turns_each_head():
    both = ensemble([MODEL], reverse_complement=True)
    chosen = select(both, heads={"profile": {"bins": [2, 3], "tracks": "fwd"}})
    onehot = toy_loci(1)[0].sequence.onehot()[None]
    values = both.predict_selected(onehot, chosen)
    here = MODEL.predict_heads(onehot)["profile"][0, 2:4, 0].astype(np.float64)
    turned = MODEL.predict_heads(np.ascontiguousarray(onehot[:, ::-1, ::-1]))["profile"]
    there = turned[0, ::-1, 1][2:4].astype(np.float64)
    expected = ((here + there) / 2).astype(np.float32)
    np.testing.assert_array_equal(chosen.values(values, "profile")[0, :, 0], expected)
    np.testing.assert_array_equal(both.predict(onehot), both.predict_heads(onehot)[""])
    assert both.heads == MODEL.heads


GRID = {
    "input_length": 2400,
    "bin_size": 400,
    "n_bins": 2,
    "tracks": ["one"],
    "heads": {
        "counts": {"tracks": ["sum"]},
        "profile": {
            "bin_size": 1,
            "n_bins": 100,
            "output_layout": "tracks,bins",
            "tracks": ["a", "b"],
        },
    },
}


class Described(DescribedModel):
    """A described network whose output is a tuple, or a table by the heads' names."""

    name: ClassVar[str] = "described-heads"
    version: ClassVar[str] = "1"

    named: bool = False
    grid: Description = Description(**GRID)

    @property
    def described(self) -> Description:
        return self.grid

    def load(self):
        return None

    def forward(self, batch):
        own = batch[:, 800:1600, 0].reshape(-1, 2, 400).mean(axis=2)
        counts = batch[:, :, 1].sum(axis=1)
        profile = batch[:, 1150:1250, 2:4].transpose(0, 2, 1)
        if self.named:
            return {"counts": counts, "": own, "profile": profile}
        return own, counts, profile


@pytest.mark.parametrize("named", [False, True])
def test_a_description_has_heads(named, tmp_path):
    model = Described(named=named)
    assert model.heads["counts"] == OutputHead(
        2400, 1, TrackTable((Track("sum"),), strands_known=False)
    )
    onehot = toy_loci(1)[0].sequence.onehot()[None]
    predicted = model.predict_heads(onehot)
    assert {name: each.shape for name, each in predicted.items()} == {
        "": (1, 2, 1),
        "counts": (1, 1, 1),
        "profile": (1, 100, 2),
    }
    np.testing.assert_array_equal(predicted["profile"][0], onehot[0, 1150:1250, 2:4])
    np.testing.assert_array_equal(predicted[""], model.predict(onehot))
    chosen = select(model, heads={"profile": {"bins": "all"}})
    values = model.predict_selected(onehot, chosen)
    np.testing.assert_array_equal(chosen.values(values, "profile"), predicted["profile"])


def test_an_output_without_a_head_is_an_error():
    class Short(Described):
        name: ClassVar[str] = "short"

        def forward(self, batch):
            return super().forward(batch)[:2]

    with pytest.raises(ModelError, match="2 outputs, and its description has 3"):
        Short().predict(toy_loci(1)[0].sequence.onehot()[None])
    assert "heads" not in Description(input_length=10).configuration()


@pytest.mark.parametrize("make", [Several, Described])
def test_the_kit_takes_models_with_heads(make):
    check_model(make)


NETWORK = """
import torch


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.trunk = torch.nn.Conv1d(4, 3, 20, stride=20)
        self.counts = torch.nn.Linear(3, 2)

    def forward(self, batch):
        features = torch.nn.functional.gelu(self.trunk(batch))
        return features, self.counts(features.mean(dim=2))
"""


def test_a_network_in_a_file_has_heads(tmp_path):
    torch = pytest.importorskip("torch", reason="the network in the file is of PyTorch")
    file = tmp_path / "network.py"
    file.write_text(NETWORK)
    table: dict[str, Any] = {
        "plugin": "python",
        "object": "network.py:Network",
        "heads": {"counts": {"tracks": ["up"]}},
        "grid": {
            "input_length": 2400,
            "input_layout": "4L",
            "bin_size": 20,
            "n_bins": 120,
            "output_layout": "tracks,bins",
            "tracks": ["a", "b", "c"],
            "heads": {"counts": {"tracks": ["up", "down"]}},
        },
    }
    model, chosen = build_model(table, tmp_path)
    assert chosen.heads == (("counts", Selection((0,), (0,))),)
    onehot = toy_loci(1)[0].sequence.onehot()[None]
    values = model.predict_selected(onehot, chosen)
    from creme.file_plugins import load_object

    network = load_object(file, "Network")().eval()
    with torch.no_grad():
        profile, counts = network(torch.from_numpy(onehot).transpose(1, 2))
    np.testing.assert_allclose(chosen.values(values)[0, 0], profile[0, :, 60], rtol=1e-5)
    np.testing.assert_allclose(chosen.values(values, "counts")[0, 0], counts[0, :1], rtol=1e-5)
    of_one = {**table["grid"], "heads": {}}
    without = build_model({**table, "grid": of_one, "heads": {}}, tmp_path)
    assert without[0].fingerprint != model.fingerprint

    class Network(TorchModel):
        """The same as a class."""

        name: ClassVar[str] = "torch-heads"
        version: ClassVar[str] = "1"
        input_length: ClassVar[int] = 2400
        bin_size: ClassVar[int] = 20
        n_bins: ClassVar[int] = 120
        tracks: ClassVar[TrackTable] = TrackTable(tuple(map(Track, "abc")))
        heads: ClassVar[dict[str, OutputHead]] = model.heads

        def load(self):
            return self.into_place(network)

        def outputs(self, network, batch, selection):
            profile, counts = network(batch.transpose(1, 2))
            return self.selected(
                {"": profile.transpose(1, 2), "counts": counts[:, None]}, selection
            )

    of_class = Network()
    np.testing.assert_array_equal(of_class.predict_selected(onehot, chosen), values)
    for head, output in of_class.predict_heads(onehot).items():
        np.testing.assert_array_equal(output, model.predict_heads(onehot)[head])
    np.testing.assert_array_equal(of_class.predict(onehot), model.predict(onehot))
