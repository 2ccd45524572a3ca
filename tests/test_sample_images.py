"""sample_images/ is complete, small, what docs/sample_images.md says it is, and what the script draws."""

import math
import re
import shlex
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.cli_tools import run

ROOT = Path(__file__).parent.parent
HOME = ROOT / "sample_images"
README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLE = (ROOT / "docs" / "sample_images.md").read_text(encoding="utf-8")


def documented() -> dict[str, tuple[str, tuple[int, int]]]:
    """Name -> (mode, (width, height)) from the table of docs/sample_images.md."""
    rows = re.findall(r"^\| `([\w/.]+)` \| (\S+) \| (\d+)x(\d+) \|", TABLE, re.MULTILINE)
    return {name: (mode, (int(width), int(height))) for name, mode, width, height in rows}


def pixels(name: str) -> NDArray[np.float64]:
    with Image.open(HOME / name) as image:
        return np.asarray(image, np.float64)


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        yield import_module("make_sample_images")
    finally:
        sys.path.remove(str(ROOT / "docs"))


def test_the_folder_holds_exactly_the_documented_pictures() -> None:
    stored = {path.relative_to(HOME).as_posix() for path in HOME.rglob("*") if path.is_file()}
    assert stored == set(documented())
    assert len(stored) >= 8


def test_the_script_draws_exactly_the_documented_pictures(script: ModuleType) -> None:
    digits = {f"digits/digit_{name}.png" for name in script.charts.DIGIT_MOVES}
    assert set(script.PICTURES) | digits == set(documented())


def test_all_pictures_together_stay_below_two_megabytes() -> None:
    assert sum(path.stat().st_size for path in HOME.rglob("*") if path.is_file()) < 2_000_000


@pytest.mark.parametrize("name", sorted(documented()))
def test_mode_and_size_are_as_documented(name: str) -> None:
    with Image.open(HOME / name) as image:
        image.load()
        assert (image.mode, image.size) == documented()[name]


def test_the_documented_moves_of_the_digits_are_those_drawn(script: ModuleType) -> None:
    rows = re.findall(r"^\| `digit_(\d)\.png` \| (\S+) \| (\S+) \| (\S+) \|", TABLE, re.MULTILINE)
    moves = {name: tuple(map(float, numbers)) for name, *numbers in rows}
    assert moves == script.charts.DIGIT_MOVES


def test_a_shifted_digit_lies_where_the_table_says(script: ModuleType) -> None:
    degrees, right, down = script.charts.DIGIT_MOVES["4"]
    rows, cols = np.nonzero(pixels("digits/digit_4.png") > 127)
    assert degrees == 0.0
    # the drawn digit's box is centred before the shift, to half a pixel
    assert (cols.min() + cols.max()) / 2 == pytest.approx(31.5 + right, abs=0.75)
    assert (rows.min() + rows.max()) / 2 == pytest.approx(31.5 + down, abs=0.75)


def test_the_documented_corners_of_the_tilted_page_are_those_drawn(script: ModuleType) -> None:
    corners = " ".join(f"{x:g},{y:g}" for x, y in script.pages.TILTED_CORNERS)
    assert f'--corners "{corners}"' in TABLE


def test_the_tilted_page_is_what_a_camera_in_its_middle_sees(script: ModuleType) -> None:
    corners, (height, width) = np.array(script.pages.TILTED_CORNERS), script.pages.TILTED_SIZE
    points = np.column_stack([corners - [(width - 1) / 2, (height - 1) / 2], np.full(4, 882.0)])
    # Rays to the corners of a parallelogram, scaled so that its diagonals halve each other, end in its corners.
    depths = np.linalg.solve(np.column_stack([points[1], -points[2], points[3]]), points[0])
    page = points * [[1.0], *depths[:, None]]
    across, down = page[1] - page[0], page[3] - page[0]
    np.testing.assert_allclose(page[2] - page[0], across + down, atol=1e-9)
    lengths = np.linalg.norm([across, down], axis=1)
    assert lengths[0] / lengths[1] == pytest.approx(640 / 880, rel=1e-3)
    assert across @ down / lengths.prod() == pytest.approx(0, abs=1e-3)


def test_the_readme_straightens_the_tilted_page(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = re.search(r"stnwarp (apply \S+page_tilted.jpg -o )\S+ (.*)", README)
    assert command is not None
    options = shlex.split(command[2])
    assert options == ["--corners", " ".join(f"{x:g},{y:g}" for x, y in script.pages.TILTED_CORNERS)]
    monkeypatch.chdir(ROOT)
    ran = run(*shlex.split(command[1]), tmp_path / "page.png", *options)
    assert ran.code == 0, ran.stderr
    with Image.open(tmp_path / "page.png") as page:
        assert page.size == (800, 1100)


def test_the_corners_of_the_tilted_page_part_paper_from_desk(script: ModuleType) -> None:
    image = pixels("page_tilted.jpg")
    corners = np.array(script.pages.TILTED_CORNERS)
    inward = corners.mean(0) - corners
    inward *= 12 / np.hypot(*inward.T)[:, None]
    for inside, outside in zip(
        np.rint(corners + inward).astype(int), np.rint(corners - inward).astype(int), strict=True
    ):
        paper, desk = image[inside[1], inside[0]], image[outside[1], outside[0]]
        assert paper.min() > 150  # paper is nearly neutral and light, the wood brown
        assert desk[2] < 100


def test_the_rotated_page_is_turned_by_the_documented_angle(script: ModuleType) -> None:
    degrees = script.pages.ROTATED_DEGREES
    assert f"--rotate {-degrees:g} " in TABLE
    image = pixels("page_rotated.png")
    # the sheet's top edge: the first light pixel in two columns far apart, away from the sheet's corners
    left, right = 150, 600
    rise = np.argmax(image[:, left] > 220) - np.argmax(image[:, right] > 220)
    measured = math.degrees(math.atan2(float(rise), right - left))
    assert measured == pytest.approx(degrees, abs=math.degrees(1 / (right - left)) + 1e-9)  # rows are whole pixels


def test_the_rings_of_the_16_bit_gray_vanish_in_8_bits(script: ModuleType) -> None:
    image = pixels("gray_16bit.png")
    x, y, radius = script.charts.GRAY_DISC
    rows, cols = np.indices(image.shape)
    disc = image[np.hypot(cols - x, rows - y) < radius - 2]
    assert len(np.unique(disc)) > 150
    assert len(np.unique(disc.astype(np.uint16) >> 8)) == 1
    assert len(np.unique(np.rint(disc / 257))) == 1


def test_the_leaf_has_soft_edges_that_keep_its_colour() -> None:
    image = pixels("leaf.png")
    alpha = image[..., 3]
    assert (alpha == 0).any()
    assert (alpha == 255).any()
    soft = image[(alpha > 20) & (alpha < 235)]
    assert len(soft) > 2000
    assert (soft[:, 0] > soft[:, 2]).mean() > 0.99  # red over blue: no black mixed in at the faint edge


def test_the_checkerboard_tells_its_top_left_corner() -> None:
    image = pixels("checkerboard.png")
    assert (image[:32, :32] == 2).all()
    assert (image == 2).sum() == 32 * 32


@pytest.mark.slow
def test_drawing_them_again_gives_the_same_pictures(script: ModuleType, tmp_path: Path) -> None:
    script.write(tmp_path)
    complaints = [script.complaint(HOME / name, (tmp_path / name).read_bytes()) for name in sorted(documented())]
    assert complaints == [None] * len(documented())


def test_the_comparison_notices_another_picture(script: ModuleType) -> None:
    content = (HOME / "digits" / "digit_1.png").read_bytes()
    assert script.complaint(HOME / "digits" / "digit_7.png", content).startswith("differs")
    assert script.complaint(HOME / "leaf.png", content).startswith("is RGBA")
    assert script.complaint(HOME / "nothing.png", content) == "is missing"
