"""From the options to what guides a run: one spec for all images, a row for each, or what networks see in it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stnwarp.cli.guide_options import GuideOptions
from stnwarp.cli.transformation import agreed_align_corners, build_spec, size_request
from stnwarp.cli.transformation_options import TransformationOptions
from stnwarp.conventions import Family
from stnwarp.errors import ParameterError

if TYPE_CHECKING:
    from stnwarp.folder import Guide
    from stnwarp.localisation import Localiser
    from stnwarp.params import Parameters
    from stnwarp.transforms import SizeRequest, WarpSpec

CANONICAL = "canonical"
_SPLINE = Family.THIN_PLATE_SPLINE

_Words = str | tuple[int, int] | None  # of --size


@dataclass(frozen=True)
class Guided:
    """What guides a run, and the frame its images are placed in.

    *spec* is the one for all images, if it is one. *parameters* is the file that was read, if there is one.
    """

    guide: "Guide"
    align_corners: bool
    size: "SizeRequest"
    spec: "WarpSpec | None" = None
    parameters: "Parameters | None" = None
    is_grid: bool = False


def build_guide(
    transformation: TransformationOptions, guide: GuideOptions, align_corners: bool | None, size: _Words
) -> Guided:
    """What the options ask for.

    Raises:
        ParameterError: a file or a size that cannot be used.  CheckpointError: a network that cannot.
    """
    if guide.checkpoint:
        return _predicted(guide, align_corners, size, transformation.inverse)
    if size == CANONICAL:
        raise ParameterError("--size canonical is the size that a --checkpoint was made for; give WxH")
    if guide.params is not None:
        return _listed(guide, align_corners, size, transformation.inverse)
    from stnwarp.folder import OneForAll

    asked = build_spec(transformation, align_corners)
    request = size_request(size or "same")
    return Guided(OneForAll(asked.spec, asked.file), asked.align_corners, request, asked.spec, is_grid=asked.is_grid)


def _listed(options: GuideOptions, align_corners: bool | None, size: _Words, inverse: bool) -> Guided:
    from stnwarp.folder import Listed
    from stnwarp.params import read_parameters

    assert options.params is not None
    parameters = read_parameters(options.params)
    agreed = agreed_align_corners(str(options.params), parameters.align_corners, align_corners)
    guide = Listed(parameters, inverse, has_sizes=size is None)
    return Guided(guide, agreed, size_request(size or "same"), parameters=parameters)


def _predicted(options: GuideOptions, align_corners: bool | None, size: _Words, inverse: bool) -> Guided:
    from stnwarp.folder import Predicted
    from stnwarp.localisation import Checkpoint, Localiser

    checkpoints = [Checkpoint.load(name, **options.told) for name in options.checkpoint]
    localiser = Localiser(checkpoints, repeat=options.repeat or 1)
    agreed = agreed_align_corners(checkpoints[0].name, localiser.align_corners, align_corners)
    request = size_request(_canonical(localiser) if size == CANONICAL else size or "same")
    if size == "fit" and any(each.metadata.family is _SPLINE for each in checkpoints):
        raise ParameterError(
            "--size fit is for matrices: where a thin plate spline ends is not known; give same or WxH"
        )
    return Guided(Predicted(localiser, inverse, request.size), agreed, request)


def _canonical(localiser: "Localiser") -> tuple[int, int]:
    """The size of the output that the last of the networks was made for."""
    if localiser.output_size is None:
        raise ParameterError(f"{localiser.checkpoints[-1].name} does not say its canonical size; give --size WxH")
    return localiser.output_size
