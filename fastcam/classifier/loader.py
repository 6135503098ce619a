"""Open a model once: from a file to a `Classifier`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from fastcam.arrays.checks import check_unmasked
from fastcam.arrays.pool import check_threads
from fastcam.classifier.classifier import Classifier
from fastcam.classifier.configuration import named_classes, wanted
from fastcam.classifier.labels import Labels
from fastcam.classifier.stated.evidence import Evidence
from fastcam.errors import AssumedPreprocessWarning, InputError, LabelsWarning
from fastcam.images.fit import default_preprocess, is_of_frames
from fastcam.images.preprocessing import Preprocess
from fastcam.model.file.source import read_source
from fastcam.model.head.discovery import Discovery, discover, verify
from fastcam.model.head.head import OWN, Head
from fastcam.model.head.scores import check_activation
from fastcam.model.run.session import Opening, Session

if TYPE_CHECKING:
    import onnxruntime as ort

    from fastcam.model.run.providers import Provider


def load(
    model: str | os.PathLike[str] | bytes | ort.InferenceSession,
    *,
    head: str | Head | None = None,
    output: str | None = None,
    labels: Labels | None = None,
    preprocess: str | Preprocess | Mapping[str, Any] | None = None,
    providers: Sequence[Provider] | None = None,
    threads: int | None = None,
    session_options: ort.SessionOptions | None = None,
    activation: str | None = None,
    constants: Mapping[str, ArrayLike] | None = None,
) -> Classifier:
    """Open a model, find its head, and prove that the head's maps belong to the logits.

    Parameters
    ----------
    model
        Path of an .onnx file (external data beside it), its bytes, or an `onnxruntime.InferenceSession` that returns
        the feature maps and logits already (then `head` must be a `Head`).
    head
        The name of the feature maps' tensor, or a whole `Head`: proven like one that is found. A head that was found
        before (`Head.load`) is taken as it is, for the same model and ONNX Runtime: nothing is searched. For a session
        of your own, which can't be taken apart, the identity is held on two probe images.
    output
        The output to explain, where more than one has a head.
    labels
        "imagenet", a text file with one name a line, a CSV, JSON or YAML file with a list or mapping of them, or the
        names. None: those that the model's metadata or graph or the files beside it state, if they fit; see
        `fastcam.classifier.stated`. `Classifier.labels_origin` says where they are from.
    preprocess
        A name, mapping or `Preprocess` (see `fastcam.images.preprocess`). None: what the model's metadata and the
        files beside it state, in this order, else "imagenet" ("raw" for uint8 inputs, "unit" in grey for one channel),
        with a warning. `Classifier.preprocess_origin` says which. Changes alone, such as "fit=stretch", are those of
        what None would be.
    providers
        Of ONNX Runtime, in order; strictly these. None: CPUExecutionProvider.
    threads
        Of one run of the model. None: one for each processor that this process may use.
    session_options
        Your own, in place of fastcam's (which sets threads and turns spinning off). Custom operators are registered
        on these.
    activation
        What makes scores of the logits: "softmax", "sigmoid", or "none" where they are values, as of a regression.
        None: what the model itself does; if it returns logits, softmax for several and "none" for a single one.
        `Classifier.activation_origin` tells why.
    constants
        Values of the model's other inputs, by name, if it has more than the images.

    Returns
    -------
    Classifier
        The opened model, which explains photos and streams. `head`, `labels_origin`, `preprocess_origin` and
        `activation_origin` give what was found and chosen.

    Raises
    ------
    ModelError
        The file can't be read, isn't ONNX, has other than one image input, or ONNX Runtime can't load it.
    HeadNotFoundError
        No tensor of feature maps, or several heads that fit; `.reasons` and `.candidates` say more. A head without
        exact class activation maps loads (`Classifier.head.kind` says so), and is explained by the gradient.
    BackendError
        A provider isn't there.
    InputError
        An option, the labels or the preprocessing don't fit the model.

    Warns
    -----
    AssumedPreprocessWarning
        Nothing says how the model wants its input.
    LabelsWarning
        Class names that the model's file or folder states don't fit it, and aren't used.

    Examples
    --------
    >>> from importlib.resources import files
    >>> path = str(files("fastcam.data") / "squeezenet1_1.onnx")
    >>> model = load(path, labels="imagenet", preprocess="caffe-bgr")
    >>> model.head.classes, model.head.pooling, model.labels[281]
    (1000, 'GlobalAveragePool → Flatten', 'tabby')
    """
    import onnxruntime as ort

    for name, value in (constants or {}).items():
        check_unmasked(f"constants: {name!r}", value)
    values = {name: np.asarray(value) for name, value in (constants or {}).items()}
    _check_options(head, output, threads, session_options, activation)
    path = source = opening = None
    if isinstance(model, ort.InferenceSession):
        if not isinstance(head, Head) or providers or threads or session_options:
            raise InputError(
                "model: with a session of your own give head=Head(...) and no providers, threads or options"
            )
        evidence = Evidence(model.get_modelmeta().custom_metadata_map)
        told = wanted(preprocess, evidence)
        own = [head.output] if head.activation in OWN else []
        session = Session(model, [head.feature_maps, head.logits, *own], constants=values)
        found = Discovery(session, verify(session, head, told.size))
    else:
        source = read_source(model)
        path = source.path
        evidence = Evidence.of(source)
        told = wanted(preprocess, evidence)
        chosen = ("CPUExecutionProvider",) if providers is None else providers
        opening = Opening(chosen, threads, session_options, values)
        found = discover(source, opening, head, output, told.size)
    made = Classifier(
        found.session,
        found.head,
        **named_classes(labels, evidence, found.head.classes),
        **told.for_model(default_preprocess(found.session.input)),
        path=path,
        source=source,
        opening=opening,
        candidates=found.candidates,
        seconds=found.seconds,
        activation=activation,
    )
    _warn(made)
    return made


def _warn(model: Classifier) -> None:
    """Warn of what is assumed, where the caller of `load` stands."""
    if model.assumed:
        hint = "Give preprocess=..., as the model was trained"
        if (model.input.rank, model.input.channels) == (3, 3) and not is_of_frames(model.preprocess, model.input):
            hint += "; for clips preprocess='imagenet,...' or the like, which prepares each frame as a photo"
        warnings.warn(f"{model.assumed}. {hint}", AssumedPreprocessWarning, 3)
    if model.labels_details:
        warnings.warn(f"labels: {model.labels_details}. Give labels=...", LabelsWarning, 3)


def _check_options(head: Any, output: Any, threads: int | None, session_options: Any, activation: Any) -> None:
    import onnxruntime as ort

    check_threads(threads)
    check_activation(activation)
    if session_options is not None and threads is not None:
        raise InputError("threads: set it on the session_options that you give")
    if session_options is not None and not isinstance(session_options, ort.SessionOptions):
        raise InputError(f"session_options: expected onnxruntime.SessionOptions; got {type(session_options).__name__}")
    if not isinstance(head, str | Head | None) or not isinstance(output, str | None):
        raise InputError("head, output: expected the name of a tensor, for head also a Head; got something else")
    if isinstance(head, Head) and output is not None:
        raise InputError("output: a whole Head says itself which logits it explains")
