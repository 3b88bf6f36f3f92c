"""CREME: in silico perturbation experiments on sequence-based DNNs.

The names of everyday use are here; they are imported when they are first asked for, so that
``import creme`` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Edit": "creme.sequence",
    "Mutant": "creme.sequence",
    "Sequence": "creme.sequence",
    "Tile": "creme.tiling",
    "Tiling": "creme.tiling",
    "Genome": "creme.genome",
    "Locus": "creme.genome",
    "Model": "creme.model",
    "Readout": "creme.model",
    "Selection": "creme.model",
    "Track": "creme.model",
    "TrackTable": "creme.model",
    "Perturbation": "creme.perturbation",
    "Profiles": "creme.test",
    "Test": "creme.test",
    "Store": "creme.store",
    "derive": "creme.seeds",
    "open_results": "creme.study.view",
}

__all__ = [
    "Edit",
    "Genome",
    "Locus",
    "Model",
    "Mutant",
    "Perturbation",
    "Profiles",
    "Readout",
    "Selection",
    "Sequence",
    "Store",
    "Test",
    "Tile",
    "Tiling",
    "Track",
    "TrackTable",
    "__version__",
    "derive",
    "open_results",
]

if TYPE_CHECKING:
    from creme.genome import Genome, Locus
    from creme.model import Model, Readout, Selection, Track, TrackTable
    from creme.perturbation import Perturbation
    from creme.seeds import derive
    from creme.sequence import Edit, Mutant, Sequence
    from creme.store import Store
    from creme.study.view import open_results
    from creme.test import Profiles, Test
    from creme.tiling import Tile, Tiling


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'creme' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])


def _refuse_clash() -> None:
    """Two other distributions install the same import name; mixed files fail in odd ways."""
    from pathlib import Path

    installed_in = Path(__file__).resolve().parent.parent
    for other, pattern in (("creme-nn", "creme_nn-*.dist-info"), ("creme", "creme-*.dist-info")):
        if next(installed_in.glob(pattern), None) is not None:
            raise ImportError(
                f"the distribution {other!r} is installed into the same folder 'creme' as "
                f"creme-toolkit, and their files are mixed. Run 'pip uninstall {other} "
                f"creme-toolkit', then 'pip install creme-toolkit'; keep {other} in another "
                f"environment."
            )


_refuse_clash()
