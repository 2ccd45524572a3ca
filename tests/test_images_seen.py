"""The colours that a network is shown, whatever mode a picture is kept in."""

import numpy as np
import pytest

from stnwarp.images.picture import Picture
from stnwarp.images.seen import as_seen, without_ink


def test_gray_colours_and_alpha_are_seen_as_they_are() -> None:
    for mode, shape, dtype in (
        ("L", (2, 3), np.uint8),
        ("1", (2, 3), np.uint8),
        ("LA", (2, 3, 2), np.uint8),
        ("RGB", (2, 3, 3), np.uint8),
        ("RGBA", (2, 3, 4), np.uint8),
        ("I;16", (2, 3), np.uint16),
    ):
        array = np.arange(np.prod(shape), dtype=dtype).reshape(shape)
        assert as_seen(Picture(array, mode)) is array


def test_a_palette_is_resolved() -> None:
    picture = Picture(np.array([[0, 1]], np.uint8), "P", palette=bytes([1, 2, 3, 255, 4, 5, 6, 255]))
    np.testing.assert_array_equal(as_seen(picture), [[[1, 2, 3], [4, 5, 6]]])


def test_ink_takes_light_away() -> None:
    inks = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 0, 0, 255], [0, 128, 255, 0]]], np.uint8)
    expected = [[[255, 255, 255], [0, 255, 255], [0, 0, 0], [255, 127, 0]]]
    np.testing.assert_array_equal(without_ink(inks), expected)
    np.testing.assert_array_equal(as_seen(Picture(inks, "CMYK")), expected)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([0.2, 0.8], [0.2, 0.8]),
        ([0.2, np.nan], [0.2, 0]),
        ([-1, 0, 3], [0, 0.25, 1]),
        ([100, 200, np.inf], [0, 1, 0]),
        ([7, 7], [0, 0]),
        ([np.nan, np.nan], [0, 0]),
        ([-3e38, 3e38], [0, 1]),
    ],
)
def test_floats_are_brought_to_one_scale(numbers: list[float], expected: list[float]) -> None:
    seen = as_seen(Picture(np.array([numbers], np.float32), "F"))
    assert seen.dtype == np.float32
    np.testing.assert_allclose(seen, [expected], rtol=1e-6)
