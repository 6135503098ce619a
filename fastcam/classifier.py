"""A classifier that explains itself: what a user has of an open model."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam import engines
from fastcam.attribution import Attribution
from fastcam.errors import InputError
from fastcam.explainer import Explainer
from fastcam.features import Reclassified, features, with_classes
from fastcam.forwards import Progress
from fastcam.images import check_channels, default_preprocess, each_photo, target_size
from fastcam.labels import read_labels
from fastcam.model.head import Head
from fastcam.model.search import Candidate
from fastcam.model.source import Source
from fastcam.preprocess import Preprocess
from fastcam.results import Explanation
from fastcam.session import Opening, Session
from fastcam.steady import Steady
from fastcam.stream import Stream, open_stream


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
        source: Source | None = None,
        opening: Opening | None = None,
        candidates: Sequence[Candidate] = (),
        seconds: float = 0.0,
    ) -> None:
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
            target = target_size(self.preprocess, self.input)
        except InputError as error:
            raise InputError(f"{error} (preprocess from: {self.preprocess_origin})") from error
        attribution = Attribution(session, source, opening, head, target)
        self._explainer = Explainer(session, head, self.preprocess, target, labels, attribution)

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
        layer: str | Sequence[str] | None = None,
        convention: str = "paper",
        threshold: float | None = None,
        connectivity: int = 8,
        engine: str = "auto",
        batch_size: int | None = None,
        progress: Progress | None = None,
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
            "cam", exact for heads of kind "cam" and "cam-spatial"; or, of any head, "gradcam", "gradcam++", "xgradcam",
            "hirescam", "layercam", "finercam", "finercam-weighted" or "eigencam" (`fastcam.methods`), by a closed form
            where the head is exact, else by the gradient of the logit, which ONNX Runtime computes as well; or
            "scorecam", "ablationcam", "reciprocam" or "reciprocam-gaussian", which ask the model again and again.
            "auto": CAM where it is exact, else Grad-CAM. `Explanation.method` and `how` tell which it was.
        layer
            Name of any tensor that holds feature maps, or of the operator that makes it, in place of the head's: the
            model then runs forward and, from the logit, backward to it, in one graph. It is opened on first use, with
            weights of its own in memory; the last four stay. Of several layers maps are fused as LayerCAM's authors do
            (`fastcam.methods.layercam.fused`). A map is all zero where the class doesn't depend on the layer.
        convention, threshold, connectivity
            Which pixels make a box; see `fastcam.find_boxes`.
        engine
            "cpu": Numba; "reference": NumPy and scikit-image; "cuda": CuPy, on the feature maps that a CUDA provider
            leaves on its device. "auto" is "cuda" there, if CuPy can be used, else "cpu"; `Explanation.engine` tells.
        batch_size
            How many masked images, or feature maps, go through the model at once, for methods that ask it again; None:
            as many as take some 256 MB. The maps are the same, but for rounding.
        progress
            Told (done, total) after each batch of these methods, for a bar on the screen; what it raises ends the work.

        Returns
        -------
        Explanation
            N = 1 for one image. Boxes are in each image's own pixels.

        Raises
        ------
        InputError
            An image that can't be read, an option out of range, no such layer, or one that holds no feature maps; NaN
            or infinity on the way; names the image.
        GradientError
            The method follows the gradient, and that can't be written for this model, or no logit depends on the layer
            (a `ModelError`).
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
        photos = each_photo(images)
        options = (top, class_index, method, convention, threshold, connectivity, engine, layer, batch_size, progress)
        plan = self._explainer.plan(len(photos), *options)
        return self._explainer.explain(photos, plan)

    def stream(
        self,
        frames: Iterable[Any] | AsyncIterable[Any],
        *,
        top: int = 1,
        class_index: ArrayLike | None = None,
        every: int = 1,
        workers: int | None = None,
        queue: int = 2,
        drop: Literal["oldest"] | None = None,
        steady: Steady | None = None,
        method: str = "auto",
        layer: str | Sequence[str] | None = None,
        convention: str = "paper",
        threshold: float | None = None,
        connectivity: int = 8,
        engine: str = "auto",
    ) -> Stream:
        """Explain the frames of a video or camera, several at once: pairs (frame, `Explanation`), in order.

        Parameters
        ----------
        frames
            An iterable, or asynchronous iterable, of (H, W, 3) uint8 RGB arrays, or of pairs of one and its time in
            seconds. It is read by a thread of its own, or by the running event loop.
        every
            Explain every so manyth frame; those between come with the explanation before them.
        workers
            Frames in work at once; None: one for each processor. Models loaded with `threads=1` make the most of them.
        queue
            Frames that may wait for a worker, and results for whoever takes them: memory is bounded however slow he is.
        drop
            "oldest": a source that doesn't wait; where the queue is full, the oldest frame in it is left out.
            `Stream.dropped` counts them. None: the source waits.
        steady
            Keep maps, boxes and classes from flickering: see `fastcam.steady.Steady`. None: each frame is explained by
            itself, as by `explain`.
        top, class_index, method, layer, convention, threshold, connectivity, engine
            As in `explain`, of one image.

        Returns
        -------
        Stream
            To be iterated over by `for`, or by `async for`, as an asynchronous source asks for. Close it, or use it in
            a `with` block, to stop early: its threads then end. `Explanation.frame_index`, `timestamp` and `timings`
            are set.

        Raises
        ------
        InputError
            An option out of range, at once; a frame that can't be explained, in its place, with its number. What the
            source raises comes in its place as well, after all frames before it.

        Examples
        --------
        >>> from importlib.resources import files
        >>> import fastcam
        >>> from skimage.data import chelsea
        >>> path = str(files("fastcam.data") / "squeezenet1_1.onnx")
        >>> model = fastcam.load(path, labels="imagenet", preprocess="caffe-bgr")
        >>> with model.stream([chelsea(), chelsea()[:, ::-1]]) as stream:
        ...     [(e.frame_index, model.labels[e.class_index[0, 0]]) for _, e in stream]
        [(0, 'Egyptian cat'), (1, 'Egyptian cat')]
        """
        plan = self._explainer.plan(1, top, class_index, method, convention, threshold, connectivity, engine, layer)
        work, finish = self._explainer.steps(plan, steady)
        return open_stream(work, frames, finish=finish, every=every, workers=workers, queue=queue, drop=drop)

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
        logits, maps, _ = self._explainer.run(images, engines.named("cpu"))
        return logits, np.ascontiguousarray(self.head.arranged(maps.shape).channels_first(maps), np.float32)

    def features(self, images: Any) -> NDArray[np.float32]:
        """The pooled features (N, C) of one or many images, for `with_classes`: the mean of each feature map.

        Zhou et al. 2016, section 4, "generic localizable features". Whatever the kind of the head, they are means over
        all places of `head.feature_maps`; of kind "cam" the model's own logits are linear in them. Raises as `explain`.
        """
        return features(self._explainer, each_photo(images))

    def with_classes(
        self, weights: ArrayLike, bias: ArrayLike, *, labels: Iterable[str] | None = None, activation: str = "softmax"
    ) -> Classifier:
        """A `Classifier` of other classes: the same network, with logits `S = weights · features + bias`.

        Its class activation maps are exact, whatever the kind of this head. The session is shared with this one.

        Parameters
        ----------
        weights, bias
            (K, C) and (K,), such as `coef_` and `intercept_` of scikit-learn's `LogisticRegression` or `LinearSVC` that
            was trained on `features`. One row is one class against all else, whose score is a sigmoid.
        labels
            Names of the classes.
        activation
            What makes scores of logits: "softmax", or "sigmoid" for classes that don't exclude one another.

        Raises
        ------
        InputError
            Weights, bias, features and labels don't fit each other, or aren't finite.

        Examples
        --------
        >>> from importlib.resources import files
        >>> import fastcam
        >>> from skimage.data import chelsea, coffee
        >>> model = fastcam.load(str(files("fastcam.data") / "squeezenet1_1.onnx"), preprocess="caffe-bgr")
        >>> ours, others = model.features([chelsea(), coffee()])                        # (C,) each
        >>> chelseas = model.with_classes([ours - others], [0.0], labels=["like Chelsea"])
        >>> chelseas.explain(chelsea()).logits[0, 0] > 0 > chelseas.explain(coffee()).logits[0, 0]
        np.True_
        """
        head = with_classes(self.head, weights, bias, activation)
        return Classifier(
            Reclassified(self._explainer.session, head),
            head,
            labels=None if labels is None else read_labels(labels, head.classes),
            preprocess=self.preprocess,
            preprocess_origin=self.preprocess_origin,
            path=self.path,
        )
