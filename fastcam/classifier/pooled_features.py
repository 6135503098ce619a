"""Pooled features of a model, and logits of other classes made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.classifier.given import Given, of_each
from fastcam.classifier.vision import Vision
from fastcam.errors import InputError
from fastcam.model.head.head import LEARNED, Head
from fastcam.model.head.layouts import place_means
from fastcam.model.head.scores import check_activation
from fastcam.model.run.constants import AS_LOADED, Constants
from fastcam.model.run.session import Session

if TYPE_CHECKING:
    import onnxruntime as ort


def features_of(vision: Vision, given: Given) -> NDArray[np.float32]:
    """Return the pooled features (N, C) of images; of several, errors name the image."""
    return np.concatenate(
        of_each(given.images, lambda n, image: pooled(vision.head, given.look(vision, n, image).feature_maps))
    )


def pooled(head: Head, feature_maps: Any) -> NDArray[np.float32]:
    """Return the means (N, C) over all places of feature maps (N, ...) in the model's layout, without prefix tokens."""
    maps = head.arranged(feature_maps.shape).channels_first(feature_maps)
    means = place_means(maps).astype(np.float32)
    return means if isinstance(means, np.ndarray) else means.get()


def head_with_classes(head: Head, weights: ArrayLike, bias: ArrayLike, activation: str) -> Head:
    """Return a head on the same feature maps, of kind "cam", with class weights (K, C) and bias (K,).

    Raises
    ------
    InputError
        They don't fit each other, the channels, or float32.
    """
    made = check_activation(activation) or "softmax"
    try:
        matrix, offset = np.asarray(weights, np.float32), np.asarray(bias, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"weights, bias: expected arrays of numbers ({error})") from error
    channels = head.channels
    if matrix.ndim != 2 or matrix.shape[1] != channels or not len(matrix) or offset.shape != matrix.shape[:1]:
        raise InputError(
            f"weights, bias: expected (K, {channels}) and (K,), for the {channels} features of this model; "
            f"got {matrix.shape} and {offset.shape}"
        )
    if not (np.isfinite(matrix).all() and np.isfinite(offset).all()):
        raise InputError("weights, bias: expected finite numbers; got NaN or infinity")
    return replace(
        head,
        logits=LEARNED,
        class_weights=matrix,
        bias=offset,
        activation="sigmoid" if made == "softmax" and len(offset) == 1 else made,  # against all else
        pooling="mean",
        identity_error=float("nan"),
        quantization_gap=None,
        kind="cam",
        output="",
        reason="",
        proven_with="",
        classes=len(offset),
    )


class Reclassified(Session):
    """A session whose logits are those of a `head_with_classes`; it shares all else with another session."""

    def __init__(self, session: Session, head: Head) -> None:
        vars(self).update(vars(session))
        self._head = head

    def run(
        self,
        images: Any,
        outputs: Sequence[str],
        options: ort.RunOptions | None = None,
        constants: Constants = AS_LOADED,
    ) -> list[NDArray[Any]]:
        """Run network inputs: see `Session.run`."""
        maps = self._head.feature_maps  # asked for in any case: new logits are made of them
        computed = [maps, *(name for name in outputs if name not in (maps, LEARNED))]
        known = dict(zip(computed, super().run(images, computed, options, constants), strict=True))
        known[LEARNED] = self._logits(known[maps])
        return [known[name] for name in outputs]

    def run_on_device(
        self,
        images: Any,
        on_device: str,
        outputs: Sequence[str],
        adopt: Callable[[ort.OrtValue], Any],
        constants: Constants = AS_LOADED,
    ) -> tuple[Any, list[NDArray[Any]]]:
        """Run network inputs and leave feature maps on their device: see `Session.run_on_device`."""
        maps, _ = super().run_on_device(images, on_device, [], adopt, constants)
        return maps, [self._logits(maps) for _ in outputs]

    def _logits(self, feature_maps: Any) -> NDArray[np.float32]:
        features = pooled(self._head, feature_maps).astype(np.float64)
        return (features @ self._head.class_weights.T.astype(np.float64) + self._head.bias).astype(np.float32)
