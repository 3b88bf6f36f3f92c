"""Percentiles and rank p of effects: by loops, with few values kept, and as often as they say."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from creme.analysis.calibration import EXACT, Distribution, with_panel, with_percentiles
from creme.analysis.categories import cre_classes
from creme.analysis.evidence import evidence
from creme.analysis.panel import Panel, PanelTest
from creme.errors import ConfigError


def looped(null: np.ndarray, value: float) -> tuple[float, float]:
    below, equal, above = (null < value).sum(), (null == value).sum(), (null > value).sum()
    fewer = min(equal + below, equal + above)
    return 100 * (below + equal / 2) / len(null), min(1.0, 2 * (1 + fewer) / (1 + len(null)))


def test_percentile_and_p_are_those_of_plain_counts():
    random = np.random.default_rng(0)
    null = np.round(random.normal(size=300), 2)  # with ties
    values = np.concatenate([null[:50], [-9.0, 9.0, 0.0, np.nan]])
    distribution = Distribution.of(np.append(null, np.nan))
    assert distribution.n == 300
    for value, percentile, p in zip(
        values, distribution.percentile(values), distribution.p(values), strict=True
    ):
        if np.isnan(value):
            assert np.isnan(percentile)
            assert np.isnan(p)
        else:
            assert (percentile, p) == pytest.approx(looped(null, value))
    assert distribution.p([9.0])[0] == distribution.smallest_p == 2 / 301


def test_of_many_values_the_tails_are_exact_and_no_p_is_too_small():
    random = np.random.default_rng(1)
    null = random.normal(size=30 * EXACT).astype(np.float32)
    distribution = Distribution.of(null)
    assert len(distribution.values) <= EXACT
    read = Distribution.read(json.loads(json.dumps(distribution.described())))
    ordered = np.sort(null)
    for value in (*ordered[[3, 200, 499, -3, -300]], *random.normal(size=40), -10.0, 10.0):
        rounded = float(f"{value:.7g}")
        percentile, p = looped(np.array([float(f"{v:.7g}") for v in null]), rounded)
        extreme = value < ordered[499] or value > ordered[-500]
        for one in (distribution, read):
            assert one.percentile([value])[0] == pytest.approx(percentile, abs=0.1)
            its = one.p([value])[0]
            assert its == pytest.approx(p) if extreme else p <= its <= p + 0.0025


def test_an_exchangeable_effect_has_a_small_p_as_often_as_it_says():
    random = np.random.default_rng(2)
    rates = []
    for _ in range(400):
        draws = random.standard_t(2, size=200)  # heavy tails
        rates.append(Distribution.of(draws[:199]).p(draws[199:])[0])
    assert np.mean(np.array(rates) <= 0.05) <= 0.075
    assert np.mean(np.array(rates) <= 0.5) == pytest.approx(0.5, abs=0.08)


def test_a_rank_p_holds_where_one_shuffle_in_twenty_is_far_off():
    random = np.random.default_rng(4)

    def inert(loci):
        """Effects of each of 10 replicates, of tiles that do nothing, (locus, tile, replicate)."""

        def draw(*shape):
            return random.normal(size=shape) * np.where(random.random(shape) < 1 / 20, 6, 1)

        return draw(loci, 38, 1) - draw(loci, 38, 10)

    effects = inert(300)
    dims = ("locus", "tile", "replicate", "track")
    t = evidence(xr.Dataset({"effect_replicates": (dims, effects[..., None])}))["p"]
    p = Distribution.of(inert(300).mean(axis=2)).p(effects.mean(axis=2))
    assert float((t < 0.001).mean()) > 0.01
    for level in (0.05, 0.01):
        assert (p < level).mean() == pytest.approx(level, rel=0.3)
    assert (p < 0.001).mean() < 0.0025


def dataset(effects, *, fingerprint="f" * 64, test="sufficiency", wild_type=10.0, **parameters):
    """Effects (locus, tile, track)."""
    effects = np.asarray(effects, dtype=float)
    loci, _, tracks = effects.shape
    configuration = {"tile": 1000, "replicates": 3, "seed": 1, "tiles": None, **parameters}
    names = [f"t{k}" for k in range(tracks)]
    return xr.Dataset(
        {
            "effect": (("locus", "tile", "track"), effects),
            "wild_type": (("locus", "track"), np.full((loci, tracks), wild_type)),
            "control": (
                ("locus", "replicate", "track"),
                np.linspace(1, 5, loci * 2 * tracks).reshape(loci, 2, tracks),
            ),
        },
        {"track": names, "locus": [f"l{k}" for k in range(loci)]},
        {
            "test": test,
            "configuration": json.dumps(configuration),
            "model": json.dumps({"name": "toy", "version": "1", "fingerprint": fingerprint}),
            "readings": json.dumps({name: {"bins": [3], "over_bins": "mean"} for name in names}),
        },
    )


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    random = np.random.default_rng(3)
    null = dataset(random.normal(size=(20, 10, 2)) * [0.1, 0.02])
    path = tmp_path_factory.mktemp("panel") / "panel.json"
    Panel.of_datasets([("effect", null)], "nothing").write(path)
    return Panel.from_file(path), null


def test_percentiles_are_among_the_effects_of_a_track(panel):
    _, null = panel
    percentile = with_percentiles(null, "effect")["effect_percentile"]
    for track in null["track"].values:
        effects = null["effect"].sel(track=track)
        one = percentile.sel(track=track)
        assert float(one.values.flat[7]) == pytest.approx(
            looped(effects.values.ravel(), effects.values.flat[7])[0]
        )
        assert float(one.mean()) == pytest.approx(50)
    gaps = null.assign(effect=null["effect"].where(null["effect"] > 0))
    percentile = with_percentiles(gaps, "effect")["effect_percentile"]
    assert (percentile.isnull() == gaps["effect"].isnull()).all()


def test_a_panel_gives_each_track_its_own_p(panel):
    read, null = panel
    other = dataset(np.full((1, 1, 2), 0.15), seed=9, tiles=[[0, 1000]], minimum_activity=None)
    compared = with_panel(other, "effect", read)
    for k, track in enumerate(other["track"].values):
        percentile, p = looped(null["effect"].sel(track=track).values.ravel(), 0.15)
        assert compared["effect_panel_p"].values[0, 0, k] == pytest.approx(p)
        assert compared["effect_panel_percentile"].values[0, 0, k] == pytest.approx(percentile)
    # A part of a Dataset is compared as the whole is.
    assert compared["effect_panel_p"].values[0, 0, 0] > 0.05
    assert compared["effect_panel_p"].values[0, 0, 1] < 0.01


def test_a_panel_of_another_model_test_or_readout_is_refused(panel):
    read, _ = panel
    effects = np.zeros((1, 1, 2))
    with pytest.raises(ConfigError, match="model toy with the fingerprint ffffffffffff"):
        with_panel(dataset(effects, fingerprint="a" * 64), "effect", read)
    with pytest.raises(ConfigError, match=r"sufficiency with other parameters \(replicates, tile"):
        with_panel(dataset(effects, replicates=4, tile=500), "effect", read)
    other = dataset(effects)
    other.attrs["readings"] = json.dumps({"t0": {"bins": [4], "over_bins": "mean"}})
    with pytest.raises(ConfigError, match="reads activity t0 in another way"):
        with_panel(other, "effect", read)
    other.attrs["readings"] = json.dumps({"x": {"bins": [3], "over_bins": "mean"}})
    with pytest.raises(ConfigError, match="effects on t0, t1, and none on x"):
        with_panel(other, "effect", read)
    del other.attrs["readings"]
    with pytest.raises(ConfigError, match="of an earlier version; run again"):
        with_panel(other, "effect", read)
    assert "effect_panel_p" not in with_panel(dataset(effects, test="necessity"), "effect", read)


def test_wild_types_below_the_floor_are_flagged_and_get_no_class(panel):
    read, null = panel
    floor = np.quantile(null["control"].sel(track="t0"), 0.05)
    assert read.floor("t0") == pytest.approx(floor)
    effects = np.full((2, 1, 2), 0.9)
    for activity, flagged in ((floor - 0.01, True), (floor + 0.5, False)):
        compared = with_panel(dataset(effects, wild_type=activity), "effect", read)
        assert bool(compared["below_minimum"].sel(track="t0").all()) is flagged
        classes = cre_classes(compared).sel(track="t0").values.ravel().tolist()
        assert classes == (["", ""] if flagged else ["strong enhancer"] * 2)
    # A test's own minimum stands.
    own = dataset(effects, wild_type=floor - 0.01).assign(
        below_minimum=(("locus", "track"), np.zeros((2, 2), bool))
    )
    assert not with_panel(own, "effect", read)["below_minimum"].any()


def test_classes_need_both_where_both_are_requested(panel):
    read, _ = panel
    effects = np.full((1, 2, 2), 0.4)
    compared = with_panel(dataset(effects), "effect", read)
    q = xr.full_like(compared["effect"], 0.01)
    q.values[0, 1] = 0.2
    evidence = xr.Dataset({"q": q})
    both = cre_classes(compared, q_below=0.05, p_below=0.02, evidence=evidence)
    assert both.sel(track="t1").values.ravel().tolist() == ["weak enhancer", ""]
    only_p = cre_classes(compared, p_below=0.02)
    assert only_p.sel(track="t1").values.ravel().tolist() == ["weak enhancer"] * 2
    none = cre_classes(compared, p_below=0.001, q_below=0.05, evidence=evidence)
    assert set(none.values.ravel()) == {""}
    small = cre_classes(compared, p_below=0.02, weak=0.1, minimum_effect=0.5)
    assert set(small.values.ravel()) == {""}
    with pytest.raises(ConfigError, match="the effects have no rank p"):
        cre_classes(dataset(effects), p_below=0.02)


def test_what_is_no_panel_is_refused(tmp_path):
    path = tmp_path / "panel.json"
    with pytest.raises(ConfigError, match="there is no panel"):
        Panel.from_file(path)
    for text, why in (
        ("{", "is not valid JSON"),
        ("[" * 5000 + "]" * 5000, "more than 64"),
        ("{}", "is no panel"),
        ('{"format": "creme panel", "version": 99}', "format version 99"),
        ('{"format": "creme panel", "version": 1}', "is damaged: source: Field required"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=why):
            Panel.from_file(path)


def test_a_panel_that_was_damaged_is_refused(tmp_path):
    """Also where another number stands in it, by which effects would be ranked."""
    path = tmp_path / "panel.json"
    one = PanelTest("necessity", {}, "effect", {}, {(("track", "a"),): Distribution.of([0.1, 0.5])})
    panel = Panel({"name": "m", "fingerprint": "f"}, "x", (one,), {})
    panel.write(path)
    assert Panel.from_file(path).described() == panel.described()
    text = path.read_text()
    path.write_text(text.replace("0.5", "0.7"))
    with pytest.raises(ConfigError, match="is damaged, or was edited: it is not as it was written"):
        Panel.from_file(path)
    described = json.loads(text)
    del described["checksum"]  # as an earlier version wrote it
    path.write_text(json.dumps(described))
    assert Panel.from_file(path).described() == panel.described()
