"""A directory of results: its life, the labels of its Datasets, and tidy tables."""

ALL_UNITS = "all units"
"""Stands in place of a unit's name in a failure of a whole test."""
