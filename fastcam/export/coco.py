"""COCO's JSON: images, categories and annotations with boxes and masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastcam.errors import InputError
from fastcam.export.masks import mask, run_lengths
from fastcam.results import Explanation


def to_coco(explanation: Explanation, file_names: Sequence[str] | None = None, *, masks: bool = True) -> dict[str, Any]:
    """A COCO data set of plain values: an annotation for each map that has a box, with its probability as `score`.

    Its `annotations` are results in COCO's sense as well. Categories are the model's classes, their ids the class
    indices; ids of images count from 0, those of annotations from 1, as pycocotools wants them.

    Parameters
    ----------
    explanation
        Of N images.
    file_names
        Of the images, N of them; None: their numbers.
    masks
        With `segmentation`, the component of each box as a compressed run-length encoding.

    Raises
    ------
    InputError
        Another number of names than of images.

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
    count = len(explanation.class_index)
    names = [str(n) for n in range(count)] if file_names is None else list(file_names)
    if len(names) != count:
        raise InputError(f"file_names: expected {count}, one for each image; got {len(names)}")
    sizes = explanation.image_sizes.tolist()
    annotations: list[dict[str, Any]] = []
    for n in range(count):
        for m, index in enumerate(explanation.class_index[n].tolist()):
            if not explanation.boxes.area[n, m]:
                continue
            x0, y0, x1, y1 = explanation.boxes.xyxy[n, m].tolist()
            one = {"id": len(annotations) + 1, "image_id": n, "category_id": index, "bbox": [x0, y0, x1 - x0, y1 - y0]}
            one |= {"area": int(explanation.boxes.area[n, m]), "iscrowd": 0, "score": float(explanation.scores[n, m])}
            annotations.append(one | ({"segmentation": run_lengths(mask(explanation, n, m))} if masks else {}))
    labels = explanation.labels or [f"class {index}" for index in range(explanation.logits.shape[1])]
    return {
        "images": [
            {"id": n, "file_name": names[n], "width": width, "height": height}
            for n, (height, width) in enumerate(sizes)
        ],
        "categories": [{"id": index, "name": name} for index, name in enumerate(labels)],
        "annotations": annotations,
    }
