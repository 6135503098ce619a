"""The cost of a baked map in a forward pass: the model as it is, and baked, both by ONNX Runtime alone."""

from importlib.resources import files

import numpy as np
import onnxruntime as ort
import pytest

from fastcam.export.baked_model import bake

MODEL = str(files("fastcam.data") / "squeezenet1_1.onnx")


@pytest.fixture(scope="module")
def baked(tmp_path_factory):
    """Files by the kind of maps baked into them."""
    folder = tmp_path_factory.mktemp("baked")
    options = {
        "plain": None,
        "top": {},
        "top, upsampled and scaled": {"size": "input", "normalize": True},
        "Grad-CAM": {"method": "gradcam"},
    }
    made = {}
    for name, chosen in options.items():
        made[name] = MODEL if chosen is None else bake(MODEL, folder / f"{len(made)}.onnx", **chosen).path
    return made


@pytest.mark.parametrize("contender", ["plain", "top", "top, upsampled and scaled", "Grad-CAM"])
def test_forward(benchmark, baked, threads, contender):
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(baked[contender], options)
    image = np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype(np.float32)
    benchmark.group = f"baked, SqueezeNet 1.1 224×224, threads: {threads}"
    benchmark(session.run, None, {session.get_inputs()[0].name: image})
