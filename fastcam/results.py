"""Results of `Classifier.explain` and `input_gradient`: frozen values, which show themselves as heatmaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastcam.arrays.maps import heatmaps
from fastcam.arrays.scalars import check_index
from fastcam.arrays.values import Boxes as Boxes
from fastcam.images.regions import Part, part_of, placed

if TYPE_CHECKING:
    from fastcam.model.head.head import Activation, Head


@dataclass(frozen=True, eq=False, slots=True)
class Explanation:
    """Why a model saw what it saw: class activation maps and boxes of N images × M classes, and how they were made.

    Attributes
    ----------
    class_index
        (N, M) int64, the classes that are explained, best first when they were chosen by `top`.
    scores
        (N, M) float32: their probabilities, by softmax or sigmoid of the logits; or plain values, as `activation` says.
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
    activation
        What made the scores of the logits: "softmax" or "sigmoid"; "none" where the logits are the values;
        "probabilities" or "other" where the scores are the model's own, in [0, 1] or not.
        `Classifier.activation_origin` says why.
    labels
        Class names by class index, or None.
    method, convention, threshold, connectivity
        How maps and boxes were made (`fastcam.methods`, `fastcam.arrays.conventions`).
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
        Seconds of "preprocessing", "inference" and "localization", of all images together; of a frame of a stream also
        of "waiting" for a thread.
    limits
        (N, M, 2) float32: the raw values between which a map is to be coloured, as a steady stream wants it; None: the
        map's own.
    steady
        Of a stream that was kept from flickering (`fastcam.Steady`), how, in words: then feature maps and scores are
        averages over time, and class_index is what they make of it. Logits are the frame's own. None otherwise.
    frame_index, timestamp
        Of a frame of a stream: its number in the source, from 0, and its time in seconds, the source's own or since
        the stream began. None otherwise.
    levels
        `Preprocess.levels`: which values of more than 8 bits are black and white, in `overlay` as well.
    channels, background
        `Preprocess.channels` and `Preprocess.background`, of the images as `overlay` shows them.
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
    timings: Mapping[str, float] = field(default_factory=dict[str, float])
    limits: NDArray[np.float32] | None = None
    steady: str | None = None
    frame_index: int | None = None
    timestamp: float | None = None
    activation: Activation = "softmax"
    levels: tuple[float, float] | None = None
    channels: str = "rgb"
    background: int = 255

    @property
    def has_probabilities(self) -> bool:
        """True if the scores are probabilities, not values of another kind."""
        return self.activation in ("softmax", "sigmoid", "probabilities")

    def score_text(self, n: int, m: int) -> str:
        """The score of map m of image n for people: a share in per cent, or a value of four digits."""
        score = float(self.scores[n, m])
        return f"{score:.1%}" if self.has_probabilities else f"{score:.4g}"

    def part(self, n: int = 0) -> Part:
        """Return the part of image n that the network saw: where it is in the image, and in the plane of its maps."""
        return _part(self, n)

    def heatmap(self, n: int = 0, m: int = 0, *, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """Return map m of image n as a heatmap over the image, whatever part of it the network saw.

        The map is scaled to [0, 1] by `limits`, or by the minimum and maximum that it has in the image, and upsampled
        as by `fastcam.heatmaps`: `overlay` draws the same.

        Parameters
        ----------
        n, m
            Which image, and which of its maps.
        dtype
            float32, or uint8 for values in [0, 255]. None: float32.

        Returns
        -------
        (H, W), of the size of image n, in [0, 1]. 0 where the network saw nothing of it, such as beside a centre crop.

        Raises
        ------
        InputError
            There is no such image or map, or another dtype.

        Examples
        --------
        >>> from importlib.resources import files
        >>> import fastcam
        >>> from skimage.data import chelsea
        >>> model = fastcam.load(str(files("fastcam.data") / "squeezenet1_1.onnx"), preprocess="caffe-bgr")
        >>> heat = model.explain(chelsea()).heatmap()
        >>> chelsea().shape[:2], heat.shape, heat.dtype, float(heat.max())
        ((300, 451), (300, 451), dtype('float32'), 1.0)
        """
        return _heatmap(self, n, m, self.limits, dtype)


@dataclass(frozen=True, eq=False, slots=True)
class InputGradient:
    """Gradients at the network input of N images × M classes, as `Classifier.input_gradient` returns them.

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
        (N, M, H, W) float32, 0 and more: what the method makes of them, for `heatmap`, `find_boxes` and `overlay`.
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

    def heatmap(self, n: int = 0, m: int = 0, *, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """Return map m of image n as a heatmap (H, W) in [0, 1] over the image: see `Explanation.heatmap`."""
        return _heatmap(self, n, m, None, dtype)


def _part(found: Explanation | InputGradient, n: int) -> Part:
    x0, y0, x1, y1 = found.regions[n].tolist()
    height, width = found.image_sizes[n].tolist()
    return part_of((x0, y0, x1, y1), (height, width))


def _heatmap(
    found: Explanation | InputGradient, n: int, m: int, limits: NDArray[np.float32] | None, dtype: DTypeLike | None
) -> NDArray[Any]:
    n, m = (check_index(*one) for one in zip(("n", "m"), (n, m), found.class_index.shape, strict=True))
    height, width = found.image_sizes[n].tolist()
    own, part = None if limits is None else limits[n, m], _part(found, n)
    seen = heatmaps(found.activation_maps[n, m], part.sides, limits=own, dtype=dtype, window=part.window)
    return placed(seen, part, (height, width))
