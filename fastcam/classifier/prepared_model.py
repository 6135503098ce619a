"""Model with its head, preprocessing and class names, ready to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.classifier.given import Given
from fastcam.classifier.pooled_features import features_of
from fastcam.classifier.vision import Vision
from fastcam.errors import InputError
from fastcam.images.fit import check_channels, default_preprocess, for_rank, is_of_frames, target_size, value_range
from fastcam.images.preprocessing import NAMED, Preprocess
from fastcam.methods.attribution import Attribution
from fastcam.model.file.source import Source, read_source
from fastcam.model.head.discovery import discover
from fastcam.model.head.head import Activation, Head
from fastcam.model.head.probes import NORMALIZED
from fastcam.model.head.scores import scoring
from fastcam.model.head.search import Candidate
from fastcam.model.opened_model import OpenedModel
from fastcam.model.run.session import Opening, Session

# Attributes that a pickle has beside the model and its head.
KEPT = (
    *("labels", "labels_origin", "labels_details", "preprocess", "preprocess_origin", "preprocess_details"),
    "candidates",
)


class PreparedModel:
    """A model that runs, and where all that is known of it comes from: the base of `Classifier`, which explains.

    Attributes
    ----------
    head
        The proven `Head`.
    vision
        The way of a photo through the network, step by step (`fastcam.classifier.Vision`).
    labels, labels_origin, labels_details
        Class names, or None; where they come from: "argument", a part of the model's file ("metadata (Ultralytics)",
        "graph (ZipMap)"), the path of a file beside it, or "none"; and why others that were found weren't taken.
    activation, activation_origin
        What makes scores of the logits: "softmax", "sigmoid", "none", or "probabilities" or "other" where they are the
        model's own; and why it does.
    preprocess, preprocess_origin, preprocess_details
        The `Preprocess`; where it comes from: "argument", or the places that state parts of it, as for labels, with
        "default" last where some are assumed; and what was taken from them, assumed and changed.
    input, outputs
        The model's `ImageInput`, and the names of its own outputs.
    provider
        The ONNX Runtime provider that runs the model.
    path, sha256
        Path and digest of the model, external data counted in; None if unknown.
    candidates, seconds
        Tensors that were examined to find the head, last ones first, and the seconds that opening and proving took.
    """

    def __init__(
        self,
        session: Session,
        head: Head,
        *,
        labels: tuple[str, ...] | None = None,
        labels_origin: str = "argument",
        labels_details: str = "",
        preprocess: Preprocess | None = None,
        preprocess_origin: str = "argument",
        preprocess_details: str = "",
        path: Path | None = None,
        source: Source | None = None,
        opening: Opening | None = None,
        candidates: Sequence[Candidate] = (),
        seconds: float = 0.0,
        activation: str | None = None,
        base: PreparedModel | None = None,
    ) -> None:
        # Absolute, as the working directory may change before the model is pickled.
        self._source = Source(source.path.absolute()) if source and source.path else source
        self._opening, self._base = opening, base
        self.head = head
        self.labels = labels
        self.labels_origin = labels_origin if labels or labels_origin != "argument" else "none"
        self.labels_details = labels_details
        self.input = session.input
        self.outputs = session.outputs
        self.provider = session.provider
        self.path = path
        self.sha256 = head.sha256 or None
        self.candidates, self.seconds = tuple(candidates), seconds
        given = preprocess or default_preprocess(session.input)
        self.preprocess_origin = preprocess_origin if preprocess else "default"
        self.preprocess_details = preprocess_details
        try:
            self.preprocess = for_rank(given, self.input)
            check_channels(self.preprocess, self.input)
            target = target_size(self.preprocess, self.input)
        except InputError as error:
            hint = "" if self.preprocess_origin == "argument" else "; give preprocess="
            raise InputError(f"{error} (preprocess from: {self.preprocess_origin}){hint}") from error
        self._wanted_activation, how = activation, scoring(head, activation)
        self.activation: Activation = how.activation
        self.activation_origin = how.origin
        is_known = session.input.rank == 2 or is_of_frames(self.preprocess, session.input)
        pixels = value_range(self.preprocess) if is_known else NORMALIZED
        opened = OpenedModel(source, opening, head, target, session, pixels)
        self.vision = Vision(session, head, self.preprocess, target, how, Attribution(opened))

    def __repr__(self) -> str:
        described = f"{self.head.describe()}; preprocess {self.preprocess.describe()}"
        return f"<fastcam.{type(self).__name__} {self.path or ''}: {described}>"

    def __copy__(self) -> Self:
        """Return another object over the same session."""
        made = object.__new__(type(self))
        vars(made).update(vars(self))
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Return a function that opens the model again by path or bytes, head and options, and its arguments.

        Raises
        ------
        InputError
            The model was opened with objects of ONNX Runtime, which can't be pickled.
        """
        if self._source is None or self._opening is None or self._opening.options is not None:
            what = "a session" if self._opening is None else "session_options"
            raise InputError(
                f"expected a model without {what} of your own, which ONNX Runtime can't pickle or copy; got one with. "
                "Load the model where it is used, or by its path: fastcam.load and fastcam.classifier.Worker take one"
            )
        options = {name: getattr(self, name) for name in KEPT} | {"activation": self._wanted_activation}
        return reopen, (type(self), self._source, self._opening, self.head, options)

    @property
    def assumed(self) -> str | None:
        """Assumptions about the model, in words, where nothing says how it wants its input; else None."""
        if not self.preprocess_origin.endswith("default"):  # alone, or after what states a part
            return None
        name = next((name for name, spec in NAMED.items() if spec == self.preprocess), self.preprocess.describe())
        labels = f"{len(self.labels)}, {self.labels_origin}" if self.labels else "none"
        return f"preprocess: {name}, assumed; labels: {labels}"

    def run(self, images: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run tensors that are preprocessed already.

        Parameters
        ----------
        images
            Network inputs (N, ...) in the model's own layout, size and dtype (`Classifier.input`).

        Returns
        -------
        logits
            (N, K) float32.
        feature_maps
            (N, C, h, w) float32.

        Raises
        ------
        InputError
            Another shape or dtype.
        ModelError
            ONNX Runtime failed while running, or the identity fails at this size (the model leaves its size open, but
            pools a part of fixed size): `HeadNotFoundError`.
        """
        logits, maps, _ = self.vision.run(images)
        return logits, np.ascontiguousarray(self.head.arranged(maps.shape).channels_first(maps), np.float32)

    def features(
        self, images: Any = None, *, tensors: Any = None, constants: Mapping[str, ArrayLike] | None = None
    ) -> NDArray[np.float32]:
        """Compute the pooled features of one or many images, for `with_classes`: the mean of each feature map.

        Zhou et al. 2016, section 4, "generic localizable features". Whatever the kind of the head, they are means over
        all places of `head.feature_maps`; for kind "cam" the model's own logits are linear in them.

        Parameters
        ----------
        images, tensors, constants
            As in `Classifier.explain`.

        Returns
        -------
        (N, C) float32.

        Raises
        ------
        InputError, ModelError
            As `Classifier.explain`.
        """
        return features_of(self.vision, Given.of(self.vision, images, tensors, None, constants))


def reopen(
    kind: type[PreparedModel], source: Source, opening: Opening, head: Head, options: Mapping[str, Any]
) -> PreparedModel:
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
