"""Pictures of grids that lie far from the image, of slivers, and of what lies in an arrow's way."""

import io
import re

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stnwarp.drawing import Scene, draw_grid, render_png, render_svg
from stnwarp.drawing.afar import whereabouts
from stnwarp.drawing.lattice import grid_lines, pieces_inside, thinned
from stnwarp.drawing.palette import EDGE, HALO, INK
from stnwarp.drawing.scene import Anchor, Block, Box, Dot, Label, Path, Picture, Point
from stnwarp.transforms import pixel_from_normalised

SIZE = (64, 96)


def regular(size: tuple[int, int]) -> NDArray[np.float64]:
    height, width = size
    x, y = np.meshgrid((2 * np.arange(width) + 1) / width - 1, (2 * np.arange(height) + 1) / height - 1)
    points: NDArray[np.float64] = np.stack([x, y], axis=-1)
    return points


def shifted(x: float, y: float) -> NDArray[np.float64]:
    """A grid that lies so many pixels right and down of an image of SIZE."""
    moved: NDArray[np.float64] = regular(SIZE) + 2 * np.array([x / SIZE[1], y / SIZE[0]])
    return moved


def drawn(grid: NDArray[np.float64], width: int = 1200, image: bool = True) -> Scene:
    shown = np.full((*SIZE, 3), 90, np.uint8) if image else None
    return draw_grid(grid, input_size=SIZE, align_corners=False, image=shown, width=width)


def panels(scene: Scene) -> list[Box]:
    """The input's and the output's."""
    blocks = [item.box for item in scene.items if isinstance(item, Block)]
    return sorted((box for box in blocks if box.width > 0.3 * scene.width), key=lambda box: (-box.height, box.x))[:2]


def texts(scene: Scene) -> list[str]:
    return [item.text for item in scene.items if isinstance(item, Label)]


def heads(scene: Scene) -> list[Point]:
    """The tips of the arrows."""
    return [item.points[0] for item in scene.items if isinstance(item, Path) and item.width == 0]


def read_points(scene: Scene) -> list[Point]:
    dots = [item for item in scene.items if isinstance(item, Dot) and item.ring_colour == HALO and item.colour != INK]
    return [dot.centre for dot in dots if dot.centre[0] < scene.width / 2]


@pytest.mark.parametrize("size", [(5000, 1), (1, 5000), (100_000, 1), (1, 1_000_000), (2000, 10)])
@pytest.mark.parametrize("width", [160, 320, 1200, 4000])
@pytest.mark.parametrize("align_corners", [False, True])
def test_a_sliver_has_few_tick_marks_that_neither_overlap_nor_leave_the_paper(
    size: tuple[int, int], width: int, align_corners: bool
) -> None:
    grid = np.broadcast_to(np.zeros(2), (*size, 2))
    scene = draw_grid(grid, input_size=size, align_corners=align_corners, width=width)
    boxes = [item.box for item in scene.items if isinstance(item, Label)]
    assert len(boxes) < 80
    assert all(box.x >= 0 and box.right <= width and box.y >= 0 and box.bottom <= scene.height for box in boxes)
    for number, box in enumerate(boxes):
        rest = boxes[number + 1 :]
        assert not any(box.x < b.right and b.x < box.right and box.y < b.bottom and b.y < box.bottom for b in rest)


def test_tick_marks_of_an_axis_too_short_for_numbers_are_the_zero_alone() -> None:
    scene = draw_grid(regular((5000, 1)), input_size=(5000, 1), align_corners=False)
    below = [item.text for item in scene.items if isinstance(item, Label) and item.anchor is Anchor.MIDDLE]
    assert below[:2] == ["0", "0"]
    assert {"-1", "1"} <= set(texts(scene))


@pytest.mark.parametrize("other", [1, 50, 200])
@pytest.mark.parametrize("along", [12, 16, 24])
def test_the_first_and_the_last_of_any_number_of_points_are_drawn(other: int, along: int) -> None:
    for count in range(1, 130):
        rows = thinned((count, other), along).rows
        assert (rows[0], rows[-1]) == (0, count - 1)
        assert len(rows) >= min(count, 3)
        steps = np.diff(rows)
        assert len(steps) == 0 or (steps.min() >= 1 and np.ptp(steps) <= 1)


def test_usual_small_grids_are_drawn_without_an_odd_step() -> None:
    for count in (20, 24, 28, 32, 64, 128, 224, 256):
        steps = np.diff(thinned((count, count), 16).rows)
        odd = np.sum(steps != np.median(steps))
        assert odd <= 1 or np.ptp(steps) <= 0.15 * steps.mean()  # one in the middle, or too little to be seen


def test_lines_pass_through_every_drawn_point_after_as_many_pieces() -> None:
    grid = regular((40, 60))
    lattice = thinned((40, 60), 16)
    assert len(set(np.diff(lattice.cols).tolist())) == 2  # uneven steps are what is tested
    for index, (line, pieces) in enumerate(grid_lines(grid, lattice)):
        rows = len(lattice.rows)
        points = (
            grid[lattice.rows[index], lattice.cols] if index < rows else grid[lattice.rows, lattice.cols[index - rows]]
        )
        np.testing.assert_array_equal(line[::pieces], points)


def test_points_on_the_outline_leave_it_unbroken() -> None:
    scene = drawn(regular(SIZE))
    shown = np.asarray(Image.open(io.BytesIO(render_png(scene)))).astype(int)
    upper = next(item for item in scene.items if isinstance(item, Path) and item.colour == INK)
    (x0, y), (x1, _) = upper.points
    along = shown[round(y), round(x0) + 4 : round(x1) - 4].sum(axis=-1)
    assert (along > 700).mean() < 0.02  # next to none of it is white


@pytest.mark.parametrize("image", [True, False])
@pytest.mark.parametrize("width", [320, 1200, 4000])
@pytest.mark.parametrize("grid", [shifted(300, 0), shifted(0, -500), regular(SIZE) * 20, regular(SIZE) * 6])
def test_a_frame_outside_of_the_image_is_shown_whole(grid: NDArray[np.float64], width: int, image: bool) -> None:
    scene = drawn(grid, width, image)
    lattice = thinned(SIZE, 24 if width == 4000 else 16 if width == 1200 else 12)
    assert len(read_points(scene)) == len(lattice.rows) * len(lattice.cols)
    assert not any("out of view" in text for text in texts(scene))
    assert not any("frame lies" in text for text in texts(scene))


@pytest.mark.parametrize("width", [320, 1200])
def test_an_image_far_from_its_frame_stays_visible(width: int) -> None:
    scene = drawn(shifted(0, 5000 if width == 1200 else 1500), width)
    edge = next(item for item in scene.items if isinstance(item, Path) and item.colour == EDGE)
    (x0, y0), _, (x1, y1) = edge.points[:3]
    assert min(x1 - x0, y1 - y0) >= 3.5
    (picture,) = [item for item in scene.items if isinstance(item, Picture)]
    assert picture.box.width >= 2


FAR = {
    "frame lies 30000 px to the right": (30_000.0, 0.0),
    "frame lies 30000 px to the left": (-30_000.0, 0.0),
    "frame lies 9000 px up": (0.0, -9000.0),
    "frame lies 9000 px down": (0.0, 9000.0),
    "frame lies 40000 px up and 30000 px to the right": (30_000.0, -40_000.0),
    "frame lies 3e+12 px to the left": (-3e12, 1000.0),
}


@pytest.mark.parametrize("words", FAR)
@pytest.mark.parametrize("image", [True, False])
def test_a_frame_too_far_away_is_pointed_to_and_told_in_words(words: str, image: bool) -> None:
    x, y = FAR[words]
    scene = drawn(shifted(x, y), image=image)
    panel = panels(scene)[0]
    (tip,) = heads(scene)
    way = np.array([tip[0] - panel.x - panel.width / 2, tip[1] - panel.y - panel.height / 2])
    np.testing.assert_allclose(way / np.hypot(*way), np.array([x, y]) / np.hypot(x, y), atol=1e-6)
    assert panel.contains(tip)
    assert not panel.grown(-0.05 * panel.height).contains(tip)  # it is at the rim
    assert words in texts(scene)
    assert f"{words}." in render_svg(scene)  # for those who cannot see the picture
    x, y = np.array(tip) - 5 * way / np.hypot(*way)
    shown = np.asarray(Image.open(io.BytesIO(render_png(scene))))[int(y), int(x)]
    assert shown.max() < 100  # the head is there in ink


@pytest.mark.parametrize("width", [320, 4000])
@pytest.mark.parametrize("words", FAR)
def test_the_way_is_told_within_the_panel_at_any_size(width: int, words: str) -> None:
    scene = drawn(shifted(*FAR[words]), width, image=False)
    (label,) = [item for item in scene.items if isinstance(item, Label) and " px" in item.text]
    panel = panels(scene)[0]
    assert panel.contains((label.box.x, label.box.y))
    assert panel.contains((label.box.right, label.box.bottom))
    assert re.search("left|right|up|down", label.text)


@pytest.mark.parametrize("scale", [100.0, 1e7, 1e30, 1e300])
def test_a_frame_far_around_the_image_is_told_apart_from_one_beside_it(scale: float) -> None:
    scene = drawn(regular(SIZE) * scale)
    assert f"frame surrounds the image, {scale:.3g} times its size" in texts(scene)
    panel = panels(scene)[0]
    tips = [tip for tip in heads(scene) if not panel.grown(-0.05 * panel.height).contains(tip)]
    assert len(tips) == 4


def test_pictures_of_different_far_frames_differ() -> None:
    far = [shifted(30_000, 0), shifted(-30_000, 0), shifted(0, 30_000), shifted(60_000, 0), regular(SIZE) * 1e7]
    assert len({render_png(drawn(grid)) for grid in far}) == len(far)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_frame_that_is_not_finite_has_no_direction(value: float) -> None:
    scene = drawn(np.full((6, 5, 2), value))
    assert "frame is not finite" in texts(scene)
    assert not heads(scene)


def test_points_in_sight_are_word_enough_for_a_frame_with_gaps() -> None:
    grid = regular((12, 12))
    grid[[0, -1]] = np.nan
    grid[:, [0, -1]] = np.nan
    assert not any("finite" in text for text in texts(drawn(grid)))


def test_one_pixel_and_collapsed_frames_have_a_direction_too() -> None:
    matrix = pixel_from_normalised(SIZE, False)
    for grid in (np.full((1, 1, 2), (1e6, 0.0)), np.full((8, 9, 2), (1e6, 0.0))):
        afar = whereabouts(grid, matrix, SIZE)
        assert afar.way is not None
        assert afar.way[0] > 0 == afar.way[1]
        assert not afar.around


@pytest.mark.parametrize("size", [(4, 4), (100, 400), (40, 60), (3, 3), (8, 8), (5000, 1), (64, 96), (7, 30)])
@pytest.mark.parametrize("angle", [0.0, 0.3, 1.2])
@pytest.mark.parametrize("width", [160, 320, 1200])
def test_the_arrow_runs_over_no_number(size: tuple[int, int], angle: float, width: int) -> None:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    scene = draw_grid(regular(size) @ turn.T, input_size=size, align_corners=False, width=width)
    arrow = next(item for item in scene.items if isinstance(item, Path) and len(item.points) > 40)
    line = np.array(arrow.points)
    for label in (item for item in scene.items if isinstance(item, Label)):
        assert not pieces_inside(line, np.zeros(len(line) - 1, bool), label.box.grown(arrow.width / 2))


def test_the_arrow_of_an_identity_leaves_every_number_in_place() -> None:
    scene = draw_grid(regular((4, 4)), input_size=(4, 4), align_corners=False)
    assert texts(scene)[4:-1] == ["-1", "-0.5", "0", "0.5", "1"] * 4


@pytest.mark.parametrize("width", [320, 1200, 4000])
def test_the_edge_of_a_transparent_image_stands_out(width: int) -> None:
    image = np.zeros((*SIZE, 4), np.uint8)
    scene = draw_grid(regular(SIZE) * 2, input_size=SIZE, align_corners=False, image=image, width=width)
    shown = np.asarray(Image.open(io.BytesIO(render_png(scene))).convert("L")).astype(int)
    edge = next(item for item in scene.items if isinstance(item, Path) and item.colour == EDGE)
    (x0, y0), _, (_, y1) = edge.points[:3]
    x = round(x0)
    darkest = shown[round(y0) + 3 : round(y1) - 3, x - 2 : x + 2].min(axis=1)
    assert np.median(darkest) < 160  # the checkerboard's dark squares are 220, the surroundings 240
