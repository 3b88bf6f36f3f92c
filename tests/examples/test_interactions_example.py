"""The example of local networks: its stages, its thresholds, what it will cost."""

from __future__ import annotations

from pathlib import Path

from creme.study.config import parse
from creme.suite.interactions import Interactions
from toy import toy_loci

EXAMPLE = Path(__file__).parents[2] / "examples" / "seqnn_interactions.toml"


def test_its_stages_and_thresholds():
    study = parse(EXAMPLE.read_text(), str(EXAMPLE))
    assert study.stages.in_order == ["loci", "context_dependence", "necessity", "interactions"]
    assert study.network.minimum_activity == 0.1
    test = study.test("interactions")
    assert isinstance(test, Interactions)
    masks = test.masks(toy_loci(1)[0], test.strongest)
    assert len(masks) == 63
    # Singles are the necessity stage's; five loci.
    assert 5 * test.replicates * (63 - 6) == 1140
