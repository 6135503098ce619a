"""The text of a `.cu` file, with the `.cuh` files that it includes.

It is a single text, as CuPy's cache of compiled kernels doesn't look into included files.
"""

import re
from functools import cache
from importlib.resources import files

_INCLUDE = re.compile(r'^#include "(\w+\.cuh)"$', re.MULTILINE)

# Without fused multiply-add: the machine must not decide whether a pixel is above a threshold. Sums of channels, whose
# last bits may differ, call it by name.
OPTIONS = ("--std=c++17", "--fmad=false")


@cache
def source(name: str) -> str:
    """Return all of `<name>.cu`, with the line numbers of the files that its parts are from."""
    return _with_parts(f"{name}.cu")


def _with_parts(file: str) -> str:
    text = (files("fastcam.kernels.cuda") / file).read_text(encoding="utf-8")
    lines = [f'#line 1 "{file}"']
    for number, line in enumerate(text.splitlines(), start=1):
        found = _INCLUDE.match(line)
        lines += [_with_parts(found[1]), f'#line {number + 1} "{file}"'] if found else [line]
    return "\n".join(lines)
