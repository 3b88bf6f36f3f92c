"""Measure all cases beside the peers, and print or write tables.

python benchmarks/run.py --quick --alone
python benchmarks/run.py --write docs/benchmarks.md
python benchmarks/run.py --only enformer --only store
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from cases import cases
from measured import Case, Round, Run
from page import page, table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


class Broken(Exception):
    """A process that failed."""


def pythons(folder: Path, *, alone: bool) -> dict[str, str]:
    """The Pythons of the installed environments: ours, the peers', and Enformer's."""
    executables = {"toolkit": sys.executable}
    if alone:
        return executables
    folders = {
        **{peer: folder / peer for peer in ("reference", "tangermeme", "ushuffle", "tensorflow")},
        "design": folder / "design",
        "enformer": ROOT / ".venv-creme-enformer-torch",
    }
    for name, environment in folders.items():
        if (environment / "done").exists():
            executables[name] = str(environment / "bin" / "python")
    return executables


def data() -> Path | None:
    """The folder of real models and sequences, as the tests look for it."""
    folder = Path(os.environ.get("CREME_TEST_DATA", ROOT.parent / "shared" / "data"))
    return folder if folder.is_dir() else None


def once(python: str, run: Run, values: dict[str, Any]) -> dict[str, Any]:
    """One measurement, in a process of its own."""
    script = HERE / "workers" / f"{run.worker}.py"
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    process = subprocess.run(
        [python, str(script), run.job, json.dumps({**run.values, **values})],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **quiet},
    )
    if process.returncode:
        raise Broken(f"{run.label}, {script.name} {run.job}:\n{process.stderr[-3000:]}")
    return json.loads(process.stdout.splitlines()[-1])


class Session:
    """All cases in turn, and their measurements."""

    def __init__(self, environments: dict[str, str], folder: Path | None, rounds: int) -> None:
        self.environments, self.folder, self.rounds = environments, folder, rounds
        self.measurements: list[tuple[Case, list[Round]]] = []
        self.left_out: dict[str, str] = {}
        self.broken: dict[str, str] = {}
        self.versions: dict[str, str] = {}

    def measure(self, case: Case) -> list[Round]:
        """The rounds of a case; none if its data or its environments are missing."""
        runs = [run for run in case.runs if run.environment in self.environments]
        missing = {run.environment for run in case.runs} - set(self.environments)
        if missing and len(self.environments) > 1:
            self.left_out[case.name] = f"without {', '.join(sorted(missing))}, no environment"
        if case.needs_data and self.folder is None:
            self.left_out[case.name] = "left out: no real data (CREME_TEST_DATA)"
            return []
        if not runs:
            return []
        values = {"data": str(self.folder)} if case.needs_data else {}
        rounds: list[Round] = []
        try:
            for _ in range(min(self.rounds, case.rounds)):
                one = Round()
                for run in runs:
                    answer = once(self.environments[run.environment], run, values)
                    one.add(run, answer)
                    self.versions.update(answer["versions"])
                rounds.append(one)
        except Broken as error:
            self.broken[case.name] = "it failed"
            print(f"{case.name} failed: {error}", file=sys.stderr)
            return []
        self.measurements.append((case, rounds))
        return rounds

    def wrong(self) -> list[str]:
        """Goals that are not about time and are not reached."""
        return [
            f"{part.title}: {goal.text}, and it was {verdict[0]}"
            for case, rounds in self.measurements
            for part in case.parts
            for goal in part.goals
            if not goal.timed and (verdict := goal.judge(rounds)) is not None and not verdict[1]
        ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--environments", type=Path, default=ROOT / ".bench", help="of the peers")
    parser.add_argument("--rounds", type=int, default=5, help="at most; long cases take fewer")
    parser.add_argument("--quick", action="store_true", help="small cases, one round")
    parser.add_argument("--alone", action="store_true", help="without the peers' environments")
    parser.add_argument("--only", action="append", help="a case by its name, or its beginning")
    parser.add_argument("--list", action="store_true", help="name the cases and stop")
    parser.add_argument("--write", type=Path, help="write the page here")
    options = parser.parse_args()
    chosen = [
        case
        for case in cases(quick=options.quick)
        if not options.only or any(case.name.startswith(name) for name in options.only)
    ]
    if options.list:
        print(*(case.name for case in chosen), sep="\n")
        return 0
    environments = pythons(options.environments, alone=options.alone)
    session = Session(environments, data(), 1 if options.quick else options.rounds)
    began = os.getloadavg()[0]
    for case in chosen:
        print(f"\n{case.name}", flush=True)
        rounds = session.measure(case)
        if rounds:
            print(*table([(case, rounds)]), sep="\n", flush=True)
    failed = {**session.left_out, **session.broken}
    for name, why in failed.items():
        print(f"{name}: {why}", file=sys.stderr)
    if options.write:
        text = page(session.measurements, failed, session.versions, (began, os.getloadavg()[0]))
        options.write.write_text(text, encoding="utf-8")
    wrong = session.wrong()
    for line in wrong:
        print(f"wrong: {line}", file=sys.stderr)
    return 1 if wrong or session.broken else 0


if __name__ == "__main__":
    sys.exit(main())
