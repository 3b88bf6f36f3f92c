"""Enformer as published in TensorFlow, for creme-toolkit."""
