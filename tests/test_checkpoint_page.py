"""The shipped checkpoint `page`: pages of text turned by known angles are set upright, and nothing else is turned."""

import math
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from stnwarp import SpatialTransformer
from stnwarp.conventions import Family
from stnwarp.localisation import Checkpoint, Fit
from stnwarp.transforms import MatrixTransform

SAMPLES = Path(__file__).parent.parent / "sample_images"
TEXT = "a spatial transformer looks at the page and turns it so that all of its lines lie level and can be read"
TOLERANCE = 0.3  # degrees


@pytest.fixture(scope="module")
def page() -> Checkpoint:
    return Checkpoint.load("page")


def written(width: int = 620, height: int = 860, lines: int = 30, paper: int = 245) -> Image.Image:
    """A page with *lines* ragged lines of text from its top down."""
    rng = np.random.default_rng(lines)
    image = Image.new("L", (width, height), paper)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(15)
    for number in range(lines):
        text = " ".join(rng.choice(TEXT.split(), 30))
        room = (0.86 if number % 7 else 0.5) * width
        while draw.textlength(text, font) > room:
            text = text.rpartition(" ")[0]
        draw.text((0.07 * width, 40 + 26 * number), text, 30, font)
    return image


def turned(image: Image.Image, degrees: float, fill: int = 255) -> NDArray[np.uint8]:
    """*image* turned counter-clockwise, whole, on a ground of *fill*."""
    return np.asarray(image.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=fill))


def tilt(checkpoint: Checkpoint, image: NDArray[np.uint8]) -> float:
    """How far the checkpoint finds *image* turned, in degrees counter-clockwise; all but the turn must be nothing."""
    (transform,) = checkpoint.localise([image])
    assert isinstance(transform, MatrixTransform)
    height, width = image.shape[:2]
    pixels = np.diag((width, height, 1)) @ transform.theta @ np.diag((1 / width, 1 / height, 1))
    angle = math.atan2(pixels[1, 0], pixels[0, 0])
    turn = [[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]]
    np.testing.assert_allclose(pixels, turn, atol=1e-5)
    return -math.degrees(angle)


def test_it_is_small_and_says_what_it_does(page: Checkpoint) -> None:
    assert (files("stnwarp") / "checkpoints" / "page.onnx").stat().st_size < 1_000_000  # type: ignore[attr-defined]
    assert page.metadata.family is Family.SIMILARITY
    assert page.metadata.fit is Fit.PAD
    assert page.metadata.constraints
    assert "text" in page.metadata.description
    assert page.metadata.trained["examples"] > 1000


@pytest.mark.parametrize("degrees", [-44, -20.5, -3, -0.4, 0, 0.7, 8, 31.3, 44])
def test_pages_are_set_upright(page: Checkpoint, degrees: float) -> None:
    assert tilt(page, turned(written(), degrees)) == pytest.approx(degrees, abs=TOLERANCE)


@pytest.mark.parametrize("ground", [0, 90])
def test_what_lies_around_the_paper_does_not_matter(page: Checkpoint, ground: int) -> None:
    assert tilt(page, turned(written(), -12, ground)) == pytest.approx(-12, abs=TOLERANCE)


@pytest.mark.parametrize("size", [(1200, 420), (330, 1000), (620, 620)])
def test_pages_of_other_proportions_are_set_upright(page: Checkpoint, size: tuple[int, int]) -> None:
    width, height = size
    image = turned(written(width, height, (height - 60) // 26), 6)
    assert tilt(page, image) == pytest.approx(6, abs=TOLERANCE)


def test_a_few_lines_are_enough(page: Checkpoint) -> None:
    assert tilt(page, turned(written(lines=4), 10)) == pytest.approx(10, abs=TOLERANCE)


def test_a_black_border_and_a_slope_of_light_do_not_matter(page: Checkpoint) -> None:
    image = turned(written(), 5).astype(np.float64)
    image *= np.linspace(0.45, 1, image.shape[1])
    image[:, :30] = 5
    image[-20:] = 5
    assert tilt(page, image.astype(np.uint8)) == pytest.approx(5, abs=TOLERANCE)


def test_a_page_of_two_colours_only_is_set_upright(page: Checkpoint) -> None:
    image = np.where(turned(written(), -7) < 140, 0, 255).astype(np.uint8)
    assert tilt(page, image) == pytest.approx(-7, abs=TOLERANCE)


def test_the_rotated_sample_page_is_set_upright(page: Checkpoint) -> None:
    with Image.open(SAMPLES / "page_rotated.png") as image:
        assert tilt(page, np.asarray(image)) == pytest.approx(8, abs=TOLERANCE)


def test_the_whole_transformer_straightens_what_was_turned() -> None:
    image = np.asarray(written())
    leaning = np.asarray(written().rotate(9, Image.Resampling.BICUBIC, fillcolor=245))
    straight = SpatialTransformer.load("page")([leaning])[0]
    inner = np.s_[150:-150, 120:-120]
    before, after = (np.abs(each[inner].astype(float) - image[inner]).mean() for each in (leaning, straight))
    assert after < before / 3


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_page_is_left_as_it_is(page: Checkpoint, level: int) -> None:
    assert tilt(page, np.full((800, 600), level, np.uint8)) == 0


def test_noise_is_left_as_it_is(page: Checkpoint) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (700, 500), np.uint8)
    assert abs(tilt(page, noise)) < 1


@pytest.mark.parametrize("name", ["lake.jpg", "leaf.png"])
def test_pictures_without_text_are_hardly_turned(page: Checkpoint, name: str) -> None:
    with Image.open(SAMPLES / name) as image:
        assert abs(tilt(page, np.asarray(image))) < 1
