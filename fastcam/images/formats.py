"""Formats of image files that are opened: those that Pillow decodes by itself, whatever a file is called.

Of what Pillow knows, EPS is handed to Ghostscript, WMF to Windows, BUFR, GRIB and HDF5 to whatever a program
registers, and IPTC holds a file of any other format.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

UPLOADS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")  # what browsers and cameras make; from whomever
# MPO, of phones, counts as JPEG. AVIF, HEIF and JXL are there where Pillow, or a plugin of its, has them. TGA comes
# last, since its files don't begin with a mark of their own.
FILES = (
    *UPLOADS,
    *("AVIF", "HEIF", "JXL", "JPEG2000", "PPM", "DIB", "PCX", "SGI", "SUN", "QOI", "ICO", "PSD", "TGA"),
)


def open_image(file: Path | io.BytesIO, formats: Sequence[str] = FILES) -> Image.Image:
    """Open an image by its content, as `PIL.Image.open`: lazily, and raising what that raises.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (64, 48)).save(file, "PNG")
    >>> open_image(file).size
    (64, 48)
    """
    Image.init()  # so that all that there are can be asked for
    return Image.open(file, formats=[name for name in formats if name in Image.OPEN])
