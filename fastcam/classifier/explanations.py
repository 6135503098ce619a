"""Explanations of photos, and gradients at their network inputs, gathered from one photo after another."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.values import Boxes, Cuboids, Intervals
from fastcam.classifier.given import Given, of_each
from fastcam.classifier.pipeline import InTurn, Work
from fastcam.classifier.steady import Smoother, Steady
from fastcam.classifier.vision import SeenPhoto, Vision
from fastcam.errors import InputError
from fastcam.images.photos import Photo
from fastcam.images.volumes import told
from fastcam.methods.method import InputMethod
from fastcam.methods.options import Options
from fastcam.model.gradient.at_input import Smoothing
from fastcam.results import Explanation, Failure, InputGradient
from fastcam.results.boxes import stacked, together

T = TypeVar("T")
Labels = tuple[str, ...] | None


class Explained(NamedTuple):
    """One photo with its maps: what is held of each of many, without network input and feature maps.

    Attributes
    ----------
    logits, scores, size, region, pixels
        As of `SeenPhoto`.
    class_index
        (M,) int64.
    activation_maps
        (M, h, w) float32, in the host's memory.
    boxes
        Boxes (M, 4) in the photo's pixels.
    seconds
        Seconds that preprocessing, inference and localisation took.
    how
        What the weights of the feature maps were made from, in words.
    """

    logits: NDArray[np.float32]
    scores: NDArray[np.float32]
    size: tuple[int, ...]
    region: tuple[int, ...]
    pixels: NDArray[np.uint8] | None
    class_index: NDArray[np.int64]
    activation_maps: NDArray[np.float32]
    boxes: Boxes | Intervals | Cuboids
    seconds: tuple[float, float, float]
    how: str


def explain(vision: Vision, labels: Labels, given: Given, options: Options, skip: bool = False) -> Explanation:
    """Explain images one by one; of several, errors name the image.

    Parameters
    ----------
    skip
        Leave out images that can't be explained, but for their errors.
    """
    failures: list[Failure] | None = [] if skip else None
    found = _each(vision, given, options, partial(_localize, vision), failures)
    return gather(vision, labels, found, options, given.preprocess, failures or ())


def input_gradient(
    vision: Vision, labels: Labels, given: Given, options: Options, smoothing: Smoothing, layer: str | None
) -> InputGradient:
    """Compute gradients at the network input, or another layer, by a method that goes back there."""
    method, own = options.method, vision.session.input
    assert isinstance(method, InputMethod)

    def sent_back(
        seen: SeenPhoto, classes: NDArray[np.int64], options: Options
    ) -> tuple[SeenPhoto, NDArray[np.int64], NDArray[np.float32]]:
        return (
            seen,
            classes,
            vision.attribution.at(seen.network_input).input_gradients(seen, classes, options, smoothing, layer),
        )

    seen, index, gradients = zip(*_each(vision, given, options, sent_back), strict=True)
    opened = vision.attribution.at(seen[0].network_input).inputs.ready(
        method.variant, method.places if layer is None else layer
    )
    inputs = np.concatenate([one.network_input[:1] for one in seen]).astype(np.float32)
    return InputGradient(
        class_index=np.stack(index),
        logits=np.stack([one.logits for one in seen]),
        gradients=np.stack(gradients),
        activation_maps=np.stack([method.maps(one) for one in gradients]),
        network_inputs=np.ascontiguousarray(np.moveaxis(inputs, -1, 1)) if own.is_channels_last else inputs,
        image_sizes=np.array([one.size for one in seen], np.int64),
        regions=np.array([one.region for one in seen], np.int64),
        labels=labels,
        method=method.name,
        layer=opened.layer,
        preprocess=given.preprocess or told(vision.preprocess, vision.session.input),
        provider=vision.session.provider,
        **smoothing._asdict(),
    )


def _each(
    vision: Vision,
    given: Given,
    options: Options,
    work: Callable[[SeenPhoto, NDArray[np.int64], Options], T],
    failures: list[Failure] | None = None,
) -> list[T]:
    """Return what is made of each image that was seen, and of its classes (M,).

    Parameters
    ----------
    failures
        Filled with those of images that are left out; None: an error of one is the caller's.
    """
    shapes: list[tuple[int, ...]] = []

    def one(n: int, image: Any) -> T:
        wanted = options.classes(n)
        seen = given.look(vision, n, image, options, None if isinstance(wanted, int) else wanted)
        shapes.append(seen.network_input.shape)
        if shapes[-1] != shapes[0]:
            raise InputError(
                f"expected network inputs of one size in a call, {shapes[0]} as the first; got {shapes[-1]}. With "
                "fit='whole' each has its photo's proportions, and signals and volumes of open size have their "
                "own: explain them one by one, or load with fit='stretch' and a size"
            )
        classes = vision.best(seen, wanted) if isinstance(wanted, int) else wanted
        return work(seen, classes, options.of_image(n, len(given.images)))

    return of_each(given.images, one, failures)


def _localize(vision: Vision, seen: SeenPhoto, classes: NDArray[np.int64], options: Options) -> Explained:
    """Make maps and boxes of a photo that was seen."""
    began = time.perf_counter()
    maps, boxes = vision.boxes(vision.maps(seen, classes, options), seen, options)
    seconds = time.perf_counter() - began
    how = vision.attribution.at(seen.network_input).describe(seen, options)
    return Explained(
        logits=seen.logits,
        scores=seen.scores,
        size=seen.size,
        region=seen.region,
        pixels=seen.pixels,
        class_index=classes,
        activation_maps=maps,
        boxes=boxes,
        seconds=(*seen.seconds, seconds),
        how=how,
    )


# ---- frames of a stream ----------------------------------------------------------------------------------------------


def frame_work(vision: Vision, labels: Labels, options: Options, steady: Steady | None) -> Work:
    """Return what a stream does with each frame.

    Raises
    ------
    InputError
        `steady` isn't a `Steady`, or the method reads no feature maps of the head.
    """
    if steady is None:
        return lambda frame, *_: explain(vision, labels, Given([frame]), options)
    if not isinstance(steady, Steady):
        raise InputError(f"steady: expected a fastcam.Steady or None; got {steady!r}")
    if options.layers or isinstance(options.method, InputMethod):
        what = "layer=..." if options.layers else f"{options.method.name!r}"
        raise InputError(
            f"steady: expected a method that weighs the head's feature maps, which it averages; got {what}"
        )
    return _steady_work(vision, labels, options, Smoother(steady))


def _steady_work(vision: Vision, labels: Labels, options: Options, smoother: Smoother) -> Work:
    """Return the work of a steady stream: smoothing and scale go frame by frame in order, all else side by side."""
    wanted = options.classes(0)

    def work(frame: Photo, timestamp: float, in_turn: InTurn) -> Explanation:
        seen = vision.see(frame, options)
        with in_turn():
            with options.engine.on(vision.session.device[1]):
                seen = smoother.smooth(replace(seen, feature_maps=_as_floats(seen.feature_maps)), timestamp)
                options.engine.wait()  # another thread's stream reads these maps in the next turn
            moment = smoother.moment
            classes = smoother.best(seen.scores, vision.ranked(seen), wanted) if isinstance(wanted, int) else wanted
        found = _localize(vision, seen, classes, options)
        limits = np.empty((1, len(classes), 2), np.float32)
        with in_turn():
            limits[:] = smoother.limits(found.activation_maps, moment)
        explanation = gather(vision, labels, [found], options)
        return replace(explanation, limits=limits, steady=smoother.steady.describe())

    return work


def _as_floats(feature_maps: Any) -> Any:
    """Return feature maps in float32, to be averaged."""
    return feature_maps.astype(np.float32, copy=False)


# ---- all photos in one -----------------------------------------------------------------------------------------------


def gather(
    vision: Vision,
    labels: Labels,
    found: Sequence[Explained],
    options: Options,
    preprocess: str = "",
    failures: Sequence[Failure] = (),
) -> Explanation:
    """Put all images in one explanation; `preprocess` is what stands in place of the model's own preprocessing."""
    index = together([one.class_index for one in found]).astype(np.int64)
    preprocessing, inference, localization = map(sum, zip(*(one.seconds for one in found), strict=True))
    return Explanation(
        class_index=index,
        scores=np.take_along_axis(together([one.scores for one in found]), index, axis=1),
        logits=together([one.logits for one in found]),
        activation_maps=together([one.activation_maps for one in found]),
        boxes=cast("Boxes", stacked([one.boxes for one in found])),  # or intervals or cuboids
        image_sizes=np.array([one.size for one in found], np.int64),
        regions=np.array([one.region for one in found], np.int64),
        method=options.method.name,
        how=found[0].how,
        layers=options.layers,
        convention=options.convention.name,
        threshold=options.convention.threshold,
        connectivity=options.connectivity,
        engine=options.engine.name,
        timings={
            "preprocessing": preprocessing,
            "inference": inference,
            "localization": localization,
        },
        labels=labels,
        head=vision.head,
        preprocess=preprocess or told(vision.preprocess, vision.session.input),
        levels=None if preprocess else vision.preprocess.levels,
        channels=vision.preprocess.channels,
        background=vision.preprocess.background,
        provider=vision.session.provider,
        activation=vision.scoring.activation,
        failures=tuple(failures),
        images=tuple(one.pixels for one in found if one.pixels is not None) or None,
    )
