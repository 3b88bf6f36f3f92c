"""BPNet, and ChromBPNet without its bias, through bpnet-lite; see bpnet.toml beside it.

It gives the expected counts at each base: the profile's shares of the predicted total.
"""

import torch
from bpnetlite import BPNet


def build(weights):
    """ChromBPNet's `chrombpnet_nobias.h5`, or a network that bpnet-lite has saved.

    The latter is a pickle of a whole module: loading it runs what is in it.
    """
    if str(weights).endswith(".h5"):
        network = BPNet.from_chrombpnet(str(weights))
    else:
        network = torch.load(weights, map_location="cpu", weights_only=False)
    return _Counts(network)


class _Counts(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        # Without a control, where the network was trained with one.
        tracks = self.network.n_control_tracks
        control = x.new_zeros(len(x), tracks, x.shape[2]) if tracks else None
        logits, counts = self.network(x, control)
        shares = logits.flatten(1).softmax(1).reshape(logits.shape)
        return shares * counts.expm1()[:, :, None]  # trained on log(1 + total)
