"""Genomes, annotations, and the loci that experiments are about."""

from __future__ import annotations

from creme.genome.annotation import Annotation
from creme.genome.fasta import Genome
from creme.genome.loci import LociConfig, select_loci
from creme.genome.locus import Locus
from creme.genome.records import TSS

__all__ = ["TSS", "Annotation", "Genome", "LociConfig", "Locus", "select_loci"]
