"""Color maps against the tables of others."""

import cv2
import numpy as np
import pytest

from fastcam import InputError
from fastcam.arrays.colors import NAMES, colormap


def opencv(name):
    levels = np.arange(256, dtype=np.uint8).reshape(-1, 1)
    return cv2.applyColorMap(levels, getattr(cv2, f"COLORMAP_{name.upper()}"))[:, 0, ::-1]


@pytest.mark.parametrize("name", ["turbo", "viridis", "inferno"])
def test_tables_are_those_that_were_published(name):
    """OpenCV has Google's bytes of turbo, and rounds the fractions of the others."""
    np.testing.assert_array_equal(colormap(name), opencv(name))
    pyplot = pytest.importorskip("matplotlib")
    np.testing.assert_array_equal(colormap(name), np.rint(255 * np.array(pyplot.colormaps[name].colors)))


def test_jet_is_its_formula_and_opencvs_but_for_a_rounding():
    table = colormap("jet")
    x = np.linspace(0, 1, 256)[:, None]
    assert np.abs(table - 255 * np.clip(1.5 - np.abs(4 * x - [3, 2, 1]), 0, 1)).max() <= 0.5 + 1e-9
    off = np.abs(table.astype(int) - opencv("jet"))
    assert (off.max(), off.sum()) == (1, 1)  # blue of level 159: 1.5, which OpenCV rounds down
    assert table[[0, 255]].tolist() == [[0, 0, 128], [128, 0, 0]]


@pytest.mark.parametrize("name", NAMES)
def test_tables_run_from_cold_to_hot_and_belong_to_the_caller(name):
    table = colormap(name)
    assert (table.shape, table.dtype) == ((256, 3), np.uint8)
    assert np.abs(np.diff(table.astype(int), axis=0)).max() <= 10  # no jumps
    table[:] = 0
    assert colormap(name).any()


@pytest.mark.parametrize("name", ["hot", "", None, ["jet"]])
def test_other_names(name):
    with pytest.raises(InputError, match="colormap: expected one of jet, turbo, viridis, inferno, gray; got "):
        colormap(name)
