"""Splines that shrink a picture, and its edge under fill: their local Jacobian is exact, not one of differences."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stnwarp import warp
from stnwarp.sampling.coverage import measure_coverage
from stnwarp.sampling.grid_generator import sampling_grid
from stnwarp.transforms import Frame, MatrixTransform, ThinPlateSpline, Transform, compose, control_points
from stnwarp.transforms.slopes import has_slopes, slopes_at
from tests import footprint_oracle as oracle

SIZE, OUTPUT = (19, 23), (5, 7)


def spline(scale: float) -> ThinPlateSpline:
    noise = np.random.default_rng(2).normal(scale=0.15, size=(3, 4, 2))
    return ThinPlateSpline(scale * control_points(3, 4) + noise)


HOMOGRAPHY = MatrixTransform(np.array([[0.9, 0.1, 0.1], [-0.2, 0.8, 0.0], [0.15, -0.1, 1]]))
TRANSFORMS: dict[str, Transform] = {
    "spline": spline(0.9),
    "reaches out": spline(1.4),
    "enlarges": spline(0.2),
    "inverse": spline(0.9).inverse(),
    "composition": compose(spline(1.1), HOMOGRAPHY),
    "with an inverse": compose(HOMOGRAPHY, spline(1.0).inverse(), HOMOGRAPHY),
}


def footprints(transform: Transform, align_corners: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """Positions and Jacobians in pixels, by differences over a millionth of a pixel."""
    source, output = Frame(SIZE, align_corners), Frame(OUTPUT, align_corners)
    pixels = np.stack(np.meshgrid(np.arange(OUTPUT[1]), np.arange(OUTPUT[0])), -1).astype(float)

    def positions(shift: tuple[float, float]) -> NDArray[Any]:
        return source.to_pixels(transform.map_points(output.to_normalised(pixels + np.array(shift))))

    step = 1e-6
    columns = [(positions(way) - positions((-way[0], -way[1]))) / (2 * step) for way in ((step, 0.0), (0.0, step))]
    return positions((0.0, 0.0)), np.stack(columns, -1)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding_mode", ["border", "fill"])
@pytest.mark.parametrize("kind", TRANSFORMS)
def test_splines_have_the_footprints_of_their_exact_slopes(kind: str, padding_mode: str, align_corners: bool) -> None:
    image = np.random.default_rng(1).random((*SIZE, 2))
    modes: dict[str, Any] = {"padding_mode": padding_mode, "fill": 0.0}
    ours = warp(image, TRANSFORMS[kind], OUTPUT, align_corners=align_corners, **modes)
    exact = oracle.sample(image, *footprints(TRANSFORMS[kind], align_corners), **modes)
    if kind != "enlarges":  # which is left to the interpolation itself
        np.testing.assert_allclose(ours, exact, rtol=0, atol=1e-6)
    differences = warp(
        image, sampling_grid(TRANSFORMS[kind], OUTPUT, align_corners), align_corners=align_corners, **modes
    )
    assert kind == "enlarges" or np.abs(differences - exact).max() > 1e-3


@pytest.mark.kernels
@pytest.mark.parametrize("kind", TRANSFORMS)
def test_coverage_is_that_of_exact_slopes(kind: str) -> None:
    positions, jacobians = footprints(TRANSFORMS[kind], False)
    exact = [oracle.coverage(positions[at], jacobians[at], SIZE) for at in np.ndindex(*OUTPUT)]
    white = warp(np.ones(SIZE), TRANSFORMS[kind], OUTPUT)
    np.testing.assert_allclose(white.ravel(), exact, rtol=0, atol=1e-7)
    measured = measure_coverage(SIZE, TRANSFORMS[kind], OUTPUT)
    np.testing.assert_allclose(measured.ravel(), 255 * np.array(exact), rtol=0, atol=0.5 + 1e-4)


def test_slopes_of_other_transforms_are_not_known() -> None:
    class Other(Transform):
        def map_points(self, points: Any) -> Any:
            return np.asarray(points)

        def inverse(self) -> Transform:
            return self

    assert not has_slopes(compose(spline(1.0), Other()))
    with pytest.raises(TypeError, match="the slopes of a Other are not known"):
        slopes_at(Other(), np.zeros((1, 2)), np.zeros((1, 2)))
    assert warp(np.ones(SIZE), Other(), OUTPUT).all()
