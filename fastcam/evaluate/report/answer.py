"""The answer of an evaluation: two sentences on the figure that says most, and a chart of it with its intervals."""

from __future__ import annotations

import math
from typing import NamedTuple
from xml.etree.ElementTree import Element

from fastcam.evaluate.report.curves import ticks_to
from fastcam.evaluate.report.figures import Column, Results, columns_of, metric_title
from fastcam.evaluate.report.markup import DIGITS, element, head_row, is_number, name, number
from fastcam.evaluate.results import counted

# The figures that may answer, best first: boxes as they are drawn, then peaks of maps, then what no box is needed for.
KEYS = (
    ("known", "accuracy"),
    ("max_box_acc_v2", "accuracy"),
    ("pointing", "accuracy"),
    ("energy", "energy"),
)
VERBS = {"known": "localises", "max_box_acc_v2": "localises", "pointing": "points"}
LISTED = 3  # names in a sentence


class Value(NamedTuple):
    """A row's figure with its interval, NaN where there is none; `rank` is less where the figure is better."""

    title: str
    is_baseline: bool
    figure: float
    low: float
    high: float
    rank: float

    def told(self) -> list[Element | str]:
        """Return the figure, and its interval if it has one."""
        return [number(self.figure), *_interval(self)]


def answer(results: Results) -> list[Element]:
    """Return the sentences and the chart."""
    column = _key(results)
    if column is None:
        return [element("p", "No figure was asked for that could be compared.", class_="answer")]
    values = _values(results, column)
    return [element("p", *_sentences(results, column, values), class_="answer"), _chart(column, values)]


def _key(results: Results) -> Column | None:
    """Return the figure that answers: the first of `KEYS` that a method has, or else the first of all."""
    methods = [row for row in results["rows"] if row["model"] is not None] or results["rows"]
    found = [one for one in columns_of(methods) if one.better]
    by_name = {(one.metric, one.figure): one for one in found}
    return next((by_name[key] for key in KEYS if key in by_name), found[0] if found else None)


def _values(results: Results, column: Column) -> list[Value]:
    """Return the figure of each row that has it, the best first."""
    several, found = len({row["model"] for row in results["rows"] if row["model"]}) > 1, []
    for row in results["rows"]:
        figure = row["metrics"].get(column.metric, {}).get(column.figure)
        if not is_number(figure):
            continue
        ends = row["intervals"].get(column.metric, {}).get(column.figure) or ()
        low, high = ends if len(ends) == 2 and all(map(is_number, ends)) else (math.nan, math.nan)
        title = f"{row['method']} of {row['model']}" if several and row["model"] else row["method"]
        rank = -column.better * round(figure, DIGITS)
        found.append(Value(title, row["model"] is None, float(figure), float(low), float(high), rank))
    return sorted(found, key=lambda value: (value.rank, value.is_baseline))


def _sentences(results: Results, column: Column, values: list[Value]) -> list[Element | str]:
    """Return what the best methods reach, and whether that differs from the next ones and from the baselines."""
    methods = [value for value in values if not value.is_baseline]
    best = [value for value in methods if value.rank == methods[0].rank]
    others, baselines = methods[len(best) :], [value for value in values if value.is_baseline]
    what = element("strong", f"{metric_title(column.metric)}, {column.title} ", *best[0].told())
    is_shown = bool(others) and _is_apart(best[0], others[0])
    if len(best) > 1:
        told = " are level: "
    elif is_shown and column.metric in VERBS:
        told = f" {VERBS[column.metric]} best: "
    else:
        told = " comes first: " if others else " reaches: "
    first = [f"On {counted(results['data']['images'], 'photo')}, ", *_names(best), told, what, ". "]
    return [*first, *_comparison(best[0], others, baselines), "."]


def _comparison(best: Value, others: list[Value], baselines: list[Value]) -> list[Element | str]:
    """Return the second sentence: the next method, the best baseline, and what the intervals say of both."""
    compared = [(one, word) for some, word in ((others, ""), (baselines, "the baseline ")) for one in some[:1]]
    if not compared:
        return ["There is nothing to compare it with"]
    told: list[Element | str] = ["That is "]
    verdicts = [_verdict(best, one) for one, _ in compared]
    for k, (one, word) in enumerate(compared):
        told += [f"{_points(best, one)} than {word}", name(one.title)]
        if k + 1 < len(compared) and verdicts[k] == verdicts[k + 1]:
            told.append(" and ")
            continue
        told += [*_told(verdicts[k]), "; it is " if k + 1 < len(compared) else ""]
    return told


def _points(best: Value, other: Value) -> str:
    """Return how much better the one is than the other, or how much worse, in hundredths."""
    difference = 100 * abs(best.figure - other.figure)
    word = "better" if best.rank <= other.rank else "worse"
    return f"{difference:.1f} points {word}"


def _is_apart(one: Value, other: Value) -> bool:
    """Return whether the intervals of both have no value in common."""
    return one.low > other.high or other.low > one.high


def _verdict(one: Value, other: Value) -> str:
    """Return what two intervals say."""
    if any(map(math.isnan, (one.low, other.low))):
        return "without intervals"
    return "apart" if _is_apart(one, other) else "overlap"


def _told(verdict: str) -> list[Element | str]:
    """Return what two intervals say in words."""
    if verdict == "overlap":
        return [", but the intervals overlap: ", element("strong", "no difference is shown")]
    return [" (no intervals)" if verdict == "without intervals" else ", and the intervals don't overlap"]


def _names(values: list[Value]) -> list[Element | str]:
    """Return names as a list in words; of many, how many more there are."""
    shown = [name(value.title) for value in values[:LISTED]]
    rest = len(values) - len(shown)
    words: list[Element | str] = [*shown, f"{rest} more"] if rest else [*shown]
    found = words[:1]
    for k, word in enumerate(words[1:], 2):
        found += [" and " if k == len(words) else ", ", word]
    return found


def _interval(value: Value) -> list[Element | str]:
    if math.isnan(value.low):
        return []
    return [" (", number(value.low, 2), "–", number(value.high, 2), ")"]


def _chart(column: Column, values: list[Value]) -> Element:
    """Return a table whose rows are a dot and the line of its interval, with an axis below."""
    ends = [end for value in values for end in (value.figure, value.high) if not math.isnan(end)]
    ticks = ticks_to(max(ends))
    rows = [
        element(
            "tr",
            element("th", name(value.title), scope="row"),
            element("td", _mark(value, ticks), class_="scale"),
            element("td", number(value.figure), element("small", *_interval(value)[1:-1])),
            class_="baseline" if value.is_baseline else None,
        )
        for value in values
    ]
    labels = [element("text", f"{tick:g}", x=_place(tick, ticks), y="75%", text_anchor="middle") for tick in ticks]
    scale = element("svg", *labels, class_="axis", aria_hidden="true")
    foot = element("tr", element("td"), element("td", scale, class_="scale"), element("td"))
    better = "more is better" if column.better > 0 else "less is better"
    caption = f"{metric_title(column.metric)}, {column.title}: {better}; lines are 95 % intervals by bootstrap"
    head = element("thead", head_row("Method", "", "Figure"), class_="unseen")
    parts = (element("caption", caption), head, element("tbody", *rows), element("tfoot", foot))
    return element("table", *parts, class_="chart")


def _place(value: float, ticks: list[float]) -> str:
    return f"{100 * value / ticks[-1]:.2f}%"


def _mark(value: Value, ticks: list[float]) -> Element:
    lines = [
        element("line", x1=_place(tick, ticks), x2=_place(tick, ticks), y1=0, y2="100%", class_="grid")
        for tick in ticks
    ]
    if not math.isnan(value.low):
        low, high = _place(value.low, ticks), _place(value.high, ticks)
        lines.append(element("line", x1=low, x2=high, y1="50%", y2="50%", class_="interval"))
    dot = element("circle", cx=_place(value.figure, ticks), cy="50%", r=6)
    return element("svg", *lines, dot, aria_hidden="true")
