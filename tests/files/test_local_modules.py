"""The modules beside a Python file of somebody else's directory."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import sys
from pathlib import Path

import pytest

from creme.errors import TrustError
from creme.file_plugins import load_object
from creme.files import local_modules as module
from creme.files import trusted
from creme.files.local_modules import local_modules
from creme.files.trusted import check_trusted, received

FILES = {
    "model.py": "import sys\nimport numpy\nimport helper\nfrom package.inner import x\n",
    "helper.py": "from . import nothing\nimport deeper.down as d\nimport model\n",
    "deeper.py": "",
    "package/__init__.py": "",
    "package/inner.py": "import of_the_package\n",
    "package/other.py": "",
    "package/table.csv": "",
    "package/__pycache__/inner.cpython-311.pyc": "",
    "of_the_package.cpython-311-x86_64-linux-gnu.so": "",
    "named.py": "",
    "run.py": "",
    "lib/late.py": "",
    "unused.py": "",
    "unused_package/a.py": "",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture(autouse=True)
def _nobody(tmp_path, monkeypatch):
    monkeypatch.setenv("CREME_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(trusted, "_REMEMBERED", set())
    monkeypatch.setattr(module, "_FOLDERS", set())
    monkeypatch.setattr(sys, "path_hooks", list(sys.path_hooks))
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def found(folder: Path, text: str) -> set[str]:
    file = folder / "model.py"
    file.write_text(text)
    paths = local_modules(file, text.encode())
    return {path.relative_to(folder).as_posix() for path in paths}


def test_all_that_an_import_reaches(folder):
    assert found(folder, FILES["model.py"]) == {
        *("helper.py", "deeper.py", "package/__init__.py", "package/inner.py"),
        *("package/other.py", "of_the_package.cpython-311-x86_64-linux-gnu.so"),
    }


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import numpy.helper\nx = 1", set()),
        ("def f():\n    import named", {"named.py"}),
        ("import importlib\nm = importlib.import_module('named')", {"named.py"}),
        ("import runpy\nrunpy.run_path('./run.py')", {"run.py"}),
        ("import sys\nsys.path.insert(0, __file__ + '/lib')\nimport late", {"lib/late.py"}),
        ("sys.path.insert(0, HERE / 'lib')\nimport late", {"lib/late.py"}),
        ("import (", set()),
        ("x = '\\0'\nimport named", {"named.py"}),
        ("(" * 5000, set()),
    ],
)
def test_the_ways_in_which_a_file_names_another(folder, text, names):
    assert found(folder, text) == names


def test_a_changed_module_is_asked_about_although_the_file_is_as_it_was(folder):
    file = folder / "model.py"
    content = b"import helper\n"
    file.write_bytes(content)
    check_trusted(file, content)  # one's own
    with received(folder, False):
        check_trusted(file, content)
        (folder / "unused.py").write_text("x = 1")
        check_trusted(file, content)
        for name in ("helper.py", "deeper.py"):
            (folder / name).write_text("x = 1\nimport deeper\n")
            trusted._REMEMBERED.clear()
            with pytest.raises(TrustError, match=r"model\.py with deeper\.py.* helper\.py, which"):
                check_trusted(file, content)
            check_in(folder, file, content)
        # One that is put before it: Python takes a package rather than a module.
        (folder / "helper").mkdir()
        (folder / "helper" / "__init__.py").touch()
        with pytest.raises(TrustError):
            check_trusted(file, content)


def check_in(folder: Path, file: Path, content: bytes) -> None:
    with received(folder, True):
        check_trusted(file, content)


def test_a_file_alone_is_remembered_as_before(folder, tmp_path):
    import hashlib

    content = b"import numpy\n"
    check_trusted(folder / "model.py", content)
    (note,) = (tmp_path / "state" / "trusted").iterdir()
    assert note.name == hashlib.sha256(content).hexdigest()


def test_bytecode_of_somebody_else_is_not_run(folder):
    """It passes for that of the source: size and time are as Python has noted."""
    file = folder / "model.py"
    file.write_text(
        "import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).parent))\n"
        "import beside\nvalue = beside.value\n"
    )
    source = folder / "beside.py"
    source.write_text("value = 'theirs'\n")
    os.utime(source, (1_700_000_000, 1_700_000_000))
    cached = importlib.util.cache_from_source(str(source))
    py_compile.compile(str(source), cached)
    source.write_text("value = 'source'\n")
    os.utime(source, (1_700_000_000, 1_700_000_000))
    content = file.read_bytes()
    with received(folder, True):
        check_trusted(file, content)
        assert load_object(file, "value", content) == "source"
    # It is a trap: Python alone goes into it.
    del sys.modules["beside"]
    sys.path_hooks[:] = [hook for hook in sys.path_hooks if hook is not module._finder]
    sys.path_importer_cache.clear()
    assert load_object(file, "value", content) == "theirs"
