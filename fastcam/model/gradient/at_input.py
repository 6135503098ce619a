"""Gradients of a model's logits at its network input, and variants of them: by the whole model, backward."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.scalars import is_number, is_whole
from fastcam.errors import GradientError, InputError
from fastcam.images.inputs import ImageInput
from fastcam.model.gradient.at_maps import ADVICE, AT_HAND, ROUGH, check_tail, compared
from fastcam.model.gradient.backward import backward_model
from fastcam.model.gradient.rules.rectified import RECTIFIED
from fastcam.model.gradient.tails import Cut, open_written
from fastcam.model.gradient.tape import BACKWARD, GRADIENT, SEED
from fastcam.model.graph.graph import Graph
from fastcam.model.graph.outputs import own_name
from fastcam.model.graph.tail import cut_tail
from fastcam.model.head.layouts import Layout
from fastcam.model.head.probes import image_input, look, probe_images
from fastcam.model.head.scene import Scene
from fastcam.model.opened_model import OpenedModel
from fastcam.model.run.limits import Watch
from fastcam.model.run.once import Once, Recent
from fastcam.model.run.runtime import ORT_ERRORS, failed
from fastcam.model.run.session import Opening

KEPT = 6  # sessions, one for each method
RECTIFIERS = ("deconvolution", "guided")  # variants that differ from the gradient at these only

# Of differences, in shares of the image's spread, and at how many points between the gradient is asked for.
STEPS = ((1e-2, 1), (1e-3, 1), (1e-4, 1), (1e-5, 1), (1e-6, 1), (1e-2, 12), (1e-3, 12), (1e-4, 12))


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
        """Of a caller's options, or `InputError`."""
        if not is_whole(samples) or samples < 1:
            raise InputError(f"samples: expected a whole number of 1 or more; got {samples!r}")
        if not is_number(noise) or not 0 < noise < np.inf:
            raise InputError(f"noise: expected a positive share of the network input's range, as 0.15; got {noise!r}")
        if not is_whole(seed) or seed < 0:
            raise InputError(f"seed: expected a whole number of 0 or more; got {seed!r}")
        return cls(int(samples), float(noise), int(seed))

    def copies(self, values: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """Of a network input; the same for each image and class."""
        if self.samples == 1:
            yield values
            return
        rng, deviation = np.random.default_rng(self.seed), np.float32(self.noise * float(np.ptp(values)))
        for _ in range(self.samples):
            yield (values + deviation * rng.standard_normal(values.shape)).astype(np.float32)


PLAIN = Smoothing()


class Backward(NamedTuple):
    """A session over the whole model and a gradient at one of its tensors, `layer`, of that layout.

    `start` is the image, of which it takes a batch of so many in float32, integers as they are.
    """

    session: Any
    start: str
    batch: int
    layer: str
    layout: Layout
    operators: int


class InputGradients:
    """d logit / d network input, of a model whose file is at hand. May be used from many threads.

    A session for each variant and layer is made when it is first needed; the last six stay. Each holds the model's
    weights once more, in float32, and while it runs most of what the network makes on the way, twice or so; a batch is
    run image by image.
    """

    def __init__(self, model: OpenedModel) -> None:
        self._model, self._head = model, model.head
        self._opened: Recent[tuple[str, str | int], Once[Backward]] = Recent(
            lambda wanted: Once(partial(self._opened_now, *wanted)), KEPT
        )

    def __call__(
        self,
        network_input: NDArray[Any],
        class_index: NDArray[np.int64],
        variant: str,
        layer: str | int = 0,
        smoothing: Smoothing = PLAIN,
    ) -> NDArray[np.float32]:
        """(M, C, H, W) of one network input (1, ...) in the model's own layout, for classes (M,).

        Parameters
        ----------
        layer
            As `ready` takes it: then (M, C, h, w) of that tensor.

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
                found[m] += self._run(opened, given, index)
        if not np.isfinite(found).all():
            raise GradientError(f"the gradient at {opened.layer!r}: expected finite values; got NaN or infinity")
        mean = (found / smoothing.samples).astype(np.float32)
        return np.ascontiguousarray(opened.layout.channels_first(mean))

    def describe(self, variant: str, layer: str | int) -> str:
        """Return in words which variant is computed, at which tensor, and by how many operators."""
        opened = self.ready(variant, layer)
        return f"{variant} at {opened.layer!r}, in one graph of {opened.operators} operators"

    def ready(self, variant: str, layer: str | int = 0) -> Backward:
        """The session; an operator that stood in its way stands there for good.

        Parameters
        ----------
        layer
            A tensor that every path to the logits crosses; or a number of places a side, for the last one that has as
            many, and the network input if none does. 0: the network input.
        """
        return self._opened((variant, layer))()

    def _run(self, opened: Backward, given: NDArray[np.float32], index: int) -> NDArray[np.float32]:
        seed = np.zeros((opened.batch, self._head.classes), np.float32)
        seed[0, index] = 1
        try:
            (gradient,) = opened.session.run([GRADIENT], {opened.start: given, SEED: seed})
        except ORT_ERRORS as error:
            raise failed("the gradient of the model", f"an input of shape {given.shape}", error) from error
        return gradient[0]

    def _opened_now(self, variant: str, layer: str | int) -> Backward:
        with self._model.read_again(GradientError(AT_HAND)) as (name, graph, how):
            return self._open(name, graph, how, variant, layer)

    def _open(self, name: str, graph: Graph, opening: Opening, variant: str, layer: str | int) -> Backward:
        image, logits = image_input(graph), own_name(graph, self._head.logits)
        probe = probe_images(image, self._model.size, (self._model.pixels,))[0]
        options = opening.options if graph.has_custom_operators else None
        with Watch(name, graph.parsed.size, options, task="its gradient", advice=ADVICE) as watch:
            scene, paths = look(graph, probe, [logits], [logits], image, watch)
            wanted = own_name(graph, layer) if isinstance(layer, str) else layer
            at, layout = _layer(scene, paths[logits], wanted, image)
            tail = cut_tail(graph, graph.image, [logits], scene.values, saturating=True)
            model = backward_model(tail, probe, scene.folder, watch, variant=variant, at=[at])
        written = [node.op_type for node in model.graph.node if node.output[0].startswith(BACKWARD)]
        if variant in RECTIFIERS and RECTIFIED not in written:
            raise GradientError(
                f"{name}: expected a rectifier (Relu, Clip from 0), which the method treats in its own way; there is "
                "none, so this would be the plain gradient: take method='saliency'"
            )
        session = open_written(model, f"gradient of {name}", scene.folder, opening)
        given = probe.astype(np.float32)
        opened = Backward(session, tail.start, len(probe), at, layout, len(model.graph.node))
        check_tail(session, Cut(tail, given, scene.values[logits], scene.folder), slopes=False)
        if variant == "gradient" and at == graph.image:
            _check_slopes(opened, given, scene.values[logits].shape)
        return opened


def _check_slopes(opened: Backward, values: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    """The gradient at the image is that of differences, along noise and along itself, where it shows most.

    `shape` is that of the logits. A deep network has kinks within steps that aren't tiny, and rounding hides what tiny
    steps tell. The best step counts out of those that tell something; if all have kinks, the mean gradient along one.
    Where differences settle nowhere, as of a chaotic network, they tell nothing.
    """
    rng, spread = np.random.default_rng(0), float(values.std(dtype=np.float64)) or 1.0
    seed = rng.standard_normal((shape[0], int(np.prod(shape[1:])))).astype(np.float32)
    given = values * rng.uniform(0.5, 1.5, values.shape) + 0.3 * spread * np.abs(rng.standard_normal(values.shape))

    def ask(at: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        end, gradient = opened.session.run(None, {opened.start: at.astype(np.float32), SEED: seed})
        return end.reshape(seed.shape).astype(np.float64) * seed, gradient.astype(np.float64)

    terms, gradient = ask(given)
    norm, rounding = float(np.sqrt((gradient**2).sum())), 1e-6 * float(np.abs(terms).sum())
    along = np.abs(rng.standard_normal(given.shape)) * gradient * np.sqrt(given.size) / (norm or 1.0)

    def settles(way: NDArray[np.float64]) -> bool:
        found = np.array([compared(ask, given, way, spread * step)[0] for step, points in STEPS if points == 1])
        return bool((np.abs(np.diff(found)) <= ROUGH * np.abs(found[1:])).any())

    def error(way: NDArray[np.float64], step: float, points: int) -> float:
        difference, slope = compared(ask, given, way, step, points)
        size = max(abs(slope), 0.1 * norm, 1e-30)
        if rounding / step > ROUGH * size:
            return np.inf
        return (abs(difference - slope) - rounding / step) / size

    for way in (rng.standard_normal(given.shape), along):
        best = np.inf
        for step, points in STEPS:
            best = best if best <= ROUGH else min(best, error(way, spread * step, points))
        if ROUGH < best < np.inf and settles(way):
            raise GradientError(
                f"the gradient at {opened.layer!r} isn't that of small differences: off by {best:.2g} relative; "
                "please report this"
            )


def _layer(scene: Scene, path: list[str], layer: str | int, image: ImageInput) -> tuple[str, Layout]:
    """The tensor that is meant, out of those that every path crosses, and its layout."""
    start = scene.graph.image
    layouts = {start: Layout(image.layout, image.channels, *scene.image)}
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
    large = [name for name, layout in layouts.items() if layer and min(layout.height, layout.width) >= layer]
    return next(((name, layouts[name]) for name in reversed(large)), (start, layouts[start]))
