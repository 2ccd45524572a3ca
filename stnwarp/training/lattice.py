"""A lattice of points over the canonical frame: where predicted parameters read it says all about them that matters."""

import torch
from torch.nn import functional

from stnwarp.training.choices import Settings
from stnwarp.training.geometry import sampling_grid

SIDE = 9  # points along each side of the frame, corners included

_LAST = SIDE - 1
CORNERS = (0, _LAST, SIDE * _LAST, SIDE * SIDE - 1)
MIDDLE = (SIDE * (SIDE // 2), SIDE * (SIDE // 2) + _LAST)  # the ends of the row in the middle


def lattice() -> torch.Tensor:
    """The points of the canonical frame, row by row, corners included: (M, 2), normalised."""
    line = torch.linspace(-1, 1, SIDE)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack((x, y), dim=-1).reshape(-1, 2)


def edge() -> list[int]:
    """The points along the edge of the frame, clockwise from the top left, closed."""
    top = list(range(_LAST))
    right = [_LAST + SIDE * row for row in range(_LAST)]
    last = SIDE * SIDE - 1
    return [*top, *right, *(last - place for place in top), *(last - place for place in right), 0]


def outline(points: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Along the edge of images that take *shares* (N, 2) of the frame, what a lattice (N, M, 2) is there: closed."""
    along = (lattice()[edge()].to(points.device) * shares[:, None])[:, None]
    field = points.reshape(-1, SIDE, SIDE, 2).movedim(3, 1)
    return functional.grid_sample(field, along, align_corners=True)[:, :, 0].movedim(1, 2)


def places(parameters: torch.Tensor, settings: Settings) -> torch.Tensor:
    """Where *parameters* (N, P) read the lattice: (N, M, 2)."""
    grid = sampling_grid(parameters, settings.family, (SIDE, SIDE), settings.control_points, align_corners=True)
    return grid.flatten(1, 2)


def share_outside(parameters: torch.Tensor, settings: Settings) -> torch.Tensor:
    """How much of the sampling grids of *parameters* (N, P) lies outside the image, from 0 to 1."""
    # The middles of its parts: what lies on the edge would count as outside after the smallest move.
    grid = sampling_grid(parameters, settings.family, (SIDE, SIDE), settings.control_points, align_corners=False)
    return (grid.abs() <= 1).all(dim=-1).logical_not().double().mean()
