"""Exact heads on maps with the channels last, from images of either layout."""

from functools import partial

import numpy as np

from tests.zoo.case import CONV, GEMM, MAPS, POSITIONS, W, case, noise
from tests.zoo.classes import AS_CLASSES
from tests.zoo.pooled import EIGHT, EIGHT_BY_EIGHT

PHOTO = "float[N, 24, 36, 3] photo"
FROM_LAST = "image = Transpose<perm = [0, 3, 1, 2]>(photo)"
TO_LAST = "last = Transpose<perm = [0, 2, 3, 1]>(maps)"
MEAN = "q = ReduceMean<axes = [1, 2], keepdims = 0>(last)"
LAST = {"feature_maps": ("last",), "layout": "NHWC", "also": {"maps": ("NCHW", 0)}}
ONLY_LAST = {"feature_maps": ("last",), "layout": "NHWC"}
NINE = {"k": noise(1, 9, 3, 5, 5) / 8, "c": noise(2, 9) / 4, "w": noise(3, 5, 9)}

MODELS = {
    "mean": (f"{MAPS} {TO_LAST} {MEAN} {GEMM}", LAST),
    "image-as-well": (f"{FROM_LAST} {MAPS} {TO_LAST} {MEAN} {GEMM}", {**LAST, "inputs": PHOTO}),
    "image-only": (
        f"{FROM_LAST} {MAPS} p = GlobalAveragePool(maps) q = Flatten(p) {GEMM}",
        {"inputs": PHOTO},
    ),
    "activation-after-the-transpose": (
        f"{CONV} t = Transpose<perm = [0, 2, 3, 1]>(f) last = Relu(t) {MEAN} {GEMM}",
        ONLY_LAST,
    ),
    "and-first-again": (
        f"{CONV} t = Transpose<perm = [0, 2, 3, 1]>(f) last = Relu(t) maps = Transpose<perm = [0, 3, 1, 2]>(last) "
        f"p = GlobalAveragePool(maps) q = Flatten(p) {GEMM}",
        {"also": {"last": ("NHWC", 0)}},
    ),
    "einsum": (
        f'{MAPS} {TO_LAST} s = Einsum<equation = "nhwc->nc">(last) q = Div(s, count) {GEMM}',
        {**LAST, "stored": {"count": np.float32(POSITIONS)}},
    ),
    "class-maps": (
        f"{MAPS} {TO_LAST} m = MatMul(last, wt) activations = Add(m, b) "
        "logits = ReduceMean<axes = [1, 2], keepdims = 0>(activations)",
        {"stored": {"wt": W.T.copy()}, "feature_maps": ("activations",), "layout": "NHWC", **AS_CLASSES},
    ),
    "tokens": (
        f"{MAPS} {TO_LAST} rows = Reshape(last, shape) q = ReduceMean<axes = [1], keepdims = 0>(rows) {GEMM}",
        {
            "stored": {"shape": [0, -1, 7]},
            "feature_maps": ("rows",),
            "layout": "NLC",
            "also": {"maps": ("NCHW", 0), "last": ("NHWC", 0)},
        },
    ),
    "as-many-channels-as-rows-columns-and-classes": (
        f"{CONV} t = Transpose<perm = [0, 2, 3, 1]>(f) last = Relu(t) {MEAN} {GEMM}",
        {**EIGHT_BY_EIGHT, **ONLY_LAST, "stored": EIGHT},
    ),
    "as-many-channels-as-columns": (
        f"{CONV} t = Transpose<perm = [0, 2, 3, 1]>(f) last = Relu(t) {MEAN} {GEMM}",
        {**ONLY_LAST, "stored": NINE, "weights": NINE["w"]},
    ),
}

CASES = {f"channels-last-{name}": partial(case, nodes, **kept) for name, (nodes, kept) in MODELS.items()}
