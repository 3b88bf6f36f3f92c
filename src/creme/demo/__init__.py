"""Synthetic genomes and the grammars that stand on them: models whose truth is known."""
