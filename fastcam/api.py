"""Open a model once, explain many images: the place where model, session, images and kernels meet."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam import conventions, engines, ops
from fastcam.arrays import check_connectivity, class_indices
from fastcam.conventions import Convention
from fastcam.discovery import Opening, discover, verify
from fastcam.errors import InputError
from fastcam.images import (
    Photo,
    Region,
    check_channels,
    each_photo,
    network_input,
    read_photo,
    seen_region,
    target_size,
    visible,
)
from fastcam.labels import read_labels
from fastcam.methods import cam
from fastcam.model.head import Head
from fastcam.model.source import Source, read_source
from fastcam.preprocess import NAMED, Preprocess, neighbouring
from fastcam.preprocess import preprocess as as_preprocess
from fastcam.results import Boxes, Explanation
from fastcam.session import ImageInput, Session

if TYPE_CHECKING:
    import onnxruntime as ort

    from fastcam.runtime import Provider


def load(
    model: str | os.PathLike[str] | bytes | ort.InferenceSession,
    *,
    head: str | Head | None = None,
    output: str | None = None,
    labels: str | os.PathLike[str] | Iterable[str] | None = None,
    preprocess: str | Preprocess | Mapping[str, Any] | None = None,
    providers: Sequence[Provider] | None = None,
    threads: int | None = None,
    session_options: ort.SessionOptions | None = None,
) -> Classifier:
    """A `Classifier`: the model opened, its head found and proven.

    Parameters
    ----------
    model
        Path of an .onnx file (external data beside it), its bytes, or an `onnxruntime.InferenceSession` that returns
        the feature maps and logits already (then `head` must be a `Head`).
    head
        Where automatic search fails: the name of the feature maps' tensor, or a whole `Head`. Proven all the same.
    output
        The output to explain, where more than one has a head.
    labels
        "imagenet", a text file with one name a line, or the names.
    preprocess
        A name, mapping or `Preprocess` (see `fastcam.preprocess.preprocess`). None: what `preprocessor_config.json` or
        timm's `config.json` beside the model say, else "imagenet" ("raw" for uint8 inputs, "unit" in grey for one
        channel). `Classifier.preprocess_origin` tells which.
    providers
        Of ONNX Runtime, in order; strictly these. None: CPUExecutionProvider.
    threads
        Of one run of the model. None: one for each processor that this process may use.
    session_options
        Your own, in place of fastcam's (which sets threads and turns spinning off).

    Raises
    ------
    ModelError
        The file can't be read, isn't ONNX, has other than one image input, or ONNX Runtime can't load it.
    HeadNotFoundError
        No head whose class activation maps are exact, or several; `.reasons` and `.candidates` say more.
    BackendError
        A provider isn't there.
    InputError
        An option, the labels or the preprocessing don't fit the model.

    Examples
    --------
    >>> from importlib.resources import files
    >>> model = load(str(files("fastcam.data") / "squeezenet1_1.onnx"), labels="imagenet", preprocess="caffe-bgr")
    >>> model.head.classes, model.head.pooling, model.labels[281]
    (1000, "GlobalAveragePool '/gap/GlobalAveragePool'", 'tabby')
    """
    import onnxruntime as ort

    spec = None if preprocess is None else as_preprocess(preprocess)
    size = spec.size if spec else None
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
        raise InputError(f"threads: expected a positive whole number; got {threads!r}")
    if session_options is not None and threads is not None:
        raise InputError("threads: set it on the session_options that you give")
    if isinstance(model, ort.InferenceSession):
        if not isinstance(head, Head) or providers or threads or session_options:
            raise InputError(
                "model: with a session of your own give head=Head(...) and no providers, threads or options"
            )
        source, session = None, Session(model, [head.feature_maps, head.logits])
        proven = verify(session, head, size)
    else:
        source = read_source(model)
        opening = Opening(providers or ("CPUExecutionProvider",), threads, session_options)
        session, proven = discover(source, opening, head, output, size)
    return Classifier(
        session,
        proven,
        labels=None if labels is None else read_labels(labels, proven.classes),
        preprocess=spec,
        source=source,
    )


class _One(NamedTuple):
    """What is kept of one image: class indices (M,), logits (K,), maps (M, h, w), its boxes, size and region."""

    class_index: NDArray[np.int64]
    logits: NDArray[np.float32]
    activation_maps: NDArray[np.float32]
    boxes: Boxes
    size: tuple[int, int]
    region: Region


class Classifier:
    """An ONNX image classifier that explains itself. Made by `fastcam.load`; may be used from many threads.

    Attributes
    ----------
    head
        The proven `Head`.
    labels
        Class names, or None.
    preprocess, preprocess_origin
        The `Preprocess`, and where it comes from: "argument", the path of a configuration file, or "default".
    input, outputs
        The model's `ImageInput`, and the names of its own outputs.
    provider
        The ONNX Runtime provider that runs the model.
    source
        The model's bytes, path and sha256; None for a session of the caller's.
    """

    def __init__(
        self,
        session: Session,
        head: Head,
        *,
        labels: tuple[str, ...] | None = None,
        preprocess: Preprocess | None = None,
        source: Source | None = None,
    ) -> None:
        self._session = session
        self.head = head
        self.labels = labels
        self.input = session.input
        self.outputs = session.outputs
        self.provider = session.provider
        self.source = source
        self.preprocess, self.preprocess_origin = _choose_preprocess(preprocess, source, session.input)
        check_channels(self.preprocess, self.input)
        self._target = target_size(self.preprocess, self.input)

    def __repr__(self) -> str:
        name = self.source.name if self.source else "session"
        return f"<fastcam.Classifier {name}: {self.head.describe()}; preprocess {self.preprocess.describe()}>"

    def explain(
        self,
        images: Any,
        *,
        top: int = 1,
        class_index: ArrayLike | None = None,
        method: str = "auto",
        convention: str = "paper",
        threshold: float | None = None,
        connectivity: int = 8,
        engine: str = "auto",
    ) -> Explanation:
        """Class activation maps and boxes for the best classes, or for given ones, of one or many images.

        Images run through the network one by one: a batch gives the very same bits as a loop, in constant memory.

        Parameters
        ----------
        images
            A path, a PIL image, an (H, W, 3) uint8 RGB array; a sequence of these, of any sizes; an (N, H, W, 3) batch.
        top
            Explain this many classes of each image, best first.
        class_index
            Explain these instead: one for all, (M,) for all, or (N, M), row n for image n.
        method
            "cam"; "auto" is CAM where it is exact, as it is for every head that loads.
        convention, threshold, connectivity
            Which pixels make a box; see `fastcam.find_boxes`.
        engine
            "auto" or "cpu": Numba; "reference": NumPy and scikit-image.

        Returns
        -------
        Explanation
            N = 1 for one image. Boxes are in each image's own pixels.

        Raises
        ------
        InputError
            An image that can't be read, an option out of range, or NaN or infinity on the way; names the image.
        ModelError
            ONNX Runtime failed while running.

        Examples
        --------
        >>> from importlib.resources import files
        >>> from skimage.data import chelsea
        >>> model = load(str(files("fastcam.data") / "squeezenet1_1.onnx"), labels="imagenet", preprocess="caffe-bgr")
        >>> explanation = model.explain(chelsea(), top=2)
        >>> [model.labels[i] for i in explanation.class_index[0]]
        ['Egyptian cat', 'tabby']
        """
        rule, neighbours = conventions.named(convention, threshold), check_connectivity(connectivity)
        run = engines.named(engine)
        if method not in ("auto", "cam"):
            raise InputError(f"method: expected 'auto' or 'cam'; got {method!r}")
        photos = list(each_photo(images))
        wanted = self._wanted(top, class_index, len(photos))
        found: list[_One] = []
        for n, photo in enumerate(photos):
            try:
                found.append(self._explain_one(photo, top if wanted is None else wanted[n], rule, neighbours, run))
            except InputError as error:
                if len(photos) == 1:
                    raise
                raise InputError(f"image {n} of {len(photos)}: {error}") from error
        return self._gather(found, rule, neighbours, run.name)

    def run(self, images: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits (N, K) and feature maps (N, C, h, w) of tensors that are preprocessed already.

        Parameters
        ----------
        images
            Network inputs in the model's own layout, size and dtype (`Classifier.input`).

        Raises
        ------
        InputError
            Another shape or dtype.
        ModelError
            ONNX Runtime failed while running.
        """
        maps, logits = self._session.run(images, [self.head.feature_maps, self.head.logits])
        if self.head.layout == "NHWC":
            maps = maps.transpose(0, 3, 1, 2)
        return logits.reshape(len(logits), -1).astype(np.float32), np.ascontiguousarray(maps, np.float32)

    def _wanted(self, top: int, class_index: ArrayLike | None, images: int) -> NDArray[np.int64] | None:
        """The classes that the caller wants, (N, M), or None for the best."""
        if isinstance(top, bool) or not isinstance(top, int | np.integer) or not 1 <= top <= self.head.classes:
            raise InputError(f"top: expected 1 to {self.head.classes}, the number of classes; got {top!r}")
        if class_index is None:
            return None
        if top != 1:
            raise InputError("top: expected either top or class_index; got both")
        return class_indices(class_index, images, self.head.classes)

    def _explain_one(
        self, photo: Photo, wanted: int | NDArray[np.int64], rule: Convention, connectivity: int, run: engines.Engine
    ) -> _One:
        image = read_photo(photo)
        size = (image.height, image.width)
        region = seen_region(size, self._target, self.preprocess.fit, self.preprocess.crop_fraction)
        logits, feature_maps = self.run(network_input(image, region, self.preprocess, self.input))
        if not np.isfinite(logits).all():
            raise InputError("expected finite logits; got NaN or infinity. Does the preprocessing fit the model?")
        index = np.argsort(-logits[0], kind="stable")[:wanted] if isinstance(wanted, int) else wanted
        maps = ops.channel_sum(feature_maps, cam.channel_weights(self.head, index[None]), run)[0]
        x0, y0, x1, y1 = region
        left, top, right, bottom = visible(region, size)
        boxes = ops.find_boxes(
            maps,
            (y1 - y0, x1 - x0),
            convention=rule.name,
            threshold=rule.threshold,
            connectivity=connectivity,
            window=(left - x0, top - y0, right - x0, bottom - y0),
            engine=run.name,
        )
        shift = np.where(boxes.area[:, None] > 0, np.array([left, top, left, top], np.int32), 0)
        return _One(index, logits[0], maps, Boxes(boxes.xyxy + shift, boxes.area, boxes.peak), size, region)

    def _gather(self, found: Sequence[_One], rule: Convention, connectivity: int, engine: str) -> Explanation:
        logits = np.stack([one.logits for one in found])
        index = np.stack([one.class_index for one in found]).astype(np.int64)
        return Explanation(
            class_index=index,
            scores=np.take_along_axis(_probabilities(logits, self.head), index, axis=1),
            logits=logits,
            activation_maps=np.stack([one.activation_maps for one in found]),
            boxes=Boxes(
                np.stack([one.boxes.xyxy for one in found]),
                np.stack([one.boxes.area for one in found]),
                np.stack([one.boxes.peak for one in found]),
            ),
            image_sizes=np.array([one.size for one in found], np.int64),
            regions=np.array([one.region for one in found], np.int64),
            labels=self.labels,
            method="cam",
            convention=rule.name,
            threshold=rule.threshold,
            connectivity=connectivity,
            head=self.head,
            preprocess=self.preprocess.describe(),
            provider=self.provider,
            engine=engine,
        )


def _choose_preprocess(given: Preprocess | None, source: Source | None, model: ImageInput) -> tuple[Preprocess, str]:
    """What the caller gave, else what lies beside the model, else the default for such an input; and which it was."""
    if given is not None:
        return given, "argument"
    if source is not None and source.path is not None and (found := neighbouring(source.path)) is not None:
        return found[0], str(found[1])
    if model.channels == 1:
        return Preprocess(channels="grey", scale=1.0 if model.dtype == np.uint8 else 1 / 255), "default"
    return NAMED["raw" if model.dtype == np.uint8 else "imagenet"], "default"


def _probabilities(logits: NDArray[np.float32], head: Head) -> NDArray[np.float32]:
    """(N, K): sigmoid where the model has one (or a single logit), softmax otherwise; in float64, rounded once."""
    values = logits.astype(np.float64)
    if head.activation == "sigmoid" or head.classes == 1:
        return (1 / (1 + np.exp(-np.clip(values, -700, 700)))).astype(np.float32)
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
