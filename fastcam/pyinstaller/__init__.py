"""Hooks for PyInstaller, found by the package's entry point, for applications that include fastcam."""

from pathlib import Path


def hook_dirs() -> list[str]:
    """Return the folder of `hook-fastcam.py`."""
    return [str(Path(__file__).parent)]
