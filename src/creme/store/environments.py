"""The devices and versions that predictions of a source were made with."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa

from creme.store.arrays import Source
from creme.store.index import Index
from creme.store.schema import insert_new, meta


class Environments:
    """Environments of a store's sources, in the index's table of keys and values.

    Parameters
    ----------
    index : Index
    """

    def __init__(self, index: Index) -> None:
        self._index = index

    def record(self, source: Source, environment: dict[str, Any]) -> None:
        """Keep an environment with a source, once.

        Parameters
        ----------
        source : Source
        environment : dict
            JSON values.
        """
        text = json.dumps(environment, sort_keys=True)
        key = _prefix(source) + hashlib.sha256(text.encode()).hexdigest()[:16]
        statement = insert_new(self._index.engine, meta).values(key=key, value=text)
        self._index.write(lambda connection: connection.execute(statement))

    def of(self, source: Source) -> list[dict[str, Any]]:
        """The environments of a source, in the order of their keys."""
        query = (
            sa.select(meta.c.value)
            .where(meta.c.key.startswith(_prefix(source), autoescape=True))
            .order_by(meta.c.key)
        )
        values = self._index.read(lambda connection: connection.scalars(query).all())
        return [json.loads(value) for value in values]


def _prefix(source: Source) -> str:
    return f"environment/{source.id}/"
