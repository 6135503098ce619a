"""The package itself: its version, and public names that are imported when they are first used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def attach(
    package: str, homes: Mapping[str, str], rooms: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package whose names are defined in modules below it.

    Parameters
    ----------
    package
        `__name__` of the package.
    homes
        Module of each public name, relative to the package.
    rooms
        Packages below it that are imported when they are first used, so that `import fastcam` is enough.

    Returns
    -------
    The two functions of the package, and the sorted public names.
    """

    def getter(name: str) -> Any:
        if name in rooms:
            return import_module(f"{package}.{name}")
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    public = sorted(homes)
    return getter, lambda: sorted({*public, *rooms, *vars(sys.modules[package])}), public
