"""Names for stretches of bases that matter: the most similar motifs by Tomtom."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from creme.motifs.meme import Matrices
from creme.motifs.stretches import important_stretches, query_of

Q = 0.05
"""The largest q of a name."""
FEW = 25
"""With fewer motifs Tomtom's p depends much on which they are."""
COLUMNS = (
    *("locus", "gene", "track", "contig", "start", "end", "strand", "distance", "bases"),
    *("direction", "importance", "peak", "motif", "motif_strand", "p", "q"),
)

_FLIPPED = {"+": "-", "-": "+"}


def most_similar(queries: Sequence[NDArray[np.float64]], motifs: Matrices) -> pd.DataFrame:
    """The motif that is most similar to each matrix, by Tomtom on both strands.

    Tomtom (Gupta, Stamatoyannopoulos, Bailey and Noble 2007) as memelite has it, with complete
    scores. q is the share of wrong names among those with a q as small: that of Benjamini and
    Hochberg over the queries, of the p of the most similar motif after Šidák's correction for the
    number of motifs.

    Parameters
    ----------
    queries : sequence of array (4, width)
        Probabilities of A, C, G and T; all are of one question, since q is over them.
    motifs : dict of str to array (4, width)

    Returns
    -------
    DataFrame
        A row for each query: ``motif``, the name of the most similar, ``strand``, ``-`` if its
        reverse complement is, ``p`` of the comparison, and ``q``.
    """
    if not queries:
        return pd.DataFrame(columns=["motif", "strand", "p", "q"])
    from memelite import tomtom
    from scipy.stats import false_discovery_control

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of few motifs, which our pages say
        # A thread has scratch of its own, up to a gigabyte for long motifs.
        best = tomtom(list(queries), list(motifs.values()), n_nearest=1, n_jobs=1)[:, :, 0]
    p, strand, index = np.clip(best[0], 0.0, 1.0), best[4], best[5].astype(np.int64)
    with np.errstate(divide="ignore"):
        of_all = -np.expm1(len(motifs) * np.log1p(-p))
    names = list(motifs)
    return pd.DataFrame(
        {
            "motif": [names[k] for k in index],
            "strand": np.where(strand > 0, "-", "+"),
            "p": p,
            "q": false_discovery_control(of_all),
        }
    )


def name_stretches(
    dataset: xr.Dataset, motifs: Matrices, tracks: Sequence[str] | None = None
) -> pd.DataFrame:
    """The stretches of bases that matter in saturation mutagenesis, with their motifs.

    Parameters
    ----------
    dataset : Dataset
        Of saturation mutagenesis.
    motifs : dict of str to array (4, width)
        As `creme.motifs.meme.read_motifs` gives them.
    tracks : sequence of str, optional
        The activities; all unless given. q is over the stretches of one activity.

    Returns
    -------
    DataFrame
        `COLUMNS`, a row for each stretch (`creme.motifs.stretches.important_stretches`), those of a
        locus and track along its gene. ``start`` and ``end`` are on the genome, 0-based and
        half-open; ``distance`` is from the TSS to the stretch's middle, bp along the gene;
        ``bases`` are read along the gene. ``direction`` is ``activating`` where changes cost
        activity, else ``repressing``; ``importance`` is the mean over the stretch and ``peak`` that
        of the base that matters most, both shares of the wild type. ``motif`` is the most similar
        one if its ``q`` is at most `Q`, else empty; ``motif_strand`` is that strand of the genome
        on which the stretch reads as the motif does. See `most_similar` for ``p`` and ``q``.
    """
    rows, queries = [], []
    for row, query in _each(dataset, tracks):
        rows.append(row)
        queries.append(query)
    frame = pd.DataFrame(rows, columns=[name for name in COLUMNS if name not in _FROM_TOMTOM])
    parts = [most_similar([], motifs)]
    for of_track in frame.groupby("track", sort=False).indices.values():
        similar = most_similar([queries[k] for k in of_track], motifs)
        parts.append(similar.set_axis(of_track))
    best = pd.concat(parts[1:] or parts).sort_index()
    named = (best["q"] <= Q).to_numpy(dtype=bool)
    ways = zip(frame["strand"], best["strand"], strict=True)
    strand = [of if way == "+" else _FLIPPED[of] for of, way in ways]
    frame["motif"] = np.where(named, best["motif"].to_numpy(dtype=object), "")
    frame["motif_strand"] = np.where(named, np.array(strand, dtype=object), "")
    return frame.assign(p=best["p"].to_numpy(), q=best["q"].to_numpy())[list(COLUMNS)]


_FROM_TOMTOM = ("motif", "motif_strand", "p", "q")


def _each(
    dataset: xr.Dataset, tracks: Sequence[str] | None
) -> Iterator[tuple[tuple[object, ...], NDArray[np.float64]]]:
    """The place and the importance of each stretch, and its query."""
    every = [str(track) for track in dataset["track"].values]
    for name in dataset["locus"].values.tolist():
        one = dataset[["importance", "effect"]].sel(locus=name).load()
        # Of loci with regions of their own some positions are those of others.
        one = one.isel(position=np.flatnonzero(np.isfinite(one["position_start"].values)))
        position = one["position_start"].values.astype(np.int64)
        genomic = one["genomic_start"].values.astype(np.int64)
        distance = one["position_distance"].values
        bases = [str(base) for base in one["reference"].values]
        place = [str(one[label].item()) for label in ("gene", "contig", "strand")]
        for track in every if tracks is None else tracks:
            of = one.sel(track=track)
            importance = of["importance"].transpose("position").values
            effect = of["effect"].transpose("position", "base").values
            for first, end, sign in important_stretches(importance, position):
                part = importance[first:end]
                ends = genomic[[first, end - 1]]
                row = (
                    *(str(name), place[0], track, place[1], int(ends.min()), int(ends.max()) + 1),
                    *(
                        place[2],
                        int(distance[[first, end - 1]].sum() // 2),
                        "".join(bases[first:end]),
                    ),
                    "activating" if sign > 0 else "repressing",
                    float(part.mean()),
                    float(part[np.abs(part).argmax()]),
                )
                yield row, query_of(effect[first:end], sign)
