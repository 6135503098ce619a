"""Engines: one call form for the kernels of Numba, of CuPy, and of NumPy with scikit-image."""

from fastcam.arrays.engines.engine import Engine as Engine
from fastcam.arrays.engines.select import named as named
from fastcam.arrays.engines.select import serving as serving
