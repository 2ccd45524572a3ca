"""Arrays as kernels read them: flat memory and strides, without a copy where that can be avoided.

A view (a crop, a channel, every other row, a reversed axis, a memory map, a broadcast batch) costs what is read of it:
kernels follow its strides, or only the region that can be read is copied.
"""

import mmap
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp.array_like import native_dtype

Region = Sequence[tuple[int, int]]  # first and last index, both read, on each axis

_LARGE = 1 << 20  # bytes from which on memory is asked of the system, which gives pages when they are first touched
_FEW_CHANNELS = 8  # are copied one by one: NumPy's innermost loop is then a row, not a pixel
_NO_RESERVE = 0x4000 if sys.platform == "linux" else 0  # mmap.MAP_NORESERVE, which Python names from 3.13 on


class View(NamedTuple):
    """Memory from its lowest element on, and where in it an array lies: strides in elements, which may be negative."""

    flat: NDArray[np.generic]
    strides: tuple[int, ...]
    origin: int  # the element at index 0 of every axis


class _Interface:
    """Memory under another shape and without the read-only flag; keeps the array that owns it alive."""

    def __init__(self, array: NDArray[np.generic], address: int, shape: tuple[int, ...]) -> None:
        self.array = array
        self.__array_interface__ = {"shape": shape, "typestr": array.dtype.str, "data": (address, False), "version": 3}


def writeable(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return the same memory, C-contiguous, without the read-only flag, for kernels that only read it.

    Numba compiles once more for read-only arrays, which is what Pillow's pictures are.
    """
    if array.flags.writeable:
        return array
    return np.asarray(_Interface(array, array.__array_interface__["data"][0], array.shape))


def is_plain(array: NDArray[np.generic]) -> bool:
    """Return whether the elements of `array` can be loaded as they are: aligned and in this machine's byte order."""
    return array.flags.aligned and array.dtype.isnative


def view_of(array: NDArray[np.generic]) -> View | None:
    """Return `array`, not empty, as a view of its own memory; None where kernels cannot follow it: copy it then."""
    if array.flags.c_contiguous and is_plain(array):
        return _whole(array)
    size = array.itemsize
    if not is_plain(array) or any(stride % size for stride in array.strides):
        return None
    strides, origin, extent = [], 0, 1
    for length, stride in zip(array.shape, array.strides, strict=True):
        stride = stride // size if length > 1 else 0
        reach = (length - 1) * stride
        strides.append(stride)
        extent += abs(reach)
        origin -= min(reach, 0)
    address = array.__array_interface__["data"][0] - origin * size
    return View(np.asarray(_Interface(array, address, (extent,))), tuple(strides), origin)


def _whole(array: NDArray[np.generic]) -> View:
    """Return the view of an array in C order that needs no copy."""
    return View(writeable(array.reshape(-1)), tuple(stride // array.itemsize for stride in array.strides), 0)


def view_or_copy(array: NDArray[np.generic]) -> View:
    """Return `view_of` `array`, or of a copy of the whole of it."""
    return view_of(array) or _whole(np.array(array, native_dtype(array.dtype), order="C"))


def without_gaps(array: NDArray[np.generic]) -> bool:
    """Return whether `array` fills its memory, its axes in any order."""
    order = sorted(range(array.ndim), key=lambda axis: (-abs(array.strides[axis]), -array.shape[axis]))
    return bool(array.transpose(order).flags.c_contiguous)


def region_copy(array: NDArray[np.generic], region: Region, dtype: np.dtype[np.generic], planar: bool) -> View:
    """Return a view whose elements within `region` are those of `array`, (N, axes..., C), as `dtype`.

    Only the region is copied. Indices outside of it are those of the memory's other elements, or of pages that nothing
    was written to: to read them does no harm.

    Args:
        array: of any strides and byte order; one image that a batch is broadcast from is copied once.
        region: on each axis but the first and the last one.
        dtype: of the copy.
        planar: whether columns lie side by side in the copy, or the channels of a pixel.
    """
    images, *sides, channels = array.shape
    images = 1 if array.strides[0] == 0 else images
    strides: list[int] = []
    step = 1 if planar else channels
    for first, last in reversed(region):
        strides.insert(0, step)
        step *= last - first + 1
    extent = 1 + sum((side - 1) * stride for side, stride in zip(sides, strides, strict=True))
    by_channel, by_image = (extent, extent * channels) if planar else (1, extent + channels - 1)
    whole = all(first == 0 and last == side - 1 for (first, last), side in zip(region, sides, strict=True))
    flat = np.empty(by_image * images, dtype) if whole else _allocate_lazily(by_image * images, dtype)
    strides = [by_image if len(array) == images else 0, *strides, by_channel]
    within = (slice(images), *(slice(first, last + 1) for first, last in region))
    start = sum(first * stride for (first, _), stride in zip(region, strides[1:-1], strict=True))
    shape = (images, *(last - first + 1 for first, last in region), channels)
    steps = [stride * dtype.itemsize for stride in strides]
    copy: NDArray[Any] = np.ndarray(shape, dtype, flat.data, start * dtype.itemsize, steps)
    if channels > _FEW_CHANNELS:
        np.copyto(copy, array[within], casting="unsafe")
    else:
        for channel in range(channels):
            np.copyto(copy[..., channel], array[within][..., channel], casting="unsafe")
    return View(flat, tuple(strides), 0)


def _allocate_lazily(count: int, dtype: np.dtype[np.generic]) -> NDArray[Any]:
    """Allocate memory of which no more is taken from the system than is written to or read."""
    size = count * dtype.itemsize
    if size > _LARGE and hasattr(mmap, "MAP_ANONYMOUS"):
        try:
            pages = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE)
            return np.frombuffer(pages, dtype)
        except OSError:  # a limit on addresses; what NumPy asks for may still be there
            pass
    return np.zeros(count, dtype)


def flat_copy(array: ArrayLike) -> NDArray[Any]:
    """Return `array` flat, writeable for kernels; in truth a copy only where it has to be."""
    return writeable(np.ascontiguousarray(array).reshape(-1))
