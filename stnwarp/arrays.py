"""The array boundary: arrays of any layout and dtype -> what kernels take, and back.

Kernels read one flat array through strides, so that NHWC pictures, NCHW feature maps and permutations of them are read
where they lie. Only arrays with gaps (crops, steps) and foreign byte order are copied.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp.conventions import PaddingMode
from stnwarp.errors import ParameterError, ShapeError
from stnwarp.kernels import blocks

DTYPES = (np.uint8, np.uint16, np.float32, np.float64)
PADDING_CODES = {
    PaddingMode.ZEROS: blocks.ZEROS,
    PaddingMode.BORDER: blocks.BORDER,
    PaddingMode.REFLECTION: blocks.REFLECTION,
    PaddingMode.WRAP: blocks.WRAP,
}
# Outputs of no more pixels than this are worked off without regard to rows, an image by one thread.
FEW_PIXELS = 1 << 16
_NATIVE = frozenset(np.dtype(dtype) for dtype in DTYPES)


Sides = tuple[int, int, int, int]  # by image, row, column and channel


class Batch(NamedTuple):
    """A batch of images or feature maps as a flat array; shape and strides (in elements) are (N, H, W, C)."""

    flat: NDArray[np.generic]
    shape: Sides
    strides: Sides


def checked(array: ArrayLike, what: str) -> NDArray[np.generic]:
    """*array* as an array of a dtype that kernels take, in native byte order; ShapeError otherwise."""
    given = np.asarray(array)
    native = given if given.dtype in _NATIVE else given.astype(given.dtype.newbyteorder("="), copy=False)
    if native.dtype not in _NATIVE:
        names = ", ".join(np.dtype(dtype).name for dtype in DTYPES)
        raise ShapeError(f"{what} must be {names}, got {given.dtype}")
    if native.size == 0:
        raise ShapeError(f"{what} must not be empty, got shape {given.shape}")
    return native


def checked_maps(maps: ArrayLike) -> NDArray[np.generic]:
    """*maps* as `checked`, and (N, C, H, W); ShapeError otherwise."""
    given = checked(maps, "input")
    if given.ndim != 4:
        raise ShapeError(f"input must be (N, C, H, W), got {given.shape}")
    return given


def checked_grid(grid: ArrayLike, maps: NDArray[np.generic]) -> NDArray[np.generic]:
    """*grid* as `checked`, and of floats, a point of every output pixel for each of *maps*; ShapeError otherwise."""
    given = checked(grid, "grid")
    axes = maps.ndim - 2
    if given.ndim != axes + 2 or given.shape[-1] != axes or len(given) != len(maps) or given.dtype.kind != "f":
        shape = "(N, H', W', 2)" if axes == 2 else "(N, D', H', W', 3)"
        found = f"shape {given.shape} of {given.dtype}"
        raise ShapeError(f"grid must be floats of shape {shape} with N = {len(maps)}, got {found}")
    return given


def checked_threads(threads: int) -> int:
    """*threads* as a whole number of at least 1; ParameterError otherwise."""
    if not isinstance(threads, (int, np.integer)) or threads < 1:
        raise ParameterError(f"threads must be a whole number of at least 1, got {threads!r}")
    return int(threads)


def flat_copy(array: ArrayLike, dtype: type[np.floating] | None = None) -> NDArray[Any]:
    """*array* flat, writeable for kernels, of *dtype* if one is given; in truth a copy only where it has to be."""
    return writeable(np.ascontiguousarray(array, dtype).reshape(-1))


def batch_of_maps(maps: NDArray[np.generic]) -> Batch:
    """(N, C, H, W) feature maps as a batch."""
    images, channels, height, width = maps.shape
    flat, (by_image, by_channel, by_row, by_column) = flat_as_it_lies(maps)
    return Batch(flat, (images, height, width, channels), (by_image, by_row, by_column, by_channel))


def batch_of_image(image: NDArray[np.generic]) -> Batch:
    """An (H, W) or (H, W, C) image as a batch of one."""
    height, width, channels = image.shape if image.ndim == 3 else (*image.shape, 1)
    shape = (1, height, width, channels)
    if image.flags.c_contiguous:  # the common case, for which small images need not wait
        row = width * channels
        return Batch(writeable(image.reshape(-1)), shape, (height * row, row, channels, 1))
    flat, (by_image, by_row, by_column, by_channel) = flat_as_it_lies(image.reshape(shape))
    return Batch(flat, shape, (by_image, by_row, by_column, by_channel))


def flat_as_it_lies(array: NDArray[np.generic]) -> tuple[NDArray[np.generic], tuple[int, ...]]:
    """*array* as one flat array, writeable for kernels, and its strides in elements; a copy only if it has gaps."""
    if not array.flags.c_contiguous:
        axes = range(array.ndim)
        order = sorted(axes, key=lambda axis: (-abs(array.strides[axis]), -array.shape[axis]))
        if array.transpose(order).flags.c_contiguous:
            flat = writeable(array.transpose(order).reshape(-1))
            return flat, tuple(stride // array.itemsize for stride in array.strides)
        array = np.ascontiguousarray(array)
    step, strides = 1, []
    for length in reversed(array.shape):
        strides.append(step)
        step *= length
    return writeable(array.reshape(-1)), tuple(reversed(strides))


class _Interface:
    """An array's memory under another name; keeps the array alive."""

    def __init__(self, array: NDArray[np.generic]) -> None:
        self.array = array
        address, _ = array.__array_interface__["data"]
        self.__array_interface__ = {**array.__array_interface__, "data": (address, False)}


def writeable(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """The same memory without the read-only flag, for kernels that only read it.

    Numba compiles once more for read-only arrays, which is what Pillow's pictures are.
    """
    return array if array.flags.writeable else np.asarray(_Interface(array))


def weight_type(dtype: np.dtype[np.generic]) -> type[np.floating]:
    """The type in which weights for *dtype* are kept: float32 where its 24 bits decide every rounding."""
    return np.float32 if dtype in (np.uint8, np.float32) else np.float64


def fill_values(fill: ArrayLike, channels: int, dtype: np.dtype[np.generic]) -> NDArray[np.floating]:
    """*fill*, a number or one for each channel, as one for each channel in the weights' type.

    Raises:
        ShapeError: neither one number nor one for each channel.
        ParameterError: a number that an integer *dtype* cannot hold.
    """
    try:
        values = np.asarray(fill, np.float64)
    except (TypeError, ValueError):
        raise ParameterError(f"fill must be one number or one for each channel, got {fill!r}") from None
    if values.shape not in ((), (1,), (channels,)):
        raise ShapeError(f"fill must be one number or {channels}, one for each channel, got shape {values.shape}")
    if dtype.kind == "u":
        top = 2 ** (8 * dtype.itemsize) - 1
        for value in values.ravel():
            if not 0 <= value <= top:
                raise ParameterError(f"fill must lie in 0..{top} for {dtype} images, got {value:g}")
    return np.ascontiguousarray(np.broadcast_to(values, (channels,)).astype(weight_type(dtype)))


def checked_size(size: Sequence[int]) -> tuple[int, int]:
    """*size* as (height, width) of at least one pixel each way; ShapeError otherwise."""
    if type(size) is tuple and len(size) == 2 and type(size[0]) is type(size[1]) is int and min(size) > 0:
        return size  # nearly always, and a small image waits for the answer
    height, width = _checked_sides(size, 2, "(height, width)")
    return height, width


def checked_volume_size(size: Sequence[int]) -> tuple[int, int, int]:
    """*size* as (depth, height, width) of at least one voxel each way; ShapeError otherwise."""
    depth, height, width = _checked_sides(size, 3, "(depth, height, width)")
    return depth, height, width


def _checked_sides(size: Sequence[int], count: int, names: str) -> list[int]:
    try:
        sides = [int(side) for side in size]
        whole = sides == list(size)
    except (TypeError, ValueError, OverflowError):
        sides, whole = [], False
    if len(sides) != count:
        raise ShapeError(f"size must be {names}, got {size!r}")
    if not whole or min(sides) < 1:
        raise ShapeError(f"size must be {names}, whole numbers of at least 1, got {size!r}")
    return sides
