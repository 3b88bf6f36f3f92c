// An experiment in parts, by Nextflow:
//
//   nextflow run main.nf --file experiment.toml --parts 16
//
// A part's work is in a store beside the experiment's, where a second try goes on from, so that
// processes work in the folder of the file and not in their own.
params.file = 'experiment.toml'
params.parts = 16
params.store = 'predictions'

process shard {
    errorStrategy 'retry'
    maxRetries 2
    // accelerator 1

    input:
    val k

    output:
    val k

    script:
    """
    cd '${file(params.file).toAbsolutePath().parent}'
    creme run '${file(params.file).name}' --shard ${k}/${params.parts}
    """
}

process results {
    input:
    val parts

    script:
    """
    cd '${file(params.file).toAbsolutePath().parent}'
    creme cache merge '${params.store}'.shard-*-of-${params.parts} --into '${params.store}'
    creme run '${file(params.file).name}'
    """
}

workflow {
    shard(Channel.of(1..params.parts)).collect() | results
}
