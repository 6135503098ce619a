"""Run every check that CI runs: `python -m tests`, or some of them by name: `python -m tests lint types`."""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("FASTCAM_SHARED_DATA", ROOT.parent / "shared" / "data")).resolve()


def python(*arguments: str) -> None:
    """Run this interpreter in the project's root."""
    run(sys.executable, *arguments, cwd=ROOT)


def run(*command: str, cwd: Path, **variables: str) -> None:
    """Run a command, with environment variables, and end with it if it fails."""
    print("+", *command, flush=True)
    environment = {**os.environ, "FASTCAM_SHARED_DATA": str(SHARED), **variables}
    subprocess.run(command, cwd=cwd, env=environment, check=True)


def lint() -> None:
    python("-m", "ruff", "check", ".")
    python("-m", "ruff", "format", "--check", ".")


def types() -> None:
    python("-m", "pyright", "--pythonpath", sys.executable)


# One process more than processors, as some tests wait; files kept together: fixtures that hold models belong to one.
PARALLEL = ("-n", str((os.cpu_count() or 1) + 1), "--dist", "loadfile")


def tests() -> None:
    python("-m", "pytest", "-q", *PARALLEL)


# What a wheel could lack: files, modules, data, entry points; and the README's code.
FOR_WHEELS = {
    *("arrays/test_maps.py", "classifier/test_classifier.py", "classifier/test_stream.py"),
    *("cli/test_commands.py", "cli/test_eval.py", "cli/test_inspect.py", "export/test_bake.py"),
    *("export/test_overlays.py", "house/test_readme.py", "methods/test_methods.py", "model/file/test_model_files.py"),
    *("model/file/test_onnxruntime_files.py", "model/head/test_saved.py", "serve/test_command.py"),
    *("serve/test_photos.py", "serve/test_server.py"),
}


def left_out(folder: str, names: list[str]) -> set[str]:
    """Names in a folder of tests that wheels aren't tested by."""
    here = Path(folder).relative_to(ROOT / "tests")
    tests = {name for name in names if name.startswith("test_") and (here / name).as_posix() not in FOR_WHEELS}
    return tests | {"cuda", "published.py", "fonts.py", "__pycache__"}


def installed_wheel(folder: Path) -> str:
    """Compile the kernels, build the wheel, install it into a fresh environment, and return its interpreter."""
    python("-m", "fastcam", "warmup")  # tests in two processes would each compile them
    python("-m", "build", "--outdir", str(folder / "dist"), ".")
    venv.create(folder / "venv", with_pip=True)
    fresh = str(folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python")
    built = next((folder / "dist").glob("*.whl"))
    tools = ("pytest", "pytest-benchmark", "pytest-xdist", "hypothesis", "pandas")  # which an example needs
    run(fresh, "-m", "pip", "install", "-q", f"{built}[video]", *tools, cwd=folder)
    return fresh


def wheel(interpreter: Future[str]) -> None:
    """Test the wheel that an interpreter has installed, from another directory."""
    with tempfile.TemporaryDirectory() as temporary:
        elsewhere = Path(temporary)
        shutil.copytree(ROOT / "tests", elsewhere / "tests", ignore=left_out)
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, elsewhere)
        shutil.copytree(ROOT / "docs", elsewhere / "docs")
        # The wheel's kernels are those of the checkout, by their sources' digest: compiled once for both.
        kept = str(ROOT / "kernels" / "cpu" / "__pycache__")
        tests = ("-m", "pytest", "-q", *PARALLEL, "tests", "--pyargs", "fastcam")
        run(interpreter.result(), *tests, cwd=elsewhere, FASTCAM_CACHE_DIR=kept)


def benchmarks() -> None:
    """Run each once, untimed: they still run, and the contenders still agree."""
    python("-m", "pytest", "-q", *PARALLEL, "benchmarks", "--benchmark-disable")


CHECKS = ("lint", "types", "tests", "wheel", "benchmarks")


def main(names: list[str]) -> int:
    if unknown := set(names) - set(CHECKS):
        print(f"expected some of {', '.join(CHECKS)}; got {', '.join(unknown)}", file=sys.stderr)
        return 2
    chosen = names or CHECKS
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as aside:
        fresh = aside.submit(installed_wheel, Path(folder)) if "wheel" in chosen else Future[str]()
        checks = {
            "lint": lint,
            "types": types,
            "tests": tests,
            "wheel": partial(wheel, fresh),
            "benchmarks": benchmarks,
        }
        for name in chosen:
            try:
                checks[name]()
            except subprocess.CalledProcessError as error:
                print(f"{name} failed with exit code {error.returncode}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
