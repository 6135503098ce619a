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
    record: dict[str, Any] = {}
    if explanation.frame_index is not None:
        times = {name: round(1000 * seconds, 3) for name, seconds in explanation.timings.items()}
        record = {"frame": explanation.frame_index, "timestamp": explanation.timestamp, "milliseconds": times}
    height, width = explanation.image_sizes[n].tolist()
    record |= {"steady": explanation.steady} if explanation.steady else {}
    record |= {**more, "width": width, "height": height, "maps": map_records(explanation, n)}
    return json.dumps(record, allow_nan=False)


def map_records(explanation: Explanation, n: int) -> list[dict[str, Any]]:
    """Return plain records of the maps of image n, best first: class, score, box and how they were made."""
    boxes, records = explanation.boxes, []
    for m, index in enumerate(explanation.class_index[n].tolist()):
        area = int(boxes.area[n, m])
        records.append(
            {
                "class_index": index,
                "label": explanation.labels[index] if explanation.labels else None,
                "logit": float(explanation.logits[n, index]),
                "score": float(explanation.scores[n, m]),
                "is_probability": explanation.has_probabilities,
                "box": boxes.xyxy[n, m].tolist() if area else None,
                "area": area,
                "peak": float(boxes.peak[n, m]),
                "method": explanation.method,
                "how": explanation.how,
                "layers": list(explanation.layers),
                "convention": explanation.convention,
                "threshold": explanation.threshold,
                "connectivity": explanation.connectivity,
                "engine": explanation.engine,
            }
        )
    return records
