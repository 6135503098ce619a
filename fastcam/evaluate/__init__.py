"""Numbers for maps: how faithful they are to the model. Each measure has `update`, `merge` and `summary`.

`Worker` explains parts of a data set in other processes.
"""

from fastcam.evaluate.confidence import AverageDrop
from fastcam.evaluate.deletion import Deletion, Insertion
from fastcam.evaluate.randomisation import Randomisation, randomised_models
from fastcam.evaluate.road import Road, impute
from fastcam.evaluate.worker import Worker

__all__ = ["AverageDrop", "Deletion", "Insertion", "Randomisation", "Road", "Worker", "impute", "randomised_models"]
