"""Scorecards: a model's answers to a fixed list of questions about a fixed list of loci."""
