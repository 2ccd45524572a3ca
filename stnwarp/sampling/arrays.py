"""The array boundary: what users hand over -> arrays of the dtypes and shapes that are taken, or an error that says so.

Interpolation takes uint8, uint16 and floats. Nearest copies values, and so takes every integer, bool and float of up to
eight bytes. float16 is computed in float32 and rounded once.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp import conventions
from stnwarp.array_like import as_array, native_dtype
from stnwarp.conventions import Interpolation, PaddingMode
from stnwarp.errors import DtypeError, ParameterError, ShapeError
from stnwarp.kernels import layout
from stnwarp.sampling.views import view_of, writeable
from stnwarp.text import truncate_repr

DTYPES = (np.uint8, np.uint16, np.float32, np.float64)  # that kernels interpolate
FLOATS = (np.float16, np.float32, np.float64)
PADDING_CODES: dict[PaddingMode, int] = {mode: getattr(layout, mode.name) for mode in PaddingMode}
# Outputs of no more pixels than this are worked off without regard to rows, an image by one thread.
FEW_PIXELS = 1 << 16

_FLOAT32_PIXELS = 2**24  # along an axis

_INTEGERS = (np.int8, np.int16, np.int32, np.int64, np.uint32, np.uint64)
_INTERPOLATED = frozenset(map(np.dtype, (*DTYPES, np.float16)))
_COPIED = _INTERPOLATED | frozenset(map(np.dtype, (*_INTEGERS, np.bool_)))
_LOADED = _COPIED - {np.dtype(np.float16)}
_FLOATS = frozenset(map(np.dtype, FLOATS))

Sides = tuple[int, int, int, int]  # by image, row, column and channel


class Batch(NamedTuple):
    """A batch of images or feature maps as flat memory; shape and strides (in elements) are (N, H, W, C).

    pixels is the batch as an array of that shape where it does not fill its memory in C order; flat is empty where
    kernels cannot follow it.
    """

    flat: NDArray[np.generic]
    shape: Sides
    strides: Sides
    origin: int = 0  # the element of pixel (0, 0) of the first image in its first channel
    pixels: NDArray[np.generic] | None = None


def image_of(values: ArrayLike, what: str, interpolation: Interpolation | None = None) -> NDArray[np.generic]:
    """Return `values` as an array of a dtype that `interpolation` takes, or a network (None); DtypeError otherwise."""
    array = as_array(values, what)
    dtypes = _COPIED if interpolation is Interpolation.NEAREST else _INTERPOLATED
    if native_dtype(array.dtype) in dtypes:
        return array
    wanted = _names(dtypes) if interpolation is None else f"{_names(dtypes)} for {interpolation}"
    also = "; nearest takes it" if interpolation and native_dtype(array.dtype) in _COPIED else ""
    raise DtypeError(f"{what} must be {wanted}, got {array.dtype}{also}")


def floats_of(values: ArrayLike, what: str) -> NDArray[np.floating]:
    """Return `values` as an array of float16, float32 or float64, in native byte order; DtypeError otherwise."""
    array = as_array(values, what)
    if array.dtype in _FLOATS and array.dtype.isnative:
        return array
    if native_dtype(array.dtype) not in _FLOATS:
        raise DtypeError(f"{what} must be {_names(_FLOATS)}, got {array.dtype}")
    return array.astype(native_dtype(array.dtype))


def _names(dtypes: Iterable[np.dtype[Any]]) -> str:
    """Join dtype names: 'bool, int8 or float32'."""
    names = [dtype.name for dtype in sorted(dtypes, key=lambda dtype: ("biuf".index(dtype.kind), dtype.itemsize))]
    return f"{', '.join(names[:-1])} or {names[-1]}"


def compute_type(dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """Return the dtype of the memory that kernels read and write for images of `dtype`, in native byte order."""
    return np.dtype(np.float32) if dtype.char == "e" else native_dtype(dtype)


def weight_type(dtype: np.dtype[np.generic]) -> type[np.floating]:
    """Return the type in which weights for `dtype` are kept: float32 where its 24 bits decide every rounding."""
    return np.float32 if dtype in (np.uint8, np.float16, np.float32) else np.float64


def check_not_antialiased(antialias: bool) -> None:
    """Raise ParameterError if volumes are to be antialiased."""
    if antialias:
        raise ParameterError("antialias is for images, (N, C, H, W); volumes are sampled without it")


def check_not_fill(padding_mode: str) -> None:
    """Raise ParameterError for the padding mode fill, or for one that is unknown."""
    if conventions.padding_mode(padding_mode) is PaddingMode.FILL:
        raise ParameterError("padding_mode fill is for warp only; use zeros, border, reflection or wrap")


def round_to(output: NDArray[np.generic], dtype: np.dtype[np.generic]) -> NDArray[Any]:
    """Return `output` in `dtype`, which is its own unless that is float16."""
    if output.dtype == dtype:
        return output
    with np.errstate(over="ignore"):
        return output.astype(dtype)


def maps_of(values: ArrayLike, interpolation: Interpolation, axes: int = 2) -> NDArray[Any]:
    """Return `values` as `image_of`, (N, C, H, W), or with a depth for three `axes`; ShapeError otherwise."""
    maps = image_of(values, "input", interpolation)
    if maps.ndim != axes + 2:
        raise ShapeError(f"input must be {'(N, C, H, W)' if axes == 2 else '(N, C, D, H, W)'}, got {maps.shape}")
    if maps.size == 0 and 0 in maps.shape[2:]:
        raise ShapeError(f"input must not be empty along a side, got {maps.shape}")
    return maps


def grid_of(values: ArrayLike, maps: NDArray[np.generic]) -> NDArray[np.floating]:
    """Return `values` as `floats_of`, a point of every output pixel for each of `maps`; ShapeError otherwise."""
    grid, axes = floats_of(values, "grid"), maps.ndim - 2
    if grid.ndim != axes + 2 or grid.shape[-1] != axes or len(grid) != len(maps):
        shape = "(N, H', W', 2)" if axes == 2 else "(N, D', H', W', 3)"
        raise ShapeError(f"grid must have shape {shape} with N = {len(maps)}, got {grid.shape}")
    return grid


def grid_kind(maps: NDArray[np.generic], grid: NDArray[np.floating]) -> int:
    """Return whether coordinates are computed in float32, as torch does for float32 images and grids, or in float64.

    Also for these, if float32 does not tell the pixels of an axis apart, nor where it ends.
    """
    longest = max(maps.shape[2:])
    single = compute_type(maps.dtype) == np.float32 and grid.dtype != np.float64 and longest <= _FLOAT32_PIXELS
    return layout.GRID_FLOAT32 if single else layout.GRID


def gradient_of(values: ArrayLike, shape: tuple[int | str, ...], dtype: np.dtype[np.generic]) -> NDArray[np.floating]:
    """Return `values` as `floats_of`, in `dtype`; ShapeError unless of `shape`, where a name is any number."""
    gradient = floats_of(values, "grad_output")
    fits = len(gradient.shape) == len(shape) and all(
        isinstance(wanted, str) or side == wanted for side, wanted in zip(gradient.shape, shape, strict=True)
    )
    if not fits:
        raise ShapeError(f"grad_output must have shape ({', '.join(map(str, shape))}), got shape {gradient.shape}")
    return gradient.astype(dtype, copy=False)


def check_mask(output_mask: Sequence[bool]) -> tuple[bool, bool]:
    """Return which of two gradients are wanted; ParameterError if that is not said of two."""
    if len(output_mask) != 2:
        raise ParameterError(f"output_mask must be two truth values, got {len(output_mask)}")
    return bool(output_mask[0]), bool(output_mask[1])


def check_threads(threads: int) -> int:
    """Return `threads` as a whole number of at least 1; ParameterError otherwise."""
    if not isinstance(threads, (int, np.integer)) or threads < 1:
        raise ParameterError(f"threads must be a whole number of at least 1, got {threads!r}")
    return int(threads)


def batch_of_maps(maps: NDArray[np.generic]) -> Batch:
    """Return (N, C, H, W) feature maps, not empty, as a batch."""
    images, channels, height, width = maps.shape
    shape = (images, height, width, channels)
    if _is_plain_memory(maps):
        plane = height * width
        return Batch(writeable(maps.reshape(-1)), shape, (channels * plane, width, 1, plane))
    return _batch_of_view(maps.transpose(0, 2, 3, 1))


def batch_of_image(image: NDArray[np.generic]) -> Batch:
    """Return an (H, W) or (H, W, C) image, not empty, as a batch of one."""
    if _is_plain_memory(image):  # the common case, for which small images need not wait
        return plain_batch(image)
    return _batch_of_view((image if image.ndim == 3 else image[:, :, None])[None])


def plain_batch(image: NDArray[np.generic]) -> Batch:
    """Return `batch_of_image` for one that kernels read as it lies, such as every output."""
    height, width, channels = image.shape if image.ndim == 3 else (*image.shape, 1)
    row = width * channels
    return Batch(writeable(image.reshape(-1)), (1, height, width, channels), (height * row, row, channels, 1))


def _is_plain_memory(array: NDArray[np.generic]) -> bool:
    """Return whether kernels read `array` as it lies, in C order; float16 they read under nearest only."""
    return array.flags.c_contiguous and array.flags.aligned and array.dtype in _LOADED


def _batch_of_view(pixels: NDArray[np.generic]) -> Batch:
    view = view_of(pixels)
    if view is None:
        return Batch(np.empty(0, native_dtype(pixels.dtype)), pixels.shape, (0, 0, 0, 0), 0, pixels)
    return Batch(view.flat, pixels.shape, view.strides, view.origin, pixels)  # type: ignore[arg-type]


def fill_values(
    fill: ArrayLike, channels: int, dtype: np.dtype[np.generic], interpolation: Interpolation
) -> NDArray[np.generic]:
    """Return `fill`, a number or one for each channel, as one for each channel, as kernels take it.

    Under nearest, which copies, that is in `dtype`, the image's; else in the weights' type.

    Raises:
        ShapeError: neither one number nor one for each channel.
        ParameterError: a number that `dtype` cannot hold.
    """
    values = as_array(fill, "fill")
    if isinstance(fill, list | tuple) and all(isinstance(number, int) for number in fill):
        values = np.array(fill, object)  # NumPy would make floats of whole numbers that no one type holds
    elif values.dtype.kind not in "biuf":
        raise ParameterError(f"fill must be one number or one for each channel, got {truncate_repr(fill)}")
    if values.shape not in ((), (1,), (channels,)):
        raise ShapeError(f"fill must be one number or {channels}, one for each channel, got shape {values.shape}")
    low, high = _range(dtype)
    for value in values.ravel().tolist():
        if not (low <= value <= high or (dtype.kind == "f" and not abs(value) < np.inf)):
            ends = f"{low:g}..{high:g}" if dtype.kind == "f" else f"{low}..{high}"
            raise ParameterError(f"fill must lie in {ends} for {dtype} images, got {value:g}")
    if interpolation == Interpolation.NEAREST:
        whole = np.rint(values) if dtype.kind in "iub" and values.dtype.kind == "f" else values
        return np.ascontiguousarray(np.broadcast_to(whole, (channels,)).astype(native_dtype(dtype)))
    return np.ascontiguousarray(np.broadcast_to(values, (channels,)).astype(weight_type(dtype)))


def _range(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the least and the greatest number of `dtype`; infinities do not count."""
    if dtype.kind == "b":
        return 0, 1
    if dtype.kind == "f":
        top = float(np.finfo(dtype).max)
        return -top, top
    info = np.iinfo(dtype)
    return info.min, info.max


def check_size(size: Sequence[int]) -> tuple[int, int]:
    """Return `size` as (height, width) of at least one pixel each way; ShapeError otherwise."""
    if type(size) is tuple and len(size) == 2 and type(size[0]) is type(size[1]) is int and min(size) > 0:
        return size  # nearly always, and a small image waits for the answer
    height, width = check_sides(size, 2, 1)
    return height, width


def check_sides(size: Sequence[int], axes: int, least: int) -> tuple[int, ...]:
    """Return `size` as (height, width), or (depth, height, width), all at least `least`; ShapeError otherwise."""
    names = "(height, width)" if axes == 2 else "(depth, height, width)"
    try:
        sides = tuple(int(side) for side in size)
        whole = sides == tuple(size)
    except (TypeError, ValueError, OverflowError):
        sides, whole = (), False
    if len(sides) != axes:
        raise ShapeError(f"size must be {names}, got {size!r}")
    if not whole or min(sides) < least:
        raise ShapeError(f"size must be {names}, whole numbers of at least {least}, got {size!r}")
    return sides
