"""Preprocessing specifications: named, changed, given as values, or read from the files beside a model."""

import json
from dataclasses import replace

import pytest

import fastcam
from fastcam import InputError
from fastcam.images.preprocessing import NAMED, Preprocess, preprocess
from tests.model.models import build, classifier


def test_names_and_changes():
    assert preprocess("imagenet") == NAMED["imagenet"]
    changed = preprocess("imagenet,fit=letterbox,size=224x320,std=0.5/0.25/1,fill=114")
    assert (changed.fit, changed.size, changed.std, changed.fill) == ("letterbox", (224, 320), (0.5, 0.25, 1.0), 114)
    assert preprocess("unit,size=64").size == (64, 64)
    assert preprocess("unit,scale=1/128").scale == 1 / 128
    assert preprocess({"mean": 0.5, "std": [0.5]}) == Preprocess(mean=(0.5,), std=(0.5,))


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ("imagnet", "preprocess: name: expected one of imagenet, inception, caffe-bgr, unit, raw; got 'imagnet'"),
        ("imagenet,fit", "preprocess: expected 'NAME,key=value"),
        (
            "imagenet,fit=crop",
            "preprocess: fit: expected one of stretch, whole, center-crop, letterbox, resize-crop, crop-resize; got 'crop'",
        ),
        ("unit,size=0", r"preprocess: size: expected \(height, width\)"),
        ("unit,size=2.5", r"preprocess: size: expected \(height, width\)"),
        ("unit,interpolation=cubic", "preprocess: interpolation: expected one of nearest"),
        ({"means": 1}, r"preprocess: expected fields out of .*; got \['means'\]"),
        ({"mean": "a"}, "preprocess: mean: expected numbers; got 'a'"),
        ({"mean": [1, 2]}, "preprocess: mean: expected one number, or one for each"),
        ({"std": 0}, r"preprocess: std: expected .* \(std not 0\)"),
        ("unit,crop_fraction=abc", "preprocess: crop_fraction: expected numbers; got 'abc'"),
        ({"scale": [1, 2]}, "preprocess: scale: expected one number"),
        ({"size": True}, r"preprocess: size: expected \(height, width\)"),
        ("unit,size=100000x9", "size: expected .* 1 to 16384"),
        ({"mean": 10**400}, "preprocess: mean: expected numbers"),
        ("unit,std=1e-46", "std not 0"),
        ("unit,scale=x", "preprocess: scale: expected numbers"),
        ("unit,fill=2.5", "a whole 0 <= fill <= 255"),
        ({"mean": float("nan")}, "preprocess: mean: expected numbers; got nan"),
        ({"base": ["x"]}, "preprocess: name: expected one of"),
        ({"crop_fraction": 0}, "preprocess: expected 0 < crop_fraction <= 1"),
        ("unit,resize=9", "preprocess: resize: expected with fit='resize-crop' or 'whole'; got fit='center-crop'"),
        ("unit,fit=resize-crop,resize=1x2x3", r"preprocess: resize: expected \(height, width\), 1 to 16384"),
        ("unit,fit=whole,resize=9x8", r"resize: expected one length, of the shorter side, .*; got \(9, 8\)"),
        ("bands,interpolation=opencv-linear", "preprocess: name: expected one of"),
        ("unit,channels=bands,interpolation=opencv-linear", "interpolation: expected one of nearest.* for bands"),
        ("fit=stretch", "preprocess: name: expected one of"),
        ({"rounding": "up"}, "preprocess: rounding: expected one of down, nearest, torchvision; got 'up'"),
        ({"channels": "rgba"}, "preprocess: channels: expected one of rgb, bgr, grey, bands"),
        (3, "preprocess: expected a name, a mapping or a Preprocess; got int"),
    ],
)
def test_values_that_are_refused(value, match):
    with pytest.raises(InputError, match=match):
        preprocess(value)


HUGGING_FACE = {
    "vit": (
        {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": {"height": 16, "width": 16}, "resample": 2},
        Preprocess(mean=(0.5,) * 3, std=(0.5,) * 3, fit="stretch", size=(16, 16)),
    ),
    "resnet": (
        {
            "image_processor_type": "ConvNextImageProcessor",
            "image_mean": [0.4, 0.5, 0.6],
            "image_std": [0.2] * 3,
            "size": {"shortest_edge": 16},
            "crop_pct": 0.875,
            "resample": 3,
        },
        Preprocess(
            mean=(0.4, 0.5, 0.6),
            std=(0.2,) * 3,
            fit="resize-crop",
            size=(16, 16),
            resize=18,
            interpolation="bicubic",
        ),
    ),
    "convnext-384": (
        {
            "image_processor_type": "ConvNextImageProcessor",
            "image_mean": [0.5],
            "image_std": [0.5],
            "size": {"shortest_edge": 384},
            "crop_pct": 0.875,
        },
        Preprocess(mean=(0.5,), std=(0.5,), fit="stretch", size=(384, 384), interpolation="bicubic"),
    ),
    "cropped": (
        {
            "size": {"shortest_edge": 20},
            "do_center_crop": True,
            "crop_size": {"height": 16, "width": 16},
            "do_normalize": False,
        },
        Preprocess(fit="resize-crop", resize=20, size=(16, 16)),
    ),
    "unscaled": (
        {"size": 16, "do_rescale": False, "do_normalize": False, "resample": 0},
        Preprocess(scale=1.0, fit="stretch", size=(16, 16), interpolation="nearest"),
    ),
}


@pytest.mark.parametrize("name", HUGGING_FACE)
def test_the_hugging_face_configuration_beside_a_model(tmp_path, name):
    config, expected = HUGGING_FACE[name]
    side = (expected.size or (16,))[0]
    (tmp_path / "model.onnx").write_bytes(classifier(side=side))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config), encoding="utf-8")
    model = fastcam.load(tmp_path / "model.onnx")
    assert model.preprocess == expected
    assert model.preprocess_origin == str(tmp_path / "preprocessor_config.json")
    assert fastcam.load(tmp_path / "model.onnx", preprocess="unit").preprocess_origin == "argument"


def test_the_timm_configuration_beside_a_model(tmp_path):
    (tmp_path / "model.onnx").write_bytes(classifier())
    timm = {
        "mean": [0.1, 0.2, 0.3],
        "std": [1, 1, 2],
        "crop_pct": 0.95,
        "input_size": [3, 16, 16],
        "interpolation": "bicubic",
    }
    for config in ({"architecture": "x", "pretrained_cfg": timm}, timm):
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        expected = Preprocess(
            mean=(0.1, 0.2, 0.3),
            std=(1, 1, 2),
            size=(16, 16),
            fit="resize-crop",
            resize=16,
            rounding="torchvision",
            interpolation="bicubic",
        )
        assert fastcam.load(tmp_path / "model.onnx").preprocess == expected


@pytest.mark.parametrize(
    ("file", "written"),
    [
        ("preprocessor_config.json", {"image_processor_type": "TimmWrapperImageProcessor"}),
        ("preprocessor_config.json", {"size": 5}),  # whose class the model's type names
        ("processor_config.json", {"image_processor": {"image_processor_type": "TimmWrapperImageProcessorFast"}}),
    ],
)
def test_the_wrapper_of_timm_reads_the_configuration_of_timm(tmp_path, file, written):
    """transformers' class for timm's models ignores its own file, whatever its content."""
    (tmp_path / "model.onnx").write_bytes(classifier())
    (tmp_path / file).write_text(json.dumps(written), encoding="utf-8")
    timm = {"mean": [0.5], "std": [0.25], "crop_pct": 0.9, "input_size": [3, 16, 16]}
    config = {"model_type": "timm_wrapper", "pretrained_cfg": timm}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    model = fastcam.load(tmp_path / "model.onnx")
    expected = Preprocess((0.5,), (0.25,), size=(16, 16), fit="resize-crop", resize=17, rounding="torchvision")
    assert model.preprocess == expected
    assert model.preprocess_origin == str(tmp_path / "config.json")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "timm_wrapper"}), encoding="utf-8")
    with pytest.raises(InputError, match=rf"{file}: can't be understood \(TimmWrapper.* reads timm's config.json"):
        fastcam.load(tmp_path / "model.onnx")


def test_the_squash_of_timm(tmp_path):
    (tmp_path / "model.onnx").write_bytes(classifier())
    timm = {"mean": [0], "std": [1], "input_size": [3, 16, 16], "crop_mode": "squash"}
    for share, expected in (
        (1, Preprocess(fit="stretch", size=(16, 16))),
        (0.9, Preprocess(fit="resize-crop", resize=(17, 17), size=(16, 16), rounding="torchvision")),
    ):
        (tmp_path / "config.json").write_text(json.dumps(timm | {"crop_pct": share}), encoding="utf-8")
        assert fastcam.load(tmp_path / "model.onnx").preprocess == expected
    (tmp_path / "config.json").write_text(json.dumps(timm | {"crop_pct": 1, "crop_mode": "border"}), encoding="utf-8")
    with pytest.raises(InputError, match="timm's crop_mode 'border' can't be followed"):
        fastcam.load(tmp_path / "model.onnx")


def test_changes_alone_are_those_of_the_configuration_beside_the_model(tmp_path):
    (tmp_path / "model.onnx").write_bytes(classifier())
    config = {"image_processor_type": "DeiTImageProcessor", "size": 20, "crop_size": 16}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config), encoding="utf-8")
    whole = fastcam.load(tmp_path / "model.onnx")
    for text, changes in (
        ("fit=stretch", {"fit": "stretch", "resize": None}),
        ("mean=0.1/0.2/0.3,interpolation=box", {"mean": (0.1, 0.2, 0.3), "interpolation": "box"}),
        ("resize=18", {"resize": 18}),
    ):
        model = fastcam.load(tmp_path / "model.onnx", preprocess=text)
        assert model.preprocess == replace(whole.preprocess, **changes)
        assert model.preprocess_origin == str(tmp_path / "preprocessor_config.json")
        assert model.preprocess_details.endswith(f"; changed: {text}")
    model = fastcam.load(classifier(), preprocess="fit=stretch")
    assert (model.preprocess, model.preprocess_origin) == (replace(NAMED["imagenet"], fit="stretch"), "default")
    with pytest.raises(InputError, match="preprocess: fit: expected one of stretch"):
        fastcam.load(tmp_path / "model.onnx", preprocess="fit=squash")
    with pytest.raises(InputError, match=r"expected fields out of .*; got \['fill_colour'\]"):
        fastcam.load(tmp_path / "model.onnx", preprocess="fit=stretch,fill_colour=3")


def test_a_configuration_of_something_else_is_not_read(tmp_path):
    (tmp_path / "model.onnx").write_bytes(classifier())
    (tmp_path / "config.json").write_text('{"architectures": ["Bert"], "hidden_size": 768}', encoding="utf-8")
    model = fastcam.load(tmp_path / "model.onnx")
    assert (model.preprocess, model.preprocess_origin) == (NAMED["imagenet"], "default")


def test_the_configuration_decides_at_which_size_the_head_is_proven(tmp_path):
    """A model that leaves its size open, but works at the size of its configuration only."""
    body = "maps = Conv(image, k) p = AveragePool<kernel_shape = [20, 20]>(maps) q = Reshape(p, shape) logits = MatMul(q, w)"
    data = build(body, inputs="float[N, 3, H, W] image", k=(4, 3, 1, 1), w=(4, 5), shape=[0, 4])
    (tmp_path / "model.onnx").write_bytes(data)
    timm = {"mean": [0], "std": [1], "crop_pct": 1, "input_size": [3, 20, 20]}
    (tmp_path / "config.json").write_text(json.dumps(timm), encoding="utf-8")
    assert fastcam.load(tmp_path / "model.onnx").head.feature_shape == (4, 20, 20)
    with pytest.raises(fastcam.ModelError, match=r"leaves its size open; .* preprocess='\.\.\.,size="):
        fastcam.load(data)


def test_a_configuration_that_does_not_fit_is_named(tmp_path):
    (tmp_path / "model.onnx").write_bytes(classifier())
    timm = {"mean": [0], "std": [1], "crop_pct": 1, "input_size": [3, 20, 20]}
    (tmp_path / "config.json").write_text(json.dumps(timm), encoding="utf-8")
    with pytest.raises(
        InputError,
        match=r"takes 16×16; got 20×20. Use size=16x16 \(preprocess from: .*config\.json\); give preprocess=",
    ):
        fastcam.load(tmp_path / "model.onnx")


@pytest.mark.parametrize("text", ["{", "[]", '{"image_mean": "x"}', '{"size": {"longest_edge": 5}}'])
def test_a_broken_configuration_is_an_error(tmp_path, text):
    (tmp_path / "model.onnx").write_bytes(classifier())
    (tmp_path / "preprocessor_config.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"preprocessor_config\.json: can't be understood|preprocess: "):
        fastcam.load(tmp_path / "model.onnx")


def test_defaults_follow_the_input(load_real, shared):
    assert fastcam.load(classifier()).preprocess == NAMED["imagenet"]
    quantized = fastcam.load(shared / "models" / "mobilenet_v2_1.0_224_quant_q.onnx")
    assert (quantized.preprocess, quantized.preprocess_origin) == (NAMED["raw"], "default")
    grey = build(
        "maps = Conv(image, k) p = GlobalAveragePool(maps) logits = Flatten(p)",
        inputs="float[N, 1, 8, 8] image",
        outputs="float[N, 5] logits",
        k=(5, 1, 1, 1),
    )
    assert fastcam.load(grey).preprocess.channels == "grey"


def test_a_specification_that_does_not_fit_the_model(shared):
    with pytest.raises(InputError, match="size: the model takes 16×16; got 32×32"):
        fastcam.load(classifier(), preprocess="unit,size=32")
    with pytest.raises(InputError, match="the model takes 3 channels, 'grey' makes 1; use channels='rgb'"):
        fastcam.load(classifier(), preprocess="unit,channels=grey")
    with pytest.raises(InputError, match="the model takes uint8 pixels as they are, 'raw'"):
        fastcam.load(shared / "models" / "mobilenet_v2_1.0_224_quant_q.onnx", preprocess="imagenet")
