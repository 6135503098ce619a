"""Results as tables of pandas."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from fastcam.errors import BackendError
from fastcam.results.boxes import corner_names, corners


def data_frame(before: Mapping[str, Any], boxes: Any, after: Mapping[str, Any]) -> Any:
    """Return a `pandas.DataFrame` of columns with the corners of boxes between them, missing where there is no box.

    Raises
    ------
    BackendError
        pandas isn't installed.
    """
    try:
        pandas = import_module("pandas")
    except ImportError as error:
        raise BackendError(f"to_pandas needs pandas ({error}): pip install pandas") from error
    has_none, sides = boxes.area.reshape(-1) == 0, corners(boxes)
    columns = sides.reshape(-1, sides.shape[-1]).astype(np.int64).T
    edges = {
        name: pandas.arrays.IntegerArray(column.copy(), has_none.copy())
        for name, column in zip(corner_names(boxes), columns, strict=True)
    }
    return pandas.DataFrame({**before, **edges, **after})
