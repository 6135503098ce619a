"""Explanations as lines of JSON, one for each image or frame."""

from __future__ import annotations

import json
from typing import Any

from fastcam.results import Explanation


def to_json_line(explanation: Explanation, n: int = 0, **more: Any) -> str:
    """Return image n as one line of JSON, without an end of line: its size, and its maps with the best class first.

    A frame of a stream has its number, time stamp, timings in milliseconds, and description of `steady` as well.

    Parameters
    ----------
    explanation
        Explanation of one or several images.
    n
        Index of the image.
    **more
        Further entries of the line, such as `file="photo.jpg"`.

    Returns
    -------
    A JSON object; boxes are x0, y0, x1, y1 in pixels, half-open.

    Examples
    --------
    >>> from importlib.resources import files
    >>> import fastcam
    >>> from skimage.data import chelsea
    >>> model = fastcam.load(str(files("fastcam.data") / "squeezenet1_1.onnx"), preprocess="caffe-bgr")
    >>> json.loads(to_json_line(model.explain(chelsea()), file="chelsea.png"))["maps"][0]["class_index"]
    285
    """
    record = explanation[n].to_dict()
    size, maps = record.pop("size"), record.pop("maps")
    del record["seen"]
    return json.dumps({**record, **more, **size, "maps": maps}, allow_nan=False)


def map_records(explanation: Explanation, n: int) -> list[dict[str, Any]]:
    """Return plain records of the maps of image n, best first: class, score, box and how they were made."""
    return explanation[n].to_dict()["maps"]
