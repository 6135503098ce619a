"""From a model to a running session and a proven head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import FastcamError, HeadNotFoundError, ModelError
from fastcam.model.graph import Graph
from fastcam.model.head import Head
from fastcam.model.proof import Observation, check_identity, check_same, needed_shapes, prove
from fastcam.model.shapes import check_size
from fastcam.model.source import Source, parse
from fastcam.model.structure import Proposal, propose
from fastcam.session import ImageInput, Session

if TYPE_CHECKING:
    import onnxruntime as ort

    from fastcam.runtime import Provider


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
) -> tuple[Session, Head, tuple[str, ...]]:
    """The session and head of a model file, and its files of external data.

    Parameters
    ----------
    size
        (height, width) of the probe images where the model leaves its size open.

    Raises
    ------
    ModelError, HeadNotFoundError, BackendError
        As `fastcam.load`.
    """
    try:
        return _discover(source, opening, head, output, size)
    except FastcamError:
        raise
    except Exception as error:  # a graph that breaks ONNX's own rules can break any step of reading it
        raise ModelError(f"{source.name}: the graph is malformed ({type(error).__name__}: {error})") from error


def _discover(
    source: Source, opening: Opening, head: str | Head | None, output: str | None, size: tuple[int, int] | None
) -> tuple[Session, Head, tuple[str, ...]]:
    graph = Graph.of(parse(source))
    _check_inputs(source, graph)
    proposals = [_proposal_of(head)] if isinstance(head, Head) else propose(graph, output, head)
    shapes = {name for proposal in proposals for name in needed_shapes(graph, proposal)}
    session = opening.open(source, graph, [*_tensors(proposals), *sorted(shapes)])
    if not (session.input.height and session.input.width):
        check_size(graph, probe_images(session.input, size)[0].shape)
    found = _prove_one(source, graph, session, proposals, size)
    if isinstance(head, Head):
        check_same(head, found)
        found = replace(found, pooling=head.pooling, activation=head.activation)
    return session, found, graph.external_files


def verify(session: Session, head: Head, size: tuple[int, int] | None) -> Head:
    """A head given for the caller's own session, after holding its identity against the session on probe images.

    Raises
    ------
    HeadNotFoundError
        The identity doesn't hold.
    """
    observed = [session.run(probe, [head.feature_maps, head.logits]) for probe in probe_images(session.input, size)]
    errors = [check_identity(head, maps, logits.reshape(len(logits), -1)) for maps, logits in observed]
    return replace(head, identity_error=max(errors)) if head.quantisation_gap is None else head


def _proposal_of(head: Head) -> Proposal:
    """A head that the caller gave, to be proven like one that was found."""
    return Proposal(head.logits, head.feature_maps, head.logits, "none", layout=head.layout)


def probe_images(model: ImageInput, size: tuple[int, int] | None = None) -> list[NDArray[Any]]:
    """Two smooth random network inputs: one in the range of normalised images, one of 0 to 255."""
    height, width = model.sides(size)
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


def _observe(graph: Graph, session: Session, proposal: Proposal, size: tuple[int, int] | None) -> list[Observation]:
    names = [proposal.feature_maps, proposal.logits, proposal.output]
    shapes = needed_shapes(graph, proposal)
    observed = []
    for probe in probe_images(session.input, size):
        full = np.repeat(probe, session.input.batch or 1, axis=0)  # a fixed batch, full of the same image
        try:
            maps, logits, output = session.run(full, names)
        except ModelError as error:
            if session.input.height and session.input.width:
                raise
            hint = "The model leaves its size open; if it wants another one, say so: preprocess='...,size=HEIGHTxWIDTH'"
            raise ModelError(f"{error}. {hint}") from error
        sizes = dict(zip(shapes, session.run_raw(full, shapes) if shapes else [], strict=True))
        logits, output = (values.reshape(len(values), -1) for values in (logits, output))
        observed.append(Observation(maps, logits, output, sizes))
    return observed


def _prove_one(
    source: Source, graph: Graph, session: Session, proposals: Sequence[Proposal], size: tuple[int, int] | None
) -> Head:
    """The only proposal that can be proven."""
    heads: list[Head] = []
    failures: list[HeadNotFoundError] = []
    folder = source.folder if graph.external_files else None
    for proposal in proposals:
        observed = _observe(graph, session, proposal, size)
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
    return list(dict.fromkeys(name for p in proposals for name in (p.feature_maps, p.logits, p.output)))
