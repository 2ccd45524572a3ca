"""Sampling grids in PyTorch: the numbers of the NumPy transforms, for every family, with gradients."""

import numpy as np
import pytest
import torch

from stnwarp.conventions import Family
from stnwarp.errors import ParameterError, ShapeError
from stnwarp.sampling.fused import warp
from stnwarp.sampling.grid_generator import sampling_grid as generated
from stnwarp.training.geometry import identity_parameters, parameter_count, sampling_grid, transform_images
from stnwarp.transforms.serialisation import transform_from_parameters

FAMILIES = [
    *((str(family), None) for family in Family if family is not Family.THIN_PLATE_SPLINE),
    ("tps", (4, 4)),
    ("tps", (2, 3)),
    ("tps", (3, 5)),  # an odd count of points
]
each_family = pytest.mark.parametrize(("family", "control_points"), FAMILIES, ids=str)


def _parameters(family: str, control_points: tuple[int, int] | None, count: int, seed: int = 0) -> torch.Tensor:
    """Parameters of mild transforms, float64."""
    generator = torch.Generator().manual_seed(seed)
    identity = identity_parameters(family, control_points).double()
    return identity + 0.2 * torch.randn(count, len(identity), generator=generator, dtype=torch.float64)


@each_family
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(5, 8), (1, 1), (1, 4)])
def test_grids_are_those_of_the_numpy_transforms(
    family: str, control_points: tuple[int, int] | None, align_corners: bool, size: tuple[int, int]
) -> None:
    parameters = _parameters(family, control_points, 3)
    grids = sampling_grid(parameters, family, size, control_points, align_corners)
    assert grids.shape == (3, *size, 2)
    for vector, grid in zip(parameters, grids, strict=True):
        wanted = generated(transform_from_parameters(family, vector.numpy(), control_points), size, align_corners)
        np.testing.assert_allclose(grid, wanted, rtol=1e-11, atol=1e-11)


@each_family
def test_identity_parameters_read_every_pixel_where_it_is(family: str, control_points: tuple[int, int] | None) -> None:
    identity = identity_parameters(family, control_points)
    assert identity.shape == (parameter_count(family, control_points),)
    images = torch.rand(2, 3, 6, 7, generator=torch.Generator().manual_seed(1))
    same = transform_images(images, identity.expand(2, -1), family, (6, 7), control_points)
    torch.testing.assert_close(same, images, rtol=0, atol=1e-5)


@each_family
def test_images_are_sampled_as_warp_samples_them(family: str, control_points: tuple[int, int] | None) -> None:
    images = torch.rand(2, 1, 9, 12, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    parameters = _parameters(family, control_points, 2)
    sampled = transform_images(images, parameters, family, (8, 5), control_points)
    for image, vector, found in zip(images, parameters, sampled, strict=True):
        transform = transform_from_parameters(family, vector.numpy(), control_points)
        wanted = warp(image[0].numpy(), transform, (8, 5), padding_mode="zeros", antialias=False)
        np.testing.assert_allclose(found[0], wanted, atol=1e-6)


@each_family
def test_gradients_are_those_of_differences(family: str, control_points: tuple[int, int] | None) -> None:
    parameters = _parameters(family, control_points, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda given: sampling_grid(given, family, (3, 4), control_points), parameters)


def test_single_precision_stays_single() -> None:
    parameters = _parameters("tps", (4, 4), 2).float()
    grid = sampling_grid(parameters, "tps", (28, 28), (4, 4))
    assert grid.dtype == torch.float32
    wanted = sampling_grid(parameters.double(), "tps", (28, 28), (4, 4))
    torch.testing.assert_close(grid.double(), wanted, rtol=0, atol=1e-5)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"affine must have shape \(N, 6\), got \(2, 5\)"):
        sampling_grid(torch.zeros(2, 5), "affine", (4, 4))
    with pytest.raises(ParameterError, match="did you mean 'affine'"):
        parameter_count("afine")
    with pytest.raises(ParameterError, match="tps needs control_points"):
        identity_parameters("tps")
    with pytest.raises(ParameterError, match="affine has no control points"):
        sampling_grid(torch.zeros(1, 32), "affine", (4, 4), (4, 4))
    with pytest.raises(ShapeError, match="at least 2 rows"):
        identity_parameters("tps", (1, 4))
