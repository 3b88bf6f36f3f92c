"""The user's folders in which the toolkit keeps files."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """``$CREME_CACHE_DIR``, else the folder ``creme`` in the platform's user cache."""
    chosen = os.environ.get("CREME_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "creme"


def state_folder() -> Path:
    """``$CREME_STATE_DIR``, else the folder ``creme`` of the platform's user state.

    It has what is remembered of the user, and cannot be made again, unlike the cache.
    """
    chosen = os.environ.get("CREME_STATE_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        return Path(base) / "creme" / "state"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "creme"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "creme"
