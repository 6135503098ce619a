"""A folder of a thousand photos, some broken, through `fastcam explain --lenient`: results, exit code and memory.

    python -m tests.cli.folder [PHOTOS] [BROKEN]

Memory is that of the process, as Linux counts it, in the course of the run.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from tests.cli.explaining import make
from tests.model.models import classifier

PHOTOS, BROKEN = 1000, 3
COMMAND = ["explain", "model.onnx", "photos", "--preprocess", "imagenet", "--lenient", "--csv", "--grid", "100"]


def prepare(folder: Path, photos: int, broken: int) -> list[str]:
    """Write a small model and photos in several folders, with the same names in each; return the broken ones."""
    (folder / "model.onnx").write_bytes(classifier())
    paths = [f"photos/{k % 7}/{k // 7:04}.png" for k in range(photos)]
    for seed, path in enumerate(paths):
        make(folder / path, seed)
    wrong = paths[:: max(1, photos // max(1, broken))][:broken]
    for path in wrong:
        (folder / path).write_bytes((folder / path).read_bytes()[:200])
    return sorted(wrong)


def run(folder: Path, *options: str) -> tuple[int, list[float]]:
    """Run the command in a process of its own; return its exit code, and its memory in MB while photos are in work."""
    command = [sys.executable, "-m", "fastcam", *COMMAND, *options, "-o", "out"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    memory, page = [], os.sysconf("SC_PAGE_SIZE")
    journal = folder / "out" / ".results.json.journal"
    while process.poll() is None:
        with suppress(OSError):
            if journal.stat().st_size and not (folder / "out" / "results.json").exists():
                memory.append(int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * page / 1e6)
        time.sleep(0.005)
    return process.wait(), memory


def check(folder: Path, wrong: list[str], photos: int) -> None:
    """Check that all but the broken photos have results, and files of their own."""
    results = json.loads((folder / "out" / "results.json").read_text(encoding="utf-8"))
    assert len(results["images"]) == photos - len(wrong)
    assert sorted(one["file"] for one in results["problems"]) == wrong
    overlays = [one["overlay"] for image in results["images"] for one in image["maps"]]
    assert len({name.casefold() for name in overlays}) == photos - len(wrong)
    assert all((folder / "out" / name).is_file() for name in [*overlays, *results["also_written"]])
    rows = (folder / "out" / "results.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + photos - len(wrong)


def growth(memory: list[float]) -> tuple[float, float]:
    """Return the median memory of the second quarter of a run and of the last, in MB."""
    quarter = len(memory) // 4
    return float(np.median(memory[quarter : 2 * quarter])), float(np.median(memory[-quarter:]))


def main(photos: int = PHOTOS, broken: int = BROKEN) -> None:
    """Run it and print what was found."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        wrong = prepare(folder, photos, broken)
        began = time.perf_counter()
        code, memory = run(folder)
        seconds = time.perf_counter() - began
        check(folder, wrong, photos)
        early, late = growth(memory)
    print(f"{photos - broken} results, {broken} listed, exit code {code}, {seconds:.1f} s")
    print(f"memory: {early:.1f} MB in the second quarter, {late:.1f} MB in the last")
    assert code == 1
    assert late - early < 8


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
