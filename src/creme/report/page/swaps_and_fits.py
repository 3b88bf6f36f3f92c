"""Swaps and fitted plateaus, by locus, as a locus's section shows them."""

from __future__ import annotations

from creme.report.page.encode import Data, numbers
from creme.report.page.results import PageResults

_OF_SWAPS = ("source", "target", "target_category")


class Swaps:
    """The effects of each TSS in foreign contexts, by their category: means, as pairs are many."""

    def __init__(self, results: PageResults, tracks: list[str]) -> None:
        self._by_key: dict[tuple[str, str], list[Data]] = {}
        if "context_swap" not in results.labels:
            return
        wanted = ["effect", "dinuc_effect"]
        opened = results.open("context_swap")[[*wanted]].sel(track=tracks)
        frame = opened.drop_vars(
            [n for n in opened.coords if n not in ("track", *_OF_SWAPS)]
        ).to_dataframe()
        frame = frame.reset_index("track").reset_index(drop=True)
        frame = frame[frame["source"] != frame["target"]]
        keys = ["source", "track", "target_category"]
        for (locus, track, category), part in frame.groupby(keys, sort=True):
            means = part[wanted].mean()
            self._by_key.setdefault((str(locus), str(track)), []).append(
                {
                    "category": str(category),
                    "n": len(part),
                    **{key: numbers(means[key]) for key in wanted},
                }
            )

    def of(self, locus: str, track: str) -> Data:
        swaps = self._by_key.get((locus, track))
        return {"swap": swaps} if swaps else {}


class Fits:
    """The saturation that the study has fitted to each CRE's copies."""

    def __init__(self, results: PageResults) -> None:
        table = results.table("saturation")
        self._by_key: dict[tuple[str, int, str, str], Data] = {}
        if table is None or "plateau" not in table:
            return
        columns = ["locus", "tile_start", "search", "track", "plateau", "half", "saturates"]
        for locus, start, search, track, plateau, half, saturates in table[columns].itertuples(
            index=False
        ):
            self._by_key[str(locus), int(start), str(search), str(track)] = {
                "plateau": numbers(plateau),
                "half": numbers(half),
                "saturates": str(saturates).lower() in ("true", "1", "1.0"),
            }

    def of(self, locus: str, start: int, search: str, track: str) -> Data:
        return self._by_key.get((locus, start, search, track), {})
