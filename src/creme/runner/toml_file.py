"""Objects that have the fields of a TOML file: an experiment, a study."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import PrivateAttr
from pydantic_core import PydanticSerializationError

from creme.errors import ConfigError
from creme.files import small
from creme.files.trusted import Trust, carried, received
from creme.parameters import Parameters

_READ_FROM: ContextVar[Path] = ContextVar("read_from", default=Path())
"""Where relative paths start from of the object that is made now."""


class TomlFile(Parameters):
    """The fields of a file, the folder that its relative paths start from, and its text.

    Relative paths of an object that is made in Python start from the current directory.

    Attributes
    ----------
    called : str
        The file in a word.
    last : tuple of str
        Keys that stand at the end of a file.
    """

    called: ClassVar[str]
    last: ClassVar[tuple[str, ...]] = ()

    _folder: Path = PrivateAttr(default_factory=lambda: _READ_FROM.get().absolute())
    _text: str | None = PrivateAttr(default=None)
    _title: str = PrivateAttr(default="")
    _directory: Path | None = PrivateAttr(default=None)

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read a file.

        Raises
        ------
        ConfigError
            If the file is missing, is not TOML, or holds a key or a value that is not allowed.
        """
        path = Path(path).expanduser()
        return cls.from_text(read_text(path, cls.called), path.parent, str(path))

    @classmethod
    def from_directory(
        cls, directory: Path, text: str, folder: Path | None, title: str, trust: Trust
    ) -> Self:
        """An object from the file that a directory keeps, which may come from somebody else.

        Parameters
        ----------
        directory : Path
            A results directory, or the folder of a study.
        text, folder, title
            As `from_text`.
        trust : bool or callable
            Whether Python files may be run that were not run before.
        """
        with received(directory, trust):
            made = cls.from_text(text, folder, title)
        made._directory = directory
        return made

    def trusting(self, trust: Trust) -> AbstractContextManager[None]:
        """Where the Python files are run that the file names; see `creme.files.trusted`."""
        return received(self._directory, trust)

    def carrying_trust(self) -> AbstractContextManager[None]:
        """As `trusting` where that is entered already; else nothing is trusted.

        So whatever opens a directory is safe that says nothing of trust.
        """
        return carried(self._directory)

    @classmethod
    def from_text(cls, text: str, folder: Path | None = None, title: str = "") -> Self:
        """An object from the text of a file.

        Parameters
        ----------
        text : str
        folder : Path, optional
            Where its relative paths start from; the current directory unless given.
        title : str
            Names the file in errors.

        Raises
        ------
        ConfigError
            If it is not TOML, or holds a key or a value that is not allowed.
        """
        title = title or cls.called
        table = small.parse_toml(text, title)
        token = _READ_FROM.set(folder or Path())
        try:
            made = cls._from_table(table)
        except ConfigError as error:
            raise ConfigError(f"{title}: {str(error).removeprefix(f'{cls.__name__}: ')}") from None
        finally:
            _READ_FROM.reset(token)
        made._text, made._title = text, title
        return made

    @classmethod
    def _from_table(cls, table: dict[str, Any]) -> Self:
        return cls(**table)

    @property
    def folder(self) -> Path:
        """The folder that relative paths start from."""
        return self._folder

    @property
    def title(self) -> str:
        """The name in errors: that of the file, or of the object."""
        return self._title or f"{self.called} {getattr(self, 'name', '')!r}"

    @property
    def text(self) -> str:
        """The file's own text, or `to_toml` for an object that was made in Python."""
        return self.to_toml() if self._text is None else self._text

    def to_toml(self) -> str:
        """The text of a file that gives an equal object.

        Raises
        ------
        ConfigError
            If a table holds an object that a file cannot hold.
        """
        import tomli_w

        try:
            table = self.configuration()
        except PydanticSerializationError as error:
            raise ConfigError(f"{self.title} cannot be written to a file: {error}") from None
        ordered = {key: table[key] for key in sorted(table, key=lambda key: key in self.last)}
        stated = without_none(ordered)
        try:
            fields = type(self).model_fields
            return tomli_w.dumps(
                {
                    key: part
                    for key, part in stated.items()
                    if part not in ({}, []) or (key in fields and fields[key].is_required())
                }
            )
        except TypeError as error:  # None in a list, which TOML cannot say
            raise ConfigError(f"{self.title} cannot be written to a file: {error}") from None

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Another one with some fields changed, whose paths start from the same folder."""
        token = _READ_FROM.set(self._folder)
        try:
            made = super().model_copy(update=update, deep=deep)
        finally:
            _READ_FROM.reset(token)
        made._directory = self._directory
        return made

    def __eq__(self, other: object) -> bool:
        """Whether the fields are equal; the folder and the text of a file are no fields."""
        return isinstance(other, TomlFile) and (
            (self.called, self.configuration()) == (other.called, other.configuration())
        )

    __hash__ = None  # type: ignore[assignment]


def read_text(path: Path, called: str = "experiment") -> str:
    """The text of a file; a ConfigError if it is missing or cannot be read.

    A byte order mark, as some editors write, is no part of it.
    """
    try:
        return small.read_text(path)
    except FileNotFoundError:
        hint = f"; 'creme init {path}' writes a commented one" if called == "experiment" else ""
        raise ConfigError(f"no {called} file {path}{hint}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {small.reason(error)}") from None


def without_none(value: Any) -> Any:
    """A value without what is None, which TOML cannot say."""
    if isinstance(value, dict):
        return {key: without_none(part) for key, part in value.items() if part is not None}
    return [without_none(part) for part in value] if isinstance(value, list | tuple) else value
