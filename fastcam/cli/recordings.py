"""Signals, volumes and clips of a command line: read from files, and drawn with their maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fastcam.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fastcam.images.recordings import Recording
    from fastcam.results import Explanation


class Opened(NamedTuple):
    """A file that was read: its recording, and frames a second of a clip, None for what is no video."""

    recording: Recording
    rate: float | None = None


def open_recording(path: str, rank: int, channels: int | None = None) -> Opened:
    """Read what a model of that rank and number of channels takes: NPY, NPZ and NIfTI files, and videos as clips.

    Raises
    ------
    InputError
        Another file, or another shape than the model takes; or not enough memory.
    BackendError
        nibabel or PyAV isn't installed.
    """
    from fastcam.arrays.places import KINDS
    from fastcam.images.recordings import SUFFIXES, is_recording, read_recording

    if is_recording(path):
        return Opened(read_recording(path, rank, channels))
    if rank == 3 and channels in (3, None):
        return _clip(path)
    raise InputError(
        f"{path}: expected a file of {', '.join(SUFFIXES)}, as the model takes {KINDS[rank]}s; got another ending"
    )


def _clip(path: str) -> Opened:
    """Read all frames of a video."""
    import numpy as np

    from fastcam.arrays.memory import check_memory
    from fastcam.images.recordings import Recording
    from fastcam.video.opening import read

    frames: list[NDArray[np.uint8]] = []
    with read(path) as source:
        for frame, _ in source:
            if len(frames) % 32 == 0:  # the frames that come, then all in one array
                check_memory(path, 32 * frame.nbytes + len(frames) * frame.nbytes, "Cut out a part of it first")
            frames.append(frame)
        rate = None if source.rate is None else float(source.rate)
    if len({frame.shape for frame in frames}) != 1:
        raise InputError(f"{path}: expected a clip of frames of one size; got {len(frames)} frames of several or none")
    return Opened(Recording(np.stack(frames)), rate)


def draw_recording(opened: Opened, explanation: Explanation, m: int, **look: Any) -> NDArray[np.uint8]:
    """Return the picture of map m: a signal's curve, a strip of a clip's frames, or slices of a volume.

    Parameters
    ----------
    opened, explanation, m
        The file, its explanation, and the index of the map.
    look
        `colormap`, `opacity`, `font` of the functions that draw.
    """
    import numpy as np

    from fastcam.export.sheet import gap_of, stacked
    from fastcam.export.signals import overlay_signal, size_for
    from fastcam.export.slices import overlay_frames, overlay_montage, overlay_slices

    values, spacing, axes = opened.recording
    if len(explanation.image_sizes[0]) == 1:
        return overlay_signal(values, explanation, map=m, size=size_for(values[0].size), **look)
    if values.dtype == np.uint8 and values.shape[3:] == (3,):
        return overlay_frames(values, explanation, map=m, rate=opened.rate, **look)
    apart = spacing or (1.0, 1.0, 1.0)
    slices = overlay_slices(values, explanation, map=m, spacing=apart, axes=axes, **look)
    return stacked(
        [slices, overlay_montage(values, explanation, map=m, spacing=apart, columns=6, **look)], gap_of(192), 0
    )
