"""Alignment of a tensor's positions with places of the image, which experts, best values and latent tokens lack.

Adding up to the logits can't tell: any set of vectors whose mean is taken adds up. So what a convolution made before is
moved, and the tensor has to move with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import ModelError
from fastcam.model.head.layouts import Layout
from fastcam.model.head.scene import Scene
from fastcam.model.head.tail_run import Floats, TailRun
from fastcam.model.run.runtime import ORT_ERRORS

ROLLED = ("rolled sideways", "rolled downwards", "rolled in depth")  # along the last axis, the one before it, ...
STILL = 1e-4  # of what other values change: what changes by less hasn't moved. Sets: 2e-7; maps: 4e-3 and more


class Alignment:
    """A check of the tensors of a model's cuts: whether they move with the result of a convolution before them.

    The tensors behind one convolution are tested together: a session and seven runs for all of them.
    """

    def __init__(self, scene: Scene, cuts: Sequence[str]) -> None:
        self._scene, self._cuts = scene, cuts
        self._moved: dict[str, _Moved | None] = {}

    def fault(self, tensor: str, layout: Layout) -> str:
        """Return why the positions of a tensor aren't places of the image; empty if they seem to be.

        The last cut before it that a convolution made is moved, else the image.
        """
        place = self._cuts.index(tensor) if tensor in self._cuts else 0
        if place == 0 or self._scene.is_convolution(tensor):
            return ""
        if len(layout.places) == 3 and tensor in self._scene.planes:
            return ""  # so by construction; seven more runs of a network in three dimensions take their time
        made = [k for k in range(1, place) if self._scene.is_convolution(self._cuts[k])]
        source = self._cuts[made[-1]] if made else self._scene.graph.image
        if source not in self._moved:
            self._moved[source] = self._move(source, made[-1] if made else 0)
        moved = self._moved[source]
        if moved is None or tensor not in moved.still:  # of other proportions than a grid's: the caller's own choice
            return ""
        return _judge(moved, tensor, layout)

    def _move(self, source: str, place: int) -> _Moved | None:
        """Move the values of a source; None where that part of the model doesn't run by itself."""
        scene = self._scene
        behind = takewhile(lambda name: not scene.is_convolution(name), self._cuts[place + 1 :])
        ends = [name for name in behind if scene.layouts(name)]
        try:
            return _Moved(scene.tail_run(source, ends), source, scene.plane(source), scene.values[source])
        except (ModelError, *ORT_ERRORS):
            scene.watch.check()
            return None


class _Moved:
    """The answers of tensors behind a source when its values change, and when they change places."""

    def __init__(self, run: TailRun, source: str, plane: Layout, values: NDArray[Any]) -> None:
        self._run, self.source, self.plane = run, source, plane
        rng = np.random.default_rng(5)
        maps = plane.channels_first(values[:1].astype(np.float32))[0]
        spread = float(maps.std(dtype=np.float64)) or 1.0

        def noise() -> Floats:
            return (spread * rng.standard_normal(maps.shape)).astype(np.float32)

        grid = maps + noise()
        self.still = self._ask(grid)
        self.other = self._ask(grid + noise())
        self.movements = {how: self._ask(moved) for how, moved in _movements(grid, rng)}
        self.halves = [(half, self._ask(np.where(half, grid + noise(), grid))) for half in _halves(plane)]

    def _ask(self, grid: Floats) -> Mapping[str, Floats]:
        rows = grid.reshape(1, self.plane.channels, -1).transpose(0, 2, 1)
        answers = self._run.run_one(self.plane.tensor(rows)[0])
        return {end: answer.astype(np.float32) for end, answer in zip(self._run.tail.ends, answers, strict=True)}


def _judge(moved: _Moved, tensor: str, layout: Layout) -> str:
    def change(answers: Mapping[str, Floats]) -> Floats:
        """Return changes (places, C)."""
        changed = np.abs(answers[tensor] - moved.still[tensor]).reshape(1, *layout.shape)
        return layout.channels_first(changed)[0].reshape(layout.channels, -1).T

    free = change(moved.other)
    least = STILL * float(free.max())
    if not least > 1e-6 * STILL * float(np.abs(moved.still[tensor]).max()):
        return ""  # it hardly hears of what is that far away, whatever it is
    for how, answers in moved.movements.items():
        if how in ROLLED and layout.places[-1 - ROLLED.index(how)] == 1:
            continue  # along an axis with a single place there is nowhere to move to
        if not change(answers).max() > least:
            return f"it stays as it is when {moved.source!r} is {how}: its positions are no places"
    if moved.plane.places != layout.places:
        return ""
    for half, answers in moved.halves:
        follows = np.any(change(answers) > least, axis=1)
        alive = float(np.any(free > least, axis=1).mean())
        inside, outside = (float(follows[side.ravel()].mean()) / alive for side in (half, ~half))
        mixed = inside > 0.5 and outside > 0.9  # as by attention: each place hears of all
        if not mixed and inside < outside + 0.1:
            return f"it is turned or in disorder: what changes in one half of {moved.source!r} changes elsewhere in it"
    return ""


def _movements(grid: Floats, rng: np.random.Generator) -> Iterator[tuple[str, Floats]]:
    channels, *places = grid.shape
    order = rng.permutation(grid[0].size)
    order = order if (np.diff(order) < 0).any() else order[::-1]
    yield "shuffled", grid.reshape(channels, -1)[:, order].reshape(grid.shape)
    for axis, side in enumerate(places, 1):
        if side > 1:
            yield ROLLED[len(places) - axis], np.roll(grid, side // 2, axis=axis)


def _halves(layout: Layout) -> Iterator[np.ndarray]:
    """Yield masks (*places) of the first half along each axis, as the upper and the left one."""
    for axis, side in enumerate(layout.places):
        mask = np.indices(layout.places)[axis] < side // 2
        if mask.any():
            yield mask
