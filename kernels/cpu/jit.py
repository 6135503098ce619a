"""How every CPU kernel is compiled: serial, without the GIL, cached on disk, with one signature.

No fast-math flag at all: the results decide pixels, and every engine must agree on them bit for bit (LLVM vectorises
these loops over positions, which needs no reassociation). No `parallel=True`: Numba's default threading layer aborts
the process when two threads enter such a function.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba
from numba import types

from fastcam.kernels.cpu.cache import KernelCache

OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": False, "error_model": "numpy"}


def readable(dtype: types.Type, ndim: int) -> types.Array:
    """Type of a C-contiguous input; read-only arrays are accepted as well, with no further compilation."""
    return types.Array(dtype, ndim, "C", readonly=True)


def writable(dtype: types.Type, ndim: int) -> types.Array:
    """Type of a C-contiguous output or workspace."""
    return types.Array(dtype, ndim, "C")


# What several kernels are given: a grid, a rule (threshold, rectify, minmax, connectivity), and workspace: padded and
# corners (`extrema.py`); then spans, runs and components (`runs.py`).
GRID = (readable(types.int32, 1), readable(types.float32, 1), readable(types.int32, 1), readable(types.float32, 1))
RULE = (types.float64, types.int64, types.int64, types.int64)
CELLS = (writable(types.float32, 2), writable(types.float32, 4))
TABLES = (*CELLS, *[writable(types.int32, 2)] * 3)


def kernel(result: types.Type, *parameters: types.Type) -> Callable[[Callable[..., Any]], Any]:
    """Decorator: compile for these parameter types now, or load the machine code from the cache."""
    signature = result(*parameters)

    def compile_kernel(function: Callable[..., Any]) -> Any:
        compiled: Any = numba.njit(**OPTIONS)(function)
        if compiled is function:  # NUMBA_DISABLE_JIT
            return compiled
        with suppress(AttributeError, TypeError, OSError):  # another Numba, or no source: compiled in each process
            compiled._cache = KernelCache(function)
        compiled.compile(signature)
        compiled.disable_compile()
        return compiled

    return compile_kernel


def helper(function: Callable[..., Any]) -> Any:
    """Decorator of a part of a kernel: compiled with the kernels that call it, and inlined there by LLVM."""
    return numba.njit(forceinline=True, **OPTIONS)(function)
