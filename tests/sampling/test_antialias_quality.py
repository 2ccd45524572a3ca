"""Antialiased warps of a page of text against the exact sum, in decibels; rounding to uint8 alone makes 59."""

import pytest

from stnwarp import warp
from tests.benchmarks.antialias_cases import page, scene
from tests.footprint_oracle import KERNELS
from tests.footprint_reference import footprint_means, points_inside, psnr, some_points


@pytest.mark.parametrize(
    ("case", "interpolation", "at_least"),
    [
        ("rot17/2.6", "bilinear", 57),
        ("rot17/8", "bilinear", 48),  # by means of boxes
        ("rot17/8", "bicubic", 46),
        ("rot17/8", "lanczos", 46),
        ("squeeze8x1@30", "bilinear", 57),
        ("horizon", "bilinear", 57),
        ("horizon", "lanczos", 55),
    ],
)
def test_pages_that_shrink_agree_with_the_exact_sum(case: str, interpolation: str, at_least: float) -> None:
    work = scene(page(512), case)
    inside = points_inside(work.matrix, work.image.shape[:2], work.size, KERNELS[interpolation][1])
    points = some_points(inside, 500)
    exact = footprint_means(work.image, work.matrix, points, interpolation).clip(0, 255)
    x, y = points.T
    assert psnr(warp(work.image, work.transform, work.size, interpolation=interpolation)[y, x], exact) >= at_least
