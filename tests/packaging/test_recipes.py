"""What packages the toolkit for others parses, and fits pyproject.toml."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
CONSTRAINTS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if not line.startswith("#")
]
IMAGES = ["release/Dockerfile", "release/creme.def"]


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("citation-file-format", "CITATION.cff"),
        ("github-workflows", ".github/workflows/*.yml"),
        ("github-issue-forms", ".github/ISSUE_TEMPLATE/[!c]*.yml"),
        ("github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
    ],
)
def test_files_fit_their_schemas(schema, pattern):
    pytest.importorskip("check_jsonschema")
    files = sorted(ROOT.glob(pattern))
    assert files
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_hosted_workflow_asks_for_what_the_makefile_has():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    pythons = [p.rpartition(" ")[2] for p in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", p)]
    assert jobs["core"]["strategy"]["matrix"]["python"] == pythons
    plugins = sorted(p.parent.name for p in ROOT.glob("plugins/*/pyproject.toml"))
    # The others are installed with the core's tests.
    separate = [name for name in plugins if name not in ("creme-mini", "creme-seqnn", "template")]
    assert sorted(jobs["plugins"]["strategy"]["matrix"]["plugin"]) == separate
    commands = []
    for job in jobs.values():
        matrix = job.get("strategy", {}).get("matrix", {})
        for step in job["steps"]:
            command = step.get("run", "")
            for name, values in matrix.items():
                command = command.replace(f"${{{{ matrix.{name} }}}}", values[0])
            if command.startswith("make "):
                commands.append(command)
    assert len(commands) == len(jobs)
    make = shutil.which("make")
    assert make
    for command in commands:
        done = subprocess.run(
            [make, "--dry-run", *command.split()[1:]],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda p: p.name
)
def test_workflows_keep_no_credentials_and_take_builds_for_cpus(path):
    workflow = yaml.safe_load(path.read_text())
    if path.name == "gpu.yml":
        assert "/whl/cpu" not in path.read_text()
    else:
        assert workflow["env"]["PIP_EXTRA_INDEX_URL"].endswith("/whl/cpu")
    targets = re.findall(r"^([\w%$(:=.-]+(?: [\w%-]+)*):", (ROOT / "Makefile").read_text(), re.M)
    names = {name for line in targets for name in line.split()}
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False
            for target in re.findall(r"^make ([\w-]+)$", step.get("run", ""), re.M):
                assert target in names, target


def test_the_suite_for_gpus_is_started_by_hand_on_a_runner_that_has_one():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "gpu.yml").read_text())
    assert list(workflow[True]) == ["workflow_dispatch"]  # YAML reads "on" as a truth value
    (job,) = workflow["jobs"].values()
    assert {"self-hosted", "gpu"} <= set(job["runs-on"])
    assert "make test-gpu" in [step.get("run") for step in job["steps"]]


def test_the_conda_recipe_names_the_same_dependencies():
    recipe = yaml.safe_load((ROOT / "release" / "recipe" / "recipe.yaml").read_text())
    wanted = [Requirement(text) for text in (*PROJECT["dependencies"], *EXTRAS["report"])]
    expected = {f"{each.name} {each.specifier}" for each in wanted}
    expected |= {f"python {PROJECT['requires-python']}"}
    stated = {
        text.replace("matplotlib-base", "matplotlib") for text in recipe["requirements"]["run"]
    }
    assert stated == expected
    assert f"python {PROJECT['requires-python']}" in recipe["requirements"]["host"]
    (command,) = recipe["build"]["python"]["entry_points"]
    assert command == f"creme = {PROJECT['scripts']['creme']}"


def test_the_constraints_fit_what_is_declared():
    pinned = {canonicalize_name(each.name): each.specifier for each in CONSTRAINTS}
    declared = [*PROJECT["dependencies"], *(text for of in EXTRAS.values() for text in of)]
    for each in map(Requirement, declared):
        if each.name.startswith("creme-"):
            continue
        name = canonicalize_name(each.name)
        assert name in pinned, f"{name}: make constraints writes it"
        numbers = [Version(part.version) for part in pinned[name]]
        assert all(each.specifier.contains(number) for number in numbers), name
    (torch,) = re.findall(r"^TORCH \?= torch(==\S+)$", (ROOT / "Makefile").read_text(), re.M)
    assert str(pinned[canonicalize_name("torch")]) == torch


@pytest.mark.parametrize("image", IMAGES)
def test_images_install_what_there_is(image):
    text = (ROOT / image).read_text().replace("\\\n", " ")
    extras = re.findall(r"creme-toolkit\[([a-z,]+)\]", text)
    assert extras
    assert set(",".join(extras).split(",")) <= set(EXTRAS)
    bases = re.findall(r"^(?:FROM|From:) ?(\S+)", text, re.M)
    assert bases
    assert all(re.fullmatch(r"python:3\.\d+-slim", base) for base in bases)
    low, high = (Version(each) for each in re.findall(r"[\d.]+", PROJECT["requires-python"]))
    assert all(low <= Version(base[7:-5]) < high for base in bases)


def test_the_dockerfile_keeps_to_good_practice():
    """The rules of a linter that are about files like this one."""
    text = (ROOT / "release" / "Dockerfile").read_text()
    lines = re.sub(r"^#.*\n", "", text, flags=re.M).replace("\\\n", " ").strip().splitlines()
    instructions = [line.split()[0] for line in lines if line.strip()]
    assert set(instructions) <= {"ARG", "CMD", "COPY", "ENV", "FROM", "RUN", "USER", "WORKDIR"}
    assert "USER" in instructions[instructions.index("RUN") :]
    assert instructions[-1] == "CMD"
    for line in lines:
        if line.startswith("RUN"):
            assert "sudo" not in line
            assert line.count("pip install") == line.count("--no-cache-dir")
        if line.startswith("WORKDIR"):
            assert line.split()[1].startswith("/")
        if line.startswith("COPY") and "--from" not in line:
            source = line.split()[1]
            assert (ROOT / source).exists()


def test_the_apptainer_definition_has_its_sections():
    text = (ROOT / "release" / "creme.def").read_text()
    header, *sections = re.split(r"^%(\w+)\n", text, flags=re.M)
    assert dict(re.findall(r"^(\w+): (\S+)$", header, re.M))["Bootstrap"] == "docker"
    assert sections[::2] == ["help", "files", "post", "environment", "runscript", "test"]
    for name, script in zip(sections[::2], sections[1::2], strict=True):
        if name in ("post", "environment", "runscript", "test"):
            subprocess.run(["sh", "-n"], input=script, text=True, check=True)


def test_hooks_check_what_lint_checks():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    entries = " ".join(hook["entry"] for hook in hooks)
    (lint,) = re.findall(r"^lint: .*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)
    for tool in ("ruff check", "ruff format --check", "mypy src tests benchmarks"):
        assert f"$(BIN)/{tool}" in lint
        assert f".venv/bin/{tool}" in entries
    for path in re.findall(r"release/\w+\.py", entries):
        assert (ROOT / path).is_file()


def test_the_hook_for_files_passes_on_all_of_them():
    identify = pytest.importorskip("identify.identify")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("this is no clone")
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    (hook,) = (hook for hook in hooks if hook["id"] == "files")
    files = [
        name
        for name in listed.stdout.split("\0")
        if name
        and (ROOT / name).is_file()
        and not re.search(hook["exclude"], name)
        and {*hook["types"]} <= identify.tags_from_path(str(ROOT / name))
    ]
    assert len(files) > 500
    command = [sys.executable, "release/check_files.py", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_mistakes_in_text_files_are_named(tmp_path):
    script = ROOT / "release" / "check_files.py"
    wrong = tmp_path / "wrong.toml"
    wrong.write_bytes(b"a = 1 \n<<<<<<< HEAD\r\na =")
    done = subprocess.run([sys.executable, script, wrong], capture_output=True, text=True)
    assert done.returncode == 1
    for mistake in ("carriage", "one new line", "line 1 ends", "conflict", "cannot be parsed"):
        assert mistake in done.stdout


def test_the_release_checklist_has_every_check_that_exists_and_no_other():
    """`make check`, or targets after one `make`, in code; a part of another target is left out."""
    text = (ROOT / "docs" / "releasing.md").read_text()
    named = {
        word
        for command in re.findall(r"`make ([^`]+)`", text)
        for word in command.split()
        if "=" not in word
    }
    makefile = (ROOT / "Makefile").read_text()
    phony = {
        word
        for line in re.findall(r"^\.PHONY: (.+)$", makefile, re.M)
        for word in line.split()
        if "$" not in word and "%" not in word
    }
    assert named <= phony, named - phony
    within = {
        "test-core",
        "test-plugins",
        "lint",
        "docs",
        "wheels",
    }  # of test, test-docs, test-wheels
    short, others = {"bench-quick"}, {"format"}
    assert phony - named == within | short | others
    for script in re.findall(r"`(?:python )?(release/[\w./]+)", text):
        assert (ROOT / script).exists(), script
