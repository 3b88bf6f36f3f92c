"""The devices and versions that predictions of a source were made with.

They stand in the index's table of keys and values, which every version has.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa

from creme.store.schema import insert_new, meta


def record_environment(engine: sa.Engine, source_id: int, environment: dict[str, Any]) -> None:
    """Keep an environment with a source, once."""
    text = json.dumps(environment, sort_keys=True)
    key = _prefix(source_id) + hashlib.sha256(text.encode()).hexdigest()[:16]
    with engine.begin() as connection:
        connection.execute(insert_new(engine, meta).values(key=key, value=text))


def environments(engine: sa.Engine, source_id: int) -> list[dict[str, Any]]:
    """The environments of a source, in the order of their keys."""
    query = (
        sa.select(meta.c.value)
        .where(meta.c.key.startswith(_prefix(source_id), autoescape=True))
        .order_by(meta.c.key)
    )
    with engine.connect() as connection:
        return [json.loads(value) for value in connection.scalars(query)]


def _prefix(source_id: int) -> str:
    return f"environment/{source_id}/"
