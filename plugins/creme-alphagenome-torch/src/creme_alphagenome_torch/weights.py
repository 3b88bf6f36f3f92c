"""AlphaGenome's weights: where they are, and the networks made of them."""

from __future__ import annotations

import json
import pickle
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from creme.errors import ModelError, listing

NAME = "alphagenome-torch"
_SUFFIXES = (".safetensors", ".pth", ".pt")
_COMPUTED = ("inv_freq", "dummy")
"""Buffers of version 0.2 that weights may lack."""


def port_version() -> int:
    """2 or 3: the second part of the library's version, which are two different packages.

    Raises
    ------
    ModelError
        If it is not installed, or neither.
    """
    try:
        number = version("alphagenome-pytorch")
    except PackageNotFoundError:
        raise ModelError(
            f"model {NAME} needs alphagenome-pytorch: pip install alphagenome-pytorch"
        ) from None
    for port in (2, 3):
        if number.startswith(f"0.{port}."):
            return port
    raise ModelError(
        f"model {NAME} knows alphagenome-pytorch 0.2 and 0.3, and {number} is installed"
    )


def weights_file(weights: Path | str, file: str | None) -> Path:
    """The file of the weights: given, in a folder, or downloaded from the hub before.

    Raises
    ------
    ModelError
        If it is not there; it says where it was looked for.
    """
    path = Path(weights).expanduser()
    if path.is_file():
        return path
    folder = path if path.is_dir() else _downloaded(str(weights))
    if file is not None:
        if not (folder / file).is_file():
            raise ModelError(f"model {NAME}: there is no file {file!r} in {folder}")
        return folder / file
    files = sorted(each.name for each in folder.iterdir() if each.suffix in _SUFFIXES)
    if len(files) != 1:
        has = f"it has {listing(files, 10)}: say which with file" if files else "it has none"
        raise ModelError(
            f"model {NAME}: {folder} should have one file of weights ({', '.join(_SUFFIXES)}), "
            f"and {has}"
        )
    return folder / files[0]


def _downloaded(name: str) -> Path:
    """The folder of a name on the Hugging Face hub, from its client's cache alone."""
    from huggingface_hub import (  # type: ignore[import-not-found]
        constants,
        snapshot_download,
    )
    from huggingface_hub.errors import (  # type: ignore[import-not-found]
        HFValidationError,
        LocalEntryNotFoundError,
    )

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        raise ModelError(
            f"model {NAME}: there is no file or folder {name!r}, and no network of this name in "
            f"the Hugging Face cache {constants.HF_HUB_CACHE}; on a machine with network: "
            f"huggingface-cli download {name}, with a token of yours in HF_TOKEN where its authors "
            f"ask for their terms to be accepted first"
        ) from None


def configuration(file: Path) -> dict[str, Any]:
    """The table in a ``config.json`` beside the weights; empty where there is none.

    Raises
    ------
    ModelError
        If it is no table in JSON.
    """
    beside = file.with_name("config.json")
    if not beside.is_file():
        return {}
    try:
        table = json.loads(beside.read_text(encoding="utf-8"))
        return dict(table)
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{beside} cannot be read: {error}") from None


def network_of(file: Path, port: int, organism: str, output: str) -> Any:
    """The network with its weights, which no prediction changes.

    Raises
    ------
    ModelError
        If the library is missing, or the weights are not those of its network.
    """
    config = configuration(file)
    try:
        values = _values(file)
        network = _empty(port, config, organism, output)
        lacking, foreign = network.load_state_dict(values, strict=False)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"the weights {file} cannot be loaded: {error}") from None
    wrong = [name for name in lacking if not name.endswith(_COMPUTED)]
    # Version 0.2 is built with the one head that is read.
    wrong += [name for name in foreign if port != 2 or not name.startswith("heads.")]
    if wrong:
        raise ModelError(
            f"the weights {file} are not those of alphagenome-pytorch 0.{port}'s network, which "
            f"differ in {listing(wrong, 4)}"
        )
    for module in network.modules():
        # Version 0.2 goes on averaging variances when it predicts, in evaluation mode as well.
        if hasattr(module, "update_running_var"):
            module.update_running_var = False
    return network


def _values(file: Path) -> Any:
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(file)
    import torch

    try:
        values = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:  # whose message says how to run the code in it
        raise ModelError(
            f"the weights {file} cannot be loaded: they are damaged, or hold more than tensors"
        ) from None
    return values.get("model_state_dict", values)


def _empty(port: int, config: dict[str, Any], organism: str, output: str) -> Any:
    """The library's network without weights."""
    try:
        from alphagenome_pytorch import AlphaGenome
    except ImportError as error:
        raise ModelError(
            f"model {NAME} needs alphagenome-pytorch: pip install alphagenome-pytorch ({error})"
        ) from None
    if port == 3:
        return AlphaGenome(**config)
    from alphagenome_pytorch import alphagenome

    # On a GPU it would compute attention in bfloat16, whatever precision is asked for.
    alphagenome._ALLOW_NATIVE_BF16 = False
    heads = config.pop("heads", {})
    network = AlphaGenome(**config)
    published = alphagenome.jax_genome_track_heads
    network.add_reference_heads(
        organism,
        genome_track_heads={
            name: {**spec, **heads.get(name, {})}
            for name, spec in published.items()
            if name == output
        },
        num_tracks_contacts=1,
        splice_junction_hidden_dim=2,
        splice_junction_max_tissues=1,
        num_splice_usage_tracks=heads.get("splice_site_usage", {}).get(
            "num_tracks", alphagenome.jax_splice_usage_tracks
        ),
    )
    kept = {
        "splice_sites": "splice_sites_classification",
        "splice_site_usage": "splice_sites_usage",
    }
    for name in list(network.heads[organism]):
        if name != kept.get(output, output):
            del network.heads[organism][name]
    return network
