"""A comparison of average and max pooling for localisation: `python -m benchmarks.pooling MODEL PREPROCESS DATA`.

Zhou et al. 2016, section 2 and tables 1 and 2: a network with global average pooling (GAP) localises better than the
same with global max pooling (GMP), at about the same classification error, since every part of an object raises an
average, and one alone a maximum. Here the network stays as it is. A linear classifier is trained on its feature maps,
pooled by average or by maximum, put behind a pooling of that kind in an ONNX file, and evaluated on photos that it
wasn't trained on. Beside it the network's own classes, whose weights were trained for the average, behind either.

A class's map is, for both, the sum of the feature maps times the class's weights, as in the paper: CAM. The gradient of
the maximum has the same mean as that of the average, so that Grad-CAM is the positive part of that sum for both, and is
what compares them. HiResCAM is what is left of it at the places whose maxima make the logit.

DATA is a folder with photos in `images`, their boxes in `boxes.csv` (file, coco_category, x0, y0, x1, y1), and the
ImageNet classes that they show in `pairs.csv` (file, coco_category, imagenet_id). MODEL has a GlobalAveragePool, and
sees whole photos: `fit=stretch` is added to PREPROCESS. There may follow the C of the logistic regression, how many
photos to take, and in how many folds. Needs scikit-learn.
"""

import csv
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.utils import Extractor
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastcam
from fastcam.arrays.sweeps import sweep
from fastcam.evaluate import (
    Annotations,
    EnergyInBox,
    KnownLocalization,
    MaxBoxAccV2,
    Metric,
    PointingGame,
    TopLocalization,
    Truth,
    bootstrap,
    peak_points,
    photo_map,
    read_annotations,
    truth_of,
)
from fastcam.images.frames import network_input

CLASSES = {  # the categories of COCO that each has
    "person": ["person"],
    "vehicle": ["airplane", "bicycle", "boat", "bus", "car", "motorcycle", "train", "truck"],
    "animal": ["bear", "bird", "cat", "cow", "dog", "elephant", "giraffe", "horse", "sheep", "zebra"],
    "room": ["bed", "chair", "couch", "laptop", "oven", "potted plant", "refrigerator", "sink", "toilet", "tv"],
    "table": ["bowl", "cake", "cup", "dining table", "donut", "pizza", "sandwich"],
}
POOLING = {"average": "GlobalAveragePool", "max": "GlobalMaxPool"}
METHODS = {"average": ["cam", "gradcam"], "max": ["gradcam", "hirescam"]}
REFERENCE = "average, gradcam"  # with which max pooling is compared: the same method
THRESHOLDS = np.arange(100) / 100
RESAMPLES = 1000
FIGURES = (  # title, metric, figure
    ("top-1 cls. error", "localization", "top1_classification_error"),
    ("top-1 loc. error", "localization", "top1_localization_error"),
    ("GT-known", "known", "accuracy"),
    ("mean box IoU", "known", "mean_iou"),
    ("MaxBoxAccV2", "max_box_acc_v2", "accuracy"),
    ("pointing game", "pointing", "accuracy"),
    ("energy in boxes", "energy", "energy"),
)

Tallies = dict[str, NDArray[Any]]  # by metric, a row a photo
Figures = dict[str, tuple[float, float, float]]  # by title: the figure, and the ends of its 95 % interval


class Photos(NamedTuple):
    """N photos with a class each (N,), and the boxes of it."""

    paths: list[Path]
    class_index: NDArray[np.int64]
    truth: Truth

    def take(self, index: NDArray[np.int64]) -> "Photos":
        return gathered((self.paths[n], int(self.class_index[n]), self.truth.of(n)) for n in index.tolist())


def gathered(rows: Iterable[tuple[Path, int, NDArray[np.float64]]]) -> Photos:
    paths, classes, boxes = zip(*rows, strict=True)
    return Photos(list(paths), np.array(classes), truth_of(boxes, classes))


def annotations(folder: Path) -> Annotations:
    columns = {"path": "file", "label": "coco_category"}
    return read_annotations(folder / "boxes.csv", root=folder / "images", columns=columns, classes="order")


def boxes_of(data: Annotations, n: int) -> tuple[NDArray[np.float64], list[str]]:
    """Return the boxes of a photo, in whole pixels, rounded outwards, and their categories."""
    rows = slice(data.offsets[n], data.offsets[n + 1])
    boxes = np.concatenate([np.floor(data.boxes[rows, :2]), np.ceil(data.boxes[rows, 2:])], axis=1)
    return boxes, [data.categories[index] for index in data.box_class[rows]]


def read_classes(folder: Path) -> Photos:
    """Return the photos whose largest box is of one of `CLASSES`."""
    data, found = annotations(folder), []
    for n, path in enumerate(data.paths):
        boxes, categories = boxes_of(data, n)
        largest = categories[np.argmax((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))]
        for index, names in enumerate(CLASSES.values()):
            if largest in names:
                found.append((path, index, boxes[[name in names for name in categories]]))
    return gathered(found)


def read_imagenet(folder: Path) -> Photos:
    """Return photos with a class of ImageNet, once for each class in them."""
    data = annotations(folder)
    place, found = {path.name: n for n, path in enumerate(data.paths)}, []
    with open(folder / "pairs.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            n = place[row["file"]]
            boxes, categories = boxes_of(data, n)
            wanted = [name == row["coco_category"] for name in categories]
            found.append((data.paths[n], int(row["imagenet_id"]), boxes[wanted]))
    return gathered(found)


def feature_maps(model: fastcam.Classifier, paths: Iterable[Path]) -> NDArray[np.float32]:
    """Return feature maps (N, C, h, w) of whole photos."""
    found = []
    for path in paths:
        with Image.open(path) as photo:
            pixels = np.asarray(photo.convert("RGB"))
        whole = (0, 0, pixels.shape[1], pixels.shape[0])
        found.append(model.run(network_input(pixels, whole, model.preprocess, model.input))[1][0])
    return np.stack(found)


def trained(
    features: NDArray[np.float32], class_index: NDArray[np.int64], strength: float = 0.1
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weights (K, C) and bias (K,) of a linear classifier on features (N, C), which it standardises.

    `strength` is that of the data against the penalty on the weights, scikit-learn's C.
    """
    scaler, linear = StandardScaler(), LogisticRegression(C=strength, max_iter=1000)
    make_pipeline(scaler, linear).fit(features, class_index)
    weights = linear.coef_ / scaler.scale_
    return weights.astype(np.float32), (linear.intercept_ - weights @ scaler.mean_).astype(np.float32)


def pooled(
    model: fastcam.Classifier, pooling: str, learned: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
) -> fastcam.Classifier:
    """Return the network with its feature maps pooled by "average" or "max", and its own weights and bias or others."""
    proto = onnx.load(str(model.path))
    node = next(node for node in proto.graph.node if model.head.feature_maps in node.input)
    if node.op_type != POOLING["average"]:
        raise ValueError(f"expected a model with {POOLING['average']}; got {node.op_type}")
    node.op_type = POOLING[pooling]
    if learned is not None:
        proto = Extractor(onnx.shape_inference.infer_shapes(proto)).extract_model([model.input.name], [node.output[0]])
        names = ("learned/weights", "learned/bias")
        proto.graph.initializer.extend(map(numpy_helper.from_array, learned, names))
        proto.graph.node.append(helper.make_node("Flatten", [node.output[0]], ["learned/features"]))
        proto.graph.node.append(helper.make_node("Gemm", ["learned/features", *names], ["learned/logits"], transB=1))
        shape = ["N", len(learned[1])]
        proto.graph.output[0].CopyFrom(helper.make_tensor_value_info("learned/logits", onnx.TensorProto.FLOAT, shape))
    return fastcam.load(proto.SerializeToString(), preprocess=model.preprocess)


def metrics() -> dict[str, Any]:
    return {
        "localization": TopLocalization(top=1),
        "known": KnownLocalization(),
        "max_box_acc_v2": MaxBoxAccV2(THRESHOLDS.tolist()),
        "pointing": PointingGame(),
        "energy": EnergyInBox(),
    }


def measured(model: fastcam.Classifier, photos: Photos, method: str) -> Tallies:
    """Return the first metric by the best class of each photo, all others by its true class."""
    best = model.explain(photos.paths, method=method)
    known = model.explain(photos.paths, method=method, class_index=photos.class_index[:, None])
    maps = [photo_map(known, n) for n in range(len(photos.paths))]
    swept = [
        sweep(known.activation_maps[n, 0], size, THRESHOLDS, components="all")
        for n, size in enumerate(map(tuple, known.image_sizes.tolist()))
    ]
    boxes = np.concatenate([one.xyxy for one in swept])
    cells = np.concatenate([n * len(THRESHOLDS) + np.asarray(one.threshold_index) for n, one in enumerate(swept)])
    offsets, new = np.searchsorted(cells, np.arange(len(maps) * len(THRESHOLDS) + 1)), metrics()
    return {
        "localization": new["localization"].update(best.class_index, best.boxes.xyxy, photos.truth),
        "known": new["known"].update(known.boxes.xyxy[:, 0], photos.truth),
        "max_box_acc_v2": new["max_box_acc_v2"].update(boxes, photos.truth, offsets=offsets),
        "pointing": new["pointing"].update(peak_points(maps), photos.truth),
        "energy": new["energy"].update(maps, photos.truth),
    }


def of_learned(model: fastcam.Classifier, photos: Photos, folds: int, strength: float) -> dict[str, Tallies]:
    """Return the figures of each pooling and method, each photo by a classifier trained without its part."""
    maps = feature_maps(model, photos.paths)
    features = {"average": maps.mean(axis=(2, 3)), "max": maps.max(axis=(2, 3))}
    parts = list(StratifiedKFold(folds, shuffle=True, random_state=0).split(photos.paths, photos.class_index))
    order = np.argsort(np.concatenate([held_out for _, held_out in parts]))
    found: dict[str, list[Tallies]] = {}
    for train, held_out in parts:
        for pooling, values in features.items():
            own = pooled(model, pooling, trained(values[train], photos.class_index[train], strength))
            for method in METHODS[pooling]:
                found.setdefault(f"{pooling}, {method}", []).append(measured(own, photos.take(held_out), method))
    return {
        row: {name: np.concatenate([one[name] for one in several])[order] for name in several[0]}
        for row, several in found.items()
    }


def of_own(model: fastcam.Classifier, photos: Photos) -> dict[str, Tallies]:
    """Return the figures of the network's own classes, without training."""
    found: dict[str, Tallies] = {}
    for pooling, several in METHODS.items():
        own = pooled(model, pooling)
        found |= {f"{pooling}, {method}": measured(own, photos, method) for method in several}
    return found


def figures(tallies: Tallies) -> Figures:
    """Return each figure with its interval, by bootstrap over photos."""
    found = {}
    for title, name, figure in FIGURES:
        metric, rows = metrics()[name], tallies[name]
        low, high = bootstrap(metric, rows, resamples=RESAMPLES)[figure]
        found[title] = (value(metric, rows, figure), low, high)
    return found


def differences(tallies: Tallies, other: Tallies) -> Figures:
    """Return the differences of figures of the same photos, which are drawn together."""
    found = {}
    for title, name, figure in FIGURES:
        metric, ours, theirs = metrics()[name], tallies[name], other[name]
        rng, drawn = np.random.default_rng(0), []
        for _ in range(RESAMPLES):
            rows = rng.integers(len(ours), size=len(ours))
            drawn.append(value(metric, ours[rows], figure) - value(metric, theirs[rows], figure))
        low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
        found[title] = (value(metric, ours, figure) - value(metric, theirs, figure), low, high)
    return found


def value(metric: Metric[Any], rows: NDArray[Any], figure: str) -> float:
    return float(getattr(metric.of_rows(rows), figure))


def table(found: Mapping[str, Tallies]) -> dict[str, Figures]:
    """Return a table of the figures of each row, and of the differences of max and average pooling."""
    rows = {row: figures(tallies) for row, tallies in found.items()}
    others = [row for row in found if row.startswith("max")]
    return rows | {f"{row}: difference": differences(found[row], found[REFERENCE]) for row in others}


def main(
    model_path: str, preprocess: str, data: str, strength: str = "0.1", limit: str = "1000", folds: str = "5"
) -> dict[str, dict[str, Figures]]:
    model, folder = fastcam.load(model_path, preprocess=f"{preprocess},fit=stretch"), Path(data)
    photos, pairs = (read(folder) for read in (read_classes, read_imagenet))
    first = [every.take(np.arange(min(int(limit), len(every.paths)))) for every in (photos, pairs)]
    return {
        f"{len(first[0].paths)} photos, {len(CLASSES)} classes, trained in {folds} folds with C = {strength}": table(
            of_learned(model, first[0], int(folds), float(strength))
        ),
        f"{len(first[1].paths)} photos and classes, the model's own {model.head.classes} classes": table(
            of_own(model, first[1])
        ),
    }


if __name__ == "__main__":
    for caption, rows in main(*sys.argv[1:]).items():
        print(f"\n{caption}\n\n| {' | '.join(['maps', *(title for title, *_ in FIGURES)])} |")
        print("| --- " * (1 + len(FIGURES)) + "|")
        for row, cells in rows.items():
            shown = ([round(number, 3) + 0.0 for number in cell] for cell in cells.values())  # no -0.000
            print(f"| {row} | {' | '.join(f'{mid:.3f} ({low:.3f} to {high:.3f})' for mid, low, high in shown)} |")
