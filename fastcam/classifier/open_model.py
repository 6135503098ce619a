"""A model that is open: what can be had of it besides explanations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam import methods
from fastcam.arrays import engines
from fastcam.classifier.explainer import Explainer
from fastcam.classifier.features import Reclassified, features, with_classes
from fastcam.classifier.labels import read_labels
from fastcam.errors import InputError
from fastcam.images.fit import check_channels, default_preprocess, target_size, value_range
from fastcam.images.photos import each_photo
from fastcam.images.preprocessing import NAMED, Preprocess
from fastcam.methods.attribution import Attribution
from fastcam.model.file.source import Source, read_source
from fastcam.model.gradient.at_input import Smoothing
from fastcam.model.head.discovery import discover
from fastcam.model.head.head import Activation, Head
from fastcam.model.head.scores import scoring
from fastcam.model.head.search import Candidate
from fastcam.model.opened_model import OpenedModel
from fastcam.model.run.session import Opening, Session
from fastcam.results import InputGradient


class OpenModel:
    """A classifier with its head and preprocessing: logits, feature maps, features, gradients. See `Classifier`."""

    def __init__(
        self,
        session: Session,
        head: Head,
        *,
        labels: tuple[str, ...] | None = None,
        labels_origin: str = "argument",
        preprocess: Preprocess | None = None,
        preprocess_origin: str = "argument",
        preprocess_details: str = "",
        path: Path | None = None,
        source: Source | None = None,
        opening: Opening | None = None,
        candidates: Sequence[Candidate] = (),
        seconds: float = 0.0,
        activation: str | None = None,
        base: OpenModel | None = None,
    ) -> None:
        # Of a model that is pickled after the working directory has changed.
        self._source = Source(source.path.absolute()) if source and source.path else source
        self._opening, self._base = opening, base
        self.head = head
        self.labels = labels
        self.labels_origin = labels_origin if labels or labels_origin != "argument" else "none"
        self.input = session.input
        self.outputs = session.outputs
        self.provider = session.provider
        self.path = path
        self.sha256 = head.sha256 or None
        self.candidates, self.seconds = tuple(candidates), seconds
        self.preprocess = preprocess or default_preprocess(session.input)
        self.preprocess_origin = preprocess_origin if preprocess else "default"
        self.preprocess_details = preprocess_details
        try:
            check_channels(self.preprocess, self.input)
            target = target_size(self.preprocess, self.input)
        except InputError as error:
            raise InputError(f"{error} (preprocess from: {self.preprocess_origin})") from error
        self._wanted_activation, how = activation, scoring(head, activation)
        self.activation: Activation = how.activation
        self.activation_origin = how.origin
        opened = OpenedModel(source, opening, head, target, session, value_range(self.preprocess))
        self._explainer = Explainer(session, head, self.preprocess, target, labels, how, Attribution(opened))

    def __repr__(self) -> str:
        described = f"{self.head.describe()}; preprocess {self.preprocess.describe()}"
        return f"<fastcam.{type(self).__name__} {self.path or ''}: {described}>"

    def __copy__(self) -> Self:
        """Return another object over the same session."""
        made = object.__new__(type(self))
        vars(made).update(vars(self))
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the model's path or bytes, its head and its options: it is opened where it is unpickled.

        Raises
        ------
        InputError
            It was opened with objects of ONNX Runtime, which can't be pickled.
        """
        if self._base is not None:
            return with_classes_again, (self._base, self.head, self.labels)
        if self._source is None or self._opening is None or self._opening.options is not None:
            what = "a session" if self._opening is None else "session_options"
            raise InputError(
                f"expected a model without {what} of your own, which ONNX Runtime can't pickle or copy; got one with. "
                "Load the model where it is used, or by its path: fastcam.load and fastcam.evaluate.Worker take one"
            )
        kept = ("labels", "labels_origin", "preprocess", "preprocess_origin", "preprocess_details", "candidates")
        return reopen, (
            type(self),
            self._source,
            self._opening,
            self.head,
            {name: getattr(self, name) for name in kept} | {"activation": self._wanted_activation},
        )

    @property
    def assumed(self) -> str | None:
        """What is assumed of the model, in words, where nothing says how it wants its input; else None."""
        if self.preprocess_origin != "default":
            return None
        name = next((name for name, spec in NAMED.items() if spec == self.preprocess), self.preprocess.describe())
        labels = f"{len(self.labels)}, {self.labels_origin}" if self.labels else "none"
        return f"preprocess: {name}, assumed; labels: {labels}"

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
    ) -> Self:
        """A `Classifier` of other classes: the same network, with logits `S = weights · features + bias`.

        Its class activation maps are exact, whatever the kind of this head. The session is shared with this one. What
        needs these logits in the model's file can't be had of it: `explain(layer=...)`, `input_gradient` and its
        methods, and `head.save`.

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
        return type(self)(
            Reclassified(self._explainer.session, head),
            head,
            labels=None if labels is None else read_labels(labels, head.classes),
            preprocess=self.preprocess,
            preprocess_origin=self.preprocess_origin,
            preprocess_details=self.preprocess_details,
            path=self.path,
            activation="none" if activation == "none" else None,
            base=self,
        )

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


def reopen(
    kind: type[OpenModel], source: Source, opening: Opening, head: Head, options: Mapping[str, Any]
) -> OpenModel:
    """Open a model whose head is known, as it was before it was pickled.

    Raises
    ------
    ModelError
        The file isn't there, or can't be read.
    HeadNotFoundError
        It is another one than then.
    BackendError
        A provider isn't there.
    """
    source = source if source.path is None else read_source(source.path)
    found = discover(source, opening, replace(head), None, options["preprocess"].size)
    given = {"path": source.path, "source": source, "opening": opening, "seconds": found.seconds, **options}
    return kind(found.session, found.head, **given)


def with_classes_again(base: OpenModel, head: Head, labels: tuple[str, ...] | None) -> OpenModel:
    """Put the classes of a head that `with_classes` made on a model, as they were before it was pickled."""
    return base.with_classes(head.class_weights, head.bias, labels=labels, activation=head.activation)
