"""Intersection over union of boxes, and the true boxes that others are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.arrays.scalars import is_number
from fastcam.errors import InputError

CORNERS = ("half-open", "inclusive")


@dataclass(frozen=True, eq=False, slots=True)
class Truth:
    """The true boxes of N images, one image after the other. Made by `truth_of`, `Annotations.truth` and others.

    Attributes
    ----------
    boxes
        (B, 4) float64, xyxy.
    offsets
        (N + 1,) int64: image n has the boxes `offsets[n]:offsets[n + 1]`.
    class_index
        (B,) int64, the class of each box.
    """

    boxes: NDArray[np.float64]
    offsets: NDArray[np.int64]
    class_index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of(self, n: int) -> NDArray[np.float64]:
        """Return the boxes (b, 4) of image n."""
        return self.boxes[self.offsets[n] : self.offsets[n + 1]]


def truth_of(boxes: Sequence[ArrayLike], class_index: Sequence[ArrayLike] | None = None) -> Truth:
    """Return the `Truth` of images.

    Parameters
    ----------
    boxes
        Of each image its boxes (b, 4), xyxy.
    class_index
        Of each image the classes of its boxes, (b,) or one for all; None: 0.

    Returns
    -------
    Truth

    Raises
    ------
    InputError
        Boxes of another shape, inverted or not finite; another number of classes than of boxes.

    Examples
    --------
    >>> truth = truth_of([[[0, 0, 4, 4], [2, 2, 8, 8]], [[1, 1, 3, 3]]], [7, 5])
    >>> truth.offsets, truth.class_index
    (array([0, 2, 3]), array([7, 7, 5]))
    """
    each = [_boxes_of_one(n, one) for n, one in enumerate(boxes)]
    counts = [len(one) for one in each]
    indices = [0] * len(each) if class_index is None else class_index
    try:
        classes = [np.broadcast_to(_whole_numbers(c), (k,)) for c, k in zip(indices, counts, strict=True)]
    except (TypeError, ValueError):
        got = f"{len(each)} images; got {class_index!r:.80}"
        raise InputError(f"class_index: expected one class a box, a whole number, of {got}") from None
    return Truth(
        np.concatenate([np.empty((0, 4)), *each]),
        np.cumsum([0, *counts], dtype=np.int64),
        np.concatenate([np.empty(0, np.int64), *classes]),
    )


def _whole_numbers(values: ArrayLike) -> NDArray[np.int64]:
    found = np.asarray(values)
    if found.size and found.dtype.kind not in "iu":
        raise ValueError
    return found.astype(np.int64)


def checked_truth(truth: Any) -> Truth:
    """Return the `Truth` that was given, or raise `InputError`."""
    if not isinstance(truth, Truth):
        raise InputError(f"truth: expected the Truth of all images, as truth_of makes it; got {type(truth).__name__}")
    return truth


def _boxes_of_one(n: int, boxes: ArrayLike) -> NDArray[np.float64]:
    """Return the boxes (b, 4) of image n, which may have none."""
    try:
        found = np.asarray(boxes)
    except ValueError:  # rows of different lengths
        raise InputError(f"boxes: expected (b, 4) numbers of image {n}; got {boxes!r:.80}") from None
    return checked_boxes("boxes", found, ndim=2) if found.size else np.empty((0, 4))


def checked_boxes(name: str, boxes: ArrayLike, ndim: int | None = None) -> NDArray[np.float64]:
    """Return boxes (..., 4) in float64.

    Parameters
    ----------
    name
        Of the argument, for messages.
    ndim
        The number of axes; None: any.

    Returns
    -------
    (..., 4) float64

    Raises
    ------
    InputError
        Another shape, a number that isn't finite, or corners in the wrong order.
    """
    found = np.asarray(boxes)
    if found.ndim < 1 or found.shape[-1] != 4 or found.dtype.kind not in "iuf" or ndim not in (None, found.ndim):
        shape = "(n, 4)" if ndim == 2 else "(..., 4)"
        raise InputError(f"{name}: expected boxes {shape} of numbers; got {found.shape} {found.dtype}")
    found = found.astype(np.float64)
    wrong = ~np.isfinite(found).all(axis=-1) | (found[..., 2:] < found[..., :2]).any(axis=-1)
    if wrong.any():
        first = found[wrong][0].tolist()
        raise InputError(f"{name}: expected finite x0 <= x1 and y0 <= y1; got {first} ({wrong.sum()} such boxes)")
    return found


def checked_corners(corners: Any) -> str:
    """Return the name of a rule for what corners mean, or raise `InputError`."""
    if corners not in CORNERS:
        raise InputError(f"corners: expected one of {', '.join(CORNERS)}; got {corners!r}")
    return corners


def checked_delta(delta: Any) -> float:
    """Return the IoU in (0, 1] from which on a box is right, or raise `InputError`."""
    if not is_number(delta) or not 0 < delta <= 1:
        raise InputError(f"delta: expected an intersection over union in (0, 1]; got {delta!r}")
    return float(delta)


def iou(boxes: ArrayLike, others: ArrayLike, *, corners: str = "half-open") -> NDArray[np.float64]:
    """Return the intersection over union of each of P boxes with each of Q.

    Parameters
    ----------
    boxes, others
        (P, 4) and (Q, 4), xyxy.
    corners
        "half-open": a side is x1 - x0 long, as in COCO; a box without area overlaps nothing. "inclusive": x1 - x0 + 1,
        as in the toolkits of ILSVRC and PASCAL VOC and in wsolevaluation, where x1 is the last pixel. Boxes whose x1
        and y1 are made half-open by adding 1 have the same IoU by the first rule as before by the second.

    Returns
    -------
    (P, Q) float64 in [0, 1]

    Raises
    ------
    InputError
        Boxes of another shape, inverted or not finite, or another name of a rule.

    Examples
    --------
    >>> iou([[0, 0, 2, 2]], [[1, 0, 3, 2], [5, 5, 6, 6]])
    array([[0.33333333, 0.        ]])
    >>> iou([[0, 0, 1, 1]], [[1, 0, 2, 1]], corners="inclusive")
    array([[0.33333333]])
    """
    first, second = (
        checked_boxes(name, given, ndim=2) for name, given in (("boxes", boxes), ("others", others))
    )  # fmt: skip
    return _iou(first[:, None], second[None], checked_corners(corners))


def best_iou(
    boxes: NDArray[np.float64], image: NDArray[np.int64], truth: Truth, wanted: NDArray[np.int64] | None, corners: str
) -> NDArray[np.float64]:
    """Return the highest IoU (P,) of each of P boxes with a true one of its image; 0 where there is none.

    Parameters
    ----------
    boxes
        (P, 4).
    image
        (P,), the number of each box's image in `truth`.
    wanted
        (P,), the class that the true box has to have; None: any.
    """
    counts = np.diff(truth.offsets)[image]
    row = np.repeat(np.arange(len(boxes)), counts)
    place = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    column = truth.offsets[image[row]] + place
    overlaps = _iou(boxes[row], truth.boxes[column], corners)
    if wanted is not None:
        overlaps[truth.class_index[column] != wanted[row]] = 0
    best = np.zeros(len(boxes))
    np.maximum.at(best, row, overlaps)
    return best


def wsol_truth(truth: Truth, sizes: NDArray[np.int64], target: tuple[int, int] = (224, 224)) -> Truth:
    """Return true boxes as wsolevaluation has them: at the size of the map, with inclusive corners, cut to integers.

    Parameters
    ----------
    truth
        Half-open, in pixels of the photos.
    sizes
        (N, 2), height and width of the photos.
    target
        (height, width) of the maps.

    Returns
    -------
    Truth
        Of the same images.

    Examples
    --------
    >>> wsol_truth(truth_of([[[1, 2, 5, 4]]]), np.array([[20, 10]]), (10, 35)).boxes
    array([[ 3.,  1., 14.,  1.]])
    """
    height, width = np.repeat(np.asarray(sizes, np.float64), np.diff(truth.offsets), axis=0).T
    inclusive = truth.boxes - (0, 0, 1, 1)
    # Multiplied first and divided then, as there: truncation shows the last bit.
    scaled = inclusive * np.array([target[1], target[0]] * 2) / np.stack([width, height] * 2, axis=1)
    return Truth(np.trunc(scaled), truth.offsets, truth.class_index)


def _iou(boxes: NDArray[np.float64], others: NDArray[np.float64], corners: str) -> NDArray[np.float64]:
    """Return the IoU (...) of boxes (..., 4) whose leading axes broadcast."""
    more = 1.0 if corners == "inclusive" else 0.0
    low = np.maximum(boxes[..., :2], others[..., :2])
    high = np.minimum(boxes[..., 2:], others[..., 2:])
    common = np.maximum(high - low + more, 0).prod(axis=-1)
    area = (boxes[..., 2:] - boxes[..., :2] + more).prod(axis=-1)
    other = (others[..., 2:] - others[..., :2] + more).prod(axis=-1)
    union = area + other - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)
