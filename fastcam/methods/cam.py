"""CAM, the class activation map itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcam.model.head import Head


def channel_weights(head: Head, class_index: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Weights (K, C) and which of their rows (N, M) to sum the channels with: the class weights of each wanted class.

    `M_c(x, y) = sum_k W[c, k] f_k(x, y)`; Zhou et al. 2016, "Learning Deep Features for Discriminative Localization",
    equation 2. Exact for heads of kind `cam`. Cost: the forward that the logits cost anyway.
    """
    return head.class_weights, class_index
