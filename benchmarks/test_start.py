"""The time of whole, short-lived processes, with a warm cache."""

import subprocess
import sys

import pytest

PROCESSES = {
    "import numpy": ["-c", "import numpy"],
    "import numpy, fastcam": ["-c", "import numpy, fastcam"],
    "fastcam demo": ["-m", "fastcam", "demo", "-o", "."],
}


@pytest.mark.parametrize("name", PROCESSES)
def test_process(benchmark, tmp_path, name):
    options = {"check": True, "capture_output": True, "cwd": tmp_path}
    benchmark.group = "start"
    benchmark.pedantic(subprocess.run, ([sys.executable, *PROCESSES[name]],), options, rounds=7, warmup_rounds=1)
