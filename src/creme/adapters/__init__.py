"""The names that those who bring a model import: bases, tables of tracks, PyTorch, files.

They are imported when they are first used; no framework comes with them before a network is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from creme.lazy import attach

__all__ = [
    "ENFORMER_TARGETS",
    "DescribedModel",
    "Description",
    "Download",
    "Features",
    "FileModel",
    "LoadedModel",
    "NotInFingerprint",
    "PretrainedModel",
    "SplitModel",
    "SplitTorchModel",
    "TorchModel",
    "arithmetic",
    "attended",
    "cache_folder",
    "digest",
    "heads_of",
    "read_columns",
    "read_targets",
    "relative_attention",
    "track_table",
    "transformed",
    "write_text",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "LoadedModel": "creme.adapters.loaded",
        "DescribedModel": "creme.adapters.described",
        "Description": "creme.adapters.description",
        "FileModel": "creme.adapters.described",
        "TorchModel": "creme.adapters.torch_model",
        "SplitTorchModel": "creme.adapters.torch_model",
        "arithmetic": "creme.adapters.torch_model",
        "PretrainedModel": "creme.adapters.pretrained",
        "SplitModel": "creme.adapters.split",
        "Features": "creme.adapters.split",
        "NotInFingerprint": "creme.fingerprint",
        "ENFORMER_TARGETS": "creme.adapters.targets",
        "read_columns": "creme.adapters.targets",
        "read_targets": "creme.adapters.targets",
        "track_table": "creme.adapters.targets",
        "attended": "creme.adapters.relative_positions",
        "heads_of": "creme.adapters.relative_positions",
        "relative_attention": "creme.adapters.relative_positions",
        "transformed": "creme.adapters.relative_positions",
        "Download": "creme.files.fetch",
        "cache_folder": "creme.files.cache_folder",
        "digest": "creme.files.digests",
        "write_text": "creme.files.durable",
    },
)

if TYPE_CHECKING:
    from creme.adapters.described import DescribedModel, FileModel
    from creme.adapters.description import Description
    from creme.adapters.loaded import LoadedModel
    from creme.adapters.pretrained import PretrainedModel
    from creme.adapters.relative_positions import (
        attended,
        heads_of,
        relative_attention,
        transformed,
    )
    from creme.adapters.split import Features, SplitModel
    from creme.adapters.targets import ENFORMER_TARGETS, read_columns, read_targets, track_table
    from creme.adapters.torch_model import SplitTorchModel, TorchModel, arithmetic
    from creme.files.cache_folder import cache_folder
    from creme.files.digests import digest
    from creme.files.durable import write_text
    from creme.files.fetch import Download
    from creme.fingerprint import NotInFingerprint
