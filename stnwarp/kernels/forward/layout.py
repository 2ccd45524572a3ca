"""What the kernels of antialiased sampling work with."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stnwarp.kernels.layout import (
    LONGEST_SIDE,
    Level,
    Memory,
    SampleCall,
    aligned_zeros,
    make_footprint_workspace,
    make_window_workspace,
)


class AntialiasTask(NamedTuple):
    """What a kernel of antialiased sampling works with: flat memory, numbers of the call, a thread's own workspace."""

    source: Memory  # of the level
    output: Memory
    call: SampleCall  # of the input itself
    level: Level
    fades: int  # the axes of the padding mode fill, whose taps are those of border: 1, 2, their sum, or 0
    matrices: Memory
    grid: Memory
    fill: Memory  # (channels,), in the type of the weights
    edge: Memory  # (channels,), the same in the type of the source
    rows: Memory  # (2 * rows,), int8: the lowest and the highest level of each row of the outputs
    rim: Memory  # uint64, see `geometry.rim`
    positions: Memory  # float64
    footprints: Memory  # float64, see `geometry.footprints`
    offsets: Memory  # int64, see `simd.footprint_sum`
    numbers: Memory  # in the type of the weights, likewise
    patch: Memory  # a window of the source with what is outside, of the source's type


class FootprintTask(NamedTuple):
    """What `measure_rows` works with: those of an `AntialiasTask` that do not depend on the picture's type."""

    call: SampleCall
    antialiases: int  # 1 to average footprints where the picture shrinks
    fades: int  # 1 to set `rim`
    matrices: Memory
    grid: Memory
    rows: Memory
    rim: Memory  # uint64, see `geometry.rim`
    positions: Memory
    footprints: Memory


class BoxTask(NamedTuple):
    """What `average_boxes` works with."""

    source: Memory
    boxes: Memory  # (images, height, width, channels), in the type of the weights
    level: Level  # of the source
    height: int  # of the boxes, margins included
    width: int
    margin: int
    channels: int
    side: int  # of a box, in pixels of the source
    padding: int  # of the columns
    padding_y: int  # of the rows
    align_corners: int
    fill: Memory  # (channels,), in the type of the weights
    sums: Memory  # of columns, in the type of the weights


class CoverageTask(NamedTuple):
    """What `coverage_rows` works with."""

    output: Memory  # (pixels of the output,), uint8
    call: SampleCall
    axes: int  # on which the picture ends: 1 for columns, 2 for rows, or their sum
    is_nearest: int  # 1 where pixels are copied, and are inside or not
    matrices: Memory
    grid: Memory
    positions: Memory  # float64


def make_antialias_workspace(weights: type[np.floating], source: type[Any]) -> tuple[NDArray[Any], ...]:
    """Make positions, footprints, offsets, numbers and patch for one thread."""
    return (
        *make_footprint_workspace(),
        *make_window_workspace(weights),
        aligned_zeros(LONGEST_SIDE * LONGEST_SIDE * 4, source),
    )
