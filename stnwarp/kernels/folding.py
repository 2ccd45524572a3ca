"""One axis at a time: a coordinate as a pixel index, folded into the image, with the slope that gradients need.

The slope is d(folded) / d(position) as torch defines it where the fold has a corner: 0 at and beyond the rim that a
position is clamped to. NaN, and infinity under reflection and wrap, fold to 0 with slope 0: what is folded can be made
an index of. Under zeros nothing is folded, and callers ask first whether a place touches the image, which NaN does not.

All arithmetic is in the type of the position: float32 gives torch's numbers for float32 images and grids.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.arithmetic import like
from stnwarp.kernels.blocks import BORDER, REFLECTION, ZEROS
from stnwarp.kernels.jit import inlined

OUTSIDE_TAP = -1


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

    The right neighbour of the last pixel is the first one, see `fold_tap`.
    """
    zero, one, period = like(position, 0), like(position, 1), like(position, size)
    folded = position - period * np.floor(position / period)
    # A hair below 0 is rounded to the period itself, which is pixel 0 again; that still has slope 1.
    slope = one if abs(position) < like(position, np.inf) else zero
    return folded if (folded >= zero) & (folded < period) else zero, slope


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
