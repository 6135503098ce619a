"""Discovery of a model's head: from a file to a running session and a proven head."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.threads import begin
from fastcam.errors import FastcamError, HeadNotFoundError, ModelError, NotFiniteError, NotLinearError
from fastcam.images.inputs import ImageInput
from fastcam.model.file.source import Source, on_disk, session_bytes
from fastcam.model.file.wire import Access, appendix_of
from fastcam.model.graph.graph import Graph
from fastcam.model.graph.outputs import expose
from fastcam.model.graph.read import as_onnx_source, read_graph
from fastcam.model.graph.shapes import check_size
from fastcam.model.head.cuts import score_tensors
from fastcam.model.head.families import embedding, entries_apart, family
from fastcam.model.head.head import OWN, Activation, Head
from fastcam.model.head.logits import find_activation, gives_shares
from fastcam.model.head.probes import CONTRASTS, image_input, look, probes_of, says_all, volume_values
from fastcam.model.head.proof import (
    LinearHead,
    Observation,
    check_deviation,
    check_same,
    check_shapes,
    identity_deviation,
    measure,
    no_head,
    prove,
)
from fastcam.model.head.scene import Scene
from fastcam.model.head.search import NO_SCORES, Candidate, Find, HeadSearch, check_wanted, choose
from fastcam.model.run.limits import Watch
from fastcam.model.run.runtime import VERSION
from fastcam.model.run.session import Opening, Session

# A head, what is to be proven of it, and what was looked at.
_Found = tuple[Head, tuple[Find, LinearHead] | None, tuple[Candidate, ...]]


@dataclass(frozen=True, eq=False)
class Discovery:
    """A running session, its head, what was looked at on the way, and how many seconds it took."""

    session: Session
    head: Head
    candidates: tuple[Candidate, ...] = ()
    seconds: float = 0.0


def discover(
    source: Source, opening: Opening, head: str | Head | None, output: str | None, size: tuple[int, ...] | None
) -> Discovery:
    """Find the head of a model file, prove it, and open a session.

    Parameters
    ----------
    size
        Sizes of the places of the probe images where the model leaves them open, as (height, width).

    Raises
    ------
    ModelError, HeadNotFoundError, BackendError
        As `fastcam.load`.
    """
    started = time.perf_counter()
    try:
        if isinstance(head, Head):
            head.check_found()
        if isinstance(head, Head) and head.sha256:
            found = _open_known(source, opening, head, size)
        else:
            with on_disk(as_onnx_source(source)) as readable:
                graph = read_graph(readable, opening)
                with np.errstate(all="ignore"):  # what overflows is refused by what comes of it
                    found = _discover(source, graph, opening, head, output, size)
    except FastcamError:
        raise
    except (OSError, MemoryError) as error:
        raise ModelError(f"{source.name}: can't be read ({error})") from error
    except Exception as error:  # a graph that breaks ONNX's own rules can break any step of reading it
        raise ModelError(f"{source.name}: the graph is malformed ({type(error).__name__}: {error})") from error
    return replace(found, seconds=time.perf_counter() - started)


def verify(session: Session, head: Head, size: tuple[int, ...] | None) -> Head:
    """Check a head against the running model on probe images: its shapes, and its identity if it is exact.

    On one image where it was proven before, with this ONNX Runtime, and isn't of a quantised model; else on two.

    Raises
    ------
    HeadNotFoundError
        They don't fit, or the identity doesn't hold.
    """
    is_known = head.proven_with == _circumstances(session)
    count = 1 if is_known and head.quantization_gap is None else 2
    errors: list[float] = []
    for contrast in CONTRASTS:
        errors = _deviations(session, head, probes_of(session.input, size, contrast)[1:][:count])
        if errors or not head.is_exact:
            break
    if not head.is_exact:
        return head
    # As when it was proven: an image outside the range that a quantised model is made for saturates it.
    error = (min if head.quantization_gap is not None else max)(errors, default=float("inf"))
    check_deviation(head, error)
    return head if is_known else replace(head, identity_error=error, proven_with=_circumstances(session))


def _deviations(session: Session, head: Head, probes: Sequence[NDArray[Any]]) -> list[float]:
    """Return the identity's deviation on images without overflow; of a head that isn't exact, check shapes alone."""
    found = []
    for probe in probes:
        maps, logits = session.run(probe, [head.feature_maps, head.logits])
        logits = logits.reshape(len(logits), -1)
        check_shapes(head, maps, logits)
        if head.is_exact and np.isfinite(maps).all() and np.isfinite(logits).all():
            found.append(identity_deviation(head, maps, logits))
    return found


def _open_known(source: Source, opening: Opening, head: Head, size: tuple[int, ...] | None) -> Discovery:
    """Open a session for a head that was proven before, for this very model."""
    graph = read_graph(as_onnx_source(source), opening) if head.access.is_rewritten or opening.constants else None
    check = partial(source.sha256, head.access.files, graph.constants if graph else None)
    digest = begin(check, name="fastcam-hash")  # while the session is opened; hashing leaves the interpreter free
    try:
        session = _open(source, graph, opening, head)
    finally:
        if digest.result() != head.sha256:
            raise HeadNotFoundError(
                f"head: it was found in another model than {source.name}, or with other constants: "
                f"expected sha256 {head.sha256}. Find it anew"
            )
    # Each time: a file can be changed, and what the first run takes longer than others is needed anyway.
    return Discovery(session, verify(session, head, size))


def _circumstances(session: Session) -> str:
    """Return the version and provider of ONNX Runtime that a head is proven with."""
    return f"onnxruntime {VERSION}, {session.provider}"


def _open(source: Source, graph: Graph | None, opening: Opening, head: Head) -> Session:
    """Open a session that returns a head's tensors; it needs the graph where the file itself isn't run."""
    if graph is not None and head.access.is_rewritten:
        data, folder = graph.model.SerializeToString(), graph.parsed.folder
    else:
        data, folder = session_bytes(source)
    names = [head.feature_maps, head.logits, *([head.output] if head.activation in OWN else [])]
    return Session.open(
        data + head.access.appendix,
        names,
        opening if graph is None else replace(opening, constants=graph.constants),
        name=source.name,
        added=head.access.outputs,
        folder=folder,
        image=None if graph is None else image_input(graph),
    )


@dataclass(frozen=True, eq=False)
class _Request:
    """A request for a head of a graph.

    Attributes
    ----------
    scores
        Tensors that may hold class scores, each with the output that it is behind.
    wanted
        The feature maps that the caller named, if any.
    insisted
        The caller named the output, so that a vector which seems to be an embedding will do.
    size
        Sizes of the places of the probe images where the model leaves them open, as (height, width).
    """

    source: Source
    graph: Graph
    image: ImageInput
    scores: Mapping[str, str]
    wanted: str | None
    insisted: bool
    size: tuple[int, ...] | None

    @classmethod
    def of(
        cls, source: Source, graph: Graph, head: str | Head | None, output: str | None, size: tuple[int, ...] | None
    ) -> _Request:
        image = image_input(graph)
        check_size(graph, image.batch_shape(size))
        given = isinstance(head, Head)
        scores = {head.logits: head.output or head.logits} if given else score_tensors(graph, output)
        wanted = head.feature_maps if given else head
        check_wanted(graph, wanted, scores)
        return cls(source, graph, image, scores, wanted, given or output is not None, size)


def _discover(
    source: Source,
    graph: Graph,
    opening: Opening,
    head: str | Head | None,
    output: str | None,
    size: tuple[int, ...] | None,
) -> Discovery:
    request = _Request.of(source, graph, head, output, size)
    *first, last = CONTRASTS
    for contrast in first:
        with suppress(NotFiniteError):
            found = _discover_at(request, opening, contrast, settle=False)
            break
    else:
        found = _discover_at(request, opening, last, settle=True)
    if isinstance(head, Head):
        check_same(head, found.head)
        kept = found.head.activation if head.activation == "none" else head.activation
        found = replace(found, head=replace(found.head, activation=kept))
    return found


def _discover_at(request: _Request, opening: Opening, contrast: float, *, settle: bool) -> Discovery:
    """Find and prove a head on images of that contrast.

    Parameters
    ----------
    settle
        Take an earlier head than the last feature maps, though these overflow.

    Raises
    ------
    NotFiniteError
        Feature maps or logits overflow on all images.
    """
    graph, name = request.graph, request.source.name
    probe, *others = probes_of(request.image, request.size, contrast)
    options, values = opening.options if graph.has_custom_operators else None, volume_values(request.image, probe.shape)
    watch = Watch(name, graph.parsed.size, options, values=values)
    with watch:
        found, claim, candidates = _find(request, probe, watch, settle=settle)
    session = _open(request.source, graph, opening, found)  # may take its time: some providers compile the model
    found = replace(found, proven_with=_circumstances(session))
    if claim is not None:
        with watch:
            observed = [_observe(session, found, other, watch) for other in others]
            found = _proven(graph, found, claim, observed)
    return Discovery(session, found, candidates)


def _proven(graph: Graph, head: Head, claim: tuple[Find, LinearHead], observed: Sequence[Observation]) -> Head:
    """Return the head with its proof; where the identity fails, as one that isn't exact, for gradients."""
    try:
        error, gap = prove(graph, *claim, observed)
    except NotLinearError as refused:
        kind, weights = claim[0].bent(str(refused)).kind, np.zeros((0, 0), np.float32)
        return replace(head, kind=kind, class_weights=weights, bias=np.zeros(0, np.float32), reason=str(refused))
    return replace(head, identity_error=error, quantization_gap=gap)


def _find(request: _Request, probe: NDArray[Any], watch: Watch, *, settle: bool) -> _Found:
    """Return a head, the weights to be proven, and the candidates. The memory of the search is released here."""
    wanted, scores = request.wanted, request.scores
    try:
        scene, paths = look(request.graph, probe, list(scores), [wanted] if wanted else [], request.image, watch)
    except ModelError as error:
        raise _with_size_hint(error, request.image) from error
    seems = partial(family, scene, [name for path in paths.values() for name in path])
    searches = _searches(scene, paths, request, seems)
    find, search = choose(
        searches,
        scores,
        wanted,
        fault=lambda find, search: entries_apart(scene, find, scores[search.output], request.insisted),
        seems=seems,
        settle=settle,
    )
    try:
        linear = measure(scene, find, search.cuts)
    except NotLinearError as error:
        find, linear = find.bent(str(error)), None
    except ModelError as error:
        raise no_head(find, error) from error
    found = _as_head(request, scene, find, linear, search.output)
    candidates = tuple(candidate for one in searches for candidate in one.candidates)
    return found, None if linear is None else (find, linear), candidates


def _searches(
    scene: Scene, paths: Mapping[str, Sequence[str]], request: _Request, seems: Callable[[], object]
) -> list[HeadSearch]:
    """Return searches behind those tensors that hold one score for each class.

    Raises
    ------
    HeadNotFoundError
        None does; says what the model seems to be.
    """
    scores = request.scores
    faults = {score: _fault(scene, score, scores[score], request.insisted) for score in paths}
    searches = [HeadSearch(scene, path, score) for score, path in paths.items() if not faults[score]]
    if not searches:
        kind = seems()
        raise HeadNotFoundError(
            NO_SCORES + (f". {kind}" if kind else ""),
            reasons=[f"output {scores[score]!r} {fault}" for score, fault in faults.items()],
        )
    return searches


def _fault(scene: Scene, score: str, output: str, insisted: bool) -> str:
    """Return the reason why an output holds no score for each class; empty if it may."""
    if not scene.holds_scores(score):
        return f"has shape {scene.shape(score)}"
    return "" if insisted else embedding(scene, output)


def _as_head(request: _Request, scene: Scene, find: Find, linear: LinearHead | None, output: str) -> Head:
    """Return the head that was found, still to be checked on other images."""
    source = request.source
    graph, layout = scene.graph, find.layout
    too_many = linear is None and find.kind == "cam-spatial"
    # The entries of an embedding are explained by the caller's will: they are no probabilities.
    is_embedding = bool(embedding(scene, request.scores[output]))
    activation: Activation = "other" if is_embedding else find_activation(scene, find.logits, output)
    is_linear = find.kind in ("cam", "cam-spatial")
    if activation == "none" and not is_linear and gives_shares(find.tail_run, scene.spread(find.feature_maps)):
        activation = "probabilities"
    tensors = [find.feature_maps, find.logits, *([output] if activation in OWN else [])]
    exposed = expose(graph, tensors)
    names = tuple(dict.fromkeys(one.name for one in exposed if one.name not in graph.outputs))
    parsed = graph.parsed
    return Head(
        feature_maps=exposed[0].name,
        logits=exposed[1].name,
        class_weights=np.zeros((0, 0), np.float32) if linear is None else linear.weights.astype(np.float32),
        bias=np.zeros(0, np.float32) if linear is None else linear.bias.astype(np.float32),
        layout=layout.order,
        activation=activation,
        pooling=" → ".join(find.chain),
        feature_shape=(layout.channels, *layout.places),
        kind=find.kind,
        prefix=layout.prefix,
        output=exposed[2].name if activation in OWN else output,
        reason=find.reason + (", too many to be measured" if too_many else ""),
        access=Access(
            appendix=appendix_of(names, [one.node for one in exposed if one.node is not None]),
            outputs=names,
            files=parsed.files,
            is_rewritten=bool(graph.inlined or parsed.files or parsed.logits or source.is_ort or not says_all(graph)),
        ),
        sha256=source.sha256(parsed.files, graph.constants),
        classes=scene.values[find.logits].size // len(scene.values[find.logits]),
    )


def _observe(session: Session, head: Head, probe: NDArray[Any], watch: Watch) -> Observation:
    try:
        maps, logits = session.run(probe, [head.feature_maps, head.logits], watch.options)
    except ModelError:
        watch.check()
        raise
    return Observation(maps, logits.reshape(len(logits), -1))


def _with_size_hint(error: ModelError, image: ImageInput) -> ModelError:
    if not image.is_open:
        return error
    size = {1: "LENGTH", 2: "HEIGHTxWIDTH", 3: "DEPTHxHEIGHTxWIDTH"}[image.rank]
    hint = f"The model leaves its size open; if it wants another one, say so: preprocess='...,size={size}'"
    return ModelError(f"{error}. {hint}")
