"""A network of CREsted's with layers of its own, by CREsted's own function; see crested.toml."""

import crested


def build(weights):
    """A function of one-hot batches, (batch, length, 4)."""
    network = crested.utils.load_model(weights)
    return network.predict_on_batch
