"""Damaged and hostile models in processes of their own: a clear error or a right load, soon; no crash, no hang."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

MUTATIONS = int(os.environ.get("FASTCAM_MUTATIONS", "300"))
A_PROCESS = 50
SECONDS = 10.0  # for one model, of its thread, so that a busy machine fails nothing


def fates(folder: Path, first: int, last: int) -> dict[int, str]:
    """Return the fate of each model; a process that dies or hangs is started again behind the model that did it."""
    found: dict[int, str] = {}
    while first < last:
        command = [sys.executable, "-m", "tests.model.fuzzing", str(folder), str(first), str(last)]
        try:
            limit = 30 + SECONDS * (last - first)
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit, cwd=Path(__file__).parents[3])
            printed, ended = done.stdout, f"CRASHED with {done.returncode}: {done.stderr[-300:]}"
        except subprocess.TimeoutExpired as error:
            printed, ended = (error.stdout or b"").decode(), "HUNG"
        for line in printed.splitlines():
            number, _, fate = line.partition(" ")
            found[int(number)] = fate
        unfinished = [number for number, fate in found.items() if fate == "started"]
        if not unfinished and len(found) and max(found) == last - 1:
            break
        first = (unfinished[0] if unfinished else max(found, default=first)) + 1
        found.update(dict.fromkeys(unfinished, ended))
    return found


@pytest.mark.parametrize("first", range(0, MUTATIONS, A_PROCESS))
def test_damaged_models_end_in_an_error(shared, first):
    found = fates(shared / "models", first, min(first + A_PROCESS, MUTATIONS))
    wrong = {number: fate for number, fate in found.items() if not fate.startswith(("refused", "loaded"))}
    assert not wrong, Counter(fate[:80] for fate in wrong.values())
    assert max(float(fate.split()[-2]) for fate in found.values()) <= SECONDS
    assert len(found) == min(A_PROCESS, MUTATIONS - first)
