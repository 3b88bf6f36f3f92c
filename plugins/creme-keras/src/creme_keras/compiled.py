"""A Keras network as one function of arrays, compiled where its backend compiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Call = Callable[[list[NDArray[np.float32]]], list[NDArray[np.float32]]]
"""Takes the inputs in the network's order, each with the batch first; gives the outputs."""


def function_of(network: Any, outputs: list[int], shapes: list[tuple[int, ...]]) -> Call:
    """The network as a function: TensorFlow's graph, JAX's `jit`, or PyTorch layer by layer.

    Graphs are of any number of sequences on TensorFlow, and of each number once on JAX.

    Parameters
    ----------
    network : keras.Model
    outputs : list of int
        Places among its outputs of those to give.
    shapes : list of tuple of int
        Of its inputs, without the batch.
    """
    import keras

    def predicted(call: Callable[..., Any], *inputs: Any) -> Any:
        there = keras.tree.flatten(call(_structured(network, inputs)))
        return [there[place] for place in outputs]

    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _of_tensorflow(network, predicted, shapes)
    if backend == "jax":
        return _of_jax(network, predicted)
    return lambda inputs: _arrays(predicted(lambda x: network(x, training=False), *inputs))


def _structured(network: Any, inputs: tuple[Any, ...]) -> Any:
    """Inputs as the network was built with them: other structures are a warning each."""
    import keras

    if isinstance(network, keras.Sequential):
        return inputs[0]
    return keras.tree.pack_sequence_as(network.input, list(inputs))


def _arrays(outputs: list[Any]) -> list[NDArray[np.float32]]:
    import keras

    return [np.asarray(keras.ops.convert_to_numpy(each), dtype=np.float32) for each in outputs]


def _of_tensorflow(network: Any, predicted: Any, shapes: list[tuple[int, ...]]) -> Call:
    import tensorflow as tf

    @tf.function(
        input_signature=[tf.TensorSpec((None, *shape), tf.float32) for shape in shapes],
        autograph=False,
    )
    def graph(*inputs: Any) -> Any:
        return predicted(lambda x: network(x, training=False), *inputs)

    return lambda inputs: _arrays(graph(*inputs))


def _of_jax(network: Any, predicted: Any) -> Call:
    import jax

    @jax.jit
    def graph(trained: Any, other: Any, *inputs: Any) -> Any:
        def call(x: Any) -> Any:
            return network.stateless_call(trained, other, x, training=False)[0]

        return predicted(call, *inputs)

    def values(inputs: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        trained = [each.value for each in network.trainable_variables]
        other = [each.value for each in network.non_trainable_variables]
        return _arrays(graph(trained, other, *inputs))

    return values
