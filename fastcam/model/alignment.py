"""Whether the positions of a tensor are places of the image: experts, best values or latent tokens have none.

Adding up to the logits can't tell: any set of vectors whose mean is taken adds up. So what a convolution made before is
moved, and the tensor has to move with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fastcam.errors import ModelError
from fastcam.model.layouts import Layout
from fastcam.model.probing import Floats, TailRun
from fastcam.model.scene import Scene
from fastcam.runtime import ORT_ERRORS

STILL = 1e-4  # of what other values change: what changes by less hasn't moved. Sets: 2e-7; maps: 4e-3 and more


def misalignment(scene: Scene, tensor: str, layout: Layout, before: Sequence[str]) -> str:
    """Why the positions of a tensor aren't places of the image; empty if they seem to be.

    Parameters
    ----------
    before
        Cuts before the tensor. The last that a convolution made is moved, else the image.
    """
    made = [name for name in before if scene.is_convolution(name)]
    if scene.is_convolution(tensor) or not before:
        return ""
    source = made[-1] if made else scene.graph.image
    plane = scene.plane(source)
    try:
        run = scene.run(source, [tensor])
        return _judge(run, plane, layout, scene.values[source][:1].astype(np.float32), source)
    except (ModelError, *ORT_ERRORS):
        scene.watch.check()
        return ""


def _judge(run: TailRun, plane: Layout, layout: Layout, maps: Floats, source: str) -> str:
    rng = np.random.default_rng(5)
    spread = float(maps.std(dtype=np.float64)) or 1.0
    seen_here = plane.channels_first(maps)[0]
    grid: Floats = (seen_here + spread * rng.standard_normal(seen_here.shape)).astype(np.float32)

    def seen(moved: Floats) -> Floats:
        """(h·w, C) of the tensor."""
        rows = moved.reshape(1, plane.channels, -1).transpose(0, 2, 1)
        answer = run.run_one(plane.tensor(rows)[0])[0].astype(np.float32)
        return layout.channels_first(answer.reshape(1, *layout.shape))[0].reshape(layout.channels, -1).T

    still = seen(grid)
    other = (grid + spread * rng.standard_normal(grid.shape)).astype(np.float32)
    change = np.abs(seen(other) - still)
    least = STILL * float(change.max())
    if not least > 1e-6 * STILL * float(np.abs(still).max()):
        return ""  # it hardly hears of what is that far away, whatever it is
    for how, moved in _movements(grid, rng):
        if not np.abs(seen(moved) - still).max() > least:
            return f"it stays as it is when {source!r} is {how}: its positions are no places"
    if (plane.height, plane.width) == (layout.height, layout.width):
        for where in _halves(layout):
            changed = np.where(where, grid + spread * rng.standard_normal(grid.shape).astype(np.float32), grid)
            follows = np.any(np.abs(seen(changed) - still) > least, axis=1)
            alive = float(np.any(change > least, axis=1).mean())
            inside, outside = (float(follows[half.ravel()].mean()) / alive for half in (where, ~where))
            mixed = inside > 0.5 and outside > 0.9  # as by attention: each place hears of all
            if not mixed and inside < outside + 0.1:
                return f"it is turned or in disorder: what changes in one half of {source!r} changes elsewhere in it"
    return ""


def _movements(grid: Floats, rng: np.random.Generator) -> Iterator[tuple[str, Floats]]:
    channels, height, width = grid.shape
    order = rng.permutation(height * width)
    order = order if (np.diff(order) < 0).any() else order[::-1]
    yield "shuffled", grid.reshape(channels, -1)[:, order].reshape(grid.shape)
    if height > 1:
        yield "rolled downwards", np.roll(grid, height // 2, axis=1)
    if width > 1:
        yield "rolled sideways", np.roll(grid, width // 2, axis=2)


def _halves(layout: Layout) -> Iterator[np.ndarray]:
    """(h, w) masks of the upper and of the left half."""
    rows, columns = np.indices((layout.height, layout.width))
    for mask in (rows < layout.height // 2, columns < layout.width // 2):
        if mask.any():
            yield mask
