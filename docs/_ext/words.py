"""The words of the reference: what every variable and column holds, and its unit.

A key is a name, or ``TEST.NAME`` (``TABLE.NAME`` for a table) where the same name has another
meaning there. The generator fails on a name that has no words.
"""

from __future__ import annotations

ACTIVITY = "activity"
SHARE = "share"
FOLD = "fold change"
BP = "bp"
BASE = "0-based base"

DATASET: dict[str, tuple[str, str]] = {
    # labels of a locus
    "locus": ("name", "the unit: the locus's name, or SOURCE in TARGET for a swap"),
    "gene": ("name", "gene of the locus"),
    "transcript": ("name", "transcript whose TSS the locus is"),
    "contig": ("name", "contig of the FASTA"),
    "tss_position": (BASE, "the TSS on the contig"),
    "strand": ("+ or -", "strand of the gene"),
    "start": (BASE, "first base of the input window on the contig; below 0 where it is padded"),
    "end": (BASE, "end of the input window on the contig, exclusive"),
    "padding_left": (BP, "N that stand before the contig's start, in contig direction"),
    "padding_right": (BP, "N that stand after the contig's end, in contig direction"),
    "category": ("name", "category of the locus's context; in studies"),
    # dimensions
    "track": ("name", "label of the activity: a track, or a readout"),
    "replicate": ("index", "number of the shuffle or of the background"),
    "tile": ("index", "number of the tile, 5' to 3' along the gene"),
    "tiles": ("count", "tiles that are put back; 0 is the TSS tile alone"),
    "round": ("index", "round of the greedy search; of tested sets, place in the accepted set"),
    "fine_tile.round": ("index", "step of the search; 0 is the whole tile"),
    "attempt": ("index", "round of the search, whether its tile was accepted or not"),
    "search": ("name", "direction of the search: enhancers or silencers"),
    "position": ("index", "number of the position that the tile is moved to"),
    "saturation_mutagenesis.position": (
        BP,
        "the base, by its distance from the TSS along the gene",
    ),
    "copy": ("index", "number of the copy, from 0"),
    "copies": ("count", "copies that are in the sequence, with this one"),
    "sub_tile": ("index", "stretch of the tile that the search keeps"),
    "motif": ("sequence", "the motif that is embedded"),
    "base": ("letter", "the base that is put in"),
    "compatibility.distance": (BP, "from the TSS to the enhancer's centre; negative is upstream"),
    "carrier": ("name", "locus whose shuffled sequence carries the pairs"),
    "background": ("index", "which of the locus's backgrounds the carrier is"),
    "promoter": ("name", "locus whose TSS tile is put in; WITHOUT [a, b) where a part is shuffled"),
    "enhancer": ("name", "the enhancer; SHUFFLED K for a shuffled one"),
    "null": ("bool", "whether the enhancer is a shuffled one"),
    "own": ("bool", "whether promoter and enhancer come from one locus"),
    "promoter_group": ("name", "group of the promoter, by groups; may be empty"),
    "enhancer_group": ("name", "group of the enhancer, by groups; may be empty"),
    "promoter_locus": ("name", "the promoter's locus"),
    "enhancer_locus": ("name", "locus that the enhancer belongs to; may be empty"),
    "promoter_contig": ("name", "contig of the promoter"),
    "promoter_start": (BASE, "first base of the TSS tile on the contig"),
    "promoter_end": (BASE, "end of the TSS tile on the contig, exclusive"),
    "promoter_strand": ("+ or -", "strand that the promoter is read on"),
    "enhancer_contig": ("name", "contig of the enhancer"),
    "enhancer_start": (BASE, "first base of the enhancer on the contig"),
    "enhancer_end": (BASE, "end of the enhancer on the contig, exclusive"),
    "enhancer_strand": ("+ or -", "strand that the enhancer is read on"),
    "source": ("name", "locus whose TSS tile is moved"),
    "target": ("name", "locus whose context it is put into"),
    "source_category": ("name", "category of the source's context"),
    "target_category": ("name", "category of the target's context"),
    # places
    "tile_start": ("base of the window", "first base of the tile, 5' to 3' along the gene"),
    "tile_end": ("base of the window", "end of the tile, exclusive"),
    "genomic_start": (BASE, "first base of the interval on the contig"),
    "genomic_end": (BASE, "end of the interval on the contig, exclusive"),
    "distance": (BP, "from the TSS to the tile's centre along the gene; negative is upstream"),
    "position_start": ("base of the window", "first base of the moved tile, copy or motif"),
    "position_distance": (BP, "from the TSS to the centre of the moved tile, copy or motif"),
    "selected": ("index", "the tile that the round chose; -1 after the last one"),
    "selected_start": ("base of the window", "first base of the tile that the round chose"),
    "multiplicity.selected": ("index", "the position that the search chose for this copy"),
    "multiplicity.selected_start": ("base of the window", "first base of the place of this copy"),
    "tried": ("index", "the tile that won the attempt; -1 after the last one"),
    "tried_start": ("base of the window", "first base of the tile that won the attempt"),
    "kept": ("index", "the shuffle of the chosen tile that the next round starts from"),
    "accepted": ("0 or 1", "1 where the attempt's pending tiles were accepted"),
    "reference": ("letter", "the base of the genome at this position"),
    # pairs and subsets of tiles
    "combination": ("bits", "the members that are lost: the first is 1, the second 2, then 4"),
    "pair": ("index", "number of the pair of members"),
    "pair_first": ("index", "a member of the pair"),
    "pair_second": ("index", "the other member, further downstream"),
    "interactions.member": ("index", "number of the combined tile, 5' to 3' along the gene"),
    "member_tile": ("index", "the member's place among the tiles"),
    "member_start": ("base of the window", "first base of the member"),
    "member_end": ("base of the window", "end of the member, exclusive"),
    "member_distance": (BP, "from the TSS to the member's centre along the gene"),
    "member_genomic_start": (BASE, "first base of the member on the contig"),
    "member_genomic_end": (BASE, "end of the member on the contig, exclusive"),
    "member_effect": (SHARE, "(wild_type - shuffled) / wild_type of the member by itself"),
    "combined": (ACTIVITY, "with all members of the combination shuffled"),
    "epistasis": ("log2", "log2 WT - log2 A - log2 B + log2 AB, with the floor"),
    "additive_epistasis": (SHARE, "(WT - A - B + AB) / WT"),
    "order": ("index", "number of the random order; each second one is the reverse"),
    "order_of_loss": ("index", "the member that is lost at this place of the order"),
    # activities
    "wild_type": (ACTIVITY, "of the unperturbed sequence"),
    "mutant": (ACTIVITY, "of the perturbed sequences"),
    "context_dependence.mutant": (ACTIVITY, "with everything but the TSS tile shuffled"),
    "context_swap.mutant": (ACTIVITY, "of the source's TSS tile in the target's context"),
    "sufficiency.mutant": (ACTIVITY, "of a background with the TSS tile and this tile"),
    "set_sufficiency.mutant": (ACTIVITY, "of a background with the TSS tile and the first tiles"),
    "saturation_mutagenesis.mutant": (ACTIVITY, "with one base changed to another"),
    "motif_embedding.mutant": (ACTIVITY, "of a background with the TSS tile and the motif"),
    "control": (ACTIVITY, "of a background with the TSS tile alone"),
    "compatibility.control": (ACTIVITY, "of the carrier with the promoter alone"),
    "compatibility.mutant": (ACTIVITY, "of the carrier with the promoter and the enhancer"),
    "distance.control": (ACTIVITY, "of a background with the tile at its own place"),
    "multiplicity.control": (ACTIVITY, "of a background with the TSS tile and the tile in place"),
    "tss_control": (ACTIVITY, "of a background with the TSS tile alone"),
    "shuffled": (ACTIVITY, "with the tile shuffled"),
    "unperturbed": (ACTIVITY, "of the target as it is"),
    "dinuc": (ACTIVITY, "of the target with its context shuffled"),
    "dinuc_mutant": (ACTIVITY, "of the source's TSS tile in the shuffled context of the target"),
    "moved": (ACTIVITY, "of a background with the tile at another position"),
    "placed": (ACTIVITY, "with a further copy at each position; NaN where one stands already"),
    "whole": (ACTIVITY, "of a background with the TSS tile and the whole tile"),
    "initial": (ACTIVITY, "from which the round starts"),
    "again": (ACTIVITY, "with the attempt's tile and the pending ones shuffled afresh"),
    # measures
    "effect": (SHARE, "the test's measure, by the parameter effect a share, difference or log2"),
    "context_swap.effect": (SHARE, "(mutant - unperturbed) / wild_type"),
    "compatibility.effect": ("log2", "log2(mutant / control)"),
    "dinuc_effect": (SHARE, "(dinuc_mutant - dinuc) / wild_type: the same in random context"),
    "saturation_mutagenesis.effect": (SHARE, "(wild_type - mutant) / wild_type"),
    "motif_embedding.effect": (SHARE, "(mutant - control) / wild_type"),
    "importance": (SHARE, "mean effect of the three changes of the base"),
    "fold_change": (FOLD, "the test's measure"),
    "distance.fold_change": (FOLD, "moved / control"),
    "higher_order.fold_change": (
        FOLD,
        "with the tiles up to this one shuffled, over the wild type",
    ),
    "set_sufficiency.fold_change": (FOLD, "mutant / wild_type"),
    "multiplicity.fold_change": (FOLD, "with the copies, over control"),
    "tile_fold_change": (FOLD, "with this candidate shuffled as well, mean over replicates"),
    "alone": (FOLD, "with this tile alone shuffled afresh, over the wild type"),
    "design": ("name", "native, random, and the designs by rank from 1"),
    "design_check.design": ("name", "rank of the design, from 1"),
    "designed_for": ("name", "locus that the design is for"),
    "check": ("name", "place; moved, copies, swap or part, with a number"),
    "design_check.kind": ("name", "place, moved, copies, swap or part"),
    "design_check.at": (
        "bp, or a count",
        "distance from the TSS, copies, or first base of the part",
    ),
    "design_check.target": ("name", "locus whose TSS tile the design stands beside"),
    "design_check.mutant": (ACTIVITY, "of a background with the design; of parts, without one"),
    "design_check.control": (ACTIVITY, "of the background without it; of parts, with all of it"),
    "design_check.effect": ("log2", "log2(mutant / control), mean over backgrounds"),
    "design_check.sequence": ("sequence", "of the design, 5' to 3' along the gene"),
    "set": ("name", "backgrounds of the search, of the choice, or of the report"),
    "design.round": ("index", "round of the search; 0 is that of the starts"),
    "sequence": ("sequence", "of the design in its own orientation; empty where none was found"),
    "orientation": ("forward or reverse", "strand of the design, seen along the gene"),
    "place_start": ("base of the window", "first base of the design's place"),
    "place_end": ("base of the window", "end of the design's place, exclusive"),
    "place_genomic_start": (BASE, "first base of the design's place on the contig"),
    "place_genomic_end": (BASE, "end of the design's place on the contig, exclusive"),
    "design.mutant": (ACTIVITY, "of a reporting background with the TSS tile and the design"),
    "design.control": (ACTIVITY, "of a reporting background with the TSS tile alone"),
    "in_locus": (ACTIVITY, "of the locus itself with the design in it"),
    "design.effect": (SHARE, "(mutant - control) / wild_type"),
    "design.score": ("score", "weighted sum on the backgrounds that report"),
    "search_score": ("score", "mean on the backgrounds of the search"),
    "choose_score": ("score", "mean on the backgrounds of the choice"),
    "curse": ("score", "by how much the report is worse than the search"),
    "edits": ("count", "bases other than the native CRE's"),
    "gc": (SHARE, "of G and C in the design"),
    "kmer_distance": ("0 to 1", "of the design's words of 4 bp from those of the locus"),
    "kmer_rank": (SHARE, "of windows of the locus that are nearer to it by their words"),
    "nearest_identity": (SHARE, "of bases in common with the most similar window of the locus"),
    "nearest_start": ("base of the window", "first base of the most similar window"),
    "measured": ("count", "sequences of the round"),
    "round_median": ("score", "median of the round's sequences"),
    "round_score": ("score", "of the best sequence so far"),
    "score": (SHARE, "effect that the kept parts have, as a share of the whole tile's"),
    "final_score": (SHARE, "score of the smallest parts, measured again"),
    "window": (BP, "length of the sub-tiles of this step"),
    "kept_bp": (BP, "bases of the tile that are kept"),
    "sub_start": ("base of the window", "first base of a stretch that is kept"),
    "sub_end": ("base of the window", "end of a stretch that is kept, exclusive"),
    "sub_genomic_start": (BASE, "first base of a stretch that is kept, on the contig"),
    "sub_genomic_end": (BASE, "end of a stretch that is kept, on the contig, exclusive"),
    "p": ("probability", "of the attempt, corrected for the search"),
    # composition and options
    "sequence_gc": (SHARE, "of G and C among the locus's bases"),
    "sequence_n": (SHARE, "of N in the locus's window"),
    "background_gc": (SHARE, "of G and C among the background's bases"),
    "background_n": (SHARE, "of N in the background"),
    "replicates_used": ("count", "replicates that were measured before the test stopped"),
    "unchanged_replicates": ("count", "shuffles that are the tile as it was"),
    "share_of_bases": (SHARE, "of the tile that is bases and not N"),
    "below_minimum": ("bool", "whether the wild type is below the minimum activity"),
    "member": ("index", "member of the ensemble"),
    "shift_tss": (BP, "by which the TSS was moved, positive downstream"),
    "neighbour": ("index", "TSS in the output window; 0 is the locus's own"),
    "neighbour_gene": ("name", "gene of the neighbour"),
    "neighbour_transcript": ("name", "transcript of the neighbour"),
    "neighbour_position": (BASE, "TSS of the neighbour on the contig"),
    "neighbour_strand": ("+ or -", "strand of the neighbour"),
    "neighbour_distance": (BP, "from the locus's TSS to the neighbour's, along the gene"),
}

ENDINGS: dict[str, tuple[str, str]] = {
    "_replicates": ("", "{}, for each replicate"),
    "_std_members": ("", "{}: standard deviation over an ensemble's members (ddof 1)"),
    "_std_positions": ("", "{}: standard deviation over positions of the TSS (ddof 1)"),
    "_members": ("", "{}, by each member of the ensemble"),
    "_positions": ("", "{}, with the TSS at each position"),
    "_std": ("", "{}: standard deviation over replicates (ddof 1)"),
    "_se": ("", "{}: standard error over replicates"),
    "_panel_percentile": ("percent", "{}: its place among the effects of the panel"),
    "_panel_p": ("probability", "{}: share of the panel's effects that are as far from neutral"),
    "_percentile": ("percent", "{}: its place among all effects of the test and track"),
    "_low": ("", "{}: lower end of the 95 % interval"),
    "_high": ("", "{}: upper end of the 95 % interval"),
}
"""Words of a name with an ending, made of those of the name without it."""

ATTRIBUTES: dict[str, str] = {
    "test": "registered name of the test",
    "measure": "variable that answers the test's question",
    "neutral": "value of the measure where nothing happens",
    "title": "heading of the test",
    "summary": "one sentence on the test",
    "along": "dimension that lies along the sequence; empty if there is none",
    "configuration": "JSON: all parameters of the test",
    "model": "JSON: plugin, settings and fingerprint of the model",
    "readouts": "JSON: the readouts",
    "readings": "JSON: tracks and bins that each activity is read from",
    "seed": "seed of the experiment",
    "creme_version": "version of the toolkit that made the results",
    "predictions_from": "the environment of stored predictions that were made in another one",
    "predictions_note": "a sentence on predictions that were made in another environment",
    "compared_with_store": "JSON: comparison of new predictions with stored ones",
    "failures": "JSON: loci that failed, with the error",
    "track_descriptions": "JSON: what the model's table says of each track, by name",
    "remarks": "JSON: sentences on the values, with the loci",
    "effect_scale": "scale of the effect where it is not a share of the wild type",
    "site": "'site' where the loci need not be TSSs",
    "members": "JSON: the models of an ensemble, in the order of `member`",
    "predictions_of_members": "whether predictions of the members, or their mean, were stored",
}

COLUMNS: dict[str, tuple[str, str]] = {
    "activity": (ACTIVITY, "predicted activity of the TSS by the deciding track"),
    "tss": (BASE, "the TSS on the contig"),
    "gene_id": ("name", "gene id of the annotation"),
    "transcripts": ("count", "transcripts that start at this TSS"),
    "used": (BASE, "the TSS after recentring"),
    "loci.tsv.n": (SHARE, "of N in the window"),
    "summit_activity": (ACTIVITY, "of the highest bin"),
    "summit_distance": (BP, "from the TSS to the highest bin, along the gene"),
    "step": ("name", "step of the selection that left the TSS out, or selected"),
    "taken": ("bool", "whether later stages take the locus"),
    "cre_class": ("name", "class of the tile; empty where it has none"),
    "kind": ("name", "enhancer or silencer"),
    "saturation_mutagenesis.motifs.csv.start": (BASE, "first base of the stretch on the contig"),
    "saturation_mutagenesis.motifs.csv.end": (BASE, "its end, exclusive"),
    "saturation_mutagenesis.motifs.csv.distance": (BP, "from the TSS to its middle along the gene"),
    "saturation_mutagenesis.motifs.csv.bases": ("sequence", "the bases along the gene"),
    "saturation_mutagenesis.motifs.csv.direction": (
        "name",
        "activating where changes cost activity, else repressing",
    ),
    "saturation_mutagenesis.motifs.csv.importance": (SHARE, "mean importance of its bases"),
    "saturation_mutagenesis.motifs.csv.peak": (SHARE, "importance of the base that matters most"),
    "saturation_mutagenesis.motifs.csv.motif": (
        "name",
        "the most similar motif; empty where q is above 0.05",
    ),
    "saturation_mutagenesis.motifs.csv.motif_strand": (
        "+ or -",
        "strand of the genome on which it reads as the motif",
    ),
    "saturation_mutagenesis.motifs.csv.p": ("probability", "of the most similar motif, by Tomtom"),
    "saturation_mutagenesis.motifs.csv.q": (
        "probability",
        "of a wrong name, over the stretches of the activity",
    ),
    "funnel.csv.left": ("count", "TSSs that are left after the step"),
    "funnel.csv.removed": ("count", "TSSs that the step left out"),
    "funnel.csv.why": ("sentence", "reason"),
    "coverage.csv.position": (BP, "start of the bin, by its distance from the TSS along the gene"),
    "coverage.csv.wild_type": (ACTIVITY, "predicted coverage of the bin"),
    "coverage.csv.shuffled": (ACTIVITY, "the same with the context shuffled, mean of replicates"),
    "coverage.csv.shuffled_std": (ACTIVITY, "standard deviation over replicates"),
    "cre_counts.csv.of": ("name", "what is counted in the locus"),
    "cre_counts.csv.value": ("count", "of tiles"),
    "cre_counts.csv.low": ("count", "lower end of the 95 % interval by resampled replicates"),
    "cre_counts.csv.high": ("count", "upper end of the 95 % interval by resampled replicates"),
    "cre_counts.csv.tiles": ("count", "tiles that were measured"),
    "distance_curve.csv.distance": (BP, "between TSS and tile, both sides together"),
    "distance_curve.csv.mean": (FOLD, "mean over tiles"),
    "distance_curve.csv.se": (FOLD, "standard error over tiles"),
    "distance_curve.csv.low": (FOLD, "lower end of the 95 % interval"),
    "distance_curve.csv.high": (FOLD, "upper end of the 95 % interval"),
    "distance_curve.csv.n": ("count", "tiles"),
    "additive": (FOLD, "expected if the effects of the single tiles add up"),
    "mse": ("fold change squared", "mean squared error of the additive trace"),
    "difference": (FOLD, "mean of observed - additive"),
    "interaction": ("name", "additive, cooperative or redundant, by the additive trace"),
    "mse_multiplicative": ("fold change squared", "mean squared error of the multiplicative trace"),
    "difference_multiplicative": (FOLD, "mean of observed - multiplicative"),
    "interaction_additive": ("name", "class by the additive trace"),
    "interaction_multiplicative": ("name", "class by the multiplicative trace"),
    "explained_by": ("name", "the trace that is nearer to the observed one"),
    "mse_above_floor": (
        "fold change squared",
        "mse, in units of what lies above the TSS tile alone",
    ),
    "mse_multiplicative_above_floor": (
        "fold change squared",
        "the same for the multiplicative trace of what lies above the TSS tile alone",
    ),
    "baseline": (FOLD, "of no copy, measured: tss_control / control"),
    "half": ("count", "copies that go half of the way to the plateau"),
    "plateau": (FOLD, "where the fitted curve ends"),
    "rmse": (FOLD, "root mean squared error of the fit"),
    "saturates": ("bool", "whether the plateau lies within what was measured"),
    "tiles_needed.csv.loci": ("count", "loci of the category"),
    "tiles_needed.csv.reached": (SHARE, "of loci whose set brings back 80 % of the activity"),
    "tiles_needed.csv.median": ("count", "tiles that are needed, median"),
    "tiles_needed.csv.low": ("count", "tiles that are needed, lower quartile"),
    "tiles_needed.csv.high": ("count", "tiles that are needed, upper quartile"),
    "backgrounds.csv.test": ("name", "test that used the backgrounds"),
    "backgrounds.csv.backgrounds": ("count", "backgrounds that were measured"),
    "backgrounds.csv.median": (ACTIVITY, "median of the backgrounds"),
    "backgrounds.csv.mean": (ACTIVITY, "mean of the backgrounds"),
    "backgrounds.csv.std": (ACTIVITY, "standard deviation of the backgrounds (ddof 1)"),
    "backgrounds.csv.lowest": (ACTIVITY, "lowest of the backgrounds"),
    "backgrounds.csv.highest": (ACTIVITY, "highest of the backgrounds"),
    "backgrounds.csv.outliers": ("count", "backgrounds that are outliers"),
    "backgrounds.csv.outlier_backgrounds": ("text", "their numbers and activities"),
    "backgrounds.csv.mean_without_outliers": (ACTIVITY, "mean of the other backgrounds"),
    "backgrounds.csv.gc": (SHARE, "of G and C among the locus's bases"),
    "backgrounds.csv.n": (SHARE, "of N in the locus's window"),
    "backgrounds.csv.background_gc_lowest": (SHARE, "lowest G and C of a background"),
    "backgrounds.csv.background_gc_highest": (SHARE, "highest G and C of a background"),
    "backgrounds.csv.background_n": (SHARE, "of N in the backgrounds"),
}

TABLES: dict[str, str] = {
    "loci.tsv": "Every TSS of the annotation, with its activity and the step that left it out",
    "selected.tsv": "The loci that the study selected; an experiment takes it as `[loci] table`",
    "funnel.csv": "The selection, step by step",
    "categories.csv": "The category of each locus's context",
    "coverage.csv": "Predicted coverage of the most typical locus of each category",
    "cre_classes.csv": "The tiles that are a CRE, with their class",
    "cre_counts.csv": "Counts of CREs within each locus, with intervals",
    "distance_curve.csv": "Mean fold change by distance, over tiles",
    "interactions.csv": "Additive, cooperative or redundant: each greedy search in one row",
    "tiles_needed.csv": "How many tiles of a set bring back 80 % of the activity",
    "saturation.csv": "The fitted curve of each tile's copies",
    "sub_tiles.csv": "The stretches of each tile that the fine-tile search keeps",
    "backgrounds.csv": "The activities of random contexts",
    "saturation_mutagenesis.motifs.csv": "The stretches that matter, with the most similar motifs",
}

FIELDS: dict[str, str] = {
    "Experiment.loci": "the table [loci]",
    "StudyFile.loci": "the table [loci]: TSSs of all transcripts, of the genes if given",
    "StudyFile.selection": "the table [selection]",
    "StudyFile.categories": "the table [categories]",
    "StudyFile.classes": "the table [classes]",
    "StudyFile.network": "the table [network]",
    "StudyFile.calibration": "the table [calibration]",
    "StudyFile.spread": "the table [spread]",
    "StudyFile.common": "the table [common]",
    "Readout.over_tracks": "'each': an activity for each track; 'mean': one for all of them",
    "Common.replicates": "shuffles, or backgrounds, of each test",
    "Common.perturbation": "the perturbation of each test: a name, or a table with its parameters",
}
"""Words of fields that have no description in the code because their type says it."""


def without_ending(name: str) -> tuple[str, str]:
    """A name and its ending, one of `ENDINGS`, or an empty one."""
    ending = next((end for end in ENDINGS if name.endswith(end)), "")
    return name.removesuffix(ending), ending


def words_of(name: str, place: str, *tables: dict[str, tuple[str, str]]) -> tuple[str, str]:
    """The unit and the words of a variable or a column.

    Parameters
    ----------
    name : str
    place : str
        The test, or the file of the table.
    *tables : dict
        Where they stand; the first that has them counts.

    Raises
    ------
    LookupError
        If nothing is written on it.
    """
    for key in (f"{place}.{name}", name):
        for table in tables:
            if key in table:
                return table[key]
    stem, ending = without_ending(name)
    if ending:
        unit, of_all = ENDINGS[ending]
        own, _ = words_of(stem, place, *tables)
        return unit or own, of_all.format(f"`{stem}`")
    raise LookupError(f"nothing is written on {name!r} of {place!r}: add it to docs/_ext/words.py")
