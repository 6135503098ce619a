"""A classifier that explains itself: the place where session, images, method and kernels meet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam import conventions, engines, ops
from fastcam.arrays import check_connectivity, check_maps, class_indices, feature_maps_of
from fastcam.boxes import largest_boxes
from fastcam.components import Search
from fastcam.conventions import Convention
from fastcam.devices import check_cuda_versions, has_cupy
from fastcam.errors import InputError
from fastcam.images import (
    Photo,
    Region,
    check_channels,
    default_preprocess,
    each_photo,
    network_input,
    read_photo,
    seen_region,
    target_size,
    visible,
)
from fastcam.methods import cam
from fastcam.model.head import Head
from fastcam.model.proof import check_identity
from fastcam.model.search import Candidate
from fastcam.preprocess import Preprocess
from fastcam.results import Boxes, Explanation
from fastcam.sampling import grid
from fastcam.scores import probabilities
from fastcam.session import Session


class _One(NamedTuple):
    """What is kept of one image: class indices (M,), logits and scores (K,), maps (M, h, w), boxes, size, region."""

    class_index: NDArray[np.int64]
    logits: NDArray[np.float32]
    scores: NDArray[np.float32]
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
    path, sha256
        Of the model, external data counted in; None for what isn't known.
    candidates, seconds
        What was looked at to find the head, last tensors first, and how long opening and proving took.
    """

    def __init__(
        self,
        session: Session,
        head: Head,
        *,
        labels: tuple[str, ...] | None = None,
        preprocess: Preprocess | None = None,
        preprocess_origin: str = "argument",
        path: Path | None = None,
        candidates: Sequence[Candidate] = (),
        seconds: float = 0.0,
    ) -> None:
        self._session = session
        self.head = head
        self.labels = labels
        self.input = session.input
        self.outputs = session.outputs
        self.provider = session.provider
        self.path = path
        self.sha256 = head.sha256 or None
        self.candidates, self.seconds = tuple(candidates), seconds
        self.preprocess = preprocess or default_preprocess(session.input)
        self.preprocess_origin = preprocess_origin if preprocess else "default"
        try:
            check_channels(self.preprocess, self.input)
            self._target = target_size(self.preprocess, self.input)
        except InputError as error:
            raise InputError(f"{error} (preprocess from: {self.preprocess_origin})") from error

    def __repr__(self) -> str:
        return (
            f"<fastcam.Classifier {self.path or ''}: {self.head.describe()}; preprocess {self.preprocess.describe()}>"
        )

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
            A path, a PIL image or an (H, W, 3) uint8 RGB array; a sequence of these, of any sizes; or (N, H, W, 3).
        top
            Explain this many classes of each image, best first.
        class_index
            Explain these instead: one for all, (M,) for all, or (N, M), row n for image n.
        method
            "cam"; "auto" is CAM where it is exact, as it is for every head that loads.
        convention, threshold, connectivity
            Which pixels make a box; see `fastcam.find_boxes`.
        engine
            "cpu": Numba; "reference": NumPy and scikit-image; "cuda": CuPy, on the feature maps that a CUDA provider
            leaves on its device. "auto" is "cuda" there, if CuPy is installed, else "cpu"; `Explanation.engine` tells.

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
        >>> import fastcam
        >>> from skimage.data import chelsea
        >>> path = str(files("fastcam.data") / "squeezenet1_1.onnx")
        >>> model = fastcam.load(path, labels="imagenet", preprocess="caffe-bgr")
        >>> explanation = model.explain(chelsea(), top=2)
        >>> [model.labels[i] for i in explanation.class_index[0]]
        ['Egyptian cat', 'tiger cat']
        """
        self.head.linear()  # refuses heads whose class activation maps aren't exact
        rule, neighbours = conventions.named(convention, threshold), check_connectivity(connectivity)
        run = self._engine(engine)
        if not isinstance(method, str) or method not in ("auto", "cam"):
            raise InputError(f"method: expected 'auto' or 'cam'; got {method!r}")
        photos = each_photo(images)
        wanted = self._wanted(top, class_index, len(photos))
        found: list[_One] = []
        for n, photo in enumerate(photos):
            try:
                with run.on(self._session.device[1]):
                    classes = int(top) if wanted is None else wanted[n]
                    found.append(self._explain_one(photo, classes, rule, neighbours, run))
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
            ONNX Runtime failed while running, or the identity fails at this size (the model leaves its size open, but
            pools a part of fixed size): `HeadNotFoundError`.
        """
        logits, maps, _ = self._run(images, engines.named("cpu"))
        return logits, np.ascontiguousarray(maps, np.float32)

    def _run(self, images: NDArray[Any], run: engines.Engine) -> tuple[NDArray[np.float32], Any, NDArray[np.float32]]:
        """The same, the feature maps as the model has them and where the engine wants them, and the scores (N, K)."""
        own = [self.head.output] if self.head.activation == "other" else []
        wanted = [self.head.logits, *own]
        if run.name == "cuda":
            value, (logits, *outputs) = self._session.run_on_device(images, self.head.feature_maps, wanted)
            maps = run.xp.from_dlpack(value)[: len(images)]
        else:
            maps, logits, *outputs = self._session.run(images, [self.head.feature_maps, *wanted])
        logits = logits.reshape(len(logits), -1).astype(np.float32)
        scores = outputs[0].reshape(len(logits), -1) if own else probabilities(logits, self.head.activation)
        layout = self.head.arranged(maps.shape)
        if self.head.is_exact and (layout.channels, layout.height, layout.width) != self.head.feature_shape is not None:
            check_identity(self.head, run.host(maps)[0], logits)
        return logits, layout.channels_first(maps), scores.astype(np.float32)

    def _engine(self, name: str) -> engines.Engine:
        """The engine of that name, which has to work where the model leaves its feature maps."""
        device, _ = self._session.device
        run = engines.named("cuda" if name == "auto" and device == "cuda" and has_cupy() else name)
        if run.name == "cuda" and device != run.memory:
            raise InputError(
                f"engine: 'cuda' works on what a CUDA provider leaves on its device; this model runs by "
                f"{self.provider}. Load it with providers=['CUDAExecutionProvider'], or leave engine out"
            )
        if device == "cuda" and run.name == "cuda":
            check_cuda_versions()
        return run

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
        logits, feature_maps, scores = self._run(network_input(image, region, self.preprocess, self.input), run)
        if not np.isfinite(logits).all():
            raise InputError("expected finite logits; got NaN or infinity. Does the preprocessing fit the model?")
        ranked = scores if self.head.activation == "other" else logits
        index = np.argsort(-ranked[0], kind="stable")[:wanted] if isinstance(wanted, int) else wanted
        weighted, weights, rows = cam.channel_weights(self.head, feature_maps, index[None], run)
        maps = ops.checked_maps(run, feature_maps_of(weighted), weights, rows).reshape(-1, *feature_maps.shape[2:])
        x0, y0, x1, y1 = region
        left, top, right, bottom = visible(region, size)
        where = grid((maps.shape[1], maps.shape[2]), (y1 - y0, x1 - x0), (left - x0, top - y0, right - x0, bottom - y0))
        found = largest_boxes(Search(maps, maps.shape[:1], where, rule, connectivity, run))
        maps, *parts = run.host(maps, found.xyxy, found.area, found.peak)
        found = Boxes(*parts)
        if np.isnan(found.peak).any():
            check_maps("activation maps", maps)
        shift = np.where(found.area[:, None] > 0, np.array([left, top, left, top], np.int32), 0)
        return _One(index, logits[0], scores[0], maps, Boxes(found.xyxy + shift, found.area, found.peak), size, region)

    def _gather(self, found: Sequence[_One], rule: Convention, connectivity: int, engine: str) -> Explanation:
        logits = np.stack([one.logits for one in found])
        index = np.stack([one.class_index for one in found]).astype(np.int64)
        return Explanation(
            class_index=index,
            scores=np.take_along_axis(np.stack([one.scores for one in found]), index, axis=1),
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
