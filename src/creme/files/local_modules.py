"""The modules beside a Python file that it may import, and their import from source alone."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator
from functools import lru_cache
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import CodeType

_SUFFIXES = (".py", ".pyc", ".so", ".pyd")
"""Ends of names of files that hold code."""


def local_modules(file: Path, content: bytes) -> list[Path]:
    """Files of code in the folder of a Python file that it may run, without it.

    Those that it names in an import or in a text, as ``importlib`` and ``runpy`` are given them;
    packages whole; and all that these name in turn. A name that is put together while the file
    runs is not seen.

    Parameters
    ----------
    file : Path
    content : bytes
        Of the file.

    Returns
    -------
    list of Path
        In order.
    """
    folder = file.absolute().parent
    by_name: dict[str, list[Path]] = {}
    for entry in folder.iterdir():
        by_name.setdefault(entry.name.partition(".")[0], []).append(entry)
    seen = {file.absolute()}
    names = _names(content)
    while names:
        new = [each for name in names for entry in by_name.pop(name, ()) for each in _code(entry)]
        sources = {path for path in new if path not in seen and path.suffix == ".py"}
        seen.update(new)
        names = frozenset().union(*(_names(path.read_bytes()) for path in sources))
    return sorted(seen - {file.absolute()})


def _code(entry: Path) -> Iterator[Path]:
    if entry.is_dir():
        # What Python keeps there is made from these; `import_from_source` does not read it.
        parts = (part for part in entry.rglob("*") if part.parent.name != "__pycache__")
        yield from (part for part in parts if part.suffix in _SUFFIXES and part.is_file())
    elif entry.suffix in _SUFFIXES and entry.is_file():
        yield entry


@lru_cache(maxsize=256)
def _names(content: bytes) -> frozenset[str]:
    """First parts of all modules and texts that a file names."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about its syntax; it is said when the file is run
            tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()  # it cannot be run either
    named: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            named.update([node.module] if node.module else [alias.name for alias in node.names])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named.update(node.value.removeprefix("./").split("/")[:2])
    return frozenset(name.partition(".")[0] for name in named) - {""}


class _FromSource(SourceFileLoader):
    """Imports a module from its source, and leaves no bytecode of it."""

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


_FOLDERS: set[Path] = set()


def import_from_source(folder: Path) -> None:
    """Let modules of a folder be imported without the bytecode in its ``__pycache__``.

    Python takes bytecode for that of a source by the source's size and time, which whoever has
    packed the folder has chosen.
    """
    if not _FOLDERS:
        sys.path_hooks.insert(0, _finder)
    _FOLDERS.add(folder.resolve())
    for entry in list(sys.path_importer_cache):
        if _within(entry):
            del sys.path_importer_cache[entry]


def _within(entry: str) -> bool:
    path = Path(entry or ".").resolve()
    return any(path.is_relative_to(folder) for folder in _FOLDERS)


def _finder(entry: str) -> FileFinder:
    if not _within(entry):
        raise ImportError("no folder from somebody else", path=entry)
    return FileFinder(
        entry,
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (_FromSource, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )
