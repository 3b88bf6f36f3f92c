"""The scorecard as a page to look at: each score between the guess and the oracle."""

from __future__ import annotations

import pandas as pd

from creme.benchmark.scorecard import GUESS, STRONG

_SAYS = {
    "enhancers, average precision": (
        "higher",
        f"How well tiles of a true effect of {STRONG.strong} or more stand before the others when "
        "all are ordered by effect.",
    ),
    "silencers, average precision": (
        "higher",
        f"The same of tiles of a true effect of -{STRONG.strong} or less, from the other end.",
    ),
    "noise floor": ("lower", "The effect that 19 of 20 tiles stay below which do nothing."),
    "enhancers found": ("higher", "The share of true enhancers that are called, at q < 0.05."),
    "silencers found": ("higher", "The share of true silencers that are called, at q < 0.05."),
    "calls that are right": ("higher", "The share of the calls whose tile does what they say."),
    "slope": ("one", "Measured on true log2 fold changes of a tile, over its distances."),
    "half ratio": ("one", "Measured by true copies at half of the saturation, the median."),
    "half spread": ("lower", "How far that is off at a typical locus, log2."),
    "right": ("higher", "The share of pairs of elements that are classified as they truly act."),
}
_SLOPE = ("one", "Measured on true effects of the tiles at that distance.")


def scorecard_html(table: pd.DataFrame, title: str, about: str, model: str) -> str:
    """A scorecard as an HTML page that needs no network.

    Parameters
    ----------
    table : DataFrame
        Of `creme.benchmark.scorecard.scorecard` or `creme.benchmark.scorecard.table_scorecard`.
    title : str
    about : str
        A paragraph on the model and the loci.
    model : str
        Its name.

    Returns
    -------
    str

    Raises
    ------
    PluginError
        If matplotlib, which reports need, is missing.
    """
    from creme.report.scores_page import scores_page

    says = [_SAYS.get(name, _SLOPE) for name in table["score"]]
    scores = table.assign(
        better=[better for better, _ in says], sentence=[sentence for _, sentence in says]
    )
    return scores_page(
        scores.rename(columns={"guess": "floor", "oracle": "ceiling"}),
        title=title,
        about=about,
        model=model,
        floor="a guess",
        ceiling="the oracle",
        notes=[
            "Intervals are 95 % intervals over loci. A slope or a ratio of 1 is a model whose "
            "effects are as large as the true ones; the dashed line is at 1.",
            GUESS,
        ],
    )
