"""What holds for every figure: readable, quiet, itself, and clear about what it cannot show."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from drawn import HOSTILE, notes, remarks, shown, tidy
from matplotlib.axes import Axes
from toy_results import categories, results

from creme import report
from creme.analysis.additive import additive_comparison
from creme.analysis.comparison import necessity_and_sufficiency
from creme.analysis.compatibility import compatibility
from creme.analysis.distances import distance_curve, distance_histogram
from creme.analysis.epistasis import pair_table
from creme.analysis.landscape_tables import order_table
from creme.analysis.network import edges
from creme.analysis.saturation import saturation
from creme.analysis.set_sufficiency import mean_activity
from creme.analysis.traces import mean_traces
from creme.errors import ConfigError
from creme.genome.records import TSS
from creme.report.grid import MeasureGrid
from creme.suite.context_dependence import ContextDependence
from creme.suite.motif_embedding import MotifEmbedding
from creme.suite.necessity import Necessity
from creme.suite.saturation_mutagenesis import SaturationMutagenesis
from creme.test import Test

pytestmark = pytest.mark.filterwarnings("error")

Data = dict[str, xr.Dataset]


def _histogram(data: Data) -> xr.Dataset:
    effect = data["sufficiency"]["effect"]
    if bool(effect.notnull().any()):
        return distance_histogram(data["sufficiency"], weak=0.05, bin_width=200, resamples=2)
    return distance_histogram(results()["sufficiency"], resamples=2).isel(distance=slice(0))


def _both(data: Data) -> pd.DataFrame:
    try:
        return necessity_and_sufficiency(data["necessity"], data["sufficiency"])
    except ConfigError:
        whole = necessity_and_sufficiency(results()["necessity"], results()["sufficiency"])
        return whole.iloc[:0]


def _genes(data: Data) -> list[TSS]:
    names = data["necessity"]["locus"].values.tolist()
    return [
        TSS(name, "", "", "", 1200 + 150 * k, "+-"[k % 2], span=400) for k, name in enumerate(names)
    ]


def _first(data: Data) -> str | None:
    names = data["necessity"]["locus"].values.tolist()
    return names[0] if names else None


def _curves(data: Data) -> dict[str, xr.Dataset]:
    names = data["distance"]["locus"].values.tolist() or ["none"]
    return dict.fromkeys(names[:3], distance_curve(data["distance"], resamples=2))


def _coverage(data: Data, ax: Axes | None) -> Axes:
    mutants = data["context_dependence"]["mutant"].isel(track=0).values
    rows = mutants if len(mutants) else np.full((2, 3), np.nan)
    title = _first(data) or ""
    return report.coverage_profile(rows[0], rows, bin_size=400, title=title, ax=ax)


def _scatter(data: Data, ax: Axes | None) -> Axes:
    table = _both(data)
    return report.comparison_scatter(
        table, "necessity", "sufficiency", names="locus", track="one", ax=ax
    )


def _pairs(data: Data) -> xr.Dataset:
    """Of carriers, of which there are two at least."""
    dataset, whole = data["compatibility"], results()["compatibility"]
    if dataset.sizes["locus"] > 1:
        return compatibility(dataset)
    found = compatibility(whole)
    return found if dataset.sizes["locus"] else found.where(False)


def _grid(data: Data, test: type[Test]) -> MeasureGrid:
    return report.measure_grid(data[test.name], test.presentation(), **ONE)


ONE: dict[str, Any] = {"track": "one"}
LOST: dict[str, Any] = {"track": "one", "search": "enhancers"}

FIGURES: dict[str, Callable[[Data, Axes | None], Axes]] = {
    "context_histogram": lambda d, ax: report.context_histogram(
        d["context_dependence"], **ONE, ax=ax
    ),
    "coverage_profile": _coverage,
    "swap_boxes": lambda d, ax: report.swap_boxes(
        d["context_swap"], source="enhancing", **ONE, ax=ax
    ),
    "tile_map": lambda d, ax: report.tile_map(
        d["necessity"], d["sufficiency"], locus=_first(d), **ONE, genes=_genes(d), ax=ax
    ),
    "tile_effects": lambda d, ax: report.tile_effects(d["necessity"], categories(), **ONE, ax=ax),
    "tile_effects of all": lambda d, ax: report.tile_effects(d["sufficiency"], **ONE, ax=ax),
    "necessity_sufficiency": lambda d, ax: report.necessity_sufficiency(_both(d), **ONE, ax=ax),
    "design_rounds": lambda d, ax: report.design_rounds(d["design"], locus=_first(d), ax=ax),
    "design_composition": lambda d, ax: report.design_composition(
        d["design"], locus=_first(d), ax=ax
    ),
    "distance_bars": lambda d, ax: report.distance_bars(_histogram(d), **ONE, ax=ax),
    "distance_curves": lambda d, ax: report.distance_curves(_curves(d), **ONE, ax=ax),
    "distance_profiles": lambda d, ax: report.distance_profiles(d["distance"], **ONE, ax=ax),
    "greedy_traces": lambda d, ax: report.greedy_traces(
        mean_traces(d["higher_order"], categories(), resamples=2), **LOST, ax=ax
    ),
    "observed_and_additive": lambda d, ax: report.observed_and_additive(
        additive_comparison(d["higher_order"]), **LOST, ax=ax
    ),
    "individual_effects": lambda d, ax: report.individual_effects(
        d["higher_order"].isel(locus=slice(1)), **LOST, ax=ax
    ),
    "set_curves": lambda d, ax: report.set_curves(
        mean_activity(
            d["higher_order"].isel(search=0, drop=True).rename(round="tiles"),
            categories(),
            resamples=2,
        ),
        **ONE,
        ax=ax,
    ),
    "saturation_curves": lambda d, ax: report.saturation_curves(
        d["multiplicity"], saturation(d["multiplicity"], resamples=2), **LOST, ax=ax
    ),
    "fine_tile_search": lambda d, ax: report.fine_tile_search(d["fine_tile"], **ONE, ax=ax),
    "fine_tile_map": lambda d, ax: report.fine_tile_map(d["fine_tile"], **ONE, ax=ax),
    "network_arcs": lambda d, ax: report.network_arcs(
        edges(d["necessity"], q_below=1.0),
        pair_table(d["interactions"]),
        locus=_first(d),
        **ONE,
        ax=ax,
    ),
    "pair_matrix": lambda d, ax: report.pair_matrix(
        pair_table(d["interactions"]), locus=_first(d), **ONE, ax=ax
    ),
    "landscape": lambda d, ax: report.landscape(d["interactions"], locus=_first(d), **ONE, ax=ax),
    "variance_shares": lambda d, ax: report.variance_shares(
        order_table(d["interactions"]), **ONE, ax=ax
    ),
    "comparison_scatter": _scatter,
    "pair_map": lambda d, ax: report.pair_map(_pairs(d), **ONE, ax=ax),
    "response_lines": lambda d, ax: report.response_lines(
        d["compatibility"], _pairs(d), **ONE, ax=ax
    ),
    "measure_curves": lambda d, ax: report.measure_curves(_grid(d, MotifEmbedding), ax=ax),
    "measure_curves of tiles": lambda d, ax: report.measure_curves(_grid(d, Necessity), ax=ax),
    "measure_heat_map": lambda d, ax: report.measure_heat_map(
        _grid(d, SaturationMutagenesis), ax=ax
    ),
    "measure_letters": lambda d, ax: report.measure_letters(_grid(d, SaturationMutagenesis), ax=ax),
    "measure_by_locus": lambda d, ax: report.measure_by_locus(_grid(d, ContextDependence), ax=ax),
    "measure_by_locus of tiles": lambda d, ax: report.measure_by_locus(_grid(d, Necessity), ax=ax),
}

every = pytest.mark.parametrize("name", FIGURES)
OF_ALL_TRACKS = ("coverage_profile", "design_rounds", "design_composition")
NEEDS_A_LOCUS = (
    *("tile_map", "individual_effects", "landscape"),
    *("design_rounds", "design_composition"),
)


def without_values() -> Data:
    return {
        test: data.map(lambda v: v * np.nan if v.dtype.kind == "f" else v, keep_attrs=True)
        for test, data in results().items()
    }


def without_loci() -> Data:
    return {test: data.isel(locus=slice(0)) for test, data in results().items()}


def renamed() -> Data:
    """With hostile names instead of the toy's."""

    def named(data: xr.Dataset) -> xr.Dataset:
        names = [HOSTILE.get(name, name) for name in data["locus"].values.tolist()]
        return data.assign_coords(locus=("locus", np.array(names, dtype=object)))

    return {test: named(data) for test, data in results().items()}


def some_loci(number: int) -> Data:
    chosen = results()["necessity"]["locus"].values[:number]
    swaps = results()["context_swap"]
    inside = np.isin(swaps["source"].values, chosen) & np.isin(swaps["target"].values, chosen)
    small = {t: d.isel(locus=slice(number)) for t, d in results().items()}
    return {**small, "context_swap": swaps.isel(locus=np.flatnonzero(inside))}


def test_every_exported_figure_is_here():
    drawing = set(report.__all__) - {"panels", "save", "measure_grid", "mean_over_loci"}
    assert drawing == {name.split()[0] for name in FIGURES}


@every
def test_it_is_readable(name):
    ax = FIGURES[name](results(), None)
    assert not notes(ax)
    figure = ax.get_figure(root=True)
    assert figure is not None
    assert round(figure.get_figwidth() * 25.4, 3) == 85
    assert ax.get_xlabel() or name == "tile_effects of all"
    assert ax.get_ylabel() or name == "fine_tile_map"
    tidy(ax)


@every
def test_it_draws_into_the_axes_given(name):
    figure, axes = report.panels(1, 2, width=175, height=60)
    assert FIGURES[name](results(), axes[0, 1]) is axes[0, 1]
    assert not axes[0, 0].has_data()
    assert figure.axes == [axes[0, 0], axes[0, 1]]
    tidy(axes[0, 1])


@every
def test_hostile_names_are_drawn_as_they_stand(name):
    ax = FIGURES[name](renamed(), None)
    tidy(ax)
    for text in shown(ax):
        if not text.get_text().startswith("n ="):
            assert not any(ord(c) < 32 and c != "\n" for c in text.get_text())


@every
@pytest.mark.parametrize("data", [without_values, without_loci], ids=["all NaN", "no locus"])
def test_without_anything_to_draw_it_says_so(name, data):
    if data is without_loci and name in NEEDS_A_LOCUS:
        with pytest.raises(ConfigError, match="there is no locus"):
            FIGURES[name](data(), None)
        return
    ax = FIGURES[name](data(), None)
    (note,) = notes(ax)
    assert "no" in note.split() or "nothing" in note.split()
    tidy(ax)


@every
@pytest.mark.parametrize("number", [1, 2])
def test_few_loci_are_drawn(name, number):
    ax = FIGURES[name](some_loci(number), None)
    if not (name == "swap_boxes" and number == 1):
        assert not notes(ax)
    tidy(ax)


def test_what_a_single_locus_lacks_is_remarked():
    for name in ("distance_curves", "observed_and_additive"):
        assert remarks(FIGURES[name](some_loci(1), None)) == ["a single locus has no band"]
        assert remarks(FIGURES[name](some_loci(2), None)) == []


@every
def test_the_callers_settings_are_neither_used_nor_changed(name, tmp_path):
    usual = report.save(FIGURES[name](results(), None), tmp_path / "usual", ["svg"])
    with mpl.rc_context({"font.size": 30, "axes.grid": True, "xtick.labelsize": 25}):
        before = dict(mpl.rcParams)
        ax = FIGURES[name](results(), None)
        assert dict(mpl.rcParams) == before
        assert all(text.get_fontsize() < 10 for text in shown(ax))
        other = report.save(ax, tmp_path / "other", ["svg"])
        assert dict(mpl.rcParams) == before
    assert usual[0].read_bytes() == other[0].read_bytes()


@every
def test_the_same_drawing_gives_the_same_bytes(name, tmp_path):
    (first,) = report.save(FIGURES[name](results(), None), tmp_path / "a" / "one", ["svg"])
    (second,) = report.save(FIGURES[name](results(), None), tmp_path / "b" / "one", ["svg"])
    assert first.read_bytes() == second.read_bytes()
    assert b"<dc:date>" not in first.read_bytes()


def test_svg_holds_hostile_names_as_text(tmp_path):
    ax = FIGURES["fine_tile_search"](renamed(), None)
    (file,) = report.save(ax, tmp_path / "names", ["svg"])
    root = ElementTree.fromstring(file.read_text())
    assert not [one for one in root.iter() if one.tag.endswith("}script")]
    texts = "\n".join(one.text or "" for one in root.iter() if one.tag.endswith("}text"))
    assert "<script>" in texts
    assert "$x_1$" in texts
    assert "_hidden line tab" in texts


def test_bytes_are_the_same_in_another_process(tmp_path):
    """With another seed of hashes, and from the start."""
    code = (
        "import pickle, sys; sys.path[:0] = sys.argv[3:]\n"
        "import toy_results\n"
        "with open(sys.argv[2], 'rb') as file: data = pickle.load(file)\n"
        "toy_results.results = lambda: data\n"
        "from test_every_figure import FIGURES, report, results\n"
        "figure, axes = report.panels(2, 2, height=120)\n"
        "names = ['context_histogram', 'tile_map', 'saturation_curves', 'comparison_scatter']\n"
        "for name, ax in zip(names, axes.flat): FIGURES[name](results(), ax)\n"
        "report.save(figure, sys.argv[1])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    here, measured = Path(__file__).resolve().parent, tmp_path / "results.pickle"
    measured.write_bytes(pickle.dumps(results()))
    for number in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", code, tmp_path / number, measured, here, here.parent],
            check=True,
            env={**os.environ, "PYTHONHASHSEED": number},
        )
    for ending in ("svg", "pdf", "png"):
        one, other = ((tmp_path / f"{n}.{ending}").read_bytes() for n in "12")
        assert one == other, ending
        assert b"CreationDate" not in one


def test_importing_creme_loads_no_matplotlib():
    code = (
        "import sys, creme, creme.report\n"
        "assert 'matplotlib' not in sys.modules\n"
        "dir(creme.report)\n"
        "creme.report.save\n"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_it_says_what_to_install():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import creme.report\n"
        "from creme.errors import PluginError\n"
        "try: creme.report.save\n"
        "except PluginError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    extra = "of the extra [report] of creme-toolkit"
    assert done.stdout.startswith(f"figures need matplotlib, {extra}: pip install 'matplotlib>=")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'pie'"):
        _ = report.pie


@pytest.mark.parametrize("name", [n for n in FIGURES if n not in OF_ALL_TRACKS])
def test_one_of_several_tracks_has_to_be_chosen(name, monkeypatch):
    monkeypatch.setitem(ONE, "track", None)
    monkeypatch.setitem(LOST, "track", None)
    if name == "comparison_scatter":
        with pytest.raises(ConfigError, match="choose one of the tracks one, two"):
            report.comparison_scatter(_both(results()), "necessity", "sufficiency")
        return
    with pytest.raises(ConfigError, match=r"choose one of the .*one, two: track = \.\.\."):
        FIGURES[name](results(), None)
