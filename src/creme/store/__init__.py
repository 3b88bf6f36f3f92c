"""The store of predictions: Zarr chunks written once, and a SQL index.

zarr and SQLAlchemy are imported with the first name that is used, and not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from creme.lazy import attach

__all__ = ["Source", "Store"]

if TYPE_CHECKING:
    from creme.store.arrays import Source
    from creme.store.store import Store

__getattr__, __dir__ = attach(
    __name__, {"Source": "creme.store.arrays", "Store": "creme.store.store"}
)
