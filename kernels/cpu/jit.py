"""Compilation of the CPU kernels: serial, without the GIL, cached on disk, with one signature each.

No fast-math flag at all: the results decide pixels, and every engine must agree on them bit for bit (LLVM vectorises
these loops over positions, which needs no reassociation). No `parallel=True`: Numba's default threading layer aborts
the process when two threads enter such a function.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, get_args

import numba
import numpy as np
from numba import types

from fastcam.kernels.contract import In, Shaped, flattened, parameters
from fastcam.kernels.cpu.cache import KernelCache

OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": False, "error_model": "numpy"}

NUMBERS = {int: types.int64, bool: types.int64, float: types.float64}


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a kernel for the types of its annotations now, or load its machine code from the cache.

    What is returned takes the fields of groups one after another (`contract.flattened`). A kernel returns an int.
    """
    compiled: Any = numba.njit(**OPTIONS)(flattened(function, helper(function)))
    if not hasattr(compiled, "compile"):  # NUMBA_DISABLE_JIT
        return compiled
    with suppress(AttributeError, TypeError, OSError):  # another Numba, or no source: compiled in each process
        compiled._cache = KernelCache(function)
    compiled.compile(types.int64(*(_type_of(kind) for _, kind in parameters(function))))
    compiled.disable_compile()
    return compiled


def helper(function: Callable[..., Any]) -> Any:
    """Decorate a part of a kernel: it is compiled with the kernels that call it, and inlined there by LLVM."""
    return numba.njit(forceinline=True, **OPTIONS)(function)


def _type_of(annotation: Any) -> types.Type:
    """Return Numba's type for a number, or for `Annotated[NDArray[dtype], shape]`."""
    if annotation in NUMBERS:
        return NUMBERS[annotation]
    array, shaped = get_args(annotation)
    assert isinstance(shaped, Shaped)
    (dtype,) = get_args(get_args(array)[1])
    # A read-only type accepts writable arrays as well, with no further compilation.
    return types.Array(numba.from_dtype(np.dtype(dtype)), shaped.axes, "C", readonly=isinstance(shaped, In))
