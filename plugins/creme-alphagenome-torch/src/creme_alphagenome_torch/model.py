"""The model plugin ``alphagenome-torch``: AlphaGenome through alphagenome-pytorch."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from creme import Selection, Track, TrackTable
from creme.adapters import Download, SplitTorchModel
from creme.adapters import digest as file_digest
from creme.errors import ModelError
from pydantic import Field, StringConstraints, model_validator

from creme_alphagenome_torch.tracks import ListedTrack, choose, digest, read_tracks, table
from creme_alphagenome_torch.weights import configuration, network_of, port_version, weights_file

_COLUMNS = {
    "atac": 256,
    "cage": 640,
    "chip_histone": 1152,
    "chip_tf": 1664,
    "dnase": 384,
    "procap": 128,
    "rna_seq": 768,
    "splice_site_usage": 734,
    "splice_sites": 5,
}
"""Columns of the published heads, padding among them."""

_COARSE_ALONE = ("chip_histone", "chip_tf")
_FINE_ALONE = ("splice_site_usage", "splice_sites")
_SOFT = 10.0
_TABLES = (
    "https://raw.githubusercontent.com/google-deepmind/alphagenome_research/"
    "3f79219086685598d13b41c5d39e112f76dc8216/src/alphagenome_research/model/metadata"
)

Term = Annotated[str, StringConstraints(pattern=r"^(CLO|UBERON|CL|EFO|NTR):\d{7}$")]


class AlphaGenomeTorch(SplitTorchModel):
    """One output of AlphaGenome in PyTorch, on a GPU of one's own.

    Versions 0.2 and 0.3 of alphagenome-pytorch are two packages of different authors, each with
    weights of its own names: both are known here. Version 0.2 goes on averaging the variances that
    it divides by whenever it predicts, so that each prediction would change the next; that is
    turned off here.

    Raises
    ------
    ConfigError
        If a setting is not allowed; from `tracks`, if the output or a term has no tracks.
    ModelError
        If the library or the weights are missing, or are not of one another.
    """

    name: ClassVar[str] = "alphagenome-torch"
    version: ClassVar[str] = "1"
    frameworks: ClassVar[tuple[str, ...]] = ("torch", "alphagenome_pytorch")
    # An N is no base at all.
    n_value: ClassVar[float] = 0.0
    downloads: ClassVar[dict[str, tuple[Download, ...]]] = {
        "targets": (
            Download(
                "targets_human.textproto",
                f"{_TABLES}/OutputMetadataResponse_ORGANISM_HOMO_SAPIENS.textproto",
                "human tracks",
                "413b4063096bbf7a75a7fdf5560030f8e3866c6af2455fb313e58686ae3d49e8",
            ),
            Download(
                "targets_mouse.textproto",
                f"{_TABLES}/OutputMetadataResponse_ORGANISM_MUS_MUSCULUS.textproto",
                "mouse tracks",
                "a22eb7b2e435ed5d34325eb2ffc575679adc1fc6d91958f8c3bf4c7c8a55a929",
            ),
        ),
    }

    weights: Path | str = Field(
        description="file of the weights, a folder with it, or a name on the Hugging Face hub that "
        "was downloaded before"
    )
    file: str | None = Field(
        None, description="name of the file in that folder; needed if there are several"
    )
    targets: Path | None = Field(None, description="published table of the organism's tracks")
    output: Literal[
        "atac",
        "cage",
        "chip_histone",
        "chip_tf",
        "dnase",
        "procap",
        "rna_seq",
        "splice_sites",
        "splice_site_usage",
    ] = Field(description="what is predicted")
    ontology_terms: tuple[Term, ...] | None = Field(
        None,
        min_length=1,
        description="samples, such as EFO:0002067; all unless given. They need the table",
    )
    organism: Literal["human", "mouse"] = "human"
    length: int = Field(1_048_576, ge=2048, multiple_of=2048, description="length of the input, bp")
    resolution: Literal[1, 128] = Field(
        128, description="length of a bin, bp; both are the network's own outputs"
    )
    scale: Literal["measured", "network"] = Field(
        "measured",
        description="as the assay measures, with the tracks' means, or as the network learned it",
    )

    @model_validator(mode="after")
    def _allowed(self) -> Self:
        only = {**dict.fromkeys(_COARSE_ALONE, 128), **dict.fromkeys(_FINE_ALONE, 1)}
        if only.get(self.output, self.resolution) != self.resolution:
            raise ValueError(
                f"resolution = {self.resolution}: {self.output} is predicted at "
                f"{only[self.output]} bp alone"
            )
        if self.ontology_terms is not None and self.targets is None:
            raise ValueError("ontology_terms need targets, the table that says whose tracks are")
        return self

    @property
    def input_length(self) -> int:
        """Length of the input, bp."""
        return self.length

    @property
    def bin_size(self) -> int:
        """Length of an output bin, bp."""
        return self.resolution

    @property
    def n_bins(self) -> int:
        """Number of output bins: they cover the whole input."""
        return self.length // self.resolution

    @cached_property
    def _file(self) -> Path:
        return weights_file(self.weights, self.file)

    @cached_property
    def _records(self) -> tuple[ListedTrack, ...] | None:
        if self.targets is None:
            return None
        return choose(read_tracks(self.targets, self.output), self.output, self.ontology_terms)

    @cached_property
    def _columns(self) -> list[int]:
        """The places of the tracks in the network's head."""
        if self._records is not None:
            return [record.column for record in self._records]
        heads = configuration(self._file).get("heads", {})
        return list(range(heads.get(self.output, {}).get("num_tracks", _COLUMNS[self.output])))

    @cached_property
    def tracks(self) -> TrackTable:
        """The table's tracks of the output and the terms; without a table, columns by number."""
        if self._records is not None:
            return table(self._records, self.output)
        named = tuple(Track(f"track{column}") for column in self._columns)
        return TrackTable(named, strands_known=False)

    def identity(self) -> dict[str, Any]:
        """Digests of the weights and of the chosen tracks, the output, and the settings of it."""
        beside = self._file.with_name("config.json")
        return {
            "weights": file_digest(self._file),
            "config": file_digest(beside) if beside.is_file() else None,
            "port": port_version(),
            "organism": self.organism,
            "output": self.output,
            "tracks": None if self._records is None else digest(self._records),
            "scale": self.scale,
            "precision": self.precision,
        }

    def load(self) -> Any:
        """The network, as a `creme_alphagenome_torch.ports.Port` of it."""
        network = network_of(self._file, port_version(), self.organism, self.output)
        if self.scale == "measured" and self.output not in _FINE_ALONE:
            _ = self._means(self._port(network))
        return self.into_place(network)

    def _port(self, network: Any) -> Any:
        from creme_alphagenome_torch.ports import Port2, Port3

        port = {2: Port2, 3: Port3}[port_version()]
        return port(network, ("human", "mouse").index(self.organism))

    def _means(self, port: Any) -> Any:
        """The scale of each of the tracks: the weights' own, or the table's.

        Raises
        ------
        ModelError
            If neither has them.
        """
        import torch

        means = port.means(self.output)
        if means is not None:
            return means[self._columns]
        records = self._records or ()
        values = [record.mean for record in records if record.mean is not None]
        if not values or len(values) < len(records):
            raise ModelError(
                f"model {self.name}: these weights have no scale of the tracks of {self.output}: "
                f"give targets, the table that has their means, or scale = 'network'"
            )
        return torch.tensor(values)

    def outputs(self, network: Any, batch: Any, selection: Selection | None) -> Any:
        """The output, as the library computes it, bins before tracks."""
        port = self._port(network)
        values = port.whole(batch, self.output, self.resolution)[..., self._columns]
        scaled = self._scaled(port, values.float(), None)
        return self.selected(scaled, selection)

    def _scaled(self, port: Any, values: Any, tracks: list[int] | None) -> Any:
        """Values as the assay measures them: soft-clipped and squashed ones undone, times means.

        An output at 128 bp is the sum over the bin.
        """
        if self.scale == "network" or self.output in _FINE_ALONE:
            return values
        import torch

        values = torch.where(values > _SOFT, (values + _SOFT) ** 2 / (4 * _SOFT), values)
        if self.output == "rna_seq":
            values = values ** (1.0 / 0.75)
        means = self._means(port).to(values)
        return values * ((means if tracks is None else means[tracks]) * self.resolution)

    @property
    def strides(self) -> tuple[int, ...]:
        """The transformer's input, and for outputs of 1 bp the U-Net's branches before it."""
        return (1, 2, 4, 8, 16, 32, 64, 128) if self.resolution == 1 else (128,)

    @property
    def radius(self) -> int:
        """Kernels of 15 and 5 bp, and then two of 5 positions at 2, 4, 8, 16, 32 and 64 bp."""
        return 7 + 2 + 2 * 2 * (2 + 4 + 8 + 16 + 32 + 64)

    def trunk(self, network: Any, batch: Any) -> tuple[Any, ...]:
        """The convolutions down to 128 bp."""
        from creme_alphagenome_torch.ports import encode

        return encode(self._port(network), batch, self.resolution)

    def rest(self, network: Any, features: tuple[Any, ...], selection: Selection) -> Any:
        """The transformer, the way up for outputs of 1 bp, and the head, for what is chosen."""
        from creme_alphagenome_torch.ports import decode

        port, tracks = self._port(network), list(selection.tracks)
        x = decode(port, features, self.resolution, list(selection.bins))
        columns = [self._columns[track] for track in tracks]
        values = port.head(x, self.output, self.resolution, columns)
        return self._scaled(port, values.float(), tracks)
