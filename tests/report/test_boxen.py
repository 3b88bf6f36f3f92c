"""Letter-value plots and box plots, against quantiles worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import ends, finish, lines
from matplotlib.patches import PathPatch, Rectangle

from creme.report.boxen import draw_box, draw_boxen, letter_values
from creme.report.style import axes_of

pytestmark = pytest.mark.filterwarnings("error")


def boxes(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def median(ax):
    return [line.get_ydata() for line in ax.get_lines() if line.get_gid() == "median"]


def test_letter_values_are_the_fourths_the_eighths_and_so_on():
    # 0 to 128: floor(log2 129) - 3 = 4 boxes.
    got = letter_values(np.arange(129.0))
    np.testing.assert_allclose(got, [[32, 96], [16, 112], [8, 120], [4, 124]])


@pytest.mark.parametrize(
    ("n", "number"),
    [(0, 0), (1, 1), (2, 1), (16, 1), (31, 1), (32, 2), (63, 2), (64, 3), (5928, 9), (22_800, 11)],
)
def test_the_number_of_boxes_is_tukeys(n, number):
    assert len(letter_values(np.arange(float(n)))) == number


@pytest.mark.parametrize("n", [64, 500, 5928, 7600])
def test_four_to_eight_values_lie_beyond_the_last_box_at_each_end(n):
    values = np.random.default_rng(1).normal(size=n)
    low, high = letter_values(values)[-1]
    for beyond in ((values < low).sum(), (values > high).sum()):
        assert 4 <= beyond <= 8


def test_nan_and_infinite_values_are_left_out():
    values = np.array([np.nan, np.inf, *range(129), -np.inf])
    np.testing.assert_allclose(letter_values(values)[0], [32, 96])


def test_boxes_are_drawn_at_the_letter_values_outer_ones_narrower():
    values = np.random.default_rng(2).gumbel(size=1000)
    ax = axes_of(None)
    draw_boxen(ax, 3.0, values, "#0072B2", width=0.8)
    drawn = sorted(boxes(ax), key=lambda box: -box.get_width())
    heights = [(box.get_y(), box.get_y() + box.get_height()) for box in drawn]
    np.testing.assert_allclose(heights, letter_values(values))
    middles = [box.get_x() + box.get_width() / 2 for box in drawn]
    np.testing.assert_allclose(middles, 3.0)
    widths = [box.get_width() for box in drawn]
    assert widths[0] == pytest.approx(0.8)
    assert (np.diff(widths) < 0).all()
    np.testing.assert_allclose(median(ax), [[np.median(values)] * 2])
    low, high = letter_values(values)[-1]
    (beyond,) = (line.get_ydata() for line in ax.get_lines() if line.get_marker() == "o")
    np.testing.assert_allclose(np.sort(beyond), np.sort(values[(values < low) | (values > high)]))
    assert ax.get_ylim()[0] < values.min() < values.max() < ax.get_ylim()[1]


@pytest.mark.parametrize("draw", [draw_box, draw_boxen])
@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [1.0, 2.0, 4.0], [np.nan, 3.0]])
def test_few_values_are_points(draw, values):
    ax = axes_of(None)
    draw(ax, 0.0, np.array(values), "#0072B2")
    finish(ax)
    there = [value for value in values if not np.isnan(value)]
    dots = [line.get_ydata() for line in ax.get_lines() if line.get_marker() == "o"]
    np.testing.assert_array_equal(np.concatenate([*dots, []]), there)
    assert not ax.patches
    assert len(median(ax)) == (len(there) > 2)


def test_equal_values_are_a_flat_box():
    ax = axes_of(None)
    draw_boxen(ax, 0.0, np.full(100, 0.25), "#0072B2")
    finish(ax)
    assert {(box.get_y(), box.get_height()) for box in boxes(ax)} == {(0.25, 0.0)}


def test_a_box_plot_leaves_outliers_out():
    values = np.array([0.0, 1, 2, 3, 4, 5, 6, 7, 8, 100])
    ax = axes_of(None)
    draw_box(ax, 1.0, values, "#0072B2")
    (box,) = (patch for patch in ax.patches if isinstance(patch, PathPatch))
    assert ends(box) == (2.25, 6.75)
    drawn = np.concatenate([line[:, 1] for line in lines(ax)])
    assert drawn.max() == 8
    assert drawn.min() == 0
    assert 4.5 in drawn
