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
    """The environments that are there: ours, the peers', and Enformer's."""
    found = {"toolkit": sys.executable}
    if alone:
        return found
    places = {
        **{peer: folder / peer for peer in ("reference", "tangermeme", "ushuffle", "tensorflow")},
        "enformer": ROOT / ".venv-creme-enformer-torch",
    }
    for name, place in places.items():
        if (place / "done").exists():
            found[name] = str(place / "bin" / "python")
    return found


def data() -> Path | None:
    """The folder of real models and sequences, as the tests look for it."""
    folder = Path(os.environ.get("CREME_TEST_DATA", ROOT.parent / "shared" / "data"))
    return folder if folder.is_dir() else None


def once(python: str, run: Run, more: dict[str, Any]) -> dict[str, Any]:
    """One measurement, in a process of its own."""
    script = HERE / "workers" / f"{run.worker}.py"
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [python, str(script), run.job, json.dumps({**run.values, **more})],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **quiet},
    )
    if done.returncode:
        raise Broken(f"{run.label}, {script.name} {run.job}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


class Session:
    """All cases in turn, and what came of them."""

    def __init__(self, there: dict[str, str], folder: Path | None, rounds: int) -> None:
        self.there, self.folder, self.rounds = there, folder, rounds
        self.measured: list[tuple[Case, list[Round]]] = []
        self.left_out: dict[str, str] = {}
        self.broken: dict[str, str] = {}
        self.versions: dict[str, str] = {}

    def measure(self, case: Case) -> list[Round]:
        """The rounds of a case; none where what it needs is not there."""
        runs = [run for run in case.runs if run.environment in self.there]
        missing = {run.environment for run in case.runs} - set(self.there)
        if missing and len(self.there) > 1:
            self.left_out[case.name] = f"without {', '.join(sorted(missing))}, no environment"
        if case.needs_data and self.folder is None:
            self.left_out[case.name] = "left out: no real data (CREME_TEST_DATA)"
            return []
        if not runs:
            return []
        more = {"data": str(self.folder)} if case.needs_data else {}
        rounds: list[Round] = []
        try:
            for _ in range(min(self.rounds, case.rounds)):
                one = Round()
                for run in runs:
                    found = once(self.there[run.environment], run, more)
                    one.add(run, found)
                    self.versions.update(found["versions"])
                rounds.append(one)
        except Broken as error:
            self.broken[case.name] = "it failed"
            print(f"{case.name} failed: {error}", file=sys.stderr)
            return []
        self.measured.append((case, rounds))
        return rounds

    def wrong(self) -> list[str]:
        """Goals that are not about time and are not reached."""
        return [
            f"{part.title}: {goal.said}, and it was {verdict[0]}"
            for case, rounds in self.measured
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
    given = parser.parse_args()
    chosen = [
        case
        for case in cases(quick=given.quick)
        if not given.only or any(case.name.startswith(name) for name in given.only)
    ]
    if given.list:
        print(*(case.name for case in chosen), sep="\n")
        return 0
    there = pythons(given.environments, alone=given.alone)
    session = Session(there, data(), 1 if given.quick else given.rounds)
    began = os.getloadavg()[0]
    for case in chosen:
        print(f"\n{case.name}", flush=True)
        rounds = session.measure(case)
        if rounds:
            print(*table([(case, rounds)]), sep="\n", flush=True)
    failed = {**session.left_out, **session.broken}
    for name, why in failed.items():
        print(f"{name}: {why}", file=sys.stderr)
    if given.write:
        text = page(session.measured, failed, session.versions, (began, os.getloadavg()[0]))
        given.write.write_text(text, encoding="utf-8")
    wrong = session.wrong()
    for line in wrong:
        print(f"wrong: {line}", file=sys.stderr)
    return 1 if wrong or session.broken else 0


if __name__ == "__main__":
    sys.exit(main())
