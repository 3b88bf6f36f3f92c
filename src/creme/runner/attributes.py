"""Attributes of the Datasets that a run saves."""

from __future__ import annotations

import json
from typing import Any

import creme
from creme.runner.plan import Plan
from creme.runner.sources import heads_kept


def attributes_of(plan: Plan, label: str) -> dict[str, Any]:
    """Attributes of a test's Dataset: where it comes from, and how it is shown."""
    test = plan.tests[label]
    heads = heads_kept(plan.model, plan.selection)
    selected = {
        "name": plan.model.name,
        "version": plan.model.version,
        "fingerprint": plan.model.fingerprint,
        "bins": list(plan.selection.bins),
        "tracks": [plan.model.tracks[index].name for index in plan.selection.tracks],
        "configuration": plan.model.configuration(),
        **({"heads": heads} if heads else {}),
        **({"inputs": list(plan.model.inputs)} if plan.model.inputs else {}),
    }
    shown = vars(test.presentation())
    members = [member.model.fingerprint for member in plan.by_member()]
    kept = [plan.model.tracks[index] for index in plan.selection.tracks]
    for head, its in plan.selection.heads:
        kept += [plan.model.heads[head].tracks[index] for index in its.tracks]
    described = {track.name: track.description for track in kept if track.description}
    return {
        # JSON has no NaN, which says that there is no neutral value.
        **{name: value for name, value in shown.items() if value == value},
        "configuration": json.dumps(test.configuration()),
        "model": json.dumps(selected),
        "readouts": json.dumps([readout.configuration() for readout in plan.readouts]),
        "readings": json.dumps(plan.readings()),
        **({"members": json.dumps(members)} if members else {}),
        **({"track_descriptions": json.dumps(described)} if described else {}),
        "seed": str(test.seed),
        "creme_version": creme.__version__,
    }
