"""Curves of accuracy against threshold: a panel for each IoU, a line for each method."""

from __future__ import annotations

import math
from typing import NamedTuple
from xml.etree.ElementTree import Element

from fastcam.evaluate.report.figures import Results, metric_title, row_titles
from fastcam.evaluate.report.markup import element, head_row, is_number, number

WIDTH, HEIGHT = 560, 320
LEFT, TOP, RIGHT, BOTTOM = 58, 10, WIDTH - 12, HEIGHT - 42  # of the axes
STEPS, MOST_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2), 5  # between the ticks of the vertical axis, and how many
COLOURS, DASHES = 8, 3  # in report.css; 24 kinds of lines, and neighbours that lie on one another are both seen


class Line(NamedTuple):
    """The accuracy of a row of results at each threshold; None where there is none."""

    row: int
    thresholds: list[float]
    accuracy: list[float | None]

    def points(self) -> list[tuple[float, float]]:
        """Return the points that are known."""
        return [(t, a) for t, a in zip(self.thresholds, self.accuracy, strict=True) if a is not None and is_number(a)]

    def best(self) -> tuple[float, float] | None:
        """Return the first threshold with the highest accuracy, and that accuracy."""
        return max(self.points(), key=lambda point: point[1], default=None)


def curves(results: Results) -> list[Element]:
    """Return all panels, those of a metric with the same axes."""
    titles, panels = row_titles(results), _panels(results)
    if not panels:
        return [element("p", "No metric of many thresholds was asked for.")]
    highest: dict[str, float] = {}
    for (metric, _), lines in panels.items():
        highest[metric] = max([highest.get(metric, 0.0), *(a for line in lines for _, a in line.points())])
    made = [
        _panel(f"{metric_title(metric)}, IoU ≥ {delta:g}", lines, titles, ticks_to(highest[metric]))
        for (metric, delta), lines in panels.items()
    ]
    note = (
        "The fraction of pairs of an image and a class whose box is right, against the threshold at which boxes are "
        "made; dots are the best thresholds, chosen on these very pairs."
    )
    return [element("p", note), element("div", *made, class_="panels")]


def _panels(results: Results) -> dict[tuple[str, float], list[Line]]:
    found: dict[tuple[str, float], list[Line]] = {}
    for k, row in enumerate(results["rows"]):
        for metric, curve in row["curves"].items():
            for delta, accuracy in zip(curve["deltas"], curve["accuracy"], strict=True):
                found.setdefault((metric, delta), []).append(Line(k, curve["thresholds"], accuracy))
    return found


def ticks_to(highest: float) -> list[float]:
    """Return the ticks of the vertical axis, from 0 to the first that no curve is above.

    Examples
    --------
    >>> ticks_to(0.51)
    [0.0, 0.2, 0.4, 0.6]
    """
    step = next((step for step in STEPS if MOST_STEPS * step >= highest), STEPS[-1])
    return [round(step * k, 2) for k in range(max(1, math.ceil(round(highest / step, 9))) + 1)]


def _panel(title: str, lines: list[Line], titles: list[str], ticks: list[float]) -> Element:
    """Return the plot above its legend, which has the best of each line in numbers."""
    legend = []
    for line in lines:
        threshold, accuracy = line.best() or (None, None)
        stroke = element("line", x1=1, y1=6, x2=33, y2=6, class_=_kind(line.row))
        sample = element("svg", stroke, viewBox="0 0 34 12", aria_hidden="true")
        row = element("th", sample, titles[line.row], scope="row")
        legend.append(element("tr", row, element("td", number(accuracy)), element("td", number(threshold, 2))))
    label = f"{title}: accuracy against threshold, a line for each method; the table below has the best of each"
    drawn = [*_axes(ticks), *(_curve(line, titles[line.row], ticks[-1]) for line in lines)]
    plot = element("svg", *drawn, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=label, class_="plot")
    head = element("thead", head_row("Method", "Best accuracy", "at threshold"))
    table = element(
        "table", element("caption", f"Best accuracy, {title}", class_="unseen"), head, element("tbody", *legend)
    )
    return element("figure", element("figcaption", title), plot, table, class_="panel")


def _kind(row: int) -> str:
    return f"line colour{row % COLOURS} dash{row % DASHES}"


def _x(threshold: float) -> str:
    return f"{LEFT + (RIGHT - LEFT) * threshold:.1f}"


def _y(accuracy: float, ceiling: float) -> str:
    return f"{BOTTOM - (BOTTOM - TOP) * accuracy / ceiling:.1f}"


def _axes(ticks: list[float]) -> list[Element]:
    """Return grid, ticks and titles."""
    made = []
    for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        x = _x(tick)
        made.append(element("line", x1=x, x2=x, y1=TOP, y2=BOTTOM, class_="grid"))
        made.append(element("text", f"{tick:g}", x=x, y=BOTTOM + 17, text_anchor="middle"))
    for tick in ticks:
        y = _y(tick, ticks[-1])
        made.append(element("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_="grid"))
        made.append(element("text", f"{tick:g}", x=LEFT - 6, y=float(y) + 5, text_anchor="end"))
    middle = (TOP + BOTTOM) / 2
    across = element("text", "Accuracy", x=16, y=middle, text_anchor="middle", transform=f"rotate(-90 16 {middle})")
    along = element("text", "Threshold", x=(LEFT + RIGHT) / 2, y=HEIGHT - 6, text_anchor="middle")
    return [*made, along, across]


def _curve(line: Line, title: str, ceiling: float) -> Element:
    """Return the line, and a dot at its best threshold."""
    points = [f"{_x(threshold)},{_y(accuracy, ceiling)}" for threshold, accuracy in line.points()]
    drawn = [element("title", title), element("polyline", points=" ".join(points), class_=_kind(line.row))]
    if best := line.best():
        kind = f"dot colour{line.row % COLOURS}"
        drawn.append(element("circle", cx=_x(best[0]), cy=_y(best[1], ceiling), r=3.5, class_=kind))
    return element("g", *drawn)
