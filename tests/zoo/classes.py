"""Exact heads: the linear layer in all its spellings, and channels that are the classes."""

from functools import partial

import numpy as np

from tests.zoo.case import CLASSES, GEMM, MAPS, POOLED, POSITIONS, B, W, case, noise

U, V = noise(11, 2, 7), noise(12, 5, 2)
SCALE, SHIFT, MEAN, VAR = noise(13, 7), noise(14, 7), noise(15, 7), np.abs(noise(16, 7)) + 0.5
SLOPE = SCALE / np.sqrt(VAR + np.float32(1e-5))
ORDER = np.array([3, 0, 4, 1, 2])
LENGTHS = np.sqrt((W**2).sum(1, keepdims=True))
STATISTICS = {"scale": SCALE, "shift": SHIFT, "mean": MEAN, "var": VAR}
NORMALIZED = {"weights": W * SLOPE, "bias": B + W @ (SHIFT - MEAN * SLOPE)}
AFTER = {"scale": SCALE[:5], "shift": SHIFT[:5], "mean": MEAN[:5], "var": VAR[:5]}
OTHER_W, OTHER_B = noise(17, 5, 7), noise(18, 5)

# name → (nodes from "q" to "logits", options of `case`)
LAYERS = {
    "gemm": (GEMM, {}),
    "gemm-untransposed": ("logits = Gemm(q, wt, b)", {"stored": {"wt": W.T.copy()}}),
    "gemm-alpha-and-beta": (
        "logits = Gemm<transB = 1, alpha = 0.5, beta = -2.0>(q, w, b)",
        {"weights": W / 2, "bias": -2 * B},
    ),
    "gemm-without-bias": ("logits = Gemm<transB = 1, beta = 3.0>(q, w)", {"bias": 0 * B}),
    "gemm-with-one-bias-for-all": (
        "logits = Gemm<transB = 1>(q, w, one)",
        {"stored": {"one": np.float32(1.5)}, "bias": np.full(5, 1.5, np.float32)},
    ),
    "gemm-both-transposed": (
        "t = Transpose<perm = [1, 0]>(q) logits = Gemm<transA = 1, transB = 1>(t, w, b)",
        {},
    ),
    "matmul-and-add": ("s = MatMul(q, wt) logits = Add(b, s)", {"stored": {"wt": W.T.copy()}}),
    "matmul-alone": ("logits = MatMul(q, wt)", {"stored": {"wt": W.T.copy()}, "bias": 0 * B}),
    "subtracted-from-the-bias": ("s = MatMul(q, wt) logits = Sub(b, s)", {"stored": {"wt": -W.T}}),
    "weights-transposed-by-a-node": ("wt = Transpose<perm = [1, 0]>(w) s = MatMul(q, wt) logits = Add(s, b)", {}),
    "weights-of-unit-length": (
        "l = ReduceL2<axes = [1], keepdims = 1>(v) d = Div(v, l) n = Mul(d, g) logits = Gemm<transB = 1>(q, n, b)",
        {"stored": {"v": 3 * W, "g": LENGTHS}},
    ),
    "einsum": ('s = Einsum<equation = "nc,kc->nk">(q, w) logits = Add(s, b)', {}),
    "multiplied-and-summed": (
        "u = Unsqueeze(q, one) m = Mul(u, w) s = ReduceSum<keepdims = 0>(m, two) logits = Add(s, b)",
        {"stored": {"one": [1], "two": [2]}},
    ),
    "classes-in-two-gemms": (
        "r = Gemm<transB = 1>(q, w1, b1) s = Gemm<transB = 1>(q, w2, b2) logits = Concat<axis = 1>(r, s)",
        {"stored": {"w1": W[:2], "w2": W[2:], "b1": B[:2], "b2": B[2:]}},
    ),
    "channels-in-two-gemms": (
        "q1, q2 = Split<axis = 1>(q, parts) r = Gemm<transB = 1>(q1, w1, b) s = Gemm<transB = 1>(q2, w2) logits = Sum(r, s)",
        {"stored": {"parts": [3, 4], "w1": W[:, :3], "w2": W[:, 3:]}},
    ),
    "two-layers-of-low-rank": (
        "r = Gemm<transB = 1>(q, u, d) logits = Gemm<transB = 1>(r, v, b)",
        {"stored": {"u": U, "d": B[:2], "v": V}, "weights": V @ U, "bias": V @ B[:2] + B},
    ),
    "two-heads-averaged": (
        "r = Gemm<transB = 1>(q, w, b) s = Gemm<transB = 1>(q, w2, b2) t = Add(r, s) logits = Div(t, two)",
        {
            "stored": {"w2": OTHER_W, "b2": OTHER_B, "two": np.float32(2)},
            "weights": (W + OTHER_W) / 2,
            "bias": (B + OTHER_B) / 2,
        },
    ),
    "batch-normalization-after": (
        "r = Gemm<transB = 1>(q, w, b) logits = BatchNormalization(r, scale, shift, mean, var)",
        {
            "stored": AFTER,
            "weights": W * SLOPE[:5, None],
            "bias": (B - MEAN[:5]) * SLOPE[:5] + SHIFT[:5],
        },
    ),
    "multiplied-and-added-before": (
        "m = Mul(q, slope) a = Add(m, shift) logits = Gemm<transB = 1>(a, w, b)",
        {"stored": {"slope": SLOPE, "shift": SHIFT}, "weights": W * SLOPE, "bias": B + W @ SHIFT},
    ),
    "classes-in-another-order": (
        "r = Gemm<transB = 1>(q, w, b) logits = Gather<axis = 1>(r, order)",
        {"stored": {"order": ORDER}, "weights": W[ORDER], "bias": B[ORDER]},
    ),
    "divided-by-a-temperature": (
        "r = Gemm<transB = 1>(q, w, b) logits = Div(r, t)",
        {"stored": {"t": np.float32(4)}, "weights": W / 4, "bias": B / 4},
    ),
    "rounds-of-identity-and-dropout": ("d = Dropout(q) r = Gemm<transB = 1>(d, w, b) logits = Identity(r)", {}),
}

SPATIAL = "float[N, 5, 1, 1] logits"
POINTWISE = {"v": W[:, :, None, None]}
AS_CLASSES = {"weights": np.eye(CLASSES, dtype=np.float32), "bias": np.zeros(CLASSES, np.float32)}
GAP = f"{MAPS} p = GlobalAveragePool(maps)"

# name → (all nodes, options of `case`)
HEADS = {
    "batch-normalization-before": (
        f"{GAP} n = BatchNormalization(p, scale, shift, mean, var) q = Flatten(n) {GEMM}",
        {"stored": STATISTICS, **NORMALIZED},
    ),
    "pointwise-convolution-after": (f"{GAP} r = Conv(p, v, b) logits = Flatten(r)", {"stored": POINTWISE}),
    "pointwise-convolution-left-spatial": (
        f"{GAP} logits = Conv(p, v, b)",
        {"stored": POINTWISE, "outputs": SPATIAL},
    ),
    "class-maps": (
        f"{MAPS} activations = Conv(maps, v, b) p = GlobalAveragePool(activations) logits = Flatten(p)",
        {"stored": POINTWISE, "feature_maps": ("activations",), **AS_CLASSES},
    ),
    "class-maps-left-spatial": (
        f"{MAPS} activations = Conv(maps, v, b) logits = ReduceMean<axes = [2, 3]>(activations)",
        {"stored": POINTWISE, "feature_maps": ("activations",), "outputs": SPATIAL, **AS_CLASSES},
    ),
    "class-maps-after-a-relu": (
        f"{MAPS.replace('maps', 'r')} g = Conv(r, v, b) maps = Relu(g) p = GlobalAveragePool(maps) logits = Flatten(p)",
        {"stored": POINTWISE, **AS_CLASSES},
    ),
    "class-maps-that-are-summed": (
        f"{MAPS.replace('maps', 'r')} g = Conv(r, v, b) maps = Relu(g) logits = ReduceSum<keepdims = 0>(maps, axes)",
        {
            "stored": {"v": W[:, :, None, None] / POSITIONS, "b": B / POSITIONS, "axes": [2, 3]},
            **AS_CLASSES,
            "weights": POSITIONS * AS_CLASSES["weights"],
        },
    ),
    "channels-last-after-the-mean": (
        f"{GAP} last = Transpose<perm = [0, 2, 3, 1]>(p) q = Reshape(last, shape) {GEMM}",
        {"stored": {"shape": [-1, 7]}},
    ),
    "a-background-class-of-zero": (
        f"{POOLED} r = Gemm<transB = 1>(q, w, b) logits = Concat<axis = 1>(zero, r)",
        {
            "inputs": "float[1, 3, 24, 36] image",
            "outputs": "float[1, 6] logits",
            "stored": {"zero": np.zeros((1, 1), np.float32)},
            "weights": np.concatenate([0 * W[:1], W]),
            "bias": np.concatenate([0 * B[:1], B]),
        },
    ),
}

CASES = {
    **{f"classes-{name}": partial(case, f"{POOLED} {nodes}", **kept) for name, (nodes, kept) in LAYERS.items()},
    **{f"classes-{name}": partial(case, nodes, **kept) for name, (nodes, kept) in HEADS.items()},
}
