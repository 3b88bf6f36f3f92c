"""Measure the shipped weights on held-out loci; write the tables of the model card and the page.

``python plugins/creme-mini/training/evaluate.py`` from the checkout; ``--loci 20`` is a look, which
writes nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from creme import Edit, Mutant, Selection, Sequence
from creme.adapters import digest
from creme.demo.oracle import Oracle
from creme.demo.rules import Grammar, grammar
from creme.demo.windows import RandomWindow, random_window, shuffled_element
from creme.files.durable import write_text
from creme.inference.windowed import Windowed
from creme.kernels.shuffle import dinucleotide_shuffles
from creme.seeds import derive

from creme_mini.model import CELL_TYPES, GRAMMAR, WEIGHTS, MiniModel

ROOT = Path(__file__).resolve().parents[3]
CARD = WEIGHTS.with_name("MODEL_CARD.md")
PAGE = ROOT / "docs" / "mini_network.md"
CURVE = Path(__file__).with_name("curve.csv")
FIGURES = ROOT / "docs" / "images" / "mini_network"
BEGIN, END = "<!-- written by training/evaluate.py -->", "<!-- end of what it wrote -->"
SEED = 0
LENGTH = 32_768
BANDS = ((0, 2000), (2000, 5000), (5000, 8000), (8000, 15_500))
DRAWS = 2000
AROUND = 1000
"""Of a promoter that is left in shuffled sequence, bp."""
LEAST = 0.05
"""Root mean square of true log ratios of which a slope is given."""
_SMALL = 0.1

RULES: dict[str, tuple[str, ...]] = {
    "additive": ("AXO", "BIR", "CUL"),
    "multiplicative": ("DEM",),
    "cooperative pair (AND)": ("FEN+GOL",),
    "redundant (OR)": ("EKO",),
    "silencer": ("HUM", "IVA"),
    "insulator": ("JUL",),
    "half of a pair, alone": ("FEN", "GOL"),
    "decoy": ("KAR", "LUZ"),
}


@dataclass(frozen=True)
class Measured:
    """What the oracle and the network say about the held-out loci.

    `singles` has a row for each element that was shuffled and cell type, `insertions` for each that
    was put into shuffled sequence, and `pairs` for each two elements that were shuffled; `true` and
    `found` are log ratios of the activity at the TSS, and of pairs what both do beyond the sum of
    each alone. `tracks` has a row a track.
    """

    singles: pd.DataFrame
    insertions: pd.DataFrame
    pairs: pd.DataFrame
    tracks: pd.DataFrame


class _Locus:
    """A window, and its variants as the oracle and the network see them."""

    def __init__(self, rules: Grammar, oracle: Oracle, model: MiniModel, name: str) -> None:
        self.window: RandomWindow = random_window(rules, LENGTH, SEED, name, tss=LENGTH // 2)
        self.name = name
        self._oracle, self._model = oracle, model
        every = Selection(tuple(range(model.n_bins)), tuple(range(len(model.tracks))))
        self._windowed = Windowed(model, every)
        self._base = Sequence(self.window.codes)
        self._near = slice(model.tss_bin() - 1, model.tss_bin() + 2)
        # Nothing of the window but its promoter's surroundings.
        seed = derive(SEED, "background", name)
        alone = dinucleotide_shuffles(self.window.codes, [seed])[0]
        kept = slice(LENGTH // 2 - AROUND // 2, LENGTH // 2 + AROUND // 2)
        alone[kept] = self.window.codes[kept]
        self._alone = Sequence(alone)

    def removed(self, *numbers: int) -> np.ndarray:
        """Log activities at the TSS with some elements shuffled, (oracle or network, cells)."""
        edits = []
        for number in numbers:
            one = self.window.elements[number]
            codes = shuffled_element(self.window, number, SEED, self.name)
            edits.append(Edit(one.start, codes[one.start : one.end]))
        return self._logs(self.answers(self._base, edits))

    def inserted(self, *numbers: int) -> np.ndarray:
        """The same of the promoter in shuffled sequence, with some elements in their places."""
        elements = [self.window.elements[number] for number in numbers]
        edits = [Edit(one.start, self.window.codes[one.start : one.end]) for one in elements]
        return self._logs(self.answers(self._alone, edits))

    def whole(self) -> tuple[np.ndarray, np.ndarray]:
        """All bins by the oracle and by the network."""
        return self.answers(self._base, [])

    def answers(self, base: Sequence, edits: list[Edit]) -> tuple[np.ndarray, np.ndarray]:
        """All bins of a mutant by the oracle and by the network."""
        mutant = Mutant(base, edits)
        codes = mutant.sequence.codes
        true = self._oracle.coverage(
            self._oracle.sites(codes), 128, self._model.output_start, self._model.n_bins
        )
        found = self._windowed.predict([mutant])[0]
        return true, found.astype(np.float64)

    def _logs(self, answers: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return np.stack([np.log(one[self._near, :-1].sum(0)) for one in answers])


def measured(loci: int) -> Measured:
    """All of it, on `loci` held-out loci."""
    rules = grammar(GRAMMAR)
    oracle, model = Oracle(rules), MiniModel()
    singles: list[dict[str, object]] = []
    insertions: list[dict[str, object]] = []
    pairs, wholes = [], []
    for number in range(loci):
        locus = _Locus(rules, oracle, model, f"held out {number}")
        wholes.append(locus.whole())
        wild, alone = locus.removed(), locus.inserted()
        elements = locus.window.elements
        promoter = locus.window.promoters[0][0]
        changes = [locus.removed(k) - wild for k in range(len(elements))]
        for k, (one, change) in enumerate(zip(elements, changes, strict=True)):
            distance = abs((one.start + one.end) / 2 - LENGTH // 2)
            about = {"locus": number, "kind": one.kind, "distance": distance, "promoter": promoter}
            for rows, values in ((singles, change), (insertions, locus.inserted(k) - alone)):
                rows += [{**about, "true": x, "found": y} for x, y in zip(*values, strict=True)]
        for first, second in combinations(range(len(elements)), 2):
            beyond = locus.removed(first, second) - wild - changes[first] - changes[second]
            kinds = sorted((elements[first].kind, elements[second].kind))
            pairs += [
                {"locus": number, "kinds": " with ".join(kinds), "true": x, "found": y}
                for x, y in zip(*beyond, strict=True)
            ]
    true, found = (np.stack(one) for one in zip(*wholes, strict=True))
    at = slice(model.tss_bin() - 1, model.tss_bin() + 2)
    tracks = []
    for track, name in enumerate([*CELL_TYPES, "accessibility"]):
        x, y = true[..., track], found[..., track]
        tss = np.stack([np.log(one[:, at].sum(1)) for one in (x, y)])
        tracks.append(
            {
                "track": name,
                "bins, log": _correlation(np.log(x + _SMALL), np.log(y + _SMALL)),
                "bins": _correlation(x, y),
                "genes, log": _correlation(*tss) if name in CELL_TYPES else float("nan"),
            }
        )
    frames = map(pd.DataFrame, (singles, insertions, pairs, tracks))
    return Measured(*frames)


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(np.ravel(x), np.ravel(y))[0, 1])


def _slope(rows: pd.DataFrame) -> float:
    """Of found on true, through the origin."""
    return float((rows["true"] * rows["found"]).sum() / (rows["true"] ** 2).sum())


def _correlated(rows: pd.DataFrame) -> float:
    return _correlation(rows["true"].to_numpy(), rows["found"].to_numpy())


def interval(rows: pd.DataFrame, statistic: Callable[[pd.DataFrame], float]) -> str:
    """A statistic and its 95 % interval, of loci drawn with replacement."""
    if rows.empty or not (rows["true"] ** 2).sum():
        return ""
    groups = [part for _, part in rows.groupby("locus")]
    random = np.random.default_rng(0)
    sums = np.array(
        [
            [
                len(one),
                one["true"].sum(),
                one["found"].sum(),
                (one["true"] ** 2).sum(),
                (one["found"] ** 2).sum(),
                (one["true"] * one["found"]).sum(),
            ]
            for one in groups
        ]
    )
    counts = random.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=DRAWS)
    n, x, y, xx, yy, xy = (counts @ sums).T
    with np.errstate(invalid="ignore", divide="ignore"):
        if statistic is _slope:
            drawn = xy / xx
        else:
            drawn = (xy - x * y / n) / np.sqrt((xx - x**2 / n) * (yy - y**2 / n))
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return f"{statistic(rows):.2f} ({low:.2f} to {high:.2f})"


def table(rows: list[dict[str, object]]) -> str:
    """Rows as Markdown."""
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    lines += ["| " + " | ".join(str(value) for value in row.values()) + " |" for row in rows]
    return "\n".join(lines)


def _effects(title: str, name: str, rows: pd.DataFrame) -> dict[str, object]:
    typical = np.sqrt((rows["true"] ** 2).mean())
    # Of what does next to nothing, a slope says nothing: its error does.
    acts = typical >= LEAST
    return {
        title: name,
        "elements": rows.groupby(["locus", "distance"]).ngroups,
        "slope": interval(rows, _slope) if acts else "",
        "correlation": interval(rows, _correlated) if acts else "",
        "typical true effect": f"{typical:.3f}",
        "typical error": f"{np.sqrt(((rows['found'] - rows['true']) ** 2).mean()):.3f}",
    }


def written(measures: Measured, loci: int) -> str:
    """The tables."""
    singles, pairs = measures.singles, measures.pairs
    acting = singles[~singles["kind"].isin([*RULES["decoy"], *RULES["half of a pair, alone"]])]
    by_distance = []
    for low, high in BANDS:
        inside = acting[(acting["distance"] >= low) & (acting["distance"] < high)]
        by_distance.append(_effects("distance, kb", f"{low / 1000:g} to {high / 1000:g}", inside))
    by_distance.append(_effects("distance, kb", "all", acting))
    inserted = [
        _effects("rule", name, measures.insertions[measures.insertions["kind"].isin(kinds)])
        for name, kinds in RULES.items()
        if name != "insulator"
    ]
    by_rule = [
        _effects("rule", name, singles[singles["kind"].isin(kinds)])
        for name, kinds in RULES.items()
    ]
    by_class = []
    for kind in ("AXO", "BIR", "CUL"):
        for promoter in ("tissue", "common", "house"):
            rows = singles[(singles["kind"] == kind) & (singles["promoter"] == promoter)]
            if len(rows):
                by_class.append(_effects("factor, promoter", f"{kind}, {promoter}", rows))
    together = []
    for name, chosen in (
        ("redundant with redundant", pairs["kinds"] == "EKO with EKO"),
        ("insulator with any", pairs["kinds"].str.contains("JUL")),
        ("silencer with any", pairs["kinds"].str.contains("HUM|IVA")),
        ("all", pairs["kinds"].notna()),
    ):
        rows = pairs[chosen]
        together.append(
            {
                "pair": name,
                "pairs": len(rows) // len(CELL_TYPES),
                "slope": interval(rows, _slope),
                "correlation": interval(rows, _correlated),
            }
        )
    tracks = [
        {key: f"{value:.3f}" if isinstance(value, float) else value for key, value in row.items()}
        for row in measures.tracks.replace({np.nan: ""}).to_dict("records")
    ]
    return f"""\
{loci} held-out loci of grammar `{GRAMMAR}`, {LENGTH:,} bp, seed {SEED}; without count noise; in
brackets 95 % intervals over loci. Weights of SHA-256
`{digest(WEIGHTS)}`.

Correlation of predicted and true coverage, over bins and over genes (the sum of the three bins
around the TSS):

{table(tracks)}

Elements shuffled, one at a time: log ratio of the activity at the TSS, predicted against true, all
cell types; slope through the origin; typical is the root mean square. By distance from the TSS, of
elements that can act:

{table(by_distance)}

By rule, at all distances:

{table(by_rule)}

Elements put into their places in shuffled sequence (dinucleotides kept) around the promoter's own
{AROUND:,} bp, as sufficiency does it; insulators have nothing to act on there:

{table(inserted)}

Compatibility: additive enhancers by the class of the promoter:

{table(by_class)}

Two elements shuffled together: the log ratio beyond the sum of each alone, predicted against true:

{table(together)}
"""


def between(path: Path, text: str) -> None:
    """Put it between the markers of a file."""
    old = path.read_text(encoding="utf-8")
    before, _, rest = old.partition(BEGIN + "\n")
    after = rest.partition(END)[2]
    if not after:
        raise SystemExit(f"{path}: the markers {BEGIN} and {END} are missing")
    write_text(path, f"{before}{BEGIN}\n\n{text}\n{END}{after}")


def draw(measures: Measured) -> None:
    """The curve of the validation, and effects predicted against true."""
    from creme import report

    curve = pd.read_csv(CURVE)
    FIGURES.mkdir(parents=True, exist_ok=True)
    figure, axes = report.panels(1, 2, width=170, height=65)
    left, right = axes[0]
    for column in [name for name in curve if name.startswith("slope_")]:
        low, high = (int(part) / 1000 for part in column.split("_")[1:])
        left.plot(curve["seconds"] / 60, curve[column], label=f"{low:g} to {high:g} kb")
    left.plot(curve["seconds"] / 60, curve["open_correlation"], "k:", label="accessibility, r")
    left.set(xlabel="minutes of training", ylabel="slope, or correlation", ylim=(-0.1, 1.2))
    left.legend(fontsize="x-small", loc="lower right")
    singles = measures.singles
    right.plot(singles["true"], singles["found"], ".", markersize=1.5, rasterized=True)
    ends = [singles["true"].min(), singles["true"].max()]
    right.plot(ends, ends, "k-", linewidth=0.6)
    right.set(xlabel="true log ratio", ylabel="predicted log ratio")
    report.save(figure, FIGURES / "curve", ("svg",))


def main() -> None:
    """Measure, and write unless it is a look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loci", type=int, default=400)
    loci = parser.parse_args().loci
    measures = measured(loci)
    text = written(measures, loci)
    print(text)
    if loci == parser.get_default("loci"):
        for path in (CARD, PAGE):
            between(path, text)
        draw(measures)


if __name__ == "__main__":
    main()
