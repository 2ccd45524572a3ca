"""The array boundary: arrays of any layout and dtype -> what kernels take, and back.

Kernels read one flat array through strides, so that NHWC pictures, NCHW feature maps and permutations of them are read
where they lie. Only arrays with gaps (crops, steps) and foreign byte order are copied.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp.errors import ParameterError, ShapeError

DTYPES = (np.uint8, np.uint16, np.float32, np.float64)


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch of images or feature maps as a flat array; shape and strides (in elements) are (N, H, W, C)."""

    flat: NDArray[np.generic]
    shape: tuple[int, int, int, int]
    strides: tuple[int, int, int, int]


def checked(array: ArrayLike, what: str) -> NDArray[np.generic]:
    """*array* as an array of a dtype that kernels take, in native byte order; ShapeError otherwise."""
    given = np.asarray(array)
    native = given.astype(given.dtype.newbyteorder("="), copy=False)
    if native.dtype not in DTYPES:
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


def batch_of_maps(maps: NDArray[np.generic]) -> Batch:
    """(N, C, H, W) feature maps as a batch."""
    return _batch(np.moveaxis(maps, 1, 3))


def batch_of_image(image: NDArray[np.generic]) -> Batch:
    """An (H, W) or (H, W, C) image as a batch of one."""
    return _batch(image.reshape(1, *image.shape, *(1,) * (3 - image.ndim)))


def _batch(array: NDArray[np.generic]) -> Batch:
    """*array* (N, H, W, C) as it lies in memory if it has no gaps, else a copy."""
    order = sorted(range(4), key=lambda axis: (-abs(array.strides[axis]), -array.shape[axis]))
    if not array.transpose(order).flags.c_contiguous:
        array, order = np.ascontiguousarray(array), [0, 1, 2, 3]
    flat = writeable(array.transpose(order).reshape(-1))
    by_image, by_row, by_column, by_channel = (stride // array.itemsize for stride in array.strides)
    return Batch(flat, array.shape, (by_image, by_row, by_column, by_channel))


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


def checked_size(size: tuple[int, int]) -> tuple[int, int]:
    """*size* as (height, width) of at least one pixel each way; ShapeError otherwise."""
    try:
        height, width = (int(side) for side in size)
        whole = (height, width) == tuple(size)
    except (TypeError, ValueError, OverflowError):
        raise ShapeError(f"size must be (height, width), got {size!r}") from None
    if not whole or height < 1 or width < 1:
        raise ShapeError(f"size must be (height, width), whole numbers of at least 1, got {size!r}")
    return height, width
