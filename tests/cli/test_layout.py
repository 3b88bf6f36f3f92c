"""Tables that fit the screen."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console

from creme.cli.layout import cell, fitted

WORDS = ("chr1:1234567-1239567", "enhancer", "GENE12345", "0.123", "of", "tiles", "silencing")


def printed(columns, rows, width, **options) -> list[str]:
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False)
    for part in fitted(columns, rows, width, **options):
        console.print(part)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text.splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("seed", range(8))
def test_no_line_is_too_long_and_no_word_is_cut(width, seed):
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 14))
    columns = [f"column_{k}"[: int(random.integers(3, 12))] + str(k) for k in range(n)]
    rows = [
        [" ".join(random.choice(WORDS, int(random.integers(1, 5)))) for _ in columns]
        for _ in range(int(random.integers(1, 6)))
    ]
    lines = printed(columns, rows, width, title="a title")
    assert max(map(len, lines)) <= width
    shown = " ".join(lines).replace("│", " ").replace("┃", " ").split()
    for text in [*columns, *(text for row in rows for text in row)]:
        assert set(text.split()) <= set(shown)


def test_a_table_that_fits_is_one():
    lines = printed(["locus", "effect"], [["GENE1", 0.5], ["GENE2", 0.25]], 80)
    assert sum("locus" in line for line in lines) == 1
    assert any("│ GENE1 │  0.500 │" in line for line in lines)


def test_further_parts_repeat_the_first_column_where_it_tells_rows_apart():
    columns = ["locus", *(f"a_long_column_{k}" for k in range(5))]
    rows = [[f"GENE{place}", *range(5)] for place in range(2)]
    lines = printed(columns, rows, 60)
    parts = sum("locus" in line for line in lines)
    assert parts > 1
    assert sum("GENE1" in line for line in lines) == parts
    same = [["GENE1", *row[1:]] for row in rows]
    numbered = printed(columns, same, 60)
    assert [line for line in numbered if line.startswith("│ 2 ")]


def test_a_long_text_gets_the_room():
    rows = [["short", "a sentence of many words that goes on and on " * 3]]
    assert len(printed(["name", "meaning"], rows, 60)) <= 8


def test_columns_and_colours_of_the_environment():
    """A process each: the consoles are made when they are imported."""
    code = (
        "from creme.cli.terminal import err, out, show_table, say_aside\n"
        "show_table('t', ['one', 'two'], [['x ' * 30, 'y ' * 30]])\n"
        "say_aside('Note: yellow')\n"
        "import json; print(json.dumps([out.width, err.no_color]))"
    )

    def run(**settings: str) -> tuple[list[object], str]:
        env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**env, "FORCE_COLOR": "1", **settings},
        )
        *table, values = re.sub("\x1b\\[[0-9;]*m", "", done.stdout).splitlines()
        assert max(map(len, table)) <= int(settings["COLUMNS"])
        return json.loads(values), done.stderr

    values, coloured = run(COLUMNS="50")
    assert values == [50, False]
    assert "\x1b[33m" in coloured
    values, plain = run(NO_COLOR="1", COLUMNS="70")
    assert values == [70, True]
    assert "\x1b[33m" not in plain


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0.000"),
        (1.23456, "1.235"),
        (-5.1, "-5.100"),
        (0.0005, "0.001"),
        (0.00049, "4.9e-04"),
        (-2.04e-7, "-2.0e-07"),
        (float("nan"), "nan"),
    ],
)
def test_a_small_number_is_not_written_as_nothing(value, written):
    assert cell(value) == written
