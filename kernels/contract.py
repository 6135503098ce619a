"""The contract of the kernels, for all engines: their arguments in groups, each with dtype, shape and meaning.

Letters of shapes: N images, C channels, K classes in the model, M classes that are wanted, P maps; (h, w) cells of a
map, (H, W) pixels of the image. Arrays are C-contiguous. A twin of another engine has the same parameters, apart from
those for workspace.

A kernel that is compiled or called for its speed takes the fields of its groups one after another (`flattened`): to
unbox a named tuple takes Numba 0.7 µs, and calls take 10.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import signature
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Shaped:
    """The shape of an array, with a length or a letter for each axis, separated by commas."""

    shape: str

    @property
    def axes(self) -> int:
        """Number of axes."""
        return self.shape.count(",") + 1


class In(Shaped):
    """An array that is read; it may be read-only."""


class Out(Shaped):
    """An array that is written, wherever the docstring says."""


class Work(Shaped):
    """An array for intermediate values, at least of that shape; each engine has its own."""


Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Shorts = NDArray[np.int16]
Bytes = NDArray[np.uint8]
Words = NDArray[np.uint32]
LongWords = NDArray[np.uint64]


class Features(NamedTuple):
    """Feature maps f of N images, in the memory of the network that computed them."""

    data: Annotated[Bytes, In("N, C, h, w")]
    """Bytes of f, or of (N, h, w, C); the last axis is longer by the size of an item."""
    form: int
    """dtype, 0 to 3 for float32, float16, int8, uint8; plus 4 for (N, h, w, C)."""
    zero_point: float
    """int8 and uint8 values q mean (q - zero_point) * scale; unused for the others."""
    scale: float


Weights = Annotated[Floats, In("K, C")]
"""Weights of each class."""
ClassIndex = Annotated[Longs, In("N, M")]
"""The classes that are wanted of each image."""
Maps = Annotated[Floats, In("P, h, w")]


class Grid(NamedTuple):
    """The pixels of an image and their places in a map, whose edges are repeated around it.

    Pixel rows [rows[b], rows[b + 1]) are band b: they lie between rows b - 1 and b of the map, row_weight of the way
    from one to the other. Pixel columns [columns[s], columns[s + 1]) are segment s, likewise.
    """

    rows: Annotated[Ints, In("h + 2")]
    row_weight: Annotated[Floats, In("H")]
    """In [0, 1], not decreasing within a band."""
    columns: Annotated[Ints, In("w + 2")]
    column_weight: Annotated[Floats, In("W")]


class Rule(NamedTuple):
    """The rule that makes components of a map."""

    threshold: float
    """In (0, 1), of the maximum, or of the range."""
    rectify: bool
    """Negative values count as zero."""
    minmax: bool
    """The threshold is one of the range between minimum and maximum, else of the maximum."""
    connectivity: int
    """4, or 8: pixels that touch at a corner are connected as well."""


class Boxes(NamedTuple):
    """The box of the largest component of each map: zeros where there is none."""

    xyxy: Annotated[Ints, Out("P, 4")]
    """Half-open, in pixels."""
    area: Annotated[Ints, Out("P")]
    """Pixels of the component."""
    peak: Annotated[Floats, Out("P")]
    """Maximum of the upsampled map; NaN if the map isn't finite."""


class ClassBoxes(NamedTuple):
    """`Boxes` of M classes in each of N images."""

    xyxy: Annotated[Ints, Out("N, M, 4")]
    area: Annotated[Ints, Out("N, M")]
    peak: Annotated[Floats, Out("N, M")]


Runs = Annotated[Ints, In("R, 5")]
"""A run in each line: the pixels [start, stop) of rows [y0, y1), and the number of their component."""
Limits = Annotated[Floats, In("P, 2")]
"""The values of each map that become 0 and 1; NaN for the extrema that the map has once it is upsampled."""


class Frame(NamedTuple):
    """A frame in memory: channel c of pixel (x, y) is at data[origin + y * row_stride + x * pixel_stride + ...]."""

    data: Annotated[Bytes, In("B")]
    """All bytes from the lowest to the highest of the frame."""
    origin: int
    row_stride: int
    pixel_stride: int
    channel_stride: int


class Linear(NamedTuple):
    """Pixels of the network input, each between two columns and two rows of the frame; weights have 11 bits."""

    rows: Annotated[Ints, In("H, 2")]
    """The two rows, -1 for one outside the frame."""
    row_weights: Annotated[Shorts, In("H, 2")]
    columns: Annotated[Ints, In("W")]
    """The left one of two columns inside the frame; there may be no right one where that has no weight."""
    column_weights: Annotated[Shorts, In("2, W")]
    column_border: Annotated[Ints, In("W")]
    """Weight of what is outside the frame."""
    fill: int
    """Grey level outside the frame."""


class Averages(NamedTuple):
    """Pixels of the network input, each the weighted mean of several rows and columns, all inside the frame."""

    rows: Annotated[Ints, In("H, 2")]
    """The first of the rows, and their number."""
    row_weights: Annotated[Shorts, In("H, most")]
    row_border: Annotated[Ints, In("H")]
    """Weight of what is outside the frame."""
    row_shift: int
    """The sum of rows is shifted right by that many bits, and has extra_bits more than a byte then."""
    columns: Annotated[Ints, In("W, 2")]
    column_weights: Annotated[Shorts, In("W, most")]
    column_border: Annotated[Ints, In("W")]
    column_shift: int
    """The sum of columns is shifted right by that many bits, and is a byte then."""
    extra_bits: int
    fill: int
    """Grey level outside the frame."""


class Target(NamedTuple):
    """The network input that is made of levels 0 to 255, and its rows to write."""

    table: Annotated[Bytes, In("channels, 256 * item")]
    """Bytes of the value for each level of each channel, copied as they are; one channel: for levels of the luma."""
    channels_last: bool
    first: int
    stop: int
    """Rows [first, stop) are written."""


class Sums(NamedTuple):
    """Workspace of the CPU for weighted sums, and their results."""

    scratch: Annotated[Floats, Work("2, 64 * h * w")]
    sums: Annotated[Floats, Work("M, h * w rounded up to 64")]


class Cells(NamedTuple):
    """Workspace of the CPU for a map on a grid."""

    padded: Annotated[Floats, Work("h + 2, w + 2")]
    """The map, with its edges repeated around it."""
    corners: Annotated[Floats, Work("h + 1, 2, w + 1, 2")]
    """[b, e, s, f]: the pixel in first (0) or last (1) row e of band b, first or last column f of segment s."""


class Tables(NamedTuple):
    """Workspace of the CPU for the components of a map: tables, whose columns `kernels/cpu/components.py` names.

    A row of pixels has at most w runs, as it is monotone between two cells of the map, and no more than fit with a gap
    between them: R = H * min(w, (W + 1) // 2).
    """

    spans: Annotated[Ints, Work("w + 1, 4")]
    runs: Annotated[Ints, Work("R, 5")]
    components: Annotated[Ints, Work("R, 6")]


class Tints(NamedTuple):
    """Workspace of the CPU for a row of an overlay: W pixels, rounded up to 8."""

    levels: Annotated[Bytes, Work("W")]
    tints: Annotated[LongWords, Work("3 * W / 8")]


class Pairs(NamedTuple):
    """Workspace of the CPU for rows between two columns."""

    pairs: Annotated[LongWords, Work("W")]
    pixels: Annotated[Words, Work("2, W")]
    constants: Annotated[Ints, Work("2, W")]
    lines: Annotated[Shorts, Work("3, 3, W")]
    levels: Annotated[Bytes, Work("3, W")]


class Totals(NamedTuple):
    """Workspace of the CPU for sums of rows: L bytes between the first and the last column, or three of each."""

    sums: Annotated[Ints, Work("L")]
    lines: Annotated[Shorts, Work("L")]
    levels: Annotated[Bytes, Work("3, W")]


def is_group(annotation: Any) -> bool:
    """Return whether an annotation is a named tuple of arguments."""
    return isinstance(annotation, type) and issubclass(annotation, tuple)


def parameters(function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """Yield name and annotation of each array and number that a kernel takes, in the order of `flattened`."""
    for name, parameter in signature(function, eval_str=True).parameters.items():
        if is_group(parameter.annotation):
            yield from parameter.annotation.__annotations__.items()
        else:
            yield name, parameter.annotation


def flattened(function: Callable[..., Any], called: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Return the function that takes the fields of groups one after another, and calls `called` with the groups.

    Examples
    --------
    >>> def size(grid: Grid, margin: int) -> int:
    ...     return len(grid.row_weight) + margin
    >>> flattened(size)(None, np.zeros(4), None, None, 2)
    6
    """
    names = [name for name, _ in parameters(function)]
    remaining, groups, arguments = iter(names), {}, []
    for name, parameter in signature(function, eval_str=True).parameters.items():
        kind = parameter.annotation
        if is_group(kind):
            groups[kind.__name__] = kind
            name = f"{kind.__name__}({', '.join(next(remaining) for _ in kind._fields)})"
        else:
            next(remaining)
        arguments.append(name)
    text = f"def {function.__name__}({', '.join(names)}):\n    return _grouped({', '.join(arguments)})\n"
    space: dict[str, Any] = {"__name__": function.__module__, "_grouped": called or function, **groups}
    exec(text, space)  # as namedtuple and dataclass do; the text is made of names alone
    made = space[function.__name__]
    made.__doc__, made.grouped = function.__doc__, function
    return made
