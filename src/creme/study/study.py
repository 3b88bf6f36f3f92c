"""A study as an object: read from its file or made in Python, planned and run."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from creme.engines.cluster import ClusterLike
from creme.runner.failures import warn_of_remarks
from creme.runner.progress_bar import shown_in_python
from creme.study.config import StudyFile
from creme.study.forecast.cost import Forecast, forecast
from creme.study.location import Location
from creme.study.run import prepare, run_study
from creme.study.view import StudyResults

if TYPE_CHECKING:
    from distributed import Client


class Study(StudyFile):
    """A study, from a genome and an annotation to every test's tables.

    Its fields are those of the study file; see `creme.study.config.StudyFile`.
    """

    @classmethod
    def from_file(cls, path: str | Path, *, trust: bool = False) -> Self:
        """Read a study file.

        Parameters
        ----------
        path : str or Path
            The file, or the folder of a study.
        trust : bool
            Whether Python files are run that the folder of a study names and that you have not run
            before; those of a study file of your own are.

        Raises
        ------
        ConfigError
            If the file is missing, is not TOML, or holds a key or a value that is not allowed.
        TrustError
            If a Python file that the folder names would be run.
        """
        location = Location.of(path)
        location.check()
        return location.read(cls, trust)

    def plan(
        self,
        output: str | Path | None = None,
        assume_loci: int | None = None,
        *,
        trust: bool = False,
    ) -> list[Forecast]:
        """The predictions that each stage will take; see `creme.study.forecast.cost.forecast`.

        Parameters
        ----------
        output : str or Path, optional
            The study's folder; ``NAME.study`` in the folder of the file unless given. What is
            finished there is known.
        assume_loci : int, optional
            How many loci will be selected, where that is not known.
        trust : bool
            As `from_file`.
        """
        with self.trusting(trust):
            prepared, folder = prepare(self, output)
            return forecast(prepared, folder, assume_loci)

    def run(
        self,
        output: str | Path | None = None,
        stages: SequenceOf[str] | None = None,
        *,
        progress: bool | None = None,
        trust: bool = False,
        cluster: ClusterLike | Client | None = None,
    ) -> StudyResults:
        """Run the study, or go on with it; see `creme.study.run.run_study`.

        Parameters
        ----------
        output : str or Path, optional
            The study's folder; ``NAME.study`` in the folder of the file unless given.
        stages : sequence of str, optional
            Only these, and those that they need and that are not finished.
        progress : bool, optional
            Whether to show how far each stage is; unless given, in notebooks and terminals only.
        cluster : int, str, Client, or dict; optional
            Whose workers predict, instead of the study's; see `creme.measure`.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C; what was predicted is stored, and `run` again goes on from there.
        """
        interrupted = []

        def note(stage: str, state: dict[str, Any], ran: bool) -> None:
            if ran and state["state"] == "interrupted":
                interrupted.append(stage)

        results = run_study(
            self,
            output=output,
            stages=stages,
            progress=lambda stage, plan: shown_in_python(plan, progress),
            on_stage=note,
            trust=trust,
            cluster=cluster,
        )
        if interrupted:
            raise KeyboardInterrupt(
                "stopped before the end; what was predicted is stored, and another run goes on "
                "from there"
            )
        warn_of_remarks({}, results.notes)
        return results
