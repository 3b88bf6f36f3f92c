"""The registry: what a class needs to be a plugin, and what is said of one that lacks it."""

from __future__ import annotations

import sys
import types
from typing import ClassVar

import pytest

from creme import registry
from creme.errors import ConfigError, PluginError
from creme.model import Model, TrackTable
from creme.perturbation import Perturbation
from creme.registry import Plugin
from creme.sequence import Mutant
from creme.suite.necessity import Necessity
from creme.test import Test
from creme.testing.tests import RandomModel


class Dose(Test):
    name = "dose"

    def run(self, unit):
        yield [unit.sequence]


class Nameless(Test):
    def run(self, unit):
        yield [unit.sequence]


class Field(Test):
    name: str = "dose"

    def run(self, unit):
        yield [unit.sequence]


class NoRun(Test):
    name = "dose"


class Versionless(Model):
    name = "mine"
    input_length: ClassVar[int] = 128
    bin_size: ClassVar[int] = 128
    n_bins: ClassVar[int] = 1
    tracks: ClassVar[TrackTable] = TrackTable(())

    def predict(self, onehot):
        return onehot


class NoNumber(Versionless):
    version = 1


class Half(Model):
    name = "mine"
    version = "1"

    @property
    def input_length(self):
        return 10


class NoCall(Perturbation):
    name = "mine"


class Empty(Perturbation):
    name = ""

    def __call__(self, sequence, *, seed=0):
        return Mutant(sequence, [])


@pytest.fixture
def registered(monkeypatch):
    """Registers a class under a name, as an entry point of an installed package does."""
    module = types.ModuleType("some_plugin")
    monkeypatch.setitem(sys.modules, "some_plugin", module)

    def register(kind: str, name: str, loaded) -> None:
        module.Thing = loaded
        plugin = Plugin(kind, name, "some-plugin", "1", "some_plugin:Thing")
        both = registry.plugins
        monkeypatch.setattr(
            registry, "plugins", lambda k: {**both(k), **({name: plugin} if k == kind else {})}
        )

    return register


@pytest.mark.parametrize(
    ("kind", "loaded", "message"),
    [
        ("test", Nameless, r"has no name: set name: ClassVar\[str\] = '...' in the class"),
        ("test", Field, "has no name: set name"),
        ("test", NoRun, "lacks run: a test has to define these"),
        ("test", Necessity, "by another name than its class has: set name = 'mine' in the class, "
         "or register it as 'necessity'"),
        ("test", RandomModel, r"is not a subclass of creme\.Test"),
        ("test", 3, r"is not a subclass of creme\.Test"),
        ("model", Versionless, r"has no version: set version: ClassVar\[str\]"),
        ("model", NoNumber, r"has no version: .*, not 1$"),
        ("model", Half, "lacks bin_size, n_bins, predict, tracks: a model has to define these"),
        ("perturbation", NoCall, "lacks __call__: a perturbation has to define these"),
        ("perturbation", Empty, "has no name: .*, not ''$"),
        ("perturbation", Dose, r"is not a subclass of creme\.Perturbation"),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_class_lacks_is_said(registered, kind, loaded, message):
    registered(kind, "mine", loaded)
    start = rf"^{kind} 'mine' \(some_plugin:Thing, from some-plugin\) "
    with pytest.raises(PluginError, match=start + f".*{message}"):
        registry.load(kind, "mine")
    with pytest.raises(PluginError, match=message):
        registry.create(kind, "mine")


def test_what_lacks_nothing_is_loaded(registered):
    registered("test", "dose", Dose)
    assert registry.load("test", "dose") is Dose
    assert registry.create("test", {"name": "dose", "seed": 3}) == Dose(seed=3)


def test_a_model_needs_no_identity_of_its_own(registered):
    registered("model", "mine", type("Mine", (Versionless,), {"version": "1"}))
    assert registry.load("model", "mine")().identity() == {}


@pytest.mark.parametrize("kind", registry.KINDS)
def test_what_is_installed_can_be_loaded(kind):
    for name, plugin in registry.plugins(kind).items():
        if plugin.distribution == "creme-toolkit":
            assert registry.load(kind, name).name == name


@pytest.mark.parametrize("kind", ["models", "tests", "perturbations", "modle", ""])
def test_kinds_are_named_by_one(kind):
    for call in (
        lambda: registry.plugins(kind),
        lambda: registry.load(kind, "mask"),
        lambda: registry.create(kind, "mask"),
        lambda: registry.create(kind, {"name": "python", "object": "a.py:B"}),
    ):
        with pytest.raises(ConfigError, match="give one of model, perturbation, test"):
            call()


def test_a_specification_makes_the_same_again():
    test = Necessity(tile=100, perturbation={"name": "mask"})
    again = registry.create("test", registry.specification(test))
    assert again == test
