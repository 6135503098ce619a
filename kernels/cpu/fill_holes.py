"""Holes of all components of all thresholds, filled at once: greyscale reconstruction from the border."""

from typing import Annotated

import numpy as np
from numba import int64

from fastcam.kernels.contract import Ints, Out, Work
from fastcam.kernels.cpu.jit import kernel

END, UNSEEN = -1, -2


@kernel
def fill_holes(
    framed: Annotated[Ints, Out("H + 2, W + 2")],
    heads: Annotated[Ints, Work("T + 1")],
    links: Annotated[Ints, Work("(H + 2) * (W + 2)")],
) -> int:
    """Raise depths, in place, to the lowest depth that every path out of the image, over sides of pixels, has to cross.

    Afterwards, the components above any threshold are the ones before, without holes and what was in them
    (Vincent 1993, "Morphological grayscale reconstruction in image analysis"; here by a flood from the frame that goes
    from the lowest depth to the highest).

    framed: depths in [0, T] of pixels in a frame of zeros. heads: the first pixel in the list of each depth; links: the
    pixel after each. Returns T + 1.
    """
    height, stride = framed.shape
    depths = framed.reshape(framed.size)
    heads[:] = END
    links[:] = UNSEEN
    for y in range(height):
        for x in range(0, stride, 1 if y in (0, height - 1) else stride - 1):
            links[y * stride + x] = heads[0]
            heads[0] = y * stride + x
    for depth in range(heads.shape[0]):
        while heads[depth] != END:
            pixel = int64(heads[depth])
            heads[depth] = links[pixel]
            for step in (-stride, -1, 1, stride):
                at = np.uintp(pixel + step)  # beyond the frame, a number that is too large
                if at < np.uintp(links.shape[0]) and links[at] == UNSEEN:
                    depths[at] = max(depths[at], depth)
                    links[at] = heads[depths[at]]
                    heads[depths[at]] = at
    return heads.shape[0]
