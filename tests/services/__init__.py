"""Servers that the tests run for themselves."""
