"""Image files of the formats that Pillow decodes by itself, whatever their names.

Others are left out: Pillow passes EPS to Ghostscript, WMF to Windows, BUFR, GRIB and HDF5 to any program that registers
itself, and IPTC contains a file of any other format.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

UPLOADS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")  # of browsers and cameras; may come from anybody
# MPO, of phones, counts as JPEG. AVIF, HEIF and JXL are there if Pillow or one of its plugins has them. TGA comes last,
# since its files don't begin with a signature.
FILES = (
    *UPLOADS,
    *("AVIF", "HEIF", "JXL", "JPEG2000", "PPM", "DIB", "PCX", "SGI", "SUN", "QOI", "ICO", "PSD", "TGA"),
)


def open_image(file: Path | io.BytesIO, formats: Sequence[str] = FILES) -> Image.Image:
    """Open an image by its content with `PIL.Image.open`: lazily, and with the same errors.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (64, 48)).save(file, "PNG")
    >>> open_image(file).size
    (64, 48)
    """
    Image.init()  # registers all formats
    return Image.open(file, formats=[name for name in formats if name in Image.OPEN])
