"""Activation maps of what the network saw, by any method."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam import methods
from fastcam.arrays import engines
from fastcam.arrays.checks import feature_maps_of
from fastcam.arrays.maps import checked_maps, heatmaps
from fastcam.methods import cam, guidedgradcam, layercam
from fastcam.methods.masking import Masking
from fastcam.methods.plan import Plan, Seen
from fastcam.model.gradient.at_input import PLAIN, InputGradients, Smoothing
from fastcam.model.gradient.at_layers import LayerRun, Layers
from fastcam.model.gradient.at_maps import Gradients
from fastcam.model.head.head import OWN
from fastcam.model.opened_model import OpenedModel
from fastcam.model.run.once import Recent

KEPT = 4  # sets of layers whose sessions stay open


class Attribution:
    """What makes activation maps of a model. May be used from many threads."""

    def __init__(self, model: OpenedModel) -> None:
        self.head = model.head
        self.gradients, self.masking, self.inputs = Gradients(model), Masking(model), InputGradients(model)
        self._layers: Recent[tuple[tuple[str, ...], bool], Layers] = Recent(
            lambda wanted: Layers(model, wanted[0], wanted[1]), KEPT
        )

    def check_layers(self, plan: Plan) -> None:
        """Open the graph for layers, if it can be; errors as `Layers.has_own_logits`."""
        self._opened(plan).has_own_logits  # noqa: B018

    def at_layers(self, network_input: NDArray[Any], plan: Plan, wanted: NDArray[np.int64] | None) -> LayerRun | None:
        """What the layers make of a network input, for the first of the wanted classes (M,), or for the best.

        None where the logits of that graph aren't the model's, or don't rank the classes.
        """
        layers = self._opened(plan)
        if not layers.has_own_logits or self.head.activation in OWN:
            return None
        return layers(network_input, None if wanted is None else methods.one_hot(wanted[:1], self.head.classes)[0])

    def describe(self, seen: Seen, plan: Plan) -> str:
        """What the weights of the feature maps are made from, in words."""
        if plan.method == "cam":
            return "class weights"
        if plan.layers:
            return self._opened(plan).describe()
        if plan.method in methods.CLASSLESS:
            return "feature maps alone"
        if plan.method in methods.MASKING:
            return self.masking.describe(plan.method, seen.feature_maps.shape)
        if plan.method in methods.OF_INPUT:
            method = methods.OF_INPUT[plan.method]
            return self.inputs.describe(method.variant, method.places)
        return self.gradients.describe()

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
        if plan.layers:
            return self._maps_at_layers(seen, index, plan)
        run, feature_maps = plan.run, seen.feature_maps
        if plan.method in methods.OF_INPUT:
            sent_back = self.input_gradients(seen, index, plan)
            return run.xp.asarray(methods.OF_INPUT[plan.method].activation_maps(sent_back))
        maps = self.head.arranged(feature_maps.shape).channels_first(feature_maps)
        if plan.method == "cam":
            return _summed(run, maps, *cam.channel_weights(self.head, maps, index[None], run))
        here = run.host(run.xp.ascontiguousarray(feature_maps))[0]
        if plan.method in methods.RECIPROCAM:
            return run.xp.asarray(self.masking.reciprocam(here, index, plan))
        return _weighted(run, maps, run.xp.asarray(self._weights(seen, here, index, plan)))

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
            found = guidedgradcam.product(found, heatmaps(coarse, found.shape[2:], normalize=False))
        return found

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
            gradients = self.gradients(here, methods.seeds(plan.method, seen.logits, index))
        return methods.WEIGHTS[plan.method](first, gradients)

    def _maps_at_layers(self, seen: Seen, index: NDArray[np.int64], plan: Plan) -> Any:
        """Each class's maps of all layers, fused where there are several."""
        layers, run, known = self._opened(plan), plan.run, seen.at_layers
        found = []
        for seed in methods.seeds(plan.method, seen.logits, index):
            if known is None or not (plan.method in methods.CLASSLESS or np.array_equal(seed, known.seed)):
                known = layers(seen.network_input, seed)
                layers.check_logits(known, seen.logits)
            maps = []
            for values, gradients in zip(known.maps, known.gradients, strict=True):
                weights = methods.WEIGHTS[plan.method](values[0], gradients)
                maps.append(_weighted(run, run.xp.asarray(values), run.xp.asarray(weights))[0])
            found.append(maps[0] if len(maps) == 1 else run.xp.asarray(layercam.fused(run.host(*maps))))
        return run.xp.stack(found)

    def _opened(self, plan: Plan) -> Layers:
        return self._layers((plan.layers, plan.method not in methods.CLASSLESS))


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
    found = checked_maps(run, feature_maps_of(weighted), weights, rows)
    return found.reshape(-1, *maps.shape[2:])
