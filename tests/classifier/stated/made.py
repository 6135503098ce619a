"""Models and folders with the fields that vendors write, each with the names and the preprocessing that they state."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fastcam.images.preprocessing import Preprocess
from tests.model.models import BACKBONE, IMAGE, WEIGHTS, make

NAMES = ("cat", "dog", "hot dog", "ñandú", "cat")  # a blank, another script, and the same name twice
BODY = f"{BACKBONE} p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
ML = "ai.onnx.ml"


def network(metadata: Mapping[str, str] | None = None, body: str = BODY, inputs: str = IMAGE) -> onnx.ModelProto:
    """Return a classifier of five classes, with metadata."""
    model = make(body, inputs, **WEIGHTS)
    for key, value in (metadata or {}).items():
        model.metadata_props.add(key=key, value=value)
    return model


def zip_map(**labels: Any) -> onnx.ModelProto:
    """Return a classifier as skl2onnx and Azure Custom Vision end one: scores as a sequence of maps."""
    model = network()
    model.opset_import.add(domain=ML, version=2)
    model.graph.node.append(helper.make_node("Softmax", ["logits"], ["scores"]))
    model.graph.node.append(helper.make_node("ZipMap", ["scores"], ["loss"], domain=ML, **labels))
    value = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
    kind = TensorProto.STRING if "classlabels_strings" in labels else TensorProto.INT64
    kept = helper.make_value_info("loss", helper.make_sequence_type_proto(helper.make_map_type_proto(kind, value)))
    model.graph.output[0].CopyFrom(kept)
    return model


def class_label(kind: str, names: Sequence[str] = NAMES) -> onnx.ModelProto:
    """Return a classifier whose second output is the name of the best class, by one of ONNX-ML's operators."""
    model = network()
    graph = model.graph
    model.opset_import.add(domain=ML, version=4 if kind == "keys_tensor" else 1 if kind == "classes_strings" else 2)
    graph.node.append(helper.make_node("ArgMax", ["logits"], ["best"], axis=1, keepdims=0))
    if kind == "extractor":  # skl2onnx, WinMLTools
        graph.initializer.append(numpy_helper.from_array(np.array(names, object), "classes"))
        graph.node.append(helper.make_node("ArrayFeatureExtractor", ["classes", "best"], ["label"], domain=ML))
    elif kind == "keys_int64s":  # ML.NET, whose keys begin at 1
        graph.initializer.append(numpy_helper.from_array(np.array(1), "one"))
        graph.node.append(helper.make_node("Add", ["best", "one"], ["key"]))
        said: dict[str, Any] = {"keys_int64s": [1, 2, 3, 4, 5], "values_strings": names}
        graph.node.append(helper.make_node("LabelEncoder", ["key"], ["label"], domain=ML, **said))
    elif kind == "classes_strings":
        graph.node.append(helper.make_node("LabelEncoder", ["best"], ["label"], domain=ML, classes_strings=names))
    else:
        values = numpy_helper.from_array(np.array(names, object))
        said = {"keys_tensor": numpy_helper.from_array(np.arange(5)), "values_tensor": values}
        graph.node.append(helper.make_node("LabelEncoder", ["best"], ["label"], domain=ML, **said))
    graph.output.append(helper.make_tensor_value_info("label", TensorProto.STRING, ["N"]))
    return model


@dataclass(frozen=True)
class Made:
    """A vendor's model and the files around it.

    Attributes
    ----------
    model
        Makes the model.
    files
        Contents by name; the model is at `path`.
    labels_in, preprocess_in
        The origins that are expected, files as paths in the folder; empty for none.
    preprocess
        The specification that is expected, as far as it is stated.
    """

    model: Callable[[], onnx.ModelProto] = network
    files: Mapping[str, str] = field(default_factory=dict)
    labels_in: str = ""
    preprocess_in: str = ""
    preprocess: Preprocess | None = None
    path: str = "model.onnx"
    names: tuple[str, ...] = NAMES

    def write(self, folder: Path) -> Path:
        """Write all of it, and return the model's path."""
        target = folder / self.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self.model().SerializeToString())
        for name, text in self.files.items():
            (folder / name).write_text(text, encoding="utf-8")
        return target


# What `Exporter` of ultralytics 8.4 writes for a classifier of its own.
ULTRALYTICS = {
    "description": "Ultralytics YOLO11n-cls model trained on pets",
    "author": "Ultralytics",
    "date": "2026-11-29T16:04:53.780674+00:00",
    "version": "8.4.190",
    "license": "AGPL-3.0 License (https://ultralytics.com/license)",
    "docs": "https://docs.ultralytics.com",
    "stride": "1",
    "task": "classify",
    "head": "Classify",
    "batch": "1",
    "imgsz": "[16, 16]",
    "names": str(dict(enumerate(NAMES))),
    "args": "{'batch': 1, 'dynamic': False, 'quantize': None}",
    "channels": "3",
    "end2end": "False",
}
# What OTX writes into its ONNX files for Model API.
MODEL_API = {
    "model_info model_type": "Classification",
    "model_info task_type": "classification",
    "model_info labels": "cat dog hot_dog ñandú cat",
    "model_info label_ids": "0 1 2 3 4",
    "model_info optimization_config": "{}",
    "model_info mean_values": "123.675 116.28 103.53",
    "model_info scale_values": "58.395 57.12 57.375",
    "model_info resize_type": "standard",
    "model_info pad_value": "0",
    "model_info reverse_input_channels": "False",
    "model_info multilabel": "False",
    "model_info confidence_threshold": "0.5",
}
LABEL_INFO = {"label_names": NAMES, "label_ids": ["0", "1", "2", "3", "4"], "label_groups": [NAMES]}
CUSTOM_VISION = {
    "CustomVision.Metadata.Version": "1.2",
    "CustomVision.Postprocess.Method": "ClassificationMultiClass",
    "CustomVision.Preprocess.CropHeight": "0",
    "CustomVision.Preprocess.CropMethod": "FullImageShorterSide",
    "CustomVision.Preprocess.NormalizeMean": "[0.0, 0.0, 0.0]",
    "CustomVision.Preprocess.NormalizeStd": "[1.0, 1.0, 1.0]",
    "CustomVision.Preprocess.ResizeMethod": "ByShorterSideAlign32",
    "Image.BitmapPixelFormat": "Bgr8",
    "Image.ColorSpaceGamma": "SRGB",
    "Image.NominalPixelRange": "NominalRange_0_255",
}
MANIFEST = {
    "DomainType": "Classification",
    "Platform": "ONNX",
    "Flavor": "",
    "ExporterVersion": "2.0",
    "ModelFileName": "model.onnx",
    "LabelFileName": "labels.txt",
    "MetadataPropsFileName": "metadata_properties.json",
    "SchemaVersion": "1.0",
}
TIMM = {
    "architecture": "resnet18",
    "num_classes": 5,
    "num_features": 512,
    "pretrained_cfg": {
        "tag": "a1_in1k",
        "custom_load": False,
        "input_size": [3, 16, 16],
        "fixed_input_size": False,
        "interpolation": "bicubic",
        "crop_pct": 0.95,
        "crop_mode": "center",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "num_classes": 5,
        "pool_size": [1, 1],
    },
}
SYNSETS = [f"n0000000{number}" for number in range(5)]
DESCRIPTIONS = dict(zip(SYNSETS, NAMES, strict=True))
PADDLE = """\
Global:
  model_name: PP-LCNet_x1_0
PreProcess:
  transform_ops:
  - ResizeImage:
      resize_short: 20
  - CropImage:
      size: 16
  - NormalizeImage:
      channel_num: 3
      mean:
      - 0.485
      - 0.456
      - 0.406
      order: ''
      scale: 0.00392156862745098
      std:
      - 0.229
      - 0.224
      - 0.225
  - ToCHWImage: null
PostProcess:
  Topk:
    topk: 5
    label_list:
    - cat
    - dog
    - hot dog
    - ñandú
    - cat
"""
PULC = """\
PreProcess:
  transform_ops:
    - DecodeImage: {to_rgb: True, to_np: False, channel_first: False}
    - ResizeImage: {size: [16, 16], interpolation: bicubic, backend: pil}
    - NormalizeImage: {scale: 1.0/255.0, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], order: ''}
    - ToCHWImage:
PostProcess:
  main_indicator: Topk
  Topk: {topk: 5, class_id_map_file: "../ppcls/utils/pets.txt"}
  SavePreLabel: {save_dir: ./pre_label/}
"""
PROCESSOR = {"image_processor_type": "ViTImageProcessor", "size": {"height": 16, "width": 16}}
IMAGENET = Preprocess((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
LINES = "\n".join(NAMES)
VIT = Preprocess((0.5,) * 3, (0.5,) * 3, fit="stretch", size=(16, 16))
CLS = Preprocess(size=(16, 16), fit="resize-crop", resize=16, rounding="torchvision")
TIMMS = Preprocess(
    *(IMAGENET.mean, IMAGENET.std),
    fit="resize-crop",
    resize=16,
    rounding="torchvision",
    size=(16, 16),
    interpolation="bicubic",
)
PIXELS = Preprocess(
    mean=(123.675, 116.28, 103.53),
    std=(58.395, 57.12, 57.375),
    scale=1.0,
    fit="stretch",
    crop_fraction=1.0,
    interpolation="opencv-linear",
)
META = "metadata ({})"


def changed(config: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return metadata or a configuration with other values; None takes one away."""
    return {key: value for key, value in {**config, **changes}.items() if value is not None}


MADE = {
    "ultralytics": Made(lambda: network(ULTRALYTICS), {}, META.format("Ultralytics"), META.format("Ultralytics"), CLS),
    "yolov5": Made(lambda: network({"stride": "32", "names": str(list(NAMES))}), labels_in=META.format("Ultralytics")),
    "model api": Made(
        lambda: network(MODEL_API),
        {},
        META.format("OpenVINO Model API"),
        META.format("OpenVINO Model API"),
        PIXELS,
        names=("cat", "dog", "hot_dog", "ñandú", "cat"),
    ),
    "model api, label_info": Made(
        lambda: network({**MODEL_API, "model_info label_info": json.dumps(LABEL_INFO)}),
        {},
        META.format("OpenVINO Model API"),
        META.format("OpenVINO Model API"),
        PIXELS,
    ),
    "zip map": Made(lambda: zip_map(classlabels_strings=NAMES), labels_in="graph (ZipMap)"),
    "zip map of numbers": Made(
        lambda: zip_map(classlabels_int64s=[3, 1, 4, 1, 5]), labels_in="graph (ZipMap)", names=tuple("31415")
    ),
    "skl2onnx": Made(lambda: class_label("extractor"), labels_in="graph (ArrayFeatureExtractor)"),
    "ml.net": Made(lambda: class_label("keys_int64s"), labels_in="graph (LabelEncoder)"),
    "winmltools": Made(lambda: class_label("classes_strings"), labels_in="graph (LabelEncoder)"),
    "tensors of keys": Made(lambda: class_label("keys_tensor"), labels_in="graph (LabelEncoder)"),
    "custom vision": Made(
        lambda: network(CUSTOM_VISION),
        {"cvexport.manifest": json.dumps(MANIFEST), "labels.txt": "\r\n".join(NAMES)},
        "labels.txt",
        META.format("Azure Custom Vision"),
        Preprocess(scale=1.0, channels="bgr", fit="stretch", interpolation="bicubic"),
    ),
    "custom vision, no metadata": Made(
        network,
        {"cvexport.manifest": json.dumps(MANIFEST), "labels.txt": LINES},
        "labels.txt",
        "cvexport.manifest",
        Preprocess(fit="stretch", interpolation="bicubic"),
    ),
    "hugging face": Made(
        network,
        {
            "config.json": json.dumps({"model_type": "vit", "id2label": dict(enumerate(NAMES))}),
            "preprocessor_config.json": json.dumps(PROCESSOR),
        },
        "config.json",
        "preprocessor_config.json",
        VIT,
    ),
    "hugging face, one folder up": Made(
        network,
        {
            "config.json": json.dumps({"model_type": "vit", "id2label": dict(enumerate(NAMES))}),
            "preprocessor_config.json": json.dumps(PROCESSOR),
        },
        "config.json",
        "preprocessor_config.json",
        VIT,
        path="onnx/model.onnx",
    ),
    "timm": Made(
        network, {"config.json": json.dumps({**TIMM, "label_names": NAMES})}, "config.json", "config.json", TIMMS
    ),
    "timm, descriptions": Made(
        network,
        {"config.json": json.dumps({**TIMM, "label_names": SYNSETS, "label_descriptions": DESCRIPTIONS})},
        "config.json",
        "config.json",
        TIMMS,
    ),
    "timm, old and by number": Made(
        network,
        {"config.json": json.dumps({**TIMM["pretrained_cfg"], "labels": dict(enumerate(NAMES))})},
        "config.json",
        "config.json",
        TIMMS,
    ),
    "paddle": Made(
        network,
        {"inference.yml": PADDLE},
        "inference.yml",
        "inference.yml",
        Preprocess(
            *(IMAGENET.mean, IMAGENET.std),
            fit="resize-crop",
            resize=20,
            rounding="nearest",
            size=(16, 16),
            interpolation="opencv-linear",
        ),
    ),
    "paddle, a file of names": Made(
        network,
        {"infer_cfg.yml": PULC, "pets.txt": "\n".join(f"{number} {name}" for number, name in enumerate(NAMES))},
        "infer_cfg.yml",
        "infer_cfg.yml",
        Preprocess((0.5,) * 3, (0.5,) * 3, fit="stretch", size=(16, 16), interpolation="bicubic"),
    ),
    "teachable machine": Made(
        network, {"labels.txt": "".join(f"{number} {name}\n" for number, name in enumerate(NAMES))}, "labels.txt"
    ),
    "edge tpu": Made(
        network, {"labels.txt": "".join(f"{number}  {name}\n" for number, name in enumerate(NAMES))}, "labels.txt"
    ),
    "lines": Made(network, {"classes.txt": LINES}, "classes.txt"),
    "synsets": Made(
        network,
        {"synset.txt": "\n".join(f"{synset} {name}" for synset, name in DESCRIPTIONS.items())},
        "synset.txt",
    ),
}
