"""Models that run backward: the gradient of logits with regard to tensors before them, written as ONNX."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper

from fastcam.errors import GradientError, ModelError
from fastcam.model.gradient.rules import VARIANTS
from fastcam.model.gradient.tape import OLDEST, Known, differentiate
from fastcam.model.graph.tail import Tail
from fastcam.model.run.limits import Watch
from fastcam.model.run.runtime import ORT_ERRORS, open_for_probing, reason_of

NEWER, MEANT_ALIKE = 17, 13  # what older tails become; since this version operators of classifiers mean the same
KNOWN_BYTES = 1 << 20  # bytes of a tensor whose value rules may read


def backward_model(
    tail: Tail,
    values: NDArray[Any],
    folder: Path | None,
    watch: Watch,
    *,
    variant: str = "gradient",
    at: Sequence[str] = (),
) -> onnx.ModelProto:
    """Write a tail with the gradient of its first end (`differentiate`).

    Parameters
    ----------
    variant
        Which rules (`fastcam.model.gradient.rules.VARIANTS`).
    values
        The start as the model makes it of an image: for shapes, which stay, but for the batch where the tail lets it.
    at
        Tensors whose gradients are wanted; none: that of the start.

    Raises
    ------
    GradientError
        An operator has no gradient, the end doesn't depend on the start, or the tail can't be converted from its opset.
    ModelError
        ONNX Runtime can't run the tail.
    """
    wanted = tuple(at) or (tail.start,)
    model = unfuse(convert_opset(tail.model))
    known = _known(model, {tail.start: np.ascontiguousarray(values, np.float32)}, folder, watch)
    rules = VARIANTS[variant](model.graph.node, tail.ends[0])
    return differentiate(model, wanted[0], tail.ends[0], known, rules, wanted[1:])


def convert_opset(model: onnx.ModelProto, least: int = OLDEST) -> onnx.ModelProto:
    """Return the very same model, or a newer opset in place of one older than `least`, which is at most `OLDEST`.

    Raises
    ------
    GradientError
        It can't be converted.
    """
    version = next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), OLDEST)
    if version >= least:
        return model
    if version >= MEANT_ALIKE:  # the converter knows no operators of ONNX Runtime's own, and isn't needed
        newer = onnx.ModelProto()
        newer.CopyFrom(model)
        for one in newer.opset_import:
            one.version = NEWER if one.domain in ("", "ai.onnx") else one.version
        for node in newer.graph.node:  # before 14, more results than one said that the statistics are the batch's own
            if node.op_type == "BatchNormalization" and len(node.output) > 1:
                raise GradientError(
                    f"{node.name or node.output[0]!r}: BatchNormalization in training has no gradient; export it "
                    "for inference, or with its weights standardised beforehand"
                )
        return newer
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    plain.ir_version = max(plain.ir_version, 4)  # below it, the converter looks for stored tensors among the inputs
    try:
        return onnx.version_converter.convert_version(plain, NEWER)
    except Exception as error:  # of onnx's C++ code
        raise GradientError(f"opset {version}: expected {OLDEST} or newer; it can't be converted ({error})") from error


def _known(
    model: onnx.ModelProto, feeds: Mapping[str, NDArray[Any]], folder: Path | None, watch: Watch
) -> dict[str, Known]:
    """Return shape and dtype of every tensor that a run of the model makes, and of small ones stored outside."""
    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    made = [name for node in model.graph.node for name in node.output if name]
    elsewhere = [
        tensor.name
        for tensor in model.graph.initializer
        if tensor.data_location == TensorProto.EXTERNAL and 8 * math.prod(tensor.dims) <= KNOWN_BYTES
    ]
    names = list(dict.fromkeys([*made, *elsewhere]))
    del exposed.graph.output[:], exposed.graph.value_info[:]
    exposed.graph.output.extend(ValueInfoProto(name=name) for name in names)
    session = open_for_probing(exposed.SerializeToString(), name="tail of the model", folder=folder, watch=watch)
    try:
        values = session.run(names, dict(feeds), watch.options)
    except ORT_ERRORS as error:
        watch.check()
        raise ModelError(f"the tail of the model failed: {reason_of(error)}") from error
    found = {**dict(zip(names, values, strict=True)), **feeds}
    return {name: _described(value) for name, value in found.items() if isinstance(value, np.ndarray | np.generic)}


def _described(value: NDArray[Any] | np.generic) -> Known:
    array = np.asarray(value)
    return Known(array.shape, array.dtype, array if array.nbytes <= KNOWN_BYTES else None)


# ---- operators into which ONNX Runtime fuses several ----------------------------------------------------------------

# Parameters of activations, in the order of `activation_params`.
ACTIVATION_PARAMETERS = {
    "Relu": (),
    "Tanh": (),
    "Sigmoid": (),
    "LeakyRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
}


def unfuse(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with plain operators in place of `FusedConv`, `FusedGemm` and `BiasGelu`.

    Raises
    ------
    GradientError
        An activation that isn't known.
    """
    if not any(node.domain == "com.microsoft" and node.op_type in FUSED for node in model.graph.node):
        return model
    written = onnx.ModelProto()
    written.CopyFrom(model)
    nodes = []
    for node in model.graph.node:
        fused = node.domain == "com.microsoft" and node.op_type in FUSED
        nodes += FUSED[node.op_type](node) if fused else [node]
    del written.graph.node[:]
    written.graph.node.extend(nodes)
    return written


def _with_activation(node: NodeProto, operator: str, *inputs: str) -> Iterator[NodeProto]:
    """Yield a Conv or Gemm, the sum with a further input, and the activation behind both."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    activation = attributes.pop("activation", b"").decode()
    given, output = attributes.pop("activation_params", ()), node.output[0]
    named = [name for name in attributes if name.startswith("activation_")]
    parameters = {name.removeprefix("activation_"): attributes.pop(name) for name in named}
    names = [f"{output}/{k}" for k in range(3)]
    yield helper.make_node(operator, list(inputs), [names[0]], **attributes)
    added = node.input[3] if operator == "Conv" and len(node.input) > 3 else ""
    if added:
        yield helper.make_node("Add", [names[0], added], [names[1]])
    value = names[1] if added else names[0]
    if activation == "Clip":
        yield helper.make_node("Constant", [], [f"{output}/low"], value_float=given[0])
        yield helper.make_node("Constant", [], [f"{output}/high"], value_float=given[1])
        yield helper.make_node("Clip", [value, f"{output}/low", f"{output}/high"], [output])
    elif activation in ACTIVATION_PARAMETERS:
        parameters = dict(zip(ACTIVATION_PARAMETERS[activation], given, strict=False)) or parameters
        yield helper.make_node(activation, [value], [output], **parameters)
    elif not activation:
        yield helper.make_node("Identity", [value], [output])
    else:
        raise GradientError(f"{node.name or output!r}: {node.op_type} with the activation {activation!r} has no rule")


def _conv(node: NodeProto) -> Iterator[NodeProto]:
    return _with_activation(node, "Conv", *node.input[:3])


def _gemm(node: NodeProto) -> Iterator[NodeProto]:
    return _with_activation(node, "Gemm", *node.input)


def _bias_gelu(node: NodeProto) -> Iterator[NodeProto]:
    output = node.output[0]
    yield helper.make_node("Add", list(node.input), [f"{output}/0"])
    yield helper.make_node("Gelu", [f"{output}/0"], [output], domain="com.microsoft")


FUSED: dict[str, Callable[[NodeProto], Iterator[NodeProto]]] = {
    "FusedConv": _conv,
    "FusedGemm": _gemm,
    "BiasGelu": _bias_gelu,
}
