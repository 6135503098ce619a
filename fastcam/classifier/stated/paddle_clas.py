"""PaddleClas: `inference.yml` or `infer_cfg.yml` beside the model.

Fields from `dump_infer_config` of `ppcls/utils/config.py` and `deploy/configs`; the transformation of each operator
from `ppcls/data/preprocess/ops/operators.py`, PaddleClas 2.6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fastcam.classifier.documents import read_text
from fastcam.classifier.labels import parse_lines
from fastcam.classifier.stated.evidence import Evidence
from fastcam.classifier.stated.vendor import Clause, Names, Steps, Vendor
from fastcam.errors import InputError
from fastcam.images.preprocessing import NAMED, PILLOWS

FILES = ("inference.yml", "infer_cfg.yml")
IMAGENET = NAMED["imagenet"]
NULLS = ("", "null", "~")
OPENCV = {"bilinear": "opencv-linear", "nearest": "nearest"}  # those whose pixels are the same here


def _config(evidence: Evidence) -> Mapping[str, Any]:
    file = evidence.find(*FILES)
    return evidence.mapping(file) if file else {}


def _named(evidence: Evidence) -> Path | None:
    file = evidence.find(*FILES)
    return file if evidence.says(file, "PostProcess", "label_list", broken=True) else None


def _labels(evidence: Evidence) -> list[Names]:
    config, found = _config(evidence), list[Names]()
    post = config.get("PostProcess")
    for said in (config, *(post.values() if isinstance(post, Mapping) else ())):
        if not isinstance(said, Mapping):
            continue
        for names, what in _lists(evidence, said):
            if names:
                found.append(Names(names, what))
    return found


def _lists(evidence: Evidence, said: Mapping[str, Any]) -> Iterator[tuple[dict[int, str], str]]:
    """Yield the names of one postprocessing: its list, the file that it names beside it, or `label_0` and so on."""
    given = said.get("label_list")
    if isinstance(given, list | Mapping):
        pairs = given.items() if isinstance(given, Mapping) else enumerate(given)
        yield {int(number): str(name) for number, name in pairs}, "label_list"
    name = said.get("class_id_map_file")
    file = evidence.find(Path(name).name) if isinstance(name, str) and Path(name).name else None
    if file is not None:
        yield dict(enumerate(parse_lines(read_text(file)))), f"class_id_map_file {file.name}"
    numbered = {key[6:]: str(value) for key, value in said.items() if key.startswith("label_")}
    yield {int(key): value for key, value in numbered.items() if key.isascii() and key.isdigit()}, "label_0, ..."


def _prepared(evidence: Evidence) -> Path | None:
    file = evidence.find(*FILES)
    return file if evidence.says(file, "PreProcess", broken=True) else None


def _preprocess(evidence: Evidence) -> Steps:
    """Return the fields of all operators, in their order."""
    operators = _config(evidence)["PreProcess"]["transform_ops"]
    fields: dict[str, Any] = {"channels": "rgb", "mean": (0.0,), "std": (1.0,), "scale": 1.0}
    names = []
    for operator in operators:
        ((name, given),) = operator.items()
        if name not in OPERATORS:
            raise InputError(f"{name} can't be followed; expected operators out of {', '.join(OPERATORS)}")
        values = given if isinstance(given, Mapping) else {}
        fields |= OPERATORS[name]({key: value for key, value in values.items() if value not in NULLS}, fields)
        names.append(name)
    if "fit" not in fields:
        raise InputError("photos are neither resized nor cropped: inputs of each photo's own size")
    if fields["fit"] == "resize-crop" and "size" not in fields:
        raise InputError("resize_short without CropImage: inputs of each photo's own proportions")
    return Steps(fields, f"PaddleClas: {', '.join(names)}")


def _decode(given: Mapping[str, Any], _: Mapping[str, Any]) -> dict[str, Any]:
    return {"channels": "bgr" if given.get("to_rgb") in ("False", "false") else "rgb"}


def _resize(given: Mapping[str, Any], _: Mapping[str, Any]) -> dict[str, Any]:
    """Resize the shorter side to `resize_short`, or the whole photo to `size`, (width, height)."""
    backend, kind = (
        given.get(key, value).lower() for key, value in (("backend", "cv2"), ("interpolation", "bilinear"))
    )
    known = {name: name for name in PILLOWS} if backend == "pil" else OPENCV
    if kind not in known:
        raise InputError(f"ResizeImage: {backend}'s interpolation {kind!r} can't be followed")
    fields: dict[str, Any] = {"interpolation": known[kind]}
    if (short := int(given.get("resize_short", 0))) > 0:
        return fields | {"fit": "resize-crop", "resize": short, "rounding": "nearest"}
    return fields | {"fit": "stretch", "size": _sides(given["size"])}


def _crop(given: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Cut the centre out, `size` a number or (width, height)."""
    size = _sides(given["size"])
    if fields.get("fit") != "stretch":  # the shorter side was resized, or nothing
        return {"fit": "resize-crop", "size": size}
    return {} if fields["size"] == size else {"fit": "resize-crop", "resize": fields["size"], "size": size}


def _normalize(given: Mapping[str, Any], _: Mapping[str, Any]) -> dict[str, Any]:
    mean, std = given.get("mean", IMAGENET.mean), given.get("std", IMAGENET.std)
    if isinstance(mean, str) or isinstance(std, str):
        raise InputError(f"NormalizeImage: mean, std: expected lists of numbers; got {mean!r} and {std!r}"[:200])
    return {
        "mean": tuple(float(value) for value in mean),
        "std": tuple(float(value) for value in std),
        "scale": _scale(given.get("scale", "1/255")),
    }


def _scale(text: str) -> float:
    """Return the number of text such as "0.00392157" or "1.0/255.0", which PaddleClas evaluates as Python."""
    parts = [float(part) for part in text.split("/")]
    return parts[0] if len(parts) == 1 else parts[0] / parts[1]


def _nothing(given: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _sides(given: Any) -> tuple[int, int]:
    """Return (height, width) of a number or (width, height)."""
    width, height = given if isinstance(given, list) else (given, given)
    return int(height), int(width)


OPERATORS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]] = {
    "DecodeImage": _decode,
    "ResizeImage": _resize,
    "CropImage": _crop,
    "NormalizeImage": _normalize,
    "ToCHWImage": _nothing,
}

VENDOR = Vendor("PaddleClas", Clause(_named, _labels), Clause(_prepared, _preprocess))
