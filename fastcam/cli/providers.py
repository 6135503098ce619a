"""Short names of ONNX Runtime's execution providers."""

from __future__ import annotations

from difflib import get_close_matches

from fastcam.errors import InputError

ENDING = "ExecutionProvider"
KINDS = """CPU CUDA Tensorrt CoreML Dml OpenVINO ROCM MIGraphX QNN Dnnl Xnnpack Nnapi WebGpu WebNN Js Azure ACL CANN
    VitisAI Rknpu VSINPU NvTensorRTRTX"""
SHORT = {kind.lower(): kind for kind in KINDS.split()} | {"directml": "Dml"}


def long_name(name: str) -> str:
    """Return ONNX Runtime's name of a provider that is given by a short name, or by its own in any case.

    Raises
    ------
    InputError
        There is none of that name.

    Examples
    --------
    >>> long_name("cuda"), long_name("DmlExecutionProvider")
    ('CUDAExecutionProvider', 'DmlExecutionProvider')
    """
    short = name.lower().removesuffix(ENDING.lower())
    if short in SHORT:
        return SHORT[short] + ENDING
    if name.endswith(ENDING):  # of a build of somebody's own; ONNX Runtime says whether it has it
        return name
    close = get_close_matches(short, SHORT, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise InputError(
        f"--provider: expected some of {', '.join(SHORT)}, or a name that ends in {ENDING}; got {name!r}{hint}"
    )
