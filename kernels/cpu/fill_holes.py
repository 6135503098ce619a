"""Holes of all components of all thresholds, filled at once: greyscale reconstruction from the border."""

from numba import int32, int64

from fastcam.kernels.cpu.jit import helper, kernel, writable

# built on 3b1f5562c82d9d2a

END, UNSEEN = -1, -2


@helper
def _push(pixel, least, depths, heads, links):
    """Give a pixel that wasn't seen its depth, at least that of where the flood comes from, and put it on that list."""
    if links[pixel] == UNSEEN:
        depth = max(depths[pixel], least)
        depths[pixel] = depth
        links[pixel] = heads[depth]
        heads[depth] = pixel


@kernel(int64, writable(int32, 2), writable(int32, 1), writable(int32, 1))
def fill_holes(framed, heads, links):
    """Raise depths, in place, to the lowest that a way out of the image, over sides of pixels, can't do without.

    Above any threshold lie, afterwards, the components that lay there, without holes and what was in them
    (Vincent 1993, "Morphological grayscale reconstruction in image analysis"; here by a flood that goes from the
    lowest depth to the highest). framed (H + 2, W + 2), pixels in a frame of zeros, of depths [0, T]; workspace heads
    (T + 1,) and links ((H + 2) * (W + 2),). Returns T + 1.
    """
    height, stride = framed.shape
    depths = framed.reshape(framed.size)
    heads[:] = END
    links[:] = UNSEEN
    for x in range(stride):
        links[x] = links[depths.shape[0] - 1 - x] = END
    for y in range(height):
        links[y * stride] = links[y * stride + stride - 1] = END
    for x in range(stride + 1, 2 * stride - 1):
        _push(x, 0, depths, heads, links)
        _push(x + (height - 3) * stride, 0, depths, heads, links)
    for y in range(1, height - 1):
        _push(y * stride + 1, 0, depths, heads, links)
        _push(y * stride + stride - 2, 0, depths, heads, links)
    for depth in range(heads.shape[0]):
        while heads[depth] != END:
            pixel = heads[depth]
            heads[depth] = links[pixel]
            for step in (-stride, -1, 1, stride):
                _push(pixel + step, depth, depths, heads, links)
    return heads.shape[0]
