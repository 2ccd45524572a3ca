"""Which of the random warps a family cannot undo, bounded as its parameters are."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from stnwarp.conventions import Family
from stnwarp.training.choices import Settings, TrainingRecipe
from stnwarp.training.geometry import identity_parameters, read_parameters
from stnwarp.training.lattice import lattice, places
from stnwarp.training.networks.bounds import BoundedParameters
from stnwarp.training.ranges import Ranges
from stnwarp.training.samples import Samples
from stnwarp.training.scenes import aspects
from stnwarp.training.warps import Warps, draw
from stnwarp.transforms import ParameterKind, parameters_of

_DRAWN = 256  # warps, of which
_BEYOND = 0.01  # of them may be beyond reach, by
_NEAR = 0.02  # half frames
_LEAST_SCALE = 1e-6  # of which there is a logarithm, far below every bound
_LINEAR = {"scale", "angle", "stretch", "shear"}
_TERMS = {
    ParameterKind.SHIFT: {"shift"},
    ParameterKind.SCALE: {"scale"},
    ParameterKind.ANGLE: {"angle"},
    ParameterKind.LINEAR: _LINEAR,
    ParameterKind.PERSPECTIVE: {"perspective"},
    ParameterKind.POINT: {"shift", *_LINEAR, "perspective", "bend"},
}


def terms_without_parameters(settings: Settings) -> tuple[str, ...]:
    """List the terms of the range that the family has no parameters for, so that recipe restore cannot undo them."""
    if settings.recipe is not TrainingRecipe.RESTORE or settings.ranges is None:
        return ()
    kinds = parameters_of(settings.family, settings.control_points).values()
    known = {"margin"}.union(*(_TERMS[kind] for kind in kinds))
    return tuple(term for term in settings.ranges.terms() if term not in known)


def out_of_reach(settings: Settings, samples: Samples) -> tuple[str, ...]:
    """The terms of the range without any of which the family of *settings* could undo the warps of *samples*.

    Where there is more than one reason, the terms that it cannot undo by themselves. Those that it has no parameters
    for are not among them; see `terms_without_parameters`.
    """
    return _out_of_reach(settings, _some(aspects(samples, settings)))


def remedy(settings: Settings, samples: Samples) -> str:
    """What would help where something is out of reach."""
    similar = replace(settings, family=Family.SIMILARITY, control_points=None)
    if not (terms_without_parameters(similar) or out_of_reach(similar, samples)):
        return "a smaller range, or --family similarity"
    frames = _some(aspects(samples, settings))
    is_helped_by_squares = len(_out_of_reach(settings, torch.ones(_DRAWN))) < len(_out_of_reach(settings, frames))
    return "a square --input-size with --fit pad" if is_helped_by_squares else "a smaller range"


def _some(frames: torch.Tensor) -> torch.Tensor:
    return frames[torch.arange(_DRAWN) * len(frames) // _DRAWN]


def _out_of_reach(settings: Settings, frames: torch.Tensor) -> tuple[str, ...]:
    """As `out_of_reach`, of warps in frames with these aspects (N,)."""
    ranges = settings.ranges
    if ranges is None or settings.recipe is TrainingRecipe.CLASSIFY:
        return ()

    def is_beyond(*terms: str) -> bool:
        return _is_beyond(_only(ranges, terms), frames, settings)

    terms = tuple(term for term in ranges.terms() if term not in {*terms_without_parameters(settings), "margin"})
    if not is_beyond(*terms):
        return ()
    needed = tuple(term for term in terms if not is_beyond(*(other for other in terms if other != term)))
    return needed or tuple(term for term in terms if is_beyond(term)) or terms


def _only(ranges: Ranges, terms: Sequence[str]) -> Ranges:
    """Those *terms* of *ranges*; a shift goes as far as it does where a picture gets as small as it may."""
    room = 0.0 if "scale" in terms else max(0.0, 1 - ranges.scale[0])
    kept = {term: getattr(ranges, term) for term in terms}
    return replace(Ranges(), **kept, margin=min(Ranges.margin, ranges.margin + room))


def _is_beyond(ranges: Ranges, frames: torch.Tensor, settings: Settings) -> bool:
    """Whether some of the warps of *ranges*, in frames of these aspects (N,), cannot be undone."""
    warps = draw(ranges, frames, torch.ones(len(frames), 2), torch.Generator().manual_seed(0))
    wanted = _wanted(warps, settings)
    is_spline = settings.control_points is not None  # comes near by itself, the nearer the more points it has
    points = lattice().expand(len(frames), -1, -1)
    targets = places(wanted, settings) if is_spline else warps.to_scene(points)
    off = (places(_bounded(wanted, settings), settings) - targets).abs().amax((1, 2))
    return float((off > _NEAR).double().mean()) > _BEYOND


def _bounded(wanted: torch.Tensor, settings: Settings) -> torch.Tensor:
    """Parameters (N, P), of `_wanted`, kept within their bounds."""
    bounded = BoundedParameters(settings.family, settings.control_points)
    low, high = bounded.identity - bounded.bounds, bounded.identity + bounded.bounds
    kept = torch.minimum(torch.maximum(wanted, low), high)
    return torch.cat((kept[:, :1].exp(), kept[:, 1:]), dim=1) if bounded.has_scale else kept


def _wanted(warps: Warps, settings: Settings) -> torch.Tensor:
    """The parameters (N, P) that undo *warps* best, without bounds; of a scale, the logarithm."""
    family, matrices = settings.family, warps.matrices
    if settings.control_points is not None:
        points = identity_parameters(family, settings.control_points).reshape(1, -1, 2)
        return warps.to_scene(points.expand(len(matrices), -1, -1)).flatten(1)
    wanted = read_parameters(matrices, family)
    scales = [kind is ParameterKind.SCALE for kind in parameters_of(family).values()]
    return torch.where(torch.tensor(scales), wanted.clamp_min(_LEAST_SCALE).log(), wanted)
