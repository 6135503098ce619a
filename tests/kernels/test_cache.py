"""Compiled kernels: kept between processes where that is possible, and no trouble where it isn't."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastcam.kernels.cpu
from fastcam.kernels.cpu.cache import KernelFiles, stamp

CODE = """
import sys, fastcam, fastcam.kernels.cpu as cpu
print(fastcam.find_boxes([[0.0, 4.0, 0.0]], (6, 12)).xyxy.tolist())
print(sum(sum(cpu.load(name).stats.cache_misses.values()) for name in cpu.names()))
print(sum(sum(cpu.load(name).stats.cache_hits.values()) for name in cpu.names()))
"""


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    box, misses, hits = done.stdout.splitlines()
    return box, int(misses), int(hits)


def test_kernels_are_safe_after_fork():
    code = (
        "import os, fastcam; fastcam.find_boxes([[1.0]], (4, 4)); pid = os.fork()\n"
        "assert fastcam.find_boxes([[1.0]], (4, 4)).area == 16\n"
        "pid and os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def warmup(*options, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "fastcam", "warmup", *options],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_warmup_compiles_all_kernels_for_later_processes(tmp_path):
    kernels = len(fastcam.kernels.cpu.names())
    fast = {"NUMBA_OPT": "0"}  # to compile: what is kept, and found again, is the same
    first, second = warmup("--cache", str(tmp_path), **fast), warmup(FASTCAM_CACHE_DIR=str(tmp_path), **fast)
    assert first.stdout.startswith(f"{kernels} kernels: {kernels} compiled, 0 from the cache")
    assert second.stdout.startswith(f"{kernels} kernels: 0 compiled, {kernels} from the cache")
    assert second.stdout.endswith(f"cache: {tmp_path}\n")
    assert (first.returncode, second.returncode) == (0, 0)
    assert run(CODE, FASTCAM_CACHE_DIR=str(tmp_path)) == ("[3, 0, 9, 6]", 0, kernels)


def test_warmup_says_when_there_is_no_place_for_a_cache(tmp_path):
    (tmp_path / "file").touch()
    done = warmup("--cache", str(tmp_path / "file"))
    assert done.returncode == 2
    assert done.stdout == ""  # after the first: nothing more is compiled that would be lost
    assert "can't be kept" in done.stderr
    assert f"{tmp_path / 'file'}: File exists" in done.stderr


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A folder with all kernels, copied from where this machine has them."""
    place = warmup().stdout.splitlines()[-1].removeprefix("cache: ")
    folder = tmp_path_factory.mktemp("warm")
    version = stamp(Path(fastcam.kernels.cpu.__file__))[:12]  # files of earlier versions may be there as well
    for file in Path(place).glob(f"*.cpython*.{version}.*nb?"):
        shutil.copy(file, folder)
    return folder


# The kernel that is compiled fastest, by itself.
FILL = """
import numpy as np, fastcam.kernels.cpu as cpu
fill = cpu.load("fill_holes")
framed = np.zeros((5, 5), np.int32)
framed[1:4, 1:4] = 3
framed[2, 2] = 1
fill(framed, np.empty(4, np.int32), np.empty(25, np.int32))
print(framed[2].tolist(), sum(fill.stats.cache_hits.values()))
"""
FILLED = "[0, 3, 3, 3, 0]"


def fill(folder, before=""):
    environment = {**os.environ, "FASTCAM_CACHE_DIR": str(folder)}
    command = [sys.executable, "-c", before + FILL]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)


def flip(data):
    """One bit of the machine code."""
    return data[:-100] + bytes([data[-100] ^ 1]) + data[-99:]


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        ("nbi", lambda data: b""),
        ("nbi", lambda data: bytes(range(256)) * 4),
        ("nbc", lambda data: data[: len(data) // 2]),
        ("nbc", flip),
    ],
    ids=["empty index", "noisy index", "cut code", "one bit of the code"],
)
def test_a_damaged_file_is_told_and_replaced(warm, tmp_path, suffix, damage):
    for file in warm.glob("fill_holes.*"):
        shutil.copy(file, tmp_path)
    (file,) = tmp_path.glob(f"*.{suffix}")
    file.write_bytes(damage(file.read_bytes()))
    first, second = fill(tmp_path), fill(tmp_path)
    assert first.stdout == f"{FILLED} 0\n"
    assert first.stderr.count("RuntimeWarning: cache: ") == 1
    assert str(tmp_path) in first.stderr
    assert (second.stdout, second.stderr) == (f"{FILLED} 1\n", "")


def test_versions_share_a_folder_side_by_side(warm, tmp_path):
    """Two copies of the package whose kernels differ, in turn: none replaces what the other one keeps."""
    copy = copy_of_package(tmp_path / "other")
    with (copy / "kernels" / "cpu" / "fill_holes.py").open("a", encoding="utf-8") as file:
        file.write("# of another version\n")
    other = f"import sys; sys.path.insert(0, {str(copy.parent)!r})\n"
    folder = shutil.copytree(warm, tmp_path / "shared")
    done = [fill(folder, before) for before in (other, "", other)]
    assert [one.stdout for one in done] == [f"{FILLED} {hits}\n" for hits in (0, 1, 1)]
    assert [one.stderr for one in done] == [""] * 3


def copy_of_package(folder):
    beside = shutil.ignore_patterns("__pycache__", "data")
    return shutil.copytree(Path(fastcam.__file__).parent, folder / "fastcam", ignore=beside)


@pytest.mark.parametrize("helper", ["kernels/__init__.py", "kernels/cpu/jit.py"])
def test_a_kernel_is_compiled_anew_when_what_it_is_built_on_changes(tmp_path, helper):
    package = copy_of_package(tmp_path)
    other = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    before = [fill(tmp_path / "cache", other).stdout for _ in range(2)]
    with (package / helper).open("a", encoding="utf-8") as file:
        file.write("# edited\n")
    after = [fill(tmp_path / "cache", other).stdout for _ in range(2)]
    assert before == after == [f"{FILLED} 0\n", f"{FILLED} 1\n"]


@pytest.mark.parametrize("way", ["another folder", "another time"])
def test_a_copy_with_the_same_contents_is_loaded_from_the_cache(warm, tmp_path, way):
    """Neither paths nor times count, as in layers of a container and after a checkout."""
    package = copy_of_package(tmp_path)
    if way == "another time":
        for file in package.rglob("*.py"):
            os.utime(file, (0, 0))
    done = fill(shutil.copytree(warm, tmp_path / "cache"), f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n")
    assert (done.stdout, done.stderr) == (f"{FILLED} 1\n", "")


def test_an_archive_is_one_source(tmp_path):
    """A zipped package, and a frozen program: any change in them counts."""
    archive = tmp_path / "fastcam.zip"
    archive.write_bytes(b"one")
    before = stamp(archive)
    other = tmp_path / "other.zip"
    other.write_bytes(b"two")
    assert len({before, stamp(other), stamp(Path(fastcam.kernels.cpu.__file__))}) == 3


def test_processes_that_keep_kernels_at_once_load_their_own(tmp_path, monkeypatch):
    """Two processes read the index, then write the first data file, as machines with processors of two kinds may."""
    old, new = (KernelFiles(tmp_path, "kernel", "version") for _ in range(2))
    write = old._save_data

    def write_late(name, data):
        with monkeypatch.context() as context:
            context.setattr(new, "_load_index", dict)  # it read it before the other one wrote
            new.keep("new processor", "its code")
        write(name, data)

    with monkeypatch.context() as context:
        context.setattr(old, "_save_data", write_late)
        old.keep("old processor", "code of the old one")
    assert (old.load("old processor"), new.load("new processor")) == (None, None)
    old.keep("old processor", "code of the old one")
    new.keep("new processor", "its code")
    assert (old.load("old processor"), new.load("new processor")) == ("code of the old one", "its code")


FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))\n"  # bytes of a file
GONE = "import os, shutil, fastcam.kernels.cpu.cache; shutil.rmtree(os.environ['FASTCAM_CACHE_DIR'])\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of POSIX")
def test_a_full_disk_is_told_and_nothing_breaks(tmp_path):
    done = fill(tmp_path, FULL)
    assert done.stdout == f"{FILLED} 0\n"
    assert done.stderr.count("RuntimeWarning: cache: compiled kernels can't be kept") == 1
    assert f"{tmp_path}: File too large" in done.stderr
    assert not list(tmp_path.glob("*.nbc*"))


def test_a_folder_that_went_away_is_made_again(warm, tmp_path):
    folder = shutil.copytree(warm, tmp_path / "gone")
    done = fill(folder, GONE)
    assert (done.stdout, done.stderr) == (f"{FILLED} 0\n", "")
    assert len(list(folder.glob("fill_holes.*"))) == 2


def without_writing(folder, *command):
    """A command's process where all file systems are read-only, as a user who doesn't own the folder."""
    if not (sys.platform == "linux" and shutil.which("unshare") and shutil.which("setpriv")):
        pytest.skip("needs unshare and setpriv")
    folder.chmod(0o755)
    for parent in folder.parents[:3]:  # pytest's own are private
        if parent.owner() == folder.owner():
            parent.chmod(0o755)
    script = 'mount -o remount,bind,ro / || exit 99; exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"'
    environment = {**os.environ, "FASTCAM_CACHE_DIR": str(folder), "HOME": "/nonexistent"}
    begin = ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable]
    if subprocess.run([*begin, "-c", "import numpy"], env=environment, capture_output=True, check=False).returncode:
        pytest.skip("needs namespaces, and an interpreter that others may run")
    return subprocess.run([*begin, *command], env=environment, capture_output=True, text=True, check=False)


def test_another_user_on_a_read_only_file_system_compiles_nothing(warm):
    """The steps of the Dockerfile in docs/deployment.md: `warmup` as root, run as somebody else."""
    kernels = len(fastcam.kernels.cpu.names())
    unwritable = "import os; open(os.environ['FASTCAM_CACHE_DIR'] + '/new', 'w')"
    assert "Error" in without_writing(warm, "-c", unwritable).stderr
    done = without_writing(warm, "-W", "error", "-c", CODE)
    assert done.stderr == ""
    assert done.stdout.split("\n")[:3] == ["[3, 0, 9, 6]", "0", str(kernels)]
    told = without_writing(warm, "-m", "fastcam", "warmup")
    assert f"{kernels} kernels: 0 compiled, {kernels} from the cache" in told.stdout, told.stderr
