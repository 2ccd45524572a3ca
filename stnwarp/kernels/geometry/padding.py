"""One axis at a time: a pixel index, moved into the image by the padding mode, with the slope that gradients need.

Samplers and gradients share what stands here, so that the pixel that is read is the pixel that has the gradient.

The slope is d(padded) / d(position) as torch defines it where that jumps: 0 at and beyond the edge that a position is
clamped to. NaN, and infinity under reflection and wrap, move to 0 with slope 0: what is padded can be made an index of.
Under zeros and fill nothing is moved, and callers ask first whether a position touches the image, which NaN does not.

All arithmetic is in the type of the position: float32 gives torch's numbers for float32 images and grids. Wrapping,
which torch has not, takes float64: a float32 sum of the position and the period can round a tie the other way.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import types

from stnwarp.kernels.compiler.decorators import inline, overload
from stnwarp.kernels.layout import BORDER, GRID_FLOAT32, REFLECTION, SLOPES, WRAP, Memory, X, Y
from stnwarp.kernels.simd.fma import fma
from stnwarp.kernels.simd.memory import load_points, store_points
from stnwarp.kernels.simd.mixed_precision import cast_like, cast_to_weight, greatest

OUTSIDE_TAP = -1


class AxisPositions(NamedTuple):
    """The positions of a block on one axis, of as many pixels as `size`; `part` is where they begin in the workspace.

    `padding` is the mode; their slopes lie `slopes` elements behind them.
    """

    size: int
    padding: int
    part: Any
    count: Any
    positions: Memory
    slopes: Any


# Up to here a whole number of periods, subtracted from a position, leaves the exact rest; beyond, only fmod does.
_FAR = 2.0**51


@inline
def clamp(position: Any, size: int) -> tuple[Any, Any]:
    """Return `position`, moved to the nearest of the centres 0 and size - 1 if it lies beyond, and the slope."""
    zero, one, last = cast_like(position, 0), cast_like(position, 1), cast_like(position, size - 1)
    lower = position if position > zero else zero  # written so that NaN gives 0
    return lower if lower < last else last, one if (position > zero) & (position < last) else zero


@inline
def reflect(position: Any, size: int, align_corners: int) -> tuple[Any, Any]:
    """Return `position` mirrored at centres (align_corners) or edges of the end pixels, clamped; and the slope."""
    zero, one = cast_like(position, 0), cast_like(position, 1)
    low = cast_like(position, 0.0 if align_corners != 0 else -0.5)
    # A one-pixel axis has no two centres to mirror at: with any period but 0 the clamp gives 0 with slope 0.
    period = cast_like(position, greatest(2 * (size - 1 if align_corners != 0 else size), 1))
    shifted = position - low
    distance = abs(shifted)
    distance = fma(-period, np.floor(distance / period), distance)
    mirrored = period - distance
    padded, slope = clamp(low + (mirrored if distance > mirrored else distance), size)
    backwards = (distance > mirrored) != (shifted < zero)
    return padded, slope * (-one if backwards else one)


@inline
def wrap(position: Any, size: int) -> tuple[Any, Any]:
    """Return `position` modulo `size`, in [0, size), whatever align_corners is, and the slope.

    The picture repeats: the right neighbour of the last pixel is the first one, see `pad_tap`. On an axis of one pixel
    everything is that pixel, and the slope is 0. Positions of more than `_FAR` pixels come by way of
    `reduce_to_period`.
    """
    zero, one, period = cast_like(position, 0), cast_like(position, 1), cast_like(position, size)
    padded = fma(-period, np.floor(position / period), position)
    # A hair below 0 is rounded to the period itself, which is pixel 0 again; that still has slope 1.
    slope = one if (abs(position) < cast_like(position, np.inf)) & (size > 1) else zero
    return padded if (padded >= zero) & (padded < period) else zero, slope


@inline
def reduce_to_period(size: int, part: Any, count: Any, positions: Memory) -> None:
    """Bring what lies beyond `_FAR` in `count` float64 `positions` from `part` on within a period, exactly."""
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
    """Return the index in 0..size - 1 that a tap at pixel `tap` reads, or OUTSIDE_TAP: only ever under zeros and fill.

    `tap` is a whole number kept as a float, of any magnitude, so that a position far away need not fit an integer. Each
    tap is padded by itself, as torch's bicubic does. NaN, and infinity under reflection and wrap, read pixel 0.
    """
    if padding < BORDER:
        inside = (tap >= cast_like(tap, 0)) & (tap <= cast_like(tap, size - 1))
        return np.int64(tap) if inside else np.int64(OUTSIDE_TAP)
    padded, _ = _pad_position(tap, size, align_corners, padding)
    return np.int64(padded)


@inline
def _pad_position(position: Any, size: int, align_corners: int, padding: int) -> tuple[Any, Any]:
    """Return `position` as `padding`, border or one after it, moves it into the image, and the slope."""
    if padding == BORDER:
        return clamp(position, size)
    if padding == REFLECTION:
        return reflect(position, size, align_corners)
    return wrap(position, size)


@inline
def pad_positions(call: Any, grid: Memory, count: Any, positions: Memory, slopes: int) -> None:
    """Move X and Y of `positions` into the image by the padding mode; set SLOPES too if the literal `slopes` is 1.

    Under zeros and fill nothing is moved, and there are no slopes.
    """
    pad_by_modes(call, grid, count, positions, (call.padding, call.padding), slopes)


@inline
def pad_by_modes(call: Any, grid: Memory, count: Any, positions: Memory, modes: tuple[int, int], slopes: int) -> None:
    """Do what `pad_positions` does, by the `modes` of columns and rows."""
    pad_axis(call, grid, AxisPositions(call.width, modes[0], X, count, positions, SLOPES), slopes, 0)
    pad_axis(call, grid, AxisPositions(call.height, modes[1], Y, count, positions, SLOPES), slopes, 0)


@inline
def modes_of(call: Any, fades: bool) -> tuple[Any, Any]:
    """Return the modes of columns and rows; where pixels fade into the fill, it is border that is read outside."""
    if not fades:
        return call.padding, call.padding_y
    return greatest(call.padding, BORDER), greatest(call.padding_y, BORDER)


@inline
def pad_axis(call: Any, grid: Memory, axis: AxisPositions, wants_slopes: int, reads_last: int) -> None:
    """Move the positions on one axis into the image by the padding mode; do nothing under zeros and fill.

    Args:
        call: the numbers of the call.
        grid: that of the call, which decides whether positions can be of float32.
        axis: the positions.
        wants_slopes: a literal, 1 to set their slopes.
        reads_last: a literal, 1 where what is not a number reads the last pixel under border and reflection: what torch
            makes of it in three dimensions.
    """
    # The mode is a literal below: a loop is compiled for each.
    number = cast_to_weight(axis.positions, 0)
    if axis.padding == BORDER:
        _pad(number, call, axis, wants_slopes, reads_last, BORDER)
    elif axis.padding == REFLECTION:
        _pad_reflection(call, grid, axis, wants_slopes, reads_last)
    elif axis.padding == WRAP:
        reduce_to_period(axis.size, axis.part, axis.count, axis.positions)
        _pad(number, call, axis, wants_slopes, 0, WRAP)


def _pad_reflection(call: Any, grid: Memory, axis: AxisPositions, wants_slopes: int, reads_last: int) -> None:
    """Pad under reflection, in float32 where torch computes in it."""
    if call.mapping == GRID_FLOAT32:
        _pad(np.float32(0), call, axis, wants_slopes, reads_last, REFLECTION)
    else:
        _pad(cast_to_weight(axis.positions, 0), call, axis, wants_slopes, reads_last, REFLECTION)


@overload(_pad_reflection)
def _overload_pad_reflection(
    call: Any, grid: Any, axis: Any, wants_slopes: Any, reads_last: Any
) -> Any:  # pragma: no cover: compiled only
    if grid.dtype == types.float32:
        return _pad_reflection
    # No such call has GRID_FLOAT32: what is not needed need not be compiled.
    return lambda call, grid, axis, wants_slopes, reads_last: _pad(
        cast_to_weight(axis.positions, 0), call, axis, wants_slopes, reads_last, REFLECTION
    )


@inline
def _pad(number: Any, call: Any, axis: AxisPositions, wants_slopes: int, reads_last: int, padding: int) -> None:
    """Pad under one mode, in the type of `number`."""
    size, _, part, count, positions, slopes = axis
    last = cast_like(number, size - 1)
    for k in range(np.uintp(count)):
        position = cast_like(number, load_points(positions, part + k))
        padded, slope = _pad_position(position, size, call.align_corners, padding)
        if reads_last == 1:
            known = position == position
            if padding == REFLECTION:
                known = abs(position) < cast_like(position, np.inf)
            padded = padded if known else last
        store_points(positions, part + k, padded)
        if wants_slopes == 1:
            store_points(positions, slopes + part + k, slope)
