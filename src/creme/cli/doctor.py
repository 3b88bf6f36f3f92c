"""The state of an installation, to be pasted into an issue."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creme.cli.choices import add_table, chosen
from creme.packages import declared, pip_install
from creme.passwords import masked

if TYPE_CHECKING:
    from packaging.requirements import Requirement

Row = tuple[str, str, str]
"""A subject, its state, and more of it."""

_FRAMEWORKS = ("torch", "tensorflow", "keras", "onnxruntime", "jax")
PATIENCE = 120.0
"""Seconds that the plugins, and a GPU's driver, have to answer."""


def doctor(
    path: Annotated[
        Path | None,
        typer.Argument(help="an experiment or study file, a store or results, to look at as well"),
    ] = None,
) -> None:
    """Say how the installation is, to paste into an issue.

    Versions, devices, plugins and whether they load, folders and their disks. With a path also its
    store, genome and annotation. It changes nothing, shows no password, and ends with 0.
    """
    sections: dict[str, Callable[[], Iterator[Row]]] = {
        "toolkit": _toolkit,
        "packages": _packages,
        "machine": _machine,
        "plugins": _plugins,
        "folders": _folders,
        "settings": _settings,
    }
    if path is not None:
        sections["path"] = lambda: _path(path)
    for name, rows in sections.items():
        shown = [tuple(map(_shown, row)) for row in _safely(rows)]
        add_table(name, ["name", "state", "detail"], shown)
        if chosen.json:
            continue
        typer.echo(f"{name}")
        width = min(28, max((len(row[0]) for row in shown), default=0))
        for subject, state, detail in shown:
            typer.echo(f"  {subject:{width}}  {state}{f' ({detail})' if detail else ''}")


def _safely(rows: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    """All rows, and what went wrong: where something is broken the rest is still said."""
    try:
        yield from rows()
    except Exception as error:
        yield ("looking", "failed", f"{type(error).__name__}: {error}")


def _shown(text: str) -> str:
    """Without passwords, on one line, and with ~ for the user's folder."""
    text = masked(str(text)).replace("\n", " ")
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text


def _toolkit() -> Iterator[Row]:
    import creme

    yield "creme-toolkit", metadata.version("creme-toolkit"), str(Path(creme.__file__).parent)
    yield "python", platform.python_version(), sys.executable
    yield "system", platform.platform(), ""
    for other in ("creme", "creme-nn"):
        if installed := _version(other):
            yield other, "in the way", f"{installed}: it installs the same name; pip uninstall it"


def _packages() -> Iterator[Row]:
    """The packages that the toolkit declares, by its metadata, and frameworks that plugins use."""
    toolkit = metadata.metadata("creme-toolkit")
    extras = ("", *sorted({*(toolkit.get_all("Provides-Extra") or [])} - {"dev", "docs"}))
    for extra in extras:
        for wanted in declared(extra):
            yield _package(wanted, extra)
    for name in _FRAMEWORKS:
        if installed := _version(name):
            yield name, installed, ""


def _package(wanted: Requirement, extra: str) -> Row:
    installed = _version(wanted.name)
    pip = pip_install(str(wanted))
    if not installed:
        if extra:
            return wanted.name, "not installed", f"for [{extra}]: {pip}"
        return wanted.name, "missing", pip
    if not wanted.specifier.contains(installed, prereleases=True):
        return wanted.name, installed, f"the toolkit needs {wanted.specifier}: {pip}"
    return wanted.name, installed, ""


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _machine() -> Iterator[Row]:
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield "processor", platform.processor() or platform.machine(), f"{own} cores for this process"
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        sizes = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        total, free = (int(sizes[key].split()[0]) / 2**20 for key in ("MemTotal", "MemAvailable"))
        yield "memory", f"{total:.1f} GiB", f"{free:.1f} free"
    if not (program := shutil.which("nvidia-smi")):
        yield "GPU", "none seen", "there is no nvidia-smi"
        return
    query = [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if answer.returncode:
        yield "GPU", "nvidia-smi failed", (answer.stderr or answer.stdout).strip()
    for number, line in enumerate(answer.stdout.splitlines() if not answer.returncode else []):
        yield f"GPU {number}", line, ""
    if _version("torch"):
        command = [sys.executable, "-c", _TORCH]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        problem = (ran.stderr.strip().splitlines() or ["its import ended the process"])[-1]
        state = "cannot be imported\n" + problem if ran.returncode else ran.stdout.strip()
        sees, _, built = state.partition("\n")
        yield "PyTorch", sees, built


_TORCH = """
import torch
print("sees", torch.cuda.device_count() or "no", "GPU")
print("built for", "CUDA " + torch.version.cuda if torch.version.cuda else
      "ROCm " + torch.version.hip if torch.version.hip else "CPUs alone")
"""

_LOAD = """
import json, sys, warnings
warnings.simplefilter("ignore")
from creme import registry
for kind in registry.KINDS:
    for name, plugin in registry.plugins(kind).items():
        print(json.dumps([kind, name]), flush=True)
        try:
            plugin.load()
            print(json.dumps(""), flush=True)
        except BaseException as error:
            print(json.dumps(f"{type(error).__name__}: {error}"), flush=True)
"""


def _plugins() -> Iterator[Row]:
    """Each plugin, loaded in a process of its own, which it may end."""
    from creme import registry

    yield "environment", sys.prefix, ""
    try:
        ran = subprocess.run(
            [sys.executable, "-c", _LOAD],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        lines, ended = ran.stdout.splitlines(), f"its import ended the process: {ran.returncode}"
    except subprocess.TimeoutExpired as error:
        printed = error.stdout or b""
        lines = (
            printed if isinstance(printed, str) else printed.decode(errors="replace")
        ).splitlines()
        ended = f"its import takes more than {PATIENCE:.0f} s"
    answers = {}
    for at in range(0, len(lines), 2):
        answers[tuple(json.loads(lines[at]))] = (
            json.loads(lines[at + 1]) if at + 1 < len(lines) else ended
        )
    own = 0
    for kind in registry.KINDS:
        for name, plugin in registry.plugins(kind).items():
            if plugin.distribution == "creme-toolkit" and answers.get((kind, name)) == "":
                own += 1  # of the toolkit's own only those that do not load have a row
                continue
            problem = answers.get((kind, name), "not tried, since another one ended the process")
            missing = plugin.missing()
            needs = f"; pip install {' '.join(missing)}" if missing else ""
            of = f"{plugin.distribution} {plugin.version}"
            yield (
                f"{kind} {name}",
                "loads" if not problem else "broken",
                f"{of}{needs}" + (f": {problem}" if problem else ""),
            )
    yield "of the toolkit", f"{own} load", ""


def _folders() -> Iterator[Row]:
    from creme.files.cache_folder import cache_folder, state_folder

    for name, path in (("here", Path.cwd()), ("cache", cache_folder()), ("state", state_folder())):
        yield name, str(path), _disk(path)
    models = cache_folder() / "models"
    for plugin in sorted(models.iterdir()) if models.is_dir() else []:
        for part in sorted(plugin.iterdir()) if plugin.is_dir() else []:
            yield f"fetched {plugin.name}", part.name, _size(part)


def _disk(path: Path) -> str:
    """The file system of a path, its free room, and whether one may write there."""
    from creme.files.fetch import free_space
    from creme.store.file_systems import file_system, shared_between_hosts

    there = path.resolve()
    while not there.exists():
        there = there.parent
    words = [file_system(there) or "file system unknown", f"{_gib(free_space(there))} free"]
    if shared_between_hosts(there):
        words.append("shared between hosts: one process at a time, or an index in PostgreSQL")
    if not os.access(there, os.W_OK):
        words.append("cannot be written")
    return ", ".join(words) + ("" if path.exists() else "; not made yet")


def _size(path: Path) -> str:
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return f"{len(files)} files, {_gib(sum(one.stat().st_size for one in files))}"


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**28 else f"{size / 2**20:.1f} MiB"


_SECRET = ("PASSWORD", "SECRET", "TOKEN", "KEY")


def _settings() -> Iterator[Row]:
    """Variables of the environment that change how the toolkit works; no secret."""
    rows = [row for name in sorted(os.environ) if (row := _setting(name))]
    yield from rows or [("variables", "none set", "")]


def _setting(name: str) -> Row | None:
    others = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "PYTHONPATH", "COLUMNS", "NO_COLOR")
    if any(word in name for word in _SECRET) and name.startswith(("CREME_", "PG")):
        return name, "set", "its value is not shown"
    if name.startswith("CREME_") or name in others:
        return name, os.environ[name], ""
    return None


def _path(path: Path) -> Iterator[Row]:
    """A file's store, genome and annotation; or a store, or results."""
    from creme.results.kind import Kind, kind_of

    kind = kind_of(path)
    yield "kind", kind.value, str(path.resolve())
    if kind is Kind.STORE:
        yield from _safely(lambda: _store(str(path), None))
    elif kind in (Kind.RESULTS, Kind.STUDY):
        from creme.study.view import open_results

        view = open_results(path)
        yield "state", view.state, f"tests: {', '.join(view.tests) or 'none'}"
        if store := view.raw.get("store"):
            yield from _safely(lambda: _store(store, None))
    elif path.is_file():
        yield from _safely(lambda: _file(path, kind is Kind.STUDY_FILE))


def _file(path: Path, is_study: bool) -> Iterator[Row]:
    from creme.runner.experiment import Experiment
    from creme.runner.toml_file import read_text
    from creme.study.config import StudyFile

    kind = StudyFile if is_study else Experiment
    read = kind.from_text(read_text(path), path.absolute().parent, str(path))
    yield "file", "can be read", ""
    plugin = str(read.model.get("plugin", ""))
    settings = [f"{key} = {value}" for key, value in read.model.items() if key != "plugin"]
    yield "model", plugin, ", ".join(settings)
    for key, value in read.loci.model_dump().items():
        if key in ("fasta", "gtf", "bed", "table") and value:
            yield from _safely(partial(_input, key, path.parent / value))
    yield from _safely(lambda: _store(read.store, read.index, read.folder))


def _input(key: str, path: Path) -> Iterator[Row]:
    path = path.expanduser()
    if not path.is_file():
        yield key, "missing", str(path)
        return
    detail = f"{_gib(path.stat().st_size)}, {path}"
    if key == "fasta":
        beside = path.with_name(path.name + ".fai")
        if not beside.is_file():
            detail += "; no index beside it: one is made in the cache"
        elif beside.stat().st_mtime < path.stat().st_mtime:
            detail += "; the index beside it is older, and not used"
        else:
            detail += "; its index is beside it"
    yield key, "there", detail


def _store(text: str, index: str | None, folder: Path | None = None) -> Iterator[Row]:
    from creme.store.location import place_at
    from creme.store.place import LocalPlace

    place = place_at(text, folder)
    if isinstance(place, LocalPlace):
        yield "store's disk", str(place), _disk(place.path)
    else:
        yield "store's place", str(place), "an object store"
    if index:
        yield "store's index", index, ""
    if not place.is_there():
        yield "store", "not made yet", ""
        return
    from creme.store import Store

    with Store(place, index_url=index, read_only=True) as store:
        for info in store.info():
            model = str(info.source.description.get("model", "?"))
            yield (
                "store",
                f"{info.predictions:,} predictions",
                (f"{model} {info.source.fingerprint[:12]}, {_gib(info.bytes)}"),
            )
