"""A directory of results: its life, the labels of its Datasets, and tidy tables."""
