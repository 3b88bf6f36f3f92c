"""Passwords of an index's URL are in nothing that is kept or shown."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from stored import fill, held

from creme.errors import StoreError
from creme.passwords import masked
from creme.runner.experiment import Experiment
from creme.store import Store
from in_process import caller
from services.postgres import PASSWORD, Postgres
from states import write_state

SECRET = quote(PASSWORD, safe="")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:pass@host/db", "postgresql://me:***@host/db"),
        ("postgresql+psycopg://me:p@s@s:w@host/db", "postgresql+psycopg://me:***@host/db"),
        ('index = "postgresql://me:pass@host/db"\n', 'index = "postgresql://me:***@host/db"\n'),
        ("postgresql://:pass@host/db", "postgresql://:***@host/db"),
        ("postgresql://host/db?password=x&user=y", "postgresql://host/db?password=***&user=y"),
        (
            "postgresql://host/db?user=y&sslpassword=x",
            "postgresql://host/db?user=y&sslpassword=***",
        ),
        ("host=h password=x dbname=d", "host=h password=*** dbname=d"),
        ("host=h password='x y' dbname=d", "host=h password=*** dbname=d"),
        ("postgresql://me:${PASS}@host/db", "postgresql://me:${PASS}@host/db"),
        ("postgresql://me@host:5432/db", "postgresql://me@host:5432/db"),
        ("sqlite:////data/a:b@c/i.sqlite", "sqlite:////data/a:b@c/i.sqlite"),
        ("see https://x.org:80/a, or mail a@b.org", "see https://x.org:80/a, or mail a@b.org"),
    ],
)
def test_passwords_are_masked(text, shown):
    assert masked(text) == shown
    assert masked(shown) == shown


@pytest.fixture
def creme(monkeypatch, capsys):
    return caller(monkeypatch, capsys)


def address(postgres: Postgres, secret: str, database: str | None = None) -> str:
    """By TCP, where the server asks for the password."""
    name = postgres.database() if database is None else database
    return f"postgresql://creme:{secret}@127.0.0.1:{postgres.port}/{name}"


def holding(folder: Path) -> list[str]:
    """Files below a folder with the password in them."""
    needles = (PASSWORD.encode(), SECRET.encode())
    return [
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and any(needle in file.read_bytes() for needle in needles)
    ]


def test_nothing_that_a_run_writes_or_says_has_the_password(
    tmp_path, experiment, postgres, creme, monkeypatch
):
    url = address(postgres, SECRET)
    path = experiment(("seed = 7\n", f'seed = 7\nindex = "{url}"\n'))
    said = str(Experiment.from_file(path).plan())
    said += creme("run", path)
    said += creme("cache", "info", path)
    results = tmp_path / "small.results"
    said += creme("report", results)
    assert PASSWORD not in said
    assert SECRET not in said
    assert holding(tmp_path) == ["small.toml"]
    assert "creme:***@127.0.0.1" in (results / "experiment.toml").read_text()
    assert "creme:***@127.0.0.1" in (results / "report.html").read_text()
    assert PASSWORD not in repr(Experiment.from_file(path))
    assert SECRET not in repr(Experiment.from_file(path))
    # A copy without the password, and its own file with a variable, go on.
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert "0 predicted" in creme("resume", results)
    monkeypatch.delenv("PGPASSWORD")
    path.write_text(path.read_text().replace(SECRET, "${CREME_TEST_PASSWORD}"))
    monkeypatch.setenv("CREME_TEST_PASSWORD", PASSWORD)
    assert "0 predicted" in creme("run", path)
    assert "creme:${CREME_TEST_PASSWORD}@" in (results / "experiment.toml").read_text()


def test_a_directory_of_an_earlier_version_is_shown_without_it(tmp_path, experiment, creme):
    path = experiment()
    Experiment.from_file(path).run(progress=False)
    copy = tmp_path / "small.results" / "experiment.toml"
    copy.write_text(f'index = "postgresql://creme:{SECRET}@host/db"\n{copy.read_text()}')
    state = json.loads(copy.with_name("run.json").read_text())
    del state["sha256"]  # which it did not write
    write_state(copy.with_name("run.json"), state)
    creme("report", tmp_path / "small.results")
    page = (tmp_path / "small.results" / "report.html").read_text()
    assert "creme:***@host" in page
    assert SECRET not in page


def test_where_a_password_may_be(tmp_path, postgres, monkeypatch):
    url = address(postgres, SECRET)
    with Store(tmp_path / "s", index_url=url) as store:
        fill(store, range(3))
    database = url.rpartition("/")[2]
    without = f"postgresql://creme@127.0.0.1:{postgres.port}/{database}"
    for wrong in (without, url.replace(SECRET, "other"), url.replace(SECRET, "***")):
        with pytest.raises(StoreError, match="PGPASSWORD, or a password file") as refusal:
            Store(tmp_path / "s", index_url=wrong)
        assert "other" not in str(refusal.value).replace("another", "")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    for without_it in (without, url.replace(SECRET, "***")):
        with Store(tmp_path / "s", index_url=without_it) as store:
            assert held(store) == {0, 1, 2}
    monkeypatch.delenv("PGPASSWORD")
    file = tmp_path / "services"
    file.write_text(
        f"[lab]\nhost=127.0.0.1\nport={postgres.port}\nuser=creme\npassword={PASSWORD}\n"
        f"dbname={database}\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    with Store(tmp_path / "s", index_url="postgresql://?service=lab") as store:
        assert held(store) == {0, 1, 2}
