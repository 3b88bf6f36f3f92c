"""How far the suite's answers can be trusted: its tests on loci whose truth is known."""
