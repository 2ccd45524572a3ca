"""The pixels of an output: colours are weighted by their alpha while they are mixed, and missing values left out.

Missing in a picture of floats is NaN, and the value that the user says; what no such pixel has a part in is as it is
without them, to the bit.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stnwarp.conventions import Interpolation, PaddingMode, PaddingModes, padding_modes
from stnwarp.folder.settings import Settings
from stnwarp.images.alpha import premultiply, unpremultiply
from stnwarp.images.picture import Picture
from stnwarp.transforms import Frame, ImageWarp, reduce_input

_FLOATS = "F"
_HALF = 0.5 - 2.0**-20  # of the weight: halves that are a rounding short of it count
_HALF_COVERED = 128  # 127.5 is rounded to it


def warped(picture: Picture, image_warp: ImageWarp, fill: tuple[float, ...], settings: Settings) -> NDArray[np.generic]:
    """The pixels of *picture* as *image_warp*: colours weighted by their alpha, and floats without missing values.

    Args:
        picture: one whose palette has been resolved, unless the nearest pixel is taken.
        image_warp: the transformation of the whole picture, whatever the draft, and the size of the result.
        fill: what is read outside the picture, one number per channel in the unit of its array, alpha straight.
        settings: interpolation, padding mode, antialias, align_corners and threads are read, and of pictures of floats
            what is missing, and whether a fill was given.

    Returns:
        An array of ``image_warp.size``, with the channels and the dtype of the picture's own.
    """
    source = Frame(picture.whole_size, settings.align_corners)
    image_warp = replace(image_warp, transform=reduce_input(image_warp.transform, source, picture.draft))
    if picture.mode == _FLOATS:
        values, size = [picture.array], picture.size
        del picture
        if not _ends_in_nodata(fill, settings):
            return _without_missing(values, image_warp, fill, settings)
        x, y = padding_modes(str(settings.padding_mode))
        within = PaddingModes(*(PaddingMode.BORDER if mode.takes_fill else mode for mode in (x, y)))
        result = _without_missing(values, image_warp, fill, replace(settings, padding_mode=within))
        axes = x.takes_fill + 2 * y.takes_fill
        result[covered(size, image_warp, settings, axes) < _HALF_COVERED] = settings.nodata
        return result
    if not picture.has_alpha or settings.interpolation is Interpolation.NEAREST:
        return _warp(picture.array, image_warp, np.asarray(fill), settings)
    dtype = picture.array.dtype
    transparent_fill = premultiply(np.asarray(fill, dtype=dtype)[None, None])[0, 0]
    weighted = [premultiply(picture.array)]
    del picture
    return unpremultiply(_warp(weighted.pop(), image_warp, transparent_fill, settings), dtype)


def nodata_warnings(mode: str, settings: Settings) -> tuple[str, ...]:
    """A warning where a picture of *mode* has no value that could be missing, and one was said."""
    if settings.nodata is None or mode == _FLOATS:
        return ()
    return (f"--nodata is for pictures of floats; this one has mode {mode}, and all of its values count",)


def _ends_in_nodata(fill: tuple[float, ...], settings: Settings) -> bool:
    """Whether what is outside is missing, and not a fill."""
    if settings.nodata is None or not settings.padding_mode.takes_fill:
        return False
    return settings.fill is None or np.float32(fill[0]) == np.float32(settings.nodata)


def _without_missing(
    given: list[NDArray[Any]], image_warp: ImageWarp, fill: tuple[float, ...], settings: Settings
) -> NDArray[Any]:
    """The values *given*, one array that nobody else needs, with missing ones left out of what is blended.

    Where one of them has a part in the result, that is the bilinear sum over the others, which cannot cancel, divided
    by what they have of the weight; with less than half of it the result is missing itself.
    """
    values, outside = given.pop(), np.asarray(fill)
    if settings.interpolation is Interpolation.NEAREST:
        return _warp(values, image_warp, outside, settings)
    missing = np.isnan(values)
    if settings.nodata is not None:
        missing |= values == np.float32(settings.nodata)
    if not missing.any():
        return _warp(values, image_warp, outside, settings)
    values = np.where(missing, np.float32(np.nan), values)
    result = _warp(values, image_warp, outside, settings)
    touched = np.isnan(result)
    if touched.any():
        settings = replace(settings, interpolation=Interpolation.BILINEAR)
        values[missing] = 0
        total = _warp(values, image_warp, outside, settings)[touched]
        values[...] = missing
        weight = 1 - _warp(values, image_warp, np.zeros(1), settings)[touched]
        mean = np.full_like(total, np.nan)
        np.divide(total, weight, out=mean, where=weight >= _HALF)
        if settings.nodata is not None:
            mean[np.isnan(mean)] = settings.nodata
        result[touched] = mean
    return result


def covered(input_size: tuple[int, int], image_warp: ImageWarp, settings: Settings, axes: int = 3) -> NDArray[np.uint8]:
    """How much of each pixel of *image_warp*'s output lies inside a picture of *input_size*, from 0 to 255.

    The picture ends on *axes*: 1 for columns, 2 for rows, or their sum.
    """
    from stnwarp.sampling.coverage import measure_coverage

    return measure_coverage(
        input_size,
        image_warp.transform,
        image_warp.size,
        interpolation=settings.interpolation,
        align_corners=settings.align_corners,
        axes=axes,
        threads=settings.threads,
    )


def _warp(
    image: NDArray[np.generic], image_warp: ImageWarp, fill: NDArray[np.generic], settings: Settings
) -> NDArray[Any]:
    # Loading the compiler takes longer than all the rest: planning, refusals and dry runs go without.
    from stnwarp.sampling.fused import warp

    return warp(
        image,
        image_warp.transform,
        image_warp.size,
        interpolation=settings.interpolation,
        padding_mode=str(settings.padding_mode),
        fill=fill,
        antialias=settings.antialias,
        align_corners=settings.align_corners,
        threads=settings.threads,
    )
