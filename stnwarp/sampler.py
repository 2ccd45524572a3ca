"""The sampler: an input and a sampling grid -> the output, the same for every channel.

Convention: a grid holds normalised input coordinates (x, y), x to the right, y down; `align_corners` says whether -1
and 1 are the outer edges of the corner pixels (False) or their centres (True). Coordinates that are NaN or infinite
count as outside the image.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp import conventions
from stnwarp.arrays import Batch, batch_of_maps, checked, checked_maps, fill_values, weight_type, writeable
from stnwarp.conventions import DEFAULT_ALIGN_CORNERS, Interpolation, PaddingMode
from stnwarp.errors import ParameterError, ShapeError
from stnwarp.kernels import blocks
from stnwarp.kernels.native import Native

PADDING_CODES = {
    PaddingMode.ZEROS: blocks.ZEROS,
    PaddingMode.BORDER: blocks.BORDER,
    PaddingMode.REFLECTION: blocks.REFLECTION,
}

_KERNELS = {
    Interpolation.NEAREST: Native("nearest", "nearest_rows"),
    Interpolation.BILINEAR: Native("bilinear", "bilinear_rows"),
}
_PACKED_BILINEAR = {
    1: Native("packed", "packed_gray_rows"),
    2: Native("packed", "packed_two_rows"),
    3: Native("packed", "packed_rgb_rows"),
    4: Native("packed", "packed_four_rows"),
}

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
    reflection padding a NaN coordinate reads pixel 0 of its axis, as in torch; under zeros it reads 0.

    Args:
        input: (N, C, H, W), uint8, uint16, float32 or float64, of any strides.
        grid: (N, H', W', 2), float32 or float64, last axis (x, y), normalised.
        mode: nearest (halves to even) or bilinear; ONNX's name linear is taken too.
        padding_mode: zeros, border or reflection.
        align_corners: see the convention above.

    Returns:
        (N, C, H', W') of the input's dtype.

    Raises:
        ShapeError: input or grid has the wrong shape or dtype.  ParameterError: an unknown mode.

    Source: Jaderberg et al. 2015, equations (3) to (5); ONNX GridSample-22.
    """
    maps, points = checked_maps(input), checked(grid, "grid")
    if points.ndim != 4 or points.shape[3] != 2 or len(points) != len(maps) or points.dtype.kind != "f":
        found = f"shape {points.shape} of {points.dtype}"
        raise ShapeError(f"grid must be floats of shape (N, H', W', 2) with N = {len(maps)}, got {found}")
    output = np.empty((*maps.shape[:2], *points.shape[1:3]), maps.dtype)
    kind = blocks.GRID_FLOAT32 if maps.dtype == points.dtype == np.float32 else blocks.GRID
    mapping = grid_mapping(points, padding_mode, align_corners, kind)
    sample(batch_of_maps(maps), batch_of_maps(output), mapping, mode, 0)
    return output


@dataclass(frozen=True, eq=False)
class Mapping:
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
    affine = bool((matrices[:, 2] == (0.0, 0.0, 1.0)).all())
    kind = blocks.AFFINE if affine else blocks.PROJECTIVE
    flat = np.ascontiguousarray(matrices).reshape(-1)
    return Mapping(kind, flat, _NOTHING, _padding_code(padding_mode), align_corners)


def _padding_code(padding_mode: str) -> int:
    return PADDING_CODES[conventions.padding_mode(padding_mode)]


def sample(
    source: Batch, output: Batch, mapping: Mapping, interpolation: str, fill: ArrayLike, threads: int = 1
) -> None:
    """Fill *output* (writeable, not overlapping *source*) by bands of rows, one band for each of *threads*."""
    total = output.shape[0] * output.shape[1]
    threads = min(_count(threads), total)
    rows = _rows(source, output, conventions.interpolation(interpolation))
    call = _call(source, output, mapping)
    fills = fill_values(fill, source.shape[3], source.flat.dtype)
    edges = [total * band // threads for band in range(threads + 1)]

    def band(start: int, stop: int) -> None:
        space = _work_space(weight_type(source.flat.dtype))
        rows(source.flat, output.flat, call, mapping.matrices, mapping.grid, fills, *space, start, stop)

    if threads == 1:
        band(0, total)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(band, edges[:-1], edges[1:]))


def _count(threads: int) -> int:
    if not isinstance(threads, int | np.integer) or threads < 1:
        raise ParameterError(f"threads must be a whole number of at least 1, got {threads!r}")
    return int(threads)


def _rows(source: Batch, output: Batch, interpolation: Interpolation) -> Native:
    """The kernel: the one for whole uint8 pixels where the channels of both batches lie side by side."""
    channels = source.shape[3]
    pixels = (channels,) if channels == 1 else (channels, 1)
    side_by_side = all(batch.strides[2 : 2 + len(pixels)] == pixels for batch in (source, output))
    if source.flat.dtype == np.uint8 and interpolation == Interpolation.BILINEAR and side_by_side:
        return _PACKED_BILINEAR.get(channels, _KERNELS[interpolation])
    return _KERNELS[interpolation]


def _call(source: Batch, output: Batch, mapping: Mapping) -> blocks.Call:
    codes = (mapping.kind, mapping.padding, int(bool(mapping.align_corners)))
    return blocks.Call(*codes, *source.shape[1:], *source.strides, *output.shape[1:3], *output.strides)


def _work_space(weights: type[np.floating]) -> blocks.WorkSpace:
    """This thread's own work space; made once, since a small image takes no longer than making it."""
    spaces: dict[type[np.floating], blocks.WorkSpace] = _own.__dict__.setdefault("spaces", {})
    if weights not in spaces:
        spaces[weights] = blocks.work_space(weights)
    return spaces[weights]
