"""The results of an evaluation: figures from the rows of all its batches, as JSON and as tables in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import FastcamError, InputError
from fastcam.evaluate.metrics.group import Group
from fastcam.evaluate.metrics.metric import Metric, plain_number
from fastcam.evaluate.metrics.summed import UNIT, SummedMetric, by_class
from fastcam.evaluate.metrics.table import METRICS
from fastcam.evaluate.protocol import Protocol, protocol_of
from fastcam.evaluate.records import RESULTS, TABLES, Batch, Columns, as_json
from fastcam.evaluate.score import BOX, RANKED
from fastcam.files import write_whole

WORST = 10
RESAMPLES = 1000
# The folders of an absolute path within a text: of POSIX, of a drive, or of a share.
FOLDERS = re.compile(
    r"(?<![\w./\\])(?:~|[A-Za-z]:)?(?:/(?:[^/\s:;,\"'][^/\n:;,\"']*/)+|\\\\?(?:[^\\\s:;,\"'][^\\\n:;,\"']*\\)+)"
)
MEAN_OF_CLASSES = "mean_of_classes"


def write_results(folder: Path, plan: Mapping[str, Any], batches: Sequence[Batch]) -> dict[str, Any]:
    """Write `results.json` and `results.md`, each whole or not at all, and return what the former has.

    Raises
    ------
    InputError
        A batch isn't there or is damaged, batches don't fit each other, or no photo could be read; a file can't be
        written.
    """
    try:
        results = results_of(plan, batches)
        tables, plain = markdown(results), as_json(results)
    except FastcamError:
        raise
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:  # of columns that somebody changed
        raise InputError(
            f"{batches[0].records.folder}: expected batches that fit each other and their plan ({error})"
        ) from error
    write_whole(folder / TABLES, tables.encode("utf-8", "backslashreplace"))
    write_whole(folder / RESULTS, plain.encode())
    return results


def results_of(plan: Mapping[str, Any], batches: Sequence[Batch]) -> dict[str, Any]:
    """Return plain values, the same for the same rows, whatever the batches and shards that they came in.

    Raises
    ------
    InputError
        A batch isn't there or is damaged, or no photo could be read.
    """
    asked, told = plan["asked"], plan["told"]
    protocol, common = protocol_of(asked), _Common(batches)
    rows, worst = [], []
    for k, row in enumerate(asked["rows"]):
        columns = {name.partition("/")[2]: values for name, values in _gathered(batches, f"{k}/").items()}
        boxes = columns.pop(BOX, None)
        by_name = {name: values[common.order(METRICS[name].group)] for name, values in columns.items()}
        rows.append({**row, "how": common.how[k], **_figures(protocol, by_name, common)})
        if row["model"] is not None and boxes is not None:
            ordered = boxes[common.order(METRICS[RANKED].group)]
            worst.extend({"row": k, **one} for one in common.worst(by_name[RANKED], ordered))
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


class _Common:
    """The values that all rows of results share, such as the photo of each row of numbers, by its place in the data."""

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

    def order(self, group: Group) -> NDArray[np.intp]:
        """Return the order of a group's rows in which they follow the data."""
        return self._orders[group.name]

    def worst(self, known: NDArray[np.int64], boxes: NDArray[np.float64]) -> Iterable[dict[str, Any]]:
        """Yield the pairs of the lowest IoU, of equals the first in the data, by the tallies of `RANKED`."""
        overlap = known[:, 1]
        for p in np.argsort(overlap, kind="stable")[:WORST].tolist():
            place = int(np.searchsorted(self.seen, self.photo[p]))
            yield {
                "id": self._ids[place],
                "path": self._paths[place],
                "class_index": int(self.class_index[p]),
                "iou": int(overlap[p]) / UNIT,
                "box": boxes[p].tolist() if boxes[p].any() else None,
                "truth": self._truth[p].tolist(),
            }


def _gathered(batches: Sequence[Batch], prefix: str) -> Columns:
    """Return all batches' columns of that prefix, one batch after the other."""
    found: dict[str, list[NDArray[Any]]] = {}
    for one in batches:
        for name, values in one.read(prefix).items():
            found.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in found.items()}


def _figures(protocol: Protocol, by_name: Columns, common: _Common) -> dict[str, Any]:
    """Return figures, their intervals, figures of each class, and curves, from the rows of each metric."""
    found: dict[str, dict[str, Any]] = {"metrics": {}, "intervals": {}, "classes": {}, "curves": {}}
    for name in (name for name in protocol.asked if name in by_name):
        metric, rows = protocol.metric(name), by_name[name]
        summary = metric.of_rows(rows)
        found["metrics"][name] = metric.plain(summary)
        ends = metric.intervals(rows, resamples=RESAMPLES, seed=protocol.seed)
        found["intervals"][name] = {figure: [plain_number(end) for end in pair] for figure, pair in ends.items()}
        if curves := metric.curves_of(summary):
            found["curves"][name] = curves
        if metric.of_classes or metric.averaged:
            _add_classes(found, metric, rows, common.class_index, protocol.seed)
    return found


def _add_classes(
    found: dict[str, dict[str, Any]], metric: Metric[Any], rows: NDArray[Any], index: NDArray[np.int64], seed: int
) -> None:
    """Add the figures of each class to those of a row, and the mean over classes if the metric has one."""
    assert isinstance(metric, SummedMetric), "others have no figures of classes"
    each = by_class(metric, rows, index)
    for one, figures in each.items():
        own = found["classes"].setdefault(str(one), {"images": figures.images})
        own |= {shown.name: plain_number(getattr(figures, shown.figure)) for shown in metric.of_classes}
    if metric.averaged:
        rates = np.array([getattr(figures, metric.averaged) for figures in each.values()])
        mean, ends = _mean_of_classes(rates, seed)
        found["metrics"][metric.name][MEAN_OF_CLASSES] = mean
        found["intervals"][metric.name][MEAN_OF_CLASSES] = ends


def _mean_of_classes(rates: NDArray[np.float64], seed: int) -> tuple[float, list[float]]:
    """Return the mean of a rate over classes, and its interval.

    It is classes that are drawn: where they have a photo or two each, drawing photos leaves a third of the classes out,
    and what remains varies too little.
    """
    drawn = rates[np.random.default_rng(seed).integers(len(rates), size=(RESAMPLES, len(rates)))].mean(axis=1)
    return float(rates.mean()), np.quantile(drawn, (0.025, 0.975)).tolist()


# ---- tables ----------------------------------------------------------------------------------------------------------


def markdown(results: Mapping[str, Any], *, problems: bool = True) -> str:
    """Return a table for each model, its methods and the baselines as rows, and then the problems of the data.

    It has names of files alone, no folders, and may be shown to anybody.

    Parameters
    ----------
    results
        As `fastcam.evaluate.evaluate` returns them.
    problems
        Whether the problems of the data are listed.

    Returns
    -------
    str
        Markdown.
    """
    protocol, data = protocol_of(results["plan"]), results["data"]
    lines = [
        "# Evaluation",
        "",
        f"{counted(data['images'], 'photo')} of {file_name(data['path'] or 'the data')} ({data['format']}); "
        f"{protocol.describe()}. "
        "Fractions, with 95 % intervals by bootstrap over the rows of each figure.",
    ]
    baselines = [row for row in results["rows"] if row["model"] is None]
    for model in results["models"]:
        own = [row for row in results["rows"] if row["model"] == model["name"]]
        lines += ["", f"## {model['name']}, convention {protocol.convention}", "", f"Head: {model['head']}", ""]
        lines += [f"Preprocessing: {model['preprocess']}", ""]
        lines += table_of([*own, *baselines], results["plan"]["top"])
    if problems and data["problems"]:
        lines += ["", f"## {counted(len(data['problems']), 'problem')}", ""]
        lines += [
            f"- {_cell(one['id'])}: {one['reason']} ({_cell(without_folders(one['detail']))})"
            for one in data["problems"]
        ]
    return "\n".join(lines) + "\n"


def table_of(rows: Sequence[Mapping[str, Any]], top: int) -> Iterator[str]:
    """Yield the lines of a Markdown table, one for each row of results; columns without any figure are left out.

    Parameters
    ----------
    top
        The number of best classes that count.
    """
    head, lines = cells_of(rows, top)
    yield " | ".join(["| maps", *head]) + " |"
    yield "| --- " * (1 + len(head)) + "|"
    for method, cells in lines:
        yield " | ".join([f"| {_cell(method)}", *cells]) + " |"


def cells_of(rows: Sequence[Mapping[str, Any]], top: int) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Return the titles of the figures that any row has, and each row's method and cells.

    A baseline without any of them, of other metrics than the data has truth for, is left out.
    """
    columns = [
        (figure.column, name, figure.name)
        for name, metric in METRICS.items()
        for figure in metric.figures
        if figure.column and (top > 1 or "{top}" not in figure.column)
    ]
    shown = [column for column in columns if any(_known(row, *column[1:]) for row in rows)]
    lines = [
        (row["method"], [_figure(row, metric, figure) for _, metric, figure in shown])
        for row in rows
        if row["model"] is not None or any(_known(row, *column[1:]) for column in shown)
    ]
    return [title.format(top=top) for title, *_ in shown], lines


def _known(row: Mapping[str, Any], metric: str, figure: str) -> bool:
    return row["metrics"].get(metric, {}).get(figure) is not None


def _figure(row: Mapping[str, Any], metric: str, figure: str) -> str:
    if not _known(row, metric, figure):
        return ""
    low, high = row["intervals"][metric][figure]
    between = "" if low is None or high is None else f" ({low:.2f}–{high:.2f})"
    return f"{row['metrics'][metric][figure]:.3f}{between}"


def file_name(path: Any) -> str:
    """Return the last part of a path of any system.

    Examples
    --------
    >>> file_name("/home/me/photos/boxes.csv"), file_name("photos/")
    ('boxes.csv', 'photos')
    """
    return re.split(r"[/\\]", str(path).rstrip("/\\"))[-1]


def without_folders(text: str) -> str:
    """Return a text for people elsewhere: of each absolute path in it only the last part.

    Examples
    --------
    >>> without_folders("cat.jpg: /home/me/my photos/boxes.csv:2: no class for 5/6 and either/or")
    'cat.jpg: boxes.csv:2: no class for 5/6 and either/or'
    """
    return FOLDERS.sub("", text)


def _cell(text: str) -> str:
    """Return text in which Markdown sees no structure."""
    return " ".join(text.replace("|", "\\|").split())


def counted(number: int, thing: str, things: str | None = None) -> str:
    """Return a number of things in words; their plural is with an s unless it is given.

    Examples
    --------
    >>> counted(1, "photo"), counted(1234, "photo"), counted(2, "class", "classes")
    ('1 photo', '1,234 photos', '2 classes')
    """
    return f"{number:,} {thing if number == 1 else things or f'{thing}s'}"
