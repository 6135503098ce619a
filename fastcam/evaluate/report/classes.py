"""Figures of each class by itself, the worst classes first."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from fastcam.evaluate.report.figures import OF_CLASSES, Results, class_names, row_titles
from fastcam.evaluate.report.markup import element, is_number, number, wide

Figures = dict[int, dict[str, Any]]  # by class index and name


def classes(results: Results) -> list[Element]:
    """A table of each figure: classes by methods, in ascending order of the mean over methods."""
    found: list[Figures] = [{int(index): one for index, one in row["classes"].items()} for row in results["rows"]]
    every = [one for row in found for one in row.values()]
    figures = dict.fromkeys(name for one in every for name, value in one.items() if not isinstance(value, int))
    if not figures:
        return [element("p", "No figures of single classes were asked for.")]
    return [_table(results, figure, found, is_first=k == 0) for k, figure in enumerate(figures)]


def _table(results: Results, figure: str, found: list[Figures], *, is_first: bool) -> Element:
    names, titles = class_names(results), row_titles(results)
    # All methods see the same images.
    images = {index: one["images"] for row in found for index, one in row.items() if "images" in one}
    values = {
        index: [row.get(index, {}).get(figure) for row in found] for index in sorted({k for row in found for k in row})
    }
    means = {index: _mean(each) for index, each in values.items()}
    has_means = len(found) > 1
    lines = [
        [
            element("td", number(index)),
            element("th", names.get(index, "–"), scope="row"),
            *([element("td", number(images.get(index)))] if images else []),
            *(element("td", number(value)) for value in values[index]),
            *([element("td", number(means[index]))] if has_means else []),
        ]
        for index in sorted(values, key=lambda index: (means[index] is None, means[index] or 0.0))
    ]
    heads = ["Class", "Label", *(["Images"] if images else []), *titles, *(["Mean of methods"] if has_means else [])]
    row = [
        element("th", title, scope="col", aria_sort="ascending" if k == len(heads) - 1 else None)
        for k, title in enumerate(heads)
    ]
    title = f"{OF_CLASSES.get(figure, figure)} of {len(values):,} classes"
    bodies = element("tbody", *(element("tr", *line) for line in lines))
    table = wide(title, element("thead", element("tr", *row)), bodies, class_="sortable")
    return element("details", element("summary", title), table, open="" if is_first else None)


def _mean(values: list[Any]) -> float | None:
    known = [value for value in values if is_number(value)]
    return sum(known) / len(known) if known else None
