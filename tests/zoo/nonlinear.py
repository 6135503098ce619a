"""Heads without exact maps: nonlinear functions of the means, and poolings that are no means."""

from functools import partial

import numpy as np

from tests.zoo.case import GEMM, HEIGHT, MAPS, POOLED, POSITIONS, WIDTH, W, case, noise

FC = "logits = Gemm<transB = 1>(t, w, b)"
AFFINE = "r = Gemm<transB = 1>(q, w, b)"
HIDDEN = {"v": noise(51, 6, 7), "d": noise(52, 6), "u": noise(53, 5, 6)}
GAIN = {"gain": 1 + noise(54, 7) / 4, "lift": noise(55, 7) / 4}
EXCITE = {"v": noise(51, 2, 7), "u": noise(53, 7, 2)}
PAIR = {"start": [0], "one": [1], "end": [5], "axis": [1]}

# name → (nodes from "q", the means, to "logits", stored arrays)
OF_THE_MEANS = {
    "perceptron": ("r = Gemm<transB = 1>(q, v, d) s = Relu(r) logits = Gemm<transB = 1>(s, u, b)", HIDDEN),
    "perceptron-with-tanh": ("r = Gemm<transB = 1>(q, v, d) s = Tanh(r) logits = Gemm<transB = 1>(s, u, b)", HIDDEN),
    "hard-swish": (f"t = HardSwish(q) {FC}", {}),
    "layer-norm": (f"t = LayerNormalization<axis = -1>(q, gain, lift) {FC}", GAIN),
    "layer-norm-decomposed": (
        "m = ReduceMean<axes = [1]>(q) d = Sub(q, m) s = Mul(d, d) v = ReduceMean<axes = [1]>(s) e = Add(v, tiny) "
        f"l = Sqrt(e) n = Div(d, l) g = Mul(n, gain) t = Add(g, lift) {FC}",
        {**GAIN, "tiny": np.float32(1e-6)},
    ),
    "layer-norm-channels-last": (
        "p4 = Transpose<perm = [0, 2, 3, 1]>(p) n = LayerNormalization<axis = -1>(p4, gain, lift) "
        f"back = Transpose<perm = [0, 3, 1, 2]>(n) t = Flatten(back) {FC}",
        GAIN,
    ),
    "relu-of-means-that-are-never-negative": (f"t = Relu(q) {FC}", {}),
    "clipped-far-away": (f"t = Clip(q, low, high) {FC}", {"low": np.float32(-50), "high": np.float32(50)}),
    "leaky-relu-of-almost-one": (f"t = LeakyRelu<alpha = 0.99>(q) {FC}", {}),
    "a-small-sine": (f"s = Sin(q) m = Mul(s, tiny) t = Add(q, m) {FC}", {"tiny": np.float32(0.01)}),
    "one-channel-through-a-relu": (
        f"q1, q2 = Split<axis = 1>(q, parts) m = Sub(q1, half) s = Relu(m) t = Concat<axis = 1>(s, q2) {FC}",
        {"parts": [1, 6], "half": np.float32(0.5)},
    ),
    "one-class-through-a-relu": (
        f"{AFFINE} r1 = Slice(r, start, one, axis) r2 = Slice(r, one, end, axis) s = Relu(r1) "
        "logits = Concat<axis = 1>(s, r2)",
        PAIR,
    ),
    "squeeze-and-excitation": (
        f"r = Gemm<transB = 1>(q, v) s = Relu(r) g = Gemm<transB = 1>(s, u) h = Sigmoid(g) t = Mul(q, h) {FC}",
        EXCITE,
    ),
    "cosines": (
        "l = ReduceL2<axes = [1]>(q) t = Div(q, l) r = Gemm<transB = 1>(t, w) logits = Mul(r, ten)",
        {"ten": np.float32(10)},
    ),
    "greater-of-two-layers": (
        f"{AFFINE} s = Gemm<transB = 1>(q, v, b) logits = Max(r, s)",
        {"v": noise(56, 5, 7)},
    ),
    "shares-mixed-again": (
        f"{AFFINE} s = Softmax(r) logits = Gemm<transB = 1>(s, u)",
        {"u": noise(57, 5, 5)},
    ),
    "product-of-two-layers": (f"{AFFINE} s = Gemm<transB = 1>(q, v) logits = Mul(r, s)", {"v": noise(56, 5, 7)}),
}

FLAT = "flat = Reshape(maps, shape)"
ROWS = {"shape": [0, 0, -1]}
LIKE_MAPS = {"feature_maps": ("flat",), "layout": "NCL", "also": {"maps": ("NCHW", 0)}}

# Functions of the means of a map made of "maps": name → (nodes from "maps" to "q", feature maps, stored arrays)
OF_OTHER_MEANS = {
    "generalised-mean-decomposed": (
        "z = Clip(maps, tiny) cubes = Pow(z, three) p = GlobalAveragePool(cubes) s = Pow(p, third) q = Flatten(s)",
        "cubes",
        {"tiny": np.float32(1e-6), "three": np.float32(3), "third": np.float32(1 / 3)},
    ),
    "log-sum-exp-decomposed": (
        "powers = Exp(maps) p = GlobalAveragePool(powers) s = Log(p) q = Flatten(s)",
        "powers",
        {},
    ),
    "standard-deviation": (
        "m = GlobalAveragePool(maps) d = Sub(maps, m) squares = Mul(d, d) p = GlobalAveragePool(squares) s = Sqrt(p) "
        "q = Flatten(s)",
        "squares",
        {},
    ),
}

# Exact on the last map, however it was made of "maps": name → (nodes from "maps" to "q", the map, weights, stored arrays)
EXACT_AFTER_ALL = {
    "mean-of-squares-in-two-nodes": (
        "squares = Mul(maps, maps) p = GlobalAveragePool(squares) q = Flatten(p)",
        "squares",
        W,
        {},
    ),
    "spatial-softmax-multiplied-and-summed": (
        "s = Conv(maps, v) r = Reshape(s, shape) a = Softmax<axis = -1>(r) g = Reshape(a, sides) gated = Mul(maps, g) "
        "q = ReduceSum<keepdims = 0>(gated, axes)",
        "gated",
        W * POSITIONS,
        {"v": noise(58, 1, 7, 1, 1), **ROWS, "sides": [0, 1, HEIGHT, WIDTH], "axes": [2, 3]},
    ),
}

# name → (nodes from "maps" to "logits", stored arrays, options of `case`)
POOLS = {
    "maximum": (f"p = GlobalMaxPool(maps) q = Flatten(p) {GEMM}", {}, {}),
    "maximum-by-reduction": (f"q = ReduceMax<axes = [2, 3], keepdims = 0>(maps) {GEMM}", {}, {}),
    "generalised-mean": (f"p = GlobalLpPool<p = 3>(maps) q = Flatten(p) {GEMM}", {}, {}),
    # The mean of the magnitudes: of maps that are never negative it is the mean, and on any others it isn't.
    "magnitudes": (
        f"p = GlobalLpPool<p = 1>(maps) s = Mul(p, share) q = Flatten(s) {GEMM}",
        {"share": np.float32(1 / POSITIONS)},
        {},
    ),
    "mean-plus-maximum": (
        f"p = GlobalAveragePool(maps) m = GlobalMaxPool(maps) s = Add(p, m) q = Flatten(s) {GEMM}",
        {},
        {},
    ),
    "mean-beside-maximum": (
        "p = GlobalAveragePool(maps) m = GlobalMaxPool(maps) s = Concat<axis = 1>(p, m) q = Flatten(s) "
        "logits = Gemm<transB = 1>(q, v, b)",
        {"v": noise(59, 5, 14)},
        {},
    ),
    "log-sum-exp": (f"q = ReduceLogSumExp<axes = [2, 3], keepdims = 0>(maps) {GEMM}", {}, {}),
    "length": (f"q = ReduceL2<axes = [2, 3], keepdims = 0>(maps) {GEMM}", {}, {}),
    "mean-of-squares": (
        f"s = ReduceSumSquare<axes = [2, 3], keepdims = 0>(maps) q = Mul(s, share) {GEMM}",
        {"share": np.float32(1 / POSITIONS)},
        {},
    ),
    "variance-of-two-moments": (
        "m2 = Mul(maps, maps) e2 = GlobalAveragePool(m2) e = GlobalAveragePool(maps) ee = Mul(e, e) d = Sub(e2, ee) "
        f"q = Flatten(d) {GEMM}",
        {},
        {},
    ),
    "top-five": (
        f"{FLAT} most, where = TopK<axis = 2>(flat, five) q = ReduceMean<axes = [2], keepdims = 0>(most) {GEMM}",
        {**ROWS, "five": [5]},
        LIKE_MAPS,
    ),
    "attention": (
        f"{FLAT} s = MatMul(v, flat) a = Softmax<axis = -1>(s) at = Transpose<perm = [0, 2, 1]>(a) o = MatMul(flat, at) "
        f"q = Squeeze(o, two) {GEMM}",
        {**ROWS, "v": noise(58, 1, 7), "two": [2]},
        LIKE_MAPS,
    ),
    "products-of-channels": (
        f"{FLAT} t = Transpose<perm = [0, 2, 1]>(flat) s = MatMul(flat, t) q = Flatten(s) "
        "logits = Gemm<transB = 1>(q, v, b)",
        {**ROWS, "v": noise(59, 5, 49) / POSITIONS},
        LIKE_MAPS,
    ),
}

CASES = {
    **{
        f"nonlinear-{name}": partial(case, f"{POOLED} {nodes}", "gap-nonlinear", stored=stored)
        for name, (nodes, stored) in OF_THE_MEANS.items()
    },
    **{
        f"nonlinear-{name}": partial(
            case, f"{MAPS} {nodes} {GEMM}", "gap-nonlinear", stored=stored, feature_maps=(last,)
        )
        for name, (nodes, last, stored) in OF_OTHER_MEANS.items()
    },
    **{
        f"pooling-{name}": partial(case, f"{MAPS} {nodes} {GEMM}", stored=stored, feature_maps=(last,), weights=weights)
        for name, (nodes, last, weights, stored) in EXACT_AFTER_ALL.items()
    },
    **{
        f"pooling-{name}": partial(case, f"{MAPS} {nodes}", "pool-nonlinear", stored=stored, **kept)
        for name, (nodes, stored, kept) in POOLS.items()
    },
}
