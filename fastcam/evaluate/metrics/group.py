"""Groups of metrics: the subjects that they count."""

from __future__ import annotations

from typing import NamedTuple


class Group(NamedTuple):
    """The subjects of a metric, with one row of numbers for each.

    Attributes
    ----------
    name
        As in files of batches, whose column "of/<name>" has the photo of each row.
    of
        In words.
    truth
        What the data needs: "boxes" or "masks"; None: no more than photos.
    of_pairs
        Whether a photo has a row for each of its classes.
    asks_again
        Whether the model is run again, on changed photos, which is slow.
    """

    name: str
    of: str
    truth: str | None
    of_pairs: bool = False
    asks_again: bool = False


BEST = Group("best", "photo with boxes, by its best classes", "boxes")
BOXES = Group("boxes", "photo and class with boxes", "boxes", of_pairs=True)
MASKS = Group("masks", "photo and class with masks", "masks", of_pairs=True)
SEEN = Group("seen", "photo and its best class", None, asks_again=True)
