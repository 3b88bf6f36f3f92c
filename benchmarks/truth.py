"""The suite on loci whose truth is known, and the pages that say how it does.

    python benchmarks/truth.py                          all experiments of both formulas: hours
    python benchmarks/truth.py --models mini            those of a network that is installed
    python benchmarks/truth.py --only sets --share 0.1  one of them, on a tenth of its loci
    python benchmarks/truth.py --only none              only the pages and the figure

Rows of a model and an experiment are replaced in the tables; others stay. A model that is no
formula takes a tenth of the loci unless ``--share`` says otherwise.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from truth_figure import draw
from truth_page import CITING, TABLES, rewritten, written_noise

from creme.api import load_model
from creme.benchmark.experiments import EXPERIMENTS, chosen_experiments, run_experiment
from creme.benchmark.noisy_oracle import NoisyOracle
from creme.benchmark.subject import Subject
from creme.files.durable import write_text
from creme.models.oracle import OracleModel

LENGTH, CELL = 32_768, "alpha"
NOISE = Path(__file__).resolve().parents[1] / "src/creme/analysis/benchmark_noise.csv"
FORMULAS = {"oracle": OracleModel, "noisy oracle": NoisyOracle}


def subject_of(name: str, store: Path) -> Subject:
    """A formula by its name, or a model that is installed."""
    model = FORMULAS[name](length=LENGTH) if name in FORMULAS else load_model(name)
    return Subject(name, model, cell_type=CELL, store=store, progress=False)


def main() -> None:
    """Measure, write the tables, and rewrite the pages and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="oracle,noisy oracle", help="names, with commas")
    parser.add_argument("--only", help="experiments, with commas; or none")
    parser.add_argument("--share", type=float, help="of the loci of each experiment")
    parser.add_argument("--store", type=Path, help="keeps predictions")
    parser.add_argument("--to", type=Path, default=TABLES, help="folder of the tables")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(EXPERIMENTS)
    names = [] if options.only == "none" else names
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or Path(folder) / "store"
        for experiment in chosen_experiments(names):
            for model in options.models.split(",") if names else ():
                share = options.share or (1.0 if model in FORMULAS else 0.1)
                began = time.process_time()
                run_experiment(experiment, subject_of(model, store), options.to, share=share)
                took = time.process_time() - began
                print(f"{experiment.name}, {model}: {took:.0f} s of processor time", flush=True)
    if options.to == TABLES:
        write_text(NOISE, written_noise())
        for page in CITING:
            write_text(page, rewritten(page.read_text(encoding="utf-8")))
        draw()


if __name__ == "__main__":
    main()
