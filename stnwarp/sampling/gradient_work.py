"""The work of both gradients of the sampler, shared out among threads.

The gradients to the input and to the grid are sums that do not meet, and neither do those of different images and
channels. Each is added up by one thread and in one order, so that the number of threads does not change a bit.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stnwarp import conventions
from stnwarp.conventions import Interpolation
from stnwarp.errors import ParameterError
from stnwarp.kernels import layout
from stnwarp.kernels.backward.layout import (
    TILE_WIDTH,
    GradientCall,
    GradientTask,
    WorkSlice,
    make_gradient_workspace,
    tiling,
)
from stnwarp.kernels.compiler.arguments import thread_workspace
from stnwarp.kernels.compiler.compiled_kernel import CompiledKernel
from stnwarp.parallel import run_parallel
from stnwarp.sampling.arrays import FEW_PIXELS, check_threads
from stnwarp.sampling.mapping import Mapping, resolve_maps
from stnwarp.sampling.views import View, view_or_copy, without_gaps

_KERNELS = {
    Interpolation.NEAREST: CompiledKernel("backward.nearest", "nearest_gradients", task=GradientTask),
    Interpolation.BILINEAR: CompiledKernel("backward.bilinear", "bilinear_gradients", task=GradientTask),
    Interpolation.BICUBIC: CompiledKernel("backward.bicubic", "bicubic_gradients", task=GradientTask),
}


def gradient_mode(mode: str) -> Interpolation:
    """Return the interpolation called `mode`; ParameterError if it has no gradients."""
    interpolation = conventions.interpolation(mode)
    if interpolation not in _KERNELS:
        raise ParameterError(f"{interpolation} has no gradients; use one of {', '.join(_KERNELS)}")
    return interpolation


class _Work(NamedTuple):
    """All that a kernel reads and writes, but for the strides and the work space."""

    maps: NDArray[np.floating]
    incoming: NDArray[np.floating]
    mapping: Mapping
    interpolation: Interpolation
    to_positions: NDArray[np.floating] | None


def differentiate(
    maps: NDArray[np.floating],
    incoming: NDArray[np.floating],
    mapping: Mapping,
    mode: str,
    to_positions: NDArray[np.floating] | None,
    wants_input: bool,
    threads: int,
) -> NDArray[np.floating] | None:
    """Return the gradient to `maps` if it is wanted, which lies in memory as they do unless they have gaps.

    Args:
        maps: (N, C, H, W), of floats.
        incoming: (N, C, H', W'), the gradient to the output, of the type that kernels compute in.
        mapping: where each output pixel is read.
        mode: the interpolation.
        to_positions: set to the gradient to the mapping, see `stnwarp.kernels.backward.sums`; None if it is not wanted.
        wants_input: whether the gradient to `maps` is wanted.
        threads: how many share the work.
    """
    interpolation, threads = gradient_mode(mode), check_threads(threads)
    if to_positions is not None and (interpolation == Interpolation.NEAREST or incoming.size == 0):
        to_positions.fill(0)
        to_positions = None
    work = _Work(maps, incoming, mapping, interpolation, to_positions)
    to_input = zeros_like(maps, incoming.dtype) if wants_input else None
    if incoming.size == 0:
        return to_input
    if to_input is None:
        if to_positions is not None:
            _run(work, resolve_maps(maps, mapping, incoming.shape[2:], incoming.dtype), None, threads)
        return None
    written = view_or_copy(to_input)
    if to_positions is None or _strides_agree(maps, to_input):
        _run(work, view_or_copy(maps) if to_positions is not None else written, written.flat, threads)
    else:  # one pass reads where the input lies, the other writes to where its gradient does
        _run(work, resolve_maps(maps, mapping, incoming.shape[2:], incoming.dtype), None, threads)
        _run(work._replace(to_positions=None), written, written.flat, threads)
    return to_input


def zeros_like(maps: NDArray[np.floating], dtype: np.dtype[np.generic]) -> NDArray[np.floating]:
    """Return zeros of the shape of `maps`, which lie as these do if they have no gaps, else in C order."""
    return np.zeros_like(maps, dtype, order="K") if without_gaps(maps) else np.zeros(maps.shape, dtype)


def _strides_agree(maps: NDArray[np.floating], to_input: NDArray[np.floating]) -> bool:
    return maps.dtype == to_input.dtype and maps.strides == to_input.strides and maps.flags.aligned


def _run(work: _Work, source: View, to_source: NDArray[np.generic] | None, threads: int) -> None:
    """Run the kernel for one set of strides: those of `source`, and of `to_source` if that is written to."""
    mapping, incoming, to_positions = work.mapping, work.incoming, work.to_positions
    gradient = view_or_copy(incoming)
    if gradient.origin:  # kernels follow steps back in what they sample only
        gradient = view_or_copy(np.ascontiguousarray(incoming))
    call = _call(mapping, work.maps.shape, source, incoming.shape, gradient)
    kernel = _KERNELS[work.interpolation]
    nothing = np.empty(0, incoming.dtype)
    wide = mapping.padding == layout.WRAP or work.interpolation == Interpolation.BICUBIC
    positions = np.float32 if mapping.kind == layout.GRID_FLOAT32 and not wide else np.float64
    to_grid = nothing if to_positions is None else to_positions.reshape(-1)
    written = nothing if to_source is None else to_source

    def work_on(part: WorkSlice) -> None:
        space = thread_workspace(make_gradient_workspace, positions, incoming.dtype.type)
        kernel(source.flat, gradient.flat, written, to_grid, call, part, mapping.matrices, mapping.grid, space)

    channels = call.channels if to_source is not None else 0
    run_slices(work_on, (len(work.maps), call.bands, channels), to_positions is not None, threads)


def _call(
    mapping: Mapping, shape: tuple[int, ...], source: View, output_shape: tuple[int, ...], gradient: View
) -> GradientCall:
    image, channel, row, column = source.strides
    output_image, output_channel, output_row, output_column = gradient.strides
    height, width = output_shape[2:]
    joined = mapping.kind in (layout.GRID, layout.GRID_FLOAT32) and output_row == width * output_column
    if joined and width < TILE_WIDTH and height * width <= FEW_PIXELS:
        height, width = 1, height * width  # of narrow rows the loops are short, which costs more
    return GradientCall(
        *(mapping.kind, mapping.padding, int(bool(mapping.align_corners))),
        *(shape[2], shape[3], shape[1], image, row, column, channel, source.origin),
        *(height, width, output_image, output_row, output_column, output_channel),
        *tiling(height, width),
        mapping.grid_stride,
    )


def run_slices(
    work_on: Callable[[WorkSlice], None], counts: tuple[int, int, int], wants_grid: bool, threads: int
) -> None:
    """Call `work_on` for parts of the work that write apart.

    Args:
        work_on: what to call.
        counts: of images, of bands in each, and of channels of which the gradient to the input is wanted.
        wants_grid: whether the gradient to the mapping is wanted.
        threads: how many share the work.
    """
    slices = _slices(*counts, int(wants_grid), threads)
    run_parallel(work_on, slices, max(1, min(threads, len(slices))))


def _slices(images: int, bands: int, channels: int, grid: int, threads: int) -> list[WorkSlice]:
    """Divide the work into parts that write apart: by images if there are enough, else by channels and bands."""
    if channels + grid == 0:
        return []
    if images >= threads:
        parts = _parts(images, 1 if threads == 1 else 4 * threads)
        return [WorkSlice(first, last, 0, bands, 0, channels, grid) for first, last in parts]
    slices = []
    for image in range(images):
        by_channel = _parts(channels, threads)
        slices += [WorkSlice(image, image + 1, 0, bands, *part, 0) for part in by_channel]
        by_band = _parts(bands * grid, threads)
        slices += [WorkSlice(image, image + 1, *part, 0, 0, 1) for part in by_band]
    return slices


def _parts(count: int, parts: int) -> list[tuple[int, int]]:
    """Divide the numbers below `count` into at most `parts` runs of about the same length."""
    edges = sorted({count * part // parts for part in range(parts + 1)})
    return list(pairwise(edges))
