"""The parts of `results.json` that the page needs, and a check that they are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fastcam.errors import InputError
from fastcam.evaluate.report.markup import is_number

ANY = "any key"
REAL, SOME = (int, float), (int, float, type(None))
# Of `results.json`, what the page needs. A list has items of one kind; a tuple names the types that a value may have.
SCHEMA: dict[str, Any] = {
    "fastcam": (str,),
    "plan": {ANY: (object,)},
    "data": {
        "format": (str,),
        "path": (object,),
        "images": (int,),
        "problems": [{"id": (str,), "reason": (str,), "detail": (str,)}],
        "absent_classes": (int,),
    },
    "models": [{"name": (str,), "path": (object,), "sha256": (object,), "head": (object,), "preprocess": (str,)}],
    "rows": [
        {
            "model": (str, type(None)),
            "method": (str,),
            "how": (str, type(None)),
            "metrics": {ANY: {ANY: (object,)}},
            "intervals": {ANY: {ANY: [SOME]}},
            "classes": {ANY: {ANY: SOME}},
            "curves": {ANY: {"thresholds": [REAL], "deltas": [REAL], "accuracy": [[SOME]]}},
        }
    ],
    "labels": {ANY: (str,)},
    "worst": [
        {
            "row": (int,),
            "id": (str,),
            "path": (object,),
            "class_index": (int,),
            "iou": SOME,
            "box": (object,),
            "truth": [[REAL]],
        }
    ],
}


def check(results: Any) -> None:
    """Check that results have all that the page needs, or raise `InputError`."""
    _check(results, SCHEMA, "results")
    _check_indices(results["labels"], "results['labels']")
    if not results["rows"]:
        raise InputError("results['rows']: expected at least one row; got none")
    for k, row in enumerate(results["rows"]):
        for metric, curve in row["curves"].items():
            shape = [len(curve["thresholds"])] * len(curve["deltas"])
            lengths = [len(line) for line in curve["accuracy"]]
            if lengths != shape:
                where = f"results['rows'][{k}]['curves'][{metric!r}]['accuracy']"
                raise InputError(f"{where}: expected lists of {shape} numbers, one for each delta; got {lengths}")
        _check_indices(row["classes"], f"results['rows'][{k}]['classes']")
    for k, case in enumerate(results["worst"]):
        if not 0 <= case["row"] < len(results["rows"]):
            expected = f"a row's number, 0 to {len(results['rows']) - 1}"
            raise InputError(f"results['worst'][{k}]['row']: expected {expected}; got {case['row']}")
        if any(len(box) != 4 or not all(map(is_number, box)) for box in case["truth"]):
            raise InputError(f"results['worst'][{k}]['truth']: expected boxes of 4 numbers; got {case['truth']!r:.80}")


def _check(value: Any, schema: Any, where: str) -> None:
    if isinstance(schema, tuple):
        if not isinstance(value, schema) or (isinstance(value, bool) and object not in schema):
            expected = " or ".join(kind.__name__ for kind in schema)
            raise InputError(f"{where}: expected {expected}; got {value!r:.80}")
    elif isinstance(schema, list):
        if not isinstance(value, list | tuple):
            raise InputError(f"{where}: expected a list; got {value!r:.80}")
        for k, item in enumerate(value):
            _check(item, schema[0], f"{where}[{k}]")
    else:
        if not isinstance(value, Mapping):
            raise InputError(f"{where}: expected a dictionary; got {value!r:.80}")
        if ANY in schema:
            schema = dict.fromkeys(value, schema[ANY])
        for key, inner in schema.items():
            if key not in value:
                raise InputError(f"{where}: expected {key!r}, as in results.json; got {', '.join(map(str, value))}")
            _check(value[key], inner, f"{where}[{key!r}]")


def _check_indices(keys: Iterable[Any], where: str) -> None:
    """Check that keys are class indices, which JSON has as text, or raise `InputError`."""
    for key in keys:
        if not str(key).removeprefix("-").isdecimal():
            raise InputError(f"{where}: expected class indices as keys; got {key!r:.80}")
