"""Every interpolation and padding mode through the command line: the pictures are those the library's `warp` makes."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stnwarp import Interpolation, PaddingMode, warp
from stnwarp.images.alpha import premultiply, unpremultiply
from tests.cli_tools import noise, pixels, run, save

THETA = np.array([[1.3, -0.4, 0.1], [0.35, 1.2, -0.2]])  # partly outside on every side
NUMBERS = " ".join(map(str, THETA.ravel()))
PICTURES = {
    "gray": noise(1, channels=1)[..., 0],
    "RGB": noise(2),
    "16-bit gray": np.random.default_rng(3).integers(0, 65536, (24, 32)).astype(np.uint16),
}

each_mode = pytest.mark.parametrize("padding_mode", list(PaddingMode))
each_interpolation = pytest.mark.parametrize("interpolation", list(Interpolation))


def applied(tmp_path: Path, array: NDArray[np.generic], *options: str, told: str = "") -> NDArray[np.generic]:
    """What `stnwarp apply` makes of a PNG of *array*, and tells of it."""
    source, target = save(tmp_path / "in.png", array), tmp_path / "out.png"
    ran = run("apply", source, "-o", target, "--overwrite", *options)
    assert (ran.code, ran.stderr if not told else "") == (0, ""), ran.stderr
    assert told in ran.stderr
    return pixels(target)


@each_mode
@each_interpolation
@pytest.mark.parametrize("kind", PICTURES)
def test_apply_makes_the_picture_that_warp_makes(
    tmp_path: Path, kind: str, interpolation: Interpolation, padding_mode: PaddingMode
) -> None:
    array = PICTURES[kind]
    modes = ("--interpolation", interpolation, "--padding-mode", padding_mode)
    expected = warp(array, THETA, interpolation=interpolation, padding_mode=padding_mode)
    np.testing.assert_array_equal(applied(tmp_path, array, "--theta", NUMBERS, *modes), expected)


@each_interpolation
@pytest.mark.parametrize("padding_mode", ["wrap,border", "fill,reflection"])
def test_axes_can_have_modes_of_their_own(tmp_path: Path, padding_mode: str, interpolation: Interpolation) -> None:
    array = PICTURES["RGB"]
    modes = ("--interpolation", interpolation, "--padding-mode", padding_mode)
    fill = ("--fill", "#102030") if "fill" in padding_mode else ()
    expected = warp(array, THETA, interpolation=interpolation, padding_mode=padding_mode, fill=[16, 32, 48])
    np.testing.assert_array_equal(applied(tmp_path, array, "--theta", NUMBERS, *modes, *fill), expected)


@each_interpolation
def test_apply_weighs_colours_by_their_alpha_in_every_mode(tmp_path: Path, interpolation: Interpolation) -> None:
    array = noise(4, channels=4)
    result = applied(tmp_path, array, "--theta", NUMBERS, "--interpolation", interpolation)
    expected = unpremultiply(warp(premultiply(array), THETA, interpolation=interpolation), np.uint8)
    if interpolation is Interpolation.NEAREST:
        expected = warp(array, THETA, interpolation=interpolation)
    np.testing.assert_array_equal(result, expected)


@each_interpolation
def test_a_picture_wraps_round(tmp_path: Path, interpolation: Interpolation) -> None:
    options = ("--translate", "-45,10", "--padding-mode", "wrap", "--interpolation", interpolation)
    rolled = np.roll(PICTURES["RGB"], (10, -45), axis=(0, 1))
    # The picture goes round by more than its width: what is read lies wholly outside it.
    result = applied(tmp_path, PICTURES["RGB"], *options, told="read wholly outside")
    np.testing.assert_array_equal(result, rolled)


@each_mode
@each_interpolation
def test_grid_draws_the_output_that_apply_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interpolation: Interpolation, padding_mode: PaddingMode
) -> None:
    from stnwarp.drawing import draw_grid

    drawn: list[np.ndarray] = []

    def watched(*arguments: object, target: np.ndarray, **more: object) -> object:
        drawn.append(target)
        return draw_grid(*arguments, target=target, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("stnwarp.cli.grid_output.draw_grid", watched)
    modes = ["--interpolation", interpolation, "--padding-mode", padding_mode]
    fill = ["--fill", "#102030"] if padding_mode is PaddingMode.ZEROS else []
    source = save(tmp_path / "in.png", PICTURES["RGB"])
    ran = run("grid", "-o", tmp_path / "grid.png", "--image", source, "--theta", NUMBERS, *modes, *fill)
    assert (ran.code, ran.stderr) == (0, "")
    expected = applied(tmp_path, PICTURES["RGB"], "--theta", NUMBERS, *modes, *fill)
    np.testing.assert_array_equal(drawn[0], expected)


@pytest.mark.parametrize("numbers", ["1e7 0 0 0 1e7 0", "1e30 0 0 0 1e30 0", "1e30 1e30 1e7 -1e30 1e30 1e7"])
@each_interpolation
def test_an_enormous_theta_gives_the_fill_colour_in_every_mode(
    tmp_path: Path, interpolation: Interpolation, numbers: str
) -> None:
    options = ("--theta", numbers, "--fill", "#123456", "--interpolation", interpolation)
    result = applied(tmp_path, PICTURES["RGB"], *options, told="nothing of the picture")
    np.testing.assert_array_equal(result, np.broadcast_to(np.uint8([0x12, 0x34, 0x56]), (24, 32, 3)))


@each_mode
@each_interpolation
def test_an_enormous_theta_is_never_an_error(
    tmp_path: Path, interpolation: Interpolation, padding_mode: PaddingMode
) -> None:
    modes = ("--interpolation", interpolation, "--padding-mode", padding_mode)
    for numbers in ("1e30 0 1e30 0 1e30 0", "1e300 1e300 0 1e300 1e300 0", "1 0 1e30 0 1 -1e30"):
        result = applied(tmp_path, PICTURES["RGB"], "--theta", numbers, *modes, told="nothing of the picture")
        assert result.shape == (24, 32, 3)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(3, 40_000), (70_000, 2), (2, 70_000, 3)])
@each_interpolation
def test_sides_beyond_32767_pixels_are_right_to_the_last_pixel(
    tmp_path: Path, interpolation: Interpolation, shape: tuple[int, ...]
) -> None:
    array = np.random.default_rng(5).integers(0, 256, shape).astype(np.uint8)
    turned = applied(tmp_path, array, "--rotate", "180", "--interpolation", interpolation)
    np.testing.assert_array_equal(turned, array[::-1, ::-1])
    moved = applied(tmp_path, array, "--translate", "-1,1", "--interpolation", interpolation)
    np.testing.assert_array_equal(moved[1:, :-1], array[:-1, 1:])
