"""What a study has found so far."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from creme.errors import ResultsError, listing
from creme.study.folder import Folder
from creme.study.loci import TEST
from creme.study.stages.tables import with_category

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


class Study:
    """A study's folder, and what it holds so far.

    Parameters
    ----------
    path : str or Path
        The folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.folder = Folder.existing(path)

    @property
    def path(self) -> Path:
        """The folder."""
        return self.folder.path

    def state(self) -> dict[str, Any]:
        """What ``study.json`` says."""
        return self.folder.state()

    def stages(self) -> dict[str, dict[str, Any]]:
        """State and counts of each stage."""
        return self.folder.stages()

    @property
    def interrupted(self) -> bool:
        """Whether a stage was stopped before its end."""
        return any(stage["state"] == "interrupted" for stage in self.stages().values())

    def table(self, name: str) -> pd.DataFrame:
        """A table by name: a stage's, or another one; see `creme.study.folder`."""
        return self.folder.table(name)

    def dataset(self, stage: str) -> xr.Dataset:
        """A stage's Dataset, with ``category`` along `locus` once that is known.

        Raises
        ------
        ResultsError
            If the stage is unknown, is not finished, or had nothing to do.
        """
        known = self.stages()
        if stage not in known:
            raise ResultsError(f"{self.path} has no stage {stage!r}: it has {listing(known, 20)}")
        if known[stage]["state"] != "finished":
            raise ResultsError(
                f"stage {stage!r} of {self.path} is {known[stage]['state']}: go on with 'creme "
                f"study {self.path}'"
            )
        if known[stage].get("note"):
            raise ResultsError(f"stage {stage!r} has no results: {known[stage]['note']}")
        found = self.folder.results(stage).load(TEST if stage == "loci" else stage)
        if stage == "loci" or not self.folder.finished("context_dependence"):
            return found
        frame = self.table("categories")
        return with_category(found, dict(zip(frame["locus"], frame["category"], strict=True)))
