"""The network of the Borzoi family that the data folder holds, in Keras: what a peer drives.

Written from its description: convolutions and pooling, two transformer blocks, two U-Net steps, and
a crop. The layers have the names that their weights have in the file.
"""

from __future__ import annotations

from collections import Counter

import h5py
import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

LENGTH, CROP, TRACKS = 131_072, 1024, 74
TOWER = (80, 88, 96, 104, 120, 128)
HEADS, KEY, FEATURES = 2, 32, 32


class RelativeAttention(layers.Layer):
    """Self-attention with relative positions."""

    def build(self, shape):
        _, length, channels = shape
        keys = HEADS * KEY
        shapes = {
            "r_w_bias": (1, HEADS, 1, KEY),
            "r_r_bias": (1, HEADS, 1, KEY),
            "q_layer/kernel": (channels, keys),
            "k_layer/kernel": (channels, keys),
            "v_layer/kernel": (channels, channels),
            "r_k_layer/kernel": (FEATURES, keys),
            "embedding_layer/kernel": (channels, channels),
            "embedding_layer/bias": (channels,),
        }
        self.parts = {
            name: self.add_weight(shape=shape, name=name.replace("/", "_"))
            for name, shape in shapes.items()
        }
        self.positions = ops.convert_to_tensor(relative_features(length))

    def call(self, x):
        part = self.parts
        heads = lambda y: ops.transpose(  # noqa: E731
            ops.reshape(y, (-1, y.shape[1], HEADS, y.shape[2] // HEADS)), (0, 2, 1, 3)
        )
        queries = heads(ops.matmul(x, part["q_layer/kernel"])) * KEY**-0.5
        keys = heads(ops.matmul(x, part["k_layer/kernel"]))
        values = heads(ops.matmul(x, part["v_layer/kernel"]))
        relative = heads(ops.matmul(self.positions, part["r_k_layer/kernel"])[None])
        content = ops.matmul(queries + part["r_w_bias"], ops.swapaxes(keys, 2, 3))
        positional = ops.matmul(queries + part["r_r_bias"], ops.swapaxes(relative, 2, 3))
        weights = ops.softmax(content + shifted(positional))
        mixed = ops.transpose(ops.matmul(weights, values), (0, 2, 1, 3))
        mixed = ops.reshape(mixed, (-1, *x.shape[1:]))
        return ops.matmul(mixed, part["embedding_layer/kernel"]) + part["embedding_layer/bias"]


def relative_features(length):
    """(2 * length - 1, FEATURES): whether a distance is within a width, and that by its sign."""
    half = FEATURES // 2
    rate = np.exp(np.log(length + 1) / half).astype(np.float32)
    widths = np.power(rate, np.arange(1, half + 1, dtype=np.float32)) - np.float32(1)
    distances = np.arange(-length + 1, length, dtype=np.float32)
    inside = (widths > np.abs(distances)[:, None]).astype(np.float32)
    return np.concatenate([inside, np.sign(distances)[:, None] * inside], axis=1)


def shifted(logits):
    """Logits by relative position, (B, heads, l, 2 l - 1), to logits by position, (.., l, l)."""
    length, width = logits.shape[2:]
    padded = ops.pad(logits, ((0, 0), (0, 0), (0, 0), (1, 0)))
    turned = ops.reshape(padded, (-1, HEADS, width + 1, length))[:, :, 1:]
    return ops.reshape(turned, (-1, HEADS, length, width))[..., :length]


def build(path):
    """The network with the weights of a file.

    Parameters
    ----------
    path : Path
        ``model.h5``.

    Returns
    -------
    keras.Model
        (B, 131072, 4) float32 to (B, 2048, 74).
    """
    counts = Counter()

    def next_name(kind):
        name = f"{kind}_{counts[kind]}" if counts[kind] else kind
        counts[kind] += 1
        return name

    def norm():
        return layers.BatchNormalization(epsilon=1e-3, name=next_name("batch_normalization"))

    def dense(units, activation=None):
        return layers.Dense(units, activation=activation, name=next_name("dense"))

    def conv(filters, size):
        return layers.Conv1D(filters, size, padding="same", name=next_name("conv1d"))

    def gelu(x):
        return keras.activations.gelu(x, approximate=True)

    def layer_norm():
        return layers.LayerNormalization(epsilon=1e-3, name=next_name("layer_normalization"))

    x = inputs = keras.Input((LENGTH, 4))
    x = layers.MaxPooling1D(2)(conv(64, 7)(x))
    saved = []
    for filters in TOWER:
        x = conv(filters, 5)(gelu(norm()(x)))
        saved.append(x)
        x = layers.MaxPooling1D(2)(x)
    for _ in range(2):
        attended = RelativeAttention(name=next_name("multihead_attention"))(layer_norm()(x))
        x = x + attended
        wide = dense(2 * x.shape[2], "relu")(layer_norm()(x))
        x = x + dense(x.shape[2])(wide)
    for skip in saved[:-3:-1]:
        upper, skipped = gelu(norm()(x)), gelu(norm()(skip))
        units = x.shape[2]
        joined = layers.UpSampling1D(2)(dense(units)(upper)) + dense(units)(skipped)
        name = next_name("separable_conv1d")
        x = layers.SeparableConv1D(units, 3, padding="same", name=name)(joined)
    x = dense(TRACKS, "softplus")(gelu(layers.Cropping1D(CROP)(x)))
    network = keras.Model(inputs, x)
    fill(network, path)
    return network


def fill(network, path):
    """Give the layers the weights of their names; every weight of the file has its place."""
    order = {
        "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
        "layer_normalization": ("gamma", "beta"),
        "conv1d": ("kernel", "bias"),
        "dense": ("kernel", "bias"),
        "separable_conv1d": ("depthwise_kernel", "pointwise_kernel", "bias"),
    }
    with h5py.File(path) as file:
        unused = set(file["model_weights"])
        unused = {name for name in unused if len(file["model_weights"][name])}
        for layer in network.layers:
            if not layer.weights:
                continue
            unused.remove(layer.name)
            group = file["model_weights"][layer.name][layer.name]
            if isinstance(layer, RelativeAttention):
                for name, variable in layer.parts.items():
                    variable.assign(group[f"{name}:0"][()])
            else:
                kind = next(k for k in sorted(order, key=len)[::-1] if layer.name.startswith(k))
                layer.set_weights([group[f"{name}:0"][()] for name in order[kind]])
    assert not unused, unused


class Driven:
    """The network as the reference package calls a model, one compiled graph."""

    seq_length = LENGTH

    def __init__(self, path, bins, tracks):
        network = build(path)
        self._run = tf.function(lambda x: network(x, training=False))
        self.bins, self.tracks = bins, tracks
        self.passes = 0

    def whole(self, onehot):
        """(L, 4) or (B, L, 4) to (B, bins, tracks), all of them."""
        onehot = np.asarray(onehot, np.float32)
        onehot = onehot[None] if onehot.ndim == 2 else onehot
        self.passes += len(onehot)
        return self._run(onehot).numpy()

    def predict(self, onehot):
        """The mean of the chosen bins and tracks, (B, 1, 1)."""
        part = self.whole(onehot)[:, self.bins][:, :, self.tracks]
        return part.mean(axis=(1, 2))[:, None, None]
