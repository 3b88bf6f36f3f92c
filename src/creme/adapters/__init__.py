"""Bases and helpers for those who bring a model."""
