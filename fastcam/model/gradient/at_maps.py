"""Gradients of a model's logits at its feature maps: in closed form where the head is exact, else by its tail."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import GradientError
from fastcam.model.gradient.backward import backward_model
from fastcam.model.gradient.excerpt import Excerpt, Further, Workbench, cut_behind_maps, open_excerpt, workbench
from fastcam.model.gradient.slopes import check_at_maps
from fastcam.model.gradient.tape import GRADIENT, SEED
from fastcam.model.graph.graph import Graph
from fastcam.model.head.head import Head
from fastcam.model.head.layouts import Layout, at_places
from fastcam.model.opened_model import OpenedModel
from fastcam.model.run.constants import AS_LOADED, Constants
from fastcam.model.run.once import Once
from fastcam.model.run.runtime import run_session
from fastcam.model.run.session import Opening


class Gradients:
    """Gradients of logits with regard to feature maps, of a model whose file is at hand. May be used from many threads.

    The session over the tail is made when it is first needed.
    """

    def __init__(self, model: OpenedModel) -> None:
        self._head = model.head
        self._opened = Once(partial(_open, model))  # no bound method: a circle would keep the session

    def describe(self, closed: bool = True) -> str:
        """Return the way in which gradients are computed, in words; `closed` as in a call."""
        if self._head.is_exact and closed:
            return "closed form"
        return f"backward through {self._opened().operators} operators"

    def __call__(
        self,
        feature_maps: NDArray[Any],
        seeds: NDArray[np.float32],
        constants: Constants = AS_LOADED,
        closed: bool = True,
    ) -> NDArray[np.float32]:
        """Compute d sum(seed * logits) / d feature maps.

        Parameters
        ----------
        feature_maps
            (1, ...) in the model's own layout.
        seeds
            (M, K).
        constants
            Values of further inputs of the model, other than at loading.
        closed
            Take the closed form where the head is exact: its class weights hold for these constants.

        Returns
        -------
        ndarray
            (M, C, *places) float32; (M, C, 1, ...) where the gradient is the same everywhere.

        Raises
        ------
        GradientError
            The gradient can't be written as ONNX, or isn't finite.
        ModelError
            ONNX Runtime failed while running.
        """
        layout = self._head.arranged(feature_maps.shape)
        if self._head.is_exact and closed:
            return _closed_form(self._head, seeds, layout)
        opened = self._opened()
        given = np.repeat(feature_maps[:1].astype(np.float32), opened.batch, axis=0)
        found = [opened.run(given, seed, constants) for seed in seeds]
        gradients = layout.channels_first(np.concatenate(found))
        if not np.isfinite(gradients).all():
            name = self._head.feature_maps
            raise GradientError(f"the gradient at {name!r}: expected finite values; got NaN or infinity")
        return np.ascontiguousarray(gradients)


def _open(model: OpenedModel) -> _Opened:
    session, excerpt = open_excerpt(model, _write)
    check_at_maps(session, excerpt)
    return _Opened(session, excerpt.tail.start, len(excerpt.values), len(excerpt.tail.operators), excerpt.further)


def write_gradient(name: str, graph: Graph, opening: Opening, head: Head, size: tuple[int, ...]) -> Excerpt:
    """Write the tail behind a model's feature maps with its gradient, for network inputs whose places have that size.

    Raises
    ------
    GradientError, ModelError
        As `backward_model`.
    """
    with workbench(name, graph, opening, head, size) as bench:
        return _write(bench)


def _write(bench: Workbench) -> Excerpt:
    cut = cut_behind_maps(bench)
    return replace(cut, model=backward_model(cut.tail, cut.values, cut.folder, bench.watch))


class _Opened(NamedTuple):
    """A session over a tail and its gradient, its first tensor, the batch that it takes, and the tail's operators.

    `further` are the model's further inputs in it.
    """

    session: Any
    start: str
    batch: int
    operators: int
    further: Further

    def run(self, given: NDArray[np.float32], seed: NDArray[np.float32], constants: Constants) -> NDArray[np.float32]:
        """Return the gradient (1, ...) of the first item, for one seed (K,)."""
        seeds = np.zeros((self.batch, len(seed)), np.float32)
        seeds[0] = seed
        feeds = {self.start: given, SEED: seeds, **self.further.feeds(constants)}
        on = f"feature maps of shape {given.shape}"
        return np.asarray(run_session(self.session, [GRADIENT], feeds, "the tail of the model", on)[0])[:1]


def _closed_form(head: Head, seeds: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """Return class weights over the number of places: (M, C, 1, ...), or (M, C, *places) of those for each position."""
    used = np.flatnonzero(seeds.any(axis=0))  # a few of many classes
    weights = np.tensordot(seeds[:, used], head.linear()[0][used], 1) / np.float32(layout.count)
    return at_places(weights, len(layout.places))
