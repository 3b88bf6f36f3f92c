"""ChromBPNet's networks, small and random, layer by layer as its repository builds them.

After ``training/models/bpnet_model.py`` and ``chrombpnet_with_bias_model.py`` of
https://github.com/kundajelab/chrombpnet (MIT), version 1.0.1, for the second Keras, which it uses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def write_chrombpnet(keras: Any, folder: Path, filters: int = 64) -> tuple[Any, Any]:
    """Write ``bias.h5``, ``chrombpnet.h5`` and, cut out of it, ``chrombpnet_nobias.h5``.

    Parameters
    ----------
    keras : module
        ``tf_keras``, the second Keras.
    folder : Path
    filters : int
        ChromBPNet has 512, its bias 128.

    Returns
    -------
    (Model, Model)
        The network without bias and the bias, of which the files were written.
    """
    layers, models = keras.layers, keras.models
    custom = {"multinomial_nll": multinomial_nll}
    keras.utils.set_random_seed(0)
    _compiled(keras, _bpnet(keras, "", 16, 4)).save(folder / "bias.h5")
    # Layers without names are numbered from the first again, as in the process of a training.
    keras.backend.clear_session()
    bias = models.load_model(folder / "bias.h5", custom_objects=custom)
    for layer in bias.layers:
        layer.trainable = False
    without = _bpnet(keras, "wo_bias_", filters, 8)
    given = layers.Input(shape=(2114, 4), name="sequence")
    of_bias, of_rest = bias(given), without(given)
    profile = layers.Add(name="logits_profile_predictions")([of_rest[0], of_bias[0]])
    both = layers.Concatenate(axis=-1)([of_rest[1], of_bias[1]])
    # A lambda, as there: it is saved as Python's code, which names what it calls.
    counts = layers.Lambda(lambda x: _sum_of_logarithms(x), name="logcount_predictions")(both)
    whole = _compiled(keras, models.Model(inputs=[given], outputs=[profile, counts]))
    # A step of training, whose optimizer's state is in the file; from a hundred counts on.
    without.get_layer("wo_bias_bpnet_logcount_predictions").bias.assign([np.log(100)])
    random = np.random.default_rng(0)
    bases = np.eye(4, dtype=np.float32)[random.integers(0, 4, (2, 2114))]
    cuts = random.poisson(0.5, (2, 1000)).astype(np.float32)
    whole.train_on_batch(bases, [cuts, np.log1p(cuts.sum(axis=1, keepdims=True))])
    whole.save(folder / "chrombpnet.h5")
    inner = whole.get_layer("model_wo_bias")
    alone = models.Model(inputs=inner.inputs, outputs=list(inner.output))
    alone.save(folder / "chrombpnet_nobias.h5")
    return alone, bias


def multinomial_nll(true_counts: Any, logits: Any) -> Any:
    """The loss, less what does not depend on the logits; files have its name alone."""
    import tensorflow as tf

    chances = tf.nn.log_softmax(logits, axis=-1)
    return -tf.reduce_sum(true_counts * chances) / tf.cast(tf.shape(true_counts)[0], tf.float32)


def _compiled(keras: Any, network: Any) -> Any:
    network.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.001),
        loss=[multinomial_nll, "mse"],
        loss_weights=[1, 0.1],
    )
    return network


def _sum_of_logarithms(x: Any) -> Any:
    import tensorflow as tf

    return tf.math.reduce_logsumexp(x, axis=-1, keepdims=True)


def _bpnet(keras: Any, prefix: str, filters: int, dilated: int) -> Any:
    """A network of a profile of 1,000 bases and the logarithm of their counts."""
    layers = keras.layers
    # The network without bias calls its layers so; the bias alone calls two of them otherwise.
    head = "wo_bias_bpnet_" if prefix else ""
    given = layers.Input(shape=(2114, 4), name="sequence")
    x = layers.Conv1D(filters, 21, activation="relu", name=f"{prefix}bpnet_1st_conv")(given)
    for k in range(1, dilated + 1):
        name = f"{prefix}bpnet_{k}conv"
        conv = layers.Conv1D(filters, 3, activation="relu", dilation_rate=2**k, name=name)(x)
        over = (x.shape[1] - conv.shape[1]) // 2
        x = layers.add([conv, layers.Cropping1D(over, name=f"{prefix}bpnet_{k}crop")(x)])
    wide = layers.Conv1D(1, 75, name=f"{head}prof_out_precrop")(x)
    over = wide.shape[1] // 2 - 500
    name = (
        f"{prefix}bpnet_logitt_before_flatten"
        if prefix
        else "logits_profile_predictions_preflatten"
    )
    profile = layers.Flatten(name=f"{head}logits_profile_predictions")(
        layers.Cropping1D(over, name=name)(wide)
    )
    counts = layers.Dense(1, name=f"{head}logcount_predictions")(
        layers.GlobalAvgPool1D(name="gap")(x)
    )
    whole = {"name": "model_wo_bias"} if prefix else {}
    return keras.models.Model(inputs=[given], outputs=[profile, counts], **whole)
