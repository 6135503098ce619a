"""`python -m tests.exports.segments [MODEL...]`: how well segments of real photos agree with outlines drawn by people.

Mean intersection over union (IoU) for classes that are in the photo: COCO's polygons of 1 % of the photo and more, and
two photos with masks. Seeds are grown by the watershed of `fastcam.export.segments`, and by what else scikit-image has.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import fastcam
from fastcam.arrays.masks import threshold_masks
from fastcam.export.segments import seeds, segment
from tests.conftest import PREPROCESS, shared_folder

MODELS = ("squeezenet1_1_nchw", "mobilenet_v2_1.0_224_nchw_gemm")
SMALLEST, SAME = 0.01, 0.8  # of the photo; IoU of a polygon's extent with a box
SIDE = 128  # of what is too slow for a whole photo
Mask = NDArray[np.bool_]


class Case(NamedTuple):
    """A photo, the ImageNet class in it, and where it is."""

    photo: NDArray[np.uint8]
    class_index: int
    truth: Mask


def cases() -> Iterator[Case]:
    from skimage.draw import polygon2mask

    coco = shared_folder() / "photos" / "coco"
    boxes = rows(coco / "boxes.csv")
    for row in rows(coco / "pairs.csv"):
        outlines = coco / "polygons" / Path(row["file"]).with_suffix(".txt").name
        mine = [box for box in boxes if (box["file"], box["coco_category"]) == (row["file"], row["coco_category"])]
        extents = np.array([[float(box[side]) for side in ("x0", "y0", "x1", "y1")] for box in mine])
        if not outlines.exists():
            continue
        photo = pixels(coco / "images" / row["file"])
        truth, count = np.zeros(photo.shape[:2], bool), 0
        for line in outlines.read_text(encoding="utf-8").splitlines():
            corners = np.array(line.split()[1:], float).reshape(-1, 2) * photo.shape[1::-1]
            if any(overlap(np.concatenate([corners.min(0), corners.max(0)]), box) > SAME for box in extents):
                truth |= polygon2mask(truth.shape, corners[:, ::-1])
                count += 1
        if count == len(extents) and truth.mean() >= SMALLEST:
            yield Case(photo, int(row["imagenet_id"]), truth)
    folder = shared_folder() / "photos" / "openimages_cc"
    for name, class_index, label in (("bird", 19, 3), ("dog", 258, 0)):
        truth = np.asarray(Image.open(folder / f"{name}_segmentation_mask.png")) == label
        yield Case(pixels(folder / f"{name}_segmentation.png"), class_index, truth)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def pixels(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).convert("RGB"))


def overlap(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """IoU of two boxes."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    inside = float(np.maximum(sides, 0).prod())
    return inside / (float((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod()) - inside)


def iou(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))


def small(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = min(1.0, SIDE / max(photo.shape))
    sides = (round(photo.shape[1] * scale), round(photo.shape[0] * scale))
    return np.asarray(Image.fromarray(photo).resize(sides, Image.Resampling.BOX))


def large(mask: Mask, like: NDArray[np.uint8]) -> Mask:
    return np.asarray(Image.fromarray(mask).resize(like.shape[1::-1], Image.Resampling.NEAREST))


def random_walker(photo: NDArray[np.uint8], one: Any, foreground: float, background: float) -> Mask:
    """Grady 2006, of the seeds, on a smaller photo."""
    from skimage.segmentation import random_walker

    shrunk = small(photo)
    known = seeds(one, shrunk.shape[:2], foreground=foreground, background=background)
    if (known >= 0).all() or not (known == 0).any() or not (known == 1).any():
        return large(known == 1, photo)
    markers = np.where(known < 0, 0, known + 1)
    return large(random_walker(shrunk / 255, markers, beta=1000, mode="cg_j", tol=1e-2, channel_axis=-1) == 2, photo)


def superpixels(photo: NDArray[np.uint8], one: Any, threshold: float) -> Mask:
    """SLIC (Achanta et al. 2012): those in which the map's mean is above the threshold."""
    from skimage.segmentation import slic

    labels = slic(photo, n_segments=300, compactness=10, start_label=0)
    raw = fastcam.heatmaps(one, photo.shape[:2], normalize=False)
    means = np.bincount(labels.ravel(), raw.ravel()) / np.bincount(labels.ravel())
    return (means > threshold * raw.max())[labels]


def active_contour(photo: NDArray[np.uint8], one: Any) -> Mask:
    """Chan and Vese 2001, begun from the map, on a smaller photo in grey."""
    from skimage.color import rgb2gray
    from skimage.segmentation import chan_vese

    shrunk = small(photo)
    raw = fastcam.heatmaps(one, shrunk.shape[:2], normalize=False) / max(float(np.max(one)), 1e-30)
    begun: Any = raw - 0.2  # typed as a name; arrays are taken as well
    found = np.asarray(chan_vese(rgb2gray(shrunk), init_level_set=begun, max_num_iter=100))
    best = raw > 0.6 * raw.max()
    return large(found if (found & best).sum() >= (~found & best).sum() else ~found, photo)


def grown(foreground: float, background: float) -> Callable[..., Mask]:
    return lambda photo, one: segment(photo, one, foreground=foreground, background=background) == 1


def box(photo: NDArray[np.uint8], one: Any) -> Mask:
    x0, y0, x1, y1 = fastcam.find_boxes(one, photo.shape[:2]).xyxy.tolist()
    found = np.zeros(photo.shape[:2], bool)
    found[y0:y1, x0:x1] = True
    return found


WAYS: dict[str, Callable[..., Mask]] = {
    "whole photo": lambda photo, one: np.ones(photo.shape[:2], bool),
    "box, `paper`": box,
    "above 20 % of the maximum (`paper`)": lambda photo, one: threshold_masks(one, photo.shape[:2]),
    "above 30 %": lambda photo, one: threshold_masks(one, photo.shape[:2], threshold=0.3),
    "`segment`": lambda photo, one: segment(photo, one) == 1,
    **{
        f"watershed, seeds above {high:.0%} and below {low:.0%}": grown(high, low)
        for high, low in ((0.4, 0.1), (0.5, 0.1), (0.5, 0.2), (0.6, 0.3))
    },
    "random walker, 50 % and 10 %": lambda photo, one: random_walker(photo, one, 0.5, 0.1),
    "SLIC, mean above 20 %": lambda photo, one: superpixels(photo, one, 0.2),
    "Chan–Vese, begun at 20 %": active_contour,
}


def scores(name: str) -> dict[str, list[float]]:
    """IoU of each case, by way."""
    path = shared_folder() / "models" / f"{name}.onnx"
    model = fastcam.load(path, preprocess=PREPROCESS[name])
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for case in cases():
        one = model.explain(case.photo, class_index=case.class_index).activation_maps[0, 0]
        for way, make in WAYS.items():
            found[way].append(iou(make(case.photo, one), case.truth))
    return found


def main() -> None:
    say = sys.stdout.write
    names = sys.argv[1:] or MODELS
    found = {name: scores(name) for name in names}
    count = len(found[names[0]]["`segment`"])
    say(f"{count} cases\n\n| pixels | " + " | ".join(names) + " |\n" + "| --- " * (len(names) + 1) + "|\n")
    for way in WAYS:
        cells = [f"{np.mean(found[name][way]):.3f} (median {np.median(found[name][way]):.3f})" for name in names]
        say(f"| {way} | " + " | ".join(cells) + " |\n")


if __name__ == "__main__":
    main()
