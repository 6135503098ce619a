"""Classifier: a model that explains photos and streams."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import Any, Literal, Self

from numpy.typing import ArrayLike

from fastcam.classifier import explanations
from fastcam.classifier.given import Given
from fastcam.classifier.labels import read_labels
from fastcam.classifier.pooled_features import Reclassified, head_with_classes
from fastcam.classifier.prepared_model import PreparedModel
from fastcam.classifier.steady import Steady
from fastcam.classifier.stream import Stream, open_stream
from fastcam.errors import InputError
from fastcam.methods import table
from fastcam.model.gradient.at_input import Smoothing
from fastcam.model.head.head import Head
from fastcam.model.run.batches import Progress
from fastcam.results import Explanation, InputGradient
from fastcam.results.class_names import Classes, class_numbers


class Classifier(PreparedModel):
    """An ONNX image classifier that explains itself. Made by `fastcam.load`; may be used from many threads.

    It pickles as the model's path or bytes, its head and its options, and is opened again where it is unpickled, with
    nothing searched; a deep copy likewise, while `copy.copy` shares the session. One that was loaded with a session or
    `session_options` of your own raises an error. For many batches in other processes, `fastcam.classifier.Worker` is
    smaller.

    Attributes: see `PreparedModel`.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        """Return a call that opens the model again, or for classes of `with_classes` one that makes them again."""
        if self._base is not None:
            return reopen_with_classes, (self._base, self.head, self.labels)
        return super().__reduce__()

    def explain(
        self,
        images: Any = None,
        *,
        tensors: Any = None,
        region: Any = None,
        constants: Mapping[str, ArrayLike] | None = None,
        top: int = 1,
        class_index: Classes | None = None,
        method: str = "auto",
        layer: str | Sequence[str] | None = None,
        convention: str = "paper",
        threshold: float | None = None,
        connectivity: int | None = None,
        engine: str = "auto",
        batch_size: int | None = None,
        progress: Progress | None = None,
        on_error: Literal["raise", "skip"] = "raise",
        keep_images: bool = False,
    ) -> Explanation:
        """Compute activation maps and boxes for the best classes, or for given ones, of one or many images.

        Images run through the network one by one: a batch gives the very same bits as a loop, in constant memory.

        Parameters
        ----------
        images
            A path, the bytes of a file, a file object opened as binary, a PIL image, or an array of RGB colours or
            greys: (H, W), (H, W, 1), (H, W, 3), or (H, W, 4) with alpha, of uint8, of floats in [0, 1], or of uint16
            (`Preprocess.levels`). Of the channels "bands" (`Preprocess.channels`), (H, W, C) of any dtype, or an NPY or
            TIFF file of it. A sequence of these, of any sizes, but with the fit "whole"; or (N, H, W, C). Of models of
            signals (L,) or (L, C); of volumes (D, H, W) or (D, H, W, C); of clips frames (T, H, W, 3): see
            `fastcam.images.volumes.sampled`.
        tensors
            In place of images: network inputs that are preprocessed already, (N, ...) or one item without N, in the
            layout and dtype of `Classifier.input`, or a sequence of items. Arrays of NumPy, PyTorch or any library with
            `__array__` or DLPack, which aren't copied where they are contiguous; those on a CUDA device if a CUDA
            provider runs the model. Boxes are in the tensor's own pixels.
        region
            Where tensors are in the photos that they were made of: (xyxy, (height, width)), the part that was resized
            and the photo's size, for all or with a row each, (N, 4) and (N, 2), as `regions` and `image_sizes` of an
            `Explanation`; `fastcam.images.seen_region` computes one. Boxes and heatmaps are then in the photos' pixels.
        constants
            Values of the model's further inputs, by name, in place of those of `fastcam.load`: one of the same shape
            for all images, or one with a row for each image; what may be either, of a fixed batch of as many items as
            there are images, is refused. Where class weights depend on them, CAM is an error, and other methods go
            without class weights.
        top
            Explain this many classes of each image, best first.
        class_index
            Explain these classes instead: one for all images, (M,) for all, or (N, M), row n for image n. A class is
            meant by its number, or by its name in `labels`, in upper or lower case.
        method
            A name of `fastcam.methods.METHODS`, which has formulas and papers. "cam" is for heads of kind "cam" and
            "cam-spatial". Methods that weigh feature maps take any head: by a closed form where the head is exact, else
            by the gradient of the logit, which ONNX Runtime computes as well. Masking methods run the model again and
            again. Methods of the network input go back through the whole network: see `input_gradient`. "auto": CAM
            where it is exact, else Grad-CAM. `Explanation.method` and `how` have what was done.
        layer
            Name of any tensor that has feature maps, or of the operator that makes it, in place of the head's: the
            model then runs forward and, from the logit, backward to it, in one graph. It is opened on first use, with
            weights of its own in memory; the last four stay. Maps of several layers are fused as LayerCAM's authors do
            (`fastcam.methods.layercam.fused`). A map is all zero where the class doesn't depend on the layer.
        convention, threshold, connectivity
            Rule that makes boxes of pixels; see `fastcam.find_boxes`.
        engine
            "cpu": Numba; "reference": NumPy and scikit-image; "cuda": CuPy, on the feature maps that a CUDA provider
            leaves on its device. "auto" is "cuda" there, if CuPy can be used, else "cpu"; see `Explanation.engine`.
        batch_size
            Masked images, or feature maps, that go through the model at once, for masking methods; None: as many as
            take some 256 MB. The maps are the same, but for rounding.
        progress
            Called with (done, total) after each batch of these methods, for a bar on the screen; an exception that it
            raises ends the work. It begins again where a model turns out to mix the items of a batch, and is run on one
            after another.
        on_error
            "raise": an image that can't be explained is an error that names it. "skip": it is left out, and stands in
            `Explanation.failures`; an error all the same if no image is left.
        keep_images
            Keep the pixels of each image in `Explanation.images`, so that notebooks show the maps over them: H·W·3
            bytes each, a copy of arrays. Signals, volumes, clips and tensors have none: an error.

        Returns
        -------
        Explanation
            Maps (N, M, h, w) float32, boxes (N, M, 4) int32 xyxy in each image's own pixels, scores (N, M) float32 and
            logits (N, K) float32; N = 1 for one image.

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
        >>> import numpy as np
        >>> from skimage.data import chelsea
        >>> path = str(files("fastcam.data") / "squeezenet1_1.onnx")
        >>> model = fastcam.load(path, labels="imagenet", preprocess="caffe-bgr")
        >>> explanation = model.explain(chelsea(), top=2)
        >>> [model.labels[i] for i in explanation.class_index[0]]
        ['Egyptian cat', 'tiger cat']
        >>> explanation.activation_maps.shape, explanation.boxes.xyxy.shape
        ((1, 2, 13, 13), (1, 2, 4))
        >>> batch = np.zeros((8, 3, 224, 224), np.float32)
        >>> model.explain(tensors=batch, class_index="tabby").image_sizes.shape
        (8, 2)
        """
        if on_error not in ("raise", "skip"):
            raise InputError(f"on_error: expected 'raise' or 'skip'; got {on_error!r}")
        given = Given.of(self.vision, images, tensors, region, constants, keep_images)
        options = self.vision.options(
            len(given.images),
            top=top,
            class_index=class_numbers(class_index, self.labels),
            method=method,
            layer=layer,
            convention=convention,
            threshold=threshold,
            connectivity=connectivity,
            engine=engine,
            batch_size=batch_size,
            progress=progress,
        )
        return explanations.explain(self.vision, self.labels, given, options, on_error == "skip")

    def input_gradient(
        self,
        images: Any = None,
        *,
        tensors: Any = None,
        region: Any = None,
        constants: Mapping[str, ArrayLike] | None = None,
        top: int = 1,
        class_index: Classes | None = None,
        method: str = "saliency",
        samples: int = 1,
        noise: float = 0.15,
        seed: int = 0,
        layer: str | None = None,
    ) -> InputGradient:
        """Compute gradients of logits at the network input, or variants of them, of one or many images.

        The whole model runs forward and backward, in float32, once for each image, class and sample; uint8 inputs are
        taken as the same values in float32. A method's first call opens a session that holds the weights again; while
        it runs, memory is about that of training on one image.

        Parameters
        ----------
        images, tensors, region, constants, top, class_index
            As in `explain`.
        method
            Name of an `InputMethod` of `fastcam.methods.METHODS`, which has formulas and papers.
        samples, noise, seed
            SmoothGrad (Smilkov et al. 2017) on top of any: the mean over `samples` copies of the network input with
            normal noise, whose standard deviation is the share `noise` of the input's range. 1: without noise.
        layer
            Name of a tensor to go back to in place of the method's own: feature maps that every path to the logits
            crosses, or the network input, `Classifier.input.name`.

        Returns
        -------
        InputGradient
            Raw gradients (N, M, C, H, W), and maps (N, M, H, W) made of them, float32, for `find_boxes` and `overlay`.

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
        given, smoothing = (
            Given.of(self.vision, images, tensors, region, constants),
            Smoothing.checked(samples, noise, seed),
        )
        table.of_input(method, layer)
        index, count = class_numbers(class_index, self.labels), len(given.images)
        options = self.vision.options(count, top=top, class_index=index, method=method, engine="cpu")
        return explanations.input_gradient(self.vision, self.labels, given, options, smoothing, layer)

    def stream(
        self,
        frames: Iterable[Any] | AsyncIterable[Any],
        *,
        top: int = 1,
        class_index: Classes | None = None,
        every: int = 1,
        workers: int | None = None,
        queue: int = 2,
        drop: Literal["oldest"] | None = None,
        steady: Steady | None = None,
        method: str = "auto",
        layer: str | Sequence[str] | None = None,
        convention: str = "paper",
        threshold: float | None = None,
        connectivity: int | None = None,
        engine: str = "auto",
    ) -> Stream:
        """Explain the frames of a video or camera, several at once, in order.

        Parameters
        ----------
        frames
            An iterable, or asynchronous iterable, of (H, W, 3) uint8 RGB arrays, or of pairs of one and its time in
            seconds. It is read by a thread of its own, or by the running event loop.
        every
            Explain one frame of this many; those between come with the explanation before them.
        workers
            Frames in work at once; None: one for each processor. Models loaded with `threads=1` make the most of them.
        queue
            Frames that may wait for a worker, and results that may wait to be taken: memory is bounded.
        drop
            "oldest": a source that doesn't wait; where the queue is full, the oldest frame in it is left out.
            `Stream.dropped` counts them. None: the source waits.
        steady
            Keep maps, boxes and classes from flickering: see `fastcam.Steady`. None: each frame is explained by
            itself, as by `explain`.
        top, class_index, method, layer, convention, threshold, connectivity, engine
            As in `explain`, for one image.

        Returns
        -------
        Stream
            Pairs (frame, `Explanation`), by `for`, or by `async for`, which an asynchronous source needs. Close it, or
            use it in a `with` block, to stop early: its threads then end. `Explanation.frame_index`, `timestamp` and
            `timings` are set.

        Raises
        ------
        InputError
            An option out of range, at once; a frame that can't be explained, in its place, with its number. Errors of
            the source come in their place as well, after all frames before them.

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
        options = self.vision.options(
            top=top,
            class_index=class_numbers(class_index, self.labels),
            method=method,
            layer=layer,
            convention=convention,
            threshold=threshold,
            connectivity=connectivity,
            engine=engine,
        )
        work = explanations.frame_work(self.vision, self.labels, options, steady)
        return open_stream(work, frames, every=every, workers=workers, queue=queue, drop=drop)

    def with_classes(
        self, weights: ArrayLike, bias: ArrayLike, *, labels: Iterable[str] | None = None, activation: str = "softmax"
    ) -> Self:
        """Return a `Classifier` of other classes: the same network, with logits `S = weights · features + bias`.

        Its class activation maps are exact, whatever the kind of this head. The session is shared with this one. It
        lacks what needs these logits in the model's file: `explain(layer=...)`, `input_gradient` and its methods, and
        `head.save`.

        Parameters
        ----------
        weights, bias
            (K, C) and (K,), such as `coef_` and `intercept_` of scikit-learn's `LogisticRegression` or `LinearSVC` that
            was trained on `features`. One row is one class against all else, whose score is a sigmoid.
        labels
            Names of the classes.
        activation
            What makes scores of logits: "softmax", or "sigmoid" for classes that don't exclude one another, and for a
            single one; "none": the logits are values.

        Returns
        -------
        Classifier

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
        head = head_with_classes(self.head, weights, bias, activation)
        return type(self)(
            Reclassified(self.vision.session, head),
            head,
            labels=None if labels is None else read_labels(labels, head.classes),
            preprocess=self.preprocess,
            preprocess_origin=self.preprocess_origin,
            preprocess_details=self.preprocess_details,
            path=self.path,
            activation="none" if activation == "none" else None,
            base=self,
        )


def reopen_with_classes(base: Classifier, head: Head, labels: tuple[str, ...] | None) -> Classifier:
    """Put the classes of a head that `with_classes` made on a model, as they were before it was pickled."""
    return base.with_classes(head.class_weights, head.bias, labels=labels, activation=head.activation)
