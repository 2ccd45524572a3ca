"""Random warps of a whole batch of pictures at once: drawn, done and undone.

A warp moves a picture from its canonical pose into a scene: first it bends, then a matrix stretches, shears, turns and
scales it, gives it perspective, and shifts it. Both ways are in closed form. What a network has to predict is the way
from canonical points to the scene's, which is the reverse mapping of undoing the warp.

Convention: normalised (x, y), -1 and 1 the outer edges of the frame; a picture's own pixels are square.
"""

import math
from dataclasses import dataclass

import torch

from stnwarp.term_list import Range
from stnwarp.training.ranges import Ranges

_FAR = 4.0  # a coordinate outside every picture, for what lies behind the horizon
_MEAN_SQUARE = 1 / 3  # of coordinates over -1..1: bending leaves a picture where it is


@dataclass(frozen=True, eq=False)
class Warps:
    """One warp for each picture of a batch: matrices (N, 3, 3), canonical to scene, and bends (N, 2)."""

    matrices: torch.Tensor
    bends: torch.Tensor

    def to_scene(self, points: torch.Tensor) -> torch.Tensor:
        """Where canonical *points* (N, M, 2) lie in the scenes."""
        along_x, along_y = self._bends()
        x, y = points.unbind(-1)
        y = y + along_y * (x * x - _MEAN_SQUARE)
        x = x + along_x * (y * y - _MEAN_SQUARE)
        return _mapped(self.matrices, torch.stack((x, y), dim=-1))

    def to_canonical(self, points: torch.Tensor) -> torch.Tensor:
        """What *points* (N, M, 2) of the scenes show: the sampling grid that makes a scene."""
        along_x, along_y = self._bends()
        x, y = _mapped(torch.linalg.inv(self.matrices), points).unbind(-1)
        x = x - along_x * (y * y - _MEAN_SQUARE)
        y = y - along_y * (x * x - _MEAN_SQUARE)
        return torch.stack((x, y), dim=-1)

    def to(self, device: torch.device) -> "Warps":
        """The same warps on *device*."""
        return Warps(self.matrices.to(device), self.bends.to(device))

    def _bends(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.bends[:, :1], self.bends[:, 1:]


def draw(ranges: Ranges, aspects: torch.Tensor, shares: torch.Tensor, generator: torch.Generator) -> Warps:
    """A random warp for each of the pictures whose frames have *aspects* (N,), width over height.

    Pictures take *shares* (N, 2) of the width and height of their frames, which decides how far they are shifted.
    """
    count = len(aspects)

    def drawn(ends: Range) -> torch.Tensor:
        low, high = ends
        return low + (high - low) * torch.rand(count, generator=generator, dtype=torch.float64)

    direction, turn = drawn((0.0, math.pi)), torch.deg2rad(drawn(ranges.angle))
    root = drawn((1.0, ranges.stretch)).sqrt()
    axes = _turned(direction)
    linear = axes @ torch.diag_embed(torch.stack((root, 1 / root), dim=-1)) @ axes.transpose(1, 2)
    linear = _sheared(torch.deg2rad(drawn(ranges.shear))) @ linear
    scale = drawn(ranges.scale)
    linear = scale[:, None, None] * _turned(turn) @ linear
    shape = torch.stack((aspects.to(torch.float64), torch.ones(count, dtype=torch.float64)), dim=-1)
    matrices = torch.zeros(count, 3, 3, dtype=torch.float64)
    matrices[:, :2, :2] = linear * shape[:, None, :] / shape[:, :, None]
    room = (1.0 - scale).clamp_min(0.0) + ranges.margin
    least, most = (torch.minimum(torch.maximum(torch.tensor(end), -room), room) for end in ranges.shift)
    places = torch.stack((drawn((0.0, 1.0)), drawn((0.0, 1.0))), dim=-1)
    matrices[:, :2, 2] = (least[:, None] + (most - least)[:, None] * places) * shares
    matrices[:, 2, 2] = 1.0
    slopes = torch.stack((drawn((-1.0, 1.0)), drawn((-1.0, 1.0))), dim=-1)
    depth = torch.eye(3, dtype=torch.float64).repeat(count, 1, 1)
    depth[:, 2, :2] = slopes * (ranges.perspective - 1) / (ranges.perspective + 1) / 2
    bends = torch.stack((drawn(ranges.bend), drawn(ranges.bend)), dim=-1)
    return Warps((matrices @ depth).float(), bends.float())


def no_warps(count: int) -> Warps:
    """*count* warps that leave a picture as it is."""
    return Warps(torch.eye(3).repeat(count, 1, 1), torch.zeros(count, 2))


def _mapped(matrices: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """*points* (N, M, 2) by homographies (N, 3, 3); far outside where they have none."""
    places = torch.baddbmm(matrices[:, None, :, 2], points, matrices[:, :, :2].transpose(1, 2))
    depth = places[..., 2:]
    return torch.where(depth > 1e-3, places[..., :2] / depth.clamp_min(1e-3), _FAR)


def _turned(angles: torch.Tensor) -> torch.Tensor:
    """Matrices that turn points counter-clockwise as seen on screen, where y points down."""
    cosine, sine = angles.cos(), angles.sin()
    return torch.stack((cosine, sine, -sine, cosine), dim=-1).reshape(-1, 2, 2)


def _sheared(angles: torch.Tensor) -> torch.Tensor:
    one, zero = torch.ones_like(angles), torch.zeros_like(angles)
    return torch.stack((one, angles.tan(), zero, one), dim=-1).reshape(-1, 2, 2)
