"""Forwards of a model, or of its tail, on images and feature maps of which a part is hidden."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.checks import check_maps
from fastcam.arrays.grids import grid
from fastcam.arrays.maps import heatmaps
from fastcam.methods.options import Options, Seen
from fastcam.model.gradient.tails import ONCE, open_tail
from fastcam.model.head.head import Head
from fastcam.model.head.layouts import Layout
from fastcam.model.opened_model import OpenedModel
from fastcam.model.run.batches import Forwards
from fastcam.model.run.constants import Constants
from fastcam.model.run.once import Once

Make = Callable[[NDArray[np.intp]], NDArray[Any]]
Done = Callable[[int], object]


class Masking:
    """Trials of a model: forwards of its masked images. May be used from many threads.

    The session over the model's tail is made when it is first needed, and the head isn't exact.
    """

    def __init__(self, model: OpenedModel) -> None:
        self._axes, self._head = model.session.input.layout, model.head
        self._model = Forwards.of_model(model.session, model.head.logits, model.head.classes, ONCE)
        self._tail = Once(partial(open_tail, model))

    def trial(self, seen: Seen, classes: NDArray[np.int64], options: Options) -> Trial:
        """Return the trial of one image and classes (M,).

        Raises
        ------
        InputError
            NaN or infinity in the feature maps.
        """
        engine = options.engine
        here = engine.host(engine.xp.ascontiguousarray(seen.feature_maps))[0]
        given = here.astype(np.float32, copy=False)
        layout = self._head.arranged(given.shape)
        maps = layout.channels_first(given)[0]
        check_maps("feature maps", maps, maps.ndim - 1)
        head = self._head if self._head.is_exact and seen.holds else None
        return Trial(
            seen.network_input,
            self._axes,
            given,
            maps,
            layout,
            classes,
            head,
            options,
            seen.constants,
            self._model,
            self._tail,
        )


@dataclass(frozen=True, eq=False)
class Trial:
    """One image whose parts a masking method hides, and the logits that are left then.

    Attributes
    ----------
    network_input
        (1, ...), in the model's own dtype and with its axes, as "NCHW" or "NHWC".
    feature_maps, layout
        (1, ...) float32 in the model's own layout, and that layout.
    maps
        The feature maps as (C, h, w).
    classes
        (M,), those whose logits count.
    head
        Has the class weights where it is exact; None where it isn't.
    constants
        Values of further inputs of the model, other than at loading.
    """

    network_input: NDArray[Any]
    axes: str
    feature_maps: NDArray[np.float32]
    maps: NDArray[np.float32]
    layout: Layout
    classes: NDArray[np.int64]
    head: Head | None
    options: Options
    constants: Constants
    _model: Forwards
    _tail: Once[Forwards]

    def linear(self) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Return weights (M, C) or (M, C, h, w) and bias (M,) of the classes if the head is exact, else None."""
        if self.head is None:
            return None
        weights, bias = self.head.linear()
        return weights[self.classes], bias[self.classes]

    def logits(self) -> NDArray[np.float32]:
        """Return the classes' logits (M,) of the feature maps as they are, by the tail."""
        return self._tail().given(self.constants)(self.feature_maps)[0, self.classes]

    def logits_of_inputs(self, count: int, make: Make, done: Done) -> NDArray[np.float32]:
        """Return the classes' logits (count, M) of changed network inputs, by the whole model.

        Parameters
        ----------
        make
            Returns the changed inputs (n, ...) of numbers (n,).
        done
            Called with how many are done, after each batch.
        """
        return self._asked(self._model, count, make, self.network_input.shape[1:], done)

    def logits_of_maps(self, count: int, make: Make, done: Done) -> NDArray[np.float32]:
        """Return the classes' logits (count, M) of changed feature maps, by the tail; as `logits_of_inputs`."""
        return self._asked(self._tail(), count, make, self.feature_maps.shape[1:], done)

    def upsampled(self, masks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return masks (n, *places) at the size of the network input's places, each scaled to [0, 1]."""
        shape, engine = self.network_input.shape, self.options.engine
        size = shape[1:-1] if self.axes.endswith("C") else shape[2:]
        if len(size) != 2:
            return heatmaps(masks, size)
        where = grid((masks.shape[1], masks.shape[2]), (size[0], size[1]))
        out = engine.xp.empty((len(masks), *size), np.float32)
        engine.heatmaps(engine.xp.asarray(masks), where, True, None, out)
        return engine.host(out)[0]

    def report(self, done: int, total: int) -> None:
        """Call the caller's progress function, if there is one."""
        if self.options.progress is not None:
            self.options.progress(done, total)

    def _asked(
        self, forwards: Forwards, count: int, make: Make, shape: tuple[int, ...], done: Done
    ) -> NDArray[np.float32]:
        return forwards.given(self.constants).ask(
            count, make, shape, lambda _, logits: logits[:, self.classes], self.options.batch_size, done
        )
