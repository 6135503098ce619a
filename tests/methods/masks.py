"""Methods that ask the model again as the papers have them: one forward after another, by plain ONNX Runtime."""

import numpy as np
import onnx
import onnxruntime as ort

import fastcam
from fastcam.methods import METHODS, MaskingMethod, Options, Seen, WeighingMethod
from tests.arrays import naive
from tests.model.models import BACKBONE, WEIGHTS, build

PHOTO = np.random.default_rng(0).integers(0, 256, (20, 24, 3)).astype(np.uint8)
HIDDEN = f"{BACKBONE} g = GlobalMaxPool(maps) q = Flatten(g) logits = Gemm<transB = 1>(q, w, b)"


def hidden():
    """A small model whose head has no class activation maps."""
    return fastcam.load(build(HIDDEN, **WEIGHTS), preprocess="unit,fit=stretch")


def seen_by(model, photo):
    """Network input and feature maps (1, ...) of a photo."""
    seen = model.vision.see(photo)
    return seen.network_input, seen.feature_maps


def plain_session(path_or_bytes, start="", end=""):
    """Plain ONNX Runtime over a model, or over the part between two tensors as `onnx.utils` cuts it out."""
    data = path_or_bytes if isinstance(path_or_bytes, bytes) else path_or_bytes.read_bytes()
    if start:
        model = onnx.shape_inference.infer_shapes(onnx.load_from_string(data))
        data = onnx.utils.Extractor(model).extract_model([start], [end]).SerializeToString()
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda value: np.asarray(session.run(None, {name: value})[0])[0]


def assert_close(got, expected, rtol=1e-4):
    np.testing.assert_allclose(got, expected, rtol=0, atol=rtol * max(1e-12, float(np.abs(expected).max())))


def naive_scorecam(run, image, maps, index, last=False):
    """Score-CAM's algorithm: upsample, scale to [0, 1], mask, ask; softmax of the increase over a black image."""
    size = image.shape[1:3] if last else image.shape[2:]
    increases = []
    for one in maps:
        mask = naive.upsample(one, size).astype(np.float64)
        mask = (mask - mask.min()) / (np.ptp(mask) or 1.0)
        masked = image * (mask[None, :, :, None] if last else mask[None, None])
        masked = np.rint(masked) if image.dtype == np.uint8 else masked
        increases.append(run(masked.astype(image.dtype)) - run(np.zeros_like(image)))
    powers = np.exp(np.array(increases, np.float64)[:, index])
    weights = powers / powers.sum(axis=0)
    return np.maximum(np.einsum("km,kyx->myx", weights, maps), 0)


def naive_ablationcam(run, given, maps, index, channel_axis):
    whole, weights = run(given)[index].astype(float), []
    for k in range(len(maps)):
        without = given.copy()
        without[(slice(None),) * channel_axis + (k,)] = 0
        weights.append((whole - run(without)[index]) / whole)
    return np.maximum(np.einsum("km,kyx->myx", np.array(weights), maps), 0)


def naive_reciprocam(run, given, h, w, index, gaussian, last):
    found = np.empty((len(index), h, w))
    for y in range(h):
        for x in range(w):
            mask = np.zeros((h, w), np.float32)
            for j in range(h):
                for i in range(w):
                    share = {0: {0: 4, 1: 2}, 1: {0: 2, 1: 1}}.get(abs(j - y), {}).get(abs(i - x), 0) / 16
                    mask[j, i] = share if gaussian else float((j, i) == (y, x))
            found[:, y, x] = run(given * (mask[None, :, :, None] if last else mask[None, None]))[index]
    return found - found.min(axis=(1, 2), keepdims=True)


def result_of(masking, method, image, maps, index, **options):
    """Weights (M, C), or maps (M, h, w), that a method gets from a model's masking."""
    record, nothing = METHODS[method], np.zeros(0, np.float32)
    seen = Seen(network_input=image, feature_maps=maps, logits=nothing, scores=nothing)
    assert isinstance(record, MaskingMethod)
    make = record.weigh or record.maps
    assert make is not None
    return make(masking.trial(seen, np.asarray(index), Options(method=record, **options)))


def weighing(name):
    """The record of a method that weighs feature maps."""
    record = METHODS[name]
    assert isinstance(record, WeighingMethod)
    return record
