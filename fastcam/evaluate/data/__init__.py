"""Annotated photos: their classes, boxes and masks, in the formats that the field uses, one file each.

For evaluations, and for everybody who needs annotations as arrays. A format's file reads what others wrote into a
`Draft`, as it is written there; `check.py` turns that into `Annotations`. May import `fastcam.evaluate.metrics`, for
true boxes, and the rooms of errors, files, images and labels.
"""

from fastcam.evaluate.data.annotations import Annotations, Pairs, Problem
from fastcam.evaluate.data.read import read_annotations

__all__ = ["Annotations", "Pairs", "Problem", "read_annotations"]
