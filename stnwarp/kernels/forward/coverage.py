"""How much of each output pixel lies inside the picture, as a byte: see `geometry.coverage`."""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.forward.layout import CoverageTask
from stnwarp.kernels.geometry.coordinates import generate_positions
from stnwarp.kernels.geometry.coverage import measure_coverage
from stnwarp.kernels.geometry.regions import output_offset
from stnwarp.kernels.layout import BLOCK, COVERAGE, Block, X, Y
from stnwarp.kernels.simd.memory import load_points, round_and_store
from stnwarp.kernels.simd.mixed_precision import least

_FULL = 255.0


@kernel
def coverage_rows(task: CoverageTask, start: int, stop: int) -> None:
    """Write the coverage of the output pixels in rows [start, stop)."""
    call = task.call
    for row in range(start, stop):
        for column in range(0, call.output_width, BLOCK):
            block = Block(0, row, column, least(BLOCK, call.output_width - column))
            generate_positions(task, block)
            measure_coverage(task, block, task.axes)
            first = np.uintp(output_offset(call, block))
            for k in range(np.uintp(block.length)):
                share = load_points(task.positions, COVERAGE + k)
                if (task.is_nearest != 0) & (share > 0.0):  # 0 beyond a horizon, whatever is read there
                    share = _is_read(task, k)
                round_and_store(task.output, first + k, _FULL * share)


@inline
def _is_read(task: CoverageTask, k: Any) -> float:
    """Return 1 where the nearest pixel is one of the picture's, halves to even, else 0."""
    x, y = np.rint(load_points(task.positions, X + k)), np.rint(load_points(task.positions, Y + k))
    inside = (x >= 0.0) & (x < np.float64(task.call.width)) & (y >= 0.0) & (y < np.float64(task.call.height))
    return 1.0 if inside else 0.0
