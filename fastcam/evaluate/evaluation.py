"""Evaluate models and methods on a data set, in steps that can be interrupted, shared out and put together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fastcam import __version__
from fastcam.classifier import Classifier
from fastcam.errors import InputError
from fastcam.evaluate.annotations import Annotations
from fastcam.evaluate.protocol import OF_BEST, OF_BOXES, OF_MASKS, Protocol
from fastcam.evaluate.records import Batch, as_json, batches_of, begun
from fastcam.evaluate.scoring import BASELINES
from fastcam.evaluate.tables import write_results
from fastcam.evaluate.tallying import Tallying
from fastcam.explained import Plan

Progress = Callable[[int, int], object]
Plans = Mapping[str, Mapping[str, Plan]]


def evaluate(
    models: Classifier | Mapping[str, Classifier],
    annotations: Annotations,
    folder: str | Path,
    *,
    methods: Sequence[str] = ("auto",),
    layer: str | Sequence[str] | None = None,
    protocol: Protocol | None = None,
    data: str = "",
    strict: bool = True,
    batch: int = 64,
    shard: tuple[int, int] = (1, 1),
    force: bool = False,
    progress: Progress | None = None,
    note: Callable[[str], object] | None = None,
) -> dict[str, Any]:
    """Figures of each model and method, and of baselines, on a data set; written to a folder as they come.

    The folder gets `plan.json`, what was asked; `batches/000000.npz` and so on, each whole or not at all; at the end
    `results.json`, which is what is returned, and `results.md`. Called again with the same arguments after it was
    interrupted, however that was, it goes on after the last whole batch: the results are the same to the byte. They
    depend neither on `batch` nor on shards. A batch that is damaged, or left by another plan, is made anew.

    Parameters
    ----------
    models
        One, named by its file, or several by name, all of the same classes.
    annotations
        See `fastcam.evaluate.read_annotations`.
    folder
        Made if need be. Not for two runs at a time.
    methods, layer
        As in `Classifier.explain`, each method a row.
    protocol
        Metrics, convention and thresholds; None: `Protocol()`.
    data
        Where the annotations come from, to be told in the results.
    strict
        True: a photo or mask that can't be decoded is an error. False: it is listed among the problems.
    batch
        Photos of a file, which is what is lost at most when a run is killed.
    shard
        (i, n): of n parts the i-th, from 1: photos i - 1, i - 1 + n, ... of the data. `merge` puts them together.
    force
        Start anew where the folder has another plan.
    progress
        Told (done, total) after each photo; what it raises ends the work.
    note
        Told of batches that are made anew, in words.

    Returns
    -------
    dict
        Plain values: "plan", "data" with its "problems", "models", "rows" (a model, or None for baselines, and a
        method, with "metrics", 95 % "intervals" by bootstrap, "classes" and "curves"), "labels", and "worst", the
        lowest IoU of each row. None where a figure is NaN.

    Raises
    ------
    InputError
        Before any work: models of other classes than the data has or than each other, a folder of another plan, a
        shard without photos, no metric that the data has boxes or masks for, an option out of range. A photo that can't
        be decoded, if `strict`.
    HeadNotFoundError, GradientError, ModelError
        As `Classifier.explain`; the former before any work.

    Examples
    --------
    >>> from importlib.resources import files
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import fastcam
    >>> from PIL import Image
    >>> from skimage.data import chelsea
    >>> from fastcam.evaluate import Protocol, evaluate, read_annotations
    >>> model = fastcam.load(str(files("fastcam.data") / "squeezenet1_1.onnx"), preprocess="caffe-bgr,fit=stretch")
    >>> with TemporaryDirectory() as folder:
    ...     Image.fromarray(chelsea()).save(Path(folder) / "cat.png")
    ...     boxes = Path(folder) / "boxes.csv"
    ...     _ = boxes.write_text("path,label,x0,y0,x1,y1\\ncat.png,285,70,20,400,300\\n")
    ...     pointing = Protocol(metrics=("pointing",))
    ...     found = evaluate(model, read_annotations(boxes), Path(folder) / "out", protocol=pointing)
    >>> [(row["model"], row["method"], row["metrics"]["pointing"]["accuracy"]) for row in found["rows"]]
    [('squeezenet1_1', 'cam', 1.0), (None, 'centre', 1.0), (None, 'centre-gaussian', 1.0)]
    """
    rule = protocol or Protocol()
    named = {_stem(models): models} if isinstance(models, Classifier) else dict(models)
    _check_models(named, annotations, rule)
    _check_metrics(annotations, rule)
    _check_parts(len(annotations), shard, batch)
    plans = {name: _plans(model, methods, layer, rule) for name, model in named.items()}
    plan = _plan(named, plans, annotations, rule, data) | {"shard": list(shard), "batch": batch}
    records = begun(Path(folder), json.loads(as_json(plan)), force=force)
    batches = batches_of(records)
    tallying = Tallying(named, plans, annotations, rule, strict=strict)
    total, done = sum(len(one.positions) for one in batches), 0
    for one in batches:
        if not _is_sound(one, note):
            columns = tallying.columns(one.positions, _counted(progress, done, total))
            records.write(one.number, columns)
        else:
            _counted(progress, done, total)(len(one.positions))
        done += len(one.positions)
    records.remove_parts()
    return write_results(records.folder, records.plan, batches)


def _counted(progress: Progress | None, done: int, total: int) -> Callable[[int], object]:
    """What tells of so many more photos."""
    return lambda more: progress and progress(done + more, total)


def _is_sound(batch: Batch, note: Callable[[str], object] | None) -> bool:
    """Whether a batch is there, whole and of this plan; if it is there and isn't, that is told."""
    if not batch.exists:
        return False
    try:
        batch.read()
    except InputError as error:
        if note is not None:
            note(f"{error}; it is made anew")
        return False
    return True


def _stem(model: Classifier) -> str:
    return model.path.stem if model.path else "model"


def _check_models(models: Mapping[str, Classifier], annotations: Annotations, protocol: Protocol) -> None:
    """They have the classes of the data, and see what the convention wants them to see."""
    if not models:
        raise InputError("models: expected at least one; got none")
    counts = {name: model.head.classes for name, model in models.items()}
    least = 1 + int(max([-1, *annotations.box_class.tolist(), *annotations.class_index.tolist()]))
    for name, count in counts.items():
        if len(set(counts.values())) > 1 or count < least:
            had = ", ".join(f"{name} has {count}" for name, count in counts.items())
            raise InputError(f"models: expected the same classes of all, {least} or more as the data has; {had}")
        fit = models[name].preprocess.fit
        if protocol.convention == "wsol" and fit != "stretch":
            raise InputError(
                f"convention: 'wsol' expects models that see whole photos, as in its source; {name} has the fit "
                f"{fit!r}. Load it with preprocess=..., such as 'imagenet,fit=stretch'"
            )


def _check_metrics(annotations: Annotations, protocol: Protocol) -> None:
    """The data has what one of the metrics, at least, looks at."""
    wants = {"masks": OF_MASKS, "boxes": (*OF_BEST, *OF_BOXES)}
    has = {"masks": any(annotations.masks), "boxes": len(annotations.boxes) > 0}
    if all(any(name in wants[kind] and not has[kind] for kind in wants) for name in protocol.asked):
        lacks = " and ".join(kind for kind in wants if not has[kind])
        got = f"{', '.join(protocol.asked)}; no {lacks}"
        raise InputError(f"metrics: expected one that the data has truth for; got {got}")


def _plans(model: Classifier, methods: Sequence[str], layer: Any, protocol: Protocol) -> dict[str, Plan]:
    """By the method that it is."""
    rule = protocol.rule
    if isinstance(methods, str) or not methods:
        raise InputError(f"methods: expected one name or more; got {methods!r}")
    plans = [
        model._explainer.plan(1, protocol.top, None, method, rule.name, rule.threshold, 8, "auto", layer)
        for method in methods
    ]
    found = {plan.method: plan for plan in plans}
    if len(found) < len(plans):
        raise InputError(f"methods: expected each once; got {', '.join(methods)}, which are {', '.join(found)}")
    return found


def _check_parts(images: int, shard: tuple[int, int], batch: int) -> None:
    """There are photos in that part."""
    is_pair = isinstance(shard, tuple | list) and len(shard) == 2 and all(map(_is_whole, shard))
    if not is_pair or not 1 <= shard[0] <= shard[1]:
        raise InputError(f"shard: expected (i, n) with 1 <= i <= n; got {shard!r}")
    if not _is_whole(batch) or batch < 1:
        raise InputError(f"batch: expected 1 photo or more; got {batch!r}")
    if shard[0] > images:
        raise InputError(f"shard: expected no more parts than photos, {images}; {shard[0]}/{shard[1]} has none")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _plan(
    models: Mapping[str, Classifier], plans: Plans, annotations: Annotations, protocol: Protocol, data: str
) -> dict[str, Any]:
    """What is asked, which has to be the same to resume and to merge, and what is told beside."""
    of_models = [{"model": name, "method": method} for name in models for method in plans[name]]
    layers = next(iter(next(iter(plans.values())).values())).layers
    known = [name for name, has in BASELINES.items() if not set(has).isdisjoint(protocol.asked)]
    asked = {
        "models": [
            {
                "name": name,
                "sha256": model.sha256,
                "head": model.head.feature_maps,
                "preprocess": asdict(model.preprocess),
            }
            for name, model in models.items()
        ],
        "layers": list(layers),
        "rows": [*of_models, *({"model": None, "method": name} for name in known)],
        **protocol.record(),
        "images": len(annotations),
        "data": _digest(annotations),
    }
    return {"fastcam": __version__, "asked": asked, "told": _told(models, annotations, data)}


def _told(models: Mapping[str, Classifier], annotations: Annotations, data: str) -> dict[str, Any]:
    first = next(iter(models.values()))
    absent = len(annotations.absent_classes(first.head.classes))
    classes = np.unique(np.concatenate([annotations.box_class, annotations.class_index])).tolist()
    return {
        "data": {"format": annotations.format, "path": data, "absent_classes": absent},
        "problems": [problem._asdict() for problem in annotations.problems],
        "models": [
            {
                "name": name,
                "path": None if model.path is None else str(model.path),
                "sha256": model.sha256,
                "head": model.head.describe(),
                "preprocess": model.preprocess.describe(),
            }
            for name, model in models.items()
        ],
        "labels": {str(index): first.labels[index] for index in classes if first.labels and index >= 0},
    }


def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _digest(annotations: Annotations) -> str:
    """Of what is known of the photos, wherever they lie, of how many bytes each has, and of all masks."""
    one = annotations
    lengths = [path.stat().st_size if path.is_file() else -1 for path in one.paths]
    masks = [[_content(path) for path in files] for files in one.masks], one.mask_class
    ignored = [path and _content(path) for path in one.ignored]
    known = [one.ids, one.class_index, one.boxes, one.box_class, one.offsets, one.sizes, lengths, masks, ignored]
    plain = [value.tolist() if isinstance(value, np.ndarray) else value for value in known]
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()
