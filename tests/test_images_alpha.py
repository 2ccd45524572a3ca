"""Premultiplied alpha: there and back, and what lies between."""

import numpy as np
import pytest

from stnwarp.images.alpha import is_opaque, premultiply, unpremultiply


@pytest.mark.parametrize(("dtype", "full"), [(np.uint8, 255), (np.uint16, 65535)])
@pytest.mark.parametrize("channels", [2, 4])
def test_there_and_back_is_the_same_wherever_something_shows(dtype: type, full: int, channels: int) -> None:
    array = np.random.default_rng(1).integers(0, full + 1, (130, 41, channels)).astype(dtype)
    back = unpremultiply(premultiply(array), dtype)
    shows = array[..., -1] > 0
    assert back.dtype == array.dtype
    assert np.array_equal(back[shows], array[shows])


def test_premultiplied_colours_are_weighted_by_alpha_and_alpha_stays() -> None:
    array = np.array([[[200, 100, 50, 51], [9, 8, 7, 0], [1, 2, 3, 255]]], np.uint8)
    weighted = premultiply(array)
    assert weighted.dtype == np.float32
    # float32 holds these to 2e-5
    assert np.allclose(weighted, [[[40, 20, 10, 51], [0, 0, 0, 0], [1, 2, 3, 255]]], atol=2e-5)


def test_where_nothing_shows_the_colour_is_black() -> None:
    weighted = np.array([[[5, 6, 7, 0], [5, 6, 7, 1e-40], [5, 6, 7, -2]]], np.float32)
    assert not unpremultiply(weighted, np.uint8).any()


def test_half_a_level_is_rounded_to_even_and_overshoot_clipped() -> None:
    weighted = np.array([[[0.5, 255], [1.5, 255], [300, 260], [-3, 255]]], np.float32)
    assert unpremultiply(weighted, np.uint8).tolist() == [[[0, 255], [2, 255], [255, 255], [0, 255]]]


def test_floating_alpha_runs_to_one() -> None:
    array = np.array([[[0.5, 0.25], [0.8, 1.0]]], np.float32)
    # two roundings of float32
    assert np.allclose(unpremultiply(premultiply(array), np.float32), array, atol=1e-6)


def test_the_input_is_left_as_it_was() -> None:
    array = np.full((2, 2, 4), 100, np.uint8)
    weighted = premultiply(array)
    kept = weighted.copy()
    unpremultiply(weighted, np.uint8)
    assert np.array_equal(weighted, kept)
    assert (array == 100).all()


def test_opacity_is_told() -> None:
    array = np.full((2, 3, 4), 255, np.uint8)
    assert is_opaque(array)
    array[1, 2, 3] = 254
    assert not is_opaque(array)
