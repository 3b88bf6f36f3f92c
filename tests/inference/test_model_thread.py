"""The thread that calls a model: in order, whatever it raises, and left behind if need be."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import pytest

from creme.inference.model_thread import NAME, ModelThread


def threads():
    return [thread for thread in threading.enumerate() if thread.name == NAME]


def test_in_order_and_beside_the_caller():
    seen: list[int] = []
    go = threading.Event()

    def double(number):
        assert go.wait(60)
        seen.append(number)
        return 2 * number

    thread = ModelThread(double)
    assert not threads()
    futures = [thread.submit(number) for number in range(50)]
    assert not any(future.done() for future in futures)
    assert len(threads()) == 1
    assert futures[20].cancel()
    go.set()
    assert thread.close()
    assert not threads()
    assert seen == [number for number in range(50) if number != 20]
    assert [future.result() for future in futures if not future.cancelled()] == [
        2 * number for number in seen
    ]


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_an_error_is_the_futures_and_the_thread_goes_on(error):
    def fail_at_once(number):
        if number == 0:
            raise error
        return number

    thread = ModelThread(fail_at_once)
    first, second = thread.submit(0), thread.submit(1)
    with pytest.raises(type(error)):
        first.result(60)
    assert second.result(60) == 1
    assert thread.close()


def test_one_that_does_not_return_is_left():
    go = threading.Event()
    thread: ModelThread[int, bool] = ModelThread(lambda number: go.wait(60))
    future = thread.submit(1)
    waits = thread.submit(2)
    assert waits.cancel()
    began = time.monotonic()
    assert not thread.close(0.05)
    assert time.monotonic() - began < 30
    (left,) = threads()
    assert left.daemon
    go.set()
    assert future.result(60)
    left.join(60)
    assert not threads()


def test_nothing_is_kept_of_a_batch():
    class Batch:
        pass

    thread: ModelThread[Batch, Batch] = ModelThread(lambda batch: Batch())
    batch = Batch()
    future = thread.submit(batch)
    made = future.result(60)
    references = [weakref.ref(batch), weakref.ref(made)]
    del batch, made, future
    thread.submit(Batch()).result(60)
    gc.collect()
    assert [reference() for reference in references] == [None, None]
    assert thread.close()


def test_without_a_batch_there_is_no_thread():
    assert ModelThread(lambda batch: batch).close()
    assert not threads()
