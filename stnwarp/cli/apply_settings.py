"""What `stnwarp apply` does to each image, put together from its options before any image is looked at."""

from typing import TYPE_CHECKING

from stnwarp.cli.guard_options import GuardOptions, build_guards
from stnwarp.cli.guidance import Guided
from stnwarp.cli.options import OutputOptions, RunOptions, SamplingOptions
from stnwarp.errors import ParameterError, SingularTransformError

if TYPE_CHECKING:
    from stnwarp.folder import Settings

_ANY_SIZE = (256, 256)


def build_settings(
    guided: Guided,
    guards: GuardOptions,
    sampling: SamplingOptions,
    nodata: float | None,
    output: OutputOptions,
    run: RunOptions,
    *,
    draft: bool,
) -> "Settings":
    """The settings of a run; ParameterError for what can be used with no image at all."""
    from stnwarp.folder import Settings, check_fill

    _check_grid(guided, guards, output)
    settings = Settings(
        guided.guide,
        guided.size,
        guided.align_corners,
        interpolation=sampling.interpolation,
        padding_mode=sampling.padding_mode,
        fill=sampling.fill,
        antialias=sampling.antialias,
        draft=draft,
        quality=output.quality,
        max_pixels=run.max_pixels,
        overwrite=run.overwrite,
        guards=build_guards(guards),
        crop=guided.crop,
        viewport=output.viewport,
        nodata=nodata,
    )
    check_fill((), settings)
    _try_out(guided, settings)
    return settings


def _check_grid(guided: Guided, guards: GuardOptions, output: OutputOptions) -> None:
    """Refuse what a sampling grid cannot be asked for: it is the same for all images, and knows only its points."""
    flag = "--save-params" if output.save_params is not None else guards.given
    if guided.is_grid and flag is not None:
        raise ParameterError(f"{flag} is not for a sampling grid; leave it out, or give the theta it was made from")


def _try_out(guided: Guided, settings: "Settings") -> None:
    """Place an image of some size, so that what fits no image at all is refused before one is read."""
    from stnwarp.transforms import CornersSpec, Frame, PixelMatrixSpec, through_viewport

    if guided.spec is None:
        return
    size = _ANY_SIZE if guided.crop is None else guided.crop.size
    try:
        image_warp = guided.spec.resolve(size, guided.size, guided.align_corners)
        through_viewport(image_warp, settings.viewport, Frame(size, guided.align_corners))
    except SingularTransformError:
        raise
    except ParameterError:
        # In pixels, what an image of this size cannot have may be right for another.
        if not isinstance(guided.spec, CornersSpec | PixelMatrixSpec):
            raise
