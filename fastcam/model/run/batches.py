"""Forwards of many items, in batches that fit into memory and whose items the model keeps apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.scalars import is_whole
from fastcam.errors import InputError, ModelError
from fastcam.model.run.constants import AS_LOADED, Constants
from fastcam.model.run.session import Session

BUDGET = 256 << 20  # bytes that a batch takes, about, where the caller doesn't say how large it is
LIMIT = 4 << 30  # and at most
MODEL_FOOTPRINT = 48  # times its input that a network holds while it runs, about: VGG-16 holds 43
SAME = 1e-4  # of logits in a batch from those of an item alone, relative; what mixes images is off by more

Progress = Callable[[int, int], object]
"""Called with (done, total) after every batch."""


def check_asking(batch_size: Any, progress: Any) -> None:
    """Check a batch size, 1 or more or None, and a progress function or None.

    Raises
    ------
    InputError
        They aren't.
    """
    if batch_size is not None and not (is_whole(batch_size) and batch_size >= 1):
        raise InputError(f"batch_size: expected a whole number, 1 or more, or None; got {batch_size!r}")
    if progress is not None and not callable(progress):
        raise InputError(f"progress: expected a function of (done, total), or None; got {progress!r}")


def batch_of(batch_size: int | None, item: int, lead: int = 1, advice: str = "") -> int:
    """Return the number of items in a batch, given the bytes of one.

    Parameters
    ----------
    batch_size
        The caller's choice; None: as many as fit into `BUDGET`.
    lead
        The model's own batch, which is filled in any case.
    advice
        What else the caller may do, for messages.

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
            f"{item * lead >> 20} MB. Use a smaller network input{advice and f'; {advice}'}"
        )
    if batch_size is not None and batch_size > most:
        raise InputError(
            f"batch_size: expected at most {most}, which take about {LIMIT >> 20} MB of memory; got {batch_size}"
        )
    return batch_size or max(lead, BUDGET // max(1, item) // lead * lead)


class Forwards:
    """Logits of items (n, ...), by a model or its tail, however many at once it takes. May be used from many threads.

    A model that insists on a batch, or whose answer for an item depends on the others in the batch (as where int8
    models find their ranges while running), runs on `lead` copies of one item after another. Two items of a batch,
    those of the most different ranges, are compared with the same alone: of the 1st, 2nd, 3rd, 5th, 9th, ... batch.

    Parameters
    ----------
    run
        Logits (n, ...) of items (n, ...); for `given` it takes `constants` as well.
    lead
        The batch that the model takes for sure.
    footprint
        The memory that an item takes while the model runs, in multiples of its size in float32, about.
    classes
        K.
    advice
        What the caller may do where these forwards can't be had, for messages.
    """

    def __init__(
        self, run: Callable[..., NDArray[Any]], lead: int, footprint: int, classes: int, advice: str = ""
    ) -> None:
        self._run, self._lead, self._footprint, self._classes, self._advice = run, lead, footprint, classes, advice
        self._mixes = False  # once True for good, whichever thread finds out

    @classmethod
    def of_model(cls, session: Session, tensor: str, classes: int, advice: str = "") -> Forwards:
        """Return forwards of a whole model, from its network inputs to that tensor."""
        lead = session.input.batch or 1

        def run(images: NDArray[Any], constants: Constants = AS_LOADED) -> NDArray[Any]:
            return session.run(images, [tensor], constants=constants)[0]

        return cls(run, lead, MODEL_FOOTPRINT, classes, advice)

    def given(self, constants: Constants) -> Self:
        """Return the same with other values of the model's further inputs; itself, if there are none."""
        if not constants:
            return self
        made = copy(self)
        made._run = partial(self._run, constants=constants)
        return made

    def __call__(self, items: NDArray[Any], check: bool = True) -> NDArray[np.float32]:
        """Return logits (n, K); `check`: test that the model keeps these items apart."""
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
        keep: Callable[[NDArray[np.intp], NDArray[np.float32]], NDArray[np.float32]],
        batch_size: int | None,
        done: Callable[[int], object],
    ) -> NDArray[np.float32]:
        """Return values (count, M) float32 kept of the logits of items that are made batch by batch.

        Parameters
        ----------
        make
            Function of numbers of items, (n,) ascending, that returns these items, (n, ...). Number 0 comes once
            more where all begins anew: if the model turns out late to mix the items of a batch.
        shape
            Shape of an item.
        keep
            Function of numbers of items, (n,), and logits, (n, K), that returns values to keep, (n, M).
        done
            Called with the number of items that are done, after every batch.

        Raises
        ------
        InputError
            The batches take more memory than `LIMIT`, or what is kept has NaN or infinity.
        ModelError
            ONNX Runtime failed while running.
        """
        numbers = math.prod(shape) * (1 + self._footprint) + self._classes
        step = batch_of(batch_size, 4 * numbers, self._lead, self._advice)
        found, mixed = [keep(np.arange(0), np.empty((0, self._classes), np.float32))], self._mixes
        for n, first in enumerate(range(0, count, step)):
            items = np.arange(first, min(first + step, count))
            kept = keep(items, self(make(items), check=n & (n - 1) == 0))
            if n and self._mixes and not mixed:  # those before may be mixed as well
                return self.ask(count, make, shape, keep, batch_size, done)
            if not np.isfinite(kept).all():
                bad = int(items[~np.isfinite(kept).all(axis=1)][0])
                hint = f". {self._advice}" if self._advice else ""
                raise InputError(
                    f"expected finite logits of changed inputs; got NaN or infinity for {bad} of {count}{hint}"
                )
            found.append(kept)
            done(int(items[-1]) + 1)
        return np.concatenate(found)

    def _at_once(self, items: NDArray[Any], checked: Sequence[int]) -> NDArray[np.float32] | None:
        """Return (n, K), or None: the model refuses them, or gives checked items other logits than alone."""
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
        """Return the logits (1, K) of one item."""
        return self._logits(np.repeat(item[None], self._lead, axis=0))[:1]

    def _logits(self, items: NDArray[Any]) -> NDArray[np.float32]:
        logits = np.asarray(self._run(np.ascontiguousarray(items)))
        if len(items) > 1 and len(logits) != len(items):
            raise ModelError(f"expected logits for each of {len(items)} items; got shape {logits.shape}")
        return logits.reshape(len(items), -1).astype(np.float32)


def _most_different(items: NDArray[Any]) -> tuple[int, int]:
    """Return the item of the narrowest range, 0 included, of those that aren't all 0, and the one furthest from it.

    A range that was found for both is far too wide for the first. Where all ranges are alike, the first item and the
    last, between which most has changed.
    """
    flat = items.reshape(len(items), -1)
    ranges = np.stack([flat.min(axis=1), flat.max(axis=1)], axis=1).astype(np.float64)
    reach = np.abs(ranges).max(axis=1)
    narrow = int(np.where(reach > 0, reach, np.inf).argmin())
    distances = np.abs(ranges - ranges[narrow]).max(axis=1)
    return (narrow, int(distances.argmax())) if distances.any() else (0, len(items) - 1)
