"""Predictions, tracks and fingerprints, against a server whose network is a formula."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from alphagenome.protos.v1 import dna_model_pb2
from creme import Selection, Sequence
from creme.errors import ConfigError, ModelError
from creme.models.ensemble import Ensemble
from creme.registry import create, plugins
from creme.testing import check_fingerprints, model_checks, sequences

from creme_alphagenome import AlphaGenome, tracks
from creme_alphagenome.model import RESOLUTIONS
from creme_alphagenome.service import PUBLIC, sdk_version
from server import BFLOAT16, BRAIN, K562, KEY, formula

SHORT = 16384


def made(**more):
    return AlphaGenome(**{"output": "cage", "ontology_terms": [K562], "length": SHORT, **more})


def text(onehot: np.ndarray) -> str:
    """Letters of a one-hot row, the slow way."""
    return "".join("ACGT"[row.argmax()] if row.max() == 1 else "N" for row in onehot)


@pytest.mark.parametrize("check", model_checks(), ids=str)
@pytest.mark.parametrize("settings", [{}, {"output": "chip_tf"}], ids=["cage", "chip_tf"])
def test_conformance(check, settings, service):
    check(lambda: made(**settings))


@pytest.mark.parametrize("output", RESOLUTIONS)
def test_predictions_are_the_formula_bin_by_bin(output, service):
    terms = None if output == "splice_sites" else [K562]
    model = made(output=output, ontology_terms=terms, resolution=RESOLUTIONS[output])
    onehot = sequences(model, 2, seed=3)
    got = model.predict(onehot)
    offered = {t.name: t for t in service.offer["human"][output]}
    for row, values in zip(onehot, got, strict=True):
        letters = text(row)
        assert set(letters) == set("ACGTN")
        for track, profile in zip(model.tracks, values.T, strict=True):
            name = track.name.removesuffix(f" {track.strand}")
            assert name in offered
            expected = formula(letters, name, track.strand, RESOLUTIONS[output])
            assert np.array_equal(profile, expected)


def test_bins_are_means_of_the_services_values(service):
    model, exact = made(resolution=32), made(resolution=1)
    onehot = sequences(model, 1)
    coarse, fine = model.predict(onehot), exact.predict(onehot)
    assert fine.shape == (1, SHORT, 2)
    for place, track in np.ndindex(SHORT // 32, 2):
        values = [float(value) for value in fine[0, 32 * place : 32 * place + 32, track]]
        assert coarse[0, place, track] == np.float32(sum(values) / 32)


def test_the_service_gets_letters_and_what_was_asked_for(service):
    model = made(output="rna_seq", ontology_terms=[BRAIN, K562], model_version="fold_2")
    onehot = sequences(model, 1)
    model.predict(onehot)
    (request,) = service.requests
    assert request.sequence == text(onehot[0])
    assert request.sequence[: SHORT // 50] == "N" * (SHORT // 50)
    assert request.model_version == "FOLD_2"
    assert [(t.ontology_type, t.id) for t in request.ontology_terms] == [(2, 955), (4, 2067)]
    names = [str(track.name) for track in model.tracks]
    assert names == [
        f"{K562} polyA plus RNA-seq +",
        "UBERON:0000955 gtex Brain_Cortex",
        f"{K562} polyA plus RNA-seq -",
        f"{K562} total RNA-seq",
    ]


def test_the_same_numbers_as_the_sdks_own_client(service):
    from alphagenome.models.v1 import dna_client

    client = dna_client.create(KEY, address=os.environ["ALPHAGENOME_ADDRESS"], timeout=10)
    for output, dtype in (("cage", BFLOAT16), ("chip_tf", np.dtype(np.float32))):
        service.dtype, service.chunk = dtype, 10_000
        model = made(output=output, resolution=RESOLUTIONS[output])
        onehot = sequences(model, 1)
        theirs = client.predict_sequence(
            text(onehot[0]),
            requested_outputs=[dna_client.OutputType[output.upper()]],
            ontology_terms=[K562],
        ).get(dna_client.OutputType[output.upper()])
        assert np.array_equal(model.predict(onehot)[0], theirs.values)
        assert theirs.resolution == model.bin_size
        keys = zip(theirs.names, theirs.strands, strict=True)
        names = [name if strand == "." else f"{name} {strand}" for name, strand in keys]
        assert names == [track.name for track in model.tracks]
        ours, sdks = service.requests[-1], service.requests[-2]
        sdks.model_version = "ALL_FOLDS"  # which it leaves to the service
        assert ours == sdks


def test_the_sdks_lengths_are_allowed_and_others_are_not(service):
    from alphagenome.models.v1 import dna_client

    for length in dna_client.SUPPORTED_SEQUENCE_LENGTHS.values():
        model = made(length=length, output="chip_tf")
        assert (model.input_length, model.n_bins * model.bin_size) == (length, length)
        assert model.tss_bin() == model.n_bins // 2
        assert model.tss % model.bin_size == 0
    for length in (2048, 16383, 196608, 2**21, "16384x"):
        with pytest.raises(ConfigError, match="16384, 131072, 524288 or 1048576"):
            made(length=length)


def test_the_longest_sequence(service):
    model = AlphaGenome(output="dnase", ontology_terms=[K562])
    assert model.input_length == 2**20
    service.chunk = 2**20
    onehot = sequences(model, 1)
    middle = Selection((model.tss_bin(), model.n_bins - 1), (0,))
    got = model.predict_selected(onehot, middle)
    bases = str(Sequence(onehot[0].argmax(axis=1)))
    letters = "N" * (2**20 // 50) + bases[2**20 // 50 :]
    assert service.requests[0].sequence == letters
    expected = formula(letters, f"{K562} DNase-seq", ".", 1).reshape(-1, 128).mean(axis=1)
    assert np.allclose(got[0, :, 0], expected[list(middle.bins)], rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"output": "contact_maps"}, "contact maps are values of pairs of positions"),
        ({"output": "splice_junctions"}, "splice junctions are values of pairs of positions"),
        ({"output": "cagee"}, "'cage'"),
        ({"resolution": 100}, "a value for each 1 bp, so give a multiple of 1 that divides 16384"),
        ({"resolution": 0}, "greater than or equal to 1"),
        ({"output": "chip_tf", "resolution": 64}, "multiple of 128"),
        ({"ontology_terms": ["K562"]}, "ontology_terms.0 = 'K562'"),
        ({"ontology_terms": []}, "at least 1"),
        ({"ontology_terms": [K562, K562]}, "each term is given once"),
        ({"organism": "yeast"}, "'human' or 'mouse'"),
        ({"model_version": "fold_9"}, "'fold_3'"),
        ({"concurrency": 0}, "greater than or equal to 1"),
        ({"api_key": "secret"}, "unknown key 'api_key'"),
    ],
)
def test_settings_that_are_not_allowed(settings, said):
    with pytest.raises(ConfigError) as info:
        made(**settings)
    assert said in str(info.value)


def test_tracks(service):
    table = made(ontology_terms=None).tracks
    assert [(t.name, t.strand, t.pair) for t in table] == [
        (f"hCAGE {K562} +", "+", 2),
        (f"hCAGE {BRAIN} +", "+", 3),
        (f"hCAGE {K562} -", "-", 0),
        (f"hCAGE {BRAIN} -", "-", 1),
    ]
    assert [t.cell_type for t in table] == ["K562", "brain"] * 2
    assert {t.assay for t in table} == {"hCAGE"}
    assert table[1].description == f"hCAGE: brain adult ({BRAIN})"
    assert table.select([f"hCAGE {K562} +"]) == (0,)
    assert table.select(["K562"], "-") == (2,)
    factors = made(output="chip_tf").tracks
    assert factors.select([r"CTCF: K562"]) == (0,)
    assert [t.pair for t in factors] == [None, None]
    histone = made(output="chip_histone").tracks[0]
    assert histone.description == f"chip_histone H3K27AC: K562 ({K562})"
    gtex = made(output="rna_seq", ontology_terms=[BRAIN]).tracks[0]
    assert (gtex.cell_type, gtex.assay, gtex.strand) == ("brain", "rna_seq", ".")
    sites = made(output="splice_sites", ontology_terms=None).tracks
    assert [(t.name, t.pair) for t in sites] == [
        ("donor +", 2),
        ("acceptor +", 3),
        ("donor -", 0),
        ("acceptor -", 1),
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ontology_terms": ["EFO:0002068"]}, "did you mean 'EFO:0002067'?"),
        ({"ontology_terms": ["EFO:0002068"]}, "2 terms have some, such as EFO:0002067 (K562)"),
        ({"output": "splice_sites"}, "leave out ontology_terms"),
        ({"output": "dnase", "organism": "mouse"}, "it has those of cage"),
    ],
)
def test_terms_without_tracks(settings, said, service):
    with pytest.raises(ConfigError) as info:
        _ = made(**settings).tracks
    assert said in str(info.value)


def test_the_other_organism(service):
    model = made(organism="mouse", ontology_terms=[BRAIN])
    onehot = sequences(model, 1)
    got = model.predict(onehot)
    assert service.requests[0].organism == dna_model_pb2.ORGANISM_MUS_MUSCULUS
    expected = formula(text(onehot[0]), f"hCAGE {BRAIN}", "-", 1).reshape(-1, 128)
    assert np.allclose(got[0, :, 1], expected.mean(axis=1), rtol=1e-6)


def test_reverse_complement_swaps_strands(service):
    model = made(resolution=128)
    both = Ensemble(of=model, reverse_complement=True)
    onehot = sequences(model, 1)
    forward = model.predict(onehot)
    turned = model.predict(np.ascontiguousarray(onehot[:, ::-1, ::-1]))
    expected = (forward.astype(float) + turned[:, ::-1, ::-1]) / 2
    assert np.array_equal(both.predict(onehot), expected.astype(np.float32))
    shifted = Ensemble(of=model, shifts=(0, 3))
    shifted.predict(onehot)
    assert service.requests[-1].sequence[:3] == "NNN"


def test_an_input_that_is_not_of_bases(service):
    model = made()
    onehot = sequences(model, 1)
    onehot[0, 9000] = [0.5, 0.5, 0, 0]
    with pytest.raises(ModelError, match="neither one of them nor N"):
        model.predict(onehot)
    onehot[0, 9000] = [1, 1, 0, 0]
    with pytest.raises(ModelError, match="neither one of them nor N"):
        model.predict(onehot)
    assert not service.requests


def test_describing_asks_once_and_then_never(service, monkeypatch):
    first = made()
    described = (first.fingerprint, first.tracks)
    assert service.asked_metadata == 1
    service.server.stop(None).wait()
    monkeypatch.delenv("ALPHAGENOME_API_KEY")
    again = made()
    assert (again.fingerprint, again.tracks) == described
    assert made(output="chip_tf").tracks.select(["GATA1"]) == (1,)


def test_a_damaged_table_is_asked_for_again(service, tmp_path):
    before = made().fingerprint
    (file,) = (tmp_path / "cache" / "alphagenome").iterdir()
    assert file.name.startswith("human-")
    content = file.read_text()
    for damaged in (
        content[: len(content) // 2],
        "[]",
        content.replace("hCAGE EFO", "hCAGE XFO"),
        content.replace('"format": 1', '"format": 0'),
    ):
        assert damaged != content
        file.write_text(damaged)
        asked = service.asked_metadata
        assert made().fingerprint == before
        assert service.asked_metadata == asked + 1
        assert file.read_text() == content


def test_a_cache_folder_that_cannot_be_written(service, tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert len(made().tracks) == 2


def test_the_table_is_compared_before_the_first_prediction(service):
    old = made()
    assert old.fingerprint
    onehot = sequences(old, 1)
    old.predict(onehot)
    assert service.asked_metadata == 1  # it was asked for by this very model
    later = made()
    later.predict(onehot)
    later.predict(onehot)
    assert service.asked_metadata == 2
    stale = made()
    assert stale.fingerprint == old.fingerprint
    service.offer["human"]["cage"][0].nonzero_mean = 0.4
    asked = len(service.requests)
    for _ in range(2):
        with pytest.raises(ModelError, match="tracks have changed"):
            stale.predict(onehot)
    assert len(service.requests) == asked
    fresh = made()
    assert fresh.fingerprint != old.fingerprint
    fresh.predict(onehot)
    service.offer["human"]["dnase"].clear()  # of an output that is not used
    made().predict(onehot)


def test_a_term_that_the_service_drops(service):
    assert made().fingerprint
    service.offer["human"]["cage"] = service.offer["human"]["cage"][1::2]
    model = made()
    with pytest.raises(ModelError, match="tracks have changed"):
        model.predict(sequences(model, 1))


def test_tracks_in_another_order_are_put_in_order(service):
    model = made(ontology_terms=None)
    onehot = sequences(model, 1)
    expected = model.predict(onehot)
    answer = service.answer

    def turned(request):
        service.offer["human"]["cage"].reverse()
        try:
            return answer(request)
        finally:
            service.offer["human"]["cage"].reverse()

    service.answer = turned
    assert np.array_equal(model.predict(onehot), expected)


def test_tracks_that_were_not_asked_for_are_left_out(service):
    model = made()
    onehot = sequences(model, 1)
    expected = model.predict(onehot)
    answer = service.answer

    def more(request):
        del request.ontology_terms[:]
        return answer(request)

    service.answer = more
    assert np.array_equal(model.predict(onehot), expected)


def test_fingerprints(service):
    check_fingerprints(
        made(),
        made(resolution=64),
        made(length=131072),
        made(output="procap"),
        made(ontology_terms=[BRAIN]),
        made(ontology_terms=None),
        made(organism="mouse", ontology_terms=None),
        made(model_version="fold_0"),
    )
    assert made(concurrency=1, patience=1.0).fingerprint == made().fingerprint
    assert made(ontology_terms=[BRAIN, K562]).fingerprint == made(ontology_terms=None).fingerprint


def test_the_fingerprint_of_a_private_endpoint_is_its_own(service, monkeypatch):
    private = made()
    assert private.identity()["address"] == os.environ["ALPHAGENOME_ADDRESS"]
    table = tracks.kept("human", os.environ["ALPHAGENOME_ADDRESS"], sdk_version())
    assert table is not None
    monkeypatch.delenv("ALPHAGENOME_ADDRESS")
    tracks.keep(table, "human", PUBLIC, sdk_version())
    assert made().identity() == {**private.identity(), "address": None}
    assert made().fingerprint != private.fingerprint


def test_the_environment_is_told_once_something_was_predicted(service):
    model = made()
    assert model.environment() == {}
    model.predict(sequences(model, 1))
    told = model.environment()
    assert told["alphagenome"]
    assert told["grpcio"]
    assert told["model_version"] == "all_folds"
    assert len(told["predicted"]) == 1
    json.dumps(told)


def test_a_pickle_holds_the_settings_alone(service):
    model = made(concurrency=3)
    model.predict(sequences(model, 1))
    content = pickle.dumps(model)
    assert KEY.encode() not in content
    again = pickle.loads(content)
    assert again.configuration() == model.configuration()
    assert again.batch_size == 3


def test_the_plugin_is_registered_and_its_import_is_light():
    assert plugins("model")["alphagenome"].distribution == "creme-alphagenome"
    assert plugins("model")["alphagenome"].missing() == []
    model = create("model", {"name": "alphagenome", "output": "cage"})
    assert isinstance(model, AlphaGenome)
    code = (
        "import sys, creme_alphagenome; from creme_alphagenome import AlphaGenome; "
        "AlphaGenome(output='cage'); "
        "print([m for m in ('grpc', 'alphagenome', 'google.protobuf') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_is_used_that_version_2_of_the_sdk_drops(service):
    """It has no `alphagenome.models.NAME` any more, of which those of 0.10 are copies."""
    code = f"""
import sys
from pathlib import Path
import alphagenome.models, alphagenome.protos
class Dropped:
    def find_spec(self, name, path=None, target=None):
        for package in (alphagenome.models, alphagenome.protos):
            folder = Path(package.__path__[0])
            new = {{file.name for file in (folder / "v1").glob("*.py")}} - {{"__init__.py"}}
            if name in [f"{{package.__name__}}.{{Path(file).stem}}" for file in new]:
                raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Dropped())
try:
    import alphagenome.models.dna_client
except ModuleNotFoundError:
    print("dropped")
from creme.testing import sequences
from creme_alphagenome import AlphaGenome
model = AlphaGenome(output="cage", ontology_terms=[{K562!r}], length={SHORT})
print(model.predict(sequences(model, 1)).shape)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["dropped", "(1, 128, 2)"], done.stderr


def test_without_the_sdk(monkeypatch, address):
    monkeypatch.setitem(sys.modules, "alphagenome.protos.v1", None)
    with pytest.raises(ModelError, match=r"pip install 'alphagenome>=0\.10'"):
        _ = made().tracks
