"""From the options to what guides a run: one spec for all images, a row for each, or what networks see in it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stnwarp.cli.guide_options import GuideOptions
from stnwarp.cli.options import OutputOptions
from stnwarp.cli.transformation import agreed_align_corners, agreed_crop, build_spec
from stnwarp.cli.transformation_options import TransformationOptions
from stnwarp.cli.values import CanonicalSize
from stnwarp.conventions import Family
from stnwarp.errors import ParameterError
from stnwarp.size_request import SizeMode, SizeRequest

if TYPE_CHECKING:
    from stnwarp.folder import Guide
    from stnwarp.localisation import Localiser
    from stnwarp.params import Parameters
    from stnwarp.rectangle import Rectangle
    from stnwarp.transforms import WarpSpec

_SPLINE = Family.THIN_PLATE_SPLINE


@dataclass(frozen=True)
class Guided:
    """What guides a run, and the frame its images are placed in.

    *spec* is the one for all images, if it is one. *parameters* is the file that was read, if there is one. *crop* is
    the part of every image that is taken for it.
    """

    guide: "Guide"
    align_corners: bool
    size: SizeRequest
    crop: "Rectangle | None" = None
    spec: "WarpSpec | None" = None
    parameters: "Parameters | None" = None
    is_grid: bool = False


def build_guide(
    transformation: TransformationOptions, guide: GuideOptions, align_corners: bool | None, output: OutputOptions
) -> Guided:
    """What the options ask for.

    Raises:
        ParameterError: a file, a crop or a size that cannot be used.  CheckpointError: a network that cannot.
    """
    if guide.checkpoint:
        return _predicted(guide, align_corners, output, transformation.inverse)
    if isinstance(output.size, CanonicalSize):
        raise ParameterError("--size canonical is the size that a --checkpoint was made for; give WxH")
    if guide.params is not None:
        return _listed(guide, align_corners, output, transformation.inverse)
    from stnwarp.folder import OneForAll

    asked = build_spec(transformation, align_corners)
    crop = agreed_crop(asked.name, asked.crop, output.crop)
    return Guided(
        OneForAll(asked.spec, asked.file),
        asked.align_corners,
        output.size or asked.default_size,
        crop,
        asked.spec,
        is_grid=asked.is_grid,
    )


def _listed(options: GuideOptions, align_corners: bool | None, output: OutputOptions, inverse: bool) -> Guided:
    from stnwarp.folder import Listed
    from stnwarp.params import read_parameters

    assert options.params is not None
    parameters = read_parameters(options.params)
    agreed = agreed_align_corners(str(options.params), parameters.align_corners, align_corners)
    agreed_crop(str(options.params), None if inverse else parameters.crop, output.crop)
    guide = Listed(parameters, inverse, has_sizes=output.size is None)
    return Guided(guide, agreed, _request(output), output.crop, parameters=parameters)


def _predicted(options: GuideOptions, align_corners: bool | None, output: OutputOptions, inverse: bool) -> Guided:
    from stnwarp.folder import Predicted
    from stnwarp.localisation import Checkpoint, Localiser

    checkpoints = [Checkpoint.load(name, **options.told) for name in options.checkpoint]
    localiser = Localiser(checkpoints, repeat=options.repeat or 1)
    agreed = agreed_align_corners(checkpoints[0].name, localiser.align_corners, align_corners)
    request = _canonical(localiser, output.size) if isinstance(output.size, CanonicalSize) else _request(output)
    if request.mode is SizeMode.FIT and any(each.metadata.family is _SPLINE for each in checkpoints):
        raise ParameterError(
            "--size fit is for matrices: where a thin plate spline ends is not known; give same, inner or WxH"
        )
    return Guided(Predicted(localiser, inverse, request.size), agreed, request, output.crop)


def _request(output: OutputOptions) -> SizeRequest:
    return output.size if isinstance(output.size, SizeRequest) else SizeRequest()


def _canonical(localiser: "Localiser", size: CanonicalSize) -> SizeRequest:
    """The size of the output that the last of the networks was made for, at the scale of *size*."""
    own = localiser.output_size
    if own is None:
        raise ParameterError(f"{localiser.checkpoints[-1].name} does not say its canonical size; give --size WxH")
    return SizeRequest(SizeMode.EXACT, own if size.scale is None else size.scale.output_size(own))
