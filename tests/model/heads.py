"""Small models with linear heads, all with the same class weights and bias."""

import numpy as np

import fastcam
from tests.model.models import BACKBONE, WEIGHTS

W = np.random.default_rng(5).standard_normal((5, 6)).astype(np.float32)
B = np.random.default_rng(6).standard_normal(5).astype(np.float32)
K = WEIGHTS["k"]
GAP = f"{BACKBONE} p = GlobalAveragePool(maps)"

# name → (nodes, weights): all have the class weights W and bias B on the feature maps "maps"
HEADS = {
    "gemm": (f"{GAP} q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)", {"w": W, "b": B}),
    "gemm-untransposed": (f"{GAP} q = Flatten(p) logits = Gemm(q, w, b)", {"w": W.T, "b": B}),
    "gemm-alpha-beta": (
        f"{GAP} q = Flatten(p) logits = Gemm<transB = 1, alpha = 0.5, beta = 2.0>(q, w, b)",
        {"w": 2 * W, "b": B / 2},
    ),
    "matmul-add": (f"{GAP} q = Flatten(p) s = MatMul(q, w) logits = Add(b, s)", {"w": W.T, "b": B}),
    "conv1x1-after": (
        f"{GAP} s = Conv(p, w, b) logits = Flatten(s)",
        {"w": W[:, :, None, None], "b": B},
    ),
    "squeeze": (
        f"{GAP} axes = Constant<value_ints = [2, 3]>() q = Squeeze(p, axes) logits = Gemm<transB = 1>(q, w, b)",
        {"w": W, "b": B},
    ),
    "reshape": (f"{GAP} q = Reshape(p, shape) logits = Gemm<transB = 1>(q, w, b)", {"w": W, "b": B, "shape": [0, -1]}),
    "reshape-computed": (
        f"{GAP} s = Shape(p) zero = Constant<value_ints = [0]>() n = Gather(s, zero) "
        "rest = Constant<value_ints = [-1]>() shape = Concat<axis = 0>(n, rest) q = Reshape(p, shape) "
        "logits = Gemm<transB = 1>(q, w, b)",
        {"w": W, "b": B},
    ),
    "reduce-mean": (
        f"{BACKBONE} p = ReduceMean<axes = [2, 3], keepdims = 0>(maps) logits = Gemm<transB = 1>(p, w, b)",
        {"w": W, "b": B},
    ),
    "reduce-mean-negative-axes": (
        f"{BACKBONE} p = ReduceMean<axes = [-1, -2]>(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)",
        {"w": W, "b": B},
    ),
    "average-pool": (
        f"{BACKBONE} p = AveragePool<kernel_shape = [16, 16]>(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)",
        {"w": W, "b": B},
    ),
    "two-linear-layers": (
        f"{GAP} q = Flatten(p) s = Gemm<transB = 1>(q, v, c) logits = MatMul(s, u)",
        {"v": np.eye(6, dtype=np.float32) * 2, "c": np.linalg.lstsq(W, B, rcond=None)[0] * 2, "u": W.T / 2},
    ),
    "batch-norm-after": (
        f"{GAP} n = BatchNormalization(p, scale, shift, mean, var) q = Flatten(n) logits = Gemm<transB = 1>(q, w, b)",
        {
            "scale": np.full(6, 2.0, np.float32),
            "shift": np.zeros(6, np.float32),
            "mean": np.zeros(6, np.float32),
            "var": np.full(6, 1 - 1e-5, np.float32),
            "w": W / 2,
            "b": B,
        },
    ),
    "dropout-and-identity": (
        f"{GAP} d = Dropout(p) q = Flatten(d) s = Gemm<transB = 1>(q, w, b) logits = Identity(s)",
        {"w": W, "b": B},
    ),
    "temperature": (
        f"{GAP} q = Flatten(p) s = Gemm<transB = 1>(q, w, b) logits = Div(s, t)",
        {"w": 4 * W, "b": 4 * B, "t": np.float32(4)},
    ),
}


def expect_head(model: fastcam.Classifier, weights, bias, tolerance=1e-6):
    np.testing.assert_allclose(model.head.class_weights, weights, atol=tolerance)
    np.testing.assert_allclose(model.head.bias, bias, atol=tolerance)
    assert model.head.identity_error <= 1e-5
