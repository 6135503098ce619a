"""Gradients of a model's logits at its network input, and variants of them: by the whole model, backward."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.scalars import is_number, is_whole
from fastcam.errors import GradientError, InputError
from fastcam.images.inputs import ImageInput
from fastcam.model.gradient.backward import backward_model
from fastcam.model.gradient.excerpt import Excerpt, Further, Workbench, open_excerpt
from fastcam.model.gradient.rules.rectifiers import RECTIFIED
from fastcam.model.gradient.slopes import check_at_input, check_logits
from fastcam.model.gradient.tape import BACKWARD, GRADIENT, SEED
from fastcam.model.graph.outputs import own_name
from fastcam.model.graph.tail import cut_tail
from fastcam.model.head.layouts import Layout
from fastcam.model.head.scene import Scene
from fastcam.model.opened_model import OpenedModel
from fastcam.model.run.constants import AS_LOADED, Constants
from fastcam.model.run.once import Once, Recent
from fastcam.model.run.runtime import run_session

SESSIONS = 6  # that stay open, one for each method
RECTIFIERS = ("deconvolution", "guided")  # variants that differ from the gradient at these only


class Smoothing(NamedTuple):
    """SmoothGrad: the mean of the gradients at noisy copies of the network input.

    Smilkov et al. 2017, "SmoothGrad: removing noise by adding noise": `1/n sum_i g(x + e_i)`, e_i of a normal
    distribution with standard deviation `noise * (max x - min x)`. One sample is the input as it is.
    """

    samples: int = 1
    noise: float = 0.15
    seed: int = 0

    @classmethod
    def checked(cls, samples: Any, noise: Any, seed: Any) -> Smoothing:
        """Return the smoothing of a caller's options, or raise `InputError`."""
        if not is_whole(samples) or samples < 1:
            raise InputError(f"samples: expected a whole number of 1 or more; got {samples!r}")
        if not is_number(noise) or not 0 < noise < np.inf:
            raise InputError(f"noise: expected a positive share of the network input's range, as 0.15; got {noise!r}")
        if not is_whole(seed) or seed < 0:
            raise InputError(f"seed: expected a whole number of 0 or more; got {seed!r}")
        return cls(int(samples), float(noise), int(seed))

    def copies(self, values: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """Yield noisy copies of a network input; the noise is the same for each image and class."""
        if self.samples == 1:
            yield values
            return
        rng, deviation = np.random.default_rng(self.seed), np.float32(self.noise * float(np.ptp(values)))
        for _ in range(self.samples):
            yield (values + deviation * rng.standard_normal(values.shape)).astype(np.float32)


PLAIN = Smoothing()


class Backward(NamedTuple):
    """A session over the whole model and a gradient at one of its tensors, `layer`, of that layout.

    `start` is the image; the session takes a batch of `batch` images in float32, integers as they are. `further` are
    the model's further inputs.
    """

    session: Any
    start: str
    batch: int
    layer: str
    layout: Layout
    operators: int
    further: Further

    def run(self, given: NDArray[np.float32], index: int, classes: int, constants: Constants) -> NDArray[np.float32]:
        """Return the gradient of one class for the first image of a batch."""
        seed = np.zeros((self.batch, classes), np.float32)
        seed[0, index] = 1
        feeds = {self.start: given, SEED: seed, **self.further.feeds(constants)}
        on = f"an input of shape {given.shape}"
        return run_session(self.session, [GRADIENT], feeds, "the gradient of the model", on)[0][0]


@dataclass(frozen=True, eq=False)
class _Excerpt(Excerpt):
    """The whole model and its gradient at a tensor of that layout."""

    layer: str
    layout: Layout
    is_image: bool


class InputGradients:
    """d logit / d network input, of a model whose file is at hand. May be used from many threads.

    A session for each variant and layer is made when it is first needed; the last six stay. Each holds the model's
    weights once more, in float32, and while it runs most of what the network makes on the way, twice or so; a batch is
    run image by image.
    """

    def __init__(self, model: OpenedModel) -> None:
        self._head = model.head
        self._opened: Recent[tuple[str, str | int], Once[Backward]] = Recent(
            lambda wanted: Once(partial(_open, model, *wanted)), SESSIONS
        )

    def __call__(
        self,
        network_input: NDArray[Any],
        class_index: NDArray[np.int64],
        variant: str,
        layer: str | int = 0,
        smoothing: Smoothing = PLAIN,
        constants: Constants = AS_LOADED,
    ) -> NDArray[np.float32]:
        """Compute gradients (M, C, *places) of one network input (1, ...) in the model's own layout, for classes (M,).

        Parameters
        ----------
        layer
            As `ready` takes it: then those of that tensor.
        constants
            Values of further inputs of the model, other than at loading.

        Raises
        ------
        GradientError
            The variant can't be written as ONNX for this model, or isn't finite.
        InputError
            No such layer.
        ModelError
            ONNX Runtime failed while running.
        """
        opened = self.ready(variant, layer)
        found = np.zeros((len(class_index), *opened.layout.shape), np.float64)
        for values in smoothing.copies(network_input[:1].astype(np.float32)):
            given = np.repeat(values, opened.batch, axis=0)
            for m, index in enumerate(class_index.tolist()):
                found[m] += opened.run(given, index, self._head.classes, constants)
        if not np.isfinite(found).all():
            raise GradientError(f"the gradient at {opened.layer!r}: expected finite values; got NaN or infinity")
        mean = (found / smoothing.samples).astype(np.float32)
        return np.ascontiguousarray(opened.layout.channels_first(mean))

    def describe(self, variant: str, layer: str | int) -> str:
        """Return in words which variant is computed, at which tensor, and by how many operators."""
        opened = self.ready(variant, layer)
        return f"{variant} at {opened.layer!r}, in one graph of {opened.operators} operators"

    def ready(self, variant: str, layer: str | int = 0) -> Backward:
        """Return the session, opened on the first call; an operator without a rule is refused again, at once.

        Parameters
        ----------
        layer
            A tensor that every path to the logits crosses; or a number of places a side, for the last one that has as
            many, and the network input if none does. 0: the network input.
        """
        return self._opened((variant, layer))()


def _open(model: OpenedModel, variant: str, layer: str | int) -> Backward:
    session, excerpt = open_excerpt(model, partial(_write, model.pixels, variant, layer))
    tail, place, layout = excerpt.tail, excerpt.layer, excerpt.layout
    check_logits(session, excerpt, np.random.default_rng(0))
    if variant == "gradient" and excerpt.is_image:
        check_at_input(session, excerpt, place)
    operators = len(excerpt.model.graph.node)
    return Backward(session, tail.start, len(excerpt.values), place, layout, operators, excerpt.further)


def _write(pixels: tuple[float, float], variant: str, layer: str | int, bench: Workbench) -> _Excerpt:
    graph, logits = bench.graph, bench.logits
    (probe,) = bench.probes(pixels)
    scene, path = bench.look(probe, logits, [logits])
    wanted = own_name(graph, layer) if isinstance(layer, str) else layer
    at, layout = _layer(scene, path, wanted, bench.image)
    tail = cut_tail(graph, graph.image, [logits], scene.values, saturating=True)
    model = backward_model(tail, probe, scene.folder, bench.watch, variant=variant, at=[at])
    written = [node.op_type for node in model.graph.node if node.output[0].startswith(BACKWARD)]
    if variant in RECTIFIERS and RECTIFIED not in written:
        raise GradientError(
            f"{bench.watch.name}: expected a rectifier (Relu, Clip from 0), which the method treats in its own "
            "way; there is none, so this would be the plain gradient: take method='saliency'"
        )
    return _Excerpt(model, tail, probe, scene.values[logits], scene.folder, at, layout, at == graph.image)


def _layer(scene: Scene, path: list[str], layer: str | int, image: ImageInput) -> tuple[str, Layout]:
    """Return the wanted tensor, out of those that every path crosses, and its layout."""
    start = scene.graph.image
    layouts = {start: Layout(image.layout, image.channels, scene.image)}
    for name in path:
        if name != start and (found := scene.layouts(name)):
            layouts[name] = scene.plane(name) if scene.is_convolution(name) else found[0]
    if isinstance(layer, str):
        if layer not in layouts:
            raise InputError(
                "layer: expected a tensor of feature maps that every path from the image to the logits crosses, "
                f"one of {list(layouts)}; got {layer!r}"
            )
        return layer, layouts[layer]
    large = [name for name, layout in layouts.items() if layer and min(layout.places) >= layer]
    return next(((name, layouts[name]) for name in reversed(large)), (start, layouts[start]))
