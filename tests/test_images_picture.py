"""A picture knows what its channels mean."""

import numpy as np
import pytest

from stnwarp.images.modes import WRITTEN_MODES
from stnwarp.images.palette import entries, resolved
from stnwarp.images.picture import CHANNELS, Picture
from stnwarp.images.probe import WORKING_MODES


@pytest.mark.parametrize("mode", sorted(CHANNELS))
def test_alpha_is_the_last_channel_of_the_modes_that_have_it(mode: str) -> None:
    shape = (2, 3, CHANNELS[mode])
    picture = Picture(np.zeros(shape, np.uint8), mode)
    assert picture.has_alpha == (mode in {"LA", "RGBA"})
    assert picture.size == (2, 3)


def test_every_mode_that_is_read_is_a_mode_of_pictures_and_can_be_written_somewhere() -> None:
    written = {mode for modes in WRITTEN_MODES.values() for mode in modes}
    assert set(WORKING_MODES.values()) <= set(CHANNELS)
    assert set(CHANNELS) == written


def test_a_short_palette_is_filled_up_with_black() -> None:
    picture = Picture(np.zeros((1, 1), np.uint8), "P", palette=bytes([1, 2, 3, 4]))
    assert entries(picture).shape == (256, 4)
    assert entries(picture)[:2].tolist() == [[1, 2, 3, 4], [0, 0, 0, 255]]


def test_a_palette_is_resolved_with_alpha_only_if_it_has_any() -> None:
    indices = np.array([[0, 1]], np.uint8)
    array, mode = resolved(Picture(indices, "P", palette=bytes([1, 2, 3, 255, 4, 5, 6, 255])))
    assert (mode, array.tolist()) == ("RGB", [[[1, 2, 3], [4, 5, 6]]])
    array, mode = resolved(Picture(indices, "P", palette=bytes([1, 2, 3, 255, 4, 5, 6, 0])))
    assert (mode, array.tolist()) == ("RGBA", [[[1, 2, 3, 255], [4, 5, 6, 0]]])
