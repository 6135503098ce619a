"""The PyTorch part of the zoo: torchvision, timm, and a few heads of our own that neither has."""

# pyright: reportMissingImports=false

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tests.exports.torch_export import Spec

POOLED = "<avgpool"
TIMM_POOLED = "<global_pool"
HEAD_POOLED = "<head.global_pool"


def torchvision_model(name: str, **options: Any) -> Any:
    from torchvision import models

    if name == "maxvit":
        return models.MaxVit(**options)
    if name in ("googlenet", "inception_v3"):
        options |= {"aux_logits": False, "init_weights": True}
    return getattr(models, name)(weights=None, **{"num_classes": 10, **options})


def timm_model(name: str, **options: Any) -> Any:
    import timm

    return timm.create_model(name, pretrained=False, **{"num_classes": 10, **options})


def tv(
    name: str, kind: str, maps: str, head: str, *exports: str, build: dict[str, Any] | None = None, **more: Any
) -> Spec:
    make = partial(torchvision_model, name, **(build or {}))
    return Spec(f"tv_{name}", make, exports, kind, maps, head, framework="torchvision", **more)


def tm(
    name: str, kind: str, maps: str, head: str, *exports: str, build: dict[str, Any] | None = None, **more: Any
) -> Spec:
    label = more.pop("label", name.split("_patch")[0].removesuffix("_224"))
    make = partial(timm_model, name, **(build or {}))
    return Spec(f"timm_{label}", make, exports, kind, maps, head, framework="timm", **more)


def torchvision_specs(large: bool) -> list[Spec]:
    thousand = {"num_classes": 1000}
    specs = [
        tv("resnet18", "cam", POOLED, "fc", "ts13", "ts11 batch", "ts17 batch sides", "dy18", "dy20 batch", "dy23 batch sides"),
        tv("resnet50", "cam", POOLED, "fc", "ts17 batch", "dy20", build=thousand),
        tv("mobilenet_v2", "cam", ">features", "classifier.1", "ts13 batch", "ts11", "dy18 batch", build=thousand),
        tv("mobilenet_v3_small", "gap-nonlinear", POOLED, "", "ts11", "ts17 batch", "dy20 batch"),
        tv("efficientnet_b0", "cam", POOLED, "classifier.1", "ts13", "dy20 batch"),
        tv("densenet121", "cam", ">features relu", "classifier", "ts13 batch", "dy18"),
        tv("squeezenet1_1", "cam", "<classifier.3", "", "ts11 batch", "ts13", "dy18 batch"),
        tv("shufflenet_v2_x0_5", "cam", ">conv5", "fc", "ts11", "ts13 batch sides", "dy20"),
        tv("mnasnet0_5", "cam", ">layers", "classifier.1", "ts13", "ts17 batch", "dy18"),
        tv("googlenet", "cam", POOLED, "fc", "ts11 batch", "dy20"),
        tv("inception_v3", "cam", POOLED, "fc", "ts13", "dy18", size=(139, 171)),
        tv("regnet_y_400mf", "cam", POOLED, "fc", "ts17 batch", "dy20 batch"),
        tv("alexnet", "generic", ">features", "", "ts13 batch", "dy18", size=(224, 224)),
        tv("convnext_tiny", "gap-nonlinear", POOLED, "", "ts13 batch", "dy18"),
        tv("swin_t", "cam", POOLED, "head", "ts17", "dy20", size=(96, 96)),
        tv(
            "maxvit", "gap-nonlinear", "<classifier.0", "", "ts17", "dy18", size=(128, 128),
            build={
                "input_size": (128, 128), "stem_channels": 16, "partition_size": 4, "block_channels": [16, 32, 64],
                "block_layers": [1, 1, 1], "head_dim": 16, "stochastic_depth_prob": 0.0, "num_classes": 10,
            },
        ),
    ]  # fmt: skip
    if large:
        specs.append(tv("vgg11", "generic", ">features", "", "ts13 batch", size=(224, 224)))
    return specs


def timm_convolutional() -> list[Spec]:
    return [
        tm("resnetv2_50x1_bit", "cam", HEAD_POOLED, "head.fc", "ts13 batch", "dy18"),
        tm("hrnet_w18_small", "cam", TIMM_POOLED, "classifier", "ts13"),
        tm("dla46_c", "cam", TIMM_POOLED, "fc", "ts11 batch", "dy20", build={"num_classes": 1000}),
        tm("nf_resnet26", "cam", HEAD_POOLED, "head.fc", "ts13", "dy18"),
        tm("test_nfnet", "cam", HEAD_POOLED, "head.fc", "ts17 batch"),
        tm("ghostnet_050", "gap-nonlinear", TIMM_POOLED, "", "ts13", "dy18 batch"),
        tm("lcnet_050", "gap-nonlinear", TIMM_POOLED, "", "ts11", "ts17 batch"),
        tm("mobilenetv4_conv_small_035", "gap-nonlinear", TIMM_POOLED, "", "ts13", "dy20"),
        tm("tinynet_e", "cam", TIMM_POOLED, "classifier", "ts13 batch", "dy18 batch"),
        tm("repvgg_a0", "cam", HEAD_POOLED, "head.fc", "ts17"),
        tm("rexnet_100", "cam", HEAD_POOLED, "head.fc", "ts13"),
        tm("hardcorenas_a", "gap-nonlinear", TIMM_POOLED, "", "ts13"),
        tm("cs3darknet_s", "cam", HEAD_POOLED, "head.fc", "ts13 batch sides"),
        tm("hgnetv2_b0", "gap-nonlinear", HEAD_POOLED, "", "ts13"),
        tm("inception_next_atto", "gap-nonlinear", HEAD_POOLED, "", "ts17", "dy20"),
        tm("edgenext_xx_small", "gap-nonlinear", HEAD_POOLED, "", "ts13", "dy18"),
        tm("convnext_atto", "gap-nonlinear", HEAD_POOLED, "", "dy23 batch"),
        tm("convmixer_768_32", "cam", TIMM_POOLED, "head", "ts13 batch", size=(84, 112)),
        tm("eca_resnet33ts", "cam", HEAD_POOLED, "head.fc", "ts13"),
        tm("repvit_m0_9", "cam", ">stages", "head.head.bn head.head.l|head.head_dist.bn head.head_dist.l", "ts13", "dy20"),
        tm("shvit_s1", "cam", TIMM_POOLED, "head.bn head.l", "ts17 batch", "dy18"),
        tm("test_resnet", "pool-nonlinear", TIMM_POOLED, "", "ts13", build={"global_pool": "max"}, label="resnet_max"),
        tm("test_byobnet", "pool-nonlinear", HEAD_POOLED, "", "ts13", "dy18",
           build={"global_pool": "avgmax"}, label="byobnet_avgmax"),
        tm("test_efficientnet", "pool-nonlinear", TIMM_POOLED, "", "ts17",
           build={"global_pool": "catavgmax"}, label="efficientnet_catavgmax"),
    ]  # fmt: skip


def timm_tokens() -> list[Spec]:
    square = {"size": (96, 96), "build": {"img_size": 96}}
    tall = {"size": (96, 128), "build": {"img_size": (96, 128)}}
    tokens = {"layout": "NLC", **tall}
    averaged = {**tall, "build": {"img_size": (96, 128), "global_pool": "avg", "fc_norm": False}}
    after = {**tall, "build": {"img_size": (96, 128), "global_pool": "avg"}}
    classed = {"layout": "NLC1", "also": ("generic",), **tall}
    return [
        tm("mixer_s32_224", "cam", ">norm", "head", "ts13", "dy20", layout="NLC", size=(128, 128), build={"img_size": 128}),
        tm("resmlp_12_224", "cam", ">norm", "head", "ts11", "dy18", **tokens),
        tm("gmlp_ti16_224", "cam", ">norm", "head", "ts17 batch", **tokens),
        tm("vit_tiny_patch16_224", "cam", ">norm", "head", "ts17 batch", "dy20", layout="NLC1", label="vit_mean", **averaged),
        tm("vit_tiny_patch16_224", "gap-nonlinear", ">norm", "", "ts13", "dy18", layout="NLC1", label="vit_mean_norm", **after),
        tm("vit_tiny_patch16_224", "pool-nonlinear", ">blocks.10", "", "ts13 batch", "dy18", label="vit_cls", **classed),
        tm("deit_tiny_distilled_patch16_224", "pool-nonlinear", ">blocks.10", "", "ts17", "dy20",
           **{**classed, "layout": "NLC2"}),
        tm("test_vit3", "pool-nonlinear", ">norm", "", "ts17", "dy20", label="vit_map", layout="NLC1",
           also=("generic",), **tall),
        tm("cait_xxs24_224", "pool-nonlinear", "<blocks_token_only.0", "", "ts13", **{**classed, "layout": "NLC"}),
        tm("xcit_nano_12_p16_224", "pool-nonlinear", "<cls_attn_blocks.0", "", "ts13", "dy18", **{**classed, "layout": "NLC1"}),
        tm("coat_lite_tiny", "none", "", "", "ts17", also=("pool-nonlinear", "generic"), **square),
        tm("crossvit_tiny_240", "none", "", "", "ts13", "dy18", also=("pool-nonlinear", "generic"), size=(240, 240)),
        tm("levit_128s", "cam", ">stages", "head.bn head.linear|head_dist.bn head_dist.linear", "ts13 batch", "dy20",
           layout="NLC", size=(224, 224)),
        tm("efficientformer_l1", "cam", ">norm", "head|head_dist", "ts13", "dy18", layout="NLC", size=(224, 224)),
        tm("efficientformerv2_s0", "cam", ">norm", "head|head_dist", "ts17", size=(224, 224)),
        tm("mobilevit_xxs", "cam", HEAD_POOLED, "head.fc", "ts13", "dy18", size=(128, 192)),
        tm("poolformer_s12", "gap-nonlinear", HEAD_POOLED, "", "ts13 batch"),
        tm("pvt_v2_b0", "cam", ">stages", "head", "ts17", "dy20"),
        tm("twins_svt_small", "cam", ">norm", "head", "ts13", layout="NLC", **square),
        tm("swin_tiny_patch4_window7_224", "cam", ">norm", "head.fc", "ts17", "dy18", layout="NHWC",
           size=(96, 96), build={"img_size": 96, "window_size": 3}),
        tm("swinv2_cr_tiny_224", "cam", HEAD_POOLED, "head.fc", "dy18", "ts17",
           size=(96, 96), build={"img_size": 96, "window_size": 3}),
        tm("coatnet_pico_rw_224", "cam", HEAD_POOLED, "head.fc", "ts13", "dy18", **square),
        tm("fastvit_t8", "cam", HEAD_POOLED, "head.fc", "ts13", size=(128, 128)),
        tm("swiftformer_xs", "cam", ">norm", "head|head_dist", "ts17", size=(96, 96)),
    ]  # fmt: skip


def own_specs() -> list[Spec]:
    own: tuple[tuple[str, str, str, str, tuple[str, ...]], ...] = (
        ("flatten", "cam-spatial", "<pool", "fc", ("ts13 batch", "dy18")),
        ("flatten_mlp", "generic", "<pool", "", ("ts13 batch", "dy20")),
        ("gem", "pool-nonlinear", "<pool", "", ("ts13 batch", "dy20")),
        ("softmax", "cam", "<pool", "fc.0", ("ts11 batch", "dy18 batch")),
        ("logsumexp", "pool-nonlinear", "<pool", "", ("ts13", "dy18")),
        ("mlp", "gap-nonlinear", "<pool", "", ("ts13 batch", "dy20")),
        ("two_linear", "cam", "<pool", "fc.0 fc.1", ("ts13 batch", "dy18 batch")),
        ("batch_norm", "cam", "<pool", "fc.0 fc.1", ("ts17", "dy18")),
    )
    logits = {"softmax": "fc.0"}
    also = {"gem": ("gap-nonlinear",)}  # of its cubed maps
    return [
        Spec(f"own_{n}", partial(own_model, n), x, k, m, h, (64, 96), also=also.get(n, ()), logits=logits.get(n, ""))
        for n, k, m, h, x in own
    ]


def own_model(name: str) -> Any:
    """A small network with one of the heads that libraries lack."""
    import torch
    from torch import nn

    class Pool(nn.Module):
        def __init__(self, function: Callable[[Any], Any]) -> None:
            super().__init__()
            self.function = function

        def forward(self, maps: Any) -> Any:
            return self.function(maps)

    def layer(inside: int, outside: int) -> list[Any]:
        return [nn.Conv2d(inside, outside, 3, 2, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU()]

    pools: dict[str, Callable[[Any], Any]] = {
        "flatten": lambda f: f.flatten(1),
        "flatten_mlp": lambda f: f.flatten(1),
        "gem": lambda f: f.clamp(min=1e-6).pow(3).mean((2, 3)).pow(1 / 3),
        "logsumexp": lambda f: torch.logsumexp(f.flatten(2), 2),
    }
    cells = 4 * 6
    heads: dict[str, Callable[[], Any]] = {
        "flatten": lambda: nn.Linear(32 * cells, 10),
        "flatten_mlp": lambda: nn.Sequential(nn.Linear(32 * cells, 32), nn.ReLU(), nn.Linear(32, 10)),
        "mlp": lambda: nn.Sequential(nn.Linear(32, 48), nn.GELU(), nn.Linear(48, 10)),
        "softmax": lambda: nn.Sequential(nn.Linear(32, 10), nn.Softmax(1)),
        "two_linear": lambda: nn.Sequential(nn.Linear(32, 24), nn.Linear(24, 10)),
        "batch_norm": lambda: nn.Sequential(nn.BatchNorm1d(32), nn.Linear(32, 10)),
    }
    network = nn.Sequential(*layer(3, 16), *layer(16, 32), *layer(32, 32), *layer(32, 32))
    network.add_module("pool", Pool(pools.get(name, lambda f: f.mean((2, 3)))))
    network.add_module("fc", heads.get(name, lambda: nn.Linear(32, 10))())
    return network


def specs(large: bool = False) -> list[Spec]:
    return [*torchvision_specs(large), *timm_convolutional(), *timm_tokens(), *own_specs()]
