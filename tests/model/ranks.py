"""Tiny models of signals, images and volumes, and their oracle in NumPy."""

from itertools import product
from typing import NamedTuple

import numpy as np

from tests.model.models import build

SIZES = {1: (40,), 2: (16, 24), 3: (8, 12, 16)}
TAILS = {
    "cam": "p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)",
    "pool-nonlinear": "p = GlobalMaxPool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)",
    "gap-nonlinear": "p = GlobalAveragePool(maps) q = Flatten(p) s = Sigmoid(q) logits = Gemm<transB = 1>(s, w, b)",
    "cam-spatial": "q = Flatten(maps) logits = Gemm<transB = 1>(q, w, b)",
}
CLASSES, CHANNELS, INPUTS = 5, 6, 2


class Network(NamedTuple):
    """A model's bytes and weights: a convolution of width 3 and stride 2, ReLU, and a tail."""

    model: bytes
    k: np.ndarray
    w: np.ndarray
    b: np.ndarray

    def maps(self, image):
        """The feature maps (C, *places) of an image (channels, *sides), by a sum over the window."""
        rank = image.ndim - 1
        wide = np.pad(image.astype(np.float64), [(0, 0), *[(1, 1)] * rank])
        found = 0.0
        for shift in product(range(3), repeat=rank):
            part = wide[:, *(slice(first, first + side, 2) for first, side in zip(shift, image.shape[1:], strict=True))]
            found = found + np.tensordot(self.k[(..., *shift)].astype(np.float64), part, 1)
        return np.maximum(found, 0)


def network(rank, tail="cam", *, last=False, is_open=False):
    """Return a model of that rank; `last`: of channels last; `is_open`: of any size."""
    rng, sizes = np.random.default_rng(rank), SIZES[rank]
    places = int(np.prod([-(-side // 2) for side in sizes]))
    width = CHANNELS * places if tail == "cam-spatial" else CHANNELS
    k, w, b = (
        (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        for shape in ((CHANNELS, INPUTS, *[3] * rank), (CLASSES, width), (CLASSES,))
    )
    first = [0, rank + 1, *range(1, rank + 1)]
    turned = f"x = Transpose<perm = {first}>(image)" if last else "x = Identity(image)"
    pads = [1] * 2 * rank
    body = f"{turned} c = Conv<strides = {[2] * rank}, pads = {pads}>(x, k) maps = Relu(c) {TAILS[tail]}"
    sides = ", ".join("DHW"[-rank:] if is_open else map(str, sizes))
    axes = f"{sides}, {INPUTS}" if last else f"{INPUTS}, {sides}"
    return Network(build(body, f"float[N, {axes}] image", f"float[N, {CLASSES}] logits", k=k, w=w, b=b), k, w, b)


def array(rank, seed=0, *, size=None):
    """Noise as a caller hands it over: (*sides, channels)."""
    return np.random.default_rng(seed).standard_normal((*(size or SIZES[rank]), INPUTS)).astype(np.float32)
