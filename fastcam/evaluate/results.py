"""The figures of an evaluation, from the tallies of all its batches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError
from fastcam.evaluate.metrics.max_box_acc import BoxFigures
from fastcam.evaluate.metrics.metric import UNIT, bootstrap, by_class
from fastcam.evaluate.protocol import FAITHFULNESS, OF_BEST, OF_MASKS, Protocol
from fastcam.evaluate.records import Batch, Columns
from fastcam.evaluate.score import BOX

WORST = 10
RESAMPLES = 1000
POINTING = ("pointing", "pointing_15")
BY_CLASS = {"known": {"accuracy": "accuracy", "mean_iou": "mean_iou"}} | {name: {name: "accuracy"} for name in POINTING}


def results_of(plan: Mapping[str, Any], batches: Sequence[Batch]) -> dict[str, Any]:
    """What `results.json` holds: plain values, the same for the same tallies, however they were shared out.

    Raises
    ------
    InputError
        A batch isn't there or is damaged, or no photo could be read.
    """
    asked, told = plan["asked"], plan["told"]
    protocol, common = protocol_of(asked), _Common(batches)
    rows, worst = [], []
    for k, row in enumerate(asked["rows"]):
        columns = _gathered(batches, f"{k}/")
        tallies = {name.partition("/")[2]: values for name, values in columns.items()}
        tallies = {name: values[common.order(name)] for name, values in tallies.items()}
        rows.append({**row, "how": common.how[k], **_figures(protocol, tallies, common)})
        if row["model"] is not None and BOX in tallies:
            worst.extend({"row": k, **one} for one in common.worst(tallies))
    problems = [*told["problems"], *common.problems]
    return {
        "fastcam": plan["fastcam"],
        "plan": asked,
        "data": {**told["data"], "images": len(common.seen), "problems": problems},
        "models": told["models"],
        "rows": rows,
        "labels": told["labels"],
        "worst": worst,
    }


def protocol_of(asked: Mapping[str, Any]) -> Protocol:
    """The protocol of a plan."""
    given = {name: asked[name] for name in ("convention", "threshold", "thresholds", "top", "seed")}
    return Protocol(**given, metrics=tuple(asked["metrics"]))


class _Common:
    """What all rows share: whose the tallies are, by the places of photos in the data."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        columns = _gathered(batches, "of/")
        self._owners = {name: columns[f"of/{name}"] for name in ("seen", "best", "boxes", "masks")}
        self._orders = {name: np.argsort(owner, kind="stable") for name, owner in self._owners.items()}
        if not len(self._owners["seen"]):
            raise InputError("expected at least one photo that can be read; got none")
        order, pairs = self._orders["seen"], self._orders["boxes"]
        self.seen = self._owners["seen"][order]
        self.how = columns["of/how"][0].tolist()
        self._ids, self._paths = columns["of/ids"][order].tolist(), columns["of/paths"][order].tolist()
        self.photo, self.class_index = self._owners["boxes"][pairs], columns["of/class"][pairs]
        ends = np.cumsum(columns["of/counts"])
        truth = np.split(columns["of/truth"], ends[:-1])
        self._truth = [truth[p] for p in pairs.tolist()] if len(pairs) else []
        told = columns["of/problem"][np.argsort(columns["of/unseen"], kind="stable")].tolist()
        self.problems = [dict(zip(("id", "reason", "detail"), one, strict=True)) for one in told]

    def order(self, name: str) -> NDArray[np.intp]:
        """Of the tallies of a metric, that they are in the order of the data."""
        if name in FAITHFULNESS:
            return self._orders["seen"]
        return self._orders["best" if name in OF_BEST else "masks" if name in OF_MASKS else "boxes"]

    def worst(self, tallies: Columns) -> Iterable[dict[str, Any]]:
        """The lowest IoU of true classes, of equals the first in the data."""
        overlap = tallies["known"][:, 1]
        for p in np.argsort(overlap, kind="stable")[:WORST].tolist():
            place = int(np.searchsorted(self.seen, self.photo[p]))
            box = tallies[BOX][p]
            yield {
                "id": self._ids[place],
                "path": self._paths[place],
                "class_index": int(self.class_index[p]),
                "iou": int(overlap[p]) / UNIT,
                "box": box.tolist() if box.any() else None,
                "truth": self._truth[p].tolist(),
            }


def _gathered(batches: Sequence[Batch], prefix: str) -> Columns:
    """All batches' columns of that prefix, one after the other."""
    found: dict[str, list[NDArray[Any]]] = {}
    for one in batches:
        for name, values in one.read(prefix).items():
            found.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in found.items()}


def _figures(protocol: Protocol, tallies: Columns, common: _Common) -> dict[str, Any]:
    """Of one row: figures, their intervals, figures of each class, and curves."""
    metrics: dict[str, Any] = {}
    intervals: dict[str, Any] = {}
    curves: dict[str, Any] = {}
    classes: dict[str, dict[str, Any]] = {}
    for name in (name for name in protocol.asked if name in tallies):
        rows = tallies[name]
        if name in FAITHFULNESS:
            metrics[name], intervals[name] = _faithful(name, rows, protocol.seed)
            continue
        metric = protocol.metric(name)
        figures = metric.summarize(rows.sum(axis=0, dtype=np.int64), len(rows))
        metrics[name] = _plain(figures)
        found = bootstrap(metric, rows, resamples=RESAMPLES, seed=protocol.seed)
        intervals[name] = {figure: [_number(low), _number(high)] for figure, (low, high) in found.items()}
        if isinstance(figures, BoxFigures):
            curves[name] = {
                "thresholds": protocol.fractions.tolist(),
                "deltas": list(figures.deltas),
                "accuracy": [list(curve) for curve in figures.curves],
            }
        for index, one in by_class(metric, rows, common.class_index).items() if name in BY_CLASS else ():
            shown = {told: _number(getattr(one, figure)) for told, figure in BY_CLASS[name].items()}
            classes.setdefault(str(index), {"images": one.images}).update(shown)
        if name in POINTING:
            rates = np.array([one[name] for one in classes.values()])
            metrics[name]["mean_of_classes"], intervals[name]["mean_of_classes"] = _mean_of_classes(
                rates, protocol.seed
            )
    return {"metrics": metrics, "intervals": intervals, "classes": classes, "curves": curves}


def _faithful(name: str, rows: NDArray[np.float32], seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Means over maps, and their intervals, by the same draws as those of other metrics."""
    measure = FAITHFULNESS[name]()
    measure.count(rows)
    values, count, rng = measure.values(), len(rows), np.random.default_rng(seed)
    table = np.stack(list(values.values()))
    drawn = np.stack([table[:, rng.integers(count, size=count)].mean(axis=1) for _ in range(RESAMPLES)])
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0).tolist()
    means = {figure: math.fsum(one) / count for figure, one in values.items()}
    return {"images": count, **means}, dict(zip(values, map(list, zip(low, high, strict=True)), strict=True))


def _mean_of_classes(rates: NDArray[np.float64], seed: int) -> tuple[float, list[float]]:
    """The mean of a rate over classes, and its interval.

    It is classes that are drawn: where they have a photo or two each, drawing photos leaves a third of the classes out,
    and what remains varies too little.
    """
    drawn = rates[np.random.default_rng(seed).integers(len(rates), size=(RESAMPLES, len(rates)))].mean(axis=1)
    return float(rates.mean()), np.quantile(drawn, (0.025, 0.975)).tolist()


def _plain(figures: Any) -> dict[str, Any]:
    """Numbers by name; what is one for each IoU, by that as well: best_0.5."""
    found: dict[str, Any] = {}
    for name, value in asdict(figures).items():
        if isinstance(value, int | float):
            found[name] = _number(value)
        elif name in ("best", "best_threshold"):
            found |= {f"{name}_{delta:g}": one for delta, one in zip(figures.deltas, value, strict=True)}
    return found


def _number(value: float) -> float | None:
    """None where JSON has no NaN."""
    return None if math.isnan(value) else value
