"""What `Classifier.explain` and `find_boxes` return: frozen values, arrays only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from fastcam.model.head import Head


@dataclass(frozen=True, eq=False, slots=True)
class Boxes:
    """Boxes around the connected components of maps: one for each map, or all, one after the other.

    Attributes
    ----------
    xyxy
        (..., 4) int32, half-open pixels: `image[y0:y1, x0:x1]` is the crop. All zero where there is no component.
        `...` are the leading axes of the maps; of all components it is (B, 4).
    area
        (...) int32, pixels of the component; 0 = there is none.
    peak
        (...) float32, the maximum of the upsampled map, in units of the map (not normalised). On a device: NaN for a
        map that isn't finite.
    item
        None for one box a map. Of all components (B,) int64, which map each box is of, ascending: maps are counted in
        the order of their leading axes flattened (`np.unravel_index` turns it back). A map may have no box.
    """

    xyxy: NDArray[np.int32]
    area: NDArray[np.int32]
    peak: NDArray[np.float32]
    item: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Explanation:
    """Why a model saw what it saw: class activation maps and boxes of N images × M classes, and how they were made.

    Attributes
    ----------
    class_index
        (N, M) int64, the classes that are explained, best first when they were chosen by `top`.
    scores
        (N, M) float32, their probabilities: the softmax (or sigmoid) of the logits.
    logits
        (N, K) float32, of all classes.
    activation_maps
        (N, M, h, w) float32, raw. Of "cam" comparable between images and classes, mean + bias = logit; of other methods
        0 and more.
    boxes
        `Boxes` with leading axes (N, M), in pixels of the images that were handed in.
    image_sizes
        (N, 2) int64, height and width of each image.
    regions
        (N, 4) int64, xyxy: the part of the image's plane that the network saw and the activation map covers.
        Smaller than the image after a centre crop, larger after letterboxing.
    labels
        Class names by class index, or None.
    method, convention, threshold, connectivity
        How maps and boxes were made (`fastcam.methods`, `fastcam.conventions`).
    how
        What the weights of the feature maps were made from, in words: "class weights"; "closed form", of those and the
        feature maps; or what was run to get them.
    layers
        Tensors that the maps are of, in place of the head's feature maps; empty otherwise.
    head
        Where the maps come from (`Head`).
    preprocess
        The preprocessing specification in words.
    provider, engine
        The ONNX Runtime provider that ran the model, and what ran the kernels: "cpu", "cuda" or "reference".
    timings
        Seconds of "preprocessing", "inference" and "localisation", of all images together; of a frame of a stream also
        of "waiting" for a thread.
    limits
        (N, M, 2) float32: the raw values between which a map is to be coloured, as a steady stream wants it; None: the
        map's own.
    steady
        Of a stream that was kept from flickering (`fastcam.steady`), how, in words: then feature maps and scores are
        averages over time, and class_index is what they make of it. Logits are the frame's own. None otherwise.
    frame_index, timestamp
        Of a frame of a stream: its number in the source, from 0, and its time in seconds, the source's own or since
        the stream began. None otherwise.
    levels
        `Preprocess.levels`: which values of greys of more than 8 bits are black and white, in `overlay` as well.
    """

    class_index: NDArray[np.int64]
    scores: NDArray[np.float32]
    logits: NDArray[np.float32]
    activation_maps: NDArray[np.float32]
    boxes: Boxes
    image_sizes: NDArray[np.int64]
    regions: NDArray[np.int64]
    labels: tuple[str, ...] | None
    method: str
    convention: str
    threshold: float
    connectivity: int
    head: Head
    preprocess: str
    provider: str
    engine: str
    how: str = ""
    layers: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    limits: NDArray[np.float32] | None = None
    steady: str | None = None
    frame_index: int | None = None
    timestamp: float | None = None
    levels: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class InputGradient:
    """What `Classifier.input_gradient` returns: gradients at the network input of N images × M classes.

    Attributes
    ----------
    class_index
        (N, M) int64, the classes, best first when they were chosen by `top`.
    logits
        (N, K) float32, of all classes.
    gradients
        (N, M, C, H, W) float32, raw: d logit / d network input, in the network input's own channels and units, channels
        first whatever the model's layout; or what the method has in place of that. (N, M, C, h, w) of a layer.
    activation_maps
        (N, M, H, W) float32, 0 and more: what the method makes of them, for `find_boxes`, `heatmaps` and `overlay`.
    network_inputs
        (N, C, H, W) float32: where the gradients were taken, noise aside; integers as they are.
    image_sizes, regions
        (N, 2) and (N, 4) int64, as of `Explanation`: the region is what the gradients cover.
    labels
        Class names by class index, or None.
    method
        Its name.
    layer
        The tensor that the gradients are of.
    samples, noise, seed
        Of SmoothGrad; one sample is none.
    preprocess, provider
        As of `Explanation`.
    """

    class_index: NDArray[np.int64]
    logits: NDArray[np.float32]
    gradients: NDArray[np.float32]
    activation_maps: NDArray[np.float32]
    network_inputs: NDArray[np.float32]
    image_sizes: NDArray[np.int64]
    regions: NDArray[np.int64]
    labels: tuple[str, ...] | None
    method: str
    layer: str
    samples: int
    noise: float
    seed: int
    preprocess: str
    provider: str
