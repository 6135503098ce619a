"""What PyInstaller has to know to put fastcam into an application; it finds this by its entry point."""

from pathlib import Path


def hook_dirs() -> list[str]:
    """Return the folder of `hook-fastcam.py`."""
    return [str(Path(__file__).parent)]
