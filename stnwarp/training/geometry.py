"""Parameters to sampling grids in PyTorch, for every family, batched and differentiable.

The same numbers in the same order as `stnwarp.transforms` takes, on any device, and with nothing that ONNX lacks.

Convention: reverse mapping; parameters take normalised (x, y) of the output to those of the input, x to the right, y
down. ``align_corners`` says what -1 and 1 mean, as everywhere: outer edges (False) or centres of the corner pixels.
Source: Jaderberg et al., Spatial Transformer Networks, 2015, section 3.2.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from stnwarp.conventions import DEFAULT_ALIGN_CORNERS, Family, parse_enum
from stnwarp.errors import ShapeError
from stnwarp.sampling.grid_generator import regular_axis
from stnwarp.transforms import MATRIX_FAMILIES, ThinPlateSpline, parameters_of
from stnwarp.transforms import control_points as spline_control_points

Size = tuple[int, int]


def parameter_count(family: str, control_points: Size | None = None) -> int:
    """How many numbers *family* takes; thin plate splines two for each of (rows, cols) *control_points*.

    Raises:
        ParameterError: an unknown family, or control points missing or not wanted.
    """
    return len(parameters_of(parse_enum(Family, family, "family"), control_points))


def identity_parameters(family: str, control_points: Size | None = None) -> torch.Tensor:
    """The parameters (P,), float32, of the transform that leaves every image as it is.

    Raises:
        ParameterError: as `parameter_count`.  ShapeError: control points that no spline can have.
    """
    parameter_count(family, control_points)  # refuses what does not go together
    if control_points is None:
        return read_parameters(torch.eye(3).expand(1, 3, 3), family)[0]
    return torch.tensor(spline_control_points(*control_points).ravel(), dtype=torch.float32)


def theta_matrices(parameters: torch.Tensor, family: str) -> torch.Tensor:
    """Thetas (N, 2, 3), or (N, 3, 3) of homographies, of the `parameters` (N, P) of a family of matrices."""
    numbers = parameters.unbind(1)
    entries = MATRIX_FAMILIES[Family(family)].build(numbers, torch)
    tensors = [entry if isinstance(entry, torch.Tensor) else torch.full_like(numbers[0], entry) for entry in entries]
    return torch.stack(tensors, dim=1).reshape(parameters.shape[0], -1, 3)


def read_parameters(theta: torch.Tensor, family: str) -> torch.Tensor:
    """Parameters (N, P) of the matrices of `family` that come nearest to `theta` (N, 3, 3), whose last entry is 1."""
    return torch.stack(tuple(MATRIX_FAMILIES[Family(family)].read(theta.flatten(1).unbind(1), torch)), dim=1)


def sampling_grid(
    parameters: torch.Tensor,
    family: str,
    size: Size,
    control_points: Size | None = None,
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
) -> torch.Tensor:
    """The sampling grids of a batch of parameters, as `stnwarp.sampling_grid` makes them one by one.

    Args:
        parameters: (N, P), floating, in the order of `MATRIX_FAMILIES`; of splines x0 y0 x1 y1 ..., row by row.
        family: one of Family.
        size: (height, width) of the output, in pixels.
        control_points: (rows, cols) of a thin plate spline, and of nothing else.
        align_corners: see the convention above.

    Returns:
        (N, height, width, 2), last axis (x, y), of the dtype and on the device of *parameters*. Where a homography
        has its horizon the coordinates are infinite or NaN.

    Raises:
        ShapeError: parameters of another shape.  ParameterError: as `parameter_count`.
    """
    count = parameter_count(family, control_points)
    if parameters.ndim != 2 or parameters.shape[1] != count:
        raise ShapeError(f"parameters of {family} must have shape (N, {count}), got {tuple(parameters.shape)}")
    if control_points is not None:
        basis = _like(_spline_basis(size, control_points, align_corners), parameters)
        grid = basis @ parameters.reshape(-1, control_points[0] * control_points[1], 2)
    else:
        theta = theta_matrices(parameters, family)
        points = _like(_regular_points(size, align_corners), parameters)
        grid = _places(theta, points)
    return grid.reshape(-1, *size, 2)


def transform_images(
    images: torch.Tensor,
    parameters: torch.Tensor,
    family: str,
    size: Size,
    control_points: Size | None = None,
    align_corners: bool = DEFAULT_ALIGN_CORNERS,
) -> torch.Tensor:
    """*images* (N, C, H, W) sampled bilinearly, zeros outside, at their own sampling grids: (N, C, height, width).

    Args and errors as `sampling_grid`; differentiable in the images and the parameters.
    """
    grid = sampling_grid(parameters, family, size, control_points, align_corners)
    return torch.nn.functional.grid_sample(images, grid, align_corners=align_corners)


def _places(theta: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Where thetas (N, 2 or 3, 3) take *points* (M, 3): (N, M, 2)."""
    places = points @ theta.transpose(1, 2)
    return places if theta.shape[1] == 2 else places[..., :2] / places[..., 2:]


def _like(table: NDArray[np.float64], parameters: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(table, dtype=parameters.dtype, device=parameters.device)


@lru_cache(maxsize=16)  # a training run asks for few sizes, again and again
def _regular_points(size: Size, align_corners: bool) -> NDArray[np.float64]:
    """The output's points as (x, y, 1), row by row: (H W, 3)."""
    y, x = np.meshgrid(regular_axis(size[0], align_corners), regular_axis(size[1], align_corners), indexing="ij")
    return np.stack((x, y, np.ones_like(x)), axis=-1).reshape(-1, 3)


@lru_cache(maxsize=16)
def _spline_basis(size: Size, control_points: Size, align_corners: bool) -> NDArray[np.float64]:
    """What takes the points (K, 2) of a spline to its grid: (H W, K).

    A spline is linear in its points, so column k is the spline whose points are all 0 but the k-th, which is 1.
    """
    places = _regular_points(size, align_corners)[:, :2]
    count = control_points[0] * control_points[1]
    units = np.eye(count + count % 2, count)  # a spline has two coordinates, and carries two columns at a time
    pairs = units.reshape(-1, 2, *control_points).transpose(0, 2, 3, 1)
    columns = [ThinPlateSpline(pair).map_points(places) for pair in pairs]
    return np.concatenate(columns, axis=1)[:, :count]
