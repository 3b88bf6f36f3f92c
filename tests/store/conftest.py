"""The indexes that a store may have."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from services.postgres import Missing, Postgres, server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server; tests that need it skip where there is none."""
    try:
        running = server()
        with running as answer:
            yield answer
    except Missing as error:
        if os.environ.get("CREME_TEST_SERVICES") == "required":
            raise
        pytest.skip(f"{error}")


@pytest.fixture(params=["sqlite", "postgresql"])
def index(request: pytest.FixtureRequest) -> str | None:
    """The URL of a new index: None for the file in the store's directory."""
    if request.param == "sqlite":
        return None
    return request.getfixturevalue("postgres").url()
