"""Borzoi and Flashzoi in PyTorch, for creme-toolkit."""
