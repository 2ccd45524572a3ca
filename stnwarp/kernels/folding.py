"""One axis at a time: a coordinate as a pixel index, folded into the image, with the slope that gradients need.

Samplers and gradients share what stands here, so that the pixel that is read is the pixel that has the gradient.

The slope is d(folded) / d(position) as torch defines it where the fold has a corner: 0 at and beyond the rim that a
position is clamped to. NaN, and infinity under reflection and wrap, fold to 0 with slope 0: what is folded can be made
an index of. Under zeros nothing is folded, and callers ask first whether a place touches the image, which NaN does not.

All arithmetic is in the type of the position: float32 gives torch's numbers for float32 images and grids. Wrapping,
which torch has not, takes float64: a float32 sum of the position and the period can round a tie the other way.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.arithmetic import as_weight, like
from stnwarp.kernels.blocks import BLOCK, BORDER, GRID_FLOAT32, REFLECTION, SLOPES, WRAP, ZEROS, Memory
from stnwarp.kernels.jit import inlined
from stnwarp.kernels.memory import load_points, store_points

OUTSIDE_TAP = -1

# Up to here a whole number of periods, subtracted from a position, leaves the exact rest; beyond, only fmod does.
_FAR = 2.0**51


@inlined
def to_pixel(coordinate: Any, size: int, align_corners: int) -> Any:
    """A normalised coordinate as a continuous pixel index; its slope is `pixels_per_unit`."""
    inset = like(coordinate, 0.0 if align_corners != 0 else 0.5)
    return (coordinate + like(coordinate, 1)) * pixels_per_unit(coordinate, size, align_corners) - inset


@inlined
def pixels_per_unit(coordinate: Any, size: int, align_corners: int) -> Any:
    """How many pixels a step of 1 in normalised coordinates is, in the type of *coordinate*."""
    return like(coordinate, size - 1 if align_corners != 0 else size) * like(coordinate, 0.5)


@inlined
def clamp(position: Any, size: int) -> tuple[Any, Any]:
    """*position* moved to the nearest of the centres 0 and size - 1 if it lies beyond, and the slope."""
    zero, one, last = like(position, 0), like(position, 1), like(position, size - 1)
    lower = position if position > zero else zero  # written so that NaN gives 0
    return lower if lower < last else last, one if (position > zero) & (position < last) else zero


@inlined
def reflect(position: Any, size: int, align_corners: int) -> tuple[Any, Any]:
    """*position* mirrored at the centres (align_corners) or outer edges of the corner pixels, then clamped."""
    zero, one = like(position, 0), like(position, 1)
    low = like(position, 0.0 if align_corners != 0 else -0.5)
    # A one-pixel axis has no two centres to mirror at: with any period but 0 the clamp gives 0 with slope 0.
    period = like(position, max(2 * (size - 1 if align_corners != 0 else size), 1))
    shifted = position - low
    distance = abs(shifted)
    distance -= period * np.floor(distance / period)
    mirrored = period - distance
    folded, slope = clamp(low + (mirrored if distance > mirrored else distance), size)
    backwards = (distance > mirrored) != (shifted < zero)
    return folded, slope * (-one if backwards else one)


@inlined
def wrap(position: Any, size: int) -> tuple[Any, Any]:
    """*position* modulo *size*, in [0, size): the picture repeats every *size* pixels, whatever align_corners is.

    The right neighbour of the last pixel is the first one, see `fold_tap`. On an axis of one pixel everything is that
    pixel, and the slope is 0. Positions of more than `_FAR` pixels come by way of `reduce_far`.
    """
    zero, one, period = like(position, 0), like(position, 1), like(position, size)
    folded = position - period * np.floor(position / period)
    # A hair below 0 is rounded to the period itself, which is pixel 0 again; that still has slope 1.
    slope = one if (abs(position) < like(position, np.inf)) & (size > 1) else zero
    return folded if (folded >= zero) & (folded < period) else zero, slope


@inlined
def reduce_far(size: int, part: Any, count: Any, places: Memory) -> None:
    """Bring what lies beyond `_FAR` in *count* float64 *places* from *part* on within a period, exactly."""
    far = 0
    for k in range(np.uintp(count)):
        far += not abs(load_points(places, part + k)) < _FAR
    if far > 0:
        for k in range(np.uintp(count)):
            position = load_points(places, part + k)
            if abs(position) >= _FAR:
                store_points(places, part + k, np.fmod(position, np.float64(size)))


@inlined
def fold_tap(tap: Any, size: int, align_corners: int, padding: int) -> Any:
    """The index in 0..size - 1 that a tap at pixel *tap* reads, or OUTSIDE_TAP: only ever under zeros.

    *tap* is a whole number kept as a float, of any magnitude, so that a place far away need not fit an integer. Each
    tap is folded by itself, as torch's bicubic does. NaN, and infinity under reflection and wrap, read pixel 0.
    """
    if padding == ZEROS:
        inside = (tap >= like(tap, 0)) & (tap <= like(tap, size - 1))
        return np.int64(tap) if inside else np.int64(OUTSIDE_TAP)
    if padding == BORDER:
        folded, _ = clamp(tap, size)
    elif padding == REFLECTION:
        folded, _ = reflect(tap, size, align_corners)
    else:
        folded, _ = wrap(tap, size)
    return np.int64(folded)


@inlined
def fold_places(call: Any, count: Any, places: Memory, slopes: int) -> None:
    """Fold X and Y of *places* by the padding mode; set SLOPES too if the literal *slopes* is 1.

    Under zeros nothing is folded, and there are no slopes.
    """
    for axis in range(2):
        part, size = np.uintp(axis * BLOCK), call.height if axis else call.width
        if call.padding == BORDER:
            for k in range(np.uintp(count)):
                folded, slope = clamp(load_points(places, part + k), size)
                _store(places, part + k, folded, slope, slopes)
        elif call.padding == REFLECTION:
            if call.mapping == GRID_FLOAT32:
                _reflect_axis(np.float32(0), call, size, part, count, places, slopes)
            else:
                _reflect_axis(as_weight(places, 0), call, size, part, count, places, slopes)
        elif call.padding == WRAP:
            reduce_far(size, part, count, places)
            for k in range(np.uintp(count)):
                folded, slope = wrap(load_points(places, part + k), size)
                _store(places, part + k, folded, slope, slopes)


@inlined
def _reflect_axis(number: Any, call: Any, size: int, part: Any, count: Any, places: Memory, slopes: int) -> None:
    """In the type of *number*."""
    for k in range(np.uintp(count)):
        folded, slope = reflect(like(number, load_points(places, part + k)), size, call.align_corners)
        _store(places, part + k, folded, slope, slopes)


@inlined
def _store(places: Memory, at: Any, folded: Any, slope: Any, slopes: int) -> None:
    store_points(places, at, folded)
    if slopes == 1:
        store_points(places, SLOPES + at, slope)
