"""Files: those that stand whole or not at all, digests of weights, downloads."""
