"""Sizes, colours, and files that stand whole or not at all."""

from __future__ import annotations

import os
import stat

import matplotlib as mpl
import numpy as np
import pytest
from drawn import finish
from matplotlib.colors import to_rgb

from creme.errors import ConfigError
from creme.report.marks import name, number, offset
from creme.report.style import PALETTE, colours, panels, save

pytestmark = pytest.mark.filterwarnings("error")


def test_panels_have_the_size_asked_for():
    figure, axes = panels(2, 3, width=120, height=80)
    assert axes.shape == (2, 3)
    np.testing.assert_allclose(np.array(figure.get_size_inches()) * 25.4, [120, 80])
    with pytest.raises(ConfigError, match="rows = 0"):
        panels(0, 1)
    with pytest.raises(ConfigError, match="height = -1"):
        panels(height=-1)


def test_files_of_each_format_with_the_whole_stem(tmp_path):
    figure, axes = panels()
    files = save(axes[0, 0], tmp_path / "new" / "figure.2a")
    assert [file.name for file in files] == ["figure.2a.svg", "figure.2a.pdf", "figure.2a.png"]
    starts = [file.read_bytes()[:5] for file in files]
    assert starts == [b"<?xml", b"%PDF-", b"\x89PNG\r"]
    assert sorted((tmp_path / "new").iterdir()) == sorted(files)
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o644 for file in files)
    assert save(figure, tmp_path / "one", "svg") == [tmp_path / "one.svg"]


def test_an_unknown_format_writes_nothing(tmp_path):
    figure, _ = panels()
    with pytest.raises(ConfigError, match=r"formats: gif; figures are saved as svg, pdf, png"):
        save(figure, tmp_path / "new" / "figure", ["svg", "gif"])
    assert not list(tmp_path.iterdir())


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    figure, _ = panels()
    (file,) = save(figure, tmp_path / "figure", ["svg"])
    before = file.read_bytes()

    def full(_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    figure.text(0.5, 0.5, "more")
    with pytest.raises(OSError, match="no space"):
        save(figure, tmp_path / "figure", ["svg"])
    assert [one.name for one in tmp_path.iterdir()] == ["figure.svg"]
    assert file.read_bytes() == before


def test_names_keep_their_colours_and_others_get_their_own():
    found = colours(["mine", "enhancing", "yours", "mine"])
    assert found["enhancing"] == PALETTE["enhancing"]
    assert found["mine"] != found["yours"]


def test_the_contexts_differ_in_lightness_or_for_all_kinds_of_colour_vision():
    """Distances after Viénot's projections for protanopes and deuteranopes."""
    forms = [
        np.eye(3),
        np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]),
        np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]),
    ]
    for group in (["enhancing", "neutral", "silencing"], ["necessity", "sufficiency"]):
        linear = [np.array(to_rgb(PALETTE[one])) ** 2.2 for one in group]
        for form in forms:
            seen = [np.clip(form @ one, 0, 1) ** (1 / 2.2) for one in linear]
            for k, one in enumerate(seen):
                for other in seen[k + 1 :]:
                    assert np.linalg.norm(one - other) > 0.15


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GATA1", "GATA1"),
        ("two\nlines\tand\x00", "two lines and\N{REPLACEMENT CHARACTER}"),
        ("abcdefghijkl" * 5, "abcdefghijkl…bcdefghijkl"),
        ("", ""),
        (7, "7"),
    ],
)
def test_names_are_one_short_line(text, expected):
    assert name(text) == expected
    assert len(expected) <= 24


def test_numbers_have_a_minus_and_no_sign_at_zero():
    assert number(-0.123) == "\N{MINUS SIGN}0.12"
    assert number(-0.001) == "0.00"
    assert offset(-45_000) == "\N{MINUS SIGN}45 kb"
    assert offset(2_500) == "+2.5 kb"
    assert offset(0) == "0 kb"


def test_ticks_made_after_the_style_has_gone_have_its_size():
    _, axes = panels(width=85)
    from creme.report.style import axes_of

    ax = axes_of(axes[0, 0])
    with mpl.rc_context({"xtick.labelsize": 30}):
        ax.set_xlim(0, 5)
        finish(ax)
        assert {text.get_fontsize() for text in ax.get_xticklabels()} == {6.0}
