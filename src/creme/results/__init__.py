"""A directory of results: its life, the labels of its Datasets, and tidy tables."""

ALL_UNITS = "all units"
"""What a failure of a whole test has in place of a unit's name."""
