"""The coverage of output pixels against slices of them, and against what a white picture becomes on a black fill."""

import numpy as np
import pytest
from numpy.typing import NDArray

from stnwarp import Interpolation, ThinPlateSpline, affine_grid, warp
from stnwarp.sampling.coverage import measure_coverage
from stnwarp.sampling.grid_generator import sampling_grid
from stnwarp.transforms import control_points, pixel_matrices
from tests import footprint_oracle as oracle

Array = NDArray[np.float64]

SIZE, OUTPUT = (14, 19), (11, 70)  # a row is more than one block
THETAS = {
    "turned": [[0.9, 0.5, 0.1], [-0.6, 1.1, 0.2], [0, 0, 1]],
    "smaller": [[7, 2, 0.1], [-3, 5, 0.2], [0, 0, 1]],
    "larger": [[0.3, 0.1, 0.9], [-0.1, 0.2, 0.85], [0, 0, 1]],
    "mirrored": [[-1.3, 0.1, 0.1], [0.2, 1.4, 0.3], [0, 0, 1]],
    "squeezed to a line": [[1.2, 0, 0.1], [0, 0, 0.3], [0, 0, 1]],
    "tilted": [[0.9, 0.2, 0.1], [-0.2, 1.1, 0.2], [0.4, 0.2, 1]],
    "beyond the horizon": [[0.5, 0.1, 0.05], [-0.1, 0.4, 0.05], [0.9, 0.4, 0.6]],
}


def sliced(positions: Array, jacobians: Array, size: tuple[int, int], slices: int = 1000) -> Array:
    """The coverage as a sum over lines through the output pixel: how much of each lies inside is exact."""
    v = (np.arange(slices) + 0.5) / slices - 0.5
    start, end = np.full((*positions.shape[:2], slices), -0.5), np.full((*positions.shape[:2], slices), 0.5)
    with np.errstate(divide="ignore", invalid="ignore"):
        for axis, side in ((0, size[1]), (1, size[0])):
            rate = np.broadcast_to(jacobians[..., axis, 0, None], start.shape)
            base = positions[..., axis, None] + jacobians[..., axis, 1, None] * v
            ends = np.sort(np.stack(((-0.5 - base) / rate, (side - 0.5 - base) / rate)), axis=0)
            still = np.where((base >= -0.5) & (base <= side - 0.5), np.inf, -np.inf)
            start = np.fmax(start, np.where(rate == 0, -still, ends[0]))
            end = np.fmin(end, np.where(rate == 0, still, ends[1]))
    return np.clip(end - start, 0, None).mean(-1)


def assert_rounded(ours: NDArray[np.uint8], exact: Array) -> None:
    assert ours.dtype == np.uint8
    assert np.abs(ours - 255 * exact).max() <= 0.5 + 0.05
    assert ((ours > 0) & (ours < 255)).any()


@pytest.mark.kernels
@pytest.mark.parametrize("kind", THETAS)
def test_coverage_is_the_share_of_the_footprint_inside(kind: str) -> None:
    theta = np.array(THETAS[kind])
    matrix = pixel_matrices(theta[None], SIZE, OUTPUT, False)[0]
    positions, jacobians, depths = oracle.matrix_footprints(matrix, OUTPUT)
    exact = sliced(positions, jacobians, SIZE)
    beyond = (depths > 0) != (depths.mean() > 0)
    ours = measure_coverage(SIZE, theta, OUTPUT)
    if kind == "squeezed to a line":  # whose footprints have no area
        assert set(np.unique(ours)) == {0, 255}
        np.testing.assert_array_equal(ours > 0, (positions[..., 0] >= -0.5) & (positions[..., 0] <= SIZE[1] - 0.5))
        return
    assert_rounded(ours, np.where(beyond, 0, exact))
    if kind == "beyond the horizon":
        assert exact[beyond].max() == 1
    np.testing.assert_array_equal(measure_coverage(SIZE, theta, OUTPUT, threads=3), ours)


@pytest.mark.kernels
@pytest.mark.parametrize("align_corners", [False, True])
def test_coverage_of_grids_is_that_of_neighbouring_points(align_corners: bool) -> None:
    points = control_points(3, 3) * 1.2
    points[1, 1] += 0.3
    grid = sampling_grid(ThinPlateSpline(points), OUTPUT, align_corners)
    exact = sliced(*oracle.grid_footprints(grid, SIZE, align_corners), SIZE)
    ours = measure_coverage(SIZE, grid, OUTPUT, align_corners=align_corners)
    assert_rounded(ours, exact)
    single = measure_coverage(SIZE, grid.astype(np.float32), align_corners=align_corners)
    assert np.abs(single.astype(int) - ours).max() <= 1


@pytest.mark.kernels
def test_places_that_are_no_numbers_are_not_inside() -> None:
    grid = affine_grid(0.9 * np.eye(2, 3), (8, 9))
    grid[1, 1], grid[4, 4], grid[6, 7] = (np.nan, 0), (np.inf, 0), (0, -np.inf)
    for interpolation in (Interpolation.NEAREST, Interpolation.BILINEAR):
        ours = measure_coverage(SIZE, grid, interpolation=interpolation)
        assert not ours[[1, 4, 6], [1, 4, 7]].any()
        assert ours.mean() > 200


@pytest.mark.kernels
@pytest.mark.parametrize("kind", [*THETAS, "halves"])
def test_under_nearest_a_pixel_is_inside_or_not(kind: str) -> None:
    theta = np.array(THETAS.get(kind, [[1, 0, 1 / 19], [0, 1, 1 / 14], [0, 0, 1]]))  # by half a pixel: halves to even
    size = SIZE if kind == "halves" else OUTPUT
    ours = measure_coverage(SIZE, theta, size, interpolation=Interpolation.NEAREST)
    white = warp(np.full(SIZE, 255, np.uint8), theta, size, interpolation="nearest", padding_mode="zeros")
    if kind == "beyond the horizon":
        matrix = pixel_matrices(theta[None], SIZE, OUTPUT, False)[0]
        depths = oracle.matrix_footprints(matrix, OUTPUT)[2]
        beyond = (depths > 0) != (depths.mean() > 0)
        assert white[beyond].any()
        white[beyond] = 0
    np.testing.assert_array_equal(ours, white)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("kind", THETAS)
def test_white_on_black_is_the_coverage(kind: str, interpolation: str) -> None:
    white = warp(np.full(SIZE, 255, np.uint8), THETAS[kind], OUTPUT, interpolation=interpolation)
    ours = measure_coverage(SIZE, THETAS[kind], OUTPUT, interpolation=Interpolation(interpolation))
    assert np.abs(ours.astype(int) - white).max() <= 1


def test_halves_are_rounded_to_even_and_the_identity_is_full() -> None:
    assert measure_coverage((1, 3), [[1, 0, 1 / 3], [0, 1, 0]]).tolist() == [[255, 255, 128]]
    assert (measure_coverage((5, 7), np.eye(2, 3)) == 255).all()
