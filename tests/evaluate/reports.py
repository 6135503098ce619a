"""Results of evaluations that never were, of any size, for the tests of their page; and the page as a tree."""

import copy

import numpy as np

from fastcam.evaluate.report import write_report
from tests.markup import parse

BASE = {
    "fastcam": "0.1.0",
    "plan": {"convention": "paper", "metrics": ["localization", "known", "max_box_acc", "px_ap"]},
    "data": {
        "format": "coco",
        "path": "photos/instances.json",
        "images": 1234,
        "problems": [
            {"id": "7", "reason": "no box", "detail": "instances.json: images[3]"},
            {"id": "9", "reason": "missing", "detail": "9.jpg isn't there"},
            {"id": "11", "reason": "no box", "detail": "instances.json: images[8]"},
        ],
        "absent_classes": 3,
    },
    "models": [
        {
            "name": "resnet20",
            "path": "resnet20.onnx",
            "sha256": "ab" * 32,
            "head": "cam head",
            "preprocess": "imagenet: RGB (assumed: nothing said otherwise)",
        }
    ],
    "rows": [],
    "labels": {},
    "worst": [],
}


def results(*methods, classes=4, thresholds=5, deltas=(0.3, 0.5), cases=2):
    """Return results that depend on the arguments alone: `cases` photos of 40 × 60, which all methods share."""
    made, rng = copy.deepcopy(BASE), np.random.default_rng(0)
    made["labels"] = {str(k): f"kind {k}" for k in range(classes)}
    levels = (np.arange(thresholds) / thresholds).tolist()
    for method in methods:
        known, best = rng.random(2).tolist()
        error = {"images": 1234, "top": 5, "localization_error": 1 - known, "classification_error": 0.25}
        row = {
            "model": "resnet20",
            "method": method,
            "how": "class weights",
            "metrics": {
                "localization": error,
                "known": {"images": 1234, "accuracy": known, "mean_iou": known / 2},
                "max_box_acc": {"images": 1234, "accuracy": best, "best_0.5": best / 2, "best_threshold_0.5": 0.2},
                "px_ap": {"images": 0, "average_precision": None},
            },
            "intervals": {"known": {"accuracy": [known - 0.1, known + 0.1], "mean_iou": [None, None]}},
            "classes": {
                str(k): {"images": k, "accuracy": float(rng.random()), "mean_iou": None} for k in range(classes)
            },
            "curves": {},
        }
        if thresholds:
            accuracy = rng.random((len(deltas), thresholds)).tolist()
            row["curves"]["max_box_acc"] = {"thresholds": levels, "deltas": list(deltas), "accuracy": accuracy}
        made["rows"].append(row)
    for row in range(len(methods)):
        for k in range(cases):
            case = {"row": row, "id": f"photo{k}", "path": f"photos/{k}.jpg", "class_index": k, "iou": 0.1 * k}
            made["worst"].append({**case, "box": None, "truth": [[5, 6, 25.5, 16]]})
    return made


def picture(row, case):
    """(40, 60, 3), of a colour of its own for each row."""
    return np.full((40, 60, 3), (40 * row, 100, 200), np.uint8)


def read_report(folder, given, show=picture):
    """The page of results in a folder of its own, as a tree, where all that is pointed to is there, once."""
    path = write_report(folder, given, show)
    assert [one.name for one in folder.iterdir()] == ["report.html"] == [path.name]
    root = parse(path.read_text(encoding="utf-8"))
    ids = [node["id"] for tag in ("h2", "image") for node in root.all(tag)]
    assert len(set(ids)) == len(ids)
    for tag in ("a", "use"):
        assert {node["href"] for node in root.all(tag)} <= {f"#{one}" for one in ids}
    return root


def numbers(cells):
    """The exact numbers in cells, a list for each."""
    return [[float(data["value"]) for data in cell.all("data")] for cell in cells]
