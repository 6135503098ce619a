"""Exact heads in other numbers than float32: float16, bfloat16, float64, and integers with a scale."""

from functools import partial

import ml_dtypes
import numpy as np

from tests.zoo.case import GEMM, MAPS, POOLED, SHARED, W, case

HEAD = f"{POOLED} {GEMM}"
MEAN = "q = ReduceMean<axes = [2, 3], keepdims = 0>"
HALF = {name: value.astype(np.float16) for name, value in SHARED.items()}
BRAIN = {name: value.astype(ml_dtypes.bfloat16) for name, value in SHARED.items()}
DOUBLE = {f"{name}64": value.astype(np.float64) for name, value in SHARED.items()}
ROUNDED = {"weights": HALF["w"].astype(np.float32), "bias": HALF["b"].astype(np.float32), "tolerance": 2e-3}
STEP = np.abs(W).max(1) / 127
LEVELS = np.round(W / STEP[:, None]).astype(np.int8)
COARSE = np.abs(W).max() / 7
NIBBLES = np.clip(np.round(W / COARSE), -8, 7).astype(ml_dtypes.int4)


def to_single(name, suffix):
    return f"{name} = Cast<to = 1>({name}{suffix})"


FROM_BRAIN = " ".join(to_single(name, "16") for name in "kcwb")
FROM_DOUBLE = " ".join(to_single(name, "64") for name in "kcwb")

# name → (all nodes, options of `case`)
MODELS = {
    "float16": (
        HEAD,
        {"inputs": "float16[N, 3, 24, 36] image", "outputs": "float16[N, 5] logits", "stored": HALF, **ROUNDED},
    ),
    "float16-between-casts": (
        f"image = Cast<to = 10>(photo) {HEAD} out = Cast<to = 1>(logits)",
        {"inputs": "float[N, 3, 24, 36] photo", "outputs": "float[N, 5] out", "stored": HALF, **ROUNDED},
    ),
    "float16-head": (
        f"{MAPS} p = GlobalAveragePool(maps) q1 = Flatten(p) q = Cast<to = 10>(q1) "
        f"{GEMM.replace('logits', 'r')} logits = Cast<to = 1>(r)",
        {"stored": {"w": HALF["w"], "b": HALF["b"]}, **ROUNDED},
    ),
    "float16-softmax": (
        f"{HEAD} out = Softmax(logits)",
        {"inputs": "float16[N, 3, 24, 36] image", "outputs": "float16[N, 5] out", "stored": HALF, **ROUNDED},
    ),
    "float16-weights": (
        f"{to_single('w', '16')} {HEAD}",
        {"stored": {"w16": HALF["w"]}, "weights": HALF["w"].astype(np.float32)},
    ),
    "bfloat16-weights": (
        f"{FROM_BRAIN} {HEAD}",
        {
            "stored": {f"{name}16": value for name, value in BRAIN.items()},
            "weights": BRAIN["w"].astype(np.float32),
            "bias": BRAIN["b"].astype(np.float32),
        },
    ),
    "float64-weights": (f"{FROM_DOUBLE} {HEAD}", {"stored": DOUBLE}),
    "float64-head": (
        f"{MAPS} maps64 = Cast<to = 11>(maps) {MEAN}(maps64) m = MatMul(q, wt) s = Add(m, b64) logits = Cast<to = 1>(s)",
        {
            "stored": {**DOUBLE, "wt": W.T.astype(np.float64)},
            "feature_maps": ("maps64",),
            "also": {"maps": ("NCHW", 0)},
        },
    ),
    "float64-outside": (
        f"image = Cast<to = 1>(photo) {HEAD} out = Cast<to = 11>(logits)",
        {"inputs": "double[N, 3, 24, 36] photo", "outputs": "double[N, 5] out"},
    ),
    "int8-weights-with-a-scale-for-each-class": (
        f"w = DequantizeLinear<axis = 0>(levels, step) {HEAD}",
        {"stored": {"levels": LEVELS, "step": STEP}, "weights": LEVELS * STEP[:, None]},
    ),
    "int4-weights": (
        f"w = DequantizeLinear(nibbles, step) {HEAD}",
        {
            "opset": 21,
            "stored": {"nibbles": NIBBLES, "step": np.float32(COARSE)},
            "weights": NIBBLES.astype(np.float32) * COARSE,
        },
    ),
}

CASES = {f"narrow-{name}": partial(case, nodes, **kept) for name, (nodes, kept) in MODELS.items()}
