"""`python -m tests.verdicts [FOLDER...]`: what fastcam makes of every model at hand, a line each, to be compared.

The hand-made models of the tests, those of the shared data, and .onnx files below the folders. Run it before and after
a change and look at the difference: nothing that was refused becomes accepted by accident, nor the other way round.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastcam
from tests.conftest import PREPROCESS, shared_folder
from tests.zoo import ALL
from tests.zoo.others import OTHERS

HAND = {  # sizes of those that leave it open
    **{"aniso_strides_gap_fc": "48x192", "aniso_mlp_head": "48x192", "aniso_flatten_fc": "32x128"},
    **{"height1_maxpool_gap_fc": "32x128", "isotropic_pool2_to_1row": "16x64", "time_first_ctc_TNK": "32x96"},
    "resize_in_graph_96x128_to_64x64": "96x128",
}


def verdict(model: Any, **options: Any) -> str:
    """The kind, feature maps, classes and activation of a model, or the first line of its refusal."""
    try:
        opened = fastcam.load(model, **options)
    except fastcam.FastcamError as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0].replace(str(model), 'it')[:160]}"
    head = opened.head
    return f"{head.kind} {head.feature_maps} {head.feature_shape} {head.layout} K={head.classes} {head.activation}"


def verdicts(folders: list[Path]) -> Iterator[tuple[str, str]]:
    """Names and verdicts, in order."""
    for name, build in ALL.items():
        case = build()
        yield f"zoo/{name}", verdict(case.model, **{"preprocess": "unit", **case.options})
    for name, (_, build) in OTHERS.items():
        yield f"others/{name}", verdict(build(), preprocess="unit")
    shared = shared_folder()
    for file in sorted(shared.glob("models/**/*.onnx")):
        yield f"models/{file.name}", verdict(file, preprocess=PREPROCESS.get(file.stem, "unit"))
    for file in sorted(shared.glob("hand/**/*.onnx")):
        size = f",size={HAND[file.stem]}" if file.stem in HAND else ""
        yield f"hand/{file.relative_to(shared / 'hand')}", verdict(file, preprocess=f"unit{size}")
    for folder in folders:
        for file in sorted(folder.rglob("*.onnx")):
            yield f"{folder.name}/{file.relative_to(folder)}", verdict(file, preprocess="unit")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for name, found in verdicts([Path(folder) for folder in sys.argv[1:]]):
        print(f"{name}: {found}", flush=True)
