"""Sampling by footprints, where one position does not do: where the picture shrinks, and at its edge.

What an output pixel stands for is a parallelogram of the input (see `stnwarp.kernels.geometry.footprints`). Where it is
larger than a pixel, its pixels are averaged; all others are left to the kernels of the interpolation itself. Where it
reaches beyond the edge under the padding mode fill, the result has its share of the fill: the kernels of the
interpolation see to that, too, and are told where.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stnwarp.conventions import Interpolation
from stnwarp.kernels import layout
from stnwarp.kernels.compiler.arguments import PointerArgs, thread_workspace
from stnwarp.kernels.compiler.compiled_kernel import CompiledKernel
from stnwarp.kernels.forward.layout import (
    AntialiasTask,
    BoxTask,
    FootprintTask,
    make_antialias_workspace,
)
from stnwarp.parallel import run_in_bands
from stnwarp.sampling.arrays import Batch, weight_type
from stnwarp.sampling.mapping import Mapping

REACH = {Interpolation.BILINEAR: 1, Interpolation.BICUBIC: 2, Interpolation.LANCZOS: 3}
_MEASURE = CompiledKernel("forward.footprints", "measure_rows", None, FootprintTask)
_AVERAGE = CompiledKernel("forward.pyramid", "average_boxes", None, BoxTask)
_SAMPLE = {
    kind: CompiledKernel("forward.footprints", "antialias_rows", reach - 1, AntialiasTask)
    for kind, reach in REACH.items()
}
_BOTH = 3  # axes
_RIM_BITS = 64  # of an integer, see `stnwarp.kernels.geometry.rim`
_MARGIN = 13  # boxes that footprints reach beyond the picture, for a kernel that reaches one output pixel
_NO_RIM = np.empty(0, np.uint64)


class Footprints(NamedTuple):
    """The footprints of the pixels of outputs: numbers of the call, its mapping, and what has been measured."""

    call: layout.SampleCall
    fades: int  # the axes on which pictures fade into the fill: 1 for columns, 2 for rows, their sum, or 0
    matrices: NDArray[np.float64]
    grid: NDArray[np.float64]
    rows: NDArray[np.int8]  # (2 * rows,), the lowest level and the highest, -1 where there is nothing to do
    rim: NDArray[np.uint64]  # a bit for each pixel, see `stnwarp.kernels.geometry.rim`; empty for affine maps

    @property
    def are_everywhere(self) -> bool:
        """Whether every pixel of the outputs is sampled by its footprint."""
        return bool(self.rows[::2].min() >= 0) and not self._may_be_far

    @property
    def _may_be_far(self) -> bool:
        """Whether positions may lie too far away for a footprint: levels of affine maps are measured once for a row."""
        if self.call.mapping != layout.AFFINE:
            return False
        reach = np.abs(self.matrices).max() * (self.call.output_width + self.call.output_height + 1)
        return not reach < layout.FAR

    @property
    def levels(self) -> list[int]:
        """The levels that some row may need."""
        low, high = self.rows[::2], self.rows[1::2]
        return [level for level in range(int(high.max()) + 1) if ((low <= level) & (level <= high)).any()]


def footprints_of(
    source: Batch,
    output: Batch,
    mapping: Mapping,
    interpolation: Interpolation,
    antialias: bool,
    threads: int,
) -> Footprints | None:
    """Return the footprints of the pixels of `output`; None if there is nothing to measure."""
    if interpolation not in REACH:
        return None
    if mapping.kind == layout.AFFINE:  # whose rim kernels find by themselves
        measures = antialias and any_shrinks(mapping.matrices)
    else:
        measures = antialias or _axes_that_fade(mapping) == _BOTH
    if not measures:
        return None
    found = unmeasured_footprints(source, output, mapping, antialias)
    measure(found, interpolation, antialias, threads)
    return found


def unmeasured_footprints(source: Batch, output: Batch, mapping: Mapping, antialias: bool) -> Footprints:
    """Return the footprints of the pixels of `output`, but for what is to be measured."""
    fades, is_affine = _axes_that_fade(mapping), mapping.kind == layout.AFFINE
    kind = layout.GRID if mapping.kind == layout.GRID_FLOAT32 else mapping.kind
    x, y = (layout.BORDER if mode == layout.FILL else mode for mode in (mapping.padding, mapping.padding_y))
    codes = (kind, x, y, int(mapping.align_corners))
    sizes = (*source.shape[1:], *source.strides, source.origin, *output.shape[1:3], *output.strides)
    call = layout.SampleCall(*codes, *sizes, 0, output.shape[2], mapping.grid_stride)
    total, grid = output.shape[0] * output.shape[1], mapping.grid.astype(np.float64, copy=False)
    rows = np.full(2 * total, -1, np.int8)
    rows[1::2] = int(antialias)  # kernels that are collected and not run are those of pixels of all kinds
    rim = np.zeros(total * -(-output.shape[2] // _RIM_BITS), np.uint64) if fades == _BOTH and not is_affine else _NO_RIM
    return Footprints(call, fades, mapping.matrices, grid, rows, rim)


def _axes_that_fade(mapping: Mapping) -> int:
    return (mapping.padding == layout.FILL) + 2 * (mapping.padding_y == layout.FILL)


def measure(footprints: Footprints, interpolation: Interpolation, antialias: bool, threads: int) -> None:
    """Set the levels of the rows of `footprints`, where it is to `antialias`, and the bits of the rim."""
    call, *arrays = (footprints.call, footprints.matrices, footprints.grid, footprints.rows, footprints.rim)

    def measure_rows(band: tuple[int, int]) -> None:
        space = thread_workspace(layout.make_footprint_workspace)
        _MEASURE(call, int(antialias), int(footprints.fades == _BOTH), *arrays, space, *band, REACH[interpolation])

    run_in_bands(measure_rows, len(footprints.rows) // 2, threads)


def any_shrinks(matrices: NDArray[np.float64]) -> bool:
    """Return whether an affine map of `matrices`, (9 * N,), output pixel to input pixel, makes a picture smaller.

    Along some axis, that is: by the square of the larger singular value.
    """
    most = layout.NO_SHRINKING
    for a, b, _, c, d, _, *_ in matrices.reshape(-1, 9).tolist():
        whole, area = a * a + b * b + c * c + d * d, a * d - b * c
        # The squares are the roots of s s - whole s + area area.
        if whole > 2.0 * most or (most - whole) * most + area * area < 0.0:
            return True
    return False


def sample_footprints(
    source: Batch,
    output: Batch,
    footprints: Footprints,
    interpolation: Interpolation,
    fills: PointerArgs,
    threads: int,
) -> None:
    """Overwrite the pixels of `output` that are sampled by their footprints."""
    source = _adjacent(source, output.flat.dtype)
    for number in footprints.levels:
        picture, level = picture_of_level(source, number, footprints.call, interpolation, fills, threads)
        sample_level(picture, level, output, footprints, interpolation, fills, threads)


def sample_level(
    picture: Batch,
    level: layout.Level,
    output: Batch,
    footprints: Footprints,
    interpolation: Interpolation,
    fills: PointerArgs,
    threads: int,
) -> None:
    """Overwrite the pixels of `output` whose footprints are of one level."""
    rows, weights = _SAMPLE[interpolation], weight_type(output.flat.dtype)
    edge = fills.arrays[0].astype(picture.flat.dtype)
    arrays = (footprints.matrices, footprints.grid, fills, edge, footprints.rows, footprints.rim)

    def sample(band: tuple[int, int]) -> None:
        space = thread_workspace(make_antialias_workspace, weights, picture.flat.dtype.type)
        rows(picture.flat, output.flat, footprints.call, level, footprints.fades, *arrays, space, *band)

    run_in_bands(sample, len(footprints.rows) // 2, threads)


def picture_of_level(
    source: Batch,
    number: int,
    call: layout.SampleCall,
    interpolation: Interpolation,
    fills: PointerArgs,
    threads: int,
) -> tuple[Batch, layout.Level]:
    """Return what footprints of the level `number` are summed over: `source` itself, or means of its boxes."""
    margin = _MARGIN * REACH[interpolation] if number else 0
    picture = _average(source, 2**number, margin, call, fills, threads) if number else source
    height, width = (side - 2 * margin for side in picture.shape[1:3])
    return picture, layout.Level(number, height, width, *picture.strides, picture.origin, margin)


def _adjacent(source: Batch, dtype: np.dtype[np.generic]) -> Batch:
    """Return `source`, or a copy of it as `dtype`, with its pixels side by side: each is read many times."""
    by_column, by_channel = source.strides[2:]
    is_adjacent = by_column == 1 or (by_channel == 1 and by_column == source.shape[3])
    if source.pixels is None or (source.flat.size and source.pixels.dtype == dtype and is_adjacent):
        return source
    _, height, width, channels = source.shape
    strides = (height * width * channels, width * channels, channels, 1)
    return Batch(np.ascontiguousarray(source.pixels, dtype).reshape(-1), source.shape, strides)


def _average(source: Batch, side: int, margin: int, call: layout.SampleCall, fills: PointerArgs, threads: int) -> Batch:
    """Return the means of boxes of `side` by `side` pixels, and of `margin` boxes beyond each edge."""
    images, height, width, channels = source.shape
    weights = weight_type(source.flat.dtype)
    rows, columns = -(-height // side) + 2 * margin, -(-width // side) + 2 * margin
    boxes = np.empty(images * rows * columns * channels, weights)
    level = layout.Level(0, height, width, *source.strides, source.origin, 0)

    def average(band: tuple[int, int]) -> None:
        sums = np.empty(width * channels, weights)
        sizes = (rows, columns, margin, channels, side, call.padding, call.padding_y, call.align_corners)
        _AVERAGE(source.flat, boxes, level, *sizes, fills, sums, *band)

    run_in_bands(average, images * rows, threads)
    strides = (rows * columns * channels, columns * channels, channels, 1)
    return Batch(boxes, (images, rows, columns, channels), strides, margin * (columns + 1) * channels)
