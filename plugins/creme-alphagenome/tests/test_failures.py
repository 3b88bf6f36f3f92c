"""What a service can do wrong, and what is then said, repeated and not shown."""

from __future__ import annotations

import io
import logging
import os
import pickle
import signal
import threading
import time
import traceback
import warnings

import grpc
import numpy as np
import pytest
import trustme
from creme.errors import CremeWarning, ModelError
from creme.testing import sequences
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

import server as serving
from creme_alphagenome import AlphaGenome, retry
from creme_alphagenome import service as plugin_service
from creme_alphagenome.retry import Ended, RequestBatch, asked_wait, wait_after
from server import K562, KEY, Step

SHORT = 16384
Code = grpc.StatusCode


def made(**more):
    return AlphaGenome(**{"output": "cage", "ontology_terms": [K562], "length": SHORT, **more})


@pytest.fixture
def expected(service):
    """A model, two sequences, and their right values."""
    model = made()
    onehot = sequences(model, 2)
    values = model.predict(onehot)
    service.requests.clear()
    return model, onehot, values


@pytest.mark.parametrize("code", [Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE, Code.INTERNAL])
@pytest.mark.parametrize("after", [0, 2])
def test_a_request_that_failed_is_repeated(code, after, service, quick, expected):
    model, onehot, values = expected
    service.chunk = 1000
    service.steps.extend([Step(code, after=after)] * 3)
    assert np.array_equal(model.predict(onehot[:1]), values[:1])
    assert len(service.requests) == 4
    waits = [w for w in quick.waits if w > 0]
    assert len([w for w in waits if w > 0.005]) >= 3


def test_waits_double_up_to_a_minute_and_spread_by_name():
    shares = [wait_after(k, "a") / min(60, 2 ** (k - 1)) for k in range(1, 20)]
    assert all(0.75 <= share <= 1.25 for share in shares)
    assert wait_after(3, "a") == wait_after(3, "a") != wait_after(3, "b")
    spread = [wait_after(1, str(k)) for k in range(200)]
    assert min(spread) < 0.8
    assert max(spread) > 1.2
    assert wait_after(1, "a", requested=17.0) == 17.0
    assert wait_after(10_000, "a") <= 75.0


def retry_info(seconds: float) -> tuple[str, bytes]:
    """What Google's services send with a failure."""
    info = error_details_pb2.RetryInfo(
        retry_delay=duration_pb2.Duration(seconds=int(seconds), nanos=round(seconds % 1 * 1e9))
    )
    packed, other = any_pb2.Any(), any_pb2.Any()
    packed.Pack(info)
    other.Pack(error_details_pb2.ErrorInfo(reason="RATE_LIMIT_EXCEEDED"))
    status = status_pb2.Status(
        code=Code.RESOURCE_EXHAUSTED.value[0], message="try again", details=[other, packed]
    )
    return "grpc-status-details-bin", status.SerializeToString()


def test_the_wait_that_the_service_asks_for():
    assert asked_wait(None) == 0.0
    assert asked_wait([("a", "b"), retry_info(12.5)]) == 12.5
    assert asked_wait([("retry-after", "30")]) == 30.0
    assert asked_wait([("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")]) == 0.0
    assert asked_wait([("grpc-status-details-bin", b"\xff\xffnonsense")]) == 0.0


@pytest.mark.parametrize(
    "trailing", [retry_info(0.7), ("retry-after", "0.7")], ids=["info", "http"]
)
def test_it_is_waited_for(trailing, service, quick, expected):
    model, onehot, values = expected
    service.steps.append(Step(Code.RESOURCE_EXHAUSTED, trailing=(trailing,)))
    began = time.monotonic()
    assert np.array_equal(model.predict(onehot[:1]), values[:1])
    assert time.monotonic() - began >= 0.7


def test_all_requests_wait_when_the_quota_is_used_up(quick):
    persistence = retry.Persistence(10.0)
    failures = [retry.Failure("RESOURCE_EXHAUSTED", "quota", 0.5)]

    def send():
        if failures:
            raise failures.pop()
        return time.monotonic()

    began = time.monotonic()
    first = threading.Thread(target=persistence, args=(send, "first", RequestBatch()))
    first.start()
    while failures:
        time.sleep(0.01)
    time.sleep(0.05)
    assert persistence(time.monotonic, "second", RequestBatch()) - began >= 0.5
    first.join()


def test_giving_up_says_how_often_and_for_how_long(service, quick, expected):
    _, onehot, _ = expected
    model = made(patience=0.2)
    service.steps.extend([Step(Code.UNAVAILABLE, "overloaded")] * 100)
    with pytest.raises(ModelError) as info:
        model.predict(onehot[:1])
    said = str(info.value)
    attempts = len(service.requests)
    assert 3 <= attempts <= 8
    assert f"failed {attempts} times within 0 s, last with UNAVAILABLE (overloaded)" in said
    assert "repeated for 0.2 s (patience)" in said
    assert "What was predicted is stored" in said


def test_a_wait_longer_than_the_patience_is_not_begun(service, expected):
    _, onehot, _ = expected
    model = made(patience=5)
    trailing = (("retry-after", "3600"),)
    service.steps.append(Step(Code.RESOURCE_EXHAUSTED, "quota of the day", trailing=trailing))
    began = time.monotonic()
    with pytest.raises(ModelError, match=r"failed once .* asks to wait 3600 s; .* for 5 s"):
        model.predict(onehot[:1])
    assert time.monotonic() - began < 3


def test_faults_are_not_repeated_for_long(service, quick, expected):
    model, onehot, _ = expected
    service.steps.extend([Step(Code.INTERNAL, "a fault")] * 100)
    with pytest.raises(ModelError, match=r"failed 4 times .* INTERNAL \(a fault\)"):
        model.predict(onehot[:1])
    assert len(service.requests) == 4


@pytest.mark.parametrize(
    ("code", "details", "said"),
    [
        (Code.INVALID_ARGUMENT, "Bad term.", "Check length, output, ontology_terms, organism"),
        (
            Code.INVALID_ARGUMENT,
            "API key not valid.",
            "does not accept the API key",
        ),
        (Code.UNAUTHENTICATED, "No.", "does not accept the API key"),
        (
            Code.PERMISSION_DENIED,
            "Not here.",
            "may not use the service: PERMISSION_DENIED",
        ),
        (Code.UNIMPLEMENTED, "Gone.", "pip install --upgrade alphagenome"),
    ],
)
def test_refusals_are_not_repeated(code, details, said, service, expected):
    model, onehot, _ = expected
    service.steps.append(Step(code, details))
    with pytest.raises(ModelError) as info:
        model.predict(onehot[:1])
    assert said in str(info.value)
    assert details in str(info.value)
    assert len(service.requests) == 1


def test_a_reply_in_parts(service, expected):
    model, onehot, values = expected
    for chunk, compression in ((1000, 1), (4096, 0), (10**6, 1), (0, 0), (0, 1)):
        service.chunk, service.compression = chunk, compression
        assert np.array_equal(model.predict(onehot), values)


def test_low_precision_is_widened(service, expected):
    model, onehot, _ = expected
    service.dtype = serving.BFLOAT16
    exact = made(resolution=1).predict(onehot)
    assert np.array_equal(exact, exact.astype(serving.BFLOAT16).astype(np.float32))
    means = exact.reshape(2, model.n_bins, 128, 2).mean(axis=2, dtype=np.float64)
    assert np.array_equal(model.predict(onehot), means.astype(np.float32))


def _without_a_part(responses):
    return responses[:-1]


def _damaged(responses):
    responses[1].tensor_chunk.data = b"nothing that zstd knows"
    return responses


@pytest.mark.parametrize(
    "change", [_without_a_part, _damaged, lambda responses: []], ids=["cut", "damaged", "empty"]
)
def test_a_broken_reply_is_asked_for_again(change, service, quick, expected):
    model, onehot, values = expected
    service.chunk = 1000
    service.steps.append(Step(change=change))
    assert np.array_equal(model.predict(onehot[:1]), values[:1])
    assert len(service.requests) == 2
    service.steps.extend([Step(change=change)] * 10)
    with pytest.raises(ModelError, match=r"failed 4 times .* BROKEN"):
        model.predict(onehot[:1])


def _no_head(responses):
    return responses[1:]


def _two_outputs(responses):
    return responses + responses[:1]


def _another_output(responses):
    responses[0].output.output_type = serving.model.OUTPUT_TYPE_ATAC
    return responses


def _another_resolution(responses):
    responses[0].output.track_data.resolution = 2
    return responses


def _a_track_less(responses):
    del responses[0].output.track_data.metadata[-1]
    return responses


def _a_track_twice(responses):
    first, last = responses[0].output.track_data.metadata
    last.CopyFrom(first)
    return responses


def _another_track(responses):
    responses[0].output.track_data.metadata[-1].name = "another"
    return responses


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_no_head, "sent values before what they are of"),
        (_two_outputs, "sent more than the one output asked"),
        (_another_output, "sent another output than asked"),
        (_another_resolution, "for 2 tracks at 2 bp"),
        (_a_track_less, "for 1 tracks at 1 bp"),
        (_a_track_twice, "sent a track twice"),
        (_another_track, "lacks tracks of cage that it lists: hCAGE EFO:0002067 -"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_reply_that_is_not_understood(change, said, service, expected):
    model, onehot, _ = expected
    service.chunk = 1000
    service.steps.append(Step(change=change))
    with pytest.raises(ModelError) as info:
        model.predict(onehot[:1])
    assert said in str(info.value)
    assert len(service.requests) == 1


def test_a_fault_of_the_sdk_is_told_without_the_key(service, expected, monkeypatch):
    model, onehot, _ = expected

    def broken(*_, **named):
        raise ValueError(f"metadata was invalid: {named['metadata']}")

    monkeypatch.setattr(model._service._stub, "PredictSequence", broken)
    with pytest.raises(ModelError, match=r"ValueError: metadata was invalid: .*redacted") as info:
        model.predict(onehot[:1])
    assert KEY not in "".join(traceback.format_exception(info.value))


def test_a_service_that_says_nothing(service, quick, expected, monkeypatch):
    model, onehot, values = expected
    monkeypatch.setattr(plugin_service, "TIMEOUT", 0.5)
    service.steps.append(Step(silent=30.0, after=-1))
    began = time.monotonic()
    assert np.array_equal(model.predict(onehot[:1]), values[:1])
    assert time.monotonic() - began < 10
    patient = made(patience=0.1)
    service.steps.extend([Step(silent=30.0, after=-1)] * 9)
    with pytest.raises(ModelError, match="DEADLINE_EXCEEDED"):
        patient.predict(onehot[:1])


def test_a_server_that_is_started_again(service, quick, credentials, expected, monkeypatch):
    model, onehot, values = expected
    port = int(os.environ["ALPHAGENOME_ADDRESS"].rpartition(":")[2])
    service.delay = 0.5
    done = []
    thread = threading.Thread(target=lambda: done.append(model.predict(onehot)))
    thread.start()
    while not service.open:
        time.sleep(0.01)
    service.server.stop(None).wait()  # in the middle of both requests
    service.delay = 0.0
    time.sleep(0.3)
    service.server, _ = serving.start(service, credentials, port)
    thread.join(60)
    assert np.array_equal(done[0], values)
    assert len(service.requests) >= 4


def test_nobody_is_there(address, quick, monkeypatch):
    address(1)
    with pytest.raises(ModelError, match="UNAVAILABLE"):
        _ = made(patience=0.2).tracks


def test_a_server_with_another_certificate_gets_no_key(address, quick):
    signed = trustme.CA().issue_cert("localhost")
    chain = b"".join(part.bytes() for part in signed.cert_chain_pems)
    other = grpc.ssl_server_credentials([(signed.private_key_pem.bytes(), chain)])
    stranger = serving.Service()
    server, port = serving.start(stranger, other)
    address(port)
    try:
        with pytest.raises(ModelError, match="UNAVAILABLE"):
            _ = made(patience=0.2).tracks
        assert stranger.asked_metadata == 0
    finally:
        server.stop(None).wait()


def test_metadata_that_fails_is_asked_for_again(service, quick):
    service.metadata_steps.extend([Step(Code.UNAVAILABLE)] * 2)
    assert len(made().tracks) == 2
    assert service.asked_metadata == 3


def test_requests_at_the_same_time(service, expected):
    _, onehot, values = expected
    service.delay = 0.2
    many = np.repeat(onehot, 4, axis=0)
    for concurrency in (1, 3):
        service.most = 0
        model = made(concurrency=concurrency)
        assert np.array_equal(model.predict(many), np.repeat(values, 4, axis=0))
        assert service.most == concurrency
    assert made().batch_size == 5


def test_one_failure_ends_the_batch(service, expected):
    model, onehot, _ = expected
    service.steps.extend([Step(silent=30.0, after=-1), Step(Code.INVALID_ARGUMENT, "no")])
    began = time.monotonic()
    with pytest.raises(ModelError, match="INVALID_ARGUMENT"):
        model.predict(onehot)
    assert time.monotonic() - began < 5
    _until(lambda: service.cancelled == 1)


def test_ctrl_c_ends_the_batch(service, expected):
    model, onehot, values = expected
    service.steps.extend([Step(silent=30.0, after=-1), Step(Code.UNAVAILABLE)])
    main = threading.main_thread().ident
    assert main is not None
    threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        model.predict(onehot)
    assert time.monotonic() - began < 5
    _until(lambda: service.cancelled == 1)
    assert np.array_equal(model.predict(onehot), values)


def test_a_batch_that_has_ended_begins_nothing():
    batch = RequestBatch()
    batch.end()
    with pytest.raises(Ended):
        batch.pause(10.0)

    class Call:
        cancelled = False

        def cancel(self):
            self.cancelled = True

    call = Call()
    with pytest.raises(Ended), batch.holding(call):
        raise AssertionError
    assert call.cancelled


def test_the_user_is_told_of_long_waits(service, quick, expected, monkeypatch):
    model, onehot, _ = expected
    monkeypatch.setattr(retry, "NOISY", 0.0)
    service.steps.extend([Step(Code.UNAVAILABLE, "busy")] * 3)
    with pytest.warns(CremeWarning, match=r"answers UNAVAILABLE \(busy\); .* up to 600 s") as told:
        model.predict(onehot[:1])
    assert len(told) == 1
    monkeypatch.setattr(retry, "NOISY", 10.0)
    service.steps.append(Step(Code.UNAVAILABLE, "busy"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(onehot[:1])


@pytest.mark.parametrize("key", ["", "  "])
def test_without_a_key(key, service, monkeypatch):
    monkeypatch.setenv("ALPHAGENOME_API_KEY", key)
    with pytest.raises(ModelError, match="needs an API key in the environment variable"):
        _ = made().tracks


@pytest.mark.parametrize("key", ["two words", "with\nline", "kéy"])
def test_a_key_that_is_none(key, service, monkeypatch):
    monkeypatch.setenv("ALPHAGENOME_API_KEY", key)
    with pytest.raises(ModelError, match="not shown here") as info:
        _ = made().tracks
    assert key not in str(info.value)


def test_spaces_around_the_key_do_not_matter(service, monkeypatch):
    monkeypatch.setenv("ALPHAGENOME_API_KEY", f" {KEY}\n")
    assert len(made().tracks) == 2


WRONG = "AIzaWrongKeyThatMustNotBeSeen_9876543210"


def test_an_error_that_echoes_the_key_does_not_show_it(service, monkeypatch, caplog):
    monkeypatch.setenv("ALPHAGENOME_API_KEY", WRONG)
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ModelError) as info:
        _ = made().tracks
    assert "API key not valid: [redacted]" in str(info.value)
    shown = io.StringIO()
    traceback.print_exception(info.value, file=shown)
    for text in (shown.getvalue(), repr(info.value), caplog.text, str(info.value.__dict__)):
        assert WRONG not in text
    assert WRONG.encode() not in pickle.dumps(info.value)
    assert info.value.__context__ is None
    assert info.value.__cause__ is None


def test_a_failure_while_predicting_does_not_show_the_key(service, quick, expected, caplog):
    model, onehot, _ = expected
    caplog.set_level(logging.DEBUG)
    for code in (Code.INVALID_ARGUMENT, Code.UNKNOWN):
        service.steps.extend([Step(code, f"the key {KEY} and {KEY}")] * 4)
        with pytest.raises(ModelError) as info:
            model.predict(onehot[:1])
        shown = "".join(traceback.format_exception(info.value))
        assert "the key [redacted] and [redacted]" in shown
        assert KEY not in shown + caplog.text
    for text in (repr(model), str(model), repr(model._service), str(vars(model))):
        assert KEY not in text
    assert KEY.encode() not in pickle.dumps(model)


def _until(condition):
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)
