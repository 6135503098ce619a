"""Explanations as YOLO's text files of labels."""

from __future__ import annotations

from fastcam.export.masks import check_images
from fastcam.results import Explanation


def to_yolo(explanation: Explanation, n: int = 0, *, scores: bool = False) -> str:
    """Return a line for each box of image n: class index, centre x and y, width and height.

    Parameters
    ----------
    explanation
        Explanation of one or several images.
    n
        Index of the image.
    scores
        Add the score as a sixth number, as in YOLO's predictions.

    Returns
    -------
    Lines with five or six numbers each; places and sizes are fractions of the image's width and height, in [0, 1].

    Raises
    ------
    InputError
        An explanation of signals or volumes.

    Examples
    --------
    >>> from importlib.resources import files
    >>> import fastcam
    >>> from skimage.data import chelsea
    >>> model = fastcam.load(str(files("fastcam.data") / "squeezenet1_1.onnx"), preprocess="caffe-bgr")
    >>> to_yolo(model.explain(chelsea())).split()[0]
    '285'
    """
    check_images(explanation)
    height, width = explanation.image_sizes[n].tolist()
    lines = []
    for m, index in enumerate(explanation.class_index[n].tolist()):
        if not explanation.boxes.area[n, m]:
            continue
        x0, y0, x1, y1 = explanation.boxes.xyxy[n, m].tolist()
        numbers = [(x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height]
        numbers += [float(explanation.scores[n, m])] if scores else []
        lines.append(" ".join([str(index), *(f"{number:.9f}" for number in numbers)]))
    return "".join(f"{line}\n" for line in lines)
