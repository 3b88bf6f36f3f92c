"""Motifs of a MEME file: their instances in a genome, and names for what models use."""

from creme.motifs.instances import Instances, ScannedInterval, find_instances
from creme.motifs.meme import read_motifs
from creme.motifs.naming import name_stretches
from creme.motifs.stretches import important_stretches

__all__ = [
    "Instances",
    "ScannedInterval",
    "find_instances",
    "important_stretches",
    "name_stretches",
    "read_motifs",
]
