"""How often greedy searches find a set where there is none, and the one that there is.

    python benchmarks/sets.py --loci 500

Activities are those of `tests/tile_noise.py`: 38 tiles, each of which adds a draw that its bases
decide, with a standard deviation of 5 % of the wild type's activity.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from creme.analysis.additive import additive_comparison
from creme.suite.higher_order import HigherOrder

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from planted import EXPECTED, inert
from tile_noise import TILE, TileNoise, answer, locus


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loci", type=int, default=200)
    parser.add_argument("--all-rounds", type=int, default=50, help="loci of the paper's search")
    options = parser.parse_args()
    for planted, expected in EXPECTED.items():
        sets, classes, requested = [], [], 0
        for number in range(options.loci):
            where = locus(number)
            model = TileNoise(where, planted)
            found = answer(HigherOrder(tile=TILE), where, model)
            requested += model.requested
            selected = found.selected.values[:, :, 0]
            sets.append([sorted(row[row >= 0].tolist()) for row in selected])
            classes.append(str(additive_comparison(found).interaction.values[0, 0]))
        enhancers, silencers = zip(*sets, strict=True)
        print(
            f"{planted.__name__}: exactly the planted set in "
            f"{np.mean([one == expected for one in enhancers]):.1%}, tiles that are not planted in "
            f"{np.mean([bool(set(one) - set(expected)) for one in enhancers]):.1%} (enhancers) and "
            f"{np.mean([bool(one) for one in silencers]):.1%} (silencers); classes "
            f"{ {name: classes.count(name) for name in sorted(set(classes))} }; "
            f"{requested / options.loci:.0f} predictions a locus",
            flush=True,
        )
    for middle in (False, True):
        classes = []
        for number in range(options.all_rounds):
            where = locus(number)
            test = HigherOrder(tile=TILE, accept="all", searches=("enhancers",))
            found = answer(test, where, TileNoise(where, inert, middle=middle))
            classes.append(str(additive_comparison(found).interaction.values[0, 0]))
        native = "in the middle of their shuffles" if middle else "one more draw"
        print(
            f"all rounds, nothing planted, native bases {native}: "
            f"{classes.count('redundant') / len(classes):.0%} redundant",
            flush=True,
        )


if __name__ == "__main__":
    main()
