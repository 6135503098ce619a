"""How every CPU kernel is compiled: serial, without the GIL, cached on disk, with one signature.

No fast-math flag at all: the results decide pixels, and every engine must agree on them bit for bit (LLVM vectorises
these loops over positions, which needs no reassociation). No `parallel=True`: Numba's default threading layer aborts
the process when two threads enter such a function. Each kernel file stands alone, since Numba's cache looks for changes
in the kernel's own file only.
"""

from collections.abc import Callable
from typing import Any

import numba
from numba import types


def readable(dtype: types.Type, ndim: int) -> types.Array:
    """Type of a C-contiguous input; read-only arrays are accepted as well, with no further compilation."""
    return types.Array(dtype, ndim, "C", readonly=True)


def writable(dtype: types.Type, ndim: int) -> types.Array:
    """Type of a C-contiguous output."""
    return types.Array(dtype, ndim, "C")


def kernel(*parameters: types.Type) -> Callable[[Callable[..., None]], Any]:
    """Decorator: compile for these parameter types now, or load the machine code from the cache."""
    signature = types.void(*parameters)

    def compile_kernel(function: Callable[..., None]) -> Any:
        options: dict[str, Any] = {"nogil": True, "fastmath": False, "error_model": "numpy"}
        try:
            return numba.njit(signature, cache=True, **options)(function)
        except RuntimeError as error:
            # Read-only site-packages and no writable home, as in many containers: compile in each process.
            if "no locator available" not in str(error):
                raise
            return numba.njit(signature, cache=False, **options)(function)

    return compile_kernel
