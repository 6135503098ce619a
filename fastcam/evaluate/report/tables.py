"""Tables of what was evaluated, of the figures of each method, and of what was left out."""

from __future__ import annotations

import json
from collections import Counter
from itertools import groupby
from typing import Any
from xml.etree.ElementTree import Element

from fastcam.evaluate.report.figures import Column, Results, are_best, columns_of, counts_pairs, metric_title
from fastcam.evaluate.report.markup import NOTHING, element, head_row, is_number, name, number, wide
from fastcam.evaluate.results import counted, file_name, without_folders

KEYS = {"name": "Model", "head": "Head", "preprocess": "Preprocessing", "path": "File"}
ARROWS = {1: ("↑", "more is better"), -1: ("↓", "less is better")}
MOST = 13  # figures side by side: what fits a window of 1280 pixels


def setup(results: Results) -> list[Element]:
    """Return models, data, and all options with the hashes."""
    data, plan = results["data"], results["plan"]
    facts = {
        "Data": f"{file_name(data['path'])} ({data['format']})" if data["path"] else data["format"],
        "Images": f"{data['images']:,}",
        "Convention": plan.get("convention", NOTHING),
        "fastcam": results["fastcam"],
    }
    models = [{**one, "path": one["path"] and file_name(one["path"])} for one in results["models"]]
    rows = [element("tr", *(element("td", _plain(one[key])) for key in KEYS)) for one in models]
    hashes = [(f"SHA-256 of {one['name']}", one["sha256"]) for one in models]
    options = [
        element("tr", element("th", str(key), scope="row"), element("td", _plain(value)))
        for key, value in [*plan.items(), *hashes]
    ]
    everything = wide("All options", element("thead", head_row("Option", "Value")), element("tbody", *options))
    return [
        element("dl", *(element("div", element("dt", key), element("dd", str(facts[key]))) for key in facts)),
        wide("Models", element("thead", head_row(*KEYS.values())), element("tbody", *rows), class_="words"),
        element("details", element("summary", "All options, and hashes"), everything),
    ]


def figures(results: Results) -> list[Element]:
    """Return tables of methods by figures, the best of each column marked; of many figures more than one table."""
    columns = columns_of(results["rows"])
    if not columns:
        return [element("p", "No figure was asked for.")]
    note = (
        "Below each figure its 95 % interval by bootstrap. ↑ more is better, ↓ less is better; the best of each column "
        "is in bold on colour, baselines aside, by the figure alone: look at the intervals before you rank methods. "
        "n: how many images, or pairs of an image and a class that it has boxes or masks of."
    )
    tables = [
        _table(results, some, "Figures of each method" if k == 0 else "Further figures of each method")
        for k, some in enumerate(_shared_out(columns))
    ]
    return [element("p", note), *tables]


def _shared_out(columns: list[Column]) -> list[list[Column]]:
    """Return columns by tables, those of a metric together unless they alone are too many."""
    found: list[list[Column]] = [[]]
    for _, same in groupby(columns, lambda column: column.metric):
        group = list(same)
        if found[-1] and len(found[-1]) + len(group) > MOST:
            found.append([])
        found[-1] += group
    return found


def _table(results: Results, columns: list[Column], caption: str) -> Element:
    # A baseline that has none is of other metrics than the data has truth for.
    rows = [row for row in results["rows"] if row["model"] or any(is_number(_figure(row, one)) for one in columns)]
    best = [are_best([row["model"] and _figure(row, one) for row in rows], one.better) for one in columns]
    lines = [_line(row, columns, list(found)) for row, found in zip(rows, zip(*best, strict=True), strict=True)]
    groups = [
        element("th", metric_title(metric), *_count(rows, metric), scope="colgroup", colspan=len(list(same)))
        for metric, same in groupby(columns, lambda column: column.metric)
    ]
    heads = [element("th", column.title, *_arrow(column), scope="col") for column in columns]
    first = element("th", "Method", scope="col", rowspan=2)
    bodies = []
    for model, same in groupby(zip(rows, lines, strict=True), lambda pair: pair[0]["model"]):
        title = element("th", model or "Baselines", scope="rowgroup", colspan=len(columns) + 1)
        bodies.append(element("tbody", element("tr", title, class_="model"), *(line for _, line in same)))
    head = element("thead", element("tr", first, *groups), element("tr", *heads))
    return wide(caption, head, *bodies, class_="figures")


def _arrow(column: Column) -> list[Element | str]:
    if not column.better:
        return []
    sign, words = ARROWS[column.better]
    return ["\u00a0", element("span", sign, aria_hidden="true"), element("span", f", {words}", class_="unseen")]


def _count(rows: list[Results], metric: str) -> list[Element]:
    """Return the number of images, or pairs of an image and a class, of a metric's figures, if rows agree."""
    counts = [row["metrics"][metric].get("images") for row in rows if metric in row["metrics"]]
    is_known = all(is_number(count) and count == counts[0] for count in counts)
    of = counted(counts[0], "pair" if counts_pairs(metric) else "image") if is_known else ""
    return [element("small", f"n = {of}")] if is_known else []


def _figure(row: Results, column: Column) -> Any:
    return row["metrics"].get(column.metric, {}).get(column.figure)


def _line(row: Results, columns: list[Column], best: list[bool]) -> Element:
    cells = []
    for column, is_best in zip(columns, best, strict=True):
        value = number(_figure(row, column))
        shown = [element("strong", value), element("span", " best", class_="unseen")] if is_best else [value]
        ends = row["intervals"].get(column.metric, {}).get(column.figure) or ()
        if len(ends) == 2 and all(map(is_number, ends)):
            low, high = (number(float(end), 2) for end in ends)
            shown.append(element("small", low, "–", high))
        cells.append(element("td", *shown, class_="best" if is_best else None))
    how = [element("small", row["how"])] if row["how"] else []
    return element("tr", element("th", row["method"], *how, scope="row"), *cells)


def problems(results: Results) -> list[Element]:
    """Return what was left out of the evaluation, and why: the number of each reason, then each."""
    found, absent = results["data"]["problems"], results["data"]["absent_classes"]
    told = f"Not in the data: {absent:,} of the model's classes. " if absent else ""
    if not found:
        return [element("p", f"{told}No image or box was left out.")]
    counts = Counter(one["reason"] for one in found).most_common()
    reasons = [element("li", name(reason), f": {count:,}") for reason, count in counts]
    rows = [
        element("tr", *(element("td", without_folders(one[key])) for key in ("id", "reason", "detail")))
        for one in found
    ]
    table = wide(
        "Left out", element("thead", head_row("Image", "Reason", "Detail")), element("tbody", *rows), class_="words"
    )
    return [
        element("p", f"{told}Left out: {counted(len(found), 'image or box', 'images or boxes')}."),
        element("ul", *reasons),
        element("details", element("summary", "Each of them"), table),
    ]


def _plain(value: Any) -> str:
    """Return text as it is, a dash for nothing, other values as JSON; no folders."""
    if value is None:
        return NOTHING
    return without_folders(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
