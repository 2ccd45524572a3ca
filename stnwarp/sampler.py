"""The sampler: an input and a sampling grid -> the output, the same for every channel.

Convention: a grid holds normalised input coordinates (x, y), x to the right, y down; `align_corners` says whether -1
and 1 are the outer edges of the corner pixels (False) or their centres (True). Coordinates that are NaN or infinite
count as outside the image.
"""

from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp import conventions
from stnwarp.arrays import (
    FEW_PIXELS,
    PADDING_CODES,
    Batch,
    Sides,
    batch_of_maps,
    checked_grid,
    checked_maps,
    checked_threads,
    fill_values,
    flat_copy,
    weight_type,
)
from stnwarp.conventions import DEFAULT_ALIGN_CORNERS, Interpolation
from stnwarp.kernels import blocks
from stnwarp.kernels.native import Held, Native, own_space
from stnwarp.sharing import share_out
from stnwarp.volumes import sample_volumes

_KERNELS = {
    Interpolation.NEAREST: Native("nearest", "nearest_rows", 1),
    Interpolation.BILINEAR: Native("bilinear", "bilinear_rows"),
    Interpolation.BICUBIC: Native("convolution", "convolution_rows", blocks.CUBIC_TAPS),
    Interpolation.LANCZOS: Native("convolution", "convolution_rows", blocks.LANCZOS_TAPS),
}
_PACKED_BILINEAR = {channels: Native("packed", "packed_rows", channels) for channels in (1, 2, 3, 4)}
_RGB_NEAREST = Native("nearest", "nearest_rows", 3)
_PLANAR_BILINEAR = Native("planar", "planar_rows")
_FLOAT_BILINEAR = {channels: Native("float_pixels", "float_pixel_rows", channels) for channels in (3, 4)}

# Unsigned integers by their size in bytes, for pixels that are copied and not looked at.
_UNSIGNED = {np.dtype(kind).itemsize: np.dtype(kind) for kind in (np.uint8, np.uint16, np.uint32, np.uint64)}

# Under affine maps a row's edges are worth solving for, unless rows are shorter than this.
_NARROW = 128

# Along an axis; float32 does not tell the pixels of longer ones apart.
_FLOAT32_PIXELS = 2**24

_NOTHING = np.empty(0, np.float64)


def grid_sample(
    input: ArrayLike,
    grid: ArrayLike,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
) -> NDArray[Any]:
    """Read *input* at every point of *grid*; a drop-in for torch.nn.functional.grid_sample and ONNX GridSample.

    Integer inputs are computed in floating point and rounded once, half to even. A float32 input read at a float32
    grid uses torch's float32 arithmetic for the coordinates, all other combinations float64. Under border and
    reflection padding a NaN coordinate reads pixel 0 of its axis, as in torch; under zeros it reads 0. That holds for
    every mode, where torch's bicubic returns NaN. Bicubic and lanczos overshoot; integers are clamped to their range.

    Args:
        input: (N, C, H, W), uint8, uint16, float32 or float64, of any strides; or volumes (N, C, D, H, W).
        grid: (N, H', W', 2), float32 or float64, last axis (x, y), normalised; for volumes (N, D', H', W', 3) with
            (x, y, z), see `stnwarp.volumes.sample_volumes`.
        mode: nearest (halves to even), bilinear, bicubic (a = -0.75) or lanczos (a = 3), the last two not for volumes;
            ONNX's names linear and cubic are taken too.
        padding_mode: zeros, border, reflection or wrap.
        align_corners: see the convention above.

    Returns:
        (N, C, H', W') of the input's dtype; for volumes (N, C, D', H', W').

    Raises:
        ShapeError: input or grid has the wrong shape or dtype.  ParameterError: an unknown mode.

    Source: Jaderberg et al. 2015, equations (3) to (5); ONNX GridSample-22.
    """
    if np.ndim(input) == 5:
        return sample_volumes(input, grid, mode, padding_mode, align_corners)
    maps = checked_maps(input)
    points = checked_grid(grid, maps)
    output = np.empty((*maps.shape[:2], *points.shape[1:3]), maps.dtype)
    kind = blocks.GRID_FLOAT32 if maps.dtype == points.dtype == np.float32 else blocks.GRID
    mapping = grid_mapping(points, padding_mode, align_corners, kind)
    sample(batch_of_maps(maps), batch_of_maps(output), mapping, mode, 0)
    return output


class Mapping(NamedTuple):
    """Where each output pixel is read, in the form the kernels take: see `stnwarp.kernels.coordinates`."""

    kind: int
    matrices: NDArray[np.float64]
    grid: NDArray[np.generic]
    padding: int
    align_corners: bool


def grid_mapping(grid: NDArray[np.generic], padding_mode: str, align_corners: bool, kind: int = blocks.GRID) -> Mapping:
    """A mapping that reads its places from *grid*, (..., 2), float32 or float64."""
    return Mapping(kind, _NOTHING, flat_copy(grid), _padding_code(padding_mode), align_corners)


def matrix_mapping(matrices: NDArray[np.float64], padding_mode: str, align_corners: bool) -> Mapping:
    """A mapping by *matrices*, (N, 3, 3), output pixel to input pixel; affine if all of them are."""
    affine = all(row == [0.0, 0.0, 1.0] for row in matrices[:, 2].tolist())
    kind = blocks.AFFINE if affine else blocks.PROJECTIVE
    flat = np.ascontiguousarray(matrices).reshape(-1)
    return Mapping(kind, flat, _NOTHING, _padding_code(padding_mode), align_corners)


def entries_mapping(entries: list[float], padding_mode: str, align_corners: bool) -> Mapping:
    """`matrix_mapping` of one matrix, given by its nine entries."""
    kind = blocks.AFFINE if entries[6:] == [0.0, 0.0, 1.0] else blocks.PROJECTIVE
    return Mapping(kind, np.array(entries), _NOTHING, _padding_code(padding_mode), align_corners)


def _padding_code(padding_mode: str) -> int:
    return PADDING_CODES[conventions.padding_mode(padding_mode)]


def sample(
    source: Batch, output: Batch, mapping: Mapping, interpolation: str, fill: ArrayLike, threads: int = 1
) -> None:
    """Fill *output* (writeable, not overlapping *source*) by bands of rows, one band for each of *threads*."""
    dtype, kind = source.flat.dtype, conventions.interpolation(interpolation)
    fills, threads = _fills(fill, source.shape[3], dtype), checked_threads(threads)
    if kind == Interpolation.NEAREST:
        source, output, fills = _whole_pixels(source, output, fills)
    modes = (kind, mapping.kind, mapping.padding, bool(mapping.align_corners))
    rows, call, places = _plan(modes, source.flat.dtype, source.flat.nbytes, *source[1:], *output[1:])
    total = output.shape[0] * call.output_height

    def sample_rows(band: tuple[int, int]) -> None:
        space = own_space(blocks.work_space, places, weight_type(dtype))
        rows(source.flat, output.flat, call, mapping.matrices, mapping.grid, fills, space, *band)

    if threads == 1:
        sample_rows((0, total))
        return
    threads = min(threads, total)
    edges = [total * number // threads for number in range(threads + 1)]
    share_out(sample_rows, pairwise(edges), threads)


@lru_cache(maxsize=512)
def _plan(
    modes: tuple[Interpolation, int, int, bool],
    dtype: np.dtype[np.generic],
    nbytes: int,
    shape: Sides,
    strides: Sides,
    output_shape: Sides,
    output_strides: Sides,
) -> tuple[Native, blocks.Call, type[np.floating]]:
    """The kernel for such arrays, the numbers it is called with, and the type it keeps places in.

    *modes* are interpolation, mapping, padding and align_corners.
    """
    interpolation, kind, padding, align_corners = modes
    rows = _kernel(modes, dtype, (shape, strides), output_strides)
    width = output_shape[2]
    if kind in (blocks.GRID, blocks.GRID_FLOAT32):
        output_shape, output_strides = _rows_joined(output_shape, output_strides)
    elif kind == blocks.AFFINE and width < _NARROW and interpolation in (Interpolation.NEAREST, Interpolation.BILINEAR):
        output_shape, output_strides = _rows_joined(output_shape, output_strides)
        kind = blocks.AFFINE_JOINED if output_shape[2] > width else kind
    codes = (kind, padding, int(align_corners))
    sizes = (*shape[1:], *strides, *output_shape[1:3], *output_strides)
    exact = kind == blocks.GRID_FLOAT32 and rows is _PLANAR_BILINEAR and max(shape[1:3]) <= _FLOAT32_PIXELS
    return rows, blocks.Call(*codes, *sizes, max(nbytes - 8, 0), width), np.float32 if exact else np.float64


def _fills(fill: ArrayLike, channels: int, dtype: np.dtype[np.generic]) -> Held:
    if isinstance(fill, int | float):
        return _uniform_fills(fill, channels, dtype)
    return Held(fill_values(fill, channels, dtype))


@lru_cache(maxsize=64)
def _uniform_fills(fill: float, channels: int, dtype: np.dtype[np.generic]) -> Held:
    return Held(fill_values(fill, channels, dtype))


def _whole_pixels(source: Batch, output: Batch, fills: Held) -> tuple[Batch, Batch, Held]:
    """For copying: each pixel as one unsigned integer where its bytes lie side by side, and the fill in its type."""
    dtype, channels = source.flat.dtype, source.shape[3]
    values = fills.arrays[0]
    fill = (np.rint(values) if dtype.kind == "u" else values).astype(dtype)
    together = channels if _lie_side_by_side(channels, source.strides, output.strides) else 1
    whole = _UNSIGNED.get(together * dtype.itemsize)
    if whole is None or any(batch.flat.ctypes.data % whole.itemsize for batch in (source, output)):
        return source, output, Held(fill)
    return _viewed(source, whole, together), _viewed(output, whole, together), Held(fill.view(whole))


def _viewed(batch: Batch, whole: np.dtype[np.generic], together: int) -> Batch:
    by_image, by_row, by_column, by_channel = batch.strides
    if together > 1:
        by_image, by_row, by_column, by_channel = (by_image // together, by_row // together, by_column // together, 1)
    shape = (*batch.shape[:3], batch.shape[3] // together)
    return Batch(batch.flat.view(whole), shape, (by_image, by_row, by_column, by_channel))


def _rows_joined(shape: Sides, strides: Sides) -> tuple[Sides, Sides]:
    """An output with all rows of an image as one where they lie end to end: blocks are then full whatever its width."""
    images, height, width, channels = shape
    by_image, by_row, by_column, by_channel = strides
    if by_row != width * by_column or height * width > FEW_PIXELS:
        return shape, strides
    return (images, 1, height * width, channels), (by_image, by_row * height, by_column, by_channel)


def _kernel(
    modes: tuple[Interpolation, int, int, bool],
    dtype: np.dtype[np.generic],
    source: tuple[Sides, Sides],
    output_strides: Sides,
) -> Native:
    """The kernel: one that reads neighbours by pairs where they lie side by side, else the one for everything."""
    interpolation, _, padding, _ = modes
    shape, strides = source
    channels = shape[3]
    pairs = min(shape[1:3]) > 1 and padding != blocks.WRAP
    whole = _lie_side_by_side(channels, strides, output_strides)
    packed = dtype == np.uint8 and whole
    if interpolation == Interpolation.NEAREST and packed and channels == 3 and pairs:
        return _RGB_NEAREST
    if interpolation != Interpolation.BILINEAR or not pairs:
        return _KERNELS[interpolation]
    if packed and channels in _PACKED_BILINEAR:
        return _PACKED_BILINEAR[channels]
    if dtype == np.float32 and strides[2] == output_strides[2] == 1:
        return _PLANAR_BILINEAR
    if dtype == np.float32 and whole and channels in _FLOAT_BILINEAR:
        return _FLOAT_BILINEAR[channels]
    return _KERNELS[interpolation]


def _lie_side_by_side(channels: int, *strides: Sides) -> bool:
    """Whether the channels of a pixel, and the pixels of a row, do so."""
    return all(steps[2] == channels and (channels == 1 or steps[3] == 1) for steps in strides)
