"""Pictures of sampling grids: one scene for both back ends, legible at any size, whatever the grid does."""

import base64
import io
import math
import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stnwarp.drawing import Scene, draw_grid, render_png, render_svg
from stnwarp.drawing.lattice import frame, in_pixels, pieces_inside, thinned, torn
from stnwarp.drawing.lettering import text_width
from stnwarp.drawing.palette import HALO, INK, point_colour
from stnwarp.drawing.scene import Anchor, Block, Box, Dot, Label, Path, Picture
from stnwarp.errors import ParameterError, ShapeError
from stnwarp.transforms import pixel_from_normalised

SVG = "{http://www.w3.org/2000/svg}"
TURN = ((0.9, -0.3, 0.1), (0.3, 0.9, -0.05), (0.0, 0.0, 1.0))
TILT = ((0.9, 0.25, 0.05), (0.05, 0.9, -0.02), (0.05, 0.3, 1.0))


def grid_of(theta: object, size: tuple[int, int]) -> NDArray[np.float64]:
    height, width = size
    x, y = np.meshgrid((2 * np.arange(width) + 1) / width - 1, (2 * np.arange(height) + 1) / height - 1)
    mapped = np.stack([x, y, np.ones(size)], axis=-1) @ np.asarray(theta, np.float64).T
    return np.asarray(mapped[..., :2] / mapped[..., 2:])


def photo(height: int = 48, width: int = 64, channels: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (height, width, channels), np.uint8)


def turned(width: int = 600, **images: NDArray[Any]) -> Scene:
    grid = grid_of(TURN, (48, 64))
    return draw_grid(grid, input_size=(48, 64), align_corners=False, width=width, **images)


def items(scene: Scene, kind: type) -> list[object]:
    return [item for item in scene.items if type(item) is kind]


def points(scene: Scene) -> list[Dot]:
    """The points of the two grids; the two that the arrow joins are drawn a second time, in ink."""
    return [item for item in scene.items if isinstance(item, Dot) and item.colour != INK and item.ring_colour == HALO]


def in_half(scene: Scene, right: bool) -> list[Dot]:
    return [dot for dot in points(scene) if (dot.centre[0] > scene.width / 2) == right]


def labels(scene: Scene) -> list[Label]:
    return [item for item in scene.items if isinstance(item, Label)]


def pixels(scene: Scene) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(render_png(scene))))


def extent(label: Label) -> tuple[float, float, float, float]:
    left = label.at[0] - {Anchor.START: 0.0, Anchor.MIDDLE: 0.5, Anchor.END: 1.0}[label.anchor] * label.width
    return left, label.at[1] - 0.75 * label.size, left + label.width, label.at[1] + 0.25 * label.size


def test_svg_has_one_element_for_every_item_of_the_scene() -> None:
    scene = turned(image=photo(), target=photo())
    root = ElementTree.fromstring(render_svg(scene))
    counted = {
        Dot: len(root.findall(f"{SVG}circle")),
        Path: len(root.findall(f"{SVG}path")),
        Label: len(root.findall(f"{SVG}text")),
        Picture: len(root.findall(f"{SVG}image")),
        Block: len(root.findall(f"{SVG}rect")) - 1,  # one is the paper
    }
    assert counted == {kind: len(items(scene, kind)) for kind in counted}
    assert all(counted.values())


def test_png_shows_every_point_in_its_colour() -> None:
    scene = turned(width=1200)
    shown = pixels(scene)
    covered = [Box(min(x) - 16, min(y) - 16, max(x) - min(x) + 32, max(y) - min(y) + 32) for x, y in _arrows(scene)]
    free = [dot for dot in points(scene) if not any(box.contains(dot.centre) for box in covered)]
    assert len(free) > 100
    for dot in free:
        x, y = (math.floor(value) for value in dot.centre)
        wanted = np.array([int(dot.colour[n : n + 2], 16) for n in (1, 3, 5)])
        assert np.abs(shown[y, x].astype(int) - wanted).max() <= 2  # averaging down rounds each channel


def _arrows(scene: Scene) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    """The extent of the arrow and of the two points it joins."""
    bows = [item.points for item in scene.items if isinstance(item, Path) and len(item.points) > 40]
    return [tuple(zip(*bow, strict=True)) for bow in bows]  # type: ignore[misc]


def test_the_png_has_the_size_of_the_scene_and_so_has_the_svg() -> None:
    scene = turned(width=500)
    root = ElementTree.fromstring(render_svg(scene))
    assert pixels(scene).shape == (scene.height, 500, 3)
    assert (root.get("width"), root.get("viewBox")) == ("500", f"0 0 500 {scene.height}")


def test_the_same_drawing_is_the_same_bytes() -> None:
    assert render_png(turned(image=photo())) == render_png(turned(image=photo()))
    assert render_svg(turned(image=photo())) == render_svg(turned(image=photo()))


def test_the_picture_in_the_svg_is_the_scenes_own() -> None:
    scene = turned(image=photo())
    (picture,) = [item for item in scene.items if isinstance(item, Picture)]
    href = ElementTree.fromstring(render_svg(scene)).find(f"{SVG}image").get("href")  # type: ignore[union-attr]
    embedded = Image.open(io.BytesIO(base64.b64decode(href.split(",")[1])))  # type: ignore[union-attr]
    assert embedded.tobytes() == picture.rgb
    assert embedded.size == picture.size[::-1]


def test_svg_needs_nothing_from_elsewhere() -> None:
    text = render_svg(turned(image=photo()))
    assert set(re.findall(r'href="(.{5})', text)) == {"data:"}
    assert "<script" not in text


def test_a_point_has_the_same_colour_in_both_panels_and_no_other_point_has_it() -> None:
    scene = turned()
    left, right = ([dot.colour for dot in in_half(scene, half)] for half in (False, True))
    assert left == right
    assert len(set(left)) == len(left)


def test_points_lie_where_the_grid_reads() -> None:
    """The left points are an affine image of the right ones, by TURN in pixels of a 64x48 image."""
    scene = turned()
    left, right = (np.array([dot.centre for dot in in_half(scene, half)]) for half in (False, True))
    solved, *_ = np.linalg.lstsq(np.column_stack([right, np.ones(len(right))]), left, rcond=None)
    scale = math.sqrt(abs(np.linalg.det(solved[:2])) / (0.9 * 0.9 + 0.3 * 0.3))
    expected = np.array([[0.9, -0.3 * 64 / 48], [0.3 * 48 / 64, 0.9]]) * scale
    np.testing.assert_allclose(solved[:2].T, expected, atol=1e-9)


@pytest.mark.parametrize("theta", [TURN, TILT])
@pytest.mark.parametrize("size", [(5, 4), (48, 64), (300, 500)])
def test_the_outline_is_where_the_outputs_border_lands(theta: object, size: tuple[int, int]) -> None:
    matrix = pixel_from_normalised((48, 64), False)
    found = np.array([side[0] for side in frame(grid_of(theta, size), matrix)])
    corners = np.array([(-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1)]) @ np.asarray(theta).T
    wanted = in_pixels(corners[:, :2] / corners[:, 2:], matrix)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize(
    "size", [(28, 28), (480, 640), (640, 480), (3000, 4000), (17, 500), (25, 25), (20, 20), (23, 40)]
)
@pytest.mark.parametrize("along", [12, 16, 24])
def test_dense_points_are_thinned_evenly(size: tuple[int, int], along: int) -> None:
    lattice = thinned(size, along)
    longer = max(len(lattice.rows), len(lattice.cols))
    assert 0.6 * along - 0.5 <= longer <= 1.5 * along
    for drawn, count in ((lattice.rows, size[0]), (lattice.cols, size[1])):
        steps = np.diff(drawn)
        assert (drawn[0], drawn[-1]) == (0, count - 1)
        assert np.ptp(steps) <= 1
        assert np.abs(steps - steps[::-1]).max() <= 1  # only a middle point may be a pixel off


def test_sparse_points_are_all_drawn() -> None:
    scene = draw_grid(grid_of(TURN, (7, 9)), input_size=(48, 64), align_corners=False)
    assert len(in_half(scene, right=True)) == len(in_half(scene, right=False)) == 63


def test_more_points_are_drawn_where_there_is_more_room() -> None:
    assert 10 * 6 < len(in_half(turned(320), right=True)) < len(in_half(turned(4000), right=True)) <= 25 * 19


@pytest.mark.parametrize("width", [160, 320, 1200, 4000])
@pytest.mark.parametrize("image", [None, photo()])
def test_texts_neither_overlap_nor_leave_the_paper(width: int, image: NDArray[np.uint8] | None) -> None:
    grid = grid_of(np.diag([2.6, 2.6, 1.0]), (1200, 1800))
    scene = draw_grid(grid, input_size=(1080, 1920), align_corners=False, image=image, width=width)
    boxes = [extent(label) for label in labels(scene)]
    assert all(x0 >= 0 and y0 >= 0 and x1 <= scene.width and y1 <= scene.height for x0, y0, x1, y1 in boxes)
    for number, (x0, y0, x1, y1) in enumerate(boxes):
        others = boxes[number + 1 :]
        assert not any(x0 < b[2] and b[0] < x1 and y0 < b[3] and b[1] < y1 for b in others)


@pytest.mark.parametrize("width", [320, 1200, 4000])
def test_texts_are_large_enough_to_read_and_as_long_as_they_claim(width: int) -> None:
    scene = turned(width)
    assert min(label.size for label in labels(scene)) >= max(8, width / 100)
    assert all(label.width == pytest.approx(text_width(label.text, label.size)) for label in labels(scene))


def test_titles_say_what_is_what_and_how_large_it_is() -> None:
    grid = grid_of(TURN, (30, 40))
    scene = draw_grid(grid, input_size=(48, 64), align_corners=False, image=photo(), width=1200)
    texts = [label.text for label in labels(scene)]
    assert texts[:4] == ["input: sampling grid", "64x48", "output: regular grid", "40x30"]
    assert texts[-1] == "each output pixel is read at the input point of the same colour"


def test_sizes_grow_with_the_picture() -> None:
    small, large = turned(1200), turned(3600)
    strokes = [max(item.width for item in scene.items if isinstance(item, Path)) for scene in (small, large)]
    letters = [max(label.size for label in labels(scene)) for scene in (small, large)]
    assert strokes[1] == pytest.approx(3 * strokes[0])
    assert letters[1] == pytest.approx(3 * letters[0])


def test_both_panels_have_one_size_and_one_height() -> None:
    grid = grid_of(TURN, (300, 30))
    scene = draw_grid(grid, input_size=(20, 400), align_corners=False)
    left, right = [item.box for item in scene.items if isinstance(item, Block) and item.box.width > 500]
    assert (left.y, left.width, left.height) == pytest.approx((right.y, right.width, right.height))


def test_a_frame_that_leaves_the_image_widens_the_view() -> None:
    scene = draw_grid(grid_of(np.diag([3.0, 3.0, 1.0]), (48, 64)), input_size=(48, 64), align_corners=False)
    identity = draw_grid(grid_of(np.eye(3), (48, 64)), input_size=(48, 64), align_corners=False)
    shares = [_sheet(drawing).width / drawing.width for drawing in (scene, identity)]
    assert shares[0] == pytest.approx(shares[1] / 3)
    assert len(in_half(scene, right=False)) == len(in_half(scene, right=True))


def _sheet(scene: Scene) -> Box:
    """Where the input image is."""
    return [item.box for item in scene.items if isinstance(item, Block)][1]


@pytest.mark.parametrize("scale", [100.0, 1e7, 1e30, 1e300])
def test_an_enormous_theta_leaves_the_image_large_and_says_that_points_are_out_of_view(scale: float) -> None:
    theta = np.diag([scale, scale, 1.0])
    scene = draw_grid(grid_of(theta, (48, 64)), input_size=(48, 64), align_corners=False, image=photo())
    (picture,) = [item for item in scene.items if isinstance(item, Picture)]
    assert picture.box.width > 0.08 * scene.width
    assert any("points lie out of view" in label.text for label in labels(scene))
    assert _all_finite_and_on_paper(scene)


def test_a_shift_to_far_away_draws_the_image_as_if_nothing_were_there() -> None:
    grid = grid_of(((1, 0, 1e6), (0, 1, 0), (0, 0, 1)), (48, 64))
    scene = draw_grid(grid, input_size=(48, 64), align_corners=False, image=photo())
    assert not in_half(scene, right=False)
    assert len(in_half(scene, right=True)) > 100


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_points_that_are_not_finite_are_left_out(bad: float) -> None:
    grid = grid_of(np.eye(3), (8, 8))
    grid[2:4, 5] = bad
    scene = draw_grid(grid, input_size=(48, 64), align_corners=False)
    assert len(in_half(scene, right=True)) == 64
    assert len(in_half(scene, right=False)) == 62
    assert _all_finite_and_on_paper(scene)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_grid_without_a_finite_point_is_drawn_without_points(bad: float) -> None:
    scene = draw_grid(np.full((6, 5, 2), bad), input_size=(48, 64), align_corners=False, image=photo())
    assert not in_half(scene, right=False)
    assert len(in_half(scene, right=True)) == 30
    assert pixels(scene).shape[1] == 1200


def test_a_horizon_in_the_picture_is_not_crossed_by_lines() -> None:
    theta = ((1, 0, 0), (0, 1, 0), (0.9, 0.9, 0.6))
    grid = grid_of(theta, (64, 96))
    row = in_pixels(grid[32], pixel_from_normalised((64, 96), False))
    crossing = np.flatnonzero(torn(row))
    ahead = np.sign(0.9 * grid_of(np.eye(3), (64, 96))[32].sum(axis=-1) + 0.6)
    assert crossing.tolist() == np.flatnonzero(np.diff(ahead)).tolist()
    assert _all_finite_and_on_paper(draw_grid(grid, input_size=(64, 96), align_corners=False))


def test_lines_are_cut_at_the_panel() -> None:
    line = np.array([[-5.0, 5.0], [5.0, 5.0], [15.0, 5.0], [np.nan, 0.0], [5.0, 2.0], [5.0, 30.0]])
    assert pieces_inside(line, torn(line), Box(0, 0, 10, 10)) == [((0, 5), (10, 5)), ((5, 2), (5, 10))]


def _all_finite_and_on_paper(scene: Scene) -> bool:
    paper = Box(0, 0, scene.width, scene.height)
    places = [dot.centre for dot in scene.items if isinstance(dot, Dot)]
    places += [place for item in scene.items if isinstance(item, Path) for place in item.points]
    return all(paper.contains(place) for place in places)


KINDS: dict[str, NDArray[Any]] = {
    "gray": photo(channels=1)[:, :, 0],
    "gray with a channel axis": photo(channels=1),
    "gray and alpha": photo(channels=2),
    "rgb": photo(),
    "rgba": photo(channels=4),
    "five channels": photo(channels=5),
    "16 bit": photo(channels=1)[:, :, 0].astype(np.uint16) * 257,
    "float": photo().astype(np.float32) / 255,
    "bool": photo(channels=1)[:, :, 0] > 127,
    "one pixel": photo(1, 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_image_is_drawn(kind: str) -> None:
    image = KINDS[kind]
    size = (image.shape[0], image.shape[1])
    scene = draw_grid(
        grid_of(TURN, (6, 8)), input_size=size, align_corners=False, image=image, target=np.zeros_like(image)
    )
    assert len(items(scene, Picture)) == 2
    assert pixels(scene).std() > 0


def test_the_same_values_look_the_same_in_every_dtype() -> None:
    gray = photo(channels=1)[:, :, 0]
    drawn = [turned(image=kind) for kind in (gray, gray.astype(np.uint16) * 257, gray / 255)]
    assert len({render_png(scene) for scene in drawn}) == 1


def test_floats_beyond_0_to_1_are_stretched_and_nan_is_black() -> None:
    image = np.array([[-3.0, 5.0], [np.nan, np.inf]])
    scene = draw_grid(grid_of(TURN, (4, 4)), input_size=(2, 2), align_corners=False, image=image)
    (picture,) = [item for item in scene.items if isinstance(item, Picture)]
    shades = np.frombuffer(picture.rgb, np.uint8).reshape(2, 2, 3)[:, :, 0]
    assert shades[0, 0] == shades[1, 0] < shades[0, 1] == shades[1, 1] == 255


def test_image_and_target_share_one_range_of_values() -> None:
    image = np.array([[0.0, 100.0]])
    scene = draw_grid(grid_of(np.eye(3), (1, 2)), input_size=(1, 2), align_corners=False, image=image, target=image / 2)
    bright = [max(item.rgb) for item in scene.items if isinstance(item, Picture)]
    assert bright[0] == 255 > bright[1]


def test_a_checkerboard_shows_through_what_is_transparent() -> None:
    image = np.zeros((200, 300, 4), np.uint8)
    scene = draw_grid(grid_of(TURN, (4, 4)), input_size=(200, 300), align_corners=False, image=image)
    (picture,) = [item for item in scene.items if isinstance(item, Picture)]
    assert len(set(picture.rgb)) == 2


def test_small_images_keep_their_pixels_as_squares() -> None:
    scene = draw_grid(grid_of(np.eye(3), (4, 4)), input_size=(4, 4), align_corners=False, image=photo(4, 4), width=800)
    (picture,) = [item for item in scene.items if isinstance(item, Picture)]
    assert (picture.size, picture.smooth) == ((4, 4), False)
    assert "pixelated" in render_svg(scene)


def test_large_images_are_reduced_to_what_is_seen() -> None:
    image = np.zeros((1500, 2000), np.uint8)
    scene = draw_grid(grid_of(np.eye(3), (4, 4)), input_size=(1500, 2000), align_corners=False, image=image, width=400)
    (picture,) = [item for item in scene.items if isinstance(item, Picture)]
    assert picture.size[1] <= 2 * picture.box.width + 1


def test_without_images_normalised_tick_marks_stand_in() -> None:
    scene = turned(width=1200)
    assert not items(scene, Picture)
    assert {"-1", "-0.5", "0", "0.5", "1"} <= {label.text for label in labels(scene)}


def test_tick_marks_follow_align_corners() -> None:
    grid = grid_of(np.eye(3), (4, 4))
    places = []
    for align_corners in (False, True):
        scene = draw_grid(grid, input_size=(4, 4), align_corners=align_corners)
        ones = [label for label in labels(scene) if label.text == "1" and label.anchor is Anchor.MIDDLE]
        places.append(ones[-1].at[0])
    assert places[1] < places[0]  # the centre of the last column lies within its outer edge


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1)])
def test_one_pixel_axes_are_drawn(size: tuple[int, int], align_corners: bool) -> None:
    scene = draw_grid(np.zeros((*size, 2)), input_size=size, align_corners=align_corners)
    assert len(in_half(scene, right=True)) == math.prod(size)
    assert pixels(scene).shape[1] == 1200


def test_the_colour_map_runs_in_hue_along_columns_and_in_lightness_along_rows() -> None:
    def luma(colour: str) -> int:
        red, green, blue = (int(colour[n : n + 2], 16) for n in (1, 3, 5))
        return 3 * red + 6 * green + blue

    shares = np.linspace(0, 1, 24)
    assert len({point_colour(row, col) for row in shares for col in shares}) == 24 * 24
    assert all(luma(point_colour(0, col)) > luma(point_colour(1, col)) + 300 for col in shares)


def test_float32_and_big_endian_grids_are_drawn_alike() -> None:
    grid = np.round(grid_of(TURN, (12, 12)) * 64) / 64  # exact in float32
    drawn = {
        render_svg(draw_grid(given, input_size=(48, 64), align_corners=False))
        for given in (grid, grid.astype(np.float32), grid.astype(">f8"), np.asfortranarray(grid))
    }
    assert len(drawn) == 1


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 3), (0, 4, 2), (1, 4, 4, 2)])
def test_what_is_no_grid_is_refused_with_its_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=re.escape(str(shape))):
        draw_grid(np.zeros(shape), input_size=(4, 4), align_corners=False)


@pytest.mark.parametrize("image", [np.zeros(4), np.zeros((2, 2), complex), np.zeros((0, 2), np.uint8)])
def test_what_is_no_image_is_refused(image: NDArray[np.uint8]) -> None:
    with pytest.raises(ShapeError, match="image must be"):
        draw_grid(np.zeros((2, 2, 2)), input_size=(2, 2), align_corners=False, image=image)


@pytest.mark.parametrize("width", [0, 159, 10_001])
def test_widths_that_cannot_be_drawn_are_refused(width: int) -> None:
    with pytest.raises(ParameterError, match="160 to 10000"):
        turned(width)
