"""One axis at a time: a coordinate as a pixel index, folded into the image, with the slope that gradients need.

Samplers and gradients share what stands here, so that the pixel that is read is the pixel that has the gradient.

The slope is d(folded) / d(position) as torch defines it where the fold has a corner: 0 at and beyond the edge that a
position is clamped to. NaN, and infinity under reflection and wrap, fold to 0 with slope 0: what is folded can be
made an index of. Under zeros nothing is folded, and callers ask first whether a position touches the image, which NaN
does not.

All arithmetic is in the type of the position: float32 gives torch's numbers for float32 images and grids. Wrapping,
which torch has not, takes float64: a float32 sum of the position and the period can round a tie the other way.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.compiler.decorators import inline
from stnwarp.kernels.layout import BLOCK, BORDER, GRID_FLOAT32, REFLECTION, SLOPES, WRAP, ZEROS, Memory
from stnwarp.kernels.simd.fused import fma
from stnwarp.kernels.simd.memory import load_points, store_points
from stnwarp.kernels.simd.mixed_precision import cast_like, cast_to_weight

OUTSIDE_TAP = -1

# Up to here a whole number of periods, subtracted from a position, leaves the exact rest; beyond, only fmod does.
_FAR = 2.0**51


@inline
def clamp(position: Any, size: int) -> tuple[Any, Any]:
    """*position* moved to the nearest of the centres 0 and size - 1 if it lies beyond, and the slope."""
    zero, one, last = cast_like(position, 0), cast_like(position, 1), cast_like(position, size - 1)
    lower = position if position > zero else zero  # written so that NaN gives 0
    return lower if lower < last else last, one if (position > zero) & (position < last) else zero


@inline
def reflect(position: Any, size: int, align_corners: int) -> tuple[Any, Any]:
    """*position* mirrored at the centres (align_corners) or outer edges of the corner pixels, then clamped."""
    zero, one = cast_like(position, 0), cast_like(position, 1)
    low = cast_like(position, 0.0 if align_corners != 0 else -0.5)
    # A one-pixel axis has no two centres to mirror at: with any period but 0 the clamp gives 0 with slope 0.
    period = cast_like(position, max(2 * (size - 1 if align_corners != 0 else size), 1))
    shifted = position - low
    distance = abs(shifted)
    distance = fma(-period, np.floor(distance / period), distance)
    mirrored = period - distance
    folded, slope = clamp(low + (mirrored if distance > mirrored else distance), size)
    backwards = (distance > mirrored) != (shifted < zero)
    return folded, slope * (-one if backwards else one)


@inline
def wrap(position: Any, size: int) -> tuple[Any, Any]:
    """*position* modulo *size*, in [0, size): the picture repeats every *size* pixels, whatever align_corners is.

    The right neighbour of the last pixel is the first one, see `pad_tap`. On an axis of one pixel everything is that
    pixel, and the slope is 0. Positions of more than `_FAR` pixels come by way of `reduce_to_period`.
    """
    zero, one, period = cast_like(position, 0), cast_like(position, 1), cast_like(position, size)
    folded = fma(-period, np.floor(position / period), position)
    # A hair below 0 is rounded to the period itself, which is pixel 0 again; that still has slope 1.
    slope = one if (abs(position) < cast_like(position, np.inf)) & (size > 1) else zero
    return folded if (folded >= zero) & (folded < period) else zero, slope


@inline
def reduce_to_period(size: int, part: Any, count: Any, positions: Memory) -> None:
    """Bring what lies beyond `_FAR` in *count* float64 *positions* from *part* on within a period, exactly."""
    far = 0
    for k in range(np.uintp(count)):
        far += not abs(load_points(positions, part + k)) < _FAR
    if far > 0:
        for k in range(np.uintp(count)):
            position = load_points(positions, part + k)
            if abs(position) >= _FAR:
                store_points(positions, part + k, np.fmod(position, np.float64(size)))


@inline
def pad_tap(tap: Any, size: int, align_corners: int, padding: int) -> Any:
    """The index in 0..size - 1 that a tap at pixel *tap* reads, or OUTSIDE_TAP: only ever under zeros.

    *tap* is a whole number kept as a float, of any magnitude, so that a position far away need not fit an integer. Each
    tap is folded by itself, as torch's bicubic does. NaN, and infinity under reflection and wrap, read pixel 0.
    """
    if padding == ZEROS:
        inside = (tap >= cast_like(tap, 0)) & (tap <= cast_like(tap, size - 1))
        return np.int64(tap) if inside else np.int64(OUTSIDE_TAP)
    if padding == BORDER:
        folded, _ = clamp(tap, size)
    elif padding == REFLECTION:
        folded, _ = reflect(tap, size, align_corners)
    else:
        folded, _ = wrap(tap, size)
    return np.int64(folded)


@inline
def pad_positions(call: Any, count: Any, positions: Memory, slopes: int) -> None:
    """Fold X and Y of *positions* by the padding mode; set SLOPES too if the literal *slopes* is 1.

    Under zeros nothing is folded, and there are no slopes.
    """
    for axis in range(2):
        part, size = np.uintp(axis * BLOCK), call.height if axis else call.width
        if call.padding == BORDER:
            for k in range(np.uintp(count)):
                folded, slope = clamp(load_points(positions, part + k), size)
                _store(positions, part + k, folded, slope, slopes)
        elif call.padding == REFLECTION:
            if call.mapping == GRID_FLOAT32:
                _reflect_axis(np.float32(0), call, size, part, count, positions, slopes)
            else:
                _reflect_axis(cast_to_weight(positions, 0), call, size, part, count, positions, slopes)
        elif call.padding == WRAP:
            reduce_to_period(size, part, count, positions)
            for k in range(np.uintp(count)):
                folded, slope = wrap(load_points(positions, part + k), size)
                _store(positions, part + k, folded, slope, slopes)


@inline
def _reflect_axis(number: Any, call: Any, size: int, part: Any, count: Any, positions: Memory, slopes: int) -> None:
    """In the type of *number*."""
    for k in range(np.uintp(count)):
        folded, slope = reflect(cast_like(number, load_points(positions, part + k)), size, call.align_corners)
        _store(positions, part + k, folded, slope, slopes)


@inline
def _store(positions: Memory, at: Any, folded: Any, slope: Any, slopes: int) -> None:
    store_points(positions, at, folded)
    if slopes == 1:
        store_points(positions, SLOPES + at, slope)
