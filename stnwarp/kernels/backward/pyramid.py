"""The gradient of the means of boxes: what a box gets is shared out among its pixels, see `forward.pyramid`."""

import numpy as np

from stnwarp.kernels.backward.layout import BoxGradientTask
from stnwarp.kernels.compiler.decorators import inline, kernel
from stnwarp.kernels.geometry.padding import OUTSIDE_TAP, pad_tap
from stnwarp.kernels.simd.memory import load_points, load_source, store_points
from stnwarp.kernels.simd.mixed_precision import cast_to_weight


@kernel
def spread_boxes(task: BoxGradientTask, start: int, stop: int) -> None:
    """Add the gradients of boxes to their pixels, for the channels [start, stop), counted through all images."""
    level, side = task.level, task.side
    for index in range(start, stop):
        image, channel = index // task.channels, index % task.channels
        first = level.origin + image * level.image_stride + channel * level.channel_stride
        for line in range(task.height):
            if _sum_boxes(task, image, line, channel):
                begin = (line - task.margin) * side
                for row in range(begin, begin + side):
                    tap = pad_tap(np.float64(row), level.height, task.align_corners, task.padding)
                    if tap != OUTSIDE_TAP:
                        _add_sums(task, first + tap * level.row_stride)


@inline
def _sum_boxes(task: BoxGradientTask, image: int, line: int, channel: int) -> bool:
    """Set what each column of the source gets of a row of boxes; False if that is nothing."""
    found, scale = False, 1.0 / (np.float64(task.side) * np.float64(task.side))
    for k in range(np.uintp(task.level.width)):
        store_points(task.sums, k, 0.0)
    for box in range(task.width):
        at = np.uintp(((image * task.height + line) * task.width + box) * task.channels + channel)
        value = scale * np.float64(load_source(task.boxes, at))
        if value != 0.0:
            begin = (box - task.margin) * task.side
            for column in range(begin, begin + task.side):
                tap = pad_tap(np.float64(column), task.level.width, task.align_corners, task.padding)
                if tap != OUTSIDE_TAP:
                    found = True
                    store_points(task.sums, np.uintp(tap), load_points(task.sums, np.uintp(tap)) + value)
    return found


@inline
def _add_sums(task: BoxGradientTask, start: int) -> None:
    """Add the sums of columns to a row of the gradient to the source."""
    for column in range(task.level.width):
        at = np.uintp(start + column * task.level.column_stride)
        task.to_source[at] += cast_to_weight(task.to_source, load_points(task.sums, np.uintp(column)))
