"""Heads that tell the positions apart, models that have no map to tell, and maps that aren't where they seem to be."""

from functools import partial

import numpy as np

from tests.zoo.case import CONV, GEMM, MAPS, POOLED, POSITIONS, B, W, case, noise

EACH = noise(41, 5, 7, 6, 9) / 16
FLAT = EACH.reshape(5, -1)
FLAT_LAST = EACH.transpose(0, 2, 3, 1).reshape(5, -1)
PLACES = noise(42, 6, 9) / 8
MASK = (noise(43, 6, 9) > 0).astype(np.float32)
PLACED = POSITIONS * W[:, :, None, None] * PLACES
MASKED = POSITIONS * W[:, :, None, None] * MASK / MASK.sum()
CORNER = np.zeros((6, 9), np.float32)
CORNER[:4, :4] = POSITIONS / 16
FIRST_ONLY = np.zeros((6, 9), np.float32)
FIRST_ONLY[0, 0] = POSITIONS
FEW = noise(44, 5, 7, 2, 3) / 6
TO_LAST = "last = Transpose<perm = [0, 2, 3, 1]>(maps)"
MLP = "g = Gemm<transB = 1>(r, v) s = Relu(g) logits = Gemm<transB = 1>(s, u, b)"
MLP_STORED = {"v": noise(45, 7, 378) / 12, "u": noise(46, 5, 7)}

# name → (nodes from "maps", weights of the positions, options of `case`)
AFFINE = {
    "flattened": ("r = Flatten(maps) logits = Gemm<transB = 1>(r, v, b)", POSITIONS * EACH, {"stored": {"v": FLAT}}),
    "flattened-channels-last": (
        f"{TO_LAST} r = Flatten(last) m = MatMul(r, v) logits = Add(m, b)",
        POSITIONS * EACH,
        {
            "stored": {"v": FLAT_LAST.T.copy()},
            "feature_maps": ("last",),
            "layout": "NHWC",
            "also": {"maps": ("NCHW", 0)},
        },
    ),
    "flattened-after-a-max-pool": (
        "most = MaxPool<kernel_shape = [3, 3], strides = [3, 3]>(maps) r = Flatten(most) "
        "logits = Gemm<transB = 1>(r, v, b)",
        6 * FEW,
        {"stored": {"v": FEW.reshape(5, -1)}, "feature_maps": ("most",)},
    ),
    "flattened-through-two-layers": (
        "r = Flatten(maps) s = MatMul(r, v) d = Dropout(s) logits = Gemm<transB = 1>(d, w, b)",
        POSITIONS * np.tensordot(W, EACH[[0, 1, 2, 3, 4, 0, 1]], 1),
        {"stored": {"v": FLAT[[0, 1, 2, 3, 4, 0, 1]].T.copy()}},
    ),
    "convolution-of-the-whole-map": (
        "r = Conv(maps, v, b) logits = Flatten(r)",
        POSITIONS * EACH,
        {"stored": {"v": EACH}},
    ),
    "depthwise-convolution-of-the-whole-map": (
        f"p = Conv<group = 7>(maps, v) q = Flatten(p) {GEMM}",
        PLACED,
        {"stored": {"v": np.tile(PLACES, (7, 1, 1, 1))}},
    ),
    "einsum-with-weights-of-the-places": (
        f'q = Einsum<equation = "nchw,hw->nc">(maps, places) {GEMM}',
        PLACED,
        {"stored": {"places": PLACES}},
    ),
    "masked-mean": (
        f"r = Reshape(maps, shape) p = MatMul(r, mask) q = Squeeze(p, two) {GEMM}",
        MASKED,
        {
            "stored": {"shape": [0, 0, -1], "mask": (MASK / MASK.sum()).reshape(-1, 1), "two": [2]},
            "feature_maps": ("r",),
            "layout": "NCL",
            "also": {"maps": ("NCHW", 0)},
        },
    ),
    "average-pool-of-a-corner": (
        f"p = AveragePool<kernel_shape = [4, 4], strides = [4, 9]>(maps) q = Flatten(p) {GEMM}",
        W[:, :, None, None] * CORNER,
        {},
    ),
    "mean-plus-a-corner": (
        f"p = GlobalAveragePool(maps) o = Slice(maps, start, end, axes) s = Add(p, o) q = Flatten(s) {GEMM}",
        W[:, :, None, None] * (1 + FIRST_ONLY),
        {"stored": {"start": [0, 0], "end": [1, 1], "axes": [2, 3]}},
    ),
}

OTHER = CONV.replace("f = ", "f2 = ").replace("k, c", "k2, c") + " maps2 = Relu(f2)"
BACK = "back = Slice(image, last, least, columns, last)"
TURNED = CONV.replace("f = ", "f2 = ").replace("image", "back") + " maps2 = Relu(f2)"
SECOND = "p2 = GlobalAveragePool(maps2) q2 = Flatten(p2)"
TURN = {"last": [-1], "least": [np.iinfo(np.int64).min], "columns": [3]}
SUM = "r = Gemm<transB = 1>(q, w, b) s = Gemm<transB = 1>(q2, w2, b) logits = Add(r, s)"
DEEP = "g = Conv<strides = [2, 2], pads = [1, 1, 1, 1]>(maps, k2) maps2 = Relu(g)"

# name → (kind, all nodes, options of `case`)
OTHERS = {
    "flattened-to-a-perceptron": ("generic", f"{MAPS} r = Flatten(maps) {MLP}", {"stored": MLP_STORED}),
    "flattened-to-a-perceptron-channels-last": (
        "generic",
        f"{MAPS} {TO_LAST} r = Flatten(last) {MLP}",
        {
            "stored": MLP_STORED,
            "feature_maps": ("last",),
            "layout": "NHWC",
            "also": {"maps": ("NCHW", 0)},
        },
    ),
    "flattened-and-normalised": (
        "generic",
        f"{MAPS} r = Flatten(maps) n = LayerNormalization<axis = -1>(r, gain) logits = Gemm<transB = 1>(n, v, b)",
        {"stored": {"v": FLAT, "gain": 1 + noise(47, 378) / 4}},
    ),
    "recurrent-over-the-columns": (
        "generic",
        f"{MAPS} t = Transpose<perm = [3, 0, 1, 2]>(maps) r = Reshape(t, columns) steps, s = RNN<hidden_size = 7>(r, v, u) "
        f"q = Squeeze(s, zero) {GEMM}",
        {
            "stored": {"columns": [0, 0, -1], "v": noise(45, 1, 7, 42) / 4, "u": noise(46, 1, 7, 7) / 2, "zero": [0]},
            "feature_maps": (),
        },
    ),
    # Both the map and its cells are right: nothing says which is better to look at.
    "flattened-cells": (
        "cam-spatial",
        f"{MAPS} cells = AveragePool<kernel_shape = [3, 3], strides = [3, 3]>(maps) r = Flatten(cells) "
        "logits = Gemm<transB = 1>(r, v, b)",
        {"stored": {"v": FEW.reshape(5, -1)}, "feature_maps": ()},
    ),
    "two-stages-side-by-side": (
        "not-exact",
        f"{POOLED} {DEEP} {SECOND} both = Concat<axis = 1>(q, q2) logits = Gemm<transB = 1>(both, v, b)",
        {"stored": {"k2": noise(48, 4, 7, 3, 3) / 8, "v": noise(49, 5, 11)}, "feature_maps": ()},
    ),
    "two-backbones-side-by-side": (
        "none",
        f"{POOLED} {OTHER} {SECOND} both = Concat<axis = 1>(q, q2) logits = Gemm<transB = 1>(both, v, b)",
        {"stored": {"k2": noise(48, 7, 3, 5, 5) / 8, "v": noise(49, 5, 14)}, "feature_maps": ()},
    ),
    "two-backbones-added": (
        "none",
        f"{POOLED} {OTHER} {SECOND} {SUM}",
        {"stored": {"k2": noise(48, 7, 3, 5, 5) / 8, "w2": noise(49, 5, 7)}, "feature_maps": ()},
    ),
    "two-backbones-whose-means-are-added": (
        "none",
        f"{MAPS} {OTHER} p1 = GlobalAveragePool(maps) p2 = GlobalAveragePool(maps2) p = Add(p1, p2) q = Flatten(p) {GEMM}",
        {"stored": {"k2": noise(48, 7, 3, 5, 5) / 8}, "feature_maps": ()},
    ),
    "image-and-its-mirror-image": (
        "none",
        f"{POOLED} {BACK} {TURNED} {SECOND} {SUM.replace('w2', 'w')}",
        {"stored": TURN, "feature_maps": ()},
    ),
    "difference-from-the-mirror-image": (
        "none",
        f"{POOLED} {BACK} {TURNED} {SECOND} d = Sub(q, q2) a = Abs(d) logits = Gemm<transB = 1>(a, w, b)",
        {"stored": TURN, "feature_maps": ()},
    ),
}

CASES = {
    **{
        f"spatial-{name}": partial(
            case, f"{MAPS} {nodes}", "cam-spatial", **{"weights": weights.astype(np.float32), "bias": B, **kept}
        )
        for name, (nodes, weights, kept) in AFFINE.items()
    },
    **{
        f"{kind if kind in ('none', 'not-exact') else 'spatial'}-{name}": partial(case, nodes, kind, **kept)
        for name, (kind, nodes, kept) in OTHERS.items()
    },
}
