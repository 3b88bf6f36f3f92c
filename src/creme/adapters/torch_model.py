"""Networks in PyTorch: how a batch is run, and how a local trunk is run by windows.

PyTorch is imported when a network is needed; the plugins that use this bring it along.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import chain
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from creme.adapters.loaded import LoadedModel
from creme.adapters.split import Features, SplitModel
from creme.errors import ModelError
from creme.model import Selection
from creme.sequence import onehot_table


class TorchModel(LoadedModel):
    """A PyTorch network, given a batch of one-hot sequences (B, length, 4) as a tensor.

    On the CPU sequences are predicted one at a time, which costs nothing there and makes a
    prediction independent of its batch.
    """

    frameworks: ClassVar[tuple[str, ...]] = ("torch",)
    takes_codes: ClassVar[bool] = True

    precision: Literal["float32", "tf32", "bfloat16"] = Field(
        "float32",
        description="of the arithmetic; with the lower ones errors are as large as many effects",
    )

    @abstractmethod
    def outputs(self, network: Any, batch: Any, selection: Selection | None) -> Any:
        """The network's output as tensors, (B, bins, tracks): those selected, or all.

        A network that computes all in any case gives `self.selected` of it; one with heads that of
        a dict of them, with the model's own grid under ``""``.
        """

    def predict(self, onehot: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict all bins and tracks; see `creme.model.Model.predict`."""
        return self._predict(onehot, None)

    def predict_selected(
        self, onehot: NDArray[np.float32], selection: Selection
    ) -> NDArray[np.float32]:
        """Predict all, and bring only the chosen bins and tracks back from the device."""
        return self._predict(onehot, selection)

    def predict_heads(self, onehot: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Predict all bins and tracks of all heads; see `creme.model.Model.predict_heads`."""
        everything = self.everything
        values = self._predict(onehot, everything)
        return {head: everything.values(values, head) for head in ("", *self.heads)}

    def _predict(
        self, onehot: NDArray[np.float32], selection: Selection | None
    ) -> NDArray[np.float32]:
        self.check_shape(onehot)
        shape = (self.n_bins, len(self.tracks)) if selection is None else selection.shape
        if not len(onehot):
            return np.empty((0, *shape), dtype=np.float32)
        network = self.network
        parts = self._each(
            onehot, lambda rows: self.outputs(network, rows, selection).float().cpu().numpy()
        )
        values = np.concatenate(parts)
        self._check_output(values, shape)
        return np.ascontiguousarray(values)

    def selected(self, output: Any, selection: Selection | None) -> Any:
        """Some bins and tracks of a whole output, (B, bins, tracks); all without a selection.

        Parameters
        ----------
        output : tensor, or dict of str to tensor
            Of several heads by name, with the model's own grid under ``""``.
        selection : Selection, optional
            One that keeps further heads gives them side by side, ``(B, *selection.shape)``.

        Raises
        ------
        ModelError
            If the output has other bins and tracks than the model says.
        """
        outputs = output if isinstance(output, Mapping) else {"": output}
        kept = {"": selection, **({} if selection is None else dict(selection.heads))}
        parts = []
        for head, its in kept.items():
            if head not in outputs:
                raise ModelError(f"model {self.name}: the network gives no output of head {head!r}")
            size = self.heads[head].size if head else self.n_bins
            self._check_output(outputs[head], (size, len(self.grid_of(head).tracks)))
            if its is None:
                return outputs[head]
            parts.append(outputs[head][:, list(its.bins)][:, :, list(its.tracks)])
        if len(parts) == 1:
            return parts[0]
        import torch

        return torch.cat([part.flatten(1) for part in parts], dim=1)[:, None]

    def _check_output(self, output: Any, shape: tuple[int, int]) -> None:
        if tuple(output.shape[1:]) != shape:
            raise ModelError(
                f"model {self.name}: the network gives (bins, tracks) = {tuple(output.shape[1:])}, "
                f"and {shape} are expected"
            )

    def _each(self, onehot: NDArray[np.float32], run: Callable[[Any], Any]) -> list[Any]:
        """The results of `run` on tensors on the device: of all rows together, on a CPU of each."""
        device = _device(self.network)
        with self._computing():
            return [
                run(on_device(onehot[rows], self.n_value, device))
                for rows in _together(len(onehot), device)
            ]

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """Inference at the chosen precision."""
        import torch

        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode())
            stack.enter_context(arithmetic(tf32=self.precision == "tf32"))
            if self.precision == "bfloat16":
                kind = _device(self.network).type
                stack.enter_context(torch.autocast(kind, dtype=torch.bfloat16))
            yield

    def into_place(self, network: Any) -> Any:
        """A loaded network on its device, ready to predict."""
        import torch

        return network.to(self.place(torch.cuda.device_count(), "PyTorch")).float().eval()

    def free_memory(self) -> int | None:
        """Bytes free on the GPU, once the network is loaded; None on a CPU."""
        if self._network is None or (device := _device(self.network)).type != "cuda":
            return None
        import torch

        return int(torch.cuda.mem_get_info(device)[0])

    def environment(self) -> dict[str, Any]:
        """The device, and PyTorch's version, once the network is loaded."""
        environment = super().environment()
        if not environment:
            return {}
        device = device_name(_device(self.network))
        return {**environment, "device": device, "precision": self.precision, "deterministic": True}


class SplitTorchModel(SplitModel, TorchModel):
    """A PyTorch network whose first part is local.

    A subclass gives `outputs`, the whole network as its library runs it, and beside it `trunk` and
    `rest`, which must come to the same numbers.
    """

    takes_codes: ClassVar[bool] = True

    @abstractmethod
    def trunk(self, network: Any, batch: Any) -> tuple[Any, ...]:
        """The trunk's outputs, each (B, positions, channels), of windows (B, w, 4)."""

    @abstractmethod
    def rest(self, network: Any, features: tuple[Any, ...], selection: Selection) -> Any:
        """The network after the trunk, (B, bins, tracks): no more than the selection needs."""

    def encode(self, onehot: NDArray[np.float32]) -> Features:
        """The trunk's outputs, as tensors on the device; see `creme.adapters.split.SplitModel`."""
        network = self.network
        parts = self._each(onehot, lambda rows: self.trunk(network, rows))
        return tuple(self.concatenate(list(each), 0) for each in zip(*parts, strict=True))

    def decode(self, features: Features, selection: Selection) -> NDArray[np.float32]:
        """The network after the trunk, its output brought back from the device."""
        network = self.network
        with self._computing():
            parts = [
                self.rest(network, tuple(each[rows] for each in features), selection)
                for rows in _together(len(features[0]), features[0].device)
            ]
            return np.concatenate([part.float().cpu().numpy() for part in parts])

    def concatenate(self, arrays: list[Any], axis: int) -> Any:
        """Tensors joined."""
        import torch

        with torch.inference_mode():
            return torch.cat(arrays, dim=axis) if len(arrays) > 1 else arrays[0]

    def overwrite(self, array: Any, start: int, values: Any) -> None:
        """Put features of one output into positions from `start` on."""
        import torch

        with torch.inference_mode():
            array[:, start : start + values.shape[1]] = values


@contextmanager
def arithmetic(*, tf32: bool = False) -> Iterator[None]:
    """The same numbers each time, in float32: by default PyTorch uses TF32 in convolutions."""
    import torch

    before = torch.backends.cuda.matmul.allow_tf32
    flags = {"enabled": True, "benchmark": False, "deterministic": True, "allow_tf32": tf32}
    with torch.backends.cudnn.flags(**flags):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        try:
            yield
        finally:
            torch.backends.cuda.matmul.allow_tf32 = before


def on_device(rows: NDArray[Any], n_value: float, device: Any) -> Any:
    """One-hot rows as a tensor of its own memory on a device, (..., 4) float32.

    Parameters
    ----------
    rows : array of float32, shape (..., 4), or of uint8, shape (...)
        One-hot, or codes, of which a GPU makes its one-hot.
    n_value : float
        The value of all four channels of an N.
    device : str or torch.device
    """
    import torch

    if rows.dtype != np.uint8:
        return torch.tensor(rows, device=device)
    table = onehot_table(n_value)
    if torch.device(device).type == "cpu":
        # NumPy takes a third of PyTorch's time for it.
        return torch.from_numpy(table.take(rows, axis=0))
    return looked_up(torch.tensor(rows, device=device), table)


def looked_up(codes: Any, table: NDArray[np.float32]) -> Any:
    """The rows of a table by codes, a tensor of uint8, made where the codes are."""
    import torch

    return torch.nn.functional.embedding(codes.int(), torch.tensor(table, device=codes.device))


def device_name(device: Any) -> str:
    """The name of the GPU that a device is, or ``cpu``."""
    import torch

    device = torch.device(device)
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device.type)


def parameters_digest(network: Any) -> str:
    """SHA-256 (hexadecimal) of a module's parameters and buffers: names, types, shapes and values.

    Parameters
    ----------
    network : torch.nn.Module
        Those of a lazy module that has not predicted yet have no values, and count by name.
    """
    import torch

    total = hashlib.sha256()
    for name, tensor in chain(network.named_parameters(), network.named_buffers()):
        if torch.nn.parameter.is_lazy(tensor):
            total.update(f"{name} lazy\n".encode())
            continue
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        values = tensor.detach()
        if values.layout is not torch.strided:
            values = values.to_dense()
        # As bytes: NumPy has no bfloat16.
        flat = values.cpu().contiguous().reshape(-1)
        total.update(flat.view(torch.uint8).numpy().data)
    return total.hexdigest()


def _together(rows: int, device: Any) -> list[slice]:
    """The rows that are computed at a time: all, on a CPU one by one."""
    size = 1 if device.type == "cpu" else rows
    return [slice(row, row + size) for row in range(0, rows, size)]


def _device(network: Any) -> Any:
    """Where a network is; its parameters or buffers tell."""
    return next(chain(network.parameters(), network.buffers())).device
