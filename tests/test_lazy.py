"""Packages that import their names when they are used."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from creme.lazy import attach


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("a_lazy_package")
    monkeypatch.setitem(sys.modules, "a_lazy_package", module)
    homes = {"Fraction": "fractions", "Nothing": "fractions", "Ratio": "fractions:Fraction"}
    module.__getattr__, module.__dir__ = attach("a_lazy_package", homes)  # type: ignore[method-assign, assignment]
    return module


def test_a_name_is_imported_when_it_is_used_and_stays(package: ModuleType) -> None:
    from fractions import Fraction

    assert "Fraction" not in vars(package)
    assert package.Fraction is Fraction
    assert vars(package)["Fraction"] is Fraction


def test_a_name_may_be_another_one_in_its_module(package: ModuleType) -> None:
    assert package.Ratio is package.Fraction


def test_names_are_listed_before_they_are_imported(package: ModuleType) -> None:
    assert {"Fraction", "Nothing"} <= set(dir(package))


def test_another_name_is_an_attribute_error_that_names_the_package(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match="'a_lazy_package' has no attribute 'Other'"):
        _ = package.Other
