"""Numbers for maps: how faithful they are to the model. Each measure has `update`, `merge` and `summary`."""

from fastcam.evaluate.confidence import AverageDrop
from fastcam.evaluate.deletion import Deletion, Insertion
from fastcam.evaluate.road import Road, impute

__all__ = ["AverageDrop", "Deletion", "Insertion", "Road", "impute"]
