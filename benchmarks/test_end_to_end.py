"""Preprocessed tensors to maps, by ResNet-50 at 224×224, with the forward pass.

ONNX Runtime alone; with fastcam, to the map and box of the best class; and what the peers need for a map (none gives a
box; torchcam doesn't upsample its map either).
"""

# Contenders needn't be installed.
# pyright: reportMissingImports=false

import warnings
from contextlib import ExitStack
from importlib.util import find_spec

import numpy as np
import pytest

import fastcam
from benchmarks import peers


def need(*modules):
    absent = [name for name in modules if find_spec(name) is None]
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)} (pip install 'fastcam[peers]')")


@pytest.fixture
def images():
    return np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype(np.float32)


def onnxruntime_alone(images, threads, cleanup):
    import onnxruntime

    need("torch", "torchvision")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # as fastcam does
    session = onnxruntime.InferenceSession(peers.resnet50_onnx(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"images": images})[0]


def with_fastcam(images, threads, cleanup):
    need("torch", "torchvision")
    model = fastcam.load(peers.resnet50_onnx(), threads=threads)
    weights = model.head.class_weights

    def run():
        logits, features = model.run(images)
        maps = fastcam.activation_maps(features, weights, int(logits[0].argmax()), threads=threads)
        return maps, fastcam.find_boxes(maps, (224, 224), threads=threads)

    return run


def explained(method):
    """Explain a photo, preprocessing included, by a closed form of one forward pass."""

    def make(images, threads, cleanup):
        need("torch", "torchvision")
        model = fastcam.load(peers.resnet50_onnx(), threads=threads, preprocess="imagenet,fit=stretch")
        photo = np.random.default_rng(0).integers(0, 256, (224, 224, 3)).astype(np.uint8)
        return lambda: model.explain(photo, method=method)

    return make


def pytorch_forward(images, threads, cleanup):
    need("torch", "torchvision")
    import torch

    model, tensor = peers.resnet50(), torch.from_numpy(images)

    def run():
        with torch.inference_mode():
            return model(tensor)

    return run


def torch_cam(images, threads, cleanup):
    need("torch", "torchvision", "torchcam")
    import torch

    model, tensor = peers.resnet50(), torch.from_numpy(images)
    from torchcam.methods import CAM

    extractor = CAM(model, target_layer="layer4", fc_layer="fc")

    def run():
        with torch.no_grad():
            scores = model(tensor)
        return extractor(int(scores[0].argmax()), scores)[0]

    cleanup.callback(extractor.remove_hooks)
    return run


def pytorch_grad_cam(images, threads, cleanup):
    need("torch", "torchvision", "pytorch_grad_cam")
    peers.torchvision()
    import torch
    from pytorch_grad_cam import GradCAM

    model, tensor = peers.resnet50(), torch.from_numpy(images)
    cam = GradCAM(model=model, target_layers=[model.layer4[-1]])

    def run():
        return cam(input_tensor=tensor, targets=None)

    cleanup.callback(cam.activations_and_grads.release)
    return run


def openvino_xai(images, threads, cleanup):
    """Run in float32, as the others: by default it takes bfloat16 where the processor has it, without an option."""
    need("torch", "torchvision", "openvino_xai")
    peers.torchvision()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import openvino as ov
        import openvino_xai as xai
        from openvino_xai.explainer.explainer import ExplainMode

        compile_model = ov.Core.compile_model
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
        ov.Core.compile_model = lambda core, model, device_name: compile_model(core, model, device_name, settings)
        try:
            model = ov.Core().read_model(peers.resnet50_onnx())
            explainer = xai.Explainer(model, xai.Task.CLASSIFICATION, explain_mode=ExplainMode.WHITEBOX)
        finally:
            ov.Core.compile_model = compile_model

    def run():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return explainer(images, targets=[0], original_input_image=np.zeros((224, 224, 3), np.uint8))

    return run


CONTENDERS = {
    "ONNX Runtime, forward only": onnxruntime_alone,
    "fastcam: map and box": with_fastcam,
    "fastcam: photo to CAM and box": explained("cam"),
    "fastcam: photo to Grad-CAM and box": explained("gradcam"),
    "PyTorch, forward only": pytorch_forward,
    "torchcam: 7×7 map": torch_cam,
    "pytorch-grad-cam: upsampled map": pytorch_grad_cam,
    "openvino_xai: upsampled map": openvino_xai,
}


@pytest.mark.filterwarnings("ignore")  # of the peers
@pytest.mark.parametrize("contender", CONTENDERS)
def test_resnet50(benchmark, contender, images, threads):
    benchmark.group = f"end to end, ResNet-50 224×224, threads: {threads}"
    with ExitStack() as cleanup:
        benchmark.pedantic(CONTENDERS[contender](images, threads, cleanup), rounds=15, warmup_rounds=2)


@pytest.mark.filterwarnings("ignore")
def test_the_forward_pass_is_the_same(images):
    """ONNX Runtime's logits and PyTorch's, and torchcam's map against ours, scaled as it does; Grad-CAM is its ReLU."""
    need("torch", "torchvision", "torchcam")
    with ExitStack() as cleanup:
        theirs = pytorch_forward(images, 1, cleanup)().numpy()
        logits = np.asarray(onnxruntime_alone(images, 1, cleanup)())
        np.testing.assert_allclose(logits, theirs, atol=1e-4, rtol=1e-3)
        maps, _ = with_fastcam(images, 1, cleanup)()
        ours = (maps - maps.min()) / np.ptp(maps)
        np.testing.assert_allclose(ours[0], torch_cam(images, 1, cleanup)().numpy(), atol=1e-3)
        cam, gradcam = (explained(method)(images, 1, cleanup)().activation_maps for method in ("cam", "gradcam"))
        np.testing.assert_allclose(gradcam, np.maximum(cam, 0) / cam[0, 0].size, atol=1e-6 * np.abs(cam).max())
