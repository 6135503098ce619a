"""A classifier that explains itself: what a user has of an open model."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam import engines, methods
from fastcam.attribution import Attribution
from fastcam.errors import InputError
from fastcam.explainer import Explainer
from fastcam.gradients import Gradients
from fastcam.images import check_channels, default_preprocess, each_photo, target_size, value_range
from fastcam.input_gradients import InputGradients, Smoothing
from fastcam.model.head import Head
from fastcam.model.search import Candidate
from fastcam.model.source import Source
from fastcam.preprocess import Preprocess
from fastcam.results import Explanation, InputGradient
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
        inputs = InputGradients(source, opening, head, target, value_range(self.preprocess))
        attribution = Attribution(head, Gradients(source, opening, head, target), inputs)
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
            "cam", exact for heads of kind "cam" and "cam-spatial"; or, of any head, "gradcam", "gradcam++", "xgradcam",
            "hirescam", "layercam" or "eigencam" (`fastcam.methods`), by a closed form where the head is exact, else
            by the gradient of the logit, which ONNX Runtime computes as well. "auto": CAM where it is exact, else
            Grad-CAM. `Explanation.method` tells which it was. "saliency", "deconvolution", "guidedbackprop",
            "guidedgradcam", "excitation" and "cmwp" go back through the whole network: see `input_gradient`.
        convention, threshold, connectivity
            Which pixels make a box; see `fastcam.find_boxes`.
        engine
            "cpu": Numba; "reference": NumPy and scikit-image; "cuda": CuPy, on the feature maps that a CUDA provider
            leaves on its device. "auto" is "cuda" there, if CuPy can be used, else "cpu"; `Explanation.engine` tells.

        Returns
        -------
        Explanation
            N = 1 for one image. Boxes are in each image's own pixels.

        Raises
        ------
        InputError
            An image that can't be read, an option out of range, or NaN or infinity on the way; names the image.
        GradientError
            The method follows the gradient, and that can't be written for this model (a `ModelError`).
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
        plan = self._explainer.plan(len(photos), top, class_index, method, convention, threshold, connectivity, engine)
        return self._explainer.explain(photos, plan)

    def input_gradient(
        self,
        images: Any,
        *,
        top: int = 1,
        class_index: ArrayLike | None = None,
        method: str = "saliency",
        samples: int = 1,
        noise: float = 0.15,
        seed: int = 0,
        layer: str | None = None,
    ) -> InputGradient:
        """Gradients of logits at the network input, or variants of them, of one or many images.

        The whole model runs forward and backward, in float32, once for each image, class and sample; uint8 inputs are
        taken as the same values in float32. A method's first call opens a session that holds the weights again; while
        it runs, memory is about that of training on one image.

        Parameters
        ----------
        images, top, class_index
            As in `explain`.
        method
            "saliency": the gradient; "deconvolution", "guidedbackprop": rectifiers have their own; "guidedgradcam":
            guided backpropagation times Grad-CAM; "excitation", "cmwp": winning probabilities, and their contrast, at a
            layer of 24 places a side or more. See `fastcam.methods` for formulas and papers.
        samples, noise, seed
            SmoothGrad (Smilkov et al. 2017) on top of any: the mean over so many copies of the network input with
            normal noise, its standard deviation that share of the input's range, from that seed. 1: as it is.
        layer
            Name of a tensor to go back to in place of the method's own: feature maps that every path to the logits
            crosses, or the network input, `Classifier.input.name`.

        Returns
        -------
        InputGradient
            Raw gradients (N, M, C, H, W), and maps (N, M, H, W) made of them, for `find_boxes` and `overlay`.

        Raises
        ------
        InputError
            As `explain`; or no such layer.
        GradientError
            An operator has no rule, or the method is for rectifiers and there is none.
        ModelError
            ONNX Runtime failed, or opening took more time or memory than such a model may.

        Examples
        --------
        >>> from importlib.resources import files
        >>> import fastcam
        >>> from skimage.data import chelsea
        >>> path = str(files("fastcam.data") / "squeezenet1_1.onnx")
        >>> model = fastcam.load(path, labels="imagenet", preprocess="caffe-bgr")
        >>> found = model.input_gradient(chelsea(), method="guidedbackprop")
        >>> found.gradients.shape, found.activation_maps.shape
        ((1, 1, 3, 224, 224), (1, 1, 224, 224))
        """
        photos, smoothing = each_photo(images), Smoothing.checked(samples, noise, seed)
        methods.check_of_input(method, layer)
        plan = self._explainer.plan(len(photos), top, class_index, method, "paper", None, 8, "cpu")
        return self._explainer.input_gradient(photos, plan, smoothing, layer)

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
        top, class_index, method, convention, threshold, connectivity, engine
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
        plan = self._explainer.plan(1, top, class_index, method, convention, threshold, connectivity, engine)
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
