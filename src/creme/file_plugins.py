"""Tests, perturbations and models in Python files of the user's own; they need not be installed.

``object = "my_tests.py:Dose"`` names a file and what is taken from it. Running a file runs whatever
stands in it: use only files that you trust.
"""

from __future__ import annotations

import hashlib
import sys
import threading
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import create_model

from creme.errors import ConfigError, PluginError, listing
from creme.files.trusted import check_trusted
from creme.fingerprint import by_digest, holds_path
from creme.kinds import PYTHON, check_class
from creme.parameters import Parameters


def split_reference(reference: str | Path) -> tuple[Path, str]:
    """File and name of ``FILE.py:NAME``.

    Raises
    ------
    ConfigError
        If it is not of this form, or there is no such file.
    """
    path = Path(reference)
    file, _, name = path.name.rpartition(":")
    if not file or not name.isidentifier():
        raise ConfigError(f"object = {str(reference)!r}: give FILE.py:NAME")
    path = path.with_name(file).expanduser()
    if not path.is_file():
        raise ConfigError(f"there is no file {str(path)!r}")
    return path, name


def load_object(file: Path, name: str, content: bytes | None = None) -> Any:
    """Run a file, and take what it calls by a name.

    Parameters
    ----------
    file : Path
    name : str
    content : bytes, optional
        Of the file, where it has been read already.

    Raises
    ------
    ConfigError
        If the file has nothing of the name.
    PluginError
        If it cannot be run.
    """
    module = types.ModuleType(f"creme_user_{file.stem}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module
    try:
        # Not by the import system: bytecode of an earlier version may pass for this one's.
        source = file.read_bytes() if content is None else content
        exec(compile(source, file, "exec", dont_inherit=True), vars(module))
    except Exception as error:
        raise PluginError(f"{file} cannot be run: {type(error).__name__}: {error}") from error
    try:
        return getattr(module, name)
    except AttributeError:
        names = [each for each in vars(module) if not each.startswith("_")]
        raise ConfigError(f"{file} has no {name!r}: it has {listing(names, 20)}") from None


class FromFile(Parameters):
    """Base of classes that were taken from a file: the fields `object` and `sha256` say which.

    So a configuration makes the same object again, and that of a changed file is another one.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return _again, (_KINDS[type(self)], values)


def _again(kind: str, values: dict[str, Any]) -> Any:
    values = dict(values)
    return load_class(kind, values.pop("object"), values.pop("sha256"))(**values)


_CLASSES: dict[tuple[str, str, str, str], type[Any]] = {}
_KINDS: dict[type[Any], str] = {}
_LOADING = threading.RLock()


def load_class(kind: str, reference: Any, sha256: str | None = None) -> type[Any]:
    """The class of a kind in a file; the file is run once for each of its contents.

    Parameters
    ----------
    kind : {'perturbation', 'test'}
    reference : str
        ``FILE.py:NAME``.
    sha256 : str, optional
        The digest that the file has to have.

    Returns
    -------
    type
        A subclass of the file's class and of `FromFile`.

    Raises
    ------
    ConfigError
        If there is no such file or nothing of the name in it, or the file is another one than
        `sha256` says.
    PluginError
        If the file cannot be run, or what it has is no class of the kind.
    TrustError
        If a directory from somebody else names it; see `creme.files.trusted`.
    """
    if not isinstance(reference, str | Path):
        raise ConfigError(
            f"a {kind} of the name {PYTHON!r} is a class in a file: give object = 'FILE.py:NAME'"
        )
    file, name = split_reference(reference)
    content = _content(file)
    check_trusted(file, content)
    digest = hashlib.sha256(content).hexdigest()
    if sha256 is not None and sha256 != digest:
        raise ConfigError(f"{file} has changed: its SHA-256 is {digest}, and not {sha256}")
    key = (kind, str(reference), name, digest)
    with _LOADING:
        if key not in _CLASSES:
            cls = load_object(file, name, content)
            check_class(kind, cls, f"{kind} {str(reference)!r}")
            taken = {"object", "sha256"} & set(cls.model_fields)
            if taken:
                raise PluginError(
                    f"{kind} {str(reference)!r}: a class in a file cannot have a field "
                    f"{min(taken)!r} of its own; give it another name"
                )
            fixed: dict[str, Any] = {
                "object": (Literal[str(reference)], str(reference)),
                "sha256": (Literal[digest], digest),
            }
            _CLASSES[key] = create_model(
                cls.__name__,
                __base__=(cls, FromFile),
                __module__=cls.__module__,
                __doc__=cls.__doc__,
                **fixed,
            )
            _KINDS[_CLASSES[key]] = kind
        return _CLASSES[key]


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error}") from None


def resolved(table: Any, folder: Path) -> Any:
    """A table of parameters in which objects in files are taken from a folder.

    Their digests are added, here and in what the table holds, such as a test's perturbation: a
    configuration with a changed file is another one.
    """
    if isinstance(table, list):
        return [resolved(part, folder) for part in table]
    if not isinstance(table, dict):
        return table
    table = {key: resolved(part, folder) for key, part in table.items()}
    if table.get("name") == PYTHON and isinstance(table.get("object"), str):
        path = folder / Path(table["object"]).expanduser()
        file, _ = split_reference(path)
        digest = hashlib.sha256(_content(file)).hexdigest()
        table = {**table, "object": str(path), "sha256": table.get("sha256", digest)}
    return table


def identity(plugin: Any) -> dict[str, Any]:
    """JSON values that tell a test or a perturbation from others: its name and its identity.

    Files are there with their digests, and without their folders: these may be moved.
    """
    written = {
        key: by_digest(value) if holds_path(value := getattr(plugin, key, None)) else part
        for key, part in plugin.identity().items()
    }
    return _without_folders({"name": plugin.name, **written})


def _without_folders(value: Any) -> Any:
    if isinstance(value, Mapping):
        value = {key: _without_folders(part) for key, part in value.items()}
        if isinstance(value.get("object"), str) and "sha256" in value:
            value["object"] = value["object"].rpartition(":")[2]
        return value
    return [_without_folders(part) for part in value] if isinstance(value, list) else value
