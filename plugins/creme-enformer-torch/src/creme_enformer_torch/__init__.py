"""Enformer in PyTorch, for creme-toolkit."""
