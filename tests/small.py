"""The text of a small experiment."""

from __future__ import annotations

SMALL = """\
name = "small"
seed = 7

[model]
plugin = "synthetic"
length = 24576
bins = "tss"

[loci]
fasta = "{fasta}"
bed = "{bed}"

[[tests]]
name = "context_dependence"
tile = 1000
replicates = 3

[[tests]]
name = "necessity"
tile = 1000
replicates = 3
"""


def text(genome) -> str:
    """The experiment on a synthetic genome."""
    return SMALL.format(fasta=genome.fasta, bed=genome.bed)
