"""The strongest elements of all loci: the table that the report begins with."""

from __future__ import annotations

import heapq
from urllib.parse import quote

import numpy as np

from creme.analysis import scipy_stats as stats
from creme.analysis.network import MINIMUM_EFFECT
from creme.analysis.noise import Q
from creme.genome.places import interval_text
from creme.report.axis_labels import SCALES
from creme.report.marks import number, offset
from creme.report.page.encode import Child, Data, Html, joined, name, tag
from creme.report.page.lanes import under
from creme.report.page.table import count, table

MOST = 24
"""Rows of the table: half of them for enhancers and half for silencers, where there are as many."""
TESTS = ("necessity", "sufficiency")
KINDS = ("enhancer", "silencer")
RELATIVE = SCALES["relative"]
CONFIDENCE = 0.95
MOTIFS = "motifs in what is left"
LEAST_STEP = 0.05
"""A tile that a search has chosen, and that changes the activity by less, gets no number in it."""
_FROM_PYTHON_TO_URI = "!~*'()"  # as encodeURIComponent, by which the script makes addresses

_Ranked = tuple[float, int, int, Data]
"""The size of an effect, minus the locus's and the tile's numbers, and what a row shows."""


def margin(se: float | None, n: int) -> float | None:
    """Half of the 95 % interval of a mean of `n` replicates, by Student's t; None without any."""
    if se is None or n < 2:
        return None
    return float(se * stats.student.ppf(0.5 + CONFIDENCE / 2, n - 1))


class Elements:
    """The tiles with the largest effects, collected while the loci go by.

    An element is a tile whose effect by necessity or by sufficiency is clear of noise (q at most
    0.05), and at least `minimum` of the wild type's activity: with many replicates a tiny effect
    has a small q, too. Without q (a single replicate) the size alone decides. Elements are ranked
    by the larger of the effects that count.

    Parameters
    ----------
    minimum : float
        The smallest effect, with either sign. Effects on other scales than shares of the wild type
        have none.
    """

    def __init__(self, minimum: float = MINIMUM_EFFECT) -> None:
        self._minimum = minimum
        self._below = 0
        self._strongest: dict[str, list[tuple[float, int, int, Data]]] = {
            kind: [] for kind in KINDS
        }
        self._seen = dict.fromkeys(KINDS, 0)
        self._scales: dict[str, str] = {}
        self._lanes: list[str] = []
        self._q = False

    def add(self, k: int, locus: Data) -> None:
        """The tiles of a locus, the `k`-th of the page, by its deciding activity."""
        if not locus["tracks"]:
            return
        first = locus["tracks"][0]
        tests = {test: first[test] for test in TESTS if test in first}
        for test, of in tests.items():
            self._scales[test] = of["scale"]
            self._q |= "q" in of
        others = _others(first)
        motifs = {
            cre["tile"]: {MOTIFS: [hit[0] for hit in cre["motifs"]]}
            for cre in first.get("fine", [])
            if "motifs" in cre
        }
        lanes = [label for label, _ in locus.get("lanes", [])] + ([MOTIFS] if motifs else [])
        self._lanes = list(dict.fromkeys([*self._lanes, *lanes]))
        for tile, (_, _, distance, low, high) in enumerate(locus["tiles"]):
            clear = [of for of in tests.values() if _clear(of, tile)]
            sizes = [of["mean"][tile] for of in clear if self._large(of, tile)]
            if not sizes:
                self._below += bool(clear)
                continue
            most = max(sizes, key=abs)
            kind = KINDS[most < 0]
            self._seen[kind] += 1
            entry, kept = (abs(most), -k, -tile), self._strongest[kind]
            if len(kept) == MOST and entry <= kept[0][:3]:
                continue
            data: Data = {
                "locus": locus["name"],
                "gene": locus["gene"] or locus["name"],
                "place": interval_text(locus["contig"], low, high),
                "distance": distance,
                "class": (first.get("classes") or [""] * (tile + 1))[tile],
                "lanes": {**under(locus, tile), **motifs.get(tile, {})},
                "others": others.get(tile, []),
                **{test: _effect(of, tile) for test, of in tests.items()},
            }
            push = heapq.heappushpop if len(kept) == MOST else heapq.heappush
            push(kept, (*entry, data))

    def rows(self) -> dict[str, list[Data]]:
        """The elements of each kind that the table has, the strongest first."""
        room = {
            kind: max(MOST // 2, MOST - len(self._strongest[other]))
            for kind, other in zip(KINDS, KINDS[::-1], strict=True)
        }
        return {
            kind: [one for *_, one in sorted(kept, reverse=True, key=_order)[: room[kind]]]
            for kind, kept in self._strongest.items()
        }

    def section(self, site: str) -> Html | None:
        """The table; None where no tile has an effect."""
        if not self._scales:
            return None
        heading = tag("h2", "Strongest elements", id="elements")
        shown = self.rows()
        if not any(shown.values()):
            none = f"No tile is an element, that is, a tile with {self._rule()}."
            words = [tag("p", sentence) for sentence in (none, *self._smaller())]
            return tag("section", heading, *words, aria_labelledby="elements")
        rows = [self._row(one) for kind in KINDS for one in shown[kind]]
        columns: list[Child] = ["gene", "on the genome", f"from the {site}"]
        kinds = "  n"
        for test, scale in self._scales.items():
            columns += [joined([test, tag("small", scale)]), *(["q"] if self._q else [])]
            kinds += "n" + ("n" if self._q else "")
        parts = [_part(kind, len(shown[kind]), seen) for kind, seen in self._seen.items() if seen]
        caption = f"{' and '.join(parts)}, the strongest of each kind first"
        heads = [*columns, "class", *map(name, self._lanes), "also measured"]
        used = [k for k in range(len(heads)) if k < 3 or any(str(row[k]) for row in rows)]
        whole = table(
            [heads[k] for k in used],
            [[row[k] for k in used] for row in rows],
            caption=caption,
            numeric="".join(kinds.ljust(len(heads))[k] for k in used),
        )
        return tag(
            "section",
            heading,
            *(tag("p", sentence) for sentence in self._sentences(site)),
            tag("div", whole, class_="elements"),
            aria_labelledby="elements",
        )

    def _sentences(self, site: str) -> list[str]:
        grey = "; values within noise are grey" if self._q else ""
        return [
            f"An element is a tile with {self._rule()}. Elements are ranked by the larger of "
            "the effects that meet this, which is positive for enhancers, negative for silencers.",
            *self._smaller(),
            "Places are 1-based and include both ends, as genome browsers take them. Distances "
            f"run from the {site} to the tile's middle, along the gene: negative is upstream. "
            "Necessity is positive where shuffling the tile lowers the activity, sufficiency where "
            f"the tile by itself raises it{grey}. Below each effect stands its 95 % interval, "
            "mean \N{PLUS-MINUS SIGN} t \N{MULTIPLICATION SIGN} "
            "standard error over the replicates. It covers the choice of shuffles, and no other "
            "kind of error.",
        ]

    def _rule(self) -> str:
        """The rule by which a tile is an element."""
        shares = RELATIVE in self._scales.values()
        effect = "an effect"
        if shares:
            effect += f" of at least {self._minimum:g} of the wild type's activity"
        noise = f" and q at most {Q:g}" if self._q else ""
        return f"{effect}{noise}, in {' or in '.join(self._scales)}"

    def _smaller(self) -> list[str]:
        """A sentence on the tiles that are no elements for their size alone."""
        if not self._below:
            return []
        tiles = "tile has" if self._below == 1 else "tiles have"
        small = f"a q of at most {Q:g}, and smaller effects" if self._q else "smaller effects"
        return [
            f"{count(self._below)} further {tiles} {small}. The CSV of the figures of necessity "
            "and sufficiency lists every tile, and so do the tables of creme export."
        ]

    def _large(self, of: Data, tile: int) -> bool:
        return of["scale"] != RELATIVE or abs(of["mean"][tile]) >= self._minimum

    def _row(self, one: Data) -> list[Child]:
        at = f"#locus={quote(one['locus'], safe=_FROM_PYTHON_TO_URI)}"
        link = f"{at}&tile={one['place'].rpartition(':')[2]}"
        where = f"{one['gene']}, {one['place']}"
        row: list[Child] = [
            tag("a", name(one["gene"]), href=link, aria_label=where),
            joined([name(one["place"]), " ", copy_button(one["place"])]),
            _distance(one["distance"]),
        ]
        for test in self._scales:
            effect = one.get(test) or {"mean": None, "margin": None, "q": None, "noise": False}
            class_ = "within" if effect["noise"] else None
            interval = tag("small", _interval(effect["mean"], effect["margin"]))
            row.append(tag("span", _value(effect["mean"]), interval, class_=class_))
            if self._q:
                row.append("" if effect["q"] is None else number(effect["q"], ".2g"))
        links = [
            part
            for part, words in one["others"]
            for part in (
                ", ",
                tag("a", words, href=f"{link}&part={part}", aria_label=f"{words}: {where}"),
            )
        ][1:]
        lanes = [_names(one["lanes"].get(lane, [])) for lane in self._lanes]
        return [*row, one["class"], *lanes, joined(links)]


def copy_button(words: str) -> Html:
    """A button that copies text; the script shows it."""
    label = f"copy {words}"
    return tag(
        "button", "copy", type="button", class_="copy", data_copy=words, aria_label=label,
        hidden=True,
    )  # fmt: skip


def _order(entry: _Ranked) -> tuple[float, int, int]:
    return entry[:3]


def _clear(of: Data, tile: int) -> bool:
    """Whether a tile has an effect, and it is not within noise as far as is known."""
    if not of["mean"][tile]:  # none, or none at all
        return False
    q = of["q"][tile] if "q" in of else None
    return q is None or q <= Q


def _effect(of: Data, tile: int) -> Data:
    values = of["values"][tile] if "values" in of else []
    n = sum(value is not None for value in values)
    return {
        "mean": of["mean"][tile],
        "margin": margin(of["se"][tile] if "se" in of else None, n),
        "q": of["q"][tile] if "q" in of else None,
        "noise": not _clear(of, tile),
    }


def _others(first: Data) -> dict[int, list[tuple[str, str]]]:
    """Other measurements of each tile: a part of the locus's section, and words for it."""
    by_tile: dict[int, dict[str, str]] = {}
    for cre in first.get("distance", []):
        _note(by_tile, cre["tile"], "map", f"moved to {len(cre['positions'])} places")
    for search in first.get("greedy", []):
        for place, tile in enumerate(search["tiles"]):
            if not step_of(search, place):
                continue
            _note(by_tile, tile, "sets", f"no. {place + 1} of the {search['search']}", and_=True)
    for cre in first.get("copies", []):
        _note(by_tile, cre["tile"], "copies", f"up to {max(cre['copies'], default=0)} copies")
    for cre in first.get("fine", []):
        _note(by_tile, cre["tile"], "fine", "fine tiles")
    return {tile: list(parts.items()) for tile, parts in by_tile.items()}


def step_of(search: Data, place: int) -> float:
    """How far a round of a search changes the activity, in the search's own direction.

    Returns
    -------
    float
        Share of the wild type; 0 where it is below `LEAST_STEP`, or within two standard errors of
        the round's fold change. The script of the map has the same rule.
    """
    means = [1.0, *search["mean"]]
    if means[place] is None or means[place + 1] is None:
        return 0.0
    change = means[place + 1] - means[place]
    change = -change if search["search"] == "enhancers" else change
    error = search["se"][place] if "se" in search else None
    least = LEAST_STEP if error is None else max(LEAST_STEP, 2 * error)
    return float(change) if change >= least else 0.0


def _note(
    by_tile: dict[int, dict[str, str]],
    tile: int | None,
    part: str,
    words: str,
    *,
    and_: bool = False,
) -> None:
    if tile is None:
        return
    parts = by_tile.setdefault(tile, {})
    parts[part] = f"{parts[part]} and {words}" if and_ and part in parts else words


def _part(kind: str, n: int, seen: int) -> str:
    """How many elements of a kind the table has, and of how many."""
    words = f"{count(n)} {kind if n == 1 else kind + 's'}"
    return f"{words} (of {count(seen)})" if seen > n else words


def _names(names: list[str]) -> Child:
    """The first names of a lane, and how many more there are."""
    first = list(dict.fromkeys(names))
    more = f" and {len(first) - 3} more" if len(first) > 3 else ""
    return joined([name(", ".join(first[:3])), more]) if first else ""


def _distance(bp: int) -> str:
    if abs(bp) >= 1000:
        return offset(bp)
    return "0" if bp == 0 else f"{number(bp, '+d')} bp"


def _value(value: float | None) -> str:
    return "" if value is None else number(value, ".3g")


def _interval(mean: float | None, half: float | None) -> str:
    if mean is None or half is None or not np.isfinite(half):
        return ""
    return f"{number(mean - half, '.3g')} to {number(mean + half, '.3g')}"
