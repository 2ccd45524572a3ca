"""The gradients of antialiased sampling, see `stnwarp.sampling.footprints`.

Where a picture shrinks, an output pixel is the mean of its footprint, near scale 1 mixed with the interpolation itself.
The gradient to the output is divided in the same shares: one part goes through the kernels of the interpolation.
"""

import numpy as np
from numpy.typing import NDArray

from stnwarp.conventions import Interpolation
from stnwarp.kernels import layout
from stnwarp.kernels.backward.layout import (
    BoxGradientTask,
    FootprintGradientTask,
    ShareTask,
    WorkSlice,
    make_footprint_gradient_workspace,
)
from stnwarp.kernels.compiler.arguments import PointerArgs, thread_workspace
from stnwarp.kernels.compiler.compiled_kernel import CompiledKernel
from stnwarp.parallel import run_in_bands
from stnwarp.sampling.arrays import Batch, batch_of_maps, check_threads
from stnwarp.sampling.footprints import REACH, Footprints, footprints_of, picture_of_level
from stnwarp.sampling.gradient_work import differentiate, gradient_mode, run_slices, zeros_like
from stnwarp.sampling.mapping import Mapping

_SHARES = CompiledKernel("backward.footprints", "measure_shares", None, ShareTask)
_SPREAD = CompiledKernel("backward.pyramid", "spread_boxes", None, BoxGradientTask)
_KERNELS = {
    kind: CompiledKernel("backward.footprints", "footprint_gradients", REACH[kind] - 1, FootprintGradientTask)
    for kind in (Interpolation.BILINEAR, Interpolation.BICUBIC)
}


def differentiate_antialiased(
    maps: NDArray[np.floating],
    incoming: NDArray[np.floating],
    mapping: Mapping,
    mode: str,
    to_positions: NDArray[np.floating] | None,
    wants_input: bool,
    threads: int,
) -> NDArray[np.floating] | None:
    """Do `differentiate` for what was sampled with antialiasing; shapes of footprints are held fixed."""
    interpolation, threads = gradient_mode(mode), check_threads(threads)
    footprints, gradient = None, np.ascontiguousarray(incoming)
    if incoming.size:
        batches = batch_of_maps(maps), batch_of_maps(gradient)
        footprints = footprints_of(*batches, mapping, interpolation, True, threads)
    if footprints is None:
        return differentiate(maps, incoming, mapping, mode, to_positions, wants_input, threads)
    shares = measure_shares(footprints, interpolation, threads).reshape(len(maps), 1, *incoming.shape[2:])
    to_input = zeros_like(maps, incoming.dtype) if wants_input else None
    if shares.min() < 1:
        plain = np.zeros_like(gradient)
        np.multiply(gradient, 1 - shares, out=plain, where=shares < 1, casting="same_kind")
        to_input = differentiate(maps, plain, mapping, mode, to_positions, wants_input, threads)
    elif to_positions is not None:
        to_positions.fill(0)
    picture = np.ascontiguousarray(maps, incoming.dtype)
    to_picture = np.zeros(maps.shape, incoming.dtype) if wants_input else None
    to_mapping = None if to_positions is None else _zeros_for(footprints, to_positions)
    _differentiate_levels(picture, gradient, footprints, interpolation, (to_picture, to_mapping), threads)
    if to_input is not None and to_picture is not None:
        to_input += to_picture
    if to_positions is not None and to_mapping is not None:
        _add(to_mapping, to_positions)
    return to_input


def measure_shares(footprints: Footprints, interpolation: Interpolation, threads: int) -> NDArray[np.float64]:
    """Return the share that the mean of its footprint has in each output pixel, of all images one behind the other."""
    total, width = len(footprints.rows) // 2, footprints.call.output_width
    shares = np.zeros(total * width)

    def measure(band: tuple[int, int]) -> None:
        space = thread_workspace(layout.make_footprint_workspace)
        arrays = (footprints.matrices, footprints.grid, shares)
        _SHARES(footprints.call, *arrays, space, *band, REACH[interpolation])

    run_in_bands(measure, total, threads)
    return shares


def _zeros_for(footprints: Footprints, to_positions: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return zeros to add the gradient to the mapping to: for matrices those of each row, (N, rows, 3, 3)."""
    if footprints.call.mapping == layout.GRID:
        return np.zeros(to_positions.shape)
    return np.zeros((len(to_positions), footprints.call.output_height, 3, 3))


def _add(to_mapping: NDArray[np.float64], to_positions: NDArray[np.floating]) -> None:
    """Add the gradient to the mapping to `to_positions`: a grid alike, or matrices of other bands."""
    if to_positions.shape[-1] == 2:
        to_positions += to_mapping
    else:
        to_positions[:, 0] += to_mapping.sum(axis=1)


def _differentiate_levels(
    picture: NDArray[np.floating],
    gradient: NDArray[np.floating],
    footprints: Footprints,
    interpolation: Interpolation,
    results: tuple[NDArray[np.floating] | None, NDArray[np.float64] | None],
    threads: int,
) -> None:
    """Add the gradients of all levels to `results`, to the picture and to the mapping; None is not wanted."""
    to_picture, to_mapping = results
    source, call = batch_of_maps(picture), footprints.call
    fills = PointerArgs(np.zeros(source.shape[3], picture.dtype))
    for number in footprints.levels:
        boxes, level = picture_of_level(source, number, call, interpolation, fills, threads)
        to_boxes = None
        if to_picture is not None:
            to_boxes = to_picture.reshape(-1) if number == 0 else np.zeros(boxes.flat.size, picture.dtype)
        differentiate_level(boxes, level, gradient, footprints, interpolation, (to_boxes, to_mapping), threads)
        if number and to_picture is not None and to_boxes is not None:
            spread_level(to_boxes, boxes, level, batch_of_maps(to_picture), call, threads)


def differentiate_level(
    boxes: Batch,
    level: layout.Level,
    gradient: NDArray[np.floating],
    footprints: Footprints,
    interpolation: Interpolation,
    results: tuple[NDArray[np.floating] | None, NDArray[np.float64] | None],
    threads: int,
) -> None:
    """Add the gradients of the pixels of one level to `results`, to `boxes` and to the mapping; None is not wanted."""
    to_boxes, to_mapping = results
    call, kernel = footprints.call, _KERNELS[interpolation]
    to_source = np.empty(0, gradient.dtype) if to_boxes is None else to_boxes
    to_grid = np.empty(0) if to_mapping is None else to_mapping.reshape(-1)
    arrays = (footprints.matrices, footprints.grid, footprints.rows)

    def work_on(part: WorkSlice) -> None:
        space = thread_workspace(make_footprint_gradient_workspace)
        kernel(boxes.flat, gradient.reshape(-1), to_source, to_grid, call, level, part, *arrays, space)

    channels = 0 if to_boxes is None else call.channels
    run_slices(work_on, (boxes.shape[0], call.output_height, channels), to_mapping is not None, threads)


def spread_level(
    to_boxes: NDArray[np.floating],
    boxes: Batch,
    level: layout.Level,
    to_picture: Batch,
    call: layout.SampleCall,
    threads: int,
) -> None:
    """Add the gradient to `boxes` to that to the picture that they are the means of."""
    images, rows, columns, channels = boxes.shape
    source = layout.Level(0, call.height, call.width, *to_picture.strides, to_picture.origin, 0)
    numbers = (rows, columns, level.margin, channels, 2**level.number, call.padding, call.align_corners)

    def spread(band: tuple[int, int]) -> None:
        _SPREAD(to_boxes, to_picture.flat, source, *numbers, np.empty(call.width), *band)

    run_in_bands(spread, images * channels, threads)
