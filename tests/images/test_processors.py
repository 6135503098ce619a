"""Hugging Face's image processors: theirs beside ours, every family of image classifiers; and the files beside a model."""

import json
import logging
import shutil

import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam import InputError
from fastcam.images.hugging_face import from_hugging_face
from fastcam.images.preprocessing import Preprocess
from fastcam.images.processors import MODEL_TYPES, PROCESSORS, REFUSED
from tests.images.processors import VARIANTS, classes, difference, families, grey_levels, ours, own_name, theirs
from tests.model.models import build

# What is refused though Hugging Face's class makes one network input of it, and why; each by name.
UNFOLLOWED = {
    **{
        ("ConvNext", variant): "and then to"
        for variant in ("a number, cropped", "shorter side, cropped", "shorter side, bordered")
    },
    **{
        ("Perceiver", variant): "expected the same proportions"
        for variant in ("a number, cropped", "a list, cropped", "sides", "sides, cropped")
    },
}


@pytest.fixture(scope="module")
def pictures(photos):
    """Real photos, small, lying and upright: smaller and larger than inputs are."""
    found = [Image.open(path).convert("RGB") for path in photos[5:7]]
    return [found[0].resize((160, 121)), found[1].resize((61, 180))]


def test_every_family_is_known():
    """Families have the processors of Hugging Face's own list; a new family fails here."""
    known = {kind: f"{name}ImageProcessor" for kind, name in MODEL_TYPES.items()}
    listed = {kind: (name or "").removesuffix("Pil") for kind, name in families().items()}
    without = {kind for kind, name in listed.items() if not name}
    assert without == {"dinov2_with_registers", "hgnet_v2", "pp_lcnet"}  # none at all, or by torchvision alone
    assert {kind: name for kind, name in listed.items() if name} == {k: v for k, v in known.items() if k not in without}
    assert not set(PROCESSORS) & set(REFUSED)


@pytest.mark.parametrize("name", classes())
def test_network_inputs_are_those_of_hugging_face(name, pictures):
    followed = 0
    for variant, change in VARIANTS.items():
        found = difference(name, change, pictures)
        if isinstance(found, str):
            assert UNFOLLOWED[own_name(name), variant] in found, f"{variant}: {found}"
        elif found is not None:
            assert found <= 1 + 1e-3, f"{variant}: {found} grey levels"  # of what float32 rounds
            followed += 1
    assert followed > 15


@pytest.mark.parametrize("name", REFUSED)
def test_classes_that_can_not_be_followed(name):
    for change in VARIANTS.values():
        with pytest.raises(InputError, match=f"{name}ImageProcessor .*, which can't be followed"):
            from_hugging_face({"image_processor_type": f"{name}ImageProcessor", **change}, {})


@pytest.mark.parametrize(
    "written",
    [
        {"image_processor_type": "DeiTImageProcessor"},
        {"image_processor_type": "DeiTImageProcessorFast"},
        {"image_processor_type": "DeiTFeatureExtractor"},
        {"feature_extractor_type": "DeiTFeatureExtractor"},
        {},
    ],
)
def test_names_old_and_new_and_of_the_model(written):
    model = {"model_type": "deit"} if not written else {"model_type": "vit"}
    found = from_hugging_face({**written, "size": 110, "crop_size": 96}, model)
    assert found.preprocess == Preprocess(
        mean=(0.5,) * 3, std=(0.5,) * 3, fit="resize-crop", resize=(110, 110), size=(96, 96), interpolation="bicubic"
    )
    assert found.details.startswith("DeiTImageProcessor: from the file crop_size, size; by default default_to_square,")


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"image_processor_type": "SamImageProcessor"}, "SamImageProcessor: expected an image processor that is known"),
        ({"image_processor_type": "ImageGPTImageProcessor", "clusters": [[0, 0, 0]]}, "colour clusters"),
        ({"feature_extractor_type": "ImageGPTFeatureExtractor"}, "ImageGPTFeatureExtractor makes colour clusters"),
        ({"image_processor_type": "Gemma3ImageProcessor", "do_pan_and_scan": True}, "with do_pan_and_scan can't"),
        ({"image_processor_type": "ViTImageProcessor", "do_pad": True, "pad_size": 64}, "with do_pad can't"),
        ({"size": 5, "crop_pct": 0.9}, "ImageProcessor with crop_pct can't be followed"),
        ({"image_processor_type": "ViTImageProcessor", "do_resize": False}, "each photo's own size"),
        ({"image_processor_type": "SiglipImageProcessor", "size": 5}, "shorter side becomes 5 and nothing is cropped"),
        (
            {"image_processor_type": "ConvNextImageProcessor", "size": {"height": 5, "width": 5}},
            "shortest_edge; got 5×5",
        ),
        (
            {"image_processor_type": "ViTImageProcessor", "size": {"longest_edge": 5}},
            "or shortest_edge; got longest_edge",
        ),
        ({"image_processor_type": "ViTImageProcessor", "image_mean": None}, "image_mean: expected numbers; got null"),
    ],
)
def test_what_can_not_be_followed_is_refused_by_name(config, match):
    with pytest.raises(InputError, match=match):
        from_hugging_face(config, {})


def test_the_models_made_by_hand(shared, pictures):
    """Network inputs as Hugging Face's own loader makes them of the same folder."""
    logging.getLogger("transformers").setLevel(logging.ERROR)
    from transformers import AutoImageProcessor

    for name in ("hf_vit", "hf_deit", "hf_poolformer"):
        folder = shared / "hand" / name
        model = fastcam.load(folder / "model.onnx")
        assert model.labels == ("cat", "dog", "tree", "cup", "sky")
        assert model.labels_origin == str(folder / "config.json")
        assert model.preprocess_origin == str(folder / "preprocessor_config.json")
        assert "ImageProcessor: from the file " in model.preprocess_details
        processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
        for photo in pictures:
            expected = processor(photo, return_tensors="np")["pixel_values"][0]
            seen = model.vision.see(photo).network_input[0]
            assert grey_levels(model.preprocess, seen, expected) <= 1 + 1e-3


@pytest.mark.parametrize("name", ["preprocessor_config.json", "preprocessor_config.transformers5.json"])
def test_a_published_mobilevit_by_hand(shared, tmp_path, pictures, name):
    body = "maps = Conv(image, k) p = GlobalAveragePool(maps) logits = Flatten(p)"
    data = build(body, inputs="float[N, 3, 128, 128] image", k=(5, 3, 1, 1))
    (tmp_path / "model.onnx").write_bytes(data)
    shutil.copy(shared / "hand" / "hf_mobilevit_published" / name, tmp_path / "preprocessor_config.json")
    shutil.copy(shared / "hand" / "hf_mobilevit_published" / "config.json", tmp_path)
    model = fastcam.load(tmp_path / "model.onnx")
    assert (model.preprocess.channels, model.preprocess.mean, model.preprocess.std) == ("bgr", (0.0,), (1.0,))
    config = json.loads((tmp_path / "preprocessor_config.json").read_text(encoding="utf-8"))
    expected = theirs("MobileViTImageProcessorPil", config, pictures)
    assert expected
    for photo, one in zip(pictures, expected, strict=True):
        assert grey_levels(model.preprocess, ours(model.preprocess, photo), one) <= 1 + 1e-3


def test_an_image_processor_within_a_processors_file_comes_first(tmp_path):
    body = "maps = Conv(image, k) p = GlobalAveragePool(maps) logits = Flatten(p)"
    (tmp_path / "model.onnx").write_bytes(build(body, inputs="float[N, 3, 32, 32] image", k=(5, 3, 1, 1)))
    inner = {"image_processor_type": "ViTImageProcessor", "size": 32}
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": inner}), encoding="utf-8")
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**inner, "size": 64}), encoding="utf-8")
    model = fastcam.load(tmp_path / "model.onnx")
    assert (model.preprocess.size, model.preprocess_origin) == ((32, 32), str(tmp_path / "processor_config.json"))
    (tmp_path / "processor_config.json").write_text('{"processor_class": "X"}', encoding="utf-8")
    with pytest.raises(
        InputError, match=r"takes 32×32; got 64×64. Use size=32x32 \(preprocess from: .*preprocessor_config\.json\)"
    ):
        fastcam.load(tmp_path / "model.onnx")


def test_boxes_of_a_resized_and_cropped_photo_lie_where_the_thing_is():
    """A bright square of a photo that is stretched, then cropped with borders at one side."""
    body = "maps = Conv(image, k) p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
    weights = {
        "k": np.eye(3, dtype=np.float32)[:, :, None, None],
        "w": np.eye(2, 3, dtype=np.float32),
        "b": np.zeros(2, np.float32),
    }
    data = build(body, inputs="float[N, 3, 48, 64] image", outputs="float[N, 2] logits", **weights)
    photo = np.zeros((200, 300, 3), np.uint8)
    photo[80:120, 130:190] = 255
    for spec, region in (
        ("unit,fit=resize-crop,resize=100x120", [70, 52, 230, 148]),  # of 300 pixels to 120: 2.5; of 200 to 100: 2
        ("unit,fit=resize-crop,resize=40", [-10, -20, 310, 220]),  # with borders on all sides: 5
        ("unit,fit=resize-crop", [118, 76, 182, 124]),
        ("unit,fit=crop-resize,crop_fraction=0.9", [60, 10, 240, 190]),
    ):
        explanation = fastcam.load(data, preprocess=spec).explain(photo, class_index=0, threshold=0.5)
        assert explanation.regions[0].tolist() == region
        box, seen = explanation.boxes.xyxy[0, 0], np.array(region)
        wanted = np.clip([130, 80, 190, 120], [*seen[:2]] * 2, [*seen[2:]] * 2)
        assert np.abs(box - wanted).max() <= 1 + max((seen[2] - seen[0]) / 64, (seen[3] - seen[1]) / 48)
