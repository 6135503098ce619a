"""The results of an evaluation as files: JSON, and tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastcam.errors import FastcamError, InputError
from fastcam.evaluate.records import RESULTS, TABLES, Batch, as_json
from fastcam.evaluate.results import protocol_of, results_of
from fastcam.evaluate.wording import counted
from fastcam.files import write_whole

COLUMNS = (  # title, metric, figure
    ("top-1 loc. error", "localisation", "top1_localisation_error"),
    ("top-{top} loc. error", "localisation", "localisation_error"),
    ("top-1 cls. error", "localisation", "top1_classification_error"),
    ("top-{top} cls. error", "localisation", "classification_error"),
    ("heuristics", "heuristics", "localisation_error"),
    ("GT-known", "known", "accuracy"),
    ("mean box IoU", "known", "mean_iou"),
    ("MaxBoxAcc", "max_box_acc", "accuracy"),
    ("MaxBoxAccV2", "max_box_acc_v2", "accuracy"),
    ("pointing game", "pointing", "mean_of_classes"),
    ("pointing, all pairs", "pointing", "accuracy"),
    ("within 15 pixels", "pointing_15", "mean_of_classes"),
    ("15 pixels, all pairs", "pointing_15", "accuracy"),
    ("energy in boxes", "energy", "energy"),
    ("PxAP", "px_ap", "average_precision"),
    ("mean mask IoU", "mean_iou", "mean_iou"),
    ("average drop", "average_drop", "average_drop"),
    ("increase", "average_drop", "increase_in_confidence"),
    ("deletion", "deletion", "deletion_auc"),
    ("insertion", "insertion", "insertion_auc"),
    ("ROAD", "road", "road"),
)

OF_TOP = {("localisation", "localisation_error"), ("localisation", "classification_error")}


def write_results(folder: Path, plan: Mapping[str, Any], batches: Sequence[Batch]) -> dict[str, Any]:
    """Write `results.json` and `results.md`, each whole or not at all; what the former holds.

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


def markdown(results: Mapping[str, Any], *, problems: bool = True) -> str:
    """A table for each model, its methods and the baselines as rows, and then the problems of the data, if wanted."""
    protocol, data = protocol_of(results["plan"]), results["data"]
    lines = [
        "# Evaluation",
        "",
        f"{counted(data['images'], 'photo')} of {data['path'] or 'the data'} ({data['format']}); "
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
        lines += [f"- {_cell(one['id'])}: {one['reason']} ({_cell(one['detail'])})" for one in data["problems"]]
    return "\n".join(lines) + "\n"


def table_of(rows: Sequence[Mapping[str, Any]], top: int) -> Iterator[str]:
    """The lines of a Markdown table, one for each row of results; columns without any figure are left out."""
    shown = [column for column in COLUMNS if any(_known(row, *column[1:]) for row in rows)]
    if top == 1:
        shown = [column for column in shown if column[1:] not in OF_TOP]
    yield " | ".join(["| maps", *(title.format(top=top) for title, *_ in shown)]) + " |"
    yield "| --- " * (1 + len(shown)) + "|"
    for row in rows:
        if row["model"] is None and not any(_known(row, *column[1:]) for column in shown):
            continue  # a baseline of other metrics than the data has truth for
        cells = [_figure(row, metric, figure) for _, metric, figure in shown]
        yield " | ".join([f"| {_cell(row['method'])}", *cells]) + " |"


def _known(row: Mapping[str, Any], metric: str, figure: str) -> bool:
    return row["metrics"].get(metric, {}).get(figure) is not None


def _figure(row: Mapping[str, Any], metric: str, figure: str) -> str:
    if not _known(row, metric, figure):
        return ""
    low, high = row["intervals"][metric][figure]
    between = "" if low is None or high is None else f" ({low:.2f}–{high:.2f})"
    return f"{row['metrics'][metric][figure]:.3f}{between}"


def _cell(text: str) -> str:
    """Text in which Markdown sees no structure."""
    return " ".join(text.replace("|", "\\|").split())
