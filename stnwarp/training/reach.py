"""Which of the random warps a family's parameters, bounded as they are, cannot undo."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from stnwarp.conventions import ParameterFamily
from stnwarp.training.choices import Settings, TrainingRecipe
from stnwarp.training.geometry import identity_parameters
from stnwarp.training.networks.bounds import BoundedParameters
from stnwarp.training.ranges import Ranges
from stnwarp.training.warps import Warps, draw

_DRAWN = 2048  # warps; a term is beyond reach if one of them is
_MATRICES = {
    ParameterFamily.TRANSLATION: ((0, 2), (1, 2)),
    ParameterFamily.AFFINE: tuple((row, column) for row in (0, 1) for column in (0, 1, 2)),
    ParameterFamily.PROJECTIVE: tuple((row, column) for row in (0, 1, 2) for column in (0, 1, 2))[:8],
}


def out_of_reach(settings: Settings) -> tuple[str, ...]:
    """The terms of the range that the family of *settings* cannot undo as far as they go.

    Those that it cannot undo by themselves, or, if there are none, all that take part in what it cannot. Terms that it
    has no numbers for are not among them; see `Settings.not_undone`.
    """
    ranges = settings.ranges
    if ranges is None or settings.recipe is TrainingRecipe.CLASSIFY:
        return ()
    terms = tuple(term for term in ranges.terms() if term not in settings.not_undone())
    alone = tuple(term for term in terms if _is_beyond(settings, _only(ranges, (term,))))
    if alone or not _is_beyond(settings, _only(ranges, terms)):
        return alone
    return tuple(term for term in terms if term != "margin")


def _only(ranges: Ranges, terms: Sequence[str]) -> Ranges:
    """Those *terms* of *ranges*; a shift goes as far as it does where a picture gets as small as it may."""
    kept = {term: getattr(ranges, term) for term in terms}
    if "scale" not in terms:
        kept["margin"] = min(Ranges.margin, ranges.margin + max(0.0, 1 - ranges.scale[0]))
    return replace(Ranges(), **kept)


def _is_beyond(settings: Settings, ranges: Ranges) -> bool:
    """Whether some of the warps of *ranges* need parameters that lie beyond their bounds."""
    height, width = settings.input_size
    warps = draw(ranges, torch.full((_DRAWN,), width / height), torch.ones(_DRAWN, 2), torch.Generator().manual_seed(0))
    bounded = BoundedParameters(settings.family, settings.control_points)
    return bool(((_raw(warps, settings) - bounded.identity).abs() > bounded.bounds).any())


def _raw(warps: Warps, settings: Settings) -> torch.Tensor:
    """The parameters (N, P) that undo *warps*, with the logarithm of a scale."""
    family, matrices = settings.family, warps.matrices
    if settings.control_points is not None:
        points = identity_parameters(family, settings.control_points).reshape(1, -1, 2)
        return warps.to_scene(points.expand(len(matrices), -1, -1)).flatten(1)
    if family in _MATRICES:
        return torch.stack([matrices[:, row, column] for row, column in _MATRICES[family]], dim=1)
    log_scale, shift = torch.linalg.det(matrices[:, :2, :2]).log() / 2, matrices[:, :2, 2].unbind(1)
    if family is ParameterFamily.ATTENTION:
        return torch.stack((log_scale, *shift), dim=1)
    return torch.stack((log_scale, torch.zeros_like(log_scale), *shift), dim=1)  # no angle is beyond its bound
