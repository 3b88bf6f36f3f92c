"""The names of the map of pairs do not touch, however many there are and however narrow it is."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import xarray as xr

from creme import report


def result(promoters: int, enhancers: int) -> xr.Dataset:
    random = np.random.default_rng(1)
    shape = (promoters, enhancers)
    null = np.arange(enhancers) >= enhancers - 5
    responsiveness = random.uniform(0.5, 2, promoters)
    return xr.Dataset(
        {
            "deviation": (("promoter", "enhancer"), random.normal(0, 0.3, shape)),
            "compatible": (("promoter", "enhancer"), np.zeros(shape, np.int8)),
            "responsiveness": ("promoter", responsiveness),
            "responsiveness_low": ("promoter", responsiveness - 0.1),
            "responsiveness_high": ("promoter", responsiveness + 0.1),
            "strength": ("enhancer", random.normal(0, 1, enhancers)),
        },
        {
            "promoter": [f"GENE{k}A" for k in range(promoters)],
            "enhancer": [f"GENE{k}A:{48_036 + k}-{53_036 + k}" for k in range(enhancers)],
            "null": ("enhancer", null),
        },
    )


@pytest.mark.parametrize("width", [70.0, 150.0])
@pytest.mark.parametrize(("promoters", "enhancers"), [(5, 17), (60, 120)])
def test_names_do_not_touch(width, promoters, enhancers):
    figure, axes = report.panels(1, 1, width=width, height=80.0)
    ax = report.pair_map(result(promoters, enhancers), ax=axes[0, 0])
    figure.canvas.draw()
    for labels, vertical in ((ax.get_xticklabels(), False), (ax.get_yticklabels(), True)):
        boxes = [label.get_window_extent() for label in labels]
        assert len(boxes) >= 3
        assert all(float(label.get_fontsize()) >= 6 for label in labels)
        for one, other in pairwise(boxes):
            if vertical:
                assert one.y0 >= other.y1 or other.y0 >= one.y1
            else:
                assert one.x1 <= other.x0
    # The margins' words stand beside one another.
    above, side = ax.child_axes[:2]
    boxes = [text.get_window_extent() for text in (*above.texts, *side.texts)]
    boxes += [label.get_window_extent() for label in side.get_xticklabels() if label.get_text()]
    for k, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[k + 1 :])
