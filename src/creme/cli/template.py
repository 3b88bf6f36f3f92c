"""The files that ``creme init`` writes."""

TEMPLATE = """\
# An experiment: everything that `creme run` needs. Relative paths start at this file's folder.

name = "my-experiment"          # results go to my-experiment.results beside this file
seed = 7                        # everything random derives from it
store = "predictions"           # directory of predictions; experiments may share one
# results = "other-folder"      # another results directory
# batch_size = 8                # sequences a forward pass, or "auto": found by trying, as on a GPU

[model]
plugin = "synthetic"            # `creme plugins` lists what is installed
# A plugin's own parameters go here; for creme-seqnn:
#   plugin = "seqnn"
#   params = "params.json"
#   weights = "model.h5"
#   targets = "targets.txt"
tracks = ["alpha"]              # tracks to keep: indices, names or regular expressions
# strand = "+"                  # only tracks of the gene's strand
bins = "tss"                    # bins to keep: "tss", "all", "first-last" or a list

# An activity is the mean over all kept bins of each kept track, unless there are readouts.
# [[readouts]]
# name = "two_bins"
# bins = "1023-1024"
# over_tracks = "mean"          # one activity instead of one a track
# [[readouts]]                  # with all bins kept, these cost no further prediction
# name = "rna"
# of = "exons"                  # of the gene, by the gtf; or "neighbours": every TSS around

[loci]
fasta = "genome.fa"             # plain, gzip or bgzip
gtf = "annotation.gtf"          # or bed = "tss.bed", or table = "loci.tsv"
genes = ["GENE1", "GENE2"]      # all genes of the annotation unless given

[[tests]]
name = "context_dependence"
tile = 5000
replicates = 10

[[tests]]
name = "necessity"
tile = 5000
replicates = 10

[[tests]]
name = "sufficiency"
tile = 5000
replicates = 10
"""

STUDY = """\
# A study: from a genome and an annotation to every test's tables. Everything that `creme study`
# needs; relative paths start at this file's folder. Settings left out have the value shown.
# The settings of published studies: creme init --study --as published-enformer

name = "my-study"               # everything goes to my-study.study beside this file
seed = 7                        # everything random derives from it
store = "predictions"           # directory of predictions, shared by all stages and other studies
# batch_size = 8                # sequences a forward pass, or "auto": found by trying, as on a GPU
# track = "cage"                # the activity that selects and classifies, where there are several
# stages = ["loci", "context_dependence", "context_swap", "necessity", "sufficiency",
#           "distance", "higher_order", "set_sufficiency", "multiplicity", "fine_tile"]

[model]
plugin = "synthetic"            # `creme plugins` lists what is installed
tracks = ["alpha"]              # tracks to keep: indices, names or regular expressions
bins = "all"                    # kept of each prediction; the summit must be seen: "all", or a span

# An activity is read from the TSS's bin of each kept track, unless there are readouts.
# [[readouts]]
# name = "cage"
# bins = "447-448"
# over_tracks = "mean"          # one activity instead of one a track

[loci]
fasta = "genome.fa"             # plain, gzip or bgzip
gtf = "annotation.gtf"          # TSSs of all transcripts; or bed = "tss.bed", or table = "loci.tsv"
# genes = ["GENE1", "GENE2"]    # all genes of the annotation unless given

[selection]
activity = 30.0                 # predicted activity at the TSS, at least
summit = "tss"                  # the highest bin has to be the TSS's; "any" does without
within = 0                      # or this many bins from it
recentre = 0                    # move the TSS to a summit at most this far away, bp
per_gene = 1                    # most active TSSs of a gene; 0 keeps all
# max_n = 0.1                   # share of N in the window, at most
transcripts = "all"             # or "representative": one a gene
# contigs = ["chr1", "chr2"]    # only these
# max_loci = 500                # the most active ones

[categories]                    # by the context dependence test's effect
enhancing = 0.95
neutral = 0.2
silencing = -0.5
# q_below = 0.05                # of enhancing and silencing ones (docs/trust.md)
# at_most = 200                 # loci of each, the most typical ones

[classes]                       # by the sufficiency test's effect
weak = 0.3
strong = 0.5
# silencers_by = "control"      # a silencer's share of the control, and not of the wild type
# q_below = 0.05                # only effects beyond the noise of the shuffles (docs/trust.md)
# p_below = 0.01                # only effects that are rare in the panel below
additive = 0.3                  # mean squared error above which a set of tiles is not additive

# [calibration]
# panel = "panel.json"          # of `creme calibrate`: effects where nothing is expected
# [spread]
# shift_tss = [-3, 3]           # measure with the TSS moved as well, bp
# members = true                # and with each member of an ensemble

[common]                        # parameters of every test, unless its own table has them
tile = 5000
replicates = 10
# minimum_activity = 5.0        # of the wild type, below which nothing gets a class

# Each stage takes the parameters of its test, and which loci or CREs it is run on:
# [necessity]
# categories = ["enhancing", "neutral", "silencing"]
# [distance]
# cres = { enhancing = ["enhancer"], silencing = ["silencer"] }
# [higher_order]
# rounds = 10
# [multiplicity]
# copies = 10
# cres = { enhancing = ["strong enhancer", "weak enhancer"] }

# A stage of your own: a plugin's test, or one of the toolkit's under another name. Where there is
# one, the list of stages above is written [stages] run = [...].
# [stages.fine_necessity]
# test = "necessity"
# categories = ["enhancing"]    # or cres = { ... }; all selected loci unless one is given
# after = "sufficiency"         # the stage whose outcome it takes unless given
# tile = 500                    # parameters of the test
"""
