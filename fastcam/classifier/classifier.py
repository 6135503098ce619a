"""A classifier that explains itself: what a user has of an open model."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence
from typing import Any, Literal

from numpy.typing import ArrayLike

from fastcam.classifier.open_model import OpenModel
from fastcam.classifier.steady import Steady
from fastcam.classifier.stream import Stream, open_stream
from fastcam.images.photos import each_photo
from fastcam.model.run.batches import Progress
from fastcam.results import Explanation


class Classifier(OpenModel):
    """An ONNX image classifier that explains itself. Made by `fastcam.load`; may be used from many threads.

    It pickles as the model's path or bytes, its head and its options, and is opened again where it is unpickled, with
    nothing searched; a deep copy likewise, while `copy.copy` shares the session. One that was loaded with a session or
    `session_options` of your own says that it can't. For many batches in other processes, `fastcam.evaluate.Worker` is
    smaller.

    Attributes
    ----------
    head
        The proven `Head`.
    labels, labels_origin
        Class names, or None; and where they come from: "argument", the path of a configuration file, or "none", with
        the reason where some were found that don't fit.
    activation, activation_origin
        What makes scores of the logits: "softmax", "sigmoid", "none", or "probabilities" or "other" where they are the
        model's own; and why it does.
    preprocess, preprocess_origin, preprocess_details
        The `Preprocess`; where it comes from: "argument", the path of a configuration file, or "default"; and what was
        taken from that file, and changed.
    input, outputs
        The model's `ImageInput`, and the names of its own outputs.
    provider
        The ONNX Runtime provider that runs the model.
    path, sha256
        Of the model, external data counted in; None for what isn't known.
    candidates, seconds
        What was looked at to find the head, last tensors first, and how long opening and proving took.
    """

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
            "auto": CAM where it is exact, else Grad-CAM. `Explanation.method` and `how` tell which it was. "saliency",
            "deconvolution", "guidedbackprop", "guidedgradcam", "excitation" and "cmwp" go back through the whole
            network: see `input_gradient`.
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
            It begins again where a model turns out to mix the items of a batch, and is asked for one after another.

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
            Keep maps, boxes and classes from flickering: see `fastcam.Steady`. None: each frame is explained by
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
