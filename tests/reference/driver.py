"""Runs inside the reference package's environment: a job of named calls to its functions.

    python driver.py JOB RESULTS

JOB is a pickle of plain dicts, lists and numpy arrays. ``shuffles`` maps the codes of a sequence to
the shuffles that the reference's own shuffle is replaced with, in the order of its calls; after the
last one they come again.
"""

import ast
import contextlib
import hashlib
import io
import pickle
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import creme.creme as reference  # type: ignore[import-not-found]
import creme.shuffle as reference_shuffle  # type: ignore[import-not-found]

from position_model import PositionModel

own_shuffle = reference_shuffle.dinuc_shuffle
MODEL = PositionModel()
OPTIMIZATIONS = {"min": np.argmin, "max": np.argmax}


def onehot(codes):
    return np.eye(4)[np.asarray(codes)]


def key(codes):
    return hashlib.sha256(np.asarray(codes, dtype=np.uint8).tobytes()).hexdigest()


class Fixed:
    """In place of dinuc_shuffle."""

    def __init__(self, shuffles):
        self.shuffles, self.calls = shuffles, {}

    def __call__(self, seq, num_shufs=None, rng=None, seed=None):
        name = key(seq.argmax(axis=1))
        given = self.shuffles[name]
        first = self.calls.get(name, 0)
        self.calls[name] = first + (num_shufs or 1)
        chosen = [onehot(given[k % len(given)]) for k in range(first, self.calls[name])]
        return np.stack(chosen) if num_shufs else chosen[0]


def call(name, x, arguments):
    """One call; arrays of codes called `..._codes` become one-hot."""
    arguments = {
        (k[:-6] if k.endswith("_codes") else k): onehot(v) if k.endswith("_codes") else v
        for k, v in arguments.items()
    }
    if "optimization" in arguments:
        arguments["optimization"] = OPTIMIZATIONS[arguments["optimization"]]
    if name == "set_tile_range":
        return set_tile_range()(**arguments)
    if name == "dinuc_shuffle":
        return own_shuffle(arguments["sequence"], seed=arguments["seed"])
    first = [] if name in ("context_swap_test", "prune_sequence") else [x]
    with contextlib.redirect_stdout(io.StringIO()):
        found = getattr(reference, name)(MODEL, *first, **arguments)
    if name == "higher_order_interaction_test":
        return found, arguments["cre_tiles_to_test"]
    return found


def set_tile_range():
    """The function alone: its module imports much that is not needed here."""
    source = (Path(reference.__file__).parent / "utils.py").read_text()
    (node,) = [n for n in ast.parse(source).body if getattr(n, "name", None) == "set_tile_range"]
    scope = {"np": np}
    exec(compile(ast.Module([node], []), "utils.py", "exec"), scope)
    return scope["set_tile_range"]


def main():
    job = pickle.loads(Path(sys.argv[1]).read_bytes())
    results = {}
    for label, (name, codes, arguments) in job["calls"].items():
        reference_shuffle.dinuc_shuffle = Fixed(job["shuffles"])
        x = None if codes is None else onehot(codes)
        try:
            results[label] = call(name, x, arguments)
        except Exception as error:
            results[label] = f"{type(error).__name__}: {error}"
    Path(sys.argv[2]).write_bytes(pickle.dumps(results))


if __name__ == "__main__":
    main()
