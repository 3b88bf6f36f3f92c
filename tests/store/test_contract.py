"""The store's contract over its indexes: SQLite, alone and shared, and PostgreSQL where one runs."""

from __future__ import annotations

import pytest

from creme.store import Store
from creme.testing import store_checks
from creme.testing.stores import check_compact, check_read_back


@pytest.mark.parametrize("check", store_checks(), ids=str)
def test_sqlite(tmp_path, check):
    check(lambda: lambda: Store(tmp_path / "s"))


@pytest.mark.parametrize("check", store_checks(), ids=str)
def test_sqlite_for_one_process(tmp_path, check, monkeypatch):
    monkeypatch.setattr("creme.store.opening.shared_between_hosts", lambda path: "lustre")
    check(lambda: lambda: Store(tmp_path / "s"))
