"""Figures of each class by itself, the worst classes first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element

from fastcam.evaluate.report.figures import Results, class_names, class_title, row_titles
from fastcam.evaluate.report.markup import NOTHING, element, is_number, number, wide
from fastcam.evaluate.results import counted

Figures = dict[int, dict[str, Any]]  # by class index and name


def classes(results: Results) -> list[Element]:
    """Return a table of each figure: classes by methods, ascending by the mean over methods, baselines apart."""
    found: list[Figures] = [{int(index): one for index, one in row["classes"].items()} for row in results["rows"]]
    every = [one for row in found for one in row.values()]
    figures = dict.fromkeys(name for one in every for name, value in one.items() if not isinstance(value, int))
    if not figures:
        return [element("p", "No figures of single classes were asked for.")]
    return [_table(results, figure, found, is_first=k == 0) for k, figure in enumerate(figures)]


def _table(results: Results, figure: str, found: list[Figures], *, is_first: bool) -> Element:
    """Return the table of one figure, open if it is the first."""
    names, titles = class_names(results), row_titles(results)
    rows = [k for k, row in enumerate(found) if any(figure in one for one in row.values())]
    methods = [k for k in rows if results["rows"][k]["model"] is not None] or rows
    values = {k: {index: one.get(figure) for index, one in found[k].items()} for k in rows}
    indices = sorted({index for row in found for index in row})
    means = {index: _mean([values[k].get(index) for k in methods]) for index in indices}
    indices.sort(key=lambda index: (means[index] is None, means[index] or 0.0))
    images = {index: one["images"] for row in found for index, one in row.items() if "images" in one}  # alike in all

    columns: list[tuple[str, Sequence[Any]]] = [("Class", indices), ("Label", [names.get(k, NOTHING) for k in indices])]
    if images:
        columns.append(("Images", [images.get(index) for index in indices]))
    sorted_by = len(columns) + rows.index(methods[0])
    columns += [(titles[k], [values[k].get(index) for index in indices]) for k in rows]
    if len(methods) > 1:
        sorted_by = len(columns)
        columns.append(("Mean of methods", [means[index] for index in indices]))

    heads = [
        element("th", title, scope="col", aria_sort="ascending" if k == sorted_by else None)
        for k, (title, _) in enumerate(columns)
    ]
    lines = [element("tr", *map(_cell, line)) for line in zip(*(column for _, column in columns), strict=True)]
    title = f"{class_title(figure)} of {counted(len(indices), 'class', 'classes')}"
    table = wide(title, element("thead", element("tr", *heads)), element("tbody", *lines), class_="sortable")
    return element("details", element("summary", title), table, open="" if is_first else None)


def _cell(value: Any) -> Element:
    return element("th", value, scope="row") if isinstance(value, str) else element("td", number(value))


def _mean(values: list[Any]) -> float | None:
    known = [value for value in values if is_number(value)]
    return sum(known) / len(known) if known else None
