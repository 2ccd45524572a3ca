"""Pictures of floats with missing values, NaN or what `--nodata` says: no other value has a part of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stnwarp import Interpolation, PaddingMode, warp
from stnwarp.sampling.coverage import measure_coverage
from stnwarp.transforms import pixel_matrices
from tests import footprint_oracle as oracle
from tests.cli_tools import noise, pixels, run, save

Array = NDArray[Any]

SIZE = (30, 36)
LOW, HIGH = 400.0, 500.0  # of the data
MISSING = -9999.0
SCALES = {"smaller": 2.4, "about the same": 1.02, "larger": 0.4}


def picture(missing: float) -> Array:
    """Heights, with a hole, a missing column at the edge and single missing pixels."""
    values = np.random.default_rng(1).uniform(LOW, HIGH, SIZE).astype(np.float32)
    values[8:17, 10:21] = missing
    values[20:, 35] = missing
    values[[3, 5, 24], [4, 30, 8]] = missing
    return values


def applied(folder: Path, values: Array, *options: object) -> Array:
    """What `stnwarp apply` makes of a TIFF, without a word."""
    source = save(folder / "in.tif", values)
    ran = run("apply", source, "-o", folder / "out.tif", "--overwrite", *options)
    assert (ran.code, ran.stderr) == (0, ""), ran.stderr
    with Image.open(folder / "out.tif") as image:
        assert image.mode == "F"
        return np.asarray(image)


def theta_of(kind: str) -> Array:
    turn, scale = np.radians(17), SCALES[kind]
    return scale * np.array([[np.cos(turn), -np.sin(turn), 0.05], [np.sin(turn), np.cos(turn), -0.02]])


def words(theta: Array) -> tuple[str, str]:
    return "--theta", " ".join(map(repr, theta.ravel().tolist()))


@pytest.mark.parametrize("kind", SCALES)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("missing", [np.nan, MISSING])
def test_missing_values_have_no_weight(tmp_path: Path, kind: str, interpolation: str, missing: float) -> None:
    values, theta = picture(missing), theta_of(kind)
    said = [] if np.isnan(missing) else ["--nodata", f"{missing}"]
    modes = ("--padding-mode", "border", "--interpolation", interpolation)
    ours = applied(tmp_path, values, *words(theta), *modes, *said)

    hole = ~((values > 0) & np.isfinite(values))
    matrix = pixel_matrices(np.vstack([theta, [0, 0, 1]])[None], SIZE, SIZE, False)[0]
    footprints = oracle.matrix_footprints(matrix, SIZE)

    def exact(array: Array, mode: str) -> Array:
        return oracle.sample(array[..., None], *footprints[:2], mode, "border")[..., 0]

    data = np.where(hole, 0, values)
    lost = exact(hole, "bilinear")
    left = lost <= 0.5
    clear = np.abs(lost - 0.5) > 1e-5
    result_is_missing = np.isnan(ours) if np.isnan(missing) else ours == missing
    untouched = np.isfinite(exact(np.where(hole, np.nan, values), interpolation))
    np.testing.assert_array_equal(result_is_missing[clear], ~left[clear])
    assert untouched.any()
    assert (left & ~untouched).any()

    valid = ~result_is_missing
    masked = exact(data, "bilinear") / np.where(left, 1 - lost, 1)
    plain = exact(data, interpolation)
    close = 1e-5 * HIGH
    assert np.abs(ours - plain)[untouched].max() < close
    gap = np.minimum(np.abs(ours - masked), np.abs(ours - plain))  # the kernel's own sum where all it reads is there
    assert gap[valid].max() < close
    overshoot = 0 if interpolation == "bilinear" else HIGH - LOW
    assert LOW - overshoot - close < ours[valid].min() <= ours[valid].max() < HIGH + overshoot + close


@pytest.mark.parametrize("interpolation", list(Interpolation))
def test_what_reads_nothing_missing_is_the_same_to_the_bit(tmp_path: Path, interpolation: str) -> None:
    theta, modes = theta_of("about the same"), ("--interpolation", interpolation)
    whole = picture(450)
    expected = warp(whole, theta, interpolation=interpolation)
    np.testing.assert_array_equal(applied(tmp_path, whole, *words(theta), *modes), expected)
    ours = applied(tmp_path, picture(np.nan), *words(theta), *modes)
    same = ours == expected
    assert same.mean() > 0.6
    far = warp(picture(np.nan), theta, interpolation=interpolation)
    assert same[np.isfinite(far)].all()


@pytest.mark.parametrize("padding_mode", list(PaddingMode))
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "lanczos"])
@pytest.mark.parametrize("missing", [np.nan, MISSING])
def test_outside_is_missing_unless_a_fill_is_given(
    tmp_path: Path, padding_mode: str, interpolation: Any, missing: float
) -> None:
    values, theta = picture(450), theta_of("larger") * 3
    options = (*words(theta), "--padding-mode", padding_mode, "--interpolation", interpolation)
    ours = applied(tmp_path, values, *options, "--nodata", missing)
    if not PaddingMode(padding_mode).takes_fill:
        np.testing.assert_array_equal(ours, warp(values, theta, interpolation=interpolation, padding_mode=padding_mode))
        return
    inside = measure_coverage(SIZE, theta, interpolation=interpolation) >= 128
    expected = warp(values, theta, interpolation=interpolation, padding_mode="border")
    np.testing.assert_array_equal(ours, np.where(inside, expected, np.float32(missing)))
    assert not inside.all()
    filled = applied(tmp_path, values, *options, "--nodata", missing, "--fill", "7")
    np.testing.assert_array_equal(
        filled, warp(values, theta, interpolation=interpolation, padding_mode=padding_mode, fill=7)
    )
    if missing == MISSING:
        same = applied(tmp_path, values, *options, "--nodata", missing, f"--fill={missing}")
        np.testing.assert_array_equal(same, ours)


@pytest.mark.parametrize("padding_mode", ["fill", "zeros"])
def test_a_fill_counts_as_a_value(tmp_path: Path, padding_mode: str) -> None:
    values = np.full((4, 6), np.nan, np.float32)
    values[:, 2:] = 10
    modes = ("--padding-mode", padding_mode, "--fill", "7")
    ours = applied(tmp_path, values, "--translate", "0.75,0", *modes)
    np.testing.assert_array_equal(ours[1], [7, np.nan, np.nan, 10, 10, 10])


def test_a_picture_of_nothing_but_missing_values(tmp_path: Path) -> None:
    values = np.full(SIZE, np.nan, np.float32)
    values[::2] = MISSING
    ours = applied(tmp_path, values, "--rotate", "20", "--nodata", MISSING)
    np.testing.assert_array_equal(ours, np.full(SIZE, MISSING))
    assert np.isnan(applied(tmp_path, np.full(SIZE, np.nan, np.float32), "--rotate", "20", "--nodata", "NaN")).all()


def test_infinite_values_are_values(tmp_path: Path) -> None:
    values = picture(450)
    values[10, 10] = np.inf
    theta = theta_of("about the same")
    expected = warp(values, theta)
    np.testing.assert_array_equal(applied(tmp_path, values, *words(theta)), expected)
    ours = applied(tmp_path, values, *words(theta), "--nodata", MISSING, "--padding-mode", "border")
    assert np.isposinf(ours[np.isposinf(warp(values, theta, padding_mode="border"))]).all()


@pytest.mark.parametrize("dry", [[], ["-n"]])
def test_pictures_of_whole_numbers_say_that_it_is_not_for_them(tmp_path: Path, dry: list[str]) -> None:
    save(tmp_path / "in" / "a.tif", picture(MISSING))
    save(tmp_path / "in" / "b.png", noise(1))
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", "--rotate", "20", "--nodata", MISSING, *dry)
    assert ran.code == 0
    told = "b.png: --nodata is for pictures of floats; this one has mode RGB, and all of its values count"
    assert [line.endswith(told) for line in ran.stderr.splitlines() if "warning" in line] == [True]
    if not dry:
        np.testing.assert_array_equal(pixels(tmp_path / "out" / "b.png"), pixels_of_plain(tmp_path))


def pixels_of_plain(tmp_path: Path) -> Array:
    assert run("apply", tmp_path / "in" / "b.png", "-o", tmp_path / "plain.png", "--rotate", "20").code == 0
    return pixels(tmp_path / "plain.png")


def test_nothing_of_a_picture_is_told_of_missing_values_too(tmp_path: Path) -> None:
    source = save(tmp_path / "in.tif", picture(450))
    ran = run("apply", source, "-o", tmp_path / "out.tif", "--translate", "500,0", "--nodata", "nan")
    assert ran.code == 0
    assert "nothing of the picture" in ran.stderr


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "is not a number; give a number, or nan"),
        ("none", "is not a number; give a number, or nan"),
        ("inf", "is not a finite number; give a number, or nan"),
        ("1e39", "is more than floats of 32 bits hold"),
        ("1,2", "is not a number; give a number, or nan"),
    ],
)
def test_what_no_pixel_can_have_is_refused(tmp_path: Path, value: str, message: str) -> None:
    source = save(tmp_path / "in.tif", picture(MISSING))
    ran = run("apply", source, "-o", tmp_path / "out.tif", "--rotate", "20", "--nodata", value)
    assert ran.code == 2
    assert message in ran.error
    ran = run("apply", source, "-o", tmp_path / "out.tif", "--rotate", "20", "--nodata", "-3.4028234663852886e38")
    assert ran.code == 0
