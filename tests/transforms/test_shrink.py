"""The least shrink of a warp is never above what differences show; a smaller picture is read at the same places."""

import numpy as np
import pytest

from stnwarp import affine_grid
from stnwarp.sampling.grid_generator import sampling_grid
from stnwarp.transforms import (
    Frame,
    MatrixTransform,
    SamplingGrid,
    ThinPlateSpline,
    Transform,
    compose,
    control_points,
    least_shrink,
    pixel_matrix,
    reduce_input,
)

SOURCE, OUTPUT = (1200, 1600), (70, 90)
SQUEEZE = MatrixTransform(np.array([[0.9, 0.1, 0.0], [-0.2, 0.4, 0.1]]))


def bent(seed: int = 0) -> ThinPlateSpline:
    places = control_points(4, 4)
    return ThinPlateSpline(places + np.random.default_rng(seed).normal(scale=0.03, size=places.shape))


def shrink_by_differences(transform: Transform, source: Frame, output: Frame) -> float:
    """The least of the singular values of finite differences at a lattice finer than the one under test."""
    rows, columns = (np.linspace(0, side - 1, 100) for side in output.size)
    nodes, step = np.stack(np.meshgrid(columns, rows), axis=-1), 1e-4

    def read(offset: tuple[float, float]) -> np.ndarray:
        return source.to_pixels(transform.map_points(output.to_normalised(nodes + np.multiply(step, offset))))

    along = [(read(way) - read((-way[0], -way[1]))) / (2 * step) for way in ((1.0, 0.0), (0.0, 1.0))]
    return float(np.linalg.svd(np.stack(along, axis=-1), compute_uv=False).min())


@pytest.mark.parametrize("align_corners", [False, True])
def test_the_least_shrink_of_an_affine_matrix_is_its_smaller_singular_value(align_corners: bool) -> None:
    source, output = Frame(SOURCE, align_corners), Frame(OUTPUT, align_corners)
    linear = pixel_matrix(SQUEEZE, SOURCE, OUTPUT, align_corners)[:2, :2]
    expected = np.linalg.svd(linear, compute_uv=False).min()
    assert least_shrink(SQUEEZE, source, output) == pytest.approx(expected, rel=1e-12)
    grid = SamplingGrid(affine_grid(SQUEEZE.theta[:2], OUTPUT, align_corners=align_corners), align_corners)
    assert least_shrink(grid, source, output) == pytest.approx(expected, rel=1e-9)


def test_a_plain_reduction_shrinks_by_its_factor_exactly() -> None:
    for factor in (2, 7, 14, 28):
        source = Frame((3 * factor, 5 * factor), False)
        assert least_shrink(MatrixTransform(np.eye(3)), source, source.with_size((3, 5))) == factor


@pytest.mark.parametrize("align_corners", [False, True])
def test_no_pixel_of_a_homography_shrinks_less(align_corners: bool) -> None:
    rng = np.random.default_rng(5)
    source, output = Frame(SOURCE, align_corners), Frame(OUTPUT, align_corners)
    for _ in range(40):
        theta = np.eye(3) + rng.normal(scale=0.3, size=(3, 3))
        theta[2] = *rng.uniform(-0.4, 0.4, 2), rng.choice((-1.0, 1.0))
        least, true = (f(MatrixTransform(theta), source, output) for f in (least_shrink, shrink_by_differences))
        assert 0.97 * true <= least <= true * (1 + 1e-6)


def test_where_some_pixel_is_read_nowhere_there_is_no_shrink() -> None:
    source, output = Frame(SOURCE, False), Frame(OUTPUT, False)
    horizon = MatrixTransform(np.array([[1, 0, 0], [0, 1, 0], [1.2, 0, 1.0]]))
    line = MatrixTransform(np.array([[1, 1, 0], [1, 1, 0]]))
    points = affine_grid(SQUEEZE.theta[:2], OUTPUT)
    points[40, 60] = np.nan
    for transform in (horizon, line, SamplingGrid(points), SamplingGrid(points[:1])):
        assert least_shrink(transform, source, output) == 0.0


@pytest.mark.parametrize("kind", ["spline", "inverse", "composition"])
def test_smooth_mappings_are_measured_on_the_safe_side(kind: str) -> None:
    spline = bent()
    transform = {"spline": spline, "inverse": spline.inverse(), "composition": compose(spline, SQUEEZE)}[kind]
    source, output = Frame(SOURCE, False), Frame(OUTPUT, False)
    true = shrink_by_differences(transform, source, output)
    assert 0.9 * true <= least_shrink(transform, source, output) <= true
    grid = SamplingGrid(sampling_grid(transform, OUTPUT, False))
    assert least_shrink(grid, source, output) == pytest.approx(true, rel=0.01)


def test_every_point_of_a_large_grid_counts() -> None:
    source = Frame((2400, 8000), False)
    for row in (0, 1, 63, 64, 65, 298, 299):  # a band has 65 rows
        points = affine_grid(np.eye(2, 3), (300, 1000))
        points[row, 500, 1] += 1.5 / 300  # three quarters of the way to the next row
        assert least_shrink(SamplingGrid(points), source, source.with_size((300, 1000))) < 0.9 * 8.0
    plain = SamplingGrid(affine_grid(np.eye(2, 3), (300, 1000)))
    assert least_shrink(plain, source, source.with_size((300, 1000))) == pytest.approx(8.0, rel=1e-9)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("kind", ["matrix", "spline", "grid"])
def test_a_reduced_picture_is_read_at_the_same_places(kind: str, align_corners: bool) -> None:
    factor, source = 4, Frame((24, 40), align_corners)
    reduced = source.with_size((6, 10))
    transform: Transform = {"matrix": SQUEEZE, "spline": bent(), "grid": SQUEEZE}[kind]
    points = np.random.default_rng(2).uniform(-1, 1, (5, 7, 2))
    if kind == "grid":
        grid = SamplingGrid(points, align_corners)
        before, after = grid.grid, reduce_input(grid, source, factor).grid  # type: ignore[attr-defined]
    else:
        before, after = transform.map_points(points), reduce_input(transform, source, factor).map_points(points)
    expected = (source.to_pixels(before) + 0.5) / factor - 0.5
    np.testing.assert_allclose(reduced.to_pixels(after), expected, atol=1e-12)
    assert reduce_input(transform, source, 1) is transform
