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

DOWNWARDS, SIDEWAYS = "rolled downwards", "rolled sideways"
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
        """Return changes (h·w, C)."""
        changed = np.abs(answers[tensor] - moved.still[tensor]).reshape(1, *layout.shape)
        return layout.channels_first(changed)[0].reshape(layout.channels, -1).T

    free = change(moved.other)
    least = STILL * float(free.max())
    if not least > 1e-6 * STILL * float(np.abs(moved.still[tensor]).max()):
        return ""  # it hardly hears of what is that far away, whatever it is
    for how, answers in moved.movements.items():
        if (how == DOWNWARDS and layout.height == 1) or (how == SIDEWAYS and layout.width == 1):
            continue  # along an axis with a single place there is nowhere to move to
        if not change(answers).max() > least:
            return f"it stays as it is when {moved.source!r} is {how}: its positions are no places"
    if (moved.plane.height, moved.plane.width) != (layout.height, layout.width):
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
    channels, height, width = grid.shape
    order = rng.permutation(height * width)
    order = order if (np.diff(order) < 0).any() else order[::-1]
    yield "shuffled", grid.reshape(channels, -1)[:, order].reshape(grid.shape)
    if height > 1:
        yield DOWNWARDS, np.roll(grid, height // 2, axis=1)
    if width > 1:
        yield SIDEWAYS, np.roll(grid, width // 2, axis=2)


def _halves(layout: Layout) -> Iterator[np.ndarray]:
    """Yield masks (h, w) of the upper and of the left half."""
    rows, columns = np.indices((layout.height, layout.width))
    for mask in (rows < layout.height // 2, columns < layout.width // 2):
        if mask.any():
            yield mask
