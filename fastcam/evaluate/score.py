"""Rows of all metrics, made of a photo, its truth and its maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.classifier.classifier import Classifier
from fastcam.errors import InputError
from fastcam.evaluate.data.annotations import Annotations
from fastcam.evaluate.data.masks import read_mask
from fastcam.evaluate.metrics.baselines import BASELINES
from fastcam.evaluate.metrics.group import BEST
from fastcam.evaluate.metrics.iou import truth_of
from fastcam.evaluate.metrics.localization import KnownLocalization
from fastcam.evaluate.metrics.sample import Best, Network, Sample, Subject
from fastcam.evaluate.protocol import Protocol
from fastcam.images.photos import Photo
from fastcam.images.regions import Part, part_of
from fastcam.methods.options import Options

Rows = dict[str, NDArray[Any]]
RANKED = KnownLocalization.name  # worst cases are those of its lowest IoU
BOX = "box"  # beside the rows of metrics: the boxes of true classes, in the photo's pixels, of worst cases


def plans_of(model: Classifier, methods: Sequence[str], layer: Any, protocol: Protocol) -> dict[str, Options]:
    """Return the options by which a model explains photos, by the name of each method.

    Raises
    ------
    InputError
        No method, one that comes twice, or one that the model doesn't have.
    """
    rule = protocol.rule
    if isinstance(methods, str) or not methods:
        raise InputError(f"methods: expected one name or more; got {methods!r}")
    options: dict[str, Any] = {"convention": rule.name, "threshold": rule.threshold, "layer": layer}
    plans = [model.vision.options(top=protocol.top, method=method, **options) for method in methods]
    found = {plan.method.name: plan for plan in plans}
    if len(found) < len(plans):
        raise InputError(f"methods: expected each once; got {', '.join(methods)}, which are {', '.join(found)}")
    return found


def subject_of(annotations: Annotations, n: int, size: tuple[int, int], *, masks: bool) -> Subject:
    """Return what is true of image n.

    Parameters
    ----------
    size
        (height, width) of the photo.
    masks
        Whether its masks are read.

    Returns
    -------
    Subject

    Raises
    ------
    InputError
        A mask that can't be read, or has an alpha channel.
    """
    first, stop = annotations.offsets[n : n + 2]
    boxes, index = annotations.boxes[first:stop], annotations.box_class[first:stop]
    classes = np.unique(index)
    files: dict[int, list[Path]] = {}
    for file, one in zip(annotations.masks[n], annotations.mask_class[n], strict=True) if masks else ():
        files.setdefault(one, []).append(file)
    return Subject(
        size,
        classes,
        truth_of([boxes[index == one] for one in classes], classes.tolist()),
        truth_of([boxes], [index]),
        {one: read_mask(files[one], annotations.ignored[n], size) for one in sorted(files)},
    )


class Scorer:
    """Scores photos: the rows of each metric, one a photo, class or mask. For one thread, as its metrics are."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self._metrics = {name: protocol.metric(name) for name in protocol.asked}
        groups = {metric.group for metric in self._metrics.values()}
        self._best = protocol.top if BEST in groups else 1
        self._asks_again = any(group.asks_again for group in groups)

    def of_model(
        self, model: Classifier, plans: Mapping[str, Options], photo: Photo, subject: Subject
    ) -> dict[str, tuple[Rows, str]]:
        """Return the rows of each plan, and how its maps were made; the photo goes through the network once for all.

        Where metrics run the model again, and the logits came from a graph of layers, it goes through it once more.

        Raises
        ------
        InputError, ModelError
            As `Classifier.explain`; or the convention wants to see the whole photo.
        """
        vision, options = model.vision, list(plans.values())
        seen = vision.see(photo, next((one for one in options if one.method.needs_gradient), options[0]))
        classes = vision.best(seen, self._best)
        classes = np.concatenate([classes, np.setdiff1d(subject.explained, classes)])
        network = None
        if self._asks_again:
            network = Network(model, seen if seen.at_layers is None else vision.see(photo))
        found = {}
        for name, one in plans.items():
            maps = vision.in_host(vision.maps(seen, classes, one), one)
            sample = self._sample(maps, classes, part_of(seen.region, seen.size), subject, network)
            how = vision.attribution.at(seen.network_input).describe(seen, one)
            found[name] = self._rows(sample, self._metrics), how
        return found

    def of_baseline(self, name: str, subject: Subject) -> Rows:
        """Return the rows of a baseline's map, one of `BASELINES`."""
        height, width = subject.size
        maps = np.repeat(BASELINES[name](subject.size)[None], len(subject.explained), axis=0)
        sample = Sample(self.protocol, subject, part_of((0, 0, width, height), subject.size), maps)
        return self._rows(sample, [metric for metric, one in self._metrics.items() if name in one.baselines])

    def _sample(
        self,
        maps: NDArray[np.float32],
        classes: NDArray[np.int64],
        part: Part,
        subject: Subject,
        network: Network | None,
    ) -> Sample:
        """Return a sample of maps (M, h, w) of classes (M,), of which the best come first."""
        best = Best(classes[: self._best], maps[: self._best])
        places = [classes.tolist().index(index) for index in subject.explained.tolist()]
        return Sample(self.protocol, subject, part, maps[places], best, network)

    def _rows(self, sample: Sample, names: Iterable[str]) -> Rows:
        chosen = {name: self._metrics[name] for name in names}
        rows = {name: metric.score(sample) for name, metric in chosen.items() if sample.has(metric.group)}
        if RANKED in rows:
            rows[BOX] = sample.cutter.in_photo(sample.boxes).astype(np.float64)
        return rows
