"""`python -m tests.exports.wsol CHECKOUT`: metrics against wsolevaluation's own code, on random maps and on its masks.

CHECKOUT is a folder with https://github.com/clovaai/wsolevaluation, whose code needs OpenCV; what it imports of PyTorch
and Munch isn't needed for what is compared, and stands empty, and NumPy's old names come back.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from fastcam.evaluate import MaxBoxAcc, MaxBoxAccV2, PxAP, iou, read_annotations, wsol_truth
from fastcam.evaluate.metrics.iou import truth_of

MAPS, SIDE = 250, 56
THRESHOLDS = np.arange(0, 1, 0.01)


def import_theirs(checkout: Path) -> Any:
    """Return the module `evaluation` of a checkout."""
    for name in ("munch", "torch", "torch.utils", "torch.utils.data", "torchvision", "torchvision.transforms"):
        sys.modules[name] = ModuleType(name)
    anything: Any = sys.modules
    anything["torch.utils.data"].Dataset = anything["torch.utils.data"].DataLoader = object
    anything["torch.utils"].data = anything["torch.utils.data"]
    anything["torchvision"].transforms = anything["torchvision.transforms"]
    anything["munch"].Munch = dict
    old: Any = np
    old.float, old.int = float, int
    sys.path.insert(0, str(checkout))
    import evaluation

    evaluation.print = lambda *_: None  # what it finds is returned as well
    return evaluation


def random_maps(rng: np.random.Generator) -> np.ndarray:
    """Smooth ones of a few blobs, from 0 to 1, some of them on a coarse scale, with many equal values."""
    import cv2

    maps = []
    for n in range(MAPS):
        coarse = rng.random((7, 7)) ** (1 + n % 4)
        one = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        one = (one - one.min()) / (one.max() - one.min())
        maps.append(np.round(one, 2) if n % 5 == 0 else one)
    return np.stack(maps)


def random_truth(rng: np.random.Generator) -> list[np.ndarray]:
    """Inclusive corners."""
    return [np.sort(rng.integers(0, SIDE, (rng.integers(1, 4), 2, 2)), axis=1).reshape(-1, 4) for _ in range(MAPS)]


def compare_boxes(theirs: Any, maps: np.ndarray, boxes: list[np.ndarray], every: bool) -> str:
    """MaxBoxAcc with the largest contour, or MaxBoxAccV2 with all."""
    evaluator = object.__new__(theirs.BoxEvaluator)
    evaluator.cam_threshold_list, evaluator.iou_threshold_list = list(THRESHOLDS), [30, 50, 70]
    evaluator.multi_contour_eval, evaluator.cnt = every, 0
    evaluator.num_correct = {delta: np.zeros(len(THRESHOLDS)) for delta in (30, 50, 70)}
    evaluator.gt_bboxes = dict(enumerate(boxes))
    ours = (MaxBoxAccV2 if every else MaxBoxAcc)(THRESHOLDS, deltas=(0.3, 0.5, 0.7), corners="inclusive")
    truth = truth_of(boxes)
    found, counts = [], []
    for n, one in enumerate(maps):
        evaluator.accumulate(one, n)
        each, count = theirs.compute_bboxes_from_scoremaps(one, THRESHOLDS, every)
        found += each
        counts += count
    ours.update(np.concatenate(found), truth, offsets=np.cumsum([0, *counts]))
    expected = np.stack([evaluator.num_correct[delta] for delta in (30, 50, 70)])
    np.testing.assert_array_equal(ours.sums.reshape(3, -1), expected)
    np.testing.assert_allclose(np.array(ours.summary().best) * 100, evaluator.compute(), rtol=1e-15)
    name = "MaxBoxAccV2, all contours" if every else "MaxBoxAcc, largest contour"
    return f"| {name} | {MAPS} maps × {len(THRESHOLDS)} thresholds × 3 IoU | all {expected.size} counts equal |"


def compare_iou(theirs: Any, boxes: list[np.ndarray]) -> str:
    every = np.concatenate(boxes)
    np.testing.assert_array_equal(iou(every, every, corners="inclusive"), theirs.calculate_multiple_iou(every, every))
    return f"| IoU | {len(every)} × {len(every)} boxes | every bit equal |"


def compare_resizing(theirs: Any, rng: np.random.Generator) -> str:
    for _ in range(1000):
        height, width = rng.integers(20, 600, 2).tolist()
        x0, x1 = np.sort(rng.integers(0, width, 2)).tolist()
        y0, y1 = np.sort(rng.integers(0, height, 2)).tolist()
        expected = theirs.resize_bbox((x0, y0, x1, y1), (width, height), (224, 224))
        found = wsol_truth(truth_of([[[x0, y0, x1 + 1, y1 + 1]]]), np.array([[height, width]])).boxes[0]
        np.testing.assert_array_equal(found, expected)
    return "| true boxes at 224×224 | 1000 boxes | equal |"


def compare_masks(theirs: Any, pairs: list[tuple[np.ndarray, np.ndarray]], name: str) -> str:
    """PxAP, by score maps and masks."""
    evaluator = object.__new__(theirs.MaskEvaluator)
    evaluator.num_bins = len(THRESHOLDS) + 2
    evaluator.threshold_list_right_edge = np.append(THRESHOLDS, [1.0, 2.0, 3.0])
    evaluator.gt_true_score_hist, evaluator.gt_false_score_hist = np.zeros((2, evaluator.num_bins))
    evaluator.split, evaluator.mask_root, evaluator.mask_paths, evaluator.ignore_paths = "", "", {}, {}
    ours = PxAP(THRESHOLDS)
    for n, (one, mask) in enumerate(pairs):
        theirs.get_mask = lambda *_, mask=mask: mask
        evaluator.mask_paths[n] = evaluator.ignore_paths[n] = n
        evaluator.accumulate(one, n)
        ours.update([one], [mask])
    with np.errstate(invalid="ignore"):
        expected = evaluator.compute()
    assert ours.summary().average_precision * 100 == expected
    pixels = ours.summary().object_pixels + ours.summary().background_pixels
    return f"| PxAP, {name} | {len(pairs)} maps, {pixels} pixels | every bit equal: {expected:.6f} % |"


def its_masks(theirs: Any, checkout: Path, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Masks of the checkout's own tests, with random maps."""
    root, pairs = checkout / "test_data" / "test_masks", []
    for ignore in sorted(root.rglob("*_ignore.png")):
        objects = sorted(ignore.parent.glob(ignore.name.replace("_ignore", "_m*")))
        if objects:
            mask = theirs.get_mask("", list(map(str, objects)), str(ignore))
            pairs.append((rng.random(mask.shape), mask))
    return pairs


def compare_metadata(checkout: Path) -> list[str]:
    """The boxes and sizes that its tests expect of the first images of its metadata."""
    first = {
        "CUB": ([(60, 27, 385, 331), (14, 112, 402, 298), (33, 53, 284, 448)], [(500, 335), (500, 347), (500, 470)]),
        "ILSVRC": ([(111, 108, 441, 193), (45, 49, 499, 162), (2, 69, 437, 207)], [(500, 375)] * 3),
    }
    lines = []
    for name, (boxes, sizes) in first.items():
        found = read_annotations(checkout / "metadata" / name / "test", verify=False)
        np.testing.assert_array_equal(found.boxes[:3] - (0, 0, 1, 1), boxes)
        np.testing.assert_array_equal(found.sizes[:3, ::-1], sizes)
        lines.append(
            f"| metadata of {name} | {len(found)} images, {len(found.boxes)} boxes, {len(found.problems)} left out | equal |"
        )
    return lines


def main() -> None:
    parser = ArgumentParser(prog="python -m tests.exports.wsol", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkout", type=Path)
    checkout = parser.parse_args().checkout
    theirs, rng = import_theirs(checkout), np.random.default_rng(0)
    maps, boxes = random_maps(rng), random_truth(rng)
    masks = rng.choice(np.array([0, 1, 255], np.uint8), maps.shape, p=(0.6, 0.3, 0.1))
    lines = [
        compare_iou(theirs, boxes),
        compare_resizing(theirs, rng),
        compare_boxes(theirs, maps, boxes, False),
        compare_boxes(theirs, maps, boxes, True),
        compare_masks(theirs, its_masks(theirs, checkout, rng), "its own masks"),
        compare_masks(theirs, list(zip(maps, masks, strict=True)), "random masks with ignored pixels"),
        *compare_metadata(checkout),
    ]
    sys.stdout.write("\n".join(["| what | on | result |", "| --- | --- | --- |", *lines]) + "\n")


if __name__ == "__main__":
    main()
