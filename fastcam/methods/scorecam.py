"""Score-CAM: channels weighted by the logits of the image where they are strong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastcam.methods.masking_method import MaskingMethod

if TYPE_CHECKING:
    from fastcam.methods.masking import Trial
    from fastcam.model.head.layouts import Layout


def distinct(feature_maps: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Return feature maps (C, *places) scaled to [0, 1], each once (P, *places), and the number (C,) of each channel's.

    Channels that see nothing, or that fire at the same single place, mask the image alike: one forward serves all of
    them. A channel that is the same everywhere is 0.

    Examples
    --------
    >>> masks, own = distinct(np.array([[[0, 2]], [[5, 5]], [[1, 3]]], np.float32))
    >>> masks.tolist(), own.tolist()
    ([[[0.0, 1.0]], [[0.0, 0.0]]], [0, 1, 0])
    """
    flat = feature_maps.reshape(len(feature_maps), -1)
    low = flat.min(axis=1, keepdims=True)
    span = flat.max(axis=1, keepdims=True) - low
    scaled = np.divide(flat - low, span, out=np.zeros_like(flat), where=span > 0)
    numbers: dict[bytes, int] = {}
    own = np.array([numbers.setdefault(one.tobytes(), len(numbers)) for one in scaled], np.intp)
    first = np.unique(own, return_index=True)[1]
    return scaled[first].reshape(-1, *feature_maps.shape[1:]), own


def masked(image: NDArray[Any], masks: NDArray[np.float32], layout: str) -> NDArray[Any]:
    """Return network inputs (n, ...), one (1, ...) times masks (n, *places), in its own dtype: of uint8, rounded.

    Examples
    --------
    >>> masked(np.full((1, 1, 1, 2), 5, np.uint8), np.array([[[0.25, 1]]], np.float32), "NCHW").tolist()
    [[[[1, 5]]]]
    """
    product = image * (masks[..., None] if layout.endswith("C") else masks[:, None])
    return (np.rint(product) if image.dtype.kind == "u" else product).astype(image.dtype)


def weights(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return weights (M, C), `alpha_k = softmax_k f_c(X * H_k)`, of logits (C, M) of masked images.

    Wang et al. 2020, "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks". X is the
    network input, H_k the feature map A_k upsampled to its size and scaled to [0, 1], f_c the logit of class c, and the
    map `L = ReLU(sum_k alpha_k A_k)`. The
    paper's increase of the score over that of a baseline X_b, `C_k = f_c(X * H_k) - f_c(X_b)`, has the same softmax
    over channels: the baseline cancels out, and isn't asked for.

    Upsampling is bilinear with half-pixel centres, as everywhere in fastcam; pytorch-grad-cam, alike otherwise, aligns
    the corners. Where the network input is 0, the model sees what the mask hides: the mean colour of most
    preprocessing, black for pixels as they are (uint8, rounded).

    Cost: a forward of the whole model for each channel, whatever the number of classes; one for all that mask alike.

    Examples
    --------
    >>> weights(np.log(np.array([[3], [1]], np.float32))).round(6).tolist()
    [[0.75, 0.25]]
    """
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=0))
    return np.ascontiguousarray((powers / powers.sum(axis=0)).T, np.float32)


def weigh(trial: Trial) -> NDArray[np.float32]:
    """Return the weights (M, C) of a trial."""
    masks, own = distinct(trial.maps)
    ends = np.bincount(own).cumsum().tolist()  # channels that have the masks up to each

    def make(items: NDArray[np.intp]) -> NDArray[Any]:
        return masked(trial.network_input, trial.upsampled(masks[items]), trial.axes)

    def done(count: int) -> None:
        trial.report(ends[count - 1], len(trial.maps))

    return weights(trial.logits_of_inputs(len(masks), make, done)[own])


def cost(layout: Layout, is_exact: bool) -> str:
    """Return what a map takes, in words."""
    return f"at most {layout.channels} forwards of the model"


SCORECAM = MaskingMethod(
    name="scorecam",
    formula="softmax over channels of the class's logit, where each masks the image: at most C forwards",
    paper="Wang et al. 2020",
    weigh=weigh,
    reads_input=True,
    cost=cost,
)
