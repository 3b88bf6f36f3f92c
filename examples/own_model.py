"""A network of one's own: any function that builds a PyTorch module (or a plain function).

It need not be installed; see own_model.toml beside it.
"""

import torch


def build(weights=None):
    """A small convolutional network: 2,048 bp in, 16 bins of 64 bp of two tracks out."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv1d(4, 16, 15, padding=7),
        torch.nn.GELU(),
        torch.nn.MaxPool1d(64),
        torch.nn.Conv1d(16, 2, 1),
        torch.nn.Softplus(),
    )
    if weights is not None:
        network.load_state_dict(torch.load(weights, weights_only=True))
    return torch.nn.Sequential(network, _Crop(8))


class _Crop(torch.nn.Module):
    """Leaves out bins at both ends."""

    def __init__(self, bins):
        super().__init__()
        self.bins = bins

    def forward(self, x):
        return x[:, :, self.bins : -self.bins]
