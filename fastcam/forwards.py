"""Logits of many items: in batches that memory holds, and that the model keeps apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.checks import is_whole
from fastcam.errors import InputError, ModelError

BUDGET = 256 << 20  # bytes that a batch takes, about, where the caller doesn't say how large it is
LIMIT = 4 << 30  # and at most
SAME = 1e-4  # of logits in a batch from those of an item alone, relative; what mixes images is off by more

Progress = Callable[[int, int], object]
"""Told (done, total) after every batch."""


def check_asking(batch_size: Any, progress: Any) -> None:
    """A batch size of 1 or more, or None; and a function, or None.

    Raises
    ------
    InputError
        They aren't.
    """
    if batch_size is not None and not (is_whole(batch_size) and batch_size >= 1):
        raise InputError(f"batch_size: expected a whole number, 1 or more, or None; got {batch_size!r}")
    if progress is not None and not callable(progress):
        raise InputError(f"progress: expected a function of (done, total), or None; got {progress!r}")


def batch_of(batch_size: int | None, item: int, lead: int = 1) -> int:
    """How many items go into a batch, of so many bytes each.

    Parameters
    ----------
    batch_size
        What the caller wants; None: as many as `BUDGET` holds.
    lead
        The model's own batch, which is filled in any case.

    Raises
    ------
    InputError
        They would take more than `LIMIT`.

    Examples
    --------
    >>> batch_of(None, 100 << 20), batch_of(None, 1 << 30), batch_of(7, 100 << 20)
    (2, 1, 7)
    >>> batch_of(None, 20 << 20, lead=8)
    8
    """
    most = LIMIT // max(1, item)
    if most < lead:
        raise InputError(
            f"expected a forward that takes less than {LIMIT >> 20} MB of memory; a batch of {lead} takes about "
            f"{item * lead >> 20} MB. Use method='gradcam', or a smaller input"
        )
    if batch_size is not None and batch_size > most:
        raise InputError(
            f"batch_size: expected at most {most}, which take about {LIMIT >> 20} MB of memory; got {batch_size}"
        )
    return batch_size or max(lead, BUDGET // max(1, item) // lead * lead)


class Forwards:
    """Logits of items (n, ...), by a model or its tail, however many at once it takes. May be used from many threads.

    A model that insists on a batch, or whose answer for an item depends on the others in the batch (as where int8
    models find their ranges while running), is asked for `lead` copies of one item after another. Two items of a batch,
    those of the most different ranges, are held against the same alone: of the 1st, 2nd, 3rd, 5th, 9th, ... batch.

    Parameters
    ----------
    run
        Logits (n, ...) of items (n, ...).
    lead
        The batch that the model takes for sure.
    held
        How many times its size in float32 an item takes while the model runs, about.
    classes
        K.
    """

    def __init__(self, run: Callable[[NDArray[Any]], NDArray[Any]], lead: int, held: int, classes: int) -> None:
        self._run, self._lead, self._held, self._classes = run, lead, held, classes
        self._mixes = False  # once True for good, whichever thread finds out

    def __call__(self, items: NDArray[Any], check: bool = True) -> NDArray[np.float32]:
        """(n, K); `check`: that the model keeps these apart."""
        if len(items) > 1 and not self._mixes:
            together = self._at_once(items, _most_different(items) if check else ())
            if together is not None:
                return together
            self._mixes = True
        return np.concatenate([self._alone(item) for item in items])

    def ask(
        self,
        count: int,
        make: Callable[[NDArray[np.intp]], NDArray[Any]],
        shape: tuple[int, ...],
        index: NDArray[np.int64],
        batch_size: int | None,
        done: Callable[[int], object],
    ) -> NDArray[np.float32]:
        """Logits (count, M) of the classes (M,) for items that are made batch by batch.

        Parameters
        ----------
        make
            Of the numbers of items, (n,), these items, (n, ...).
        shape
            Of an item.
        done
            Told how many items are done, after every batch; from the first on again, if the model turns out to mix
            them late.

        Raises
        ------
        InputError
            The batches take more memory than `LIMIT`, or a logit is NaN or infinity.
        ModelError
            ONNX Runtime failed while running.
        """
        numbers = math.prod(shape) * (1 + self._held) + self._classes
        step = batch_of(batch_size, 4 * numbers, self._lead)
        found, mixed = np.empty((count, len(index)), np.float32), self._mixes
        for n, first in enumerate(range(0, count, step)):
            items = np.arange(first, min(first + step, count))
            found[items] = self(make(items), check=n & (n - 1) == 0)[:, index]
            if n and self._mixes and not mixed:  # those before may be mixed as well
                return self.ask(count, make, shape, index, batch_size, done)
            if not np.isfinite(found[items]).all():
                bad = int(items[~np.isfinite(found[items]).all(axis=1)][0])
                raise InputError(
                    f"expected finite logits of masked items; got NaN or infinity for {bad} of {count}. "
                    "method='gradcam' masks nothing"
                )
            done(int(items[-1]) + 1)
        return found

    def _at_once(self, items: NDArray[Any], checked: Sequence[int]) -> NDArray[np.float32] | None:
        """(n, K), or None: the model refuses them, or gives some that are checked other logits than alone."""
        try:
            together = self._logits(items)
        except ModelError:  # a Reshape to a fixed batch; if it is anything else, it comes again for one alone
            return None
        alone = np.concatenate([self._alone(items[n]) for n in checked] or [together[:0]])
        sound = np.isfinite(alone).all(axis=1)  # what isn't says nothing
        slack = SAME * float(np.abs(alone[sound]).max(initial=1e-30))
        is_same = np.allclose(together[list(checked)][sound], alone[sound], rtol=0, atol=slack)
        return together if is_same else None

    def _alone(self, item: NDArray[Any]) -> NDArray[np.float32]:
        """(1, K)."""
        return self._logits(np.repeat(item[None], self._lead, axis=0))[:1]

    def _logits(self, items: NDArray[Any]) -> NDArray[np.float32]:
        logits = np.asarray(self._run(np.ascontiguousarray(items)))
        if len(items) > 1 and len(logits) != len(items):
            raise ModelError(f"expected logits for each of {len(items)} items; got shape {logits.shape}")
        return logits.reshape(len(items), -1).astype(np.float32)


def _most_different(items: NDArray[Any]) -> tuple[int, int]:
    """The item of the narrowest range, with 0 in it, out of those that aren't all 0; and the one furthest from it.

    A range that was found for both is far too wide for the first.
    """
    flat = items.reshape(len(items), -1)
    ranges = np.stack([flat.min(axis=1), flat.max(axis=1)], axis=1).astype(np.float64)
    reach = np.abs(ranges).max(axis=1)
    narrow = int(np.where(reach > 0, reach, np.inf).argmin())
    return narrow, int(np.abs(ranges - ranges[narrow]).max(axis=1).argmax())
