"""Open a model once: from a file to a `Classifier`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastcam.classifier import Classifier
from fastcam.discovery import Opening, discover, verify
from fastcam.errors import InputError
from fastcam.labels import read_labels
from fastcam.model.head import Head
from fastcam.model.source import read_source
from fastcam.pool import check_threads
from fastcam.preprocess import Preprocess, neighbouring
from fastcam.preprocess import preprocess as as_preprocess
from fastcam.session import Session

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
        Where automatic search fails: the name of the feature maps' tensor, or a whole `Head`. Proven all the same, but
        for a session of your own, which can't be taken apart: there the identity is held on two probe images.
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
    >>> path = str(files("fastcam.data") / "squeezenet1_1.onnx")
    >>> model = load(path, labels="imagenet", preprocess="caffe-bgr")
    >>> model.head.classes, model.head.pooling, model.labels[281]
    (1000, "GlobalAveragePool '/gap/GlobalAveragePool'", 'tabby')
    """
    import onnxruntime as ort

    spec, origin = (None, "default") if preprocess is None else (as_preprocess(preprocess), "argument")
    check_threads(threads)
    if session_options is not None and threads is not None:
        raise InputError("threads: set it on the session_options that you give")
    if session_options is not None and not isinstance(session_options, ort.SessionOptions):
        raise InputError(f"session_options: expected onnxruntime.SessionOptions; got {type(session_options).__name__}")
    if not isinstance(head, str | Head | None) or not isinstance(output, str | None):
        raise InputError("head, output: expected the name of a tensor, for head also a Head; got something else")
    if isinstance(head, Head) and output is not None:
        raise InputError("output: a whole Head says itself which logits it explains")
    path = sha256 = None
    if isinstance(model, ort.InferenceSession):
        if not isinstance(head, Head) or providers or threads or session_options:
            raise InputError(
                "model: with a session of your own give head=Head(...) and no providers, threads or options"
            )
        session = Session(model, [head.feature_maps, head.logits])
        proven = verify(session, head, spec.size if spec else None)
    else:
        source = read_source(model)
        path = source.path
        if spec is None and path is not None and (found := neighbouring(path)) is not None:
            spec, origin = found[0], str(found[1])
        opening = Opening(("CPUExecutionProvider",) if providers is None else providers, threads, session_options)
        session, proven, external = discover(source, opening, head, output, spec.size if spec else None)
        sha256 = source.sha256(external)
    return Classifier(
        session,
        proven,
        labels=None if labels is None else read_labels(labels, proven.classes),
        preprocess=spec,
        preprocess_origin=origin,
        path=path,
        sha256=sha256,
    )
