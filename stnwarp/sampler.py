"""The sampler: an input and a sampling grid -> the output, the same for every channel.

Convention: a grid holds normalised input coordinates (x, y), x to the right, y down; `align_corners` says whether -1
and 1 are the outer edges of the corner pixels (False) or their centres (True). Coordinates that are NaN or infinite
count as outside the image.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp import conventions
from stnwarp.arrays import Batch, batch_of_maps, checked, checked_maps, fill_values, weight_type, writeable
from stnwarp.conventions import DEFAULT_ALIGN_CORNERS, Interpolation, PaddingMode
from stnwarp.errors import ParameterError, ShapeError
from stnwarp.kernels import blocks
from stnwarp.kernels.native import Held, Native
from stnwarp.volumes import sample_volumes

PADDING_CODES = {
    PaddingMode.ZEROS: blocks.ZEROS,
    PaddingMode.BORDER: blocks.BORDER,
    PaddingMode.REFLECTION: blocks.REFLECTION,
    PaddingMode.WRAP: blocks.WRAP,
}

_KERNELS = {
    Interpolation.NEAREST: Native("nearest", "nearest_rows"),
    Interpolation.BILINEAR: Native("bilinear", "bilinear_rows"),
    Interpolation.BICUBIC: Native("convolution", "bicubic_rows"),
    Interpolation.LANCZOS: Native("convolution", "lanczos_rows"),
}
_PACKED_BILINEAR = {channels: Native("packed", "packed_rows", channels) for channels in (1, 2, 3, 4)}
_RGB_NEAREST = Native("nearest", "nearest_rgb_rows")
_PLANAR_BILINEAR = Native("planar", "planar_rows")

# Unsigned integers by their size in bytes, for pixels that are copied and not looked at.
_UNSIGNED = {np.dtype(kind).itemsize: np.dtype(kind) for kind in (np.uint8, np.uint16, np.uint32, np.uint64)}

# Outputs of no more pixels than this are worked off without regard to rows, an image by one thread; under affine maps,
# where a row's edges are worth solving for, only if rows are shorter than _NARROW.
_FEW_PIXELS, _NARROW = 1 << 16, 128

_NOTHING = np.empty(0, np.float64)
_own = threading.local()


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
    maps, points = checked_maps(input), checked(grid, "grid")
    if points.ndim != 4 or points.shape[3] != 2 or len(points) != len(maps) or points.dtype.kind != "f":
        found = f"shape {points.shape} of {points.dtype}"
        raise ShapeError(f"grid must be floats of shape (N, H', W', 2) with N = {len(maps)}, got {found}")
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
    flat = writeable(np.ascontiguousarray(grid).reshape(-1))
    return Mapping(kind, _NOTHING, flat, _padding_code(padding_mode), align_corners)


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
    rows = _rows(source, output, mapping, kind)
    fills = _fills(fill, source.shape[3], dtype)
    threads = _count(threads)
    if kind == Interpolation.NEAREST:
        source, output, fills = _whole_pixels(source, output, fills)
    width = output.shape[2]
    if mapping.kind in (blocks.GRID, blocks.GRID_FLOAT32):
        output = _rows_joined(output)
    elif mapping.kind == blocks.AFFINE and width < _NARROW and kind in (Interpolation.NEAREST, Interpolation.BILINEAR):
        output = _rows_joined(output)
        mapping = mapping._replace(kind=blocks.AFFINE_JOINED) if output.shape[2] > width else mapping
    call = _call(source, output, mapping, width)
    total = output.shape[0] * output.shape[1]

    def band(start: int, stop: int) -> None:
        space = _work_space(weight_type(dtype))
        rows(source.flat, output.flat, call, mapping.matrices, mapping.grid, fills, space, start, stop)

    threads = min(threads, total)
    if threads == 1:
        band(0, total)
        return
    edges = [total * number // threads for number in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(band, edges[:-1], edges[1:]))


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
    together = channels if _steps_are(channels, source, output) else 1
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


def _rows_joined(output: Batch) -> Batch:
    """*output* with all rows of an image as one where they lie end to end: blocks are then full whatever its width."""
    images, height, width, channels = output.shape
    by_image, by_row, by_column, by_channel = output.strides
    if by_row != width * by_column or height * width > _FEW_PIXELS:
        return output
    return Batch(output.flat, (images, 1, height * width, channels), (by_image, by_row * height, by_column, by_channel))


def _count(threads: int) -> int:
    if not isinstance(threads, int | np.integer) or threads < 1:
        raise ParameterError(f"threads must be a whole number of at least 1, got {threads!r}")
    return int(threads)


def _rows(source: Batch, output: Batch, mapping: Mapping, interpolation: Interpolation) -> Native:
    """The kernel: one that reads neighbours by pairs where they lie side by side, else the one for everything."""
    dtype, channels = source.flat.dtype, source.shape[3]
    pairs = min(source.shape[1:3]) > 1 and mapping.padding != blocks.WRAP
    if interpolation == Interpolation.NEAREST and dtype == np.uint8 and channels == 3 and pairs:
        return _RGB_NEAREST if _steps_are(3, source, output) else _KERNELS[interpolation]
    if interpolation != Interpolation.BILINEAR or not pairs:
        return _KERNELS[interpolation]
    if dtype == np.uint8 and channels in _PACKED_BILINEAR and _steps_are(channels, source, output):
        return _PACKED_BILINEAR[channels]
    if dtype == np.float32 and source.strides[2] == output.strides[2] == 1:
        return _PLANAR_BILINEAR
    return _KERNELS[interpolation]


def _steps_are(channels: int, *batches: Batch) -> bool:
    """Whether the channels of a pixel, and the pixels of a row, lie side by side."""
    return all(batch.strides[2] == channels and (channels == 1 or batch.strides[3] == 1) for batch in batches)


def _call(source: Batch, output: Batch, mapping: Mapping, width: int) -> blocks.Call:
    codes = (mapping.kind, mapping.padding, int(bool(mapping.align_corners)))
    last_word = max(source.flat.nbytes - 8, 0)
    sizes = (*source.shape[1:], *source.strides, *output.shape[1:3], *output.strides)
    return blocks.Call(*codes, *sizes, last_word, width)


def _work_space(weights: type[np.floating]) -> Held:
    """This thread's own work space; made once, since a small image takes no longer than making it."""
    spaces: dict[type[np.floating], Held] = _own.__dict__.setdefault("spaces", {})
    if weights not in spaces:
        spaces[weights] = Held(*blocks.work_space(weights))
    return spaces[weights]
