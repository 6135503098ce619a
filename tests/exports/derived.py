"""Files that tools make of other ONNX files: quantised, float16, optimised, .ort, slim, with external data."""

# pyright: reportMissingImports=false

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.exports.truth import Truth, distance, opset_of, read, run_onnx, smooth_images

Tool = Callable[[Path, Path, tuple[int, int]], None]


def calibration(source: Path, size: tuple[int, int]) -> Any:
    """Images for the ranges of static quantisation."""
    import onnxruntime as ort
    from onnxruntime.quantization import CalibrationDataReader

    (put,) = ort.InferenceSession(str(source)).get_inputs()
    axes = (0, 1, 2, 3) if put.shape[1] == 3 else (0, 2, 3, 1)
    arrays = smooth_images(8, size, 200).transpose(axes)
    images: Iterator[dict[str, np.ndarray]] = iter([{put.name: np.ascontiguousarray(one[None])} for one in arrays])

    class Reader(CalibrationDataReader):
        def get_next(self) -> Any:
            return next(images, None)

    return Reader()


def static(form: str, source: Path, made: Path, size: tuple[int, int], per_channel: bool = True) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.onnx"
        embedded(source, ready, size)  # quant_pre_process loses external data
        quant_pre_process(str(ready), str(ready), skip_symbolic_shape=True)
        quantize_static(
            str(ready),
            str(made),
            calibration(ready, size),
            quant_format=QuantFormat[form],
            per_channel=per_channel,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


def dynamic(source: Path, made: Path, _: tuple[int, int]) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(str(source), str(made), weight_type=QuantType.QUInt8)


def half(keep: bool, source: Path, made: Path, _: tuple[int, int]) -> None:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(str(source)), keep_io_types=keep), str(made))


def optimised(level: str, source: Path, made: Path, _: tuple[int, int], form: str = "ONNX") -> None:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, f"ORT_{level}")
    options.optimized_model_filepath = str(made)
    options.add_session_config_entry("session.save_model_format", form)
    ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def slim(source: Path, made: Path, _: tuple[int, int]) -> None:
    import onnxslim

    onnxslim.slim(str(source), str(made))


def external(source: Path, made: Path, _: tuple[int, int]) -> None:
    import onnx

    onnx.save(
        onnx.load(str(source)),
        str(made),
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=f"{made.name}.data",
        size_threshold=0,
    )


def embedded(source: Path, made: Path, _: tuple[int, int]) -> None:
    import onnx

    onnx.save(onnx.load(str(source)), str(made))


# What is made, by which tool, as which type, with which ending.
TOOLS: dict[str, tuple[Tool, str, str]] = {
    "qdq": (partial(static, "QDQ"), "int8", ".onnx"),
    "qdq_tensor": (partial(static, "QDQ", per_channel=False), "int8", ".onnx"),
    "qoperator": (partial(static, "QOperator"), "int8", ".onnx"),
    "dynamic": (dynamic, "int8", ".onnx"),
    "half": (partial(half, False), "float16", ".onnx"),
    "half_io32": (partial(half, True), "float16", ".onnx"),
    "basic": (partial(optimised, "ENABLE_BASIC"), "float32", ".onnx"),
    "extended": (partial(optimised, "ENABLE_EXTENDED"), "float32", ".onnx"),
    "all": (partial(optimised, "ENABLE_ALL"), "float32", ".onnx"),
    "ort_basic": (partial(optimised, "ENABLE_BASIC", form="ORT"), "float32", ".ort"),
    "ort_all": (partial(optimised, "ENABLE_ALL", form="ORT"), "float32", ".ort"),
    "slim": (slim, "float32", ".onnx"),
    "external": (external, "float32", ".onnx"),
    "embedded": (embedded, "float32", ".onnx"),
}
WANTED: dict[str, tuple[str, ...]] = {
    "tv_resnet18-ts13": tuple(name for name in TOOLS if name != "embedded"),
    "tv_resnet18-dy20-batch": ("qdq", "half_io32", "all", "slim", "embedded"),
    "tv_mobilenet_v2-ts13-batch": ("qdq", "qoperator", "dynamic", "half", "extended", "all", "ort_basic", "slim"),
    "tv_mobilenet_v3_small-ts17-batch": ("qdq", "half_io32", "all", "ort_basic"),
    "tv_densenet121-ts13-batch": ("qoperator", "half_io32", "extended", "slim"),
    "tv_squeezenet1_1-ts13": ("qdq", "qoperator", "half_io32", "all"),
    "tv_regnet_y_400mf-ts17-batch": ("qdq_tensor", "half", "all"),
    "tv_swin_t-ts17": ("dynamic", "half_io32", "extended", "slim"),
    "timm_vit_mean-ts17-batch": ("dynamic", "half_io32", "extended", "ort_basic"),
    "timm_vit_cls-ts13-batch": ("dynamic", "extended", "all"),
    "timm_dla46_c-ts11-batch": ("qdq_tensor", "extended"),
    "timm_shvit_s1-ts17-batch": ("half_io32", "basic"),
    "timm_ghostnet_050-ts13": ("qdq", "half_io32"),
    "own_flatten-ts13-batch": ("qdq", "half_io32", "all"),
    "own_flatten_mlp-ts13-batch": ("qdq", "all"),
    "keras_mobilenet_v2-15": ("qdq", "half_io32", "all"),
    "keras_sequential-15": ("qoperator", "extended"),
}


def specs() -> list[tuple[str, str]]:
    """(source, tool) for each derived file."""
    return [(source, tool) for source, tools in WANTED.items() for tool in tools]


def file_name(source: str, tool: str) -> str:
    return f"{source}--{tool}"


def make(source: str, tool: str, folder: Path) -> list[tuple[str, str]]:
    """One derived file; its name, and what failed or ""."""
    name = file_name(source, tool)
    for stale in folder.glob(f"{name}.*"):
        stale.unlink()
    try:
        given = read(folder, source)
        save_derived(given, name, tool, folder)
    except Exception as error:
        return [(name, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")]
    return [(name, "")]


def save_derived(given: Truth, name: str, tool: str, folder: Path) -> None:
    act, dtype, ending = TOOLS[tool]
    made = folder / f"{name}{ending}"
    act(folder / given.facts.file, made, given.facts.size)
    image = given.image.astype(np.float16) if tool == "half" else given.image
    drift = distance(run_onnx(made, image), given.output)
    if drift > {"float32": 1e-3, "float16": 0.05, "int8": 0.6}[dtype]:
        made.unlink()
        raise AssertionError(f"its output is {drift:.1e} away from the framework's")
    opset = opset_of(made) if ending == ".onnx" else given.facts.opset
    facts = replace(
        given.facts,
        name=name,
        file=made.name,
        exporter=tool,
        opset=opset,
        dtype=dtype,
        source=given.facts.name,
        drift=drift,
    )
    replace(given, facts=facts, image=image).save(folder)
