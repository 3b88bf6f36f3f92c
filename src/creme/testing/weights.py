"""Check that weights are read as data: that loading a network runs nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from creme.errors import ModelError
from creme.model import Model
from creme.testing.checks import ensure
from creme.testing.models import sequences


def check_weights_run_nothing(make: Callable[[], Model], file: Path) -> str:
    """Predict with a file of weights that holds code, as `torch.save` writes it.

    Parameters
    ----------
    make : callable
        Makes the model that reads `file`.
    file : Path
        Where the model looks for its weights, instead of safetensors; it is written.

    Returns
    -------
    str
        The model's error: it should be about the file.

    Raises
    ------
    ConformanceError
        If the code runs, or if what it ends in is no ModelError.
    """
    import torch

    with tempfile.TemporaryDirectory() as folder:
        ran = Path(folder) / "ran"
        torch.save({"weight": _Touching(ran)}, file)
        ended: Exception | None = None
        try:
            model = make()
            model.predict(sequences(model, 1))
        except Exception as error:
            ended = error
        ensure(not ran.exists(), f"code that stands in {file.name} was run")
        torch.load(file, weights_only=False)
        ensure(ran.exists(), "the file does nothing in any case")
    ensure(
        isinstance(ended, ModelError),
        f"weights that hold code ended in {ended!r}: a ModelError says that they cannot be loaded",
    )
    return str(ended)


class _Touching:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self._path,)
