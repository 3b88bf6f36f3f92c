"""AlphaGenome in PyTorch, for creme-toolkit."""
