"""Compiled kernels; numba is imported with the module that needs it."""
