"""`creme doctor`: what one pastes into an issue."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

import in_process
import small
from creme.cli import doctor as doctor_command


@pytest.fixture
def creme(monkeypatch, capsys):
    return in_process.streams_of(monkeypatch, capsys)


def sections(shown: str) -> dict[str, dict[str, dict[str, str]]]:
    read = json.loads(shown)
    assert read["status"] == 0
    return {name: {row["name"]: row for row in rows} for name, rows in read["tables"].items()}


def test_everything_is_said_and_no_secret(creme, monkeypatch, tmp_path, genome):
    monkeypatch.setenv("CREME_SOME_TOKEN", "hidden-one")
    monkeypatch.setenv("PGPASSWORD", "hidden-two")
    monkeypatch.setenv("CREME_INDEX", "postgresql://me:hidden-three@server/base")
    file = tmp_path / "small.toml"
    text = small.text(genome).replace("seed = 7", 'seed = 7\nindex = "postgresql://a:hidden-4@b/c"')
    file.write_text(text)
    shown, _ = creme("doctor", file, "--json")
    assert "hidden" not in shown
    said = sections(shown)
    assert {"toolkit", "packages", "machine", "plugins", "folders", "settings"} <= set(said)
    assert said["packages"]["numpy"]["state"][0].isdigit()
    assert {"regex", "tomli-w", "pyarrow", "psycopg"} <= set(said["packages"])
    assert not {"pytest", "sphinx", "creme-toolkit"} & set(said["packages"])
    assert said["plugins"]["model example_broken"]["state"] == "broken"
    assert "has no attribute" in said["plugins"]["model example_broken"]["detail"]
    assert said["plugins"]["test dose"]["state"] == "loads"
    assert int(said["plugins"]["of the toolkit"]["state"].split()[0]) > 20
    assert "free" in said["folders"]["cache"]["detail"]
    assert said["path"]["fasta"]["state"] == "there"
    assert "index" in said["path"]["fasta"]["detail"]
    assert said["path"]["store"]["state"] == "not made yet"
    file.write_text(text.partition("[[tests]]")[0] + "[common]\ntile = 1000\n")
    assert sections(creme("doctor", file, "--json")[0])["path"]["fasta"]["state"] == "there"
    plain, _ = creme("doctor")
    assert "  numpy" in plain
    assert "model example_broken" in plain


def test_packages_that_are_too_old_or_missing_are_named(creme, monkeypatch):
    real = doctor_command.metadata.version

    def version(name: str) -> str:
        if name in ("psycopg", "regex"):
            raise doctor_command.metadata.PackageNotFoundError(name)
        return {"numpy": "1.26.4"}.get(name) or real(name)

    monkeypatch.setattr(doctor_command.metadata, "version", version)
    said = {name: (state, detail) for name, state, detail in doctor_command._packages()}
    assert said["numpy"] == ("1.26.4", "the toolkit needs >=2.0: pip install 'numpy>=2.0'")
    assert said["regex"] == ("missing", "pip install 'regex>=2024.4'")
    pip = "pip install 'psycopg[binary]>=3.1'"
    assert said["psycopg"] == ("not installed", f"for [postgres]: {pip}")


def test_pytorch_is_asked_whether_it_sees_the_gpu(monkeypatch, tmp_path):
    """A driver that is older than PyTorch's CUDA, or a build for CPUs, is not seen otherwise."""
    torch = pytest.importorskip("torch")
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA H200, 143771 MiB, 570.1'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    said = {name: (state, detail) for name, state, detail in doctor_command._machine()}
    assert said["GPU 0"] == ("NVIDIA H200, 143771 MiB, 570.1", "")
    built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPUs alone"
    assert said["PyTorch"] == ("sees no GPU", f"built for {built}")


def test_it_never_fails(creme, monkeypatch, tmp_path):
    """A plugin that ends the process, one that hangs, a section that breaks, a damaged path."""
    monkeypatch.setattr(doctor_command, "_LOAD", 'print(\'["model", "synthetic"]\'); exit(3)')
    monkeypatch.setattr(doctor_command, "_machine", lambda: 1 / 0)
    damaged = tmp_path / "x.toml"
    damaged.write_text("[model\n")
    said = sections(creme("doctor", damaged, "--json")[0])
    assert said["plugins"]["model synthetic"]["state"] == "broken"
    assert "ended the process: 3" in said["plugins"]["model synthetic"]["detail"]
    assert "ZeroDivisionError" in said["machine"]["looking"]["detail"]
    assert said["toolkit"]["python"]["state"]

    def hangs(*arguments, **options):
        raise subprocess.TimeoutExpired("x", 1, output=b'["model", "synthetic"]\n')

    monkeypatch.setattr(doctor_command.subprocess, "run", hangs)
    said = sections(creme("doctor", tmp_path / "nothing", "--json")[0])
    assert "takes more than" in said["plugins"]["model synthetic"]["detail"]
