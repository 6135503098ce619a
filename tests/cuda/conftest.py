"""Fixtures of the places where the CUDA engine is tested."""

from importlib import import_module
from importlib.util import find_spec

import pytest

from tests.cuda.device import PLACES, placed


def pytest_collection_modifyitems(items):
    """Tests that need a device are skipped without one."""
    if find_spec("cupy") and import_module("cupy").is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(params=PLACES)
def place(request):
    """The host in each order of threads, and a device."""
    yield from placed(request.param)


@pytest.fixture(params=["random", pytest.param("gpu", marks=pytest.mark.gpu)])
def one_place(request):
    """The host in one order of threads, and a device: for what doesn't depend on the order."""
    yield from placed(request.param)
