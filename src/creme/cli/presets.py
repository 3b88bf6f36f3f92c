"""Study files as published studies were run: ``creme init --study --as NAME``."""

from __future__ import annotations

from creme.errors import ConfigError, listing, nearest

_HEAD = """\
# A study as {what}.
#
# Toneyan, S. & Koo, P. K. Interpreting cis-regulatory interactions from large-scale deep neural
# networks. Nature Genetics 56, 2517-2527 (2024), doi 10.1038/s41588-024-01923-3
#
# {plugin}
# Relative paths start at this file's folder. All tables: creme init --study, docs/study.md.

name = "{name}"
seed = 7
store = "predictions"
"""

_ENFORMER = """
[model]
plugin = "enformer-torch"
weights = "EleutherAI/enformer-official-rough"      # or a folder with config.json and the weights
targets = "targets_human.txt"       # Basenji's manuscripts/cross2020; may be gzipped
tracks = ["{track}"]      # {cells}
bins = "{kept}"                     # kept of each prediction{why}

# The mean of two bins, as in the authors' code: the TSS base is the first one of bin 448. The text
# has bin 448 alone, which is bins = "tss".
[[readouts]]
name = "cage"
bins = "447-448"
over_tracks = "mean"
"""

_BORZOI = """
[model]
plugin = "borzoi"
weights = "johahi/borzoi-replicate-0"       # or a folder with config.json and the weights
targets = "targets_human.txt"       # Borzoi's examples; may be gzipped
tracks = ["^CNhs12336"]             # CAGE in K562: tracks 872 and 873, plus and minus
strand = "+"                        # a locus sequence runs along its gene: "+" is the gene's strand
bins = "3040-3103"                  # kept of each prediction: 2 kb around the TSS
unsquash = true                     # coverage as it was measured, and not as the network learned it

# The 256 bp around the TSS, whose base is the first one of bin 3,072, as Enformer's two bins.
[[readouts]]
name = "cage"
bins = "3068-3075"
over_bins = "sum"
"""

_PUBLISHED = """
[loci]
fasta = "hg38.fa"                   # GRCh38
gtf = "gencode.annotation.gtf.gz"   # GENCODE, of the same build: TSSs of all transcripts

[selection]                         # the 10,000 genes with the most active TSS in the cell line
activity = 0
summit = "any"
per_gene = 1
max_loci = 10000

[categories]
enhancing = {enhancing}
neutral = 0.05
silencing = {silencing}
at_most = 200                       # the most typical ones of each

[classes]
weak = 0.3
strong = 0.5
silencers_by = "control"            # as published: (CRE-TSS-MUTANT - TSS-CONTROL) / TSS-CONTROL
additive = 0.3

[common]
tile = 5000
replicates = {replicates}

[context_dependence]
replicates = {contexts}

[higher_order]
accept = "all"                      # every round's best tile belongs to the set, as published
"""

_PREPRINT = """
[loci]
fasta = "hg19.fa"
gtf = "gencode.lift37.annotation.gtf.gz"            # GENCODE, of the same build

[selection]
activity = 30.0                     # predicted activity at the TSS, at least
summit = "tss"                      # the highest bin of the profile is the TSS's
per_gene = 1

[categories]
enhancing = 0.95
neutral = 0.2
silencing = -0.5

[classes]
weak = 0.3
strong = 0.5
additive = 0.3

[common]
tile = 5000
replicates = 10

[higher_order]
accept = "all"                      # every round's best tile belongs to the set, as in the text
"""

_GET_ENFORMER = "needs the plugin creme-enformer-torch; creme models fetch enformer-torch"
_GET_BORZOI = "needs the plugin creme-borzoi; creme models fetch borzoi borzoi-replicate-0 targets"
_K562 = {"track": "CAGE.*K562 ENCODE", "cells": "track 5,111; or CAGE.*GM12878, CAGE.*PC-3"}

PRESETS = {
    "preprint": _HEAD.format(
        what="the preprint describes it: Enformer, CAGE in K562, hg19",
        plugin=_GET_ENFORMER,
        name="preprint",
    )
    + _ENFORMER.format(**_K562, kept="all", why=": the summit must be seen")
    + _PREPRINT,
    "published-enformer": _HEAD.format(
        what="the paper describes it for Enformer: CAGE in K562, GRCh38",
        plugin=_GET_ENFORMER,
        name="published-enformer",
    )
    + _ENFORMER.format(**_K562, kept="440-455", why=": 2 kb around the TSS")
    + _PUBLISHED.format(enhancing=0.95, silencing=-0.3, replicates=10, contexts=100),
    "published-borzoi": _HEAD.format(
        what="the paper describes it for Borzoi: CAGE in K562, GRCh38",
        plugin=_GET_BORZOI,
        name="published-borzoi",
    )
    + _BORZOI
    + _PUBLISHED.format(enhancing=0.9, silencing=-0.2, replicates=5, contexts=5),
}
"""The text of a study file by the name of the preset."""


def preset(name: str) -> str:
    """The study file of a preset.

    Raises
    ------
    ConfigError
        If there is none of the name.
    """
    if name not in PRESETS:
        raise ConfigError(
            f"--as {name!r}: there is no such preset{nearest(name, PRESETS)}; they are "
            f"{listing(PRESETS)}"
        )
    return PRESETS[name]
