"""The gradient of a logit at an inner layer, by PyTorch and by ONNX Runtime: one network, the same weights."""

# Contenders needn't be installed.
# pyright: reportMissingImports=false

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from benchmarks import peers

CLASS = 3


@dataclass(frozen=True)
class Case:
    """A network of torchvision, or of timm with a dot in front; the module of the gradient; the side of the image."""

    network: str
    layer: str
    size: int = 128

    @property
    def name(self) -> str:
        return f"{self.network.strip('.')} @ {self.layer}, {self.size} px"


CASES = [
    Case("vgg11", "features.19", 224),
    Case("alexnet", "features.11", 224),
    Case("resnet18", "layer3"),
    Case("resnet18", "relu"),
    Case("resnet50", "layer3"),
    Case("mobilenet_v3_small", "features.12"),
    Case("mobilenet_v3_large", "features.6"),
    Case("efficientnet_b0", "features.4"),
    Case("densenet121", "features.transition2"),
    Case(".convnext_atto", "stages.2"),
    Case(".vit_tiny_patch16_224", "blocks.10", 224),
    Case(".swin_tiny_patch4_window7_224", "layers.1", 224),
]
BY_NAME = {case.name: case for case in CASES}


@dataclass(frozen=True, eq=False)
class Network:
    """A network as a module and as ONNX, an image (1, 3, H, W), and the layer's tensor in the file."""

    module: Any
    layer: str
    data: bytes
    image: np.ndarray
    tensor: str


@lru_cache(maxsize=1)
def network(case: Case) -> Network:
    """Return a network with random weights: time and identity don't depend on training."""
    import torch

    torch.manual_seed(0)
    vision = peers.torchvision()
    if case.network.startswith("."):
        import timm

        module = timm.create_model(case.network[1:], pretrained=False).eval()
    else:
        module = getattr(vision.models, case.network)(weights=None).eval()
    for part in module.modules():
        if hasattr(part, "inplace"):
            part.inplace = False  # it would change what is kept of a layer
    image = torch.randn(1, 3, case.size, case.size)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter without further dependencies is deprecated
        torch.onnx.export(module, (image,), buffer, opset_version=17, dynamo=False)
    data = buffer.getvalue()
    return Network(module, case.layer, data, image.numpy(), tensor_of(module, case.layer, data, image))


def tensor_of(module: Any, layer: str, data: bytes, image: Any) -> str:
    """Return the last tensor on all paths that has the values of the layer."""
    import onnx
    import onnxruntime
    import torch

    from fastcam.model.head.cuts import find_cuts

    graph, file = graph_of(data), onnx.load_from_string(data)
    names = [name for name in find_cuts(graph, graph.outputs[0]) if name in graph.producers]
    file.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in graph.outputs)
    session = onnxruntime.InferenceSession(file.SerializeToString(), providers=["CPUExecutionProvider"])
    found = dict(zip(names, map(np.asarray, session.run(names, {graph.image: image.numpy()})), strict=True))
    held = {}
    hook = module.get_submodule(layer).register_forward_hook(lambda *given: held.setdefault("first", given[2]))
    with torch.no_grad():
        module(image)
    hook.remove()
    wanted = held["first"].numpy()
    near = [name for name in names if found[name].shape == wanted.shape
            and np.abs(found[name] - wanted).max() <= 1e-3 * np.abs(wanted).max()]  # fmt: skip
    if not near:
        raise LookupError(f"{layer}: no tensor of the file has its values")
    return near[-1]


def graph_of(data: bytes) -> Any:
    from fastcam.model.file.source import read_source
    from fastcam.model.graph.read import read_graph
    from fastcam.model.run.session import Opening

    return read_graph(read_source(data), Opening())


def opened(data: bytes, threads: int) -> Any:
    """Open a session with fastcam's options."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def onnxruntime_forward(given: Network, threads: int) -> Callable[[], Any]:
    session = opened(given.data, threads)
    feeds = {session.get_inputs()[0].name: given.image}
    return lambda: session.run(None, feeds)[0]


def one_graph(given: Network, threads: int) -> Callable[[], Any]:
    """Forward and backward in one session, that of `explain(layer=...)`."""
    from fastcam.model.file.source import read_source
    from fastcam.model.gradient.at_layers import BEST, Layers
    from fastcam.model.gradient.tape import GRADIENT, SEED
    from fastcam.model.head.head import Head
    from fastcam.model.opened_model import OpenedModel
    from fastcam.model.run.session import Opening, Session

    (logits,), side = graph_of(given.data).outputs, given.image.shape[-1]
    scores = onnxruntime_forward(given, threads)()
    head = Head(given.tensor, logits, kind="generic", classes=scores.shape[1])
    source, opening = read_source(given.data), Opening(threads=threads)
    session = Session(opened(given.data, threads), [logits])
    layers = Layers(OpenedModel(source, opening, head, (side, side), session), (given.tensor,))
    graph = layers._opened()
    feeds = {graph.image: given.image, SEED: seed(scores.shape), BEST: np.zeros(1, np.float32)}
    return lambda: graph.session.run([logits, GRADIENT], feeds)[1]


def two_sessions(given: Network, threads: int) -> Callable[[], Any]:
    """The network with the layer's tensor as an output more, then what follows it, forward and backward."""
    import onnx

    from fastcam.model.gradient.backward import backward_model
    from fastcam.model.gradient.tape import GRADIENT, SEED
    from fastcam.model.head.probes import image_input, look
    from fastcam.model.run.limits import Watch

    graph, file = graph_of(given.data), onnx.load_from_string(given.data)
    file.graph.output.append(onnx.ValueInfoProto(name=given.tensor))
    first, end = opened(file.SerializeToString(), threads), graph.outputs[0]
    logits, values = first.run([end, given.tensor], {graph.image: given.image})
    with Watch("model", 1 << 30) as watch:
        scene, _ = look(graph, given.image, [end], [given.tensor], image_input(graph), watch)
        tail = scene.tail(given.tensor, [end])
        second = opened(backward_model(tail, values, None, watch).SerializeToString(), threads)
    one_hot = seed(logits.shape)

    def run() -> Any:
        values = first.run([end, given.tensor], {graph.image: given.image})[1]
        return second.run([GRADIENT], {tail.start: values, SEED: one_hot})[0]

    return run


def pytorch_forward(given: Network, threads: int) -> Callable[[], Any]:
    import torch

    image = torch.from_numpy(given.image)

    def run() -> Any:
        with torch.inference_mode():
            return given.module(image).numpy()

    return run


def pytorch_backward(given: Network, threads: int) -> Callable[[], Any]:
    """Return the gradient as CAM libraries compute it: autograd, at a result that a hook keeps."""
    import torch

    image, layer = torch.from_numpy(given.image), given.module.get_submodule(given.layer)

    def run() -> Any:
        held = []
        hook = layer.register_forward_hook(lambda *given: held.append(given[2]))
        logits = given.module(image)
        hook.remove()
        return torch.autograd.grad(logits[0, CLASS], held[0])[0].numpy()

    return run


def seed(shape: tuple[int, ...]) -> np.ndarray:
    """Return a one-hot array for the class."""
    made = np.zeros(shape, np.float32)
    made[0, CLASS] = 1
    return made


CONTENDERS: dict[str, Callable[[Network, int], Callable[[], Any]]] = {
    "ONNX Runtime, forward only": onnxruntime_forward,
    "fastcam: forward and backward, one graph": one_graph,
    "fastcam: forward and backward, two sessions": two_sessions,
    "PyTorch, forward only": pytorch_forward,
    "PyTorch: forward and backward": pytorch_backward,
}
