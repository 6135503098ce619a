"""Heads as ONNX Runtime's quantiser writes them."""

import logging
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

from tests.zoo.case import GEMM, IMAGE, LOGITS, MAPS, POOLED, POSITIONS, B, Case, W, noise, proto

MLP = f"{POOLED} r = Gemm<transB = 1>(q, v, d) s = Relu(r) logits = Gemm<transB = 1>(s, u, b)"
LINEAR = f"{POOLED} {GEMM}"
FLAT = f"{MAPS} r = Flatten(maps) logits = Gemm<transB = 1>(r, v, b)"
EACH = noise(41, 5, 7, 6, 9) / 16


class Images(CalibrationDataReader):
    """Coarse noise, whose means are far from those of fine noise: hidden values of both signs."""

    def __init__(self):
        coarse = np.random.default_rng(91).uniform(-2, 2, (32, 1, 3, 2, 3)).astype(np.float32)
        self.images = iter([{"image": image.repeat(12, axis=2).repeat(12, axis=3)} for image in coarse])

    def get_next(self):  # pyright: ignore
        return next(self.images, None)


def quantised(body, stored, quantise):
    """The bytes of a model that `quantise(source, target)` wrote."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float.onnx", Path(folder) / "quantised.onnx"
        source.write_bytes(proto(body, IMAGE, LOGITS, 17, stored).SerializeToString())
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)  # it advises a simplification that these models don't need
        try:
            quantise(source, target)
        finally:
            logging.disable(before)
        return target.read_bytes()


def static(source, target, *, form=QuantFormat.QDQ, activations=QuantType.QUInt8, per_channel=False):
    quantize_static(
        source,
        target,
        Images(),
        form,
        activation_type=activations,
        weight_type=QuantType.QInt8,
        per_channel=per_channel,
    )


def dynamic(source, target):
    quantize_dynamic(source, target, weight_type=QuantType.QUInt8, op_types_to_quantize=["Conv", "MatMul", "Gemm"])


SIGNED = partial(static, activations=QuantType.QInt8, per_channel=True)
OPERATORS = partial(static, form=QuantFormat.QOperator)
CAM = {"weights": W, "bias": B, "tolerance": 0.02}
PERCEPTRON = {"v": noise(51, 6, 7), "d": noise(52, 6), "u": noise(53, 5, 6)}

# The quantiser leaves a ReLU out where the quantisation of its output clips at zero as well: "maps" are from before it.
DEQUANTISED = {
    "feature_maps": ("maps_DequantizeLinear_Output", "maps_QuantizeLinear_Output"),
}
INTEGERS = {"feature_maps": ("f_quantized",)}
FOR_MATMUL = LINEAR.replace(GEMM, "m = MatMul(q, wt) logits = Add(m, b)")

# name → (kind, nodes before they are quantised, stored arrays, how, options of `Case`)
MODELS = {
    "uint8": ("cam", LINEAR, {}, static, {**CAM, **DEQUANTISED}),
    "int8-with-a-scale-for-each-channel": ("cam", LINEAR, {}, SIGNED, {**CAM, **DEQUANTISED}),
    "operators": ("cam", LINEAR, {}, OPERATORS, {**CAM, **INTEGERS}),
    "dynamic": ("cam", FOR_MATMUL, {"wt": W.T.copy()}, dynamic, {**CAM, "feature_maps": ("maps",)}),
    "perceptron-without-its-relu": ("gap-nonlinear", MLP, PERCEPTRON, static, DEQUANTISED),
    "perceptron-of-operators": ("gap-nonlinear", MLP, PERCEPTRON, OPERATORS, INTEGERS),
    "flattened": (
        "cam-spatial",
        FLAT,
        {"v": EACH.reshape(5, -1)},
        static,
        {**CAM, **DEQUANTISED, "weights": POSITIONS * EACH},
    ),
}


def _case(kind, body, stored, quantise, fields):
    return Case(quantised(body, stored, quantise), kind, **fields)


CASES = {f"quantised-{name}": partial(_case, *row) for name, row in MODELS.items()}
