"""The hosted service: requests and replies, by the SDK's protocol."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from types import SimpleNamespace
from typing import Any

import numpy as np
from creme.errors import ModelError
from numpy.typing import NDArray

from creme_alphagenome.retry import Ended, Failure, Persistence, RequestBatch, asked_wait
from creme_alphagenome.tracks import Offer, read_metadata, strand_of

KEY = "ALPHAGENOME_API_KEY"
"""Environment variable of the API key."""

ADDRESS = "ALPHAGENOME_ADDRESS"
"""Environment variable of a private endpoint, ``host:port``.

Not a parameter: an experiment file from somebody else must not say where the user's key is sent.
"""

PUBLIC = "dns:///gdmscience.googleapis.com:443"

TIMEOUT = 600.0
"""Seconds after which a request without a whole reply counts as failed."""


def address() -> str:
    """Where the service is."""
    return os.environ.get(ADDRESS, "").strip() or PUBLIC


def sdk_version() -> str:
    """Version of the service's SDK.

    Raises
    ------
    ModelError
        If it is not installed.
    """
    try:
        return version("alphagenome")
    except PackageNotFoundError:
        raise ModelError(_NO_SDK) from None


_NO_SDK = "model alphagenome needs the service's SDK: pip install 'alphagenome>=0.10'"


def sdk() -> SimpleNamespace:
    """The SDK's protocol modules, and gRPC.

    Its client module is not used: it takes seconds to import, sends without a deadline, and repeats
    failed requests without regard to what the service asks.

    Raises
    ------
    ModelError
        If they cannot be imported.
    """
    try:
        import grpc
        from alphagenome import tensor_utils
        from alphagenome.protos.v1 import (
            dna_model_pb2,
            dna_model_service_pb2,
            dna_model_service_pb2_grpc,
        )
    except ImportError as error:
        raise ModelError(f"{_NO_SDK} ({error})") from None
    return SimpleNamespace(
        grpc=grpc,
        tensors=tensor_utils,
        model=dna_model_pb2,
        messages=dna_model_service_pb2,
        stub=dna_model_service_pb2_grpc.DnaModelServiceStub,
    )


def _api_key() -> str:
    key = os.environ.get(KEY, "").strip()
    if not key:
        raise ModelError(
            f"model alphagenome needs an API key in the environment variable {KEY}; "
            f"https://deepmind.google.com/science/alphagenome gives one for non-commercial use"
        )
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise ModelError(f"{KEY} holds characters that no API key has; it is not shown here")
    return key


@dataclass(frozen=True)
class Reply:
    """One output of one sequence.

    Attributes
    ----------
    values : array of float32, shape (length / resolution, tracks)
    tracks : tuple of (name, strand)
    resolution : int
        bp.
    """

    values: NDArray[np.float32]
    tracks: tuple[tuple[str, str], ...]
    resolution: int


class Service:
    """A connection to the service, always encrypted, with the user's key.

    Parameters
    ----------
    address : str
        ``host:port``.
    patience : float
        Seconds for which a request that failed is repeated.

    Raises
    ------
    ModelError
        If the SDK or the key is missing.
    """

    def __init__(self, address: str, patience: float) -> None:
        self._sdk = sdk()
        self._key = _api_key()
        grpc = self._sdk.grpc
        unlimited = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(), options=unlimited)
        self._stub = self._sdk.stub(channel)
        self._persistence = Persistence(patience)

    def metadata(self, organism: str) -> Offer:
        """The tracks that the service offers, by output.

        Raises
        ------
        ModelError
            If the service cannot be reached, or refuses.
        """
        request = self._sdk.messages.MetadataRequest(organism=self._organism(organism))
        batch = RequestBatch()

        def send() -> Offer:
            responses = self._call(self._stub.GetMetadata, request, batch)
            return read_metadata(responses, self._sdk.model)

        return self._persistence(lambda: self._attempt(send), f"metadata {organism}", batch)

    def request(
        self,
        letters: str,
        *,
        organism: str,
        output: str,
        ontology_terms: tuple[str, ...] | None,
        model_version: str,
    ) -> Any:
        """The message that asks for one output of a sequence."""
        return self._sdk.messages.PredictSequenceRequest(
            sequence=letters,
            organism=self._organism(organism),
            ontology_terms=[self._term(curie) for curie in ontology_terms or ()],
            requested_outputs=[self._output(output)],
            model_version=model_version.upper(),
        )

    def predict(self, request: Any, name: str, batch: RequestBatch) -> Reply:
        """Send a request, and read its reply.

        Raises
        ------
        ModelError
            If the service refuses it, or fails for longer than the patience.
        Ended
            If the batch ended meanwhile.
        """

        def send() -> Reply:
            responses = self._call(self._stub.PredictSequence, iter([request]), batch)
            return self._read(responses, request)

        return self._persistence(lambda: self._attempt(send), name, batch)

    def _call(self, method: Any, request: Any, batch: RequestBatch) -> list[Any]:
        call = method(request, metadata=(("x-goog-api-key", self._key),), timeout=TIMEOUT)
        with batch.holding(call):
            return list(call)

    def _attempt(self, send: Any) -> Any:
        """Send once; whatever goes wrong is a `Failure` that does not show the key."""
        try:
            return send()
        except (Ended, Failure, ModelError):
            raise
        except self._sdk.grpc.RpcError as error:
            details = self._redacted(error.details() or "no details")
            problem: Exception = Failure(
                error.code().name, details, asked_wait(error.trailing_metadata())
            )
        except Exception as error:
            message = self._redacted(f"{type(error).__name__}: {error}")
            problem = ModelError(f"model alphagenome: a request failed: {message}")
        # Outside of the block: what was raised there may hold the key, and nothing leads to it.
        raise problem

    def _redacted(self, text: str) -> str:
        text = " ".join(text.replace(self._key, "[redacted]").split())
        return text if len(text) <= 400 else text[:397] + "..."

    def _read(self, responses: list[Any], request: Any) -> Reply:
        if not responses:
            raise Failure("BROKEN", "the reply is empty")
        first, *rest = responses
        if first.WhichOneof("payload") != "output":
            raise ModelError("model alphagenome: the service sent values before what they are of")
        if any(part.WhichOneof("payload") != "tensor_chunk" for part in rest):
            raise ModelError("model alphagenome: the service sent more than the one output asked")
        wanted = request.requested_outputs[0]
        if (first.output.output_type, first.output.WhichOneof("payload")) != (wanted, "track_data"):
            raise ModelError("model alphagenome: the service sent another output than asked")
        data = first.output.track_data
        values = self._unpacked(data.values, [part.tensor_chunk for part in rest])
        resolution = data.resolution if data.HasField("resolution") else 1
        tracks = tuple((m.name, strand_of(m.strand, self._sdk.model)) for m in data.metadata)
        expected = (len(request.sequence) // resolution, len(tracks))
        if values.shape != expected:
            raise ModelError(
                f"model alphagenome: the service sent values of shape {values.shape} for "
                f"{len(tracks)} tracks at {resolution} bp, where {expected} fits"
            )
        return Reply(values, tracks, resolution)

    def _unpacked(self, tensor: Any, chunks: list[Any]) -> NDArray[np.float32]:
        try:
            values = self._sdk.tensors.unpack_proto(tensor, chunks)
        except Exception as error:  # of the decompressor, or of the SDK's check of the size
            problem = f"{type(error).__name__}: {error}"
        else:
            return np.asarray(self._sdk.tensors.upcast_floating(values), dtype=np.float32)
        raise Failure("BROKEN", f"values that cannot be read, {self._redacted(problem)}")

    def _organism(self, organism: str) -> int:
        names = {"human": "HOMO_SAPIENS", "mouse": "MUS_MUSCULUS"}
        return int(self._sdk.model.Organism.Value(f"ORGANISM_{names[organism]}"))

    def _output(self, output: str) -> int:
        return int(self._sdk.model.OutputType.Value(f"OUTPUT_TYPE_{output.upper()}"))

    def _term(self, curie: str) -> Any:
        kind, _, number = curie.partition(":")
        return self._sdk.model.OntologyTerm(
            ontology_type=self._sdk.model.OntologyType.Value(f"ONTOLOGY_TYPE_{kind}"),
            id=int(number),
        )
