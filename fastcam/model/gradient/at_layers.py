"""Feature maps and gradients at any tensors of a model, by one graph that runs forward and backward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from fastcam.errors import GradientError, InputError
from fastcam.model.gradient.backward import backward_model
from fastcam.model.gradient.excerpt import NARROW_TOLERANCE, Excerpt, Further, Workbench, open_excerpt
from fastcam.model.gradient.tape import SEED, gradient_names, one_hot
from fastcam.model.graph.graph import Graph
from fastcam.model.graph.outputs import own_name
from fastcam.model.graph.tail import cut_tail
from fastcam.model.head.head import Head
from fastcam.model.head.layouts import Layout
from fastcam.model.head.probes import NORMALIZED, PIXELS
from fastcam.model.head.proof import relative_deviation
from fastcam.model.head.scene import Scene
from fastcam.model.head.search import natural_layout
from fastcam.model.opened_model import OpenedModel
from fastcam.model.run.constants import AS_LOADED, Constants
from fastcam.model.run.once import Once
from fastcam.model.run.runtime import run_session

BEST, CHOSEN = "fastcam/best", "fastcam/chosen"


class LayerRun(NamedTuple):
    """Logits (K,), feature maps and gradients (1, C, *places) of each layer, and the seed (K,) of the gradients."""

    logits: NDArray[np.float32]
    seed: NDArray[np.float32]
    maps: tuple[NDArray[np.float32], ...]
    gradients: tuple[NDArray[np.float32], ...]


class _Opened(NamedTuple):
    session: Any
    image: str
    batch: int
    outputs: tuple[str, ...]
    layouts: tuple[Layout, ...]
    is_widened: bool
    operators: int
    further: Further


@dataclass(frozen=True, eq=False)
class _Excerpt(Excerpt):
    """The whole model with feature maps of that layout and gradients as outputs; images, and the logits of these."""

    outputs: tuple[str, ...]
    layouts: tuple[Layout, ...]
    seen: tuple[tuple[NDArray[Any], NDArray[Any]], ...]


class Layers:
    """A model that runs forward to its logits and back to some tensors. May be used from many threads.

    The session, which holds the model's weights again, is made when it is first needed.

    Parameters
    ----------
    names
        Of tensors, or of the operators that make them.
    backward
        False: only forward, for methods that need no gradient; gradients are zero then, (1, C, 1, ...).
    """

    def __init__(self, model: OpenedModel, names: Sequence[str], backward: bool = True) -> None:
        self._names, self._backward, self._classes = tuple(names), backward, model.head.classes
        self._opened = Once(partial(_open, model, self._names, backward))

    @property
    def has_own_logits(self) -> bool:
        """True if its logits are the model's own; for a quantised or float16 model they are computed in float32.

        Raises
        ------
        InputError
            There is no such tensor, or it holds no feature maps.
        GradientError
            The gradient can't be written as ONNX.
        ModelError
            The model can't be read again, or doesn't run on a probe image.
        """
        return not self._opened().is_widened

    def describe(self) -> str:
        """Return the way in which gradients are computed, in words."""
        opened = self._opened()
        where = f"one graph of {opened.operators} operators" + (" in float32" if opened.is_widened else "")
        return f"forward and backward in {where}" if self._backward else f"feature maps alone, by {where}"

    def __call__(
        self, network_input: NDArray[Any], seed: NDArray[np.float32] | None = None, constants: Constants = AS_LOADED
    ) -> LayerRun:
        """Run the model forward and back on one network input (1, ...).

        Parameters
        ----------
        seed
            (K,): how much of each logit the gradient is taken of; None: of the best logit alone.
        constants
            Values of further inputs of the model, other than at loading.

        Raises
        ------
        GradientError
            The gradient isn't finite.
        ModelError
            ONNX Runtime failed while running.
        """
        opened = self._opened()
        given = np.zeros((opened.batch, self._classes), np.float32)
        given[0] = 0 if seed is None else seed
        feeds = {opened.image: np.repeat(network_input[:1].astype(np.float32), opened.batch, axis=0)}
        feeds |= {SEED: given, BEST: np.array([seed is None], np.float32)} if self._backward else {}
        feeds |= opened.further.feeds(constants)
        on = f"an input of shape {network_input.shape}"
        logits, *found = run_session(opened.session, opened.outputs, feeds, "the model", on)
        maps, count = [], len(opened.layouts)
        for layout, value in zip(opened.layouts * 2, found, strict=self._backward):
            one = np.asarray(value).reshape(opened.batch, *layout.shape)[:1]
            maps.append(np.ascontiguousarray(layout.channels_first(one)))
        gradients = maps[count:] or [np.zeros((1, one.shape[1], *[1] * (one.ndim - 2)), np.float32) for one in maps]
        for name, gradient in zip(self._names, gradients, strict=True):
            if not np.isfinite(gradient).all():
                raise GradientError(f"the gradient at {name!r}: expected finite values; got NaN or infinity")
        first = np.asarray(logits, np.float32).reshape(opened.batch, -1)[0]
        chosen = one_hot(first.argmax(keepdims=True), len(first))[0] if seed is None else seed
        return LayerRun(first, chosen, tuple(maps[:count]), tuple(gradients))

    def check_logits(self, run: LayerRun, logits: NDArray[np.float32]) -> None:
        """Check that logits of a quantised or float16 model, in float32, are about its own (K,) for this image.

        Raises
        ------
        GradientError
            They are another function's, so the gradient would be as well.
        """
        error = relative_deviation(run.logits[None].astype(np.float64), logits[None], np.zeros(1))
        if not error <= NARROW_TOLERANCE:
            raise GradientError(
                f"for this image the model in float32 gives other logits than the model: off by {error:.2g}, relative. "
                "Does the preprocessing fit the model? Leave layer out to explain it by its tail"
            )


def _open(model: OpenedModel, names: tuple[str, ...], backward: bool) -> _Opened:
    session, excerpt = open_excerpt(model, partial(_write, model.head, names, backward))
    opened = _Opened(
        session,
        excerpt.tail.start,
        len(excerpt.values),
        excerpt.outputs,
        excerpt.layouts,
        excerpt.tail.is_widened,
        len(excerpt.model.graph.node),
        excerpt.further,
    )
    if backward:
        _check(opened, excerpt, model.head.classes, names)
    return opened


def _write(head: Head, names: tuple[str, ...], backward: bool, bench: Workbench) -> _Excerpt:
    graph, logits, scores = bench.graph, bench.logits, bench.scores
    tensors = [_tensor(graph, wanted) for wanted in names]
    probe, pixels = bench.probes(NORMALIZED, PIXELS)
    scene, _ = bench.look(probe, scores, [*tensors, logits])
    layouts = tuple(_layout(scene, head, tensor) for tensor in tensors)
    tail = cut_tail(graph, graph.image, [logits, *tensors], scene.values, saturating=True)
    outputs, model = (logits, *tensors), tail.model
    if backward:
        model = backward_model(tail, probe, scene.folder, bench.watch, at=tensors)
        _choose_best(model, logits, head.classes)
        outputs = (*outputs, *gradient_names(len(tensors)))
    seen = [(probe, scene.values[logits])]
    if tail.is_widened:  # a quantised model is made for images in one of these ranges
        seen.append((pixels, bench.look(pixels, scores, [logits])[0].values[logits]))
    del model.graph.output[:]
    model.graph.output.extend(helper.make_tensor_value_info(one, TensorProto.FLOAT, None) for one in outputs)
    return _Excerpt(model, tail, probe, scene.values[logits], scene.folder, outputs, layouts, tuple(seen))


def _tensor(graph: Graph, wanted: str) -> str:
    """Return the tensor of that name, or the result of the operator of that name."""
    if (own := own_name(graph, wanted)) in graph.data and own in graph.producers:
        return own
    made = [node.output[0] for node in graph.nodes if wanted and node.name == wanted and node.output[0] in graph.data]
    if made:
        return made[0]
    known = [name for name in graph.producers if name in graph.data]
    near = get_close_matches(str(wanted), known, 3, 0.4) or known[-3:]
    raise InputError(f"layer: expected a tensor that the image is turned into, such as {near}; got {wanted!r}")


def _layout(scene: Scene, head: Head, tensor: str) -> Layout:
    """Return the layout of a tensor: as in the head's feature maps, where that is possible."""
    possible = scene.layouts(tensor)
    if not possible:
        raise InputError(
            f"layer: expected feature maps, (N, C, h, w), (N, h, w, C) or tokens of a grid; {tensor!r} has the shape "
            f"{scene.shape(tensor)}"
        )
    if not possible[0].is_tokens:
        return scene.plane(tensor) if scene.is_convolution(tensor) else natural_layout(scene, tensor, possible)
    alike = [layout for layout in possible if layout.order == head.layout]
    return next((layout for layout in alike if layout.prefix == head.prefix), (alike or possible)[0])


def _choose_best(model: onnx.ModelProto, logits: str, classes: int) -> None:
    """Add the best logit's seed, times another input, to the given seed."""
    graph = model.graph
    for node in graph.node:
        for k, name in enumerate(node.input):
            if name == SEED:
                node.input[k] = CHOSEN
    constants = {"shape": np.array([-1, classes]), "depth": np.array([classes]), "nothing": np.zeros(1, np.float32)}
    names = {key: f"{BEST}/{key}" for key in constants}
    graph.initializer.extend(numpy_helper.from_array(value, names[key]) for key, value in constants.items())
    steps = [
        helper.make_node("Reshape", [logits, names["shape"]], [f"{BEST}/logits"]),
        helper.make_node("ArgMax", [f"{BEST}/logits"], [f"{BEST}/index"], axis=1, keepdims=0),
        helper.make_node("Concat", [names["nothing"], BEST], [f"{BEST}/values"], axis=0),
        helper.make_node("OneHot", [f"{BEST}/index", names["depth"], f"{BEST}/values"], [f"{BEST}/seed"]),
        helper.make_node("Add", [SEED, f"{BEST}/seed"], [CHOSEN]),
    ]
    nodes = list(graph.node)
    forward = next(k for k, node in enumerate(nodes) if logits in node.output) + 1
    del graph.node[:]
    graph.node.extend([*nodes[:forward], *steps, *nodes[forward:]])
    graph.input.append(helper.make_tensor_value_info(BEST, TensorProto.FLOAT, [1]))


def _check(opened: _Opened, excerpt: _Excerpt, classes: int, names: Sequence[str]) -> None:
    """Check that a session gives the model's logits, as seen of some images, and that they depend on each layer."""
    rng, errors, alive = np.random.default_rng(0), [], np.zeros(len(names), bool)
    for image, logits in excerpt.seen:
        for given in (image, image * rng.uniform(0.5, 1.5, image.shape)):
            seed = rng.standard_normal((len(image), classes)).astype(np.float32)
            feeds = {opened.image: given.astype(np.float32), SEED: seed, BEST: np.zeros(1, np.float32)}
            got, *found = opened.session.run(opened.outputs, feeds)
            alive |= [bool(one.any()) for one in found[len(names) :]]
            if given is image:
                expected = logits.reshape(len(image), -1).astype(np.float64)
                errors.append(relative_deviation(got.reshape(expected.shape).astype(np.float64), expected, np.zeros(1)))
    if not min(errors) <= excerpt.tolerance:
        raise GradientError(f"in float32 the model gives other logits: off by {min(errors):.2g}")
    for name, some in zip(names, alive.tolist(), strict=True):
        if not some:
            raise GradientError(f"the gradient at {name!r} is zero wherever it was looked at: nothing depends on it")
