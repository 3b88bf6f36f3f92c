"""Keras networks, for creme-toolkit."""
