"""Results of `Classifier.explain`: frozen values, which show themselves."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastcam.arrays.scalars import check_index
from fastcam.arrays.values import Boxes
from fastcam.errors import InputError
from fastcam.images.regions import Part, part_of
from fastcam.results import html
from fastcam.results.boxes import boxes_of, corners
from fastcam.results.data_frame import data_frame
from fastcam.results.found import Found
from fastcam.results.image_explanation import ImageExplanation
from fastcam.results.text import counted, lines_of, score_text

if TYPE_CHECKING:
    from fastcam.model.head.head import Activation, Head

SETTINGS = ("method", "how", "layers", "convention", "threshold", "connectivity", "engine")  # of maps and boxes
EACH = ("class_index", "scores", "logits", "activation_maps", "image_sizes", "regions", "limits", "images")  # N each


@dataclass(frozen=True, slots=True)
class Failure:
    """An image that isn't explained: its number among those that were handed in, and why."""

    index: int
    error: InputError


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Explanation:
    """Why a model saw what it saw: class activation maps and boxes of N images × M classes, and how they were made.

    Iterating yields an `ImageExplanation` for each image, which is a sequence of its M classes, as `Found`; so does
    `explanation[n]`. A slice, such as `explanation[n : n + 1]`, is an `Explanation` of some images, numbered from 0.
    All of them are views: no array is copied. Notebooks show a table with small pictures.

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
        0 and more. (N, M, l) of signals, (N, M, d, h, w) of volumes and clips.
    boxes
        `Boxes` with leading axes (N, M), in pixels of the images that were handed in; `Intervals` of signals, `Cuboids`
        of volumes and clips, whose corners are `xx` and `xyzxyz` in place of `xyxy`.
    image_sizes
        (N, 2) int64, height and width of each image; of signals (N, 1), the length; of volumes and clips (N, 3), depth
        (of clips the number of frames), height and width.
    regions
        (N, 4) int64, xyxy: the part of the image's plane that the network saw and the activation map covers.
        Smaller than the image after a centre crop, larger after letterboxing. Of signals (N, 2), xx; of volumes (N, 6),
        xyzxyz.
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
    failures
        Images that were left out, as `explain(on_error="skip")` asks for: rows n are of the others, in order.
        `image_index` has their numbers.
    images
        N arrays (H, W, 3) uint8, read-only: the pixels of each image, if `explain(keep_images=True)` kept them, which
        takes H·W·3 bytes each, in pickles as well. Notebooks show the maps over them. None otherwise.

    Examples
    --------
    >>> from importlib.resources import files
    >>> import fastcam
    >>> from skimage.data import chelsea
    >>> path = str(files("fastcam.data") / "squeezenet1_1.onnx")
    >>> model = fastcam.load(path, labels="imagenet", preprocess="caffe-bgr")
    >>> explanation = model.explain(chelsea(), top=2, method="cam", engine="cpu")
    >>> explanation
    Explanation(1 image × 2 classes, method='cam', convention='paper', engine='cpu')
    [0]  285 Egyptian cat  38.0 %  box [94, 19, 356, 281]
         282 tiger cat     33.4 %  box [94, 19, 356, 281]
    >>> [item.label for found in explanation for item in found]
    ['Egyptian cat', 'tiger cat']
    """

    class_index: NDArray[np.int64]
    scores: NDArray[np.float32]
    logits: NDArray[np.float32]
    activation_maps: NDArray[np.float32]
    boxes: Boxes  # or Intervals or Cuboids; declared as what images have, so that code for images needs no casts
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
    failures: tuple[Failure, ...] = ()
    images: tuple[NDArray[np.uint8], ...] | None = None

    @property
    def image_index(self) -> NDArray[np.int64]:
        """Number of the image of each row, (N,), among all that were handed in: 0, 1, 2, ... without `failures`."""
        left_out = [one.index for one in self.failures]
        return np.setdiff1d(np.arange(len(self.class_index) + len(left_out)), left_out)

    @property
    def has_probabilities(self) -> bool:
        """True if the scores are probabilities, not values of another kind."""
        return self.activation in ("softmax", "sigmoid", "probabilities")

    def score_text(self, n: int, m: int) -> str:
        """The score of map m of image n for people: a share in per cent, "93.1 %", or a value of four digits."""
        return score_text(float(self.scores[n, m]), self.has_probabilities)

    def part(self, n: int = 0) -> Part:
        """Return the part of image n that the network saw: where it is in the image, and in the plane of its maps."""
        return part_of(tuple(self.regions[n].tolist()), tuple(self.image_sizes[n].tolist()))

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
        (H, W), of the size of image n, in [0, 1]; (L,) of a signal, (D, H, W) of a volume. 0 where the network saw
        nothing of it, such as beside a centre crop.

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
        n, m = (check_index(*one) for one in zip(("n", "m"), (n, m), self.class_index.shape, strict=True))
        return self._found(n, m).heatmap(dtype=dtype)

    # ---- images and classes ------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.class_index)

    def __iter__(self) -> Iterator[ImageExplanation]:
        return (self[n] for n in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> ImageExplanation: ...
    @overload
    def __getitem__(self, index: slice) -> Explanation: ...
    def __getitem__(self, index: int | slice) -> ImageExplanation | Explanation:
        if isinstance(index, slice):
            return self._slice(index)
        n, count = operator.index(index), len(self)
        if not -count <= n < count:
            raise IndexError(f"expected the index of an image, 0 to {count - 1}; got {n}")
        n %= count
        return ImageExplanation(
            found=tuple(self._found(n, m) for m in range(self.class_index.shape[1])),
            image_index=self._number(n),
            image_size=tuple(self.image_sizes[n].tolist()),
            region=tuple(self.regions[n].tolist()),
            logits=self.logits[n],
            image=None if self.images is None else self.images[n],
            settings={name: getattr(self, name) for name in SETTINGS},
            moment=self._moment(),
        )

    def _found(self, n: int, m: int) -> Found:
        index, logits, area = int(self.class_index[n, m]), self.logits[n], int(self.boxes.area[n, m])
        better = np.count_nonzero(logits > logits[index]) + np.count_nonzero(logits[:index] == logits[index])
        return Found(
            label=self.labels[index] if self.labels else None,
            class_index=index,
            score=float(self.scores[n, m]),
            logit=float(logits[index]),
            is_probability=self.has_probabilities,
            rank=1 + int(better),
            box=tuple(corners(self.boxes)[n, m].tolist()) if area else None,
            area=area,
            peak=float(self.boxes.peak[n, m]),
            activation_map=self.activation_maps[n, m],
            limits=None if self.limits is None else self.limits[n, m],
            image_index=self._number(n),
            map_index=m,
            image_size=tuple(self.image_sizes[n].tolist()),
            region=tuple(self.regions[n].tolist()),
        )

    def _number(self, n: int) -> int:
        return int(self.image_index[n]) if self.failures else n

    def _moment(self) -> dict[str, Any]:
        """Return what is known of a frame of a stream; nothing of other images."""
        if self.frame_index is None:
            return {}
        times = {name: round(1000 * seconds, 3) for name, seconds in self.timings.items()}
        steady = {"steady": self.steady} if self.steady else {}
        return {"frame": self.frame_index, "timestamp": self.timestamp, "milliseconds": times, **steady}

    def _slice(self, which: slice) -> Explanation:
        own = {name: value[which] for name in EACH if (value := getattr(self, name)) is not None}
        return replace(self, **own, boxes=boxes_of(self.boxes, which), failures=())

    # ---- for people and other programs -------------------------------------------------------------------------------

    def __repr__(self) -> str:
        maps = self.class_index.shape[1]
        return lines_of(self._title(), self.image_index.tolist(), maps, lambda n, m: self._found(n, m).cells())

    def _repr_html_(self) -> str:
        """Return the table that notebooks show: at most `html.IMAGES` images and `html.CLASSES` classes of each."""
        rows = [html.Row(one.image_index, one.image_size, one.found, one.image) for one in self[: html.IMAGES]]
        return html.table(self._title(), rows, len(self))

    def _title(self) -> str:
        of = "" if self.frame_index is None else f"frame {self.frame_index}: "
        shape = f"{counted(len(self), 'image', 'images')} × {counted(self.class_index.shape[1], 'class', 'classes')}"
        made = ", ".join(f"{name}={getattr(self, name)!r}" for name in ("method", "convention", "engine"))
        left_out = f", {len(self.failures)} left out" if self.failures else ""
        return f"Explanation({of}{shape}, {made}{left_out})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, as `fastcam explain` writes them to results.json.

        Returns
        -------
        `images`, a list with `image`, the number of each as in `image_index`, and its `ImageExplanation.to_dict()`:
        `size`, its width and height (`length` of a signal; also `depth` of a volume); `seen`, xyxy of the part of its
        plane that the network saw (xx, xyzxyz); and `maps`, a record of each class with its label, logit, score, rank,
        box (None without a component), area, peak, and how it was made. Of a frame of a stream also its number, time
        stamp and timings. And `problems`, the number of each image that was left out, with the reason.

        Examples
        --------
        >>> from importlib.resources import files
        >>> import fastcam
        >>> from skimage.data import chelsea
        >>> model = fastcam.load(str(files("fastcam.data") / "squeezenet1_1.onnx"), preprocess="caffe-bgr")
        >>> (image,) = model.explain(chelsea()).to_dict()["images"]
        >>> image["size"], image["maps"][0]["class_index"]
        ({'width': 451, 'height': 300}, 285)
        """
        problems = [{"image": one.index, "reason": str(one.error)} for one in self.failures]
        images = [{"image": one.image_index, **one.to_dict()} for one in self]
        return {"images": images, "problems": problems}

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each image and class.

        Returns
        -------
        pandas.DataFrame
            Columns image (its number, as in `image_index`), class_index, label, score, the corners of the box x0, y0,
            x1 and y1 (Int64, missing where there is no component; x0 and x1 of signals, x0, y0, z0, x1, y1 and z1 of
            volumes), area, peak and method. Of a frame of a stream first its number and time stamp.

        Raises
        ------
        BackendError
            pandas isn't installed.

        Examples
        --------
        >>> from importlib.resources import files
        >>> import fastcam
        >>> from skimage.data import chelsea
        >>> model = fastcam.load(str(files("fastcam.data") / "squeezenet1_1.onnx"), preprocess="caffe-bgr")
        >>> model.explain(chelsea(), top=2).to_pandas()[["image", "class_index", "x0"]].values.tolist()
        [[0, 285, 94], [0, 282, 94]]
        """
        index, maps = self.class_index.ravel(), self.class_index.shape[1]
        labels = [self.labels[one] if self.labels else None for one in index.tolist()]
        frame = {} if self.frame_index is None else {"frame": self.frame_index, "timestamp": self.timestamp}
        image = np.repeat(self.image_index, maps)
        before = {**frame, "image": image, "class_index": index, "label": labels, "score": self.scores.ravel()}
        after = {"area": self.boxes.area.ravel(), "peak": self.boxes.peak.ravel(), "method": self.method}
        return data_frame(before, self.boxes, after)
