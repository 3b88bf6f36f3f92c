"""Where the cache and what is remembered of the user lie, on each platform."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from creme.files.cache_folder import cache_folder, state_folder

HOME = {
    "linux": (".cache/creme", ".local/state/creme"),
    "darwin": (None, "Library/Application Support/creme"),
    "win32": (None, "AppData/Local/creme/state"),
}


@pytest.mark.parametrize("platform", HOME)
def test_folders_lie_where_the_platform_has_them(platform, tmp_path, monkeypatch):
    for variable in ("CREME_CACHE_DIR", "CREME_STATE_DIR", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", platform)
    cache, state = HOME[platform]
    assert state_folder() == tmp_path / state
    assert cache_folder() != state_folder()
    assert cache_folder().is_relative_to(tmp_path)
    if cache is not None:
        assert cache_folder() == tmp_path / cache


def test_variables_choose_them(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("CREME_STATE_DIR", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert state_folder() == tmp_path / "state" / "creme"
    monkeypatch.setenv("CREME_STATE_DIR", str(tmp_path / "mine"))
    assert state_folder() == tmp_path / "mine"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delenv("CREME_STATE_DIR")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert state_folder() == tmp_path / "local" / "creme" / "state"
