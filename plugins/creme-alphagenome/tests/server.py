"""A server that speaks the SDK's protocol. Its network is a formula of letter, position, track."""

from __future__ import annotations

import threading
import time
import zlib
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
import ml_dtypes
import numpy as np
from alphagenome import tensor_utils
from alphagenome.protos import tensor_pb2
from alphagenome.protos.v1 import dna_model_pb2 as model
from alphagenome.protos.v1 import dna_model_service_pb2 as messages
from alphagenome.protos.v1 import dna_model_service_pb2_grpc as service

KEY = "AIzaSyThisKeyMustBeSeenNowhere_0123456789"

STRANDS = {
    "+": model.STRAND_POSITIVE,
    "-": model.STRAND_NEGATIVE,
    ".": model.STRAND_UNSTRANDED,
}
SIGNS = {value: sign for sign, value in STRANDS.items()}
K562, BRAIN = "EFO:0002067", "UBERON:0000955"
SAMPLES = {K562: "K562", BRAIN: "brain"}
NATIVE = Counter({"chip_tf": 127, "chip_histone": 127, "contact_maps": 2047})


def track(name: str, strand: str, curie: str = "", **more: Any) -> model.TrackMetadata:
    """What the service says of a track."""
    made = model.TrackMetadata(name=name, strand=STRANDS[strand], **more)
    if curie:
        kind, _, number = curie.partition(":")
        made.ontology_term.ontology_type = model.OntologyType.Value(f"ONTOLOGY_TYPE_{kind}")
        made.ontology_term.id = int(number)
        made.biosample.name = SAMPLES[curie]
        cells = curie == K562
        made.biosample.type = (
            model.BIOSAMPLE_TYPE_CELL_LINE if cells else model.BIOSAMPLE_TYPE_TISSUE
        )
        if not cells:
            made.biosample.stage = "adult"
    return made


def human() -> dict[str, list[model.TrackMetadata]]:
    """Tracks by output, named and ordered as the service's: one strand after the other."""
    both = (K562, BRAIN)
    rna = {"assay": "polyA plus RNA-seq", "data_source": "encode"}
    return {
        "atac": [track(f"{c} ATAC-seq", ".", c, assay="ATAC-seq") for c in both],
        "cage": [
            track(f"hCAGE {c}", s, c, assay="hCAGE", data_source="fantom", nonzero_mean=0.3)
            for s in "+-"
            for c in both
        ],
        "chip_histone": [
            track(f"{K562} Histone ChIP-seq H3K27ac", ".", K562, histone_mark_code="H3K27AC")
        ],
        "chip_tf": [
            track(
                f"{K562} TF ChIP-seq {factor}",
                ".",
                K562,
                assay="TF ChIP-seq",
                transcription_factor_code=factor,
                genetically_modified=False,
            )
            for factor in ("CTCF", "GATA1")
        ],
        "contact_maps": [track("Hi-C", ".", K562)],
        "dnase": [track(f"{K562} DNase-seq", ".", K562, endedness=model.ENDEDNESS_PAIRED)],
        "procap": [track(f"{K562} procap", s, K562) for s in "+-"],
        "rna_seq": [
            track(f"{K562} polyA plus RNA-seq", "+", K562, **rna),
            track("UBERON:0000955 gtex Brain_Cortex", ".", BRAIN, gtex_tissue="Brain_Cortex"),
            track(f"{K562} polyA plus RNA-seq", "-", K562, **rna),
            track(f"{K562} total RNA-seq", ".", K562, assay="total RNA-seq"),
        ],
        "splice_sites": [track(n, s) for s in "+-" for n in ("donor", "acceptor")],
        "splice_site_usage": [track(f"usage_{K562}", s, K562) for s in "+-"],
    }


def mouse() -> dict[str, list[model.TrackMetadata]]:
    return {"cage": [track(f"hCAGE {BRAIN}", s, BRAIN) for s in "+-"]}


def formula(letters: str, name: str, strand: str, resolution: int) -> np.ndarray:
    """The network: (length / resolution,) float32.

    Each base counts by its letter and the track, on '-' by its complement's; each position counts
    by itself, and every fifth base of the whole sequence adds to all positions.
    """
    values = np.zeros(256)
    weights = dict(zip("ACGTN", (1, 2, 3, 5, 0), strict=True))
    for letter, paired in zip("ACGTN", "TGCAN", strict=True):
        values[ord(letter)] = weights[paired if strand == "-" else letter]
    code = values[np.frombuffer(letters.encode(), np.uint8)]
    channel = zlib.crc32(name.encode()) % 7 + 1
    profile = channel * code + (np.arange(len(code)) % 11) * 0.5 + 4 * code[::5].mean()
    return profile.reshape(-1, resolution).mean(axis=1).astype(np.float32)


@dataclass
class Step:
    """What becomes of one request.

    Attributes
    ----------
    code : grpc.StatusCode, optional
        Of a failure, after `after` parts of the reply.
    details, trailing
        What it says.
    after : int
    cut : bool
        The reply ends well after `after` parts.
    silent : float
        Seconds before anything is sent.
    change : callable, optional
        Makes other responses from the right ones.
    """

    code: grpc.StatusCode | None = None
    details: str = "try again"
    after: int = 0
    trailing: tuple[tuple[str, Any], ...] = ()
    cut: bool = False
    silent: float = 0.0
    change: Any = None


class Service(service.DnaModelServiceServicer):
    """What it was asked, and what it shall do.

    Attributes
    ----------
    requests : list
        Of predictions, in the order of their arrival.
    asked_metadata : int
    most : int
        Requests that were open at the same time.
    steps : deque of Step
        Of the next requests of predictions; what is not in it is answered well.
    delay : float
        Seconds that a prediction takes.
    chunk : int
        Bytes of a part of a reply; 0 sends the values with their description.
    dtype : dtype
        Of the values that are sent.
    """

    def __init__(self) -> None:
        self.offer = {"human": human(), "mouse": mouse()}
        self.requests: list[Any] = []
        self.asked_metadata = 0
        self.most = self.open = 0
        self.steps: deque[Step] = deque()
        self.metadata_steps: deque[Step] = deque()
        self.delay = 0.0
        self.chunk = 0
        self.compression = tensor_pb2.COMPRESSION_TYPE_ZSTD
        self.dtype = np.dtype(np.float32)
        self.cancelled = 0
        self._lock = threading.Lock()

    def GetMetadata(self, request: Any, context: Any) -> Iterator[Any]:
        self._check_key(context)
        self.asked_metadata += 1
        if self.metadata_steps:
            self._fail(self.metadata_steps.popleft(), context)
        offer = self.offer["mouse" if request.organism == model.ORGANISM_MUS_MUSCULUS else "human"]
        for output, tracks in offer.items():
            yield messages.MetadataResponse(
                output_metadata=[
                    model.OutputMetadata(
                        output_type=model.OutputType.Value(f"OUTPUT_TYPE_{output.upper()}"),
                        tracks=model.TracksMetadata(metadata=tracks),
                    )
                ]
            )
        junctions = model.JunctionsMetadata(metadata=[model.JunctionMetadata(name="K562")])
        yield messages.MetadataResponse(
            output_metadata=[
                model.OutputMetadata(
                    output_type=model.OUTPUT_TYPE_SPLICE_JUNCTIONS, junctions=junctions
                )
            ]
        )

    def PredictSequence(self, request_iterator: Any, context: Any) -> Iterator[Any]:
        self._check_key(context)
        request = next(request_iterator)
        with self._lock:
            self.requests.append(request)
            self.open += 1
            self.most = max(self.most, self.open)
            step = self.steps.popleft() if self.steps else Step(after=-1)
        try:
            self._wait(max(self.delay, step.silent), context)
            responses = self.answer(request)
            if step.change is not None:
                yield from step.change(responses)
                return
            for sent, response in enumerate(responses):
                if sent == step.after:
                    if step.cut:
                        return
                    self._fail(step, context)
                yield response
        finally:
            with self._lock:
                self.open -= 1

    def answer(self, request: Any) -> list[Any]:
        """The right responses to a request."""
        (wanted,) = request.requested_outputs
        output = model.OutputType.Name(wanted).removeprefix("OUTPUT_TYPE_").lower()
        mice = request.organism == model.ORGANISM_MUS_MUSCULUS
        tracks = self.offer["mouse" if mice else "human"][output]
        terms = {(term.ontology_type, term.id) for term in request.ontology_terms}
        if terms:
            tracks = [
                t for t in tracks if (t.ontology_term.ontology_type, t.ontology_term.id) in terms
            ]
        resolution = 1 + NATIVE[output]
        values = np.stack(
            [formula(request.sequence, t.name, SIGNS[t.strand], resolution) for t in tracks], axis=1
        )
        tensor, chunks = tensor_utils.pack_tensor(
            values.astype(self.dtype),
            bytes_per_chunk=self.chunk,
            compression_type=self.compression,
        )
        data = model.TrackData(values=tensor, metadata=tracks, resolution=resolution)
        return [
            messages.PredictSequenceResponse(
                output=model.Output(output_type=wanted, track_data=data)
            ),
            *(messages.PredictSequenceResponse(tensor_chunk=chunk) for chunk in chunks),
        ]

    def _wait(self, seconds: float, context: Any) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not context.is_active():
                self.cancelled += 1
                return
            time.sleep(0.005)

    def _fail(self, step: Step, context: Any) -> None:
        if step.code is not None:
            if step.trailing:
                context.set_trailing_metadata(step.trailing)
            context.abort(step.code, step.details)

    def _check_key(self, context: Any) -> None:
        given = dict(context.invocation_metadata()).get("x-goog-api-key", "")
        if given != KEY:
            # It says the key, as a careless server might.
            context.abort(grpc.StatusCode.UNAUTHENTICATED, f"API key not valid: {given}")


def start(answering: Service, credentials: Any, port: int = 0) -> tuple[grpc.Server, int]:
    """A listening server, and its port."""
    unlimited = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(64), options=unlimited)
    service.add_DnaModelServiceServicer_to_server(answering, server)
    port = server.add_secure_port(f"localhost:{port}", credentials)
    server.start()
    return server, port


BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
