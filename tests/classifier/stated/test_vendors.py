"""Class names and preprocessing as vendors state them: in metadata, graphs and files."""

import json
import pickle
import warnings

import numpy as np
import pytest
from onnx import helper
from PIL import Image

import fastcam
from fastcam import InputError
from fastcam.classifier.stated.table import VENDORS
from fastcam.cli import main
from fastcam.errors import AssumedPreprocessWarning, LabelsWarning
from fastcam.images.preprocessing import NAMED, Preprocess
from tests.classifier.stated.made import (
    CUSTOM_VISION,
    DESCRIPTIONS,
    MADE,
    MODEL_API,
    NAMES,
    PADDLE,
    PROCESSOR,
    TIMM,
    ULTRALYTICS,
    Made,
    changed,
    class_label,
    network,
    zip_map,
)


def load(made, folder, **options):
    return fastcam.load(made.write(folder), **options)


@pytest.mark.parametrize("name", MADE)
def test_every_vendor_is_understood(tmp_path, name):
    made = MADE[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error", LabelsWarning)
        model = load(made, tmp_path)
    assert model.labels == made.names
    is_file = (tmp_path / made.labels_in).is_file()
    assert model.labels_origin == (str(tmp_path / made.labels_in) if is_file else made.labels_in)
    assert model.preprocess == (made.preprocess or NAMED["imagenet"])
    place = made.preprocess_in or "default"
    assert model.preprocess_origin == (str(tmp_path / place) if (tmp_path / place).is_file() else place)
    assert (model.assumed is None) == bool(made.preprocess)


def test_assumed_values_stand_in_the_stated_order_of_colours():
    model = fastcam.load(network({"Image.BitmapPixelFormat": "Bgr8"}).SerializeToString())
    assert (model.preprocess.channels, model.preprocess_origin) == ("bgr", "metadata (ONNX Image), default")
    assert (model.preprocess.mean, model.preprocess.std) == ((0.406, 0.456, 0.485), (0.225, 0.224, 0.229))
    photo = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    rgb = fastcam.load(network().SerializeToString(), preprocess="imagenet")
    expected = rgb.vision.prepare(photo).network_input[:, ::-1]
    np.testing.assert_array_equal(model.vision.prepare(photo).network_input, expected)


def test_errors_of_what_is_stated_and_assumed_say_where_from():
    data = network({"Image.BitmapPixelFormat": "Gray8"}).SerializeToString()
    says = r"mean: expected one number.* \(preprocess from: metadata \(ONNX Image\), default\); give preprocess="
    with pytest.raises(InputError, match=says):
        fastcam.load(data)
    with pytest.raises(InputError, match=says):
        fastcam.load(data, preprocess="fit=stretch")
    with pytest.raises(InputError, match=r"takes 16×16; got 9×9. Use size=16x16 \(preprocess from: argument\)$"):
        fastcam.load(data, preprocess="unit,size=9")


def test_the_table_shows_the_order():
    assert [vendor.name for vendor in VENDORS] == [
        *("Ultralytics", "OpenVINO Model API", "class lists in the graph", "Azure Custom Vision"),
        *("ONNX image metadata", "Hugging Face", "timm", "PaddleClas", "text lists"),
    ]


def test_bytes_sessions_and_pickles_state_the_same(tmp_path):
    import onnxruntime as ort

    data = network(ULTRALYTICS).SerializeToString()
    model = fastcam.load(data)
    assert (model.labels, model.labels_origin) == (NAMES, "metadata (Ultralytics)")
    again = pickle.loads(pickle.dumps(model))
    for name in ("labels", "labels_origin", "labels_details", "preprocess", "preprocess_origin", "preprocess_details"):
        assert getattr(again, name) == getattr(model, name)
    session = ort.InferenceSession(_with_maps(data), providers=["CPUExecutionProvider"])
    mine = fastcam.load(session, head=model.head)
    assert (mine.labels, mine.preprocess) == (model.labels, model.preprocess)


def _with_maps(data):
    import onnx
    from onnx import TensorProto, helper

    model = onnx.ModelProto.FromString(data)
    model.graph.output.append(helper.make_tensor_value_info("maps", TensorProto.FLOAT, None))
    return model.SerializeToString()


def test_scores_behind_maps_of_names(tmp_path):
    """The output of ZipMap is no tensor: scores are those of its input."""
    plain, zipped = fastcam.load(network().SerializeToString()), load(MADE["zip map"], tmp_path)
    assert zipped.outputs == ("loss",)
    assert (zipped.activation, zipped.head.kind, zipped.head.classes) == ("softmax", "cam", 5)
    photo = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    mine, other = zipped.explain(photo, top=5), plain.explain(photo, top=5)
    np.testing.assert_array_equal(mine.class_index, other.class_index)
    np.testing.assert_allclose(mine.scores, other.scores, rtol=1e-6)
    np.testing.assert_array_equal(mine.activation_maps, other.activation_maps)


def test_lists_of_several_outputs_are_not_mixed_up():
    model = class_label("extractor")
    for name, listed in (("second", "vwxyz"), ("third", "abcde")):
        said = {"keys_int64s": range(5), "values_strings": list(listed)}
        model.graph.node.append(helper.make_node("LabelEncoder", ["best"], [name], domain="ai.onnx.ml", **said))
    with pytest.warns(
        LabelsWarning, match=r"graph can't be understood \(2 operators LabelEncoder list different names"
    ):
        assert fastcam.load(model.SerializeToString()).labels is None


def test_numbers_that_say_nothing_are_no_names():
    model = fastcam.load(zip_map(classlabels_int64s=[0, 1, 2, 3, 4]).SerializeToString())
    assert (model.labels, model.labels_origin) == (None, "none")


def test_what_is_given_comes_first_then_metadata_then_files(tmp_path):
    files = {**MADE["hugging face"].files, "labels.txt": "a\nb\nc\nd\ne"}
    made = Made(lambda: network(ULTRALYTICS), files)
    model = load(made, tmp_path)
    assert (model.labels, model.labels_origin) == (NAMES, "metadata (Ultralytics)")
    assert model.preprocess == MADE["ultralytics"].preprocess
    other = tmp_path / "preprocessor_config.json"
    assert model.preprocess_details == (
        "Ultralytics: imgsz; all else as its classify_transforms; "
        f"{other} states another mean, std, fit, resize, crop_fraction, rounding, and isn't followed"
    ).replace("crop_fraction, ", "")
    given = load(made, tmp_path, labels=list("vwxyz"), preprocess="unit")
    assert (given.labels, given.labels_origin) == (tuple("vwxyz"), "argument")
    assert (given.preprocess, given.preprocess_origin) == (NAMED["unit"], "argument")
    change = load(made, tmp_path, preprocess="fit=stretch")
    assert change.preprocess == Preprocess(size=(16, 16), fit="stretch")
    assert change.preprocess_details.endswith("isn't followed; changed: fit=stretch")
    assert change.preprocess_origin == "metadata (Ultralytics)"


def test_partial_statements_are_put_together_and_each_is_told(tmp_path):
    sized = changed(ULTRALYTICS, task="detect")
    turned = {**sized, "Image.BitmapPixelFormat": "BGR8"}  # neither keys nor values depend on case
    model = load(Made(lambda: network(turned), {"config.json": json.dumps(TIMM)}), tmp_path)
    expected = Preprocess(
        mean=(0.406, 0.456, 0.485),  # timm's are of red, green and blue
        std=(0.225, 0.224, 0.229),
        channels="bgr",
        fit="resize-crop",
        resize=16,
        rounding="torchvision",
        size=(16, 16),
        interpolation="bicubic",
    )
    assert model.preprocess == expected
    assert model.preprocess_origin == f"metadata (Ultralytics), metadata (ONNX Image), {tmp_path / 'config.json'}"
    assert model.preprocess_details == (
        "Ultralytics: imgsz; task detect; ONNX: Image.BitmapPixelFormat; timm: crop_mode, crop_pct, input_size, "
        f"interpolation, mean, std; {tmp_path / 'config.json'} states another channels, and isn't followed"
    )
    assert model.assumed is None
    (tmp_path / "config.json").unlink()
    with pytest.warns(AssumedPreprocessWarning, match="assumed"):
        model = load(Made(lambda: network(turned)), tmp_path)
    assert model.preprocess_origin == "metadata (Ultralytics), metadata (ONNX Image), default"
    assert model.preprocess_details.endswith("; assumed: values, fit")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"NominalPixelRange": "NominalRange_0_255"}, {"scale": 1.0}),
        ({"NominalPixelRange": "Normalized_0_1", "BitmapPixelFormat": "Rgb8"}, {"channels": "rgb"}),
        ({"NominalPixelRange": "Normalized_1_1"}, {"mean": (0.5,), "std": (0.5,)}),
        ({"NominalPixelRange": "NominalRange_16_235"}, {"mean": (-16.0,), "scale": 219 / 255}),
    ],
)
def test_pixel_formats_of_onnx(said, expected):
    metadata = {f"Image.{key}": value for key, value in {"ColorSpaceGamma": "SRGB", **said}.items()}
    model = fastcam.load(network(metadata).SerializeToString())
    assert model.preprocess == Preprocess(**expected)
    assert model.preprocess_origin == "metadata (ONNX Image), default"


BROKEN = {
    "gamma": ({"Image.ColorSpaceGamma": "Linear", "Image.BitmapPixelFormat": "Rgb8"}, "expected SRGB"),
    "alpha": ({"Image.BitmapPixelFormat": "Rgba8"}, "expected one of gray8, rgb8, bgr8; got 'rgba8'"),
    "range": ({"Image.NominalPixelRange": "0-1"}, "expected one of nominalrange_0_255"),
    "normalized": (
        changed(CUSTOM_VISION, **{"CustomVision.Preprocess.NormalizeMean": "[0.5, 0.5, 0.5]"}),
        r"NormalizeMean: expected \[0, 0, 0\]; got \[0.5",
    ),
    "imgsz": (changed(ULTRALYTICS, imgsz="[16, 16"), "can't be read as JSON"),
    "imgsz of code": (changed(ULTRALYTICS, imgsz="__import__('os')"), "can't be read as JSON"),
    "negative": (changed(ULTRALYTICS, imgsz="[-1, 16]"), r"size: expected \(height, width\)"),
    "channels": (changed(ULTRALYTICS, channels="6"), "channels: expected 1 or 3; got '6'"),
    "resize": (changed(MODEL_API, **{"model_info resize_type": "fit_to_window"}), "'fit_to_window' can't be followed"),
    "cubic": (changed(MODEL_API, **{"model_info interpolation_mode": "CUBIC"}), "'CUBIC' can't be followed"),
    "intensity": (changed(MODEL_API, **{"model_info intensity_mode": "window"}), "intensity_mode, input_dtype"),
    "mean": (changed(MODEL_API, **{"model_info mean_values": "a b c"}), "could not convert string to float"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_metadata_that_can_not_be_followed_are_named(name):
    metadata, match = BROKEN[name]
    data = network(metadata).SerializeToString()
    with pytest.raises(InputError, match=rf"^metadata \(.*\): can't be understood \(.*{match}.*; give preprocess="):
        fastcam.load(data)
    assert fastcam.load(data, preprocess="unit").preprocess == NAMED["unit"]


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("resize_short: 20", "resize_long: 20", "KeyError: 'size'"),
        ("CropImage", "CropImageAtRatio", "CropImageAtRatio can't be followed; expected operators out of DecodeImage"),
        ("size: 16", "size: [a, b]", "ValueError"),
        ("scale: 0.00392156862745098", "scale: __import__('os').system('false')", "could not convert string to float"),
        (
            "resize_short: 20",
            "resize_short: 20\n      interpolation: bicubic",
            "cv2's interpolation 'bicubic' can't be",
        ),
        ("  - CropImage:\n      size: 16\n", "", "resize_short without CropImage"),
        ("transform_ops:", "other_ops:", "KeyError: 'transform_ops'"),
        ("topk: 5", "topk: !!python/object/apply:os.system ['false'", "can't be read as YAML"),
    ],
)
def test_configurations_of_paddle_that_can_not_be_followed(tmp_path, old, new, match):
    made = Made(network, {"inference.yml": PADDLE.replace(old, new)})
    with pytest.raises(InputError, match=rf"inference\.yml: can't be understood \(.*{match}"):
        load(made, tmp_path)


def test_a_broken_file_behind_whole_metadata_is_told(tmp_path):
    model = load(Made(lambda: network(changed(ULTRALYTICS)), {"inference.yml": "PreProcess: ["}), tmp_path)
    assert "inference.yml can't be understood (can't be read as YAML" in model.preprocess_details
    assert model.preprocess == MADE["ultralytics"].preprocess


UNFIT = {
    "ultralytics": (lambda: network(changed(ULTRALYTICS, names="{0: 'a', 1: 'b'}")), {}, "names in metadata .* has 2"),
    "code": (lambda: network(changed(ULTRALYTICS, names="exit()")), {}, r"expected \{0: 'name', ...\}.*got 'exit\(\)'"),
    "too many": (lambda: class_label("extractor", [*NAMES, "f"]), {}, r"in graph \(Array.*\) has 6 names, not those"),
    "lines": (
        network,
        {"labels.txt": "a\nb"},
        r"the list of names in .*labels\.txt has 2 names, not those of classes 0",
    ),
    "gap": (network, {"labels.txt": "a\n\nb"}, r"labels\.txt can't be understood \(.*line 2 is empty"),
    "timm": (network, {"config.json": json.dumps({**TIMM, "label_names": {"a": "b"}})}, "can't be understood"),
    "paddle": (network, {"inference.yml": PADDLE.replace("    - dog\n", "")}, r"label_list in .*inference\.yml has 4"),
    "binary": (network, {"labels.txt": "\udcff"}, r"labels\.txt can't be understood"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_names_that_do_not_fit_warn_with_the_reason(tmp_path, name):
    model, files, match = UNFIT[name]
    made = Made(model, {key: text for key, text in files.items() if "\udcff" not in text})
    for key in files.keys() - made.files.keys():
        (tmp_path / key).write_bytes(b"\xff\xfe\x00")
    with pytest.warns(LabelsWarning, match=match):
        found = load(made, tmp_path)
    assert found.labels is None
    assert found.labels_origin == f"none: {found.labels_details}"


def test_names_that_do_not_fit_give_way_to_others_that_do(tmp_path):
    made = Made(lambda: network(changed(ULTRALYTICS, names="['a']")), {"labels.txt": "\n".join(NAMES)})
    with pytest.warns(LabelsWarning, match=r"labels: names in metadata \(Ultralytics\) has 1 names"):
        model = load(made, tmp_path)
    assert (model.labels, model.labels_origin) == (NAMES, str(tmp_path / "labels.txt"))
    with pytest.raises(InputError, match="labels: expected 5 names, one a class; got 1"):
        load(made, tmp_path, labels=["a"])


def test_a_folder_that_is_not_named_onnx_is_left_only_for_files_beside(tmp_path):
    files = MADE["hugging face"].files
    model = load(Made(network, files, path="models/model.onnx"), tmp_path)
    assert (model.labels_origin, model.preprocess_origin) == ("none", "default")
    model = load(Made(network, {**files, "onnx/labels.txt": "a\nb\nc\nd\ne"}, path="onnx/model.onnx"), tmp_path)
    assert model.labels_origin == str(tmp_path / "config.json")


def test_paths_relative_to_the_folder(tmp_path, monkeypatch):
    load(MADE["hugging face, one folder up"], tmp_path)
    monkeypatch.chdir(tmp_path / "onnx")
    assert fastcam.load("model.onnx").labels == NAMES
    monkeypatch.chdir(tmp_path)
    assert fastcam.load("onnx/model.onnx").preprocess == MADE["hugging face"].preprocess


def test_commands_tell_where_all_of_it_comes_from(tmp_path, capsys):
    path = Made(lambda: network(ULTRALYTICS), {"preprocessor_config.json": json.dumps(PROCESSOR)}).write(tmp_path)
    assert main(["inspect", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "labels      5: cat, dog, hot dog, ... (metadata (Ultralytics))\n" in printed
    assert "preprocess  metadata (Ultralytics); Ultralytics: imgsz; all else as its classify_transforms; " in printed
    assert "fit         resize-crop, resize 16, rounding torchvision, size 16×16" in printed
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "photo.png")
    assert main(["explain", str(path), str(tmp_path / "photo.png"), "-o", str(tmp_path / "out")]) == 0
    record = json.loads((tmp_path / "out" / "results.json").read_text())["model"]
    assert record["labels"] == {"count": 5, "origin": "metadata (Ultralytics)", "details": ""}
    assert record["preprocess"]["origin"] == "metadata (Ultralytics)"
    assert "preprocessor_config.json states another mean, std, fit" in record["preprocess"]["details"]


def test_inspect_proposes_names_and_takes_none(tmp_path, capsys):
    from tests.model.models import build

    body = "maps = Conv(image, k) p = GlobalAveragePool(maps) logits = Flatten(p)"
    (tmp_path / "model.onnx").write_bytes(build(body, outputs="float[N, 1000] logits", k=(1000, 3, 1, 1)))
    assert main(["inspect", str(tmp_path / "model.onnx")]) == 0
    assert "labels      none; 1000 classes: --labels imagenet?\n" in capsys.readouterr().out


def test_choosing_by_a_name_of_two_classes_says_which_are_meant(tmp_path, capsys):
    path = MADE["ultralytics"].write(tmp_path)
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "photo.png")
    command = ["explain", str(path), str(tmp_path / "photo.png"), "-o", str(tmp_path / "out"), "--class"]
    assert main([*command, "cat"]) == 2
    assert "expected the name of one class; 'cat' is that of 0 ('cat'), 4 ('cat')" in capsys.readouterr().err
    assert main([*command, "hot dog"]) == 0
    assert main([*command, "4"]) == 0


def test_a_null_for_names_states_nothing(tmp_path):
    model = load(Made(network, {"config.json": '{"id2label": null}'}), tmp_path)
    assert (model.labels_origin, model.labels_details) == ("none", "")


def test_descriptions_of_synsets_are_names(tmp_path):
    assert load(MADE["timm, descriptions"], tmp_path).labels == tuple(DESCRIPTIONS.values())
