"""`python -m tests.exports.localisation FOLDER`: `fastcam eval` of the shared models on the shared photos of COCO.

On the photos and classes of the manifest's reference numbers, by four methods and two baselines. Prints each command,
the tables that come of it, and one of all models for each convention.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastcam.cli import main as fastcam_main
from fastcam.evaluate.records import RESULTS
from fastcam.evaluate.results import table_of
from tests.conftest import PREPROCESS, shared_folder
from tests.pairs import coco_pairs

METHODS = "cam,gradcam,layercam,eigencam"
MODELS = {  # by how many classes come before ImageNet's own
    0: [
        "squeezenet1_1_nchw",
        "squeezenet1_1_int8_qdq",
        "mobilenet_v2_1.0_224_nchw_gemm",
    ],
    1: ["mobilenet_v2_1.0_224_quant_q", "mobilenet_v1_0.25_128_fp32_nhwc"],
}


def table(folder: Path, shared: Path, background: int) -> Path:
    """The pairs as annotations: a row for each box."""
    pairs = coco_pairs(shared)
    rows = ["path,label,x0,y0,x1,y1"]
    for p, (path, index) in enumerate(zip(pairs.paths, pairs.class_index, strict=True)):
        rows += [
            f"{path.name},{index + background},{x0:g},{y0:g},{x1:g},{y1:g}" for x0, y0, x1, y1 in pairs.truth.of(p)
        ]
    file = folder / f"pairs-{background}.csv"
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return file


def command(file: Path, shared: Path, folder: Path, names: list[str], convention: str) -> list[str]:
    """`fastcam` of these models."""
    first, *others = [(str(shared / "models" / f"{name}.onnx"), PREPROCESS[name]) for name in names]
    compared = [text for other in others for text in ("--model", *other)]
    photos = str(shared / "photos" / "coco" / "images")
    options = ["--root", photos, "--method", METHODS, "--convention", convention, "-o", str(folder)]
    return ["eval", first[0], str(file), "--preprocess", first[1], *compared, *options]


def main() -> None:
    shared, folder = shared_folder(), Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for convention in ("paper", "wsol"):
        for background, names in MODELS.items():
            out = folder / f"{convention}-{background}"
            arguments = command(table(folder, shared, background), shared, out, names, convention)
            sys.stdout.write(f"\n    fastcam {shlex.join(arguments)}\n\n")
            sys.stdout.flush()
            if fastcam_main(arguments):
                raise SystemExit(1)
        results = [json.loads((folder / f"{convention}-{background}" / RESULTS).read_bytes()) for background in MODELS]
        sys.stdout.write(f"\n# {convention}\n\n" + "\n".join(together(results)) + "\n")


def together(results: list[dict[str, Any]]) -> Iterator[str]:
    """One table of the baselines, which are the same in all, and of each model's methods."""
    baselines = [row for row in results[0]["rows"] if row["model"] is None]
    own = [row for one in results for row in one["rows"] if row["model"] is not None]
    return table_of([*baselines, *({**row, "method": f"{row['model']}, {row['method']}"} for row in own)], top=5)


if __name__ == "__main__":
    main()
