"""A small network that learned an oracle's grammar, evaluated in NumPy."""
