"""Models of other ranks and numbers of channels: signals, spectrograms, bands of satellites, clips and volumes."""

# pyright: reportMissingImports=false

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.exports.torch_models import timm_model

CLASSES = 6


@dataclass(frozen=True)
class Spec:
    """A model, and where its head is.

    Attributes
    ----------
    name
        Starts the names of its files.
    make
        Returns the module.
    shape
        (C, *places) of an input.
    open
        Places of another input, which the export leaves open where they differ; None: all are fixed.
    kind
        Of the head.
    maps
        Submodule into which feature maps go, before the pooling.
    head
        The linear layer after it; "" where the head isn't linear.
    earlier
        Submodule whose output Grad-CAM is compared at as well.
    last
        Whether channels are the last axis of the input.
    """

    name: str
    make: Callable[[], Any]
    shape: tuple[int, ...]
    open: tuple[int, ...] | None
    kind: str
    maps: str
    head: str
    earlier: str
    last: bool = False

    def shapes(self) -> list[tuple[int, ...]]:
        """(C, *places) of all inputs that it is checked on."""
        return [self.shape, *([(self.shape[0], *self.open)] if self.open else [])]


def norms(rank: int) -> Any:
    from torch import nn

    return (nn.Identity, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[rank]


def convolutions(rank: int) -> Any:
    from torch import nn

    return (nn.Identity, nn.Conv1d, nn.Conv2d, nn.Conv3d)[rank]


def unit(rank: int, inside: int, outside: int, kernel: int, stride: int = 1, groups: int = 1) -> Any:
    """Return convolution, batch norm, ReLU."""
    from torch import nn

    convolution = convolutions(rank)(inside, outside, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, norms(rank)(outside), nn.ReLU())


def pooled(rank: int, features: Any, channels: int) -> Any:
    """Return features, global average pooling, and a linear layer."""
    from torch import nn

    pool = (nn.Identity, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[rank](1)
    parts = {"features": features, "pool": pool, "flat": nn.Flatten(), "fc": nn.Linear(channels, CLASSES)}
    return nn.Sequential(OrderedDict(parts))


def residual(rank: int, branch: Any, skip: Any, last: Any) -> Any:
    """Return `last(branch(x) + skip(x))`."""
    from torch import nn

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.branch, self.skip, self.last = branch, skip, last

        def forward(self, x: Any) -> Any:
            return self.last(self.branch(x) + self.skip(x))

    return Residual()


def signal_resnet() -> Any:
    """ResNet for twelve leads of an ECG: two blocks of kernel 7 in each of four stages."""
    from torch import nn

    blocks: list[Any] = [unit(1, 12, 32, 15, 2)]
    for inside, outside, stride in ((32, 32, 1), (32, 48, 2), (48, 64, 2), (64, 96, 2)):
        last = nn.Sequential(nn.Conv1d(outside, outside, 7, 1, 3, bias=False), nn.BatchNorm1d(outside))
        skip = nn.Identity() if stride == 1 else nn.Conv1d(inside, outside, 1, stride, bias=False)
        blocks.append(residual(1, nn.Sequential(unit(1, inside, outside, 7, stride), last), skip, nn.ReLU()))
    return pooled(1, nn.Sequential(*blocks), 96)


def signal_fcn(channels: int = 1) -> Any:
    """Wang et al. 2017, "Time Series Classification from Scratch with Deep Neural Networks"."""
    from torch import nn

    return pooled(1, nn.Sequential(unit(1, channels, 64, 9), unit(1, 64, 96, 5), unit(1, 96, 64, 3)), 64)


def signal_inception() -> Any:
    """InceptionTime (Fawaz et al. 2020), with odd kernels."""
    import torch
    from torch import nn

    class Inception(nn.Module):
        def __init__(self, inside: int) -> None:
            super().__init__()
            self.bottleneck = nn.Conv1d(inside, 16, 1, bias=False)
            self.long = nn.ModuleList([nn.Conv1d(16, 16, k, padding=k // 2, bias=False) for k in (9, 19, 39)])
            self.pooled = nn.Sequential(nn.MaxPool1d(3, 1, 1), nn.Conv1d(inside, 16, 1, bias=False))
            self.norm = nn.Sequential(nn.BatchNorm1d(64), nn.ReLU())

        def forward(self, x: Any) -> Any:
            small = self.bottleneck(x)
            return self.norm(torch.cat([*(branch(small) for branch in self.long), self.pooled(x)], 1))

    def three(inside: int) -> Any:
        branch = nn.Sequential(Inception(inside), Inception(64), Inception(64))
        return residual(1, branch, nn.Sequential(nn.Conv1d(inside, 64, 1), nn.BatchNorm1d(64)), nn.ReLU())

    return pooled(1, nn.Sequential(three(3), three(64)), 64)


def signal_flatten() -> Any:
    """Convolutions, then a linear layer on all samples."""
    from torch import nn

    features = nn.Sequential(unit(1, 2, 16, 9, 4), unit(1, 16, 32, 9, 4), unit(1, 32, 32, 5, 2))
    return nn.Sequential(features, nn.Identity(), nn.Flatten(), nn.Linear(32 * 16, CLASSES))


def signal_mlp() -> Any:
    """Global average pooling, then two layers with a GELU between them."""
    from torch import nn

    model = signal_fcn(4)
    model.fc = nn.Sequential(nn.Linear(64, 48), nn.GELU(), nn.Linear(48, CLASSES))
    return model


def channels_last(make: Callable[[], Any]) -> Any:
    """Return a network whose input has channels last, as TensorFlow's have."""
    from torch import nn

    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = make()

        def forward(self, x: Any) -> Any:
            return self.network(x.permute(0, x.ndim - 1, *range(1, x.ndim - 1)))

    return Turned()


def spectrogram() -> Any:
    """A network on (1, mel bins, frames), whose first norm is of the bins, as in PANNs (Kong et al. 2020)."""
    from torch import nn

    class Bins(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(64)

        def forward(self, x: Any) -> Any:
            return self.norm(x.transpose(1, 2)).transpose(1, 2)

    parts = [Bins()]
    for inside, outside in ((1, 16), (16, 32), (32, 64)):
        parts += [unit(2, inside, outside, 5), nn.AvgPool2d(2)]
    return pooled(2, nn.Sequential(*parts, unit(2, 64, 96, 3)), 96)


def video(name: str) -> Any:
    from torchvision.models import video as models

    return getattr(models, name)(weights=None, num_classes=CLASSES)


def mobilenet3d() -> Any:
    """MobileNetV2 (Sandler et al. 2018) in three dimensions: inverted residuals of depthwise convolutions."""
    from torch import nn

    def block(inside: int, outside: int, stride: int) -> Any:
        wide = 4 * inside
        last = nn.Sequential(nn.Conv3d(wide, outside, 1, bias=False), nn.BatchNorm3d(outside))
        branch = nn.Sequential(unit(3, inside, wide, 1), unit(3, wide, wide, 3, stride, wide), last)
        whole = stride == 1 and inside == outside
        return residual(3, branch, nn.Identity(), nn.Identity()) if whole else branch

    sizes = ((16, 16, 1), (16, 24, 2), (24, 24, 1), (24, 32, 2), (32, 32, 1), (32, 64, 2))
    return pooled(3, nn.Sequential(unit(3, 1, 16, 3, 2), *(block(*size) for size in sizes), unit(3, 64, 160, 1)), 160)


def medical(name: str) -> Any:
    """Return a network of MONAI, on volumes of one channel."""
    from monai.networks import nets

    if name == "densenet121":
        return nets.DenseNet121(spatial_dims=3, in_channels=1, out_channels=CLASSES)
    if name == "resnet18":
        return nets.resnet18(spatial_dims=3, n_input_channels=1, num_classes=CLASSES)
    model = nets.EfficientNetBN("efficientnet-b0", spatial_dims=3, in_channels=1, num_classes=CLASSES, pretrained=False)
    model.set_swish(memory_efficient=False)
    return model


def bands(channels: int) -> Spec:
    make = partial(timm_model, "resnet18", num_classes=CLASSES, in_chans=channels)
    size, other = ((64, 96), (96, 80)) if channels % 2 == 0 else ((60, 84), None)
    return Spec(f"image_{channels}_channels", make, (channels, *size), other, "cam", "global_pool", "fc", "layer3")


def specs() -> list[Spec]:
    own = ("pool", "fc")
    turned = ("network.pool", "network.fc")
    return [
        Spec("signal_resnet", signal_resnet, (12, 1000), (731,), "cam", *own, "features.3"),
        Spec("signal_fcn", signal_fcn, (1, 140), (99,), "cam", *own, "features.1"),
        Spec("signal_inception", signal_inception, (3, 256), (200,), "cam", *own, "features.0"),
        Spec("signal_flatten", signal_flatten, (2, 512), None, "cam-spatial", "1", "3", "0.1"),
        Spec("signal_mlp", signal_mlp, (4, 160), (99,), "gap-nonlinear", "pool", "", "features.1"),
        Spec("signal_channels_last", partial(channels_last, signal_resnet), (12, 600), (731,), "cam", *turned,
             "network.features.3", last=True),
        Spec("spectrogram", spectrogram, (1, 64, 101), (64, 157), "cam", *own, "features.3"),
        *map(bands, (2, 4, 6, 13)),
        *(
            Spec(f"clip_{name}", partial(video, name), (3, 8, 64, 80), (12, 48, 64), "cam", "avgpool", "fc", "layer3")
            for name in ("r3d_18", "r2plus1d_18", "mc3_18")
        ),
        Spec("volume_mobilenet", mobilenet3d, (1, 24, 32, 40), (33, 40, 24), "cam", *own, "features.4"),
        Spec("volume_densenet121", partial(medical, "densenet121"), (1, 48, 64, 64), (64, 48, 80), "cam",
             "class_layers.pool", "class_layers.out", "features.denseblock3"),
        Spec("volume_resnet18", partial(medical, "resnet18"), (1, 32, 48, 64), (40, 48, 48), "cam", "avgpool", "fc", "layer3"),
        Spec("volume_efficientnet", partial(medical, "efficientnet"), (1, 48, 48, 64), None, "cam", "_avg_pooling",
             "_fc", "_blocks.4"),
        Spec("volume_channels_last", partial(channels_last, mobilenet3d), (1, 24, 32, 40), (33, 40, 24), "cam",
             *turned, "network.features.4", last=True),
    ]  # fmt: skip
