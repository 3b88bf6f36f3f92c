"""The store of predictions: Zarr chunks written once, and a SQL index."""

from __future__ import annotations

from creme.store.store import Source, Store

__all__ = ["Source", "Store"]
