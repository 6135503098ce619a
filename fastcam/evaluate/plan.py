"""The plan of an evaluation: what it asks for, and what its results add."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fastcam.classifier.classifier import Classifier
from fastcam.evaluate.data.annotations import Annotations
from fastcam.evaluate.protocol import Protocol
from fastcam.methods.options import Options
from fastcam.package import __version__

ORIGINS = {"argument": "as given", "default": "assumed, as nothing was given and no file beside the model tells"}
Plans = Mapping[str, Mapping[str, Options]]


def plan_of(
    models: Mapping[str, Classifier], plans: Plans, annotations: Annotations, protocol: Protocol, data: str
) -> dict[str, Any]:
    """Return the plan: "asked", which has to be the same to resume and to merge, and "told", which may differ."""
    of_models = [{"model": name, "method": method} for name in models for method in plans[name]]
    one, *_ = (plan for own in plans.values() for plan in own.values())  # layers are those of all
    asked = {
        "models": [
            {
                "name": name,
                "sha256": model.sha256,
                "head": [model.head.feature_maps, model.head.output, model.head.kind],
                "constants": {k: _digest_of(v.tolist()) for k, v in model.vision.session.constants.items()},
                "provider": model.provider,
                "preprocess": asdict(model.preprocess),
            }
            for name, model in models.items()
        ],
        "layers": list(one.layers),
        "rows": [*of_models, *({"model": None, "method": name} for name in protocol.baselines)],
        **protocol.record(),
        "images": len(annotations),
        "data": _digest(annotations),
    }
    return {"fastcam": __version__, "asked": asked, "told": _told(models, annotations, data)}


def _told(models: Mapping[str, Classifier], annotations: Annotations, data: str) -> dict[str, Any]:
    first = next(iter(models.values()))
    absent = len(annotations.absent_classes(first.head.classes))
    return {
        "data": {"format": annotations.format, "path": data, "absent_classes": absent},
        "problems": [problem._asdict() for problem in annotations.problems],
        "models": [
            {
                "name": name,
                "path": None if model.path is None else str(model.path),
                "sha256": model.sha256,
                "head": model.head.describe(),
                "preprocess": f"{model.preprocess.describe()} ({ORIGINS.get(origin, origin)})",
            }
            for name, model in models.items()
            for origin in [model.preprocess_origin]
        ],
        "labels": {str(index): first.labels[index] for index in annotations.used_classes() if first.labels},
    }


def _digest_of_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if os.path.isfile(path) else ""


def _digest(annotations: Annotations) -> str:
    """Return a digest of all that is known of the photos but their places: lengths of their files and masks as well."""
    one = annotations
    lengths = [path.stat().st_size if os.path.isfile(path) else -1 for path in one.paths]
    masks = [[_digest_of_file(path) for path in files] for files in one.masks], one.mask_class
    ignored = [path and _digest_of_file(path) for path in one.ignored]
    known = [one.ids, one.class_index, one.boxes, one.box_class, one.offsets, one.sizes, lengths, masks, ignored]
    return _digest_of([value.tolist() if isinstance(value, np.ndarray) else value for value in known])


def _digest_of(plain: Any) -> str:
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()
