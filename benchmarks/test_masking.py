"""Score-CAM and Ablation-CAM of the best class of a photo, by networks at 224×224: against pytorch-grad-cam.

ResNet-18 has an exact head, and a closed form for Ablation-CAM; AlexNet has none. fastcam begins with the photo and
ends with a box; pytorch-grad-cam is given the network input that fastcam makes of it, and gives the upsampled map.
"""

# Contenders needn't be installed.
# pyright: reportMissingImports=false

from contextlib import ExitStack
from importlib.util import find_spec

import numpy as np
import pytest
from skimage.data import chelsea

import fastcam
from benchmarks import peers

CASES = [("scorecam", "resnet18"), ("scorecam", "alexnet"), ("ablationcam", "resnet18"), ("ablationcam", "alexnet")]
LAYERS = {"resnet18": lambda net: net.layer4[-1], "alexnet": lambda net: net.features[-1]}


@pytest.fixture(autouse=True)
def installed():
    absent = [name for name in ("torch", "torchvision", "pytorch_grad_cam") if find_spec(name) is None]
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)} (pip install 'fastcam[peers]')")


def opened(network, threads=None):
    data = peers.exported(network, any_batch=True)
    return fastcam.load(data, preprocess="imagenet,fit=stretch", threads=threads)


def with_fastcam(method, network, threads, cleanup):
    model = opened(network, threads)
    return lambda: model.explain(chelsea(), method=method)


def pytorch_grad_cam(method, network, threads, cleanup):
    peers.torchvision()
    import pytorch_grad_cam
    import torch

    kind = {"scorecam": pytorch_grad_cam.ScoreCAM, "ablationcam": pytorch_grad_cam.AblationCAM}[method]
    net = peers.network(network)
    cam = cleanup.enter_context(kind(model=net, target_layers=[LAYERS[network](net)]))
    model = opened(network)
    seen = model.vision.see(chelsea())
    tensor = torch.from_numpy(seen.network_input)

    def run():
        with torch.no_grad():
            return cam(input_tensor=tensor, targets=None)

    return run


CONTENDERS = {"fastcam": with_fastcam, "pytorch-grad-cam": pytorch_grad_cam}


@pytest.mark.filterwarnings("ignore")  # of the peers
@pytest.mark.parametrize("contender", CONTENDERS)
@pytest.mark.parametrize(("method", "network"), CASES)
def test_masking(benchmark, method, network, contender, threads):
    benchmark.group = f"masking, {method} of {network}, threads: {threads}"
    with ExitStack() as cleanup:
        run = CONTENDERS[contender](method, network, threads, cleanup)
        benchmark.pedantic(run, rounds=2)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("network", LAYERS)
def test_the_maps_are_the_same(network):
    """Check maps of Ablation-CAM; Score-CAM's masks have other corners there (`python -m tests.exports.masking`)."""
    with ExitStack() as cleanup:
        theirs = pytorch_grad_cam("ablationcam", network, None, cleanup)()[0]
        found = with_fastcam("ablationcam", network, None, cleanup)().activation_maps[0, 0]
        np.testing.assert_allclose(fastcam.heatmaps(found, (224, 224)), theirs, atol=2e-3)
