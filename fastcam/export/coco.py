"""Explanations as COCO's JSON: images, categories and annotations with boxes and masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError
from fastcam.export.masks import check_images, mask, run_lengths
from fastcam.results import Explanation


def to_coco(
    explanation: Explanation,
    file_names: Sequence[str] | None = None,
    *,
    masks: bool = True,
    segments: Sequence[NDArray[np.integer]] | None = None,
) -> dict[str, Any]:
    """Return a COCO data set of plain values, with an annotation and its `score` for each map that has a box.

    Its `annotations`, whose `score` is the class's score, are also results in COCO's sense. Categories are the model's
    classes, their ids the class indices; ids of images are their numbers, as in `Explanation.image_index`; those of
    annotations count from 1, which pycocotools needs.

    Parameters
    ----------
    explanation
        Explanation of N images.
    file_names
        N file names of the images that are explained; None: their numbers.
    masks
        Add `segmentation`, the component of each box as a compressed run-length encoding.
    segments
        N label images (H, W) of `fastcam.export.segment`: then boxes, areas and masks are those of their pixels m + 1
        for map m.

    Returns
    -------
    `images`, `categories` and `annotations`, lists of dictionaries for `json.dump`; `bbox` is x, y, width and height in
    pixels, `area` in pixels.

    Raises
    ------
    InputError
        An explanation of signals or volumes; another number of names or of label images than of images, or a label
        image of another size.

    Examples
    --------
    >>> from importlib.resources import files
    >>> import fastcam
    >>> from skimage.data import chelsea
    >>> model = fastcam.load(str(files("fastcam.data") / "squeezenet1_1.onnx"), preprocess="caffe-bgr")
    >>> found = to_coco(model.explain(chelsea()), ["chelsea.png"])
    >>> found["images"]
    [{'id': 0, 'file_name': 'chelsea.png', 'width': 451, 'height': 300}]
    >>> sorted(found["annotations"][0])
    ['area', 'bbox', 'category_id', 'id', 'image_id', 'iscrowd', 'score', 'segmentation']
    """
    check_images(explanation)
    count = len(explanation.class_index)
    numbers = explanation.image_index.tolist()
    names = [str(number) for number in numbers] if file_names is None else list(file_names)
    if len(names) != count:
        raise InputError(f"file_names: expected {count}, one for each image; got {len(names)}")
    sizes = explanation.image_sizes.tolist()
    if segments is not None:
        _check_segments(segments, sizes)
    annotations: list[dict[str, Any]] = []
    for n in range(count):
        for m, index in enumerate(explanation.class_index[n].tolist()):
            pixels = None if segments is None else np.asarray(segments[n]) == m + 1
            box, area = _box_and_area(explanation, n, m) if pixels is None else _extent(pixels)
            if not area:
                continue
            one = {"id": len(annotations) + 1, "image_id": numbers[n], "category_id": index, "bbox": box, "area": area}
            one |= {"iscrowd": 0, "score": float(explanation.scores[n, m])}
            if masks:
                one["segmentation"] = run_lengths(mask(explanation, n, m) if pixels is None else pixels)
            annotations.append(one)
    labels = explanation.labels or [f"class {index}" for index in range(explanation.logits.shape[1])]
    return {
        "images": [
            {"id": numbers[n], "file_name": names[n], "width": width, "height": height}
            for n, (height, width) in enumerate(sizes)
        ],
        "categories": [{"id": index, "name": name} for index, name in enumerate(labels)],
        "annotations": annotations,
    }


def _box_and_area(explanation: Explanation, n: int, m: int) -> tuple[list[int], int]:
    """Return x, y, width and height of a box, and its area, in pixels."""
    x0, y0, x1, y1 = explanation.boxes.xyxy[n, m].tolist()
    return [x0, y0, x1 - x0, y1 - y0], int(explanation.boxes.area[n, m])


def _extent(pixels: NDArray[np.bool_]) -> tuple[list[int], int]:
    """Return x, y, width and height of a mask's box, and its area, in pixels."""
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if not len(rows):
        return [0, 0, 0, 0], 0
    x0, y0 = int(columns[0]), int(rows[0])
    return [x0, y0, int(columns[-1]) + 1 - x0, int(rows[-1]) + 1 - y0], int(np.count_nonzero(pixels))


def _check_segments(segments: Sequence[Any], sizes: Sequence[Sequence[int]]) -> None:
    if len(segments) != len(sizes):
        raise InputError(f"segments: expected {len(sizes)} label images, one for each image; got {len(segments)}")
    for n, (labels, size) in enumerate(zip(segments, sizes, strict=True)):
        array = np.asarray(labels)
        if array.dtype.kind not in "iu" or array.shape != tuple(size):
            raise InputError(
                f"segments: expected whole numbers {tuple(size)} for image {n}; got {array.dtype} {array.shape}"
            )
