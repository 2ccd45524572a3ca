"""The shipped checkpoint `digits`: digits turned, scaled and shifted by known amounts come to their canonical pose."""

import math
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stnwarp import SpatialTransformer
from stnwarp.conventions import Family
from stnwarp.localisation import Checkpoint, Fit
from stnwarp.transforms import MatrixTransform
from tests.positions import warp

SAMPLES = Path(__file__).parent.parent / "sample_images" / "digits"
# Degrees counter-clockwise and pixels to the right and down, of pictures 64 pixels wide; see docs/sample_images.md. It
# learnt from handwriting: what is slanted there, such as 0, 1 and 4, it does not set as upright as print is.
KNOWN = {2: (-35, 0, 0), 3: (30, 6, -4), 5: (-15, 8, 5), 6: (60, 0, 0), 7: (-45, -5, -6), 9: (12.5, 3.5, 9.5)}
TOLERANCE = 20  # degrees; a 6 by hand leans that far from a printed one


@pytest.fixture(scope="module")
def digits() -> Checkpoint:
    return Checkpoint.load("digits")


def test_it_is_small_and_says_what_it_does(digits: Checkpoint) -> None:
    assert (files("stnwarp") / "checkpoints" / "digits.onnx").stat().st_size < 1_000_000  # type: ignore[attr-defined]
    assert (digits.metadata.family, digits.metadata.fit) == (Family.SIMILARITY, Fit.PAD)
    assert digits.metadata.trained["recipe"] == "restore"


@pytest.mark.parametrize("digit", KNOWN)
def test_moved_digits_are_found(digits: Checkpoint, digit: int) -> None:
    (transform,) = digits.localise([np.asarray(Image.open(SAMPLES / f"digit_{digit}.png"))])
    assert isinstance(transform, MatrixTransform)
    scale, angle, x, y = transform.parameters(Family.SIMILARITY)
    turned, right, down = KNOWN[digit]
    assert -math.degrees(angle) == pytest.approx(turned, abs=TOLERANCE)
    assert (x, y) == pytest.approx((right / 32, down / 32), abs=0.15)
    assert 0.5 < scale < 1.0  # they are smaller than in the canonical frame


def test_a_turn_of_the_picture_turns_theta_along(digits: Checkpoint) -> None:
    image = np.asarray(Image.open(SAMPLES / "digit_2.png"))
    turn = MatrixTransform.from_parameters(Family.SIMILARITY, (1.0, math.radians(-40), 0.0, 0.0))
    angles = []
    for each in (image, warp(image, turn)):
        (transform,) = digits.localise([each])
        assert isinstance(transform, MatrixTransform)
        angles.append(math.degrees(transform.parameters(Family.SIMILARITY)[1]))
    assert abs(angles[1] - angles[0]) == pytest.approx(40, abs=TOLERANCE)


def test_a_second_look_changes_little() -> None:
    image = np.asarray(Image.open(SAMPLES / "digit_3.png"))
    once, twice = (SpatialTransformer.load("digits", repeat=looks)(image) for looks in (1, 2))
    assert np.abs(once.astype(float) - twice).mean() < 25
