"""Exact heads: global average pooling in all its spellings."""

from functools import partial

import numpy as np

from tests.zoo.case import CONV, GEMM, HEIGHT, MAPS, POSITIONS, WIDTH, B, W, case, noise

AXES = np.array([2, 3])
SHARE = np.float32(1 / POSITIONS)
EVEN = np.full((HEIGHT, WIDTH), SHARE, np.float32)
GAP = "p = GlobalAveragePool(maps) q = Flatten(p)"
FLAT = {"feature_maps": ("flat",), "layout": "NCL", "also": {"maps": ("NCHW", 0)}}

# name → (nodes from "maps" to "q", options of `case`)
POOLS = {
    "global-average-pool": (GAP, {}),
    "reduce-mean-11": ("p = ReduceMean<axes = [2, 3]>(maps) q = Flatten(p)", {"opset": 11}),
    "reduce-mean-11-no-axes-kept": ("q = ReduceMean<axes = [2, 3], keepdims = 0>(maps)", {"opset": 11}),
    "reduce-mean-13-negative": (
        "p = ReduceMean<axes = [-1, -2], keepdims = 1>(maps) q = Squeeze(p, axes)",
        {"opset": 13, "stored": {"axes": AXES}},
    ),
    "reduce-mean-18-constant-node": (
        "axes = Constant<value_ints = [2, 3]>() q = ReduceMean<keepdims = 0>(maps, axes)",
        {"opset": 18},
    ),
    "reduce-mean-18-stored-axes": (
        "p = ReduceMean<keepdims = 1>(maps, axes) q = Reshape(p, shape)",
        {"opset": 18, "stored": {"axes": -AXES[::-1] + 1, "shape": [0, -1]}},
    ),
    "mean-of-columns-then-rows": (
        "r = ReduceMean<axes = [3], keepdims = 0>(maps) q = ReduceMean<axes = [2], keepdims = 0>(r)",
        {},
    ),
    "mean-of-rows-then-columns": (
        "r = ReduceMean<axes = [2], keepdims = 1>(maps) p = ReduceMean<axes = [3], keepdims = 1>(r) q = Flatten(p)",
        {},
    ),
    "sum-divided": (
        "s = ReduceSum<keepdims = 0>(maps, axes) q = Div(s, count)",
        {"stored": {"axes": AXES, "count": np.float32(POSITIONS)}},
    ),
    "sum-multiplied-11": (
        "s = ReduceSum<axes = [2, 3], keepdims = 0>(maps) q = Mul(s, share)",
        {"opset": 11, "stored": {"share": SHARE}},
    ),
    "sum-divided-by-the-count-of-its-shape": (
        "s = ReduceSum<keepdims = 0>(maps, axes) shape = Shape(maps) sides = Slice(shape, two, four) "
        "whole = ReduceProd<keepdims = 0>(sides) count = Cast<to = 1>(whole) q = Div(s, count)",
        {"stored": {"axes": AXES, "two": [2], "four": [4]}},
    ),
    "average-pool-of-the-whole": ("p = AveragePool<kernel_shape = [6, 9]>(maps) q = Flatten(p)", {}),
    "average-pool-same": (
        'p = AveragePool<kernel_shape = [6, 9], strides = [6, 9], auto_pad = "SAME_UPPER">(maps) q = Flatten(p)',
        {},
    ),
    "average-pool-valid": ('p = AveragePool<kernel_shape = [6, 9], auto_pad = "VALID">(maps) q = Flatten(p)', {}),
    "average-pool-ceil": (
        "p = AveragePool<kernel_shape = [6, 9], strides = [6, 9], ceil_mode = 1>(maps) q = Flatten(p)",
        {},
    ),
    "average-pool-padding-not-counted": (
        "p = AveragePool<kernel_shape = [8, 11], pads = [1, 1, 1, 1]>(maps) q = Flatten(p)",
        {},
    ),
    "average-pool-padding-counted": (
        "p = AveragePool<kernel_shape = [8, 11], pads = [1, 1, 1, 1], count_include_pad = 1>(maps) q = Flatten(p)",
        {"weights": W * POSITIONS / 88},
    ),
    "matmul-with-a-column": (
        "flat = Reshape(maps, shape) s = MatMul(flat, even) q = Flatten(s)",
        {"stored": {"shape": [0, 7, -1], "even": EVEN.reshape(-1, 1)}, **FLAT},
    ),
    "matmul-with-a-row": (
        "flat = Reshape(maps, shape) turned = Transpose<perm = [0, 2, 1]>(flat) s = MatMul(even, turned) "
        "q = Squeeze(s, one)",
        {
            "stored": {"shape": [0, 7, -1], "even": EVEN.reshape(1, 1, -1), "one": [1]},
            "feature_maps": ("turned",),
            "layout": "NLC",
            "also": {"flat": ("NCL", 0), "maps": ("NCHW", 0)},
        },
    ),
    "reshape-and-mean": (
        "flat = Reshape(maps, shape) q = ReduceMean<axes = [2], keepdims = 0>(flat)",
        {"stored": {"shape": [0, 0, -1]}, **FLAT},
    ),
    "einsum-divided": (
        'r = Einsum<equation = "nchw->nc">(maps) q = Div(r, count)',
        {"stored": {"count": np.float32(POSITIONS)}},
    ),
    "einsum-with-even-weights": (
        'q = Einsum<equation = "nchw,hw->nc">(maps, even)',
        {"stored": {"even": EVEN}},
    ),
    "depthwise-convolution": (
        "p = Conv<group = 7>(maps, even) q = Flatten(p)",
        {"stored": {"even": np.tile(EVEN, (7, 1, 1, 1))}},
    ),
    "identity-and-dropout-before": (
        "i = Identity(maps) d = Dropout(i) p = GlobalAveragePool(d) q = Flatten(p)",
        {"feature_maps": ("d", "i", "maps")},
    ),
    "halved-unevenly-before": (
        "halved = AveragePool<kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1>(maps) "
        "p = GlobalAveragePool(halved) q = Flatten(p)",
        {"feature_maps": ("halved",)},
    ),
    "max-pool-before": (
        "most = MaxPool<kernel_shape = [3, 3], strides = [3, 3]>(maps) p = GlobalAveragePool(most) q = Flatten(p)",
        {"feature_maps": ("most",)},
    ),
    "only-a-part-of-the-map-read": (
        "crop = Slice(maps, start, end, axes) p = GlobalAveragePool(crop) q = Flatten(p)",
        {"stored": {"start": [1, 2], "end": [5, 9], "axes": AXES}, "feature_maps": ("crop",)},
    ),
    "batch-normalization-before": (
        "n = BatchNormalization(maps, scale, c, c, var) p = GlobalAveragePool(n) q = Flatten(p)",
        {"stored": {"scale": noise(7, 7), "var": np.abs(noise(8, 7))}, "feature_maps": ("n",)},
    ),
}

# Pooling and classes in one node: name → (nodes from "maps" to "logits", options of `case`)
HEADS = {
    "einsum-of-maps-and-weights": (
        'r = Einsum<equation = "nchw,kc->nk">(maps, v) logits = Add(r, b)',
        {"stored": {"v": W / POSITIONS}},
    ),
    "convolution-of-the-whole-map": (
        "r = Conv(maps, v, b) logits = Flatten(r)",
        {"stored": {"v": W[:, :, None, None] * EVEN}},
    ),
    "flattened-with-even-weights": (
        "r = Flatten(maps) logits = Gemm<transB = 1>(r, v, b)",
        {"stored": {"v": (W[:, :, None, None] * EVEN).reshape(5, -1)}},
    ),
}

SQUARE = {"inputs": "float[N, 3, 32, 32] image"}
EIGHT = {"k": noise(1, 8, 3, 5, 5) / 8, "c": noise(2, 8) / 4, "w": noise(3, 8, 8), "b": noise(4, 8)}
EIGHT_BY_EIGHT = {
    **SQUARE,
    "outputs": "float[N, 8] logits",
    "stored": EIGHT,
    "weights": EIGHT["w"],
    "bias": EIGHT["b"],
}
NARROW = {"k": noise(1, 1, 3, 5, 5) / 8, "c": noise(2, 1) / 4, "w": W[:, :1]}
ATTENTION = (
    f"{MAPS} z = GlobalAveragePool(maps) y = Conv(z, u) x = Relu(y) a = Conv(x, v) gate = Sigmoid(a) "
    f"gated = Mul(maps, gate) p = GlobalAveragePool(gated) q = Flatten(p) {GEMM}"
)
BRANCHES = (
    "f = Conv<strides = [4, 4], pads = [1, 1, 1, 1]>(image, k1) r = Relu(f) "
    "g = Conv<strides = [4, 4], pads = [1, 1, 1, 1]>(image, k2) s = Sigmoid(g) maps = Concat<axis = 1>(r, s) "
)

# Maps that differ: name → (all nodes, options of `case`)
BACKBONES = {
    "two-by-two-average-before": (
        f"{MAPS} halved = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(maps) p = GlobalAveragePool(halved) "
        f"q = Flatten(p) {GEMM}",
        SQUARE,
    ),
    "two-by-two-average-and-pointwise-convolution-before": (
        f"{MAPS} halved = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(maps) r = Conv(halved, v, b) "
        "p = GlobalAveragePool(r) logits = Flatten(p)",
        {**SQUARE, "stored": {"v": W[:, :, None, None]}},
    ),
    "as-many-channels-as-rows-columns-and-classes": (f"{MAPS} {GAP} {GEMM}", EIGHT_BY_EIGHT),
    "as-many-channels-as-columns": (
        f"{MAPS} {GAP} {GEMM}",
        {
            "stored": {"k": noise(1, 9, 3, 5, 5) / 8, "c": noise(2, 9) / 4, "w": noise(3, 5, 9)},
            "weights": noise(3, 5, 9),
        },
    ),
    "a-map-of-one-channel": (f"{MAPS} {GAP} {GEMM}", {"stored": NARROW, "weights": W[:, :1]}),
    "a-map-of-one-row": (f"{MAPS} {GAP} {GEMM}", {"inputs": "float[N, 3, 4, 36] image"}),
    "a-map-of-two-positions": (f"{MAPS} {GAP} {GEMM}", {"inputs": "float[N, 3, 4, 8] image"}),
    "one-class": (
        f"{MAPS} {GAP} {GEMM}",
        {"outputs": "float[N, 1] logits", "stored": {"w": W[:1], "b": B[:1]}, "weights": W[:1], "bias": B[:1]},
    ),
    "swish": (f"{CONV} g = Sigmoid(f) maps = Mul(f, g) {GAP} {GEMM}", {}),
    "hard-swish": (f"{CONV} maps = HardSwish(f) {GAP} {GEMM}", {}),
    "gelu": (f"{CONV} maps = Gelu(f) {GAP} {GEMM}", {"opset": 20}),
    "leaky-relu": (f"{CONV} maps = LeakyRelu<alpha = 0.2>(f) {GAP} {GEMM}", {}),
    "residual": (
        f"{MAPS.replace('maps', 'r')} g = Conv<pads = [1, 1, 1, 1]>(r, k2) s = Add(g, r) maps = Relu(s) {GAP} {GEMM}",
        {"stored": {"k2": noise(9, 7, 7, 3, 3) / 8}},
    ),
    "branches-side-by-side": (
        f"{BRANCHES} {GAP} {GEMM}",
        {"stored": {"k1": noise(1, 4, 3, 5, 5) / 8, "k2": noise(2, 3, 3, 5, 5) / 8}},
    ),
    "squeeze-and-excitation-before": (
        ATTENTION,
        {"stored": {"u": noise(5, 2, 7, 1, 1), "v": noise(6, 7, 2, 1, 1)}, "feature_maps": ("gated",)},
    ),
}

CASES = {
    **{f"pool-{name}": partial(case, f"{MAPS} {nodes} {GEMM}", **kept) for name, (nodes, kept) in POOLS.items()},
    **{f"pool-{name}": partial(case, f"{MAPS} {nodes}", **kept) for name, (nodes, kept) in HEADS.items()},
    **{f"maps-{name}": partial(case, nodes, **kept) for name, (nodes, kept) in BACKBONES.items()},
}
