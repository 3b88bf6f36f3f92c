"""Places on the genome as people and genome browsers write them: 1-based, both ends included."""

from __future__ import annotations


def interval_text(contig: object, start: float, end: float) -> str:
    """``chr1:101-200`` of the 0-based interval [100, 200); ``chr1:101`` of a single base.

    Parameters
    ----------
    contig : object
        Its name.
    start, end : float
        bp, 0-based and half-open. A part before the contig's first base is cut off.

    Returns
    -------
    str
        Empty where `start` or `end` is NaN.
    """
    if start != start or end != end:
        return ""
    first, last = max(0, int(start)) + 1, int(end)
    return f"{contig}:{first}-{last}" if int(end) - int(start) > 1 else f"{contig}:{first}"


def one_place(contig: object, position: float) -> str:
    """A single base, ``chr1:101`` of position 100."""
    return interval_text(contig, position, position + 1)
