"""Ablation-CAM: channels weighted by what the logit loses without them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError
from fastcam.model.head.layouts import Layout


def ablated(feature_maps: NDArray[np.float32], channels: NDArray[np.integer], layout: Layout) -> NDArray[np.float32]:
    """Feature maps (n, ...) of one (1, ...), each without one of the channels (n,). Prefix tokens stay as they are.

    Examples
    --------
    >>> one = np.array([[[[1, 2]], [[3, 4]]]], np.float32)
    >>> ablated(one, np.array([1, 0]), Layout("NCHW", 2, 1, 2)).tolist()
    [[[[1.0, 2.0]], [[0.0, 0.0]]], [[[0.0, 0.0]], [[3.0, 4.0]]]]
    """
    given = np.repeat(feature_maps, len(channels), axis=0)
    layout.rows(given)[np.arange(len(channels)), layout.prefix :, channels] = 0  # a view: contiguous
    return given


def weights(logits: NDArray[np.floating], without: NDArray[np.floating]) -> NDArray[np.float32]:
    """(M, C), of logits (M,) and those without each channel (C, M): `w_k = (y - y_k) / y`; `L = ReLU(sum_k w_k A_k)`.

    Desai and Ramaswamy 2020, "Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free
    Localization": y is the logit of the class, y_k the logit where feature map A_k is 0. 0 where that is 0 / 0. Of a
    class with a negative logit the sign turns, as the formula has it. pytorch-grad-cam does the same where the least
    value of all feature maps is 0, as after a ReLU; elsewhere it puts about -1e7 in place of a channel, not 0.

    Cost: a forward of what follows the feature maps for each channel that isn't 0, whatever the number of classes; none
    where the head is exact (`closed_form`).

    Raises
    ------
    InputError
        A logit is 0, and isn't without a channel.

    Examples
    --------
    >>> weights(np.array([4.0]), np.array([[1.0], [4.0]])).tolist()
    [[0.75, 0.0]]
    """
    lost = (logits - without).T.astype(np.float64)
    endless = (logits == 0) & (lost != 0).any(axis=1)
    if endless.any():
        raise InputError(
            "method 'ablationcam': expected logits other than 0, by which the formula divides; got 0 for class "
            f"{int(endless.argmax()) + 1} of the {len(logits)} wanted. method='gradcam' needs no division"
        )
    with np.errstate(over="ignore"):  # of a logit next to 0: then the map isn't finite, and is refused
        shares = np.divide(lost, logits[:, None], out=np.zeros_like(lost), where=lost != 0)
        return np.ascontiguousarray(shares, np.float32)


def closed_form(
    class_weights: NDArray[np.float32], bias: NDArray[np.float32], feature_maps: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The weights (M, C) of an exact head: `w_k = s_k / y` with `s_k = mean_xy(W[c, k] A_k)`, `y = sum_k s_k + b[c]`.

    Parameters
    ----------
    class_weights, bias
        Of the classes wanted: (M, C), or (M, C, h, w) for each position; and (M,).

    Raises
    ------
    InputError
        As `weights`.

    Examples
    --------
    >>> closed_form(np.array([[3, 1]], np.float32), np.zeros(1, np.float32), np.ones((2, 1, 2), np.float32)).tolist()
    [[0.75, 0.25]]
    """
    by_position = class_weights if class_weights.ndim == 4 else class_weights[:, :, None, None]
    shares = (by_position * feature_maps.astype(np.float64)).mean(axis=(2, 3))
    logits = shares.sum(axis=1) + bias
    return weights(logits, logits - shares.T)
