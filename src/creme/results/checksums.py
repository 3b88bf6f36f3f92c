"""Checksums beside a saved Dataset, and the Dataset read by them.

``TEST.checksums`` has the SHA-256 of each file of ``TEST.zarr``. It lies beside the Dataset, which
stays what any program reads; everything of the toolkit reads a Dataset by `opened`. A Dataset that
an earlier version saved has no checksums, and is read as it is.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from creme.errors import CremeError, ResultsError
from creme.files.durable import sync, write_text

if TYPE_CHECKING:
    import xarray as xr

VERSION = 1


def checksums_of(dataset: Path) -> Path:
    """The file with the checksums of a ``TEST.zarr``."""
    return dataset.with_suffix(".checksums")


def write_checksums(folder: Path, target: Path) -> None:
    """Make all files of a folder durable, and write their checksums.

    Parameters
    ----------
    folder : Path
        A Dataset that is complete.
    target : Path
        The file of the checksums.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = {path.relative_to(folder).as_posix(): _digest(path.read_bytes()) for path in files}
    for path in files:
        sync(path)
    for path in [*(path for path in folder.rglob("*") if path.is_dir()), folder]:
        sync(path)
    write_text(target, json.dumps({"version": VERSION, "sha256": sums}, indent=0))


@dataclass(frozen=True)
class Checksums:
    """Checksums of a Dataset's files, which are compared with what is read.

    Attributes
    ----------
    dataset : Path
    text : str
        Of the file of checksums, as it was when the Dataset was opened.
    sums : mapping of str to str
    """

    dataset: Path
    text: str
    sums: Mapping[str, str]

    @classmethod
    def beside(cls, dataset: Path) -> Checksums | None:
        """Those of a Dataset; None where it was saved without.

        Raises
        ------
        ResultsError
            If they are damaged themselves.
        """
        path = checksums_of(dataset)
        try:
            text = path.read_text(encoding="utf-8")
            content = json.loads(text)
            version, sums = content["version"], dict(content["sha256"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise _damaged(path, dataset, f"it holds no checksums, {_short(error)}") from None
        if version != VERSION:
            raise _damaged(path, dataset, f"its version is {version!r}, and not {VERSION}")
        return cls(dataset, text, sums)

    def verify(self, key: str, content: bytes | None) -> None:
        """Compare a file's content with its checksum.

        Raises
        ------
        ResultsError
            If it is another; if it is missing, or there is one that was not saved.
        """
        wanted = self.sums.get(key)
        if wanted == (None if content is None else _digest(content)):
            return
        try:
            same = checksums_of(self.dataset).read_text(encoding="utf-8") == self.text
        except (OSError, ValueError):
            same = False
        if not same:
            raise ResultsError(
                f"{self.dataset} was saved anew while it was read: open it once more"
            )
        if content is None:
            why = "it is missing"
        elif wanted is None:
            why = "it was not saved with the rest"
        else:
            why = "its bytes are not those that were saved"
        raise _damaged(self.dataset / key, self.dataset, why)


def opened(dataset: Path, without: Collection[str] = ()) -> xr.Dataset:
    """A saved Dataset, whose variables are read when they are used, each file by its checksum.

    Parameters
    ----------
    dataset : Path
        ``TEST.zarr``.
    without : collection of str
        Variables that are left out.

    Raises
    ------
    ResultsError
        If it is damaged, names codecs that may run code, or cannot be read now; when a variable is
        read, also if that is damaged.
    """
    import xarray as xr

    from creme.files.guarded_zarr import GuardedStore

    checksums = Checksums.beside(dataset)
    verify = None if checksums is None else checksums.verify
    try:
        store = GuardedStore.at(dataset, ResultsError, verify)
        return xr.open_zarr(
            store, consolidated=False, zarr_format=2, chunks=None, drop_variables=list(without)
        )
    except CremeError:
        raise
    except Exception as error:  # whatever zarr and xarray make of metadata that do not fit
        if why := _trouble(error):
            raise ResultsError(f"{dataset} cannot be read now: {why}; it may be whole") from error
        raise _damaged(dataset, dataset, _short(error)) from None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


_OF_THE_MACHINE = {
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EACCES, errno.EPERM),
    *(errno.EAGAIN, errno.ESTALE),
}


def _trouble(error: Exception) -> str | None:
    """The reason, if a Dataset that is whole may not be read for it."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        return error.strerror
    return str(error) if "can't start new thread" in str(error) else None


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"


def _damaged(path: Path, dataset: Path, why: str) -> ResultsError:
    return ResultsError(
        f"{path} is damaged: {why}. Remove {dataset} and run again: its numbers are made anew, "
        f"from the store where it has the predictions"
    )
