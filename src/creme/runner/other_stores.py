"""The stores of others that a file names: ``read_from``."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from creme.errors import ConfigError
from creme.parameters import Parameters

if TYPE_CHECKING:
    from creme.store.others import NamedPlace


class OtherStore(Parameters):
    """A store that is read, with the index that is not in its directory."""

    name: ClassVar[str] = "read_from"

    store: str = Field(description="its directory or URL")
    index: str | None = Field(None, repr=False, description="SQLAlchemy URL of its index")


ReadFrom = list[str | OtherStore]
READ_FROM: str = "stores that are read first and never written: directories, or tables of store "
READ_FROM += "and index; one whose index is in SQLite has to be sealed (creme cache seal)"


def places(read_from: SequenceOf[str | Path | OtherStore], folder: Path) -> tuple[NamedPlace, ...]:
    """The stores of a list, each with the URL of its index.

    Parameters
    ----------
    read_from : sequence of str, Path or OtherStore
    folder : Path
        Where relative paths start from.

    Raises
    ------
    ConfigError
        If one is named twice.
    """
    # A file is read without what a store needs.
    from creme.store.location import place_at

    named: list[NamedPlace] = []
    for each in read_from:
        table = each if isinstance(each, OtherStore) else OtherStore(store=str(each))
        place = place_at(table.store, folder)
        if place in [one for one, _ in named]:
            raise ConfigError(f"read_from: {place} is there twice")
        named.append((place, table.index))
    return tuple(named)
