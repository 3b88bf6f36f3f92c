"""The store's contract over its indexes: SQLite, shared and for one process, and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from creme.store import Source, Store
from creme.testing import ConformanceError, check_store, store_checks
from creme.testing.stores import check_read_back


@pytest.mark.parametrize("check", store_checks(), ids=str)
def test_sqlite(tmp_path, check):
    check(lambda: lambda: Store(tmp_path / "s"))


@pytest.mark.parametrize("check", store_checks(), ids=str)
def test_sqlite_for_one_process(tmp_path, check, monkeypatch):
    monkeypatch.setattr("creme.store.opening.shared_between_hosts", lambda path: "lustre")
    check(lambda: lambda: Store(tmp_path / "s"))


@pytest.mark.parametrize("check", store_checks(), ids=str)
def test_postgresql(tmp_path, check, postgres):
    url = postgres.url()
    check(lambda: lambda: Store(tmp_path / "s", index_url=url))


class Forgetful(Store):
    """Does not keep what is written last."""

    def write(
        self,
        source: Source,
        digests: Sequence[bytes],
        values: NDArray[np.float32],
        *,
        origin: str | None = None,
    ) -> list[int]:
        return super().write(source, digests[:-1], values[:-1], origin=origin)


class Rounding(Store):
    """Serves values that are nearly those that were written."""

    def read(self, source: Source, digests: Iterable[bytes]) -> dict[bytes, NDArray[np.float32]]:
        return {
            digest: values.astype(np.float16).astype(np.float32)
            for digest, values in super().read(source, digests).items()
        }


def test_a_store_that_breaks_the_contract_is_named(tmp_path):
    places = iter(range(100))

    def make():
        place = tmp_path / str(next(places))
        return lambda: Forgetful(place)

    with pytest.raises(ConformanceError) as error:
        check_store(make)
    lines = str(error.value).splitlines()
    assert any(line.startswith("check_read_back: ") for line in lines)
    assert any(line.startswith("check_compact: ") for line in lines)


def test_values_that_are_nearly_right_are_not(tmp_path):
    with pytest.raises(ConformanceError, match="has other values than were stored"):
        check_read_back(lambda: lambda: Rounding(tmp_path / "s"))
