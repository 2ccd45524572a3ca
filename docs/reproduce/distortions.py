"""The distorted MNIST of the paper's appendix A.4: whole batches at once, each image distorted once, bilinearly.

A distortion is a set of parameters of one of the package's families, output to input in normalised coordinates.
"""

import math
from collections.abc import Callable

import torch

from stnwarp.training.geometry import identity_parameters, transform_images

SIDE = 28  # of the digits as they are stored
HALF = SIDE / 2
CONTROL_POINTS = (4, 4)
SIZES = {"R": (28, 28), "RTS": (42, 42), "P": (42, 42), "E": (28, 28)}


def distorted(digits: torch.Tensor, distortion: str, generator: torch.Generator) -> torch.Tensor:
    """*digits* (N, 1, 28, 28), each under a *distortion* of its own that *generator* draws: (N, 1, side, side)."""
    family, draw = _DRAWS[distortion]
    control_points = CONTROL_POINTS if family == "tps" else None
    images = transform_images(digits, draw(len(digits), generator), family, SIZES[distortion], control_points)
    return images.nan_to_num_()  # a pixel on the horizon of a homography: outside the image, as those around it


def _uniform(low: float, high: float, count: int, generator: torch.Generator) -> torch.Tensor:
    return low + (high - low) * torch.rand(count, generator=generator)


def rotations(count: int, generator: torch.Generator) -> torch.Tensor:
    """R: turned by -90 to 90 degrees about the centre; parameters of similarities (N, 4)."""
    angle = _uniform(-math.pi / 2, math.pi / 2, count, generator)
    zero = torch.zeros(count)
    return torch.stack((zero + 1.0, angle, zero, zero), dim=1)


def placements(count: int, generator: torch.Generator) -> torch.Tensor:
    """RTS: turned by -45 to 45 degrees, scaled by 0.7 to 1.2, put anywhere into 42x42; similarities (N, 4)."""
    room = SIZES["RTS"][0] / SIDE
    angle = _uniform(-math.pi / 4, math.pi / 4, count, generator)
    factor = room / _uniform(0.7, 1.2, count, generator)
    x, y = (_uniform(1.0 / room - 1.0, 1.0 - 1.0 / room, count, generator) for _ in range(2))
    cosine, sine = factor * torch.cos(angle), factor * torch.sin(angle)
    return torch.stack((factor, angle, sine * y - cosine * x, -sine * x - cosine * y), dim=1)


def perspectives(count: int, generator: torch.Generator) -> torch.Tensor:
    """P: scaled by 0.75 to 1 in the middle of 42x42, then each corner of that moved by N(0, 5 pixels); (N, 8).

    Corners that no view of a square can have, because they are not convex, are drawn again.
    """
    side = SIZES["P"][0]
    found = torch.empty(0, 4, 2)
    while len(found) < count:
        moved = _CORNERS + 5.0 / (side / 2) * torch.randn(count, 4, 2, generator=generator)
        found = torch.cat((found, moved[_convex(moved)]))
    unscaled = _homographies(found[:count])
    scale = _uniform(0.75, 1.0, count, generator)[:, None] * (SIDE / side)
    return torch.cat((unscaled[:, :6] / scale, unscaled[:, 6:]), dim=1)


def elastic(count: int, generator: torch.Generator) -> torch.Tensor:
    """E: scaled by 0.75 to 1, then each of the image's 16 control points moved by N(0, 1.5 pixels); splines (N, 32)."""
    points = identity_parameters("tps", CONTROL_POINTS)
    moved = points + 1.5 / HALF * torch.randn(count, len(points), generator=generator)
    return moved / _uniform(0.75, 1.0, count, generator)[:, None]


_CORNERS = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def _convex(corners: torch.Tensor) -> torch.Tensor:
    """Whether quads (N, 4, 2), clockwise on screen, are convex, and none of their corners nearly flat: (N,)."""
    sides = corners.roll(-1, dims=1) - corners
    following = sides.roll(-1, dims=1)
    turns = sides[..., 0] * following[..., 1] - sides[..., 1] * following[..., 0]
    return (turns > 0.05 * sides.norm(dim=2) * following.norm(dim=2)).all(dim=1)


def _homographies(corners: torch.Tensor) -> torch.Tensor:
    """Homographies (N, 8) that take *corners* (N, 4, 2) of the output to the corners of the input."""
    x, y = corners.unbind(2)
    u, v = _CORNERS.unbind(1)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    across = torch.stack((x, y, one, zero, zero, zero, -u * x, -u * y), dim=2)
    along = torch.stack((zero, zero, zero, x, y, one, -v * x, -v * y), dim=2)
    targets = torch.cat((u, v)).expand(len(corners), 8)
    return torch.linalg.solve(torch.cat((across, along), dim=1), targets)


_DRAWS: dict[str, tuple[str, Callable[[int, torch.Generator], torch.Tensor]]] = {
    "R": ("similarity", rotations),
    "RTS": ("similarity", placements),
    "P": ("projective", perspectives),
    "E": ("tps", elastic),
}
