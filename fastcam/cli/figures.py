"""Figures of an evaluation for a terminal: a line for each figure, a column for each method, as wide as it fits."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

GAP = "  "


def table(results: Mapping[str, Any], width: int) -> str:
    """Return the figures of each model, its methods and the baselines, in lines of so many letters at most.

    Methods that don't fit beside one another follow below; a single one is never cut.
    """
    from fastcam.evaluate.results import cells_of

    lines = []
    baselines = [row for row in results["rows"] if row["model"] is None]
    for model in results["models"]:
        own = [row for row in results["rows"] if row["model"] == model["name"]]
        titles, methods = cells_of([*own, *baselines], results["plan"]["top"])
        title = f"{model['name']}, convention {results['plan']['convention']}"
        lines += [*textwrap.wrap(title, width), "", *_blocks(titles, methods, width)]
    lines += textwrap.wrap("Fractions, with 95 % intervals by bootstrap; results.md has the same in Markdown.", width)
    return "\n".join(lines)


def _blocks(titles: Sequence[str], methods: Sequence[tuple[str, Sequence[str]]], width: int) -> Iterator[str]:
    """Yield the lines of as many blocks as it takes, each with an empty line behind it.

    Examples
    --------
    >>> list(_blocks(["hits"], [("cam", ["0.5"]), ("gradcam", ["0.6"])], 10))
    ['      cam', 'hits  0.5', '', '      gradcam', 'hits  0.6', '']
    """
    left = max(map(len, titles), default=0)
    columns = [[name, *cells] for name, cells in methods]
    while columns:
        block, used = [], left
        while columns and (not block or used + len(GAP) + _width(columns[0]) <= width):
            used += len(GAP) + _width(columns[0])
            block.append(columns.pop(0))
        for title, *cells in zip(["", *titles], *block, strict=True):
            if not any(cells):  # of baselines, which have few figures
                continue
            padded = [f"{cell:<{_width(column)}}" for cell, column in zip(cells, block, strict=True)]
            yield GAP.join([f"{title:<{left}}", *padded]).rstrip()
        yield ""


def _width(column: Sequence[str]) -> int:
    return max(map(len, column))
