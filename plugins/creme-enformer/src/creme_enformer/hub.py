"""Where a SavedModel of the hub lies, once tensorflow_hub or kagglehub has downloaded it.

Neither library is imported, and nothing is downloaded: both libraries' caches have a layout that
does not change. What was downloaded in part counts as absent; the libraries take some of it.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from creme.adapters import cache_folder
from creme.errors import ModelError

HANDLE = "https://tfhub.dev/deepmind/enformer/1"
KAGGLE_HANDLE = "deepmind/enformer/tensorFlow2/enformer/1"

_KAGGLE = re.compile(
    r"(?:https?://(?:www\.)?kaggle\.com/models/)?"
    r"(?P<owner>[\w-]+)/(?P<model>[\w-]+)/(?:frameworks/)?(?P<framework>[\w-]+)/"
    r"(?:variations/)?(?P<variation>[\w-]+)/(?:versions/)?(?P<version>\d+)/?",
)
_SHARD = re.compile(r"variables\.data-\d{5}-of-(\d{5})")


def find(handle: str) -> Path:
    """The folder of a SavedModel.

    Parameters
    ----------
    handle : str
        A folder; an address on tfhub.dev or kaggle.com, or of an archive elsewhere, as it was given
        to tensorflow_hub; or kagglehub's handle, ``owner/model/framework/variation/version``.
        Enformer's addresses and handles stand for one another.

    Raises
    ------
    ModelError
        If it is not there, or not whole; it says where it was looked for.
    """
    folder = Path(handle).expanduser()
    looked = []
    for place in [_Place(folder)] if folder.is_dir() else _places(handle):
        problem = place.problem()
        if problem is None:
            return place.folder
        looked.append(f"{place.folder} ({problem})")
    raise ModelError(
        f"model enformer: no whole SavedModel {handle!r}; looked for in {', '.join(looked)}; on a "
        f"machine with network, download it with 'creme models fetch enformer weights' or with "
        f"kagglehub.model_download({KAGGLE_HANDLE!r}), and give its folder as weights"
    )


@dataclass(frozen=True)
class _Place:
    """A folder that may hold a SavedModel, and what has to stand beside it once it is whole."""

    folder: Path
    marker: Path | None = None

    def problem(self) -> str | None:
        """The fault of it, if there is one."""
        if not self.folder.is_dir():
            return "not there"
        if self.marker is not None and not self.marker.is_file():
            return f"its download did not end: there is no {self.marker.name} beside it"
        for name in ("saved_model.pb", "variables/variables.index"):
            if not (self.folder / name).is_file():
                return f"lacks {name}"
        shards = [path.name for path in (self.folder / "variables").glob("variables.data-*")]
        match = next(filter(None, map(_SHARD.fullmatch, shards)), None)
        number = int(match[1]) if match else 1
        for shard in range(number):
            name = f"variables.data-{shard:05}-of-{number:05}"
            if name not in shards:
                return f"lacks variables/{name}"
        return None


def _places(handle: str) -> Iterator[_Place]:
    names = _names(handle)
    if HANDLE in names:
        # Where `creme models fetch enformer weights` puts it.
        yield _Place(cache_folder() / "models" / "enformer" / "weights" / "enformer_1")
    for name in names:
        if name.startswith(("http://", "https://")):
            yield _Place(_tfhub_cache() / hashlib.sha1(name.encode()).hexdigest())
    match = next(filter(None, map(_KAGGLE.fullmatch, names)), None)
    if match:
        yield from _kagglehub_places(match)
    elif not any(name.startswith("http") for name in names):
        yield _Place(Path(handle))


def _names(handle: str) -> list[str]:
    """All that the SavedModel of a handle may have been downloaded by."""
    own = _KAGGLE.fullmatch(KAGGLE_HANDLE)
    parsed = _KAGGLE.fullmatch(handle)
    assert own is not None
    same = parsed is not None and [part.lower() for part in parsed.groups()] == [
        part.lower() for part in own.groups()
    ]
    if not same and handle.rstrip("/") != HANDLE:
        return [handle]
    owner, model, _, variation, version = own.groups()
    spelt = [
        f"https://{host}/models/{owner}/{model}/{path}"
        for host in ("www.kaggle.com", "kaggle.com")
        for framework in ("TensorFlow2", "tensorFlow2")
        for path in (
            f"frameworks/{framework}/variations/{variation}/versions/{version}",
            f"{framework}/{variation}/{version}",
        )
    ]
    return list(dict.fromkeys([handle, HANDLE, *spelt, KAGGLE_HANDLE]))


def _tfhub_cache() -> Path:
    usual = Path(tempfile.gettempdir()) / "tfhub_modules"
    return Path(os.environ.get("TFHUB_CACHE_DIR") or usual)


def _kagglehub_places(match: re.Match[str]) -> Iterator[_Place]:
    root = Path(os.environ.get("KAGGLEHUB_CACHE") or Path.home() / ".cache" / "kagglehub")
    owner, model, framework, variation, version = match.groups()
    parent = root / "models" / owner / model
    # The framework's folder is spelt as whoever downloaded it did: tensorFlow2, TensorFlow2.
    spelt = [each.name for each in parent.iterdir()] if parent.is_dir() else []
    there = sorted(name for name in spelt if name.lower() == framework.lower())
    for name in there or [framework]:
        folder = parent / name / variation / version
        yield _Place(folder, folder.with_name(f"{version}.complete"))
