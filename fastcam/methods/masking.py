"""Methods that hide parts of the image, or of its feature maps, and ask the model again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays import engines
from fastcam.arrays.checks import check_maps
from fastcam.arrays.grids import grid
from fastcam.methods import ablationcam, reciprocam, scorecam
from fastcam.methods.plan import Plan
from fastcam.model.gradient.tails import ONCE, open_tail
from fastcam.model.head.layouts import Layout
from fastcam.model.opened_model import OpenedModel
from fastcam.model.run.batches import Forwards
from fastcam.model.run.once import Once


class Masking:
    """Score-CAM, Ablation-CAM and ReciproCAM of a model. May be used from many threads.

    The session over the model's tail is made when it is first needed, and the head isn't exact.
    """

    def __init__(self, model: OpenedModel) -> None:
        self._axes, self._head = model.session.input.layout, model.head
        self._model = Forwards.of_model(model.session, model.head.logits, model.head.classes, ONCE)
        self._tail = Once(partial(open_tail, model))

    def describe(self, method: str, shape: tuple[int, ...]) -> str:
        """What a map by that method takes, of feature maps (N, ...) in the model's own layout.

        "closed form", "49 forwards of the tail", or "at most 512 forwards of the model" (`scorecam.distinct`).
        """
        layout = self._head.arranged(shape)
        if method == "scorecam":
            return f"at most {layout.channels} forwards of the model"
        if self._head.is_exact:
            return "closed form"
        if method == "ablationcam":
            return f"at most {layout.channels} forwards of the tail"
        return f"{layout.height * layout.width} forwards of the tail"

    def scorecam(
        self, image: NDArray[Any], feature_maps: NDArray[Any], index: NDArray[np.int64], plan: Plan
    ) -> NDArray[np.float32]:
        """The weights (M, C) of classes (M,), for a network input (1, ...) and its feature maps (1, ...)."""
        _, maps, _ = self._arranged(feature_maps)
        masks, own = scorecam.distinct(maps)
        axes = self._axes
        height, width = image.shape[2:] if axes == "NCHW" else image.shape[1:3]
        ends = np.bincount(own).cumsum().tolist()  # so many channels have the masks up to each

        def make(items: NDArray[np.intp]) -> NDArray[Any]:
            return scorecam.masked(image, _upsampled(masks[items], (height, width), plan.run), axes)

        def done(count: int) -> None:
            _tell(plan, ends[count - 1], len(maps))

        logits = self._model.ask(len(masks), make, image.shape[1:], _of_classes(index), plan.batch_size, done)
        return scorecam.weights(logits[own])

    def ablationcam(self, feature_maps: NDArray[Any], index: NDArray[np.int64], plan: Plan) -> NDArray[np.float32]:
        """The weights (M, C) of classes (M,), for feature maps (1, ...) in the model's own layout."""
        given, maps, layout = self._arranged(feature_maps)
        if self._head.is_exact:
            weights, bias = self._head.linear()
            return ablationcam.closed_form(weights[index], bias[index], maps)
        live = np.flatnonzero(maps.any(axis=(1, 2)))  # without a channel of zeros nothing changes

        def make(items: NDArray[np.intp]) -> NDArray[np.float32]:
            return ablationcam.ablated(given, live[items], layout)

        def done(count: int) -> None:
            _tell(plan, len(maps) - len(live) + count, len(maps))

        tail = self._tail()
        whole = tail(given)[0, index]
        without = np.repeat(whole[None], len(maps), axis=0)
        without[live] = tail.ask(len(live), make, given.shape[1:], _of_classes(index), plan.batch_size, done)
        return ablationcam.weights(whole, without)

    def reciprocam(self, feature_maps: NDArray[Any], index: NDArray[np.int64], plan: Plan) -> NDArray[np.float32]:
        """The maps (M, h, w) of classes (M,), for feature maps (1, ...) in the model's own layout."""
        given, maps, layout = self._arranged(feature_maps)
        gaussian = plan.method == "reciprocam-gaussian"
        if self._head.is_exact:
            weights, bias = self._head.linear()
            return reciprocam.maps(reciprocam.closed_form(weights[index], bias[index], maps, gaussian))
        places = layout.height * layout.width

        def make(items: NDArray[np.intp]) -> NDArray[np.float32]:
            return reciprocam.masked(given, items, layout, gaussian)

        def done(count: int) -> None:
            _tell(plan, count, places)

        logits = self._tail().ask(places, make, given.shape[1:], _of_classes(index), plan.batch_size, done)
        return reciprocam.maps(logits.T.reshape(len(index), layout.height, layout.width))

    def _arranged(self, feature_maps: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32], Layout]:
        """In float32, as they are (1, ...) and as (C, h, w); and their layout."""
        given = feature_maps.astype(np.float32, copy=False)
        layout = self._head.arranged(given.shape)
        maps = layout.channels_first(given)[0]
        check_maps("feature maps", maps)
        return given, maps, layout


def _of_classes(index: NDArray[np.int64]) -> Callable[[NDArray[np.intp], NDArray[np.float32]], NDArray[np.float32]]:
    """Keep the logits of these classes (M,)."""
    return lambda _, logits: logits[:, index]


def _tell(plan: Plan, done: int, total: int) -> None:
    if plan.progress is not None:
        plan.progress(done, total)


def _upsampled(masks: NDArray[np.float32], size: tuple[int, int], run: engines.Engine) -> NDArray[np.float32]:
    """(n, H, W) of (n, h, w), scaled to [0, 1]."""
    where = grid((masks.shape[1], masks.shape[2]), size)
    out = run.xp.empty((len(masks), *size), np.float32)
    run.heatmaps(run.xp.asarray(masks), where, True, None, out)
    return run.host(out)[0]
