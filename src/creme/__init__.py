"""CREME: in silico perturbation experiments on sequence-based DNNs.

The names of everyday use are here; they are imported when they are first asked for, so that
``import creme`` stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from creme.lazy import attach

__version__ = "0.1.0"

__all__ = [
    "Edit",
    "Experiment",
    "Genome",
    "Locus",
    "Model",
    "Mutant",
    "OutputHead",
    "Perturbation",
    "Profiles",
    "Readout",
    "Selection",
    "Sequence",
    "Store",
    "Study",
    "Test",
    "Tile",
    "Tiling",
    "Track",
    "TrackTable",
    "__version__",
    "derive",
    "load_loci",
    "load_model",
    "measure",
    "open_results",
    "scorecard",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "load_loci": "creme.api",
        "load_model": "creme.api",
        "measure": "creme.api",
        "open_results": "creme.study.view",
        "scorecard": "creme.scorecards.run",
        "Experiment": "creme.runner.experiment",
        "Study": "creme.study.study",
        "Edit": "creme.sequence",
        "Mutant": "creme.sequence",
        "Sequence": "creme.sequence",
        "Tile": "creme.tiling",
        "Tiling": "creme.tiling",
        "Genome": "creme.genome",
        "Locus": "creme.genome",
        "Model": "creme.model",
        "OutputHead": "creme.model",
        "Readout": "creme.model",
        "Selection": "creme.model",
        "Track": "creme.model",
        "TrackTable": "creme.model",
        "Perturbation": "creme.perturbation",
        "Profiles": "creme.test",
        "Test": "creme.test",
        "Store": "creme.store",
        "derive": "creme.seeds",
    },
)

if TYPE_CHECKING:
    from creme.api import load_loci, load_model, measure
    from creme.genome import Genome, Locus
    from creme.model import Model, OutputHead, Readout, Selection, Track, TrackTable
    from creme.perturbation import Perturbation
    from creme.runner.experiment import Experiment
    from creme.scorecards.run import scorecard
    from creme.seeds import derive
    from creme.sequence import Edit, Mutant, Sequence
    from creme.store import Store
    from creme.study.study import Study
    from creme.study.view import open_results
    from creme.test import Profiles, Test
    from creme.tiling import Tile, Tiling


def _refuse_clash() -> None:
    """Two other distributions install the same import name; mixed files fail in odd ways."""
    from pathlib import Path

    installed_in = Path(__file__).resolve().parent.parent
    for other, pattern in (("creme-nn", "creme_nn-*.dist-info"), ("creme", "creme-*.dist-info")):
        if next(installed_in.glob(pattern), None) is not None:
            raise ImportError(
                f"the distribution {other!r} is installed into the same folder 'creme' as "
                f"creme-toolkit, and their files are mixed. Run 'pip uninstall {other} "
                f"creme-toolkit' and install creme-toolkit again; keep {other} in another "
                f"environment."
            )


_refuse_clash()
