"""Operators after the logits, and models with several outputs."""

from functools import partial

import numpy as np

from tests.zoo.case import GEMM, MAPS, POOLED, B, W, case, noise

HEAD = f"{POOLED} {GEMM}"
OUT = "float[N, 5] out"
DIVISOR = np.float32(2.5)
ONE = np.float32(1)
K1 = {"w": W[:1], "b": B[:1]}
SINGLE = {"stored": K1, "weights": W[:1], "bias": B[:1]}
W6, B6 = noise(61, 6, 7), noise(62, 6)

# name → (nodes from "logits" to "out", options of `case`)
SCORES = {
    "softmax-7": ("out = Softmax(logits)", {"opset": 7}),
    "softmax-11-of-axis-1": ("out = Softmax<axis = 1>(logits)", {"opset": 11}),
    "softmax-of-the-last-axis": ("out = Softmax<axis = -1>(logits)", {}),
    "log-softmax": ("out = LogSoftmax<axis = 1>(logits)", {}),
    "softmax-decomposed": (
        "e = Exp(logits) s = ReduceSum(e, axis) out = Div(e, s)",
        {"stored": {"axis": [1]}},
    ),
    "softmax-decomposed-less-the-maximum": (
        "m = ReduceMax<axes = [1]>(logits) d = Sub(logits, m) e = Exp(d) s = ReduceSum(e, axis) out = Div(e, s)",
        {"stored": {"axis": [1]}},
    ),
    "softmax-clipped": (
        "s = Softmax(logits) out = Clip(s, low, high)",
        {"stored": {"low": np.float32(1e-7), "high": np.float32(1 - 1e-7)}},
    ),
    "sigmoid": ("out = Sigmoid(logits)", {}),
    "sigmoid-decomposed": (
        "n = Neg(logits) e = Exp(n) s = Add(e, one) out = Reciprocal(s)",
        {"stored": {"one": ONE}},
    ),
    "sigmoid-by-tanh": (
        "h = Mul(logits, half) t = Tanh(h) s = Add(t, one) out = Mul(s, half)",
        {"stored": {"one": ONE, "half": np.float32(0.5)}},
    ),
    "cast-to-double": ("s = Softmax(logits) out = Cast<to = 11>(s)", {"outputs": "double[N, 5] out"}),
    "cast-to-half": ("s = Sigmoid(logits) out = Cast<to = 10>(s)", {"outputs": "float16[N, 5] out"}),
    "label": ("out = ArgMax<axis = 1, keepdims = 0>(logits)", {"outputs": "int64[N] out"}),
    "labels-of-the-best-two": (
        "v, out = TopK<axis = 1>(logits, two)",
        {"outputs": "int64[N, 2] out", "stored": {"two": [2]}},
    ),
    "best-two": (
        "s = Softmax(logits) out, labels = TopK<axis = 1>(s, two)",
        {"outputs": "float[N, 2] out, int64[N, 2] labels", "stored": {"two": [2]}},
    ),
    "label-and-probabilities": (
        "label = ArgMax<axis = 1, keepdims = 0>(logits) out = Softmax(logits)",
        {"outputs": f"int64[N] label, {OUT}"},
    ),
    "label-of-the-probabilities": (
        "out = Softmax(logits) label = ArgMax<axis = 1, keepdims = 0>(out)",
        {"outputs": f"int64[N] label, {OUT}"},
    ),
    "logits-and-probabilities": ("out = Softmax(logits)", {"outputs": f"float[N, 5] logits, {OUT}"}),
    "probabilities-and-logits": (
        "out = Softmax(logits)",
        {"outputs": f"{OUT}, float[N, 5] logits", "options": {"output": "out"}},
    ),
    "one-class": ("out = Sigmoid(logits)", {"outputs": "float[N, 1] out", **SINGLE}),
    "one-class-without-an-axis": (
        "s = Sigmoid(logits) out = Squeeze(s, axis)",
        {"outputs": "float[N] out", **SINGLE, "stored": {**K1, "axis": [1]}},
    ),
}

TWO = {"w2": noise(63, 4, 7), "b2": noise(64, 4)}
COARSE = f"{HEAD} other = Gemm<transB = 1>(q, w2, b2)"
OTHER = {"weights": TWO["w2"], "bias": TWO["b2"]}
BOTH = "float[N, 5] logits, float[N, 4] other"
EARLY = "g = Conv<strides = [4, 4], pads = [1, 1, 1, 1]>(image, k, c) early = Relu(g)"
DEEP = (
    f"{EARLY} h = Conv<strides = [2, 2], pads = [1, 1, 1, 1]>(early, k2) maps = Relu(h) "
    "p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, v, b) "
    "p2 = GlobalAveragePool(early) q2 = Flatten(p2) other = Gemm<transB = 1>(q2, w2, b2)"
)
DEEP_STORED = {**TWO, "k2": noise(65, 8, 7, 3, 3) / 8, "v": noise(66, 5, 8)}

# name → (all nodes, options of `case`)
MODELS = {
    "temperature-and-softmax": (
        f"{POOLED} s = Gemm<transB = 1>(q, w, b) logits = Div(s, t) out = Softmax(logits)",
        {"outputs": OUT, "stored": {"t": DIVISOR}, "weights": W / DIVISOR, "bias": B / DIVISOR},
    ),
    "softmax-of-two-groups": (
        f"{HEAD} g = Reshape(logits, groups) s = Softmax<axis = 2>(g) out = Reshape(s, back)",
        {
            "outputs": "float[N, 6] out",
            "stored": {"w": W6, "b": B6, "groups": [0, 2, 3], "back": [0, 6]},
            "weights": W6,
            "bias": B6,
        },
    ),
    "softmax-11-of-spatial-logits": (
        f"{MAPS} p = GlobalAveragePool(maps) logits = Conv(p, v, b) out = Softmax<axis = 1>(logits)",
        {"opset": 11, "outputs": "float[N, 5, 1, 1] out", "stored": {"v": W[:, :, None, None]}},
    ),
    "softmax-of-spatial-logits": (
        f"{MAPS} p = GlobalAveragePool(maps) logits = Conv(p, v, b) s = Softmax<axis = 1>(logits) out = Flatten(s)",
        {"outputs": OUT, "stored": {"v": W[:, :, None, None]}},
    ),
    "embedding-and-logits": (HEAD, {"outputs": "float[N, 7] q, float[N, 5] logits"}),
    "embedding-and-logits-by-name": (
        HEAD,
        {"outputs": "float[N, 7] q, float[N, 5] logits", "options": {"output": "logits"}},
    ),
    "maps-and-logits": (HEAD, {"outputs": "float[N, 7, 6, 9] maps, float[N, 5] logits"}),
    "one-of-two-heads": (COARSE, {"outputs": BOTH, "stored": TWO, "options": {"output": "logits"}}),
    "other-of-two-heads": (
        COARSE.replace("logits =", "first =").replace("other =", "logits ="),
        {"outputs": "float[N, 5] first, float[N, 4] logits", "stored": TWO, "options": {"output": "logits"}, **OTHER},
    ),
    "head-beside-an-auxiliary-one": (
        DEEP,
        {
            "outputs": BOTH,
            "stored": DEEP_STORED,
            "options": {"output": "logits"},
            "weights": DEEP_STORED["v"],
        },
    ),
    "auxiliary-head": (
        DEEP.replace("logits =", "first =").replace("other =", "logits ="),
        {
            "outputs": "float[N, 5] first, float[N, 4] logits",
            "stored": DEEP_STORED,
            "options": {"output": "logits"},
            "feature_maps": ("early",),
            **OTHER,
        },
    ),
}

CASES = {
    **{
        f"outputs-{name}": partial(case, f"{HEAD} {nodes}", **{"outputs": OUT, **kept})
        for name, (nodes, kept) in SCORES.items()
    },
    **{f"outputs-{name}": partial(case, nodes, **kept) for name, (nodes, kept) in MODELS.items()},
}
