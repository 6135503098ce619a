"""Evaluations of models and methods on a data set, in steps that can be interrupted, shared out and merged."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastcam.arrays.scalars import is_whole
from fastcam.classifier.classifier import Classifier
from fastcam.errors import InputError
from fastcam.evaluate.columns import BatchScorer
from fastcam.evaluate.data.annotations import Annotations
from fastcam.evaluate.metrics.terms import TOP
from fastcam.evaluate.plan import plan_of
from fastcam.evaluate.protocol import Protocol
from fastcam.evaluate.records import Batch, as_json, batches_of, begun
from fastcam.evaluate.results import write_results
from fastcam.evaluate.score import plans_of
from fastcam.model.run.batches import Progress

UNSEEN = "of/unseen"


def evaluate(
    models: Classifier | Mapping[str, Classifier],
    annotations: Annotations,
    folder: str | Path,
    *,
    methods: Sequence[str] = ("auto",),
    layer: str | Sequence[str] | None = None,
    protocol: Protocol | None = None,
    data: str | Path = "",
    strict: bool = True,
    batch_size: int = 64,
    shard: tuple[int, int] = (1, 1),
    force: bool = False,
    progress: Progress | None = None,
    note: Callable[[str], object] | None = None,
) -> dict[str, Any]:
    """Evaluate models, methods and baselines on a data set, and write their figures to a folder.

    The folder gets `plan.json`, what was asked for; `batches/000000.npz` and so on, each whole or not at all; at the
    end `results.json`, which is returned as well, and `results.md`. After any interruption, the same call goes on after
    the last whole batch, with the same results to the byte. They depend neither on `batch_size` nor on shards. A batch
    that is damaged, or left by another plan, is made anew.

    Parameters
    ----------
    models
        One model, named by its file, or several by name, all of the same classes.
    annotations
        See `fastcam.evaluate.read_annotations`.
    folder
        It is made if need be. Not for two runs at a time.
    methods, layer
        As in `Classifier.explain`, each method a row.
    protocol
        Metrics, convention and thresholds; None: `Protocol()`, with as many of the best classes as there are.
    data
        Where the annotations come from, for the results.
    strict
        True: a photo or mask that can't be decoded is an error, also when a run is resumed that wasn't strict. False:
        it is listed among the problems.
    batch_size
        The number of photos in a batch, a file each. No more photos than these are lost when a run is killed.
    shard
        (i, n): of n parts the i-th, from 1: photos i - 1, i - 1 + n, ... of the data; see `merge_shards`.
    force
        Start anew where the folder has another plan.
    progress
        Called with (done, total) after each photo; what it raises ends the work.
    note
        Called with a text for each batch that is made anew.

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
    [('squeezenet1_1', 'cam', 1.0), (None, 'center', 1.0), (None, 'center-gaussian', 1.0)]
    """
    named = _named(models)
    rule = _protocol(protocol, named)
    if not isinstance(annotations, Annotations):
        raise InputError(f"annotations: expected what read_annotations returns; got {annotations!r:.80}")
    _check_models(named, annotations, rule)
    _check_levels(named)
    _check_metrics(annotations, rule)
    _check_parts(len(annotations), shard, batch_size)
    plans = {name: plans_of(model, methods, layer, rule) for name, model in named.items()}
    plan = plan_of(named, plans, annotations, rule, str(data))
    plan |= {"shard": list(map(int, shard)), "batch_size": int(batch_size)}
    records = begun(Path(folder), json.loads(as_json(plan)), force=force)
    batches = batches_of(records)
    scorer = BatchScorer(named, plans, annotations, rule, strict=strict)
    total, done = sum(len(one.positions) for one in batches), 0
    for one in batches:
        if not _is_sound(one, strict, note):
            columns = scorer.columns(one.positions, _counted(progress, done, total))
            records.write(one.number, columns)
        else:
            _counted(progress, done, total)(len(one.positions))
        done += len(one.positions)
    records.remove_parts()
    return write_results(records.folder, records.plan, batches)


def _counted(progress: Progress | None, done: int, total: int) -> Callable[[int], object]:
    """Return a function that reports photos of this batch, after those that are done."""
    return lambda more: progress and progress(done + more, total)


def _is_sound(batch: Batch, strict: bool, note: Callable[[str], object] | None) -> bool:
    """Return whether a batch is there, whole, of this plan and as strict; note if it is there and isn't that."""
    if not batch.exists:
        return False
    try:
        if len(batch.read(UNSEEN)[UNSEEN]) and strict:
            raise InputError(f"{batch.records.path(batch.number)}: some of its photos couldn't be decoded")
    except InputError as error:
        if note is not None:
            note(f"{error}; it is made anew")
        return False
    return True


def _named(models: Any) -> dict[str, Classifier]:
    """Return the models by name, or raise `InputError`."""
    found = {models.path.stem if models.path else "model": models} if isinstance(models, Classifier) else models
    if not isinstance(found, Mapping) or not all(isinstance(one, Classifier) for one in found.values()):
        raise InputError(f"models: expected a Classifier, or several by name; got {models!r:.80}")
    if not found:
        raise InputError("models: expected at least one; got none")
    return {str(name): model for name, model in found.items()}


def _protocol(given: Any, models: Mapping[str, Classifier]) -> Protocol:
    """Return the protocol that is given, or the default one for that many classes."""
    if given is None:
        return Protocol(top=min(TOP, *(model.head.classes for model in models.values())))
    if not isinstance(given, Protocol):
        raise InputError(f"protocol: expected a Protocol, such as Protocol(convention='wsol'); got {given!r:.80}")
    return given


def _check_models(models: Mapping[str, Classifier], annotations: Annotations, protocol: Protocol) -> None:
    """Check that models have the classes of the data, and see what the convention wants, or raise `InputError`."""
    counts = {name: model.head.classes for name, model in models.items()}
    least = 1 + max(annotations.used_classes(), default=-1)
    for name, count in counts.items():
        if len(set(counts.values())) > 1 or count < least:
            had = ", ".join(f"{name} has {count}" for name, count in counts.items())
            raise InputError(f"models: expected the same classes of all, {least} or more as the data has; {had}")
        fit = models[name].preprocess.fit
        if protocol.convention == "wsol" and fit not in ("stretch", "whole"):
            raise InputError(
                f"convention: 'wsol' expects models that see whole photos, as in its source; {name} has the fit "
                f"{fit!r}. Load it with preprocess=..., such as 'imagenet,fit=stretch'"
            )


def _check_levels(models: Mapping[str, Classifier]) -> None:
    """Check that models see the same picture in each file, or raise `InputError`."""
    levels = {name: model.preprocess.levels for name, model in models.items()}
    if len(set(levels.values())) > 1:
        raise InputError(f"models: expected the same levels in the preprocessing of all; got {levels}")


def _check_metrics(annotations: Annotations, protocol: Protocol) -> None:
    """Check that the data has what one of the metrics, at least, needs, or raise `InputError`."""
    has = {None: True, "masks": any(annotations.masks), "boxes": len(annotations.boxes) > 0}
    if not any(has[kind.group.truth] for kind in protocol.kinds.values()):
        lacks = " and ".join(truth for truth in has if truth and not has[truth])
        got = f"{', '.join(protocol.asked)}; no {lacks}"
        raise InputError(f"metrics: expected one that the data has truth for; got {got}")


def _check_parts(images: int, shard: tuple[int, int], batch_size: int) -> None:
    """Check that there are photos in that shard, or raise `InputError`."""
    is_pair = isinstance(shard, tuple | list) and len(shard) == 2 and all(map(is_whole, shard))
    if not is_pair or not 1 <= shard[0] <= shard[1]:
        raise InputError(f"shard: expected (i, n) with 1 <= i <= n; got {shard!r}")
    if not is_whole(batch_size) or batch_size < 1:
        raise InputError(f"batch_size: expected 1 photo or more; got {batch_size!r}")
    if shard[0] > images:
        raise InputError(f"shard: expected no more parts than photos, {images}; {shard[0]}/{shard[1]} has none")
