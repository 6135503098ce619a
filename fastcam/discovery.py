"""From a model to a running session and a proven head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import HeadNotFoundError, InputError, ModelError
from fastcam.model.graph import Graph
from fastcam.model.head import Head
from fastcam.model.proof import TOLERANCE, Observation, check_identity, prove
from fastcam.model.source import Source, parse
from fastcam.model.structure import Proposal, propose
from fastcam.session import ImageInput, Session

if TYPE_CHECKING:
    import onnxruntime as ort

    from fastcam.runtime import Provider

DEFAULT_SIDE = 224  # of inputs that leave their size open


@dataclass(frozen=True)
class Opening:
    """How the caller wants sessions to be opened."""

    providers: Sequence[Provider] = ("CPUExecutionProvider",)
    threads: int | None = None
    options: ort.SessionOptions | None = None

    def open(self, source: Source, graph: Graph, outputs: Sequence[str]) -> Session:
        """A session that returns these tensors as well."""
        return Session.open(
            source, graph, outputs, providers=self.providers, threads=self.threads, options=self.options
        )


def discover(
    source: Source, opening: Opening, head: str | Head | None, output: str | None, size: tuple[int, int] | None
) -> tuple[Session, Head]:
    """The session and head of a model file.

    Parameters
    ----------
    size
        (height, width) of the probe images where the model leaves its size open.

    Raises
    ------
    ModelError, HeadNotFoundError, BackendError
        As `fastcam.load`.
    """
    graph = Graph.of(parse(source))
    if isinstance(head, Head):
        session = opening.open(source, graph, [head.feature_maps, head.logits])
        return session, verify(session, head, size)
    if head is not None and not isinstance(head, str):
        raise InputError(f"head: expected the name of a tensor or a Head; got {type(head).__name__}")
    _check_inputs(source, graph)
    proposals = propose(graph, output, head)
    session = opening.open(source, graph, _tensors(proposals))
    return session, _prove_one(source, graph, session, proposals, size)


def verify(session: Session, head: Head, size: tuple[int, int] | None) -> Head:
    """A head that the caller gave, after holding its identity against the model; with the error that was found.

    Raises
    ------
    HeadNotFoundError
        The identity doesn't hold.
    """
    # A head that was proven on a quantised model met the same probe images then, with this gap.
    tolerance = max(TOLERANCE, 2 * (head.quantisation_gap or 0))
    error = check_identity(head, _observe(session, head.feature_maps, head.logits, size), tolerance)
    return head if head.quantisation_gap is not None else replace(head, identity_error=error)


def probe_images(model: ImageInput, size: tuple[int, int] | None = None) -> list[NDArray[Any]]:
    """Two smooth random network inputs: one in the range of normalised images, one of 0 to 255."""
    height, width = model.height or (size or (DEFAULT_SIDE,) * 2)[0], model.width or (size or (DEFAULT_SIDE,) * 2)[1]
    rng = np.random.default_rng(0)
    probes = []
    for low, high in ((-2.0, 2.0), (0.0, 255.0)):
        coarse = rng.uniform(low, high, (1, model.channels, -(-height // 8), -(-width // 8)))
        image = coarse.repeat(8, axis=2).repeat(8, axis=3)[:, :, :height, :width]
        if model.dtype == np.uint8:
            image = np.clip(image * (1 if high > 2 else 64), 0, 255)
        image = image if model.layout == "NCHW" else image.transpose(0, 2, 3, 1)
        probes.append(np.ascontiguousarray(image, model.dtype))
    return probes


def _check_inputs(source: Source, graph: Graph) -> None:
    """One input of four axes, as far as the file says, before anything else is looked at."""
    names = [value.name for value in graph.inputs]
    if len(names) != 1:
        raise ModelError(
            f"{source.name}: expected a model with one input, a batch of images; got {len(names)}: {names}"
        )
    kind = graph.inputs[0].type.tensor_type
    if kind.HasField("shape") and len(kind.shape.dim) != 4:
        raise ModelError(
            f"{source.name}: expected an input of four axes, (N, C, H, W) or (N, H, W, C); "
            f"{names[0]!r} has {len(kind.shape.dim)}"
        )


def _observe(session: Session, feature_maps: str, logits: str, size: tuple[int, int] | None) -> list[Observation]:
    observed = []
    for probe in probe_images(session.input, size):
        full = np.repeat(probe, session.input.batch or 1, axis=0)  # what a fixed batch holds besides must not matter
        maps, scores = session.run(full, [feature_maps, logits])
        observed.append((maps, scores.reshape(len(scores), -1)))
    return observed


def _prove_one(
    source: Source, graph: Graph, session: Session, proposals: Sequence[Proposal], size: tuple[int, int] | None
) -> Head:
    """The only proposal that can be proven."""
    heads: list[Head] = []
    failures: list[HeadNotFoundError] = []
    folder = source.folder if graph.has_external_data else None
    for proposal in proposals:
        observed = _observe(session, proposal.feature_maps, proposal.logits, size)
        try:
            heads.append(prove(graph, proposal, observed, folder))
        except HeadNotFoundError as error:
            failures.append(error)
    if not heads and len(failures) == 1:
        raise failures[0]
    if not heads:
        raise HeadNotFoundError(
            "no head found for which class activation maps are exact",
            reasons=[str(error) for error in failures],
            candidates=failures[0].candidates,
        )
    if len(heads) > 1:
        outputs = [proposal.output for proposal in proposals if proposal.logits in {head.logits for head in heads}]
        raise HeadNotFoundError(
            f"{len(heads)} heads fit; choose one by output=, out of {outputs}",
            reasons=[head.describe() for head in heads],
            candidates=outputs,
        )
    return heads[0]


def _tensors(proposals: Sequence[Proposal]) -> list[str]:
    """Names of all feature maps and logits, each once."""
    return list(dict.fromkeys(name for p in proposals for name in (p.feature_maps, p.logits)))
