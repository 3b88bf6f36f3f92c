"""The synthetic genome of ``creme demo``, and the grammar that the synthetic model reads."""
