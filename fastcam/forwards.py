"""Logits of many items: in batches that memory holds, and that the model keeps apart."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    is_number = isinstance(batch_size, int | np.integer) and not isinstance(batch_size, bool)
    if batch_size is not None and not (is_number and batch_size >= 1):
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
    models find their ranges while running), is asked for `lead` copies of one item after another.

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
        self._together: bool | None = None  # threads may find out side by side; they find the same

    def __call__(self, items: NDArray[Any]) -> NDArray[np.float32]:
        """(n, K)."""
        if self._together is None and len(items) > 1:
            self._together = self._are_kept_apart(items)
        if self._together:
            return self._logits(items)
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
            Told how many items are done, after every batch.

        Raises
        ------
        InputError
            The batches take more memory than `LIMIT`, or a logit is NaN or infinity.
        ModelError
            ONNX Runtime failed while running.
        """
        numbers = math.prod(shape) * (1 + self._held) + self._classes
        step = batch_of(batch_size, 4 * numbers, self._lead)
        found = np.empty((count, len(index)), np.float32)
        for first in range(0, count, step):
            items = np.arange(first, min(first + step, count))
            found[items] = self(make(items))[:, index]
            if not np.isfinite(found[items]).all():
                bad = int(items[~np.isfinite(found[items]).all(axis=1)][0])
                raise InputError(
                    f"expected finite logits of masked items; got NaN or infinity for {bad} of {count}. "
                    "method='gradcam' masks nothing"
                )
            done(int(items[-1]) + 1)
        return found

    def _are_kept_apart(self, items: NDArray[Any]) -> bool | None:
        """Some at once, one more than the model's own batch, give what each gives alone. None: these don't tell."""
        few = items[np.arange(self._lead + 1) % len(items)]
        try:
            together = self._logits(few)
        except ModelError:  # a Reshape to a fixed batch; if it is anything else, it comes again for one alone
            return False
        alone = np.concatenate([self._alone(few[0]), self._alone(few[-1])])
        if not np.isfinite(alone).all():
            return None
        slack = SAME * max(float(np.abs(alone).max()), 1e-30)
        return np.allclose(together[[0, -1]], alone, rtol=0, atol=slack)

    def _alone(self, item: NDArray[Any]) -> NDArray[np.float32]:
        """(1, K)."""
        return self._logits(np.repeat(item[None], self._lead, axis=0))[:1]

    def _logits(self, items: NDArray[Any]) -> NDArray[np.float32]:
        logits = np.asarray(self._run(np.ascontiguousarray(items)))
        if len(items) > 1 and len(logits) != len(items):
            raise ModelError(f"expected logits for each of {len(items)} items; got shape {logits.shape}")
        return logits.reshape(len(items), -1).astype(np.float32)
