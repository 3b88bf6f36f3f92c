"""Where a study is: from what a user gives, a study file or a study's folder, to both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from creme.errors import ConfigError, ResultsError
from creme.files.trusted import Trust
from creme.results.kind import Kind, kind_of, mistaken
from creme.runner.toml_file import read_text
from creme.study.config import StudyFile
from creme.study.folder import STUDY, Folder, of_study

File = TypeVar("File", bound=StudyFile)


@dataclass(frozen=True)
class Location:
    """A study that may not have begun.

    Attributes
    ----------
    file : Path
        The study file; of a folder the one that stands in it.
    base : Path
        Where relative paths of the file start from.
    folder : Folder or None
        Where it is known without the file: the folder that was given, or the one for the output.
    """

    file: Path
    base: Path
    folder: Folder | None

    @classmethod
    def of(cls, path: str | Path, output: str | Path | None = None) -> Location:
        """The study that a path stands for.

        Parameters
        ----------
        path : str or Path
            A study file, the folder of a study, or the study file in there.
        output : str or Path, optional
            The study's folder.

        Raises
        ------
        ConfigError
            If nothing is there; or if it is a folder, and `output` another one.
        ResultsError
            If it is a folder, and not that of a study.
        """
        path = Path(path)
        if not path.exists():
            raise ConfigError(_nothing_at(path))
        output_folder = None if output is None else Folder(output)
        kind = kind_of(path)
        if kind is Kind.RESULTS and (study := of_study(path)) is not None:
            raise ResultsError(
                f"{path} is a stage of the study {study}: 'creme study {study}' goes on with it"
            )
        if kind in (Kind.RESULTS, Kind.STORE, Kind.EXPERIMENT_FILE):
            raise ConfigError(str(mistaken(path, "a study")))
        if path.is_dir():
            folder = Folder.existing(path)
            if output_folder is not None and output_folder.path.resolve() != path.resolve():
                raise ConfigError(
                    f"{path} is a study's folder, and goes on where it is: --output is for a study "
                    f"file, such as its own {path / STUDY}"
                )
            return cls(path / STUDY, Path(folder.state()["folder"]), folder)
        if path.name == STUDY and Folder(path.parent).begun:
            folder = Folder(path.parent)
            return cls(path, Path(folder.state()["folder"]), output_folder or folder)
        return cls(path, path.parent, output_folder)

    @property
    def directory(self) -> Path | None:
        """The study's folder, where the file is the one in there; it may be somebody else's."""
        begun = self.file.name == STUDY and Folder(self.file.parent).begun
        return self.file.parent if begun else None

    def read(self, cls: type[File], trust: Trust = False) -> File:
        """The study as an object of a class."""
        text, title = self.text(), str(self.file)
        if self.directory is None:
            return cls.from_text(text, self.base, title)
        Folder(self.directory).check_settings()
        return cls.from_directory(self.directory, text, self.base, title, trust)

    def text(self) -> str:
        """The study file; a ConfigError if it cannot be read."""
        if not self.file.exists():
            raise ConfigError(
                f"{self.file} is gone: give the study file that lies beside its inputs, with "
                f"--output {self.file.parent}, and it is written again"
            )
        return read_text(self.file)

    def check(self) -> None:
        """Check that the folder is there which relative paths start from; a ConfigError if not."""
        if not self.base.is_dir():
            raise ConfigError(
                f"relative paths of {self.file} start from {self.base}, which is gone: was the "
                f"study moved? Give the study file that lies beside its inputs, and its folder "
                f"with --output"
            )

    def folder_of(self, study: StudyFile) -> Folder:
        """The study's folder: ``NAME.study`` beside the file, unless it is another one."""
        path = self.folder.path if self.folder else self.base / f"{study.name}.study"
        return Folder(path, study.added)

    def begun(self, study: StudyFile) -> Folder:
        """The study's folder, which is there.

        Raises
        ------
        ResultsError
            If the study has not begun, or something else stands there.
        """
        folder = self.folder_of(study)
        if not folder.path.exists():
            raise ResultsError(
                f"the study of {self.file} has not begun: there is no {folder.path}; 'creme study "
                f"{self.file}' begins it, and --plan says what it will take"
            )
        return Folder.existing(folder.path)


def _nothing_at(path: Path) -> str:
    if path.suffix == ".toml":
        return f"there is no study file {path}; 'creme init --study {path}' writes a commented one"
    return (
        f"there is no study {path}: give a study file ('creme init --study study.toml' writes a "
        f"commented one), or the folder that 'creme study FILE' has made"
    )
