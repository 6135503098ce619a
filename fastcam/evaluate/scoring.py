"""From the maps of one photo to the tallies of all metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.components import label_images
from fastcam.arrays.maps import heatmaps
from fastcam.arrays.values import Boxes
from fastcam.classifier.classifier import Classifier
from fastcam.classifier.explanations import Explained, explain_each, gather
from fastcam.evaluate.localisation import heuristics
from fastcam.evaluate.maps import centre_gaussian, centre_point, nearest, peak_points, score_map
from fastcam.evaluate.overlap import truth_of
from fastcam.evaluate.protocol import FAITHFULNESS, OF_BEST, OF_BOXES, OF_MASKS, TIGHT, Protocol
from fastcam.evaluate.subject import SIDE, Cutter, Subject
from fastcam.images.photos import Photo
from fastcam.images.regions import Part, part_of, placed
from fastcam.methods.options import Options

Tallies = dict[str, NDArray[Any]]
BOX = "box"  # beside the metrics: the boxes of true classes, in the photo's pixels
OF_PIXELS = ("pointing", "pointing_15", "energy")
BASELINES: Mapping[str, tuple[str, ...]] = {
    "centre": OF_PIXELS,
    "centre-gaussian": (*OF_BOXES, *OF_MASKS),
}


def baselines_of(protocol: Protocol) -> list[str]:
    """The baselines that have any of its metrics."""
    return [name for name, has in BASELINES.items() if not set(has).isdisjoint(protocol.asked)]


class Scorer:
    """Tallies of photos, one row a photo, class or mask, by name. For one thread: its metrics count as they go."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self._metrics: dict[str, Any] = {
            name: protocol.metric(name) for name in protocol.asked if name not in FAITHFULNESS
        }

    def of_model(
        self, model: Classifier, plans: Mapping[str, Options], photo: Photo, subject: Subject
    ) -> dict[str, tuple[Tallies, str]]:
        """For each plan its tallies, and how its maps were made; the photo goes through the network once.

        Raises
        ------
        InputError, ModelError
            As `Classifier.explain`; or the convention wants to see the whole photo.
        """
        best = self.protocol.top if self._asks(OF_BEST) else 1
        found = explain_each(model.vision, photo, list(plans.values()), best, subject.explained)
        made = {}
        for (name, plan), one in zip(plans.items(), found, strict=True):
            tallies = self._of_explained(one, best, subject)
            if measured := [name for name in self.protocol.asked if name in FAITHFULNESS]:
                tallies |= _faithfulness(measured, model, plan, photo, one)
            made[name] = tallies, one.how
        return made

    def of_baseline(self, name: str, subject: Subject) -> Tallies:
        """Of a map that knows nothing of the photo: "centre" or "centre-gaussian"."""
        make = centre_point if name == "centre" else centre_gaussian
        height, width = subject.size
        maps = np.repeat(make(subject.size)[None], len(subject.explained), axis=0)
        part = part_of((0, 0, width, height), subject.size)
        has = [metric for metric in BASELINES[name] if metric in self._metrics]
        return self._of_true(maps, part, subject, has)

    def _asks(self, names: tuple[str, ...]) -> bool:
        return not self._metrics.keys().isdisjoint(names)

    def _of_explained(self, one: Explained, best: int, subject: Subject) -> Tallies:
        part = part_of(one.seen.region, one.seen.size)
        places = [one.class_index.tolist().index(index) for index in subject.explained.tolist()]
        tallies = self._of_true(one.activation_maps[places], part, subject, list(self._metrics))
        if self._asks(OF_BEST) and len(subject.classes):
            tallies |= self._of_best(one.activation_maps[:best], one.class_index[:best], part, subject)
        return tallies

    def _of_best(self, maps: NDArray[np.float32], index: NDArray[np.int64], part: Part, subject: Subject) -> Tallies:
        """By the best classes: a row for the photo."""
        cutter, tallies, own = Cutter(self.protocol, part, subject.size), {}, self.protocol.rule.threshold
        boxes, truth = cutter.largest(maps, np.array([own, TIGHT])), cutter.truth(subject.whole)
        if "localisation" in self._metrics:
            tallies["localisation"] = self._metrics["localisation"].update(index[None], boxes[None, :, 0], truth)
        if "heuristics" in self._metrics:
            guesses = heuristics(index[None], boxes[None, :, 1], boxes[None, :, 0])
            tallies["heuristics"] = self._metrics["heuristics"].update(*guesses, truth)
        return tallies

    def _of_true(self, maps: NDArray[np.float32], part: Part, subject: Subject, has: list[str]) -> Tallies:
        """By the maps (M, h, w) of `Subject.explained`: rows for the classes with boxes, and for those with masks."""
        tallies, boxed = {}, np.isin(subject.explained, subject.classes)
        if len(subject.classes):
            tallies |= self._by_boxes(maps[boxed], Cutter(self.protocol, part, subject.size), subject, has)
            tallies |= self._by_pixels(maps[boxed], part, subject, has)
        if subject.masks:
            masked = np.isin(subject.explained, list(subject.masks))
            tallies |= self._by_masks(maps[masked], part, subject, has)
        return tallies

    def _by_boxes(self, maps: NDArray[np.float32], cutter: Cutter, subject: Subject, has: list[str]) -> Tallies:
        tallies: Tallies = {}
        truth, fractions = cutter.truth(subject.truth), self.protocol.fractions
        if "known" in has:
            boxes = cutter.largest(maps, np.array([self.protocol.rule.threshold]))[:, 0]
            tallies["known"] = self._metrics["known"].update(boxes, truth)
            tallies[BOX] = cutter.in_photo(boxes).astype(np.float64)
        if "max_box_acc" in has:
            tallies["max_box_acc"] = self._metrics["max_box_acc"].update(cutter.largest(maps, fractions), truth)
        if "max_box_acc_v2" in has:
            every, offsets = cutter.all(maps, fractions)
            tallies["max_box_acc_v2"] = self._metrics["max_box_acc_v2"].update(every, truth, offsets=offsets)
        return tallies

    def _by_pixels(self, maps: NDArray[np.float32], part: Part, subject: Subject, has: list[str]) -> Tallies:
        rows: dict[str, list[NDArray[Any]]] = {name: [] for name in OF_PIXELS if name in has}
        if not rows:
            return {}
        for p, one in enumerate(maps):
            seen = heatmaps(one, part.sides, normalize=False, window=part.window)
            own = truth_of([subject.truth.of(p)])
            peak = peak_points([seen]) + np.array(part.place[:2])
            for name, found in rows.items():
                given = [placed(seen, part, subject.size)] if name == "energy" else peak
                found.append(self._metrics[name].update(given, own))
        return {name: np.concatenate(found) for name, found in rows.items()}

    def _by_masks(self, maps: NDArray[np.float32], part: Part, subject: Subject, has: list[str]) -> Tallies:
        tallies, rule, masks = {}, self.protocol.rule, list(subject.masks.values())
        if "px_ap" in has and self.protocol.convention == "wsol":
            sides = (SIDE, SIDE)
            given = [score_map(one, sides) for one in maps], [nearest(mask, sides) for mask in masks]
            tallies["px_ap"] = self._metrics["px_ap"].update(*given)
        elif "px_ap" in has:
            scores = heatmaps(maps, part.sides, window=part.window)
            tallies["px_ap"] = self._metrics["px_ap"].update([placed(s, part, subject.size) for s in scores], masks)
        if "mean_iou" in has:
            labels = label_images(
                maps, part.sides, convention=rule.name, threshold=rule.threshold, window=part.window
            )  # fmt: skip
            found = [placed(one > 0, part, subject.size) for one in labels]
            tallies["mean_iou"] = self._metrics["mean_iou"].update(found, masks)
        return tallies


def _faithfulness(names: list[str], model: Classifier, options: Options, photo: Photo, one: Explained) -> Tallies:
    """(1, S) scores by each measure, of the map of the best class."""
    first = one._replace(
        class_index=one.class_index[:1],
        activation_maps=one.activation_maps[:1],
        boxes=Boxes(one.boxes.xyxy[:1], one.boxes.area[:1], one.boxes.peak[:1]),
    )
    explanation = gather(model.vision, None, [first], options)
    measures = {name: FAITHFULNESS[name]() for name in names}
    for measure in measures.values():
        measure.update(model, photo, explanation)
    return {name: measure.scores for name, measure in measures.items()}
