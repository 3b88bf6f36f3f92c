"""The tests of this folder on TensorFlow and JAX: one process runs one backend."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_the_other_backends(backend):
    if os.environ.get("KERAS_BACKEND", "torch") != "torch":
        pytest.skip("this is the other process")
    if find_spec(backend) is None:
        pytest.skip(f"pip install {backend}")
    files = ["test_keras.py", "test_spliceai.py"]
    # The kit on two small networks says as much as on three.
    options = ["-q", "-c", HERE.parent / "pyproject.toml", "-k", "not xpresso_conforms"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *(HERE / file for file in files)],
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout[-3000:])
    assert done.returncode == 0, done.stdout[-6000:]
