"""The loop over rows and blocks that every kernel of sampling runs."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.geometry.coverage import axes_that_fade
from stnwarp.kernels.geometry.neighbours import tabulate_steps
from stnwarp.kernels.geometry.prefetch import tabulate_prefetch
from stnwarp.kernels.geometry.regions import block_at, row_edges
from stnwarp.kernels.geometry.rim import next_rim_span
from stnwarp.kernels.layout import AFFINE, FADING, Block, Bounds, SampleTask
from stnwarp.kernels.simd.mixed_precision import least


@inline
def sample_rows(
    task: SampleTask,
    start: int,
    stop: int,
    inside: Bounds,
    touching: Bounds,
    longest: int,
    uses_steps: int,
    fades: int,
    itemsize: int,
    sample_block: Callable[[SampleTask, Block, int, int], None],
    variant: int,
) -> None:
    """Sample rows [start, stop) of the batch's outputs, counted through all images, block by block.

    Args:
        task: memory and numbers of the call.
        start: the first row.
        stop: the row after the last one.
        inside: where a position's region is INSIDE, see `regions`.
        touching: where it is not OUTSIDE.
        longest: how many pixels a block has at most.
        uses_steps: a literal, 1 where `sample_block` reads the table of `tabulate_steps`.
        fades: a literal, 1 where the rim is sampled in a way of its own under the padding mode fill; where that is the
            mode of one axis alone, everything is.
        itemsize: a literal, the bytes of an element of an input that `sample_block` prefetches; 0 where it does not.
        sample_block: called with the task, the block, what is known of its region, and `variant`.
        variant: a literal, what the kernel is compiled for: channels, or taps.
    """
    call, known = task.call, -1
    axes = axes_that_fade(call) if fades == 1 else 0
    for index in range(start, stop):
        image, row = index // call.output_height, index % call.output_height
        if uses_steps == 1 and image != known and call.mapping == AFFINE:
            tabulate_steps(task, image)
            if itemsize > 0:
                tabulate_prefetch(task, image, itemsize)
            known = image
        edges = row_edges(call, task.matrices, image, row, inside, touching)
        column: Any = np.int64(0)  # a literal would have everything compiled once more
        end: Any = column
        samples_rim = False
        while True:
            if samples_rim:
                if column == end:
                    column, end = next_rim_span(task, image, row, column, inside, touching)
                if column == end:
                    break
                count, region = least(longest, end - column), FADING
            elif column < call.output_width:
                count, region = block_at(column, edges, call.output_width, longest)
                region = FADING if (axes == 1) | (axes == 2) else region
            elif axes == 3:
                column, end, samples_rim = np.int64(0), np.int64(0), True
                continue
            else:
                break
            sample_block(task, Block(image, row, column, count), region, variant)
            column += count
