"""A folder of small photos, some broken: what `python -m tests.cli.folder` does with a thousand."""

import os
from pathlib import Path

import pytest

from fastcam.cli import main
from fastcam.cli.explain import Progress
from tests.cli import folder

STATM = Path("/proc/self/statm")


@pytest.mark.skipif(not STATM.exists(), reason="memory is read as Linux counts it")
def test_broken_photos_are_listed_and_memory_stays(tmp_path, monkeypatch):
    wrong = folder.prepare(tmp_path, 60, 3)
    monkeypatch.chdir(tmp_path)
    memory, reach = {}, Progress.reach

    def measured(self, count, total):
        memory[count] = int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
        reach(self, count, total)

    monkeypatch.setattr(Progress, "reach", measured)
    assert main([*folder.COMMAND, "-o", "out", "-q"]) == 1
    folder.check(tmp_path, wrong, 60)
    assert list(memory) == list(range(1, 61))
    assert memory[60] - memory[30] < 4
