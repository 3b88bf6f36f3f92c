"""The store of predictions: Zarr chunks written once, and a SQL index."""

from __future__ import annotations

from creme.store.arrays import Source
from creme.store.store import Store

__all__ = ["Source", "Store"]
