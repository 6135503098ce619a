"""Activation maps of what the network saw, by any method."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays import engines
from fastcam.arrays.checks import feature_maps_of
from fastcam.arrays.maps import checked_maps, heatmaps
from fastcam.errors import HeadNotFoundError
from fastcam.methods import cam, layercam
from fastcam.methods.masking import Masking
from fastcam.methods.masking_method import MaskingMethod
from fastcam.methods.method import ClassWeightMethod, InputMethod, WeighingMethod
from fastcam.methods.options import Options, Seen
from fastcam.model.gradient.at_input import PLAIN, InputGradients, Smoothing
from fastcam.model.gradient.at_layers import LayerRun, Layers
from fastcam.model.gradient.at_maps import Gradients
from fastcam.model.gradient.tape import one_hot
from fastcam.model.head.head import OWN
from fastcam.model.opened_model import OpenedModel
from fastcam.model.run.constants import AS_LOADED, Constants
from fastcam.model.run.once import Recent

KEPT = 4  # sets of layers whose sessions stay open
SIZES = 4  # other sizes of network inputs than the model's, whose sessions stay open


class Attribution:
    """Activation maps of a model, by any method. May be used from many threads.

    Its sessions of gradients and tails are made for network inputs of the model's size; `at` has those of others.
    """

    def __init__(self, model: OpenedModel) -> None:
        self.head, self.model = model.head, model
        self._size, self._axes = tuple(model.size), model.session.input.axes
        self._others: Recent[tuple[int, ...], Attribution] = Recent(
            lambda size: Attribution(replace(model, size=size)), SIZES
        )
        self.gradients, self.masking, self.inputs = Gradients(model), Masking(model), InputGradients(model)
        self._layers: Recent[tuple[tuple[str, ...], bool], Layers] = Recent(
            lambda wanted: Layers(model, wanted[0], wanted[1]), KEPT
        )

    def at(self, network_input: Any) -> Attribution:
        """Return what makes maps of a network input (1, ...), by its size, of which the last four others stay open."""
        size = tuple(network_input.shape[axis] for axis in self._axes)
        return self if size == self._size else self._others(size)

    def check_layers(self, options: Options) -> None:
        """Open the graph for layers, if it can be; errors as `Layers.has_own_logits`."""
        self._opened(options).has_own_logits  # noqa: B018

    def at_layers(
        self,
        network_input: NDArray[Any],
        options: Options,
        classes: NDArray[np.int64] | None,
        constants: Constants = AS_LOADED,
    ) -> LayerRun | None:
        """Run a network input to its logits and back to the layers, from the first class of (M,), or from the best.

        Returns
        -------
        LayerRun or None
            None where the logits of that graph aren't the model's, or don't rank the classes.
        """
        layers = self._opened(options)
        if not layers.has_own_logits or self.head.activation in OWN:
            return None
        seed = None if classes is None else one_hot(classes[:1], self.head.classes)[0]
        return layers(network_input, seed, constants)

    def describe(self, seen: Seen, options: Options) -> str:
        """Return in words what the weights of the feature maps are made from."""
        if options.layers:
            return self._opened(options).describe()
        match options.method:
            case ClassWeightMethod():
                return "class weights"
            case MaskingMethod() as method:
                return method.cost(self.head.arranged(seen.feature_maps.shape), self.head.is_exact and seen.holds)
            case InputMethod() as method:
                return self.inputs.describe(method.variant, method.places)
            case method:
                return self.gradients.describe(seen.holds) if method.needs_gradient else "feature maps alone"

    def maps(self, seen: Seen, classes: NDArray[np.int64], options: Options) -> Any:
        """Return the activation maps of one image.

        Parameters
        ----------
        seen
            The image as the network saw it.
        classes
            (M,) class indices.
        options
            Method, layers, engine, batch size and progress.

        Returns
        -------
        (M, h, w) float32, where the engine works.

        Raises
        ------
        GradientError
            The method follows the gradient, and that can't be written for this model.
        InputError
            The method runs the model again, in batches that take too much memory, or gets NaN or infinity.
        ModelError
            ONNX Runtime failed while running.
        """
        if options.layers:
            return self._maps_at_layers(seen, classes, options)
        engine = options.engine
        if isinstance(options.method, InputMethod):
            sent_back = self.input_gradients(seen, classes, options)
            return engine.xp.asarray(options.method.maps(sent_back))
        maps = self.head.arranged(seen.feature_maps.shape).channels_first(seen.feature_maps)
        if isinstance(options.method, ClassWeightMethod):
            _check_weights(seen)
            return _summed(engine, maps, *cam.channel_weights(self.head, maps, classes[None], engine))
        if isinstance(options.method, MaskingMethod) and options.method.maps:
            return engine.xp.asarray(options.method.maps(self.masking.trial(seen, classes, options)))
        return _weighted(engine, maps, engine.xp.asarray(self._weights(seen, classes, options)))

    def input_gradients(
        self,
        seen: Seen,
        classes: NDArray[np.int64],
        options: Options,
        smoothing: Smoothing = PLAIN,
        layer: str | int | None = None,
    ) -> NDArray[np.float32]:
        """Return the gradients of one image by a method that goes back to the network input.

        Parameters
        ----------
        seen
            Outputs of the network for the image.
        classes
            (M,) class indices.
        options
            Options of `Classifier.explain`, with a method that goes back to the network input.
        smoothing
            Number of noisy copies of the network input (SmoothGrad), and their noise.
        layer
            Layer as `InputGradients.ready` takes it; None: the method's own.

        Returns
        -------
        (M, C, H, W) float32.

        Raises
        ------
        GradientError, InputError, ModelError
            As `InputGradients`.
        """
        method = options.method
        assert isinstance(method, InputMethod)
        layer = method.places if layer is None else layer
        found = self.inputs(seen.network_input, classes, method.variant, layer, smoothing, seen.constants)
        if method.times is not None:
            (coarse,) = options.engine.host(self.maps(seen, classes, replace(options, method=method.times.method)))
            found = method.times.multiply(found, heatmaps(coarse, found.shape[2:], normalize=False))
        return found

    def _weights(self, seen: Seen, classes: NDArray[np.int64], options: Options) -> NDArray[np.float32]:
        """Return weights (M, C) or (M, C, h, w), in the host's memory."""
        method, engine = options.method, options.engine
        if isinstance(method, MaskingMethod):
            assert method.weigh is not None
            return method.weigh(self.masking.trial(seen, classes, options))
        assert isinstance(method, WeighingMethod)
        here = engine.host(engine.xp.ascontiguousarray(seen.feature_maps))[0]
        first = self.head.arranged(here.shape).channels_first(here)[0].astype(np.float32)
        if method.needs_gradient:
            gradients = self.gradients(here, seeds(method, seen.logits, classes), seen.constants, seen.holds)
        else:
            gradients = np.zeros((len(classes), len(first), *[1] * (first.ndim - 1)), np.float32)
        return method.weigh(first, gradients)

    def _maps_at_layers(self, seen: Seen, classes: NDArray[np.int64], options: Options) -> Any:
        """Return each class's maps of all layers, fused where there are several."""
        layers, engine, known, method = self._opened(options), options.engine, seen.at_layers, options.method
        assert isinstance(method, WeighingMethod)
        found: list[Any] = []
        for seed in seeds(method, seen.logits, classes):
            if known is None or (method.needs_gradient and not np.array_equal(seed, known.seed)):
                known = layers(seen.network_input, seed, seen.constants)
                layers.check_logits(known, seen.logits)
            maps: list[Any] = []
            for values, gradients in zip(known.maps, known.gradients, strict=True):
                weights = method.weigh(values[0], gradients)
                maps.append(_weighted(engine, engine.xp.asarray(values), engine.xp.asarray(weights))[0])
            found.append(maps[0] if len(maps) == 1 else engine.xp.asarray(layercam.fused(engine.host(*maps))))
        return engine.xp.stack(found)

    def _opened(self, options: Options) -> Layers:
        return self._layers((options.layers, options.method.needs_gradient))


def _check_weights(seen: Seen) -> None:
    """Check that the class weights hold for the constants of a call."""
    if not seen.holds:
        raise HeadNotFoundError(
            f"constants: expected values with which mean(M_c) + b_c is the logit, as when the head was proven; with "
            f"those of {', '.join(map(repr, seen.constants))} it isn't: class weights or bias depend on them. Load the "
            "model with these values, or use method='gradcam', which takes the gradient with them"
        )


def seeds(method: WeighingMethod, logits: NDArray[np.float32], classes: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return how much of each logit a method takes the gradient of, (M, K), for logits (K,) and classes (M,)."""
    return method.seed(logits, classes) if method.seed else one_hot(classes, len(logits))


def _weighted(engine: engines.Engine, maps: Any, weights: Any) -> Any:
    """Return the ReLU of the sums over channels, with weights (M, C) or (M, C, *places)."""
    if weights.ndim == 2:
        summed = _summed(engine, maps, maps, weights, np.arange(len(weights))[None])
    else:
        ones = engine.xp.ones((1, maps.shape[1]), np.float32)
        summed = _summed(engine, maps, maps * weights, ones, np.zeros((len(weights), 1), np.int64))
    return engine.xp.maximum(summed, 0)


def _summed(engine: engines.Engine, maps: Any, weighted: Any, weights: Any, rows: NDArray[np.int64]) -> Any:
    """Return the weighted sums over channels, (M, *places); the engine takes places of other ranks in one row."""
    given = weighted if weighted.ndim == 4 else weighted.reshape(*weighted.shape[:2], 1, -1)
    found = checked_maps(engine, feature_maps_of(given), weights, rows)
    return found.reshape(-1, *maps.shape[2:])
