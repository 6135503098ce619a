"""Inputs of models: sizes and batches, fixed and open, bytes, grey images, and inputs beside the image."""

from functools import partial

import numpy as np

from tests.zoo.case import GEMM, MAPS, POOLED, B, W, case, noise

HEAD = f"{POOLED} {GEMM}"
BATCHED = f"{MAPS} p = GlobalAveragePool(maps) q = Reshape(p, shape) {GEMM}"
SCALARS = {
    "mean": noise(71, 3, 1, 1) / 10 + np.float32(0.5),
    "std": np.full((3, 1, 1), 0.25, np.float32),
    "most": np.float32(255),
}
FROM_BYTES = (
    "raw = Cast<to = 1>(photo) part = Div(raw, most) turned = Transpose<perm = [0, 3, 1, 2]>(part) "
    "centred = Sub(turned, mean) image = Div(centred, std)"
)
RESIZED = FROM_BYTES.replace("image =", "large =") + (
    ' image = Resize<mode = "linear", coordinate_transformation_mode = "half_pixel">(large, , , sizes)'
)
PHOTO = "uint8[N, 24, 36, 3] photo"
ANY = "float[N, 3, H, W] image"
SIZE = {"preprocess": "unit,size=24x36"}
FACTOR, GATES, GAIN = np.array([0.5], np.float32), noise(73, 1, 7) / 2 + 1, noise(74, 7, 1, 1) / 4 + 1

# name → (all nodes, options of `case`)
MODELS = {
    "batch-of-one": (
        BATCHED,
        {"inputs": "float[1, 3, 24, 36] image", "outputs": "float[1, 5] logits", "stored": {"shape": [1, 7]}},
    ),
    "batch-of-four": (
        BATCHED,
        {"inputs": "float[4, 3, 24, 36] image", "outputs": "float[4, 5] logits", "stored": {"shape": [4, 7]}},
    ),
    "one-image-without-an-axis-of-images": (
        f"{POOLED} s = Gemm<transB = 1>(q, w, b) logits = Squeeze(s, zero)",
        {"inputs": "float[1, 3, 24, 36] image", "outputs": "float[5] logits", "stored": {"zero": [0]}},
    ),
    "any-size": (HEAD, {"inputs": ANY, "options": SIZE}),
    "any-size-and-flattened-by-shape": (
        f"{MAPS} sh = Shape(maps) two = Slice(sh, from, to) grid = Concat<axis = 0>(two, rest) "
        f"flat = Reshape(maps, grid) q = ReduceMean<axes = [2], keepdims = 0>(flat) {GEMM}",
        {
            "inputs": ANY,
            "options": SIZE,
            "stored": {"from": [0], "to": [2], "rest": [-1]},
            "feature_maps": ("flat",),
            "layout": "NCL",
            "also": {"maps": ("NCHW", 0)},
        },
    ),
    "square": (HEAD, {"inputs": "float[N, 3, 32, 32] image"}),
    "grey": (HEAD, {"inputs": "float[N, 1, 24, 36] image", "stored": {"k": noise(1, 7, 1, 5, 5) / 4}}),
    "bytes-channels-last": (
        f"{FROM_BYTES} {HEAD}",
        {"inputs": PHOTO, "stored": SCALARS, "options": {"preprocess": "raw"}},
    ),
    "bytes-resized-in-the-graph": (
        f"{RESIZED} {HEAD}",
        {
            "inputs": "uint8[1, 40, 50, 3] photo",
            "stored": {**SCALARS, "sizes": [1, 3, 24, 36]},
            "options": {"preprocess": "raw"},
        },
    ),
    "normalised-in-the-graph": (
        f"centred = Sub(photo, mean) image = Div(centred, std) {HEAD}",
        {"inputs": "float[N, 3, 24, 36] photo", "stored": SCALARS},
    ),
    "and-a-factor-of-the-logits": (
        f"{POOLED} s = Gemm<transB = 1>(q, w, b) logits = Mul(s, factor)",
        {
            "inputs": "float[N, 3, 24, 36] image, float[1] factor",
            "options": {"constants": {"factor": FACTOR}},
            "weights": W * FACTOR,
            "bias": B * FACTOR,
        },
    ),
    "and-a-vector-of-metadata": (
        f"{POOLED} g = Mul(q, gates) logits = Gemm<transB = 1>(g, w, b)",
        {
            "inputs": "float[1, 7] gates, float[N, 3, 24, 36] image",
            "options": {"constants": {"gates": GATES}},
            "weights": W * GATES,
        },
    ),
    "and-a-gain-of-the-channels": (
        f"{MAPS.replace('maps', 'r')} maps = Mul(r, gain) p = GlobalAveragePool(maps) q = Flatten(p) {GEMM}",
        {
            "inputs": "float[N, 3, 24, 36] image, float[7, 1, 1] gain",
            "options": {"constants": {"gain": GAIN}},
        },
    ),
    "and-a-switch-of-the-head": (
        f"{POOLED} s = Gemm<transB = 1>(q, w, b) t = Gemm<transB = 1>(q, w2) logits = Where(switch, s, t)",
        {
            "inputs": "float[N, 3, 24, 36] image, bool[1] switch",
            "options": {"constants": {"switch": np.array([True])}},
            "stored": {"w2": noise(75, 5, 7)},
        },
    ),
}

CASES = {f"inputs-{name}": partial(case, nodes, **kept) for name, (nodes, kept) in MODELS.items()}
