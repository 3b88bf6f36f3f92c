"""The store's contract over its indexes: SQLite, shared and for one process, and PostgreSQL."""

from __future__ import annotations

import pytest

from creme.store import Store
from creme.testing import store_checks


@pytest.mark.parametrize("check", store_checks(), ids=str)
def test_sqlite(tmp_path, check):
    check(lambda: lambda: Store(tmp_path / "s"))


@pytest.mark.parametrize("check", store_checks(), ids=str)
def test_sqlite_for_one_process(tmp_path, check, monkeypatch):
    monkeypatch.setattr("creme.store.opening.shared_between_hosts", lambda path: "lustre")
    check(lambda: lambda: Store(tmp_path / "s"))
