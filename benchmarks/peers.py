"""Networks in PyTorch and as ONNX files, for comparisons end to end."""

# Contenders needn't be installed.
# pyright: reportMissingImports=false

import re
import sys
import warnings
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


@lru_cache(maxsize=1)
def torchvision() -> Any:
    """Return torchvision, also beside a CPU build of PyTorch.

    Registries hold it as built for CUDA's PyTorch; its compiled operators can't be loaded then. None of them is used
    here, but importing it asks for them by name, so they are declared.
    """
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for _ in range(50):
        try:
            import torchvision
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if not missing:
                raise
            library.define(f"{missing[1]}(Tensor declared_only) -> Tensor")
            for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
                del sys.modules[name]
        else:
            torchvision.declared_operators = library  # they go with it
            return torchvision
    raise RuntimeError("torchvision asks for more and more operators")


@lru_cache(maxsize=4)
def network(name: str) -> Any:
    """Return a network of torchvision with random weights: time and identity don't depend on training."""
    import torch

    torch.manual_seed(0)
    return torchvision().models.get_model(name, weights=None).eval()


@lru_cache(maxsize=4)
def exported(name: str, any_batch: bool = False) -> bytes:
    """Return a network as an ONNX file, for one image of 224×224, or for any batch."""
    import torch

    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter without further dependencies is deprecated
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            network(name), (torch.zeros(1, 3, 224, 224),), str(path), dynamo=False, input_names=["images"],
            output_names=["logits"], dynamic_axes={"images": {0: "N"}, "logits": {0: "N"}} if any_batch else None,
        )  # fmt: skip
        return path.read_bytes()


def resnet50() -> Any:
    """ResNet-50."""
    return network("resnet50")


def resnet50_onnx() -> bytes:
    """ResNet-50 as an ONNX file."""
    return exported("resnet50")
