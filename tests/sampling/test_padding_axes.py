"""A padding mode for each axis: the same as a picture that has been padded beforehand, far enough."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stnwarp import affine_grid, grid_sample, warp
from stnwarp.conventions import PaddingMode, PaddingModes, padding_modes
from stnwarp.errors import ParameterError
from tests.combinations import combinations

MARGIN = 40
SIZE, OUTPUT = (8, 11), (7, 12)
NUMPY_MODES = {"border": "edge", "wrap": "wrap", "reflection": "symmetric"}
THETAS = {"turned": [[0.9, -0.8, 0.3], [0.7, 1.1, -0.2]], "small": [[2.6, 0.5, 0.2], [-0.4, 3.1, 0.1]]}


def padded(image: NDArray[Any], modes: PaddingModes) -> tuple[NDArray[Any], list[int]]:
    """`image` with a margin on both sides of the axes that do not fade, and how wide it is, of rows and columns."""
    margins = [0 if mode is PaddingMode.FILL else MARGIN for mode in (modes.y, modes.x)]
    for axis, (mode, margin) in enumerate(zip((modes.y, modes.x), margins, strict=True)):
        if margin:
            widths = [(margin, margin) if one == axis else (0, 0) for one in range(image.ndim)]
            image = np.pad(image, widths, NUMPY_MODES[mode])  # type: ignore[call-overload]
    return image, margins


@combinations(
    again={"dtype": [np.uint8, np.float64]},
    padding_mode=["wrap,border", "border,wrap", "reflection,wrap", "border,reflection", "wrap,fill", "fill,reflection"],
    interpolation=["nearest", "bilinear", "bicubic", "lanczos"],
    kind=["turned", "small"],
    is_grid=[False, True],
    antialias=[False, True],
    channels=[1, 3, 5],
    dtype=[np.uint8, np.float32, np.float64],
)
def test_axes_are_padded_each_in_its_way(
    padding_mode: str, interpolation: str, kind: str, is_grid: bool, antialias: bool, channels: int, dtype: type
) -> None:
    noise = np.random.default_rng(channels).random((*SIZE, channels))
    image = (noise * 200 if dtype == np.uint8 else noise).astype(dtype)
    grid = affine_grid(np.array(THETAS[kind]), OUTPUT)
    modes: dict[str, Any] = {"interpolation": interpolation, "antialias": antialias, "fill": 0}
    large, margins = padded(image, padding_modes(padding_mode))
    scales = [before / after for before, after in zip(SIZE[::-1], large.shape[1::-1], strict=True)]
    assert all(
        margin == 0 or np.abs(grid).max() * side < margin + side for margin, side in zip(margins, SIZE, strict=True)
    )
    exact = warp(large, grid * scales, padding_mode="fill", **modes)
    transform = grid if is_grid else np.array(THETAS[kind])
    ours = warp(image, transform, OUTPUT, padding_mode=padding_mode, **modes)
    differs = ~np.isclose(ours.astype(float), exact.astype(float), rtol=0, atol=1 if dtype == np.uint8 else 1e-5)
    # Under nearest rounding alone can put a position on the other side of a tie.
    assert differs.mean() <= (0.02 if interpolation == "nearest" else 0)


def test_one_mode_is_that_of_both_axes() -> None:
    image, theta = np.random.default_rng(1).random((9, 9)), np.array(THETAS["turned"])
    for mode in PaddingMode:
        both = warp(image, theta, padding_mode=f"{mode},{mode}")
        np.testing.assert_array_equal(both, warp(image, theta, padding_mode=mode))
    assert str(padding_modes("border, border")) == "border"
    assert str(padding_modes("wrap,border")) == "wrap,border"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wrap,zeros", "zeros is a padding mode for both axes; beside another one use fill"),
        ("wrap,border,wrap", "padding_mode must be one mode, or two as in wrap,border, got 'wrap,border,wrap'"),
        ("wrap,bordr", "did you mean 'border'"),
        ("wrap,", "padding_mode must be one of fill, zeros"),
    ],
)
def test_what_is_no_mode_is_refused(name: str, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        warp(np.zeros((4, 4)), np.eye(2, 3), padding_mode=name)


def test_drop_ins_have_one_mode() -> None:
    with pytest.raises(ParameterError, match="padding_mode must be one of"):
        grid_sample(np.zeros((1, 1, 4, 4)), np.zeros((1, 2, 2, 2)), padding_mode="wrap,border")
