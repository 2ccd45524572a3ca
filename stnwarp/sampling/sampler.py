"""The sampler: an input and a sampling grid -> the output, the same for every channel.

Convention: a grid holds normalised input coordinates (x, y), x to the right, y down; `align_corners` says whether -1
and 1 are the outer edges of the corner pixels (False) or their centres (True). Coordinates that are NaN or infinite
count as outside the image.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp import conventions
from stnwarp.array_like import as_array, native_dtype
from stnwarp.conventions import DEFAULT_ALIGN_CORNERS, Interpolation
from stnwarp.kernels import layout
from stnwarp.kernels.compiler.arguments import PointerArgs, thread_workspace
from stnwarp.kernels.compiler.compiled_kernel import CompiledKernel
from stnwarp.parallel import run_in_bands
from stnwarp.sampling.arrays import (
    Batch,
    batch_of_image,
    batch_of_maps,
    check_not_antialiased,
    check_not_fill,
    check_threads,
    compute_type,
    fill_values,
    grid_kind,
    grid_of,
    maps_of,
    plain_batch,
    round_to,
    weight_type,
)
from stnwarp.sampling.footprints import footprints_of, sample_footprints
from stnwarp.sampling.kernel_choice import plan
from stnwarp.sampling.mapping import Mapping, grid_mapping, resolve_source, whole_pixels
from stnwarp.sampling.volumes import sample_volumes

NO_RIM = PointerArgs(np.empty(0, np.uint64))
# Unsigned integers by their size in bytes, for pixels that are copied and not looked at.
_UNSIGNED = {np.dtype(kind).itemsize: np.dtype(kind) for kind in (np.uint8, np.uint16, np.uint32, np.uint64)}


def grid_sample(
    input: ArrayLike,
    grid: ArrayLike,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
    antialias: bool = False,
) -> NDArray[Any]:
    """Read `input` at every point of `grid`; a drop-in for torch.nn.functional.grid_sample and ONNX GridSample.

    Integer inputs are computed in floating point and rounded once, half to even; float16 in float32. A float32 or
    float16 input read at a float32 or float16 grid uses torch's float32 arithmetic for the coordinates, all other
    combinations float64. Under border and reflection padding a NaN coordinate reads pixel 0 of its axis, and in volumes
    the last voxel, both as in torch; under wrap it reads pixel 0, and under zeros 0. That holds for every mode, where
    torch's bicubic returns NaN. Bicubic and lanczos overshoot; integers are clamped to their range. Views of any
    strides are read where they lie, or only the part that can be read is copied; a batch that is broadcast from one
    image, or a grid from one, is not multiplied.

    Args:
        input: (N, C, H, W), uint8, uint16, float16, float32 or float64, and for nearest every integer type and bool; or
            volumes (N, C, D, H, W). N and C may be 0.
        grid: (N, H', W', 2), float16, float32 or float64, last axis (x, y), normalised; for volumes
            (N, D', H', W', 3) with (x, y, z), see `stnwarp.sampling.volumes.sample_volumes`.
        mode: nearest (halves to even), bilinear, bicubic (a = -0.75) or lanczos (a = 3), the last two not for volumes;
            ONNX's names linear and cubic are taken too.
        padding_mode: zeros, border, reflection or wrap.
        align_corners: see the convention above.
        antialias: average the pixels that an output pixel stands for where the grid shrinks the picture, see `warp`;
            not for volumes.

    Returns:
        (N, C, H', W') of the input's dtype; for volumes (N, C, D', H', W').

    Raises:
        ShapeError: input or grid has the wrong shape.  DtypeError: one has a dtype that it cannot have.
        ParameterError: an unknown mode, a masked array, or a tensor that needs a gradient.

    Source: Jaderberg et al. 2015, equations (3) to (5); ONNX GridSample-22.
    """
    input = as_array(input, "input")
    check_not_fill(padding_mode)
    if input.ndim == 5:
        check_not_antialiased(antialias)
        return sample_volumes(input, grid, mode, padding_mode, align_corners)
    interpolation = conventions.interpolation(mode)
    maps = maps_of(input, interpolation)
    points = grid_of(grid, maps)
    mapping = grid_mapping(points, padding_mode, align_corners, grid_kind(maps, points))
    return sample_maps(maps, points.shape[1:3], mapping, interpolation, antialias)


def sample_maps(
    maps: NDArray[np.generic],
    size: Sequence[int],
    mapping: Mapping,
    interpolation: Interpolation,
    antialias: bool = False,
) -> NDArray[Any]:
    """Return an output (N, C, *size) of the dtype of `maps`, (N, C, H, W); 0 is read outside."""
    dtype = native_dtype(maps.dtype)
    output = np.empty((*maps.shape[:2], *size), _memory_type(maps.dtype, interpolation))
    if output.size:
        sample(batch_of_maps(maps), batch_of_maps(output), mapping, interpolation, 0, 1, antialias)
    return round_to(output, dtype)


def _memory_type(dtype: np.dtype[np.generic], interpolation: Interpolation) -> np.dtype[np.generic]:
    """Return the dtype of the output of kernels for images of `dtype`: nearest copies float16 as it is."""
    return native_dtype(dtype) if interpolation is Interpolation.NEAREST else compute_type(dtype)


def sample_image(
    picture: NDArray[np.generic],
    size: tuple[int, int],
    mapping: Mapping,
    interpolation: Interpolation,
    fill: ArrayLike,
    threads: int,
    antialias: bool,
) -> NDArray[Any]:
    """Return an output (*size[, C]) of the dtype of `picture`, (H, W[, C])."""
    dtype = native_dtype(picture.dtype)
    output = np.empty((*size, *picture.shape[2:]), _memory_type(dtype, interpolation))
    if output.size:
        sample(batch_of_image(picture), plain_batch(output), mapping, interpolation, fill, threads, antialias)
    return round_to(output, dtype)


def sample(
    source: Batch,
    output: Batch,
    mapping: Mapping,
    interpolation: str,
    fill: ArrayLike,
    threads: int = 1,
    antialias: bool = False,
) -> None:
    """Fill `output` (writeable, not overlapping `source`) by bands of rows, one band for each of `threads`."""
    kind = interpolation if type(interpolation) is Interpolation else conventions.interpolation(interpolation)
    threads = threads if threads == 1 else check_threads(threads)
    fills = fill_arguments(fill, source.shape[3], source.flat.dtype, kind)
    footprints = footprints_of(source, output, mapping, kind, antialias, threads)
    if footprints is None:
        _sample_positions(source, output, mapping, kind, fills, NO_RIM, threads)
        return
    if not footprints.are_everywhere:
        _sample_positions(source, output, mapping, kind, fills, PointerArgs(footprints.rim), threads)
    sample_footprints(source, output, footprints, kind, fills, threads)


def _sample_positions(
    source: Batch,
    output: Batch,
    mapping: Mapping,
    kind: Interpolation,
    fills: PointerArgs,
    rim: PointerArgs,
    threads: int,
) -> None:
    """Sample every pixel of `output` by the interpolation of `kind` at its position alone."""
    if source.pixels is not None:
        source = resolve_source(source, source.pixels, output, mapping, kind)
    if kind == Interpolation.NEAREST:
        source, output, fills = _whole_pixels(source, output, fills)
    rows, call, *types = plan_positions(source, output, mapping, kind)

    def sample_rows(band: tuple[int, int]) -> None:
        space = thread_workspace(layout.make_workspace, *types)
        rows(source.flat, output.flat, call, mapping.matrices, mapping.grid, fills, rim, space, *band)

    run_in_bands(sample_rows, output.shape[0] * call.output_height, threads)


def plan_positions(
    source: Batch, output: Batch, mapping: Mapping, kind: Interpolation
) -> tuple[CompiledKernel, layout.SampleCall, type[np.floating], type[np.floating]]:
    """Return the kernel, the numbers it is called with, and the types of positions and weights in its work space."""
    modes = (kind, mapping.kind, mapping.padding, mapping.padding_y, bool(mapping.align_corners), mapping.grid_stride)
    layouts = (source.flat.nbytes, *source[1:4], *output[1:3])
    # Nearest has no weights; their type decides which kernel is compiled, and one is enough.
    weights = np.float32 if kind is Interpolation.NEAREST else weight_type(source.flat.dtype)
    return *plan(modes, source.flat.dtype, *layouts), weights


def fill_arguments(
    fill: ArrayLike, channels: int, dtype: np.dtype[np.generic], interpolation: Interpolation
) -> PointerArgs:
    """Return `fill_values` as kernels take them."""
    if isinstance(fill, int | float):
        return _uniform_fills(fill, channels, dtype, interpolation)
    return PointerArgs(fill_values(fill, channels, dtype, interpolation))


@lru_cache(maxsize=64)
def _uniform_fills(
    fill: float, channels: int, dtype: np.dtype[np.generic], interpolation: Interpolation
) -> PointerArgs:
    return PointerArgs(fill_values(fill, channels, dtype, interpolation))


def _whole_pixels(source: Batch, output: Batch, fills: PointerArgs) -> tuple[Batch, Batch, PointerArgs]:
    """Take each pixel as one unsigned integer to copy where its bytes lie side by side, else each of its channels."""
    size, channels = source.flat.itemsize, source.shape[3]
    if whole_pixels(channels, source.strides, output.strides) and size * channels in _UNSIGNED:
        whole = _UNSIGNED[size * channels]
        steps = (*source.strides[:3], source.origin, source.flat.size)
        aligned = not any(batch.flat.ctypes.data % whole.itemsize for batch in (source, output))
        if aligned and not any(step % channels for step in steps):
            return (
                _view(source, whole, channels),
                _view(output, whole, channels),
                PointerArgs(fills.arrays[0].view(whole)),
            )
    whole = _UNSIGNED[size]
    return _view(source, whole, 1), _view(output, whole, 1), PointerArgs(fills.arrays[0].view(whole))


def _view(batch: Batch, whole: np.dtype[np.generic], together: int) -> Batch:
    by_image, by_row, by_column, by_channel = batch.strides
    if together > 1:
        by_image, by_row, by_column, by_channel = (by_image // together, by_row // together, by_column // together, 1)
    shape = (*batch.shape[:3], batch.shape[3] // together)
    origin = batch.origin // together
    return Batch(batch.flat.view(whole), shape, (by_image, by_row, by_column, by_channel), origin)
