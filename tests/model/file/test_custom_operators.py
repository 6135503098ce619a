"""Operators that ONNX Runtime doesn't know: the caller registers them on the session options that he gives."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import fastcam
from tests.model.heads import HEADS, B, K, W, expect_head
from tests.model.models import make

extensions = pytest.importorskip("onnxruntime_extensions")


@extensions.onnx_op(op_type="Doubled", inputs=[extensions.PyCustomOpDef.dt_float])
def doubled(x):
    return (2 * x).astype(np.float32)


@pytest.mark.parametrize("where", ["backbone", "head"])
def test_operators_that_the_caller_registers(where):
    body, weights = HEADS["gemm"]
    model = make(body, k=K, **{**weights, "w": W / 2 if where == "head" else W})
    after = "p" if where == "head" else "f"
    for node in model.graph.node:
        for k, name in enumerate(node.input):
            if name == after:
                node.input[k] = "twice"
    model.graph.node.append(onnx.helper.make_node("Doubled", [after], ["twice"], domain="ai.onnx.contrib"))
    model.opset_import.append(onnx.helper.make_opsetid("ai.onnx.contrib", 1))
    data = model.SerializeToString()
    with pytest.raises(fastcam.ModelError, match=r"can't load it.*(Doubled|ai\.onnx\.contrib)"):
        fastcam.load(data)
    options = ort.SessionOptions()
    options.register_custom_ops_library(extensions.get_library_path())
    found = fastcam.load(data, session_options=options)
    expect_head(found, W, B)
    assert found.head.feature_maps == "maps"
    assert found.explain(np.zeros((16, 16, 3), np.uint8)).engine == "cpu"
