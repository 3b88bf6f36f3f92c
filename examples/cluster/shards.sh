#!/bin/bash
# Submits an experiment, or the stages of a study one after the other, in parts:
#
#   bash shards.sh 16 predictions run experiment.toml
#   bash shards.sh 16 predictions study study.toml loci context_dependence necessity sufficiency
#
# The store is the one that the file names. Each array waits until the one before is merged
# (afterok); where a part fails, what depends on it stays in the queue as DependencyNeverSatisfied,
# and after `scancel` the same command goes on from what is stored.
set -e
here=$(cd "$(dirname "$0")" && pwd)
parts=$1 store=$2 command=$3 file=$4
shift 4

before=()
submit() {  # whether the store is sealed at the end, and the arguments of creme
    seal=$1
    shift
    array=$(sbatch --parsable "${before[@]}" --array="1-$parts" "$here/shard.sbatch" "$@")
    last=$(sbatch --parsable --dependency="afterok:$array" --export="ALL,SEAL=$seal" \
        "$here/finish.sbatch" "$store" "$@")
    before=(--dependency="afterok:$last")
    echo "$*: array $array, results by job $last"
}

if [ "$command" = study ]; then
    while [ $# -gt 1 ]; do
        submit yes study "$file" --stage "$1"
        shift
    done
    submit "" study "$file" --stage "$1"
else
    submit "" run "$file"
fi
