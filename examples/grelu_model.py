"""A network that gReLU has trained; see grelu_model.toml beside it."""

from grelu.lightning import LightningModel


def build(checkpoint):
    """The network with its activation: a checkpoint is a pickle, which runs what is in it."""
    return LightningModel.load_from_checkpoint(checkpoint, map_location="cpu", weights_only=False)
