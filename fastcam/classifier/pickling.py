"""Pickles of classifiers: the model's path or bytes, its head and its options, opened again after unpickling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fastcam.errors import InputError
from fastcam.model.file.source import Source, read_source
from fastcam.model.head.discovery import discover
from fastcam.model.head.head import Head
from fastcam.model.run.session import Opening

if TYPE_CHECKING:
    from fastcam.classifier.classifier import Classifier
    from fastcam.classifier.prepared_model import PreparedModel

KEPT = ("labels", "labels_origin", "preprocess", "preprocess_origin", "preprocess_details", "candidates")


def reduce(
    model: PreparedModel,
    source: Source | None,
    opening: Opening | None,
    base: PreparedModel | None,
    activation: str | None,
) -> tuple[Any, ...]:
    """Return the value of `PreparedModel.__reduce__`: a function that opens the model again, and its arguments.

    Parameters
    ----------
    base
        The classifier that has given this one its session, by `with_classes`.
    activation
        What the caller of `fastcam.load` wanted.

    Raises
    ------
    InputError
        The model was opened with objects of ONNX Runtime, which can't be pickled.
    """
    if base is not None:
        return reopen_with_classes, (base, model.head, model.labels)
    if source is None or opening is None or opening.options is not None:
        what = "a session" if opening is None else "session_options"
        raise InputError(
            f"expected a model without {what} of your own, which ONNX Runtime can't pickle or copy; got one with. "
            "Load the model where it is used, or by its path: fastcam.load and fastcam.classifier.Worker take one"
        )
    options = {name: getattr(model, name) for name in KEPT} | {"activation": activation}
    return reopen, (type(model), source, opening, model.head, options)


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


def reopen_with_classes(base: Classifier, head: Head, labels: tuple[str, ...] | None) -> Classifier:
    """Put the classes of a head that `with_classes` made on a model, as they were before it was pickled."""
    return base.with_classes(head.class_weights, head.bias, labels=labels, activation=head.activation)
