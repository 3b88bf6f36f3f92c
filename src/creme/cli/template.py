"""The experiment file that ``creme init`` writes."""

TEMPLATE = """\
# An experiment: everything that `creme run` needs. Relative paths start at this file's folder.

name = "my-experiment"          # results go to my-experiment.results beside this file
seed = 7                        # everything random derives from it
store = "predictions"           # directory of predictions; experiments may share one
# results = "elsewhere"         # another results directory
# batch_size = 8                # sequences a forward pass; the model's default unless given

[model]
plugin = "synthetic"            # `creme plugins` lists what is installed
# A plugin's own parameters stand here; for creme-seqnn:
#   plugin = "seqnn"
#   params = "params.json"
#   weights = "model.h5"
#   targets = "targets.txt"
tracks = ["alpha"]              # indices, names or regular expressions: what is kept
# strand = "+"                  # only tracks of the gene's strand
bins = "tss"                    # "tss", "all", "first-last" or a list: what is kept

# Activities are read from what is kept: the mean over all kept bins of each kept track, unless
# readouts say otherwise.
# [[readouts]]
# name = "two_bins"
# bins = "1023-1024"
# over_tracks = "mean"          # one activity instead of one a track

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
