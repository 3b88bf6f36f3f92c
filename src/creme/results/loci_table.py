"""The loci of a test's results, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

PLACE = ("gene", "transcript", "contig", "tss_position", "strand")
"""Labels of a locus, as results have them."""


def loci_of(opened: xr.Dataset, track: str) -> pd.DataFrame | None:
    """The loci with `PLACE` and their activity of a track; None for units that are pairs of loci.

    Parameters
    ----------
    opened : Dataset
        Of a test, of the loci's own TSSs.
    track : str
    """
    import numpy as np
    import pandas as pd

    if "locus" not in opened.dims or "source" in opened.coords:
        return None
    # A store gives text as numpy's StringDType, which is not cast to str.
    values = {key: opened[key].values.tolist() for key in ("locus", *PLACE) if key in opened}
    named = [key for key in PLACE if key != "tss_position"]
    texts = {key: values.get(key, [""] * len(values["locus"])) for key in ("locus", *named)}
    frame = pd.DataFrame(texts, dtype=object)
    frame["tss_position"] = np.array(values.get("tss_position", -1), dtype=int)
    frame = frame[["locus", *PLACE]]
    measured = "wild_type" in opened and opened["wild_type"].dims == ("locus", "track")
    if measured and track in opened["track"].values:
        activity = opened["wild_type"].sel(track=track).values
        return frame.assign(activity=activity.astype(float))
    return frame.assign(activity=np.nan)


def no_loci() -> pd.DataFrame:
    """A table of `loci_of` without rows."""
    import pandas as pd

    kinds = {"locus": object, **dict.fromkeys(PLACE, object), "tss_position": int}
    return pd.DataFrame(columns=[*kinds, "activity"]).astype({**kinds, "activity": float})
