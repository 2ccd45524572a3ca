"""A sampling grid as the bytes of a file: its numbers, or a picture of it."""

from typing import TYPE_CHECKING

from stnwarp.cli.grid_input import Input
from stnwarp.cli.options import SamplingOptions
from stnwarp.cli.transformation import Asked
from stnwarp.conventions import Units
from stnwarp.drawing import draw_grid, render_png, render_svg
from stnwarp.errors import ParameterError
from stnwarp.folder import OneForAll, Settings, warped
from stnwarp.images import default_fill, parse_fill
from stnwarp.sampling.grid_generator import sampling_grid
from stnwarp.transform_files import dump_grid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stnwarp.images import Picture
    from stnwarp.transforms import ImageWarp

_UNKNOWN = "the transform file does not say for which size of the input it is; give --input-size WxH or --image"


def dumped(suffix: str, asked: Asked, given: Input, image_warp: "ImageWarp", units: Units) -> bytes:
    """The numbers in *units*, with the size of the input only where it is known."""
    if units is Units.PIXEL and given.size is None:
        raise ParameterError(_UNKNOWN)
    return dump_grid(
        suffix,
        sampling_grid(image_warp.transform, image_warp.size, asked.align_corners),
        units=units,
        align_corners=asked.align_corners,
        input_size=given.size,
        output_size=image_warp.size,
        crop=given.crop,
    )


def drawn(
    suffix: str, asked: Asked, given: Input, image_warp: "ImageWarp", sampling: SamplingOptions, width: int
) -> bytes:
    """A picture *width* pixels wide; the image is warped as `stnwarp apply` does it."""
    if given.size is None:
        raise ParameterError(_UNKNOWN)
    picture, target = given.picture, None
    if picture is not None:
        target = _warped(picture, asked, image_warp, sampling)
    scene = draw_grid(
        sampling_grid(image_warp.transform, image_warp.size, asked.align_corners),
        input_size=given.size,
        align_corners=asked.align_corners,
        image=None if picture is None else picture.array,
        target=target,
        width=width,
    )
    return render_svg(scene).encode() if suffix == ".svg" else render_png(scene)


def _warped(
    picture: "Picture", asked: Asked, image_warp: "ImageWarp", sampling: SamplingOptions
) -> "NDArray[np.generic]":
    settings = Settings(
        OneForAll(asked.spec),
        align_corners=asked.align_corners,
        interpolation=sampling.interpolation,
        padding_mode=sampling.padding_mode,
        antialias=sampling.antialias,
    )
    fill = default_fill(picture.mode) if sampling.fill is None else parse_fill(sampling.fill, picture.mode)
    return warped(picture, image_warp, fill, settings)
