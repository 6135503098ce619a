"""`python -m tests.exports.baking MODEL...`: bake models, and hold maps of a photo against `Classifier.explain`.

The baked file is run by ONNX Runtime alone, with its defaults. Prints a table of what can't be baked, and of sums.
"""

from __future__ import annotations

import statistics
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime as ort
from skimage.data import coffee

import fastcam
from fastcam import FastcamError
from fastcam.export.baked_model import bake


def deviation(path: Path, folder: Path) -> tuple[str, float, int, tuple[str, ...]]:
    """Method, largest difference relative to the map's maximum, operators that were added, and notes."""
    model = fastcam.load(path, preprocess={"mean": 0.5, "std": 0.5, "fit": "stretch"})
    made = bake(path, folder / "baked.onnx")
    given = model.vision.see(coffee()).network_input
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(folder / "baked.onnx", options)
    maps, index = map(np.asarray, session.run(["activation_maps", "class_index"], {model.input.name: given}))
    expected = model.explain(coffee(), class_index=index[:1]).activation_maps[0, 0]
    nodes = [len(onnx.load(one, load_external_data=False).graph.node) for one in (folder / "baked.onnx", path)]
    error = float(np.abs(maps[0, 0] - expected).max() / (np.abs(expected).max() or 1))
    return made.method, error, nodes[0] - nodes[1], made.notes


def main() -> None:
    say, errors, reasons = sys.stdout.write, [], Counter()
    for path in map(Path, sys.argv[1:]):
        with TemporaryDirectory() as folder:
            try:
                method, error, added, notes = deviation(path, Path(folder))
            except FastcamError as failed:
                reasons[type(failed).__name__] += 1
                say(f"| {path.stem} | refused: {' '.join(str(failed).split())[:200]} |\n")
                continue
            errors.append((error, method))
            if error > 1e-5 or notes:
                say(f"| {path.stem} | {method}, {error:.1e}, {added} operators more; {'; '.join(notes)} |\n")
            sys.stdout.flush()
    for method in ("cam", "gradcam"):
        own = [error for error, name in errors if name == method]
        same = sum(error <= 1e-5 for error in own)
        middle = statistics.median(own) if own else 0
        say(f"{method}: {len(own)} baked, {same} equal to 1e-5, median {middle:.1e}, worst {max(own, default=0):.1e}\n")
    say(f"refused: {dict(reasons)}\n")


if __name__ == "__main__":
    main()
