"""The text of a `.cu` file as a shared library, made by g++ behind `cuda_host.h`, and kept for the next time."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
RUNTIME = ("scheduler.cpp", "meetings.cpp", "checks.cpp", "watchdog.cpp", "race.cpp")

# No contraction: a * b + c is two operations, as on the device with --fmad=false. Hidden names: those of two libraries
# must not become one. A frame has to fit a fiber's stack.
_FLAGS = (
    *("-std=c++17", "-O2", "-fPIC", "-ffp-contract=off", "-fno-strict-aliasing", "-fno-exceptions", "-fno-rtti"),
    *("-fvisibility=hidden", "-fno-gnu-unique", "-Werror=frame-larger-than=65536"),
    f"-I{HERE}",
)
# Answered in checks.cpp. The compiler's own libraries for these aren't linked.
_CHECKS = ("-fsanitize=bounds,alignment,integer-divide-by-zero,shift-exponent,float-cast-overflow",)
_RACE_CHECKS = ("-fsanitize=thread",)  # tells race.cpp of each load and store
_RACE = ("-DCUDA_HOST_RACE",)
_ARCHITECTURE = "-D__CUDA_ARCH__=800"

_NESTED = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
_KERNEL = re.compile(
    rf'extern\s*"C"\s+__global__\s+(?:__launch_bounds__\s*(?P<before>{_NESTED})\s*)?void\s+'
    rf"(?:__launch_bounds__\s*(?P<after>{_NESTED})\s*)?(?P<name>\w+)\s*(?P<parameters>{_NESTED})\s*\{{"
)
_DYNAMIC = re.compile(r"extern\s+__shared__\s+(?:__align__\s*\(\s*\d+\s*\)\s*)?([\w\s:]+?)\s*\b(\w+)\s*\[\s*\]\s*;")


def available() -> bool:
    """Return whether there is a compiler."""
    return shutil.which("g++") is not None


def build(code: str, options: Sequence[str], *, race: bool) -> Path:
    """The library with all `extern "C"` kernels of this text; options that aren't -D are ignored."""
    if not available():
        raise RuntimeError("expected g++, which runs CUDA kernels on the CPU; install it (Debian: apt install g++)")
    defines = tuple(option for option in options if option.startswith("-D"))
    parts = (code, *defines, str(race), _environment())
    folder = _folder()
    library = folder / f"{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            made = _make(code, defines, race, Path(temporary))
            made.replace(library)  # at once: other processes see all of it or nothing
    return library


def _make(code: str, defines: tuple[str, ...], race: bool, folder: Path) -> Path:
    resolved = _run("-E", _ARCHITECTURE, *defines, "-x", "c++", "-", text=f'#line 1 "kernels.cu"\n{code}\n')
    checks = (*_CHECKS, *_RACE_CHECKS, *_RACE) if race else _CHECKS
    kernels, library = folder / "kernels.o", folder / "kernels.so"
    _run(*_FLAGS, *checks, *defines, "-c", "-o", str(kernels), "-x", "c++", "-", text=_translate(resolved))
    _run("-shared", "-o", str(library), str(kernels), *map(str, _runtime(race)), "-lrt")
    return library


def _translate(resolved: str) -> str:
    """C++ for g++ of CUDA C++ that the preprocessor has been through: comments are gone and conditions are decided."""
    entries = []
    for kernel in _KERNEL.finditer(resolved):
        parameters = re.sub(r"^\s*#.*$", "", kernel["parameters"][1:-1], flags=re.MULTILINE)
        names = [re.findall(r"\w+", parameter)[-1] for parameter in parameters.split(",") if parameter.strip()]
        bounds = kernel["before"] or kernel["after"] or "(1024)"
        entries.append(f'CUDA_HOST_KERNEL({kernel["name"]}, "{",".join(names)}", {bounds})')
    # The declaration may go over several lines: those after it keep their numbers.
    text = _DYNAMIC.sub(
        lambda found: (
            f"{found[1]} *const {found[2]} = static_cast<{found[1]} *>(cuda_host::dynamic_shared());"
            + "\n" * found[0].count("\n")
        ),
        resolved,
    )
    lines = ['#include "cuda_host.h"', '#include "entry.h"', text, '#line 1 "entries"', *entries, ""]
    return "\n".join(lines)


@cache
def _runtime(race: bool) -> list[Path]:
    """Objects of what every library holds besides its kernels."""
    wanted = _RACE if race else ()
    key = hashlib.sha256(chr(0).join((*wanted, _environment())).encode()).hexdigest()[:32]
    objects = []
    for name in RUNTIME:
        made = _folder() / f"{key}-{name}.o"
        if not made.exists():
            with tempfile.TemporaryDirectory(dir=_folder()) as temporary:
                fresh = Path(temporary) / "object.o"
                _run(*_FLAGS, *wanted, "-c", "-o", str(fresh), str(HERE / name))
                fresh.replace(made)
        objects.append(made)
    return objects


def _run(*arguments: str, text: str = "") -> str:
    done = subprocess.run(("g++", *arguments), input=text, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise RuntimeError(f"g++ refuses the kernels:\n{done.stderr}")
    return done.stdout


@cache
def _environment() -> str:
    """All that a library depends on but its own text: the compiler, how it is called, the files in this folder."""
    sources = (path.read_text(encoding="utf-8") for path in sorted(HERE.iterdir()) if path.suffix in (".h", ".cpp"))
    return chr(0).join((_run("--version"), *_FLAGS, *_CHECKS, Path(__file__).read_text(encoding="utf-8"), *sources))


@cache
def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"fastcam-cuda-host-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
