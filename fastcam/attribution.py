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
from fastcam.input_gradients import PLAIN, InputGradients, Smoothing
from fastcam.methods import cam, guidedgradcam
from fastcam.model.head import Head


@dataclass(frozen=True, eq=False)
class Attribution:
    """What makes activation maps of a model. May be used from many threads."""

    head: Head
    gradients: Gradients
    inputs: InputGradients

    def maps(self, seen: Seen, index: NDArray[np.int64], plan: Plan) -> Any:
        """(M, h, w) of one image and classes (M,), where the engine works.

        Raises
        ------
        GradientError
            The method follows the gradient, and that can't be written for this model.
        ModelError
            ONNX Runtime failed while running.
        """
        run, feature_maps = plan.run, seen.feature_maps
        if plan.method in methods.OF_INPUT:
            sent_back = self.input_gradients(seen, index, plan)
            return run.xp.asarray(methods.OF_INPUT[plan.method].activation_maps(sent_back))
        maps = self.head.arranged(feature_maps.shape).channels_first(feature_maps)
        if plan.method == "cam":
            return _summed(run, maps, *cam.channel_weights(self.head, maps, index[None], run))
        here = run.host(run.xp.ascontiguousarray(feature_maps))[0]
        first = self.head.arranged(here.shape).channels_first(here)[0].astype(np.float32)
        if plan.method in methods.CLASSLESS:
            gradients = np.zeros((len(index), len(first), 1, 1), np.float32)
        else:
            gradients = self.gradients(here, index)
        weights = run.xp.asarray(methods.WEIGHTS[plan.method](first, gradients))
        return _weighted(run, maps, weights)

    def input_gradients(
        self,
        seen: Seen,
        index: NDArray[np.int64],
        plan: Plan,
        smoothing: Smoothing = PLAIN,
        layer: str | int | None = None,
    ) -> NDArray[np.float32]:
        """(M, C, H, W) of one image and classes (M,), by a method that goes back to the network input.

        Parameters
        ----------
        layer
            As `InputGradients.ready` takes it; None: the method's own.

        Raises
        ------
        GradientError, InputError, ModelError
            As `InputGradients`.
        """
        method = methods.OF_INPUT[plan.method]
        layer = method.places if layer is None else layer
        found = self.inputs(seen.network_input, index, method.variant, layer, smoothing)
        if plan.method == "guidedgradcam":
            (coarse,) = plan.run.host(self.maps(seen, index, plan._replace(method="gradcam")))
            found = guidedgradcam.product(found, ops.heatmaps(coarse, found.shape[2:], normalise=False))
        return found


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
