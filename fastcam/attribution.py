"""Activation maps of what the network saw, by any method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam import engines, methods, ops
from fastcam.arrays import feature_maps_of
from fastcam.explained import Plan, Seen
from fastcam.gradients import Gradients
from fastcam.masking import Masking
from fastcam.methods import cam
from fastcam.model.head import Head


@dataclass(frozen=True, eq=False)
class Attribution:
    """What makes activation maps of a model. May be used from many threads."""

    head: Head
    gradients: Gradients
    masking: Masking

    def maps(self, seen: Seen, index: NDArray[np.int64], plan: Plan) -> Any:
        """(M, h, w) of one image and classes (M,), where the engine works.

        Raises
        ------
        GradientError
            The method follows the gradient, and that can't be written for this model.
        InputError
            The method asks the model again, in batches that take too much memory, or gets NaN or infinity.
        ModelError
            ONNX Runtime failed while running.
        """
        run, feature_maps = plan.run, seen.feature_maps
        maps = self.head.arranged(feature_maps.shape).channels_first(feature_maps)
        if plan.method == "cam":
            return _summed(run, maps, *cam.channel_weights(self.head, maps, index[None], run))
        here = run.host(run.xp.ascontiguousarray(feature_maps))[0]
        if plan.method in methods.RECIPROCAM:
            return run.xp.asarray(self.masking.reciprocam(here, index, plan))
        return _weighted(run, maps, run.xp.asarray(self._weights(seen, here, index, plan)))

    def _weights(self, seen: Seen, here: NDArray[Any], index: NDArray[np.int64], plan: Plan) -> NDArray[np.float32]:
        """(M, C) or (M, C, h, w), of feature maps in the host's memory."""
        if plan.method == "scorecam":
            return self.masking.scorecam(seen.network_input, here, index, plan)
        if plan.method == "ablationcam":
            return self.masking.ablationcam(here, index, plan)
        first = self.head.arranged(here.shape).channels_first(here)[0].astype(np.float32)
        if plan.method in methods.CLASSLESS:
            gradients = np.zeros((len(index), len(first), 1, 1), np.float32)
        else:
            gradients = self.gradients(here, index)
        return methods.WEIGHTS[plan.method](first, gradients)


def _weighted(run: engines.Engine, maps: Any, weights: Any) -> Any:
    """The ReLU of the sums over channels, with weights (M, C) or (M, C, h, w)."""
    if weights.ndim == 2:
        summed = _summed(run, maps, maps, weights, np.arange(len(weights))[None])
    else:
        ones = run.xp.ones((1, maps.shape[1]), np.float32)
        summed = _summed(run, maps, maps * weights, ones, np.zeros((len(weights), 1), np.int64))
    return run.xp.maximum(summed, 0)


def _summed(run: engines.Engine, maps: Any, weighted: Any, weights: Any, rows: NDArray[np.int64]) -> Any:
    """The weighted sums over channels, (M, h, w)."""
    found = ops.checked_maps(run, feature_maps_of(weighted), weights, rows)
    return found.reshape(-1, *maps.shape[2:])
