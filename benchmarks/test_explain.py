"""The cost of an explanation beside the forward pass of ONNX Runtime, for a real photo and model."""

from importlib.resources import files

import numpy as np
import pytest
from skimage.data import coffee

import fastcam


@pytest.fixture(scope="module")
def model():
    data = (files("fastcam.data") / "squeezenet1_1.onnx").read_bytes()
    return fastcam.load(data, preprocess="caffe-bgr,size=227,fit=stretch")


def test_forward(benchmark, model):
    benchmark.group = "explain"
    benchmark(model.run, np.zeros((1, 3, 227, 227), np.float32))


@pytest.mark.parametrize("top", [1, 5])
def test_explain(benchmark, model, top):
    """Decoded photo to boxes: preprocessing, forward, maps and boxes."""
    benchmark.group = "explain"
    benchmark(model.explain, coffee(), top=top)


def test_overlay(benchmark, model):
    explanation = model.explain(coffee())
    benchmark.group = "explain"
    benchmark(fastcam.overlay, coffee(), explanation)
