"""Stores of others, read and never written, beside the one that a run writes to."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from contextlib import ExitStack
from pathlib import Path

from creme.errors import StoreError
from creme.store.location import place_at
from creme.store.place import Place
from creme.store.store import Store

NamedPlace = tuple[Place, str | None]
"""A store's place, and the URL of its index where that is not in a directory."""


def open_store(
    path: str | Path | Place,
    *,
    index_url: str | None = None,
    origin: str | None = None,
    read_from: SequenceOf[NamedPlace] = (),
) -> Store:
    """Open a store to write to, which has other ones to be read first in its ``others``.

    Parameters
    ----------
    path, index_url, origin
        As for `Store`.
    read_from : sequence of (Place, str or None)
        See `read_others`.

    Raises
    ------
    StoreError
        As `Store` and `read_others`. Nothing is made where one of the others cannot be read.
    """
    others = read_others(read_from, path)
    with ExitStack() as opened:
        for other in others:
            opened.callback(other.close)
        store = Store(path, index_url=index_url, origin=origin)
        store.others = others
        opened.pop_all()
    return store


def read_others(read_from: SequenceOf[NamedPlace], own: str | Path | Place) -> tuple[Store, ...]:
    """Open stores to read; nothing in them is changed, whatever version of the schema they have.

    Parameters
    ----------
    read_from : sequence of (Place, str or None)
        Places and URLs of indexes; those in SQLite have to be sealed (`creme.store.seal`).
    own : str, Path or Place
        The store that is written to.

    Raises
    ------
    StoreError
        If there is no store, it is not sealed, or it is the one that is written to.
    """
    others: list[Store] = []
    with ExitStack() as opened:
        for where, index_url in read_from:
            place = place_at(where)
            if place.recorded() == place_at(own).recorded():
                raise StoreError(
                    f"read_from: {place} is the store that is written to: name other ones"
                )
            try:
                other = Store(place, index_url=index_url, read_only=True)
            except StoreError as error:
                raise StoreError(f"read_from: {error}") from None
            others.append(other)
            opened.callback(other.close)
        opened.pop_all()
    return tuple(others)
