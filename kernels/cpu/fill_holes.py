"""Holes of all components of all thresholds, filled at once: greyscale reconstruction from the border."""

import numpy as np
from numba import int32, int64

from fastcam.kernels.cpu.jit import kernel, writable

END, UNSEEN = -1, -2


@kernel(int64, writable(int32, 2), writable(int32, 1), writable(int32, 1))
def fill_holes(framed, heads, links):
    """Raise depths, in place, to the lowest that a way out of the image, over sides of pixels, can't do without.

    Above any threshold lie, afterwards, the components that lay there, without holes and what was in them
    (Vincent 1993, "Morphological grayscale reconstruction in image analysis"; here by a flood from the frame that goes
    from the lowest depth to the highest). framed (H + 2, W + 2), pixels in a frame of zeros, of depths [0, T];
    workspace heads (T + 1,), where the list of pixels of a depth begins, and links ((H + 2) * (W + 2),), how it goes
    on. Returns T + 1.
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
                at = np.uintp(pixel + step)  # of what is beyond the frame a number too large
                if at < np.uintp(links.shape[0]) and links[at] == UNSEEN:
                    depths[at] = max(depths[at], depth)
                    links[at] = heads[depths[at]]
                    heads[depths[at]] = at
    return heads.shape[0]
