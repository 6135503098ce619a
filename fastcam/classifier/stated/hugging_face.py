"""Hugging Face: `preprocessor_config.json` or `processor_config.json`, and `id2label` of `config.json`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastcam.classifier.stated.evidence import Evidence
from fastcam.classifier.stated.timm import pretrained_config
from fastcam.classifier.stated.vendor import Clause, Names, Steps, Vendor
from fastcam.errors import InputError
from fastcam.images.hugging_face import from_hugging_face, leaves_it_to_timm

CONFIG = "config.json"
PROCESSORS = {"processor_config.json": "image_processor", "preprocessor_config.json": ""}  # and the key that has it


def _named(evidence: Evidence) -> Path | None:
    file = evidence.find(CONFIG)
    return file if evidence.says(file, "id2label", broken=True) else None


def _labels(evidence: Evidence) -> list[Names]:
    file = evidence.find(CONFIG)
    given = evidence.mapping(file)["id2label"] if file else None
    if given is None:
        return []
    names = given if isinstance(given, Mapping) else {}
    return [Names({int(number): str(name) for number, name in names.items()}, "id2label")]


def _processor(evidence: Evidence) -> Path | None:
    """Return the file of an image processor that isn't timm's, or one that can't be read."""
    for name in PROCESSORS:
        file = evidence.find(name)
        if file is None:
            continue
        try:
            config, model = _configuration(evidence, file), _model(evidence)
        except InputError:
            return file
        if config is not None and not (leaves_it_to_timm(config, model) and pretrained_config(model)):
            return file
    return None


def _preprocess(evidence: Evidence) -> Steps:
    file = _processor(evidence)
    config = _configuration(evidence, file) if file else None
    return Steps.whole(*from_hugging_face(config or {}, _model(evidence)))


def _configuration(evidence: Evidence, file: Path) -> Mapping[str, Any] | None:
    """Return the values of the image processor in a file, None where it is of something else alone."""
    whole, key = evidence.mapping(file), PROCESSORS[file.name]
    found = whole.get(key) if key else whole
    if found is not None and not isinstance(found, Mapping):
        raise InputError(f"{key}: expected an object; got {type(found).__name__}")
    return found


def _model(evidence: Evidence) -> Mapping[str, Any]:
    file = evidence.find(CONFIG)
    return evidence.mapping(file) if file else {}


VENDOR = Vendor("Hugging Face", Clause(_named, _labels), Clause(_processor, _preprocess))
