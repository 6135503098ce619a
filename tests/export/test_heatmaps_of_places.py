"""Heatmaps of results over whole signals and volumes, of maps that may cover a part."""

import numpy as np
import pytest

import fastcam
from tests.export.places import explained


@pytest.mark.parametrize(
    ("places", "size", "region"),
    [((5,), (40,), (8, 30)), ((2, 3, 4), (6, 9, 8), (1, 2, 0, 7, 9, 5)), ((2, 3, 4), (6, 9, 8), (-3, 0, -2, 8, 12, 6))],
)
def test_a_map_covers_the_part_that_the_network_saw(places, size, region):
    one, rank = np.random.default_rng(0).standard_normal(places).astype(np.float32), len(size)
    whole = explained(one, size)
    np.testing.assert_array_equal(whole.heatmap(), fastcam.heatmaps(one, size))
    np.testing.assert_array_equal(whole[0][0].heatmap(dtype=np.uint8), fastcam.heatmaps(one, size, dtype=np.uint8))
    part = explained(one, size, regions=np.array([region])).heatmap()
    ends = [(max(0, a), min(side, b)) for a, b, side in zip(region[:rank], region[rank:], size[::-1], strict=True)]
    inside = tuple(slice(*pair) for pair in ends[::-1])
    outer = tuple(b - a for a, b in zip(region[:rank], region[rank:], strict=True))[::-1]
    window = tuple(pair[k] - a for k in (0, 1) for pair, a in zip(ends, region[:rank], strict=True))
    np.testing.assert_array_equal(part[inside], fastcam.heatmaps(one, outer, window=window))
    part[inside] = 0
    assert not part.any()
