"""From a block of output pixels to where they are read: the way of every bilinear kernel."""

from typing import Any

import numpy as np

from stnwarp.kernels.blocks import INSIDE, OUTSIDE, Call, Memory
from stnwarp.kernels.coordinates import affine_coordinate, generate_places, row_start
from stnwarp.kernels.folding import fold_places
from stnwarp.kernels.jit import inlined
from stnwarp.kernels.neighbours import locate_inside, locate_steps
from stnwarp.kernels.regions import pair_bounds, region_of, touch_bounds


@inlined
def locate_block(
    call: Call,
    matrices: Memory,
    grid: Memory,
    image: int,
    row: int,
    column: int,
    count: int,
    region: int,
    margin: int,
    places: Memory,
    offsets: Memory,
    weights: Memory,
) -> int:
    """Where *count* output pixels from (row, column) on are read; returns the region that they turn out to lie in.

    INSIDE, their offsets and weights are there; on the RIM their places are, folded as the padding mode says. *region*
    is what `regions.block_at` knows, *margin* as in `regions.pair_bounds`.
    """
    if region == OUTSIDE:
        return OUTSIDE
    if region == INSIDE and _steps_stay_inside(call, matrices, image, row, column, count, margin):
        locate_steps(call, matrices, image, row, column, count, offsets, weights)
        return INSIDE
    generate_places(call, matrices, grid, image, row, column, count, places)
    fold_places(call, count, places, 0)
    region = region_of(call, count, places, pair_bounds(call, margin, 0.0), touch_bounds(call))
    if region == INSIDE:
        locate_inside(call, image, count, places, offsets, weights)
    return region


@inlined
def _steps_stay_inside(call: Call, matrices: Memory, image: int, row: int, column: int, count: int, margin: int) -> Any:
    """Whether the first place and the steps from there lead to places inside: far coordinates round away from that."""
    m = image * 9
    x = _ends_within(matrices[m], row_start(matrices, m, row), column, count, call.width - 1 - margin)
    return x and _ends_within(matrices[m + 3], row_start(matrices, m + 3, row), column, count, call.height - 1)


@inlined
def _ends_within(across: Any, start: Any, column: int, count: int, stop: int) -> Any:
    first = affine_coordinate(across, start, column)
    last = first + across * np.float64(count - 1)
    return min(first, last) > 0.0 and max(first, last) < np.float64(stop)
