"""`creme.Study` in Python: run without a word in a pipe, and ended by Ctrl-C."""

from __future__ import annotations

import os
import signal

import pytest

import creme
import mini_study as mini

STAGES = ["loci", "context_dependence", "necessity"]


def test_a_study_is_run_silently_and_ended_by_ctrl_c(tmp_path, monkeypatch, capfd):
    from creme.models.synthetic import SyntheticModel

    mini.write(tmp_path)
    study = creme.Study.from_file(mini.study(tmp_path))
    predict = SyntheticModel.predict
    batches = []

    def interrupted(self, onehot):
        batches.append(len(onehot))
        if len(batches) == 10:
            os.kill(os.getpid(), signal.SIGINT)
        return predict(self, onehot)

    with monkeypatch.context() as patched:
        patched.setattr(SyntheticModel, "predict", interrupted)
        with pytest.raises(KeyboardInterrupt, match="another run goes on from there"):
            study.run(stages=STAGES)
    assert "Stopping after the batch in flight" in capfd.readouterr().err
    results = study.run(stages=STAGES)
    assert capfd.readouterr() == ("", "")
    assert set(STAGES) - {"loci"} <= set(results.tests)
    assert creme.open_results(results.path).dataset("necessity").sizes["locus"] > 0
