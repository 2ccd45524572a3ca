"""The frames of outputs and how densely they are sampled: same, fit and inner; viewports; the point that moves keep."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from stnwarp import compose, warp
from stnwarp.errors import ParameterError
from stnwarp.rectangle import Rectangle, check_crop, crop_size
from stnwarp.transforms import (
    CornersSpec,
    Frame,
    GridSpec,
    ImageWarp,
    MatrixTransform,
    Move,
    MoveKind,
    MovesSpec,
    PixelMatrixSpec,
    SamplingGrid,
    SizeMode,
    SizeRequest,
    SizeScale,
    ThetaSpec,
    ThinPlateSpline,
    Transform,
    TransformSpec,
    WarpSpec,
    control_points,
    normalised_from_pixel,
    pixel_from_normalised,
    pixel_matrix,
    through_viewport,
)
from stnwarp.transforms.matrices import map_points

Size = tuple[int, int]

both = pytest.mark.parametrize("align_corners", [False, True])
HOMOGRAPHY = np.array([[0.9, 0.2, 0.1], [-0.1, 1.2, 0.2], [0.2, -0.1, 1.0]])
BENT = control_points(4, 3) * 0.9 + np.random.default_rng(3).normal(0, 0.08, (4, 3, 2))


def request(text: str) -> SizeRequest:
    return SizeRequest.parse(text)


def moves(*steps: tuple[str, tuple[float, ...]], center: tuple[float, float] | None = None) -> MovesSpec:
    return MovesSpec(tuple(Move(MoveKind(name), values) for name, values in steps), center=center)


def read_places(
    image_warp: ImageWarp, input_size: Size, places: NDArray[np.float64], align_corners: bool
) -> np.ndarray:
    """Where `places` (..., 2), pixels of the output, are read in the input, in pixels."""
    to_output = normalised_from_pixel(image_warp.size, align_corners)
    to_input = pixel_from_normalised(input_size, align_corners)
    return map_points(to_input, image_warp.transform.map_points(map_points(to_output, places)))


def edge_places(size: Size, count: int = 201) -> NDArray[np.float64]:
    """Places along the outer edges of an output of `size`, (4, count, 2)."""
    height, width = size
    x, y = np.linspace(-0.5, width - 0.5, count), np.linspace(-0.5, height - 0.5, count)
    left, top = np.full(count, -0.5), np.full(count, -0.5)
    right, bottom = np.full(count, width - 0.5), np.full(count, height - 0.5)
    return np.stack([np.stack(edge, axis=-1) for edge in ((x, top), (x, bottom), (left, y), (right, y))])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("same:50%", SizeRequest(scale=SizeScale.parse("50%"))),
        ("12.5%", SizeRequest(scale=SizeScale.parse("12.5%"))),
        ("800x", SizeRequest(scale=SizeScale(width=800))),
        ("x600", SizeRequest(scale=SizeScale(height=600))),
        ("same:800x600", SizeRequest(scale=SizeScale(width=800, height=600))),
        ("800x600", SizeRequest(SizeMode.EXACT, (600, 800))),
        (" Fit:X600 ", SizeRequest(SizeMode.FIT, scale=SizeScale(height=600))),
        ("inner:800×600", SizeRequest(SizeMode.INNER, scale=SizeScale(width=800, height=600))),
    ],
)
def test_a_frame_and_its_scale_are_read(text: str, expected: SizeRequest) -> None:
    assert request(text) == expected


@pytest.mark.parametrize("text", ["fit:", "fit:50", "same:0%", "0x", "x0", "same:800x0", "exact:3x4", "fit:-5%", "x"])
def test_another_scale_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match=r"give 50%|SCALE 50%"):
        request(text)


@pytest.mark.parametrize(
    ("text", "frame", "expected"),
    [
        ("50%", (25, 41), (12, 20)),  # 12.5 and 20.5: half to even
        ("50%", (27, 43), (14, 22)),
        ("same:1%", (20, 30), (1, 1)),
        ("250%", (3, 5), (8, 12)),  # 7.5 and 12.5
        ("33.3%", (1000, 3), (333, 1)),
        ("800x", (3000, 4000), (600, 800)),
        ("800x", (30, 40), (600, 800)),
        ("x600", (1001, 777), (600, 466)),  # 465.73
        ("same:800x600", (3000, 4000), (600, 800)),
        ("same:800x600", (4000, 3000), (600, 450)),
        ("same:800x600", (60, 80), (60, 80)),
        ("same:800x600", (600, 1000), (480, 800)),
        ("7x5", (60, 80), (5, 7)),
    ],
)
def test_a_scale_keeps_the_proportions_and_a_box_never_enlarges(text: str, frame: Size, expected: Size) -> None:
    assert request(text).output_size(frame) == expected


def test_a_scale_is_a_factor_or_sides() -> None:
    for wrong in ({}, {"factor": 2, "width": 3}, {"width": 0}, {"factor": -1}):
        with pytest.raises(ParameterError, match="a scale"):
            SizeScale(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="no scale"):
        SizeRequest(SizeMode.EXACT, (3, 4), SizeScale(width=3))


@both
@pytest.mark.parametrize(
    "spec",
    [
        moves(("rotate", (17,))),
        ThetaSpec(MatrixTransform(HOMOGRAPHY)),
        PixelMatrixSpec(np.array([[1.1, 0.2, -3.0], [-0.1, 0.9, 4.0]])),
        TransformSpec(ThinPlateSpline(BENT)),
    ],
    ids=lambda spec: type(spec).__name__,
)
def test_a_scale_of_same_samples_the_same_frame(spec: WarpSpec, align_corners: bool) -> None:
    whole, half = (spec.resolve((40, 60), request(text), align_corners) for text in ("same", "same:50%"))
    assert half.size == (20, 30)
    points = np.random.default_rng(0).uniform(-1, 1, (9, 2))
    np.testing.assert_array_equal(half.transform.map_points(points), whole.transform.map_points(points))


def test_only_the_bare_size_is_a_canvas_of_a_matrix_in_pixels() -> None:
    spec = PixelMatrixSpec(np.array([[1.0, 0.0, 5.0], [0.0, 1.0, 2.0]]))
    box, canvas = (spec.resolve((40, 60), request(text), False) for text in ("same:30x20", "30x20"))
    assert box.size == canvas.size == (20, 30)
    np.testing.assert_array_equal(pixel_matrix(canvas.transform, (40, 60), (20, 30), False)[0], [1, 0, 5])
    np.testing.assert_array_equal(pixel_matrix(box.transform, (40, 60), (20, 30), False)[0], [2, 0, 5.5])


@both
@pytest.mark.parametrize("text", ["same:50%", "fit:50%", "fit:x33"])
def test_corners_stay_on_the_centres_of_the_corner_pixels_at_any_scale(text: str, align_corners: bool) -> None:
    quad = np.array([[3.0, 2.0], [50.0, 6.0], [47.0, 33.0], [5.0, 30.0]])
    image_warp = CornersSpec(quad).resolve((40, 60), request(text), align_corners)
    height, width = image_warp.size
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], dtype=float)
    np.testing.assert_allclose(read_places(image_warp, (40, 60), corners, align_corners), quad, atol=1e-9)


UPRIGHT = [
    ([("scale", (7.3,))], (182, 292)),  # 182.5
    ([("scale", (7.34,))], (184, 294)),  # 183.5 and 293.6
    ([("scale", (0.5,)), ("flip", (1, 0))], (12, 20)),
    ([("scale", (7.3, 0.26)), ("rotate", (90,)), ("translate", (3.3, 7.7))], (292, 6)),  # 6.5
    ([("rotate", (-45,)), ("rotate", (-45,)), ("scale", (1e-3,))], (1, 1)),
]


@both
@pytest.mark.parametrize(("steps", "size"), UPRIGHT)
@pytest.mark.parametrize("scale", ["", ":100%", ":50%", ":901x"])
def test_an_upright_picture_is_laid_on_exactly_its_canvas(
    steps: list[tuple[str, tuple[float, ...]]], size: Size, scale: str, align_corners: bool
) -> None:
    image_warp = moves(*steps).resolve((25, 40), request(f"fit{scale}"), align_corners)
    assert image_warp.size == request(f"fit{scale}").output_size(size)
    if align_corners and min(image_warp.size) == 1:
        return  # an axis of one pixel has no length, and all of it is read in one place
    height, width = image_warp.size
    corners = np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]])
    read = np.sort(read_places(image_warp, (25, 40), corners, align_corners), axis=0)
    np.testing.assert_allclose(read, [[-0.5, -0.5], [39.5, 24.5]], atol=1e-5)


@both
def test_an_enlarged_picture_that_fits_ends_with_its_own_pixels(align_corners: bool) -> None:
    image = np.arange(1, 7, dtype=np.float64)[None].repeat(3, axis=0)
    image_warp = moves(("scale", (2.25,))).resolve((3, 6), request("fit"), align_corners)
    assert image_warp.size == (7, 14)  # 6.75 and 13.5
    result = warp(image, image_warp.transform, image_warp.size, padding_mode="border", align_corners=align_corners)
    places = (np.arange(14) + 0.5) * 6 / 14 - 0.5
    np.testing.assert_allclose(result, np.interp(places, np.arange(6), image[0])[None].repeat(7, axis=0), atol=1e-12)


def test_a_picture_that_is_not_upright_still_fits_outwards() -> None:
    assert moves(("rotate", (1e-4,))).resolve((25, 40), request("fit"), False).size == (26, 41)
    assert moves(("rotate", (1e-9,))).resolve((25, 40), request("fit"), False).size == (25, 40)


def is_inside(read: np.ndarray, size: Size, slack: float = 1e-6) -> bool:
    low, high = -0.5 - slack, np.array([size[1], size[0]]) - 0.5 + slack
    return bool(((read >= low) & (read <= high)).all())


def largest_by_bisection(transform: Transform, size: Size, centres: np.ndarray, *, within: bool) -> float:
    """The width of the largest frame round any of `centres` (N, 2), pixels of an output of `size`, by trial.

    Only frames `within` that output count, if so.
    """
    height, width = size
    outline = edge_places((1, 1), 33).reshape(-1, 2) * (width, height)
    best = 0.0
    for centre in centres:
        low, high = best, 4.0
        while high - low > 1e-5:
            middle = (low + high) / 2
            frame = centre + middle * outline
            is_free = is_inside(read_places(ImageWarp(transform, size), size, frame, False), size)
            low, high = (middle, high) if is_free and (is_inside(frame, size) or not within) else (low, middle)
        best = max(best, low)
    return best * width


MATRICES: dict[str, Callable[[], WarpSpec]] = {
    "turn": lambda: moves(("rotate", (10,)), ("translate", (31, -7))),
    "quarter": lambda: moves(("rotate", (90,))),
    "shear": lambda: moves(("shear", (20, 5)), ("scale", (1.3, 0.8))),
    "homography": lambda: ThetaSpec(MatrixTransform(HOMOGRAPHY)),
    # Its horizon crosses the picture.
    "pixels": lambda: PixelMatrixSpec(np.array([[1.1, 0.3, -3.0], [-0.2, 0.9, 4.0], [1e-3, 2e-3, 1.0]])),
}


@both
@pytest.mark.parametrize("name", MATRICES)
def test_inner_is_the_largest_frame_within_the_moved_picture(name: str, align_corners: bool) -> None:
    size = (300, 400)
    spec = MATRICES[name]()
    image_warp = spec.resolve(size, request("inner"), align_corners)
    height, width = image_warp.size
    assert abs(height / 300 - width / 400) < 1 / 300
    assert is_inside(read_places(image_warp, size, edge_places(image_warp.size), align_corners), size)
    if not align_corners:
        whole = spec.resolve(size, SizeRequest(), False)
        near = np.stack(np.meshgrid(np.linspace(0, 400, 33), np.linspace(0, 300, 33)), axis=-1).reshape(-1, 2)
        found = largest_by_bisection(whole.transform, size, near, within=name == "pixels")
        assert found - 1 < width
        shrunk = spec.resolve(size, request("inner:50%"), False)
        assert shrunk.size == request("50%").output_size(image_warp.size)
        np.testing.assert_allclose(
            read_places(shrunk, size, edge_places(shrunk.size), False),
            read_places(image_warp, size, edge_places(image_warp.size), False),
            atol=1e-9,
        )


@both
@pytest.mark.parametrize("inverse", [False, True])
def test_inner_of_a_spline_is_the_largest_frame_within_its_own(inverse: bool, align_corners: bool) -> None:
    size = (300, 400)
    spline = ThinPlateSpline(BENT * 0.95 if inverse else BENT * 1.3)
    spec = TransformSpec(spline, inverse)
    image_warp = spec.resolve(size, request("inner"), align_corners)
    height, width = image_warp.size
    assert 100 < width < 400
    assert abs(height / 300 - width / 400) < 1 / 300
    assert is_inside(read_places(image_warp, size, edge_places(image_warp.size), align_corners), size, 1e-4)
    if not align_corners:
        nodes = [np.linspace(0, side - 1, 401) for side in size[::-1]]
        places = np.stack(np.meshgrid(*nodes), axis=-1)
        read = read_places(ImageWarp(spline.inverse() if inverse else spline, size), size, places, False)
        inside = ((read >= -0.5) & (read <= np.array([399.5, 299.5]))).all(axis=-1)
        largest = largest_square_by_counting(inside)
        assert (largest - 1) * 400 / 401 - 1 < width <= (largest + 1) * 400 / 401 + 1


def largest_square_by_counting(inside: np.ndarray) -> int:
    """The side of the largest square of set entries; by the recurrence over the entries above and to the left."""
    above = np.zeros(inside.shape[1] + 1, dtype=int)
    largest = 0
    for row in inside:
        current = np.zeros_like(above)
        for column, is_set in enumerate(row, 1):
            if is_set:
                current[column] = 1 + min(above[column], above[column - 1], current[column - 1])
        largest, above = max(largest, int(current.max())), current
    return largest


@both
def test_inner_of_a_picture_that_keeps_its_shape_is_all_of_it(align_corners: bool) -> None:
    image = np.random.default_rng(1).integers(0, 255, (21, 34), dtype=np.uint8)
    for steps, expected in (
        ([("translate", (5.5, 90))], image),
        ([("flip", (1, 0)), ("translate", (-400, 3))], image[:, ::-1]),
        ([("rotate", (180,))], image[::-1, ::-1]),
    ):
        image_warp = moves(*steps).resolve((21, 34), request("inner"), align_corners)
        result = warp(image, image_warp.transform, image_warp.size, align_corners=align_corners)
        np.testing.assert_array_equal(result, expected)
    still = TransformSpec(ThinPlateSpline(control_points(3, 3))).resolve((21, 34), request("inner"), align_corners)
    np.testing.assert_array_equal(warp(image, still.transform, still.size, align_corners=align_corners), image)


def test_inner_of_what_shows_nothing_is_refused() -> None:
    behind = MatrixTransform([[1, 0, 9], [0, 1, 0], [1, 0, 1.5]])
    with pytest.raises(ParameterError, match="size inner: no part of the output"):
        ThetaSpec(behind).resolve((30, 40), request("inner"), False)
    outside = ThinPlateSpline(BENT + 5)
    with pytest.raises(ParameterError, match="size inner: no part of the output"):
        TransformSpec(outside).resolve((30, 40), request("inner"), False)
    with pytest.raises(ParameterError, match="size fit is for matrices"):
        TransformSpec(ThinPlateSpline(BENT)).resolve((30, 40), request("fit:50%"), False)


def test_inner_of_corners_holds_more_than_the_quad_and_nothing_else() -> None:
    quad = np.array([[120.0, 80.0], [310.0, 90.0], [300.0, 220.0], [130.0, 200.0]])
    spec, size = CornersSpec(quad), (300, 400)
    image_warp = spec.resolve(size, request("inner"), False)
    assert is_inside(read_places(image_warp, size, edge_places(image_warp.size), False), size)
    assert min(np.subtract(image_warp.size, spec.resolve(size, request("fit"), False).size)) > 0


@both
@pytest.mark.parametrize(
    "viewport", [Rectangle(3, 2, 9, 7), Rectangle(-4, 5, 12, 40), Rectangle(500, 0, 2, 3)], ids=str
)
@pytest.mark.parametrize("kind", ["same", "turn", "homography", "spline", "fit"])
def test_a_viewport_shows_a_part_of_the_output_and_what_lies_around_it(
    kind: str, viewport: Rectangle, align_corners: bool
) -> None:
    image = np.random.default_rng(2).uniform(1, 2, (24, 31))
    specs = {"same": moves(), "turn": moves(("rotate", (30,))), "fit": moves(("rotate", (30,)))}
    specs |= {"homography": ThetaSpec(MatrixTransform(HOMOGRAPHY)), "spline": TransformSpec(ThinPlateSpline(BENT))}
    whole = specs[kind].resolve((24, 31), request("fit" if kind == "fit" else "same"), align_corners)
    part = through_viewport(whole, viewport, Frame((24, 31), align_corners))
    assert part.size == viewport.size
    rows, columns = np.indices(viewport.size)
    places = np.stack((columns + viewport.x, rows + viewport.y), axis=-1).astype(float)
    np.testing.assert_allclose(
        read_places(part, (24, 31), places - (viewport.x, viewport.y), align_corners),
        read_places(whole, (24, 31), places, align_corners),
        atol=1e-9,
    )
    if kind == "same":
        padded = np.pad(image, 600)[600 + viewport.y :, 600 + viewport.x :][: viewport.height, : viewport.width]
        np.testing.assert_array_equal(warp(image, part.transform, part.size, align_corners=align_corners), padded)


def test_a_viewport_of_everything_changes_nothing_and_one_of_a_grid_ends_with_it() -> None:
    frame = Frame((24, 31), False)
    whole = moves(("rotate", (30,))).resolve((24, 31), SizeRequest(), False)
    assert through_viewport(whole, Rectangle(0, 0, 31, 24), frame) is whole
    assert through_viewport(whole, None, frame) is whole
    points = np.random.default_rng(0).uniform(-1, 1, (6, 8, 2))
    grid = GridSpec(SamplingGrid(points)).resolve((24, 31), SizeRequest(), False)
    part = through_viewport(grid, Rectangle(2, 1, 5, 4), frame)
    assert isinstance(part.transform, SamplingGrid)
    np.testing.assert_array_equal(part.transform.grid, points[1:5, 2:7])
    with pytest.raises(ParameterError, match="beyond the sampling grid, which is 8x6"):
        through_viewport(grid, Rectangle(4, 0, 5, 4), frame)
    for text in ("inner", "fit", "50%", "9x6"):
        with pytest.raises(ParameterError, match="a sampling grid gives the size"):
            GridSpec(SamplingGrid(points)).resolve((24, 31), request(text), False)


@both
def test_moves_keep_a_point_of_the_input_in_place(align_corners: bool) -> None:
    steps = [("rotate", (33.0,)), ("scale", (1.7, 0.6)), ("shear", (12.0,)), ("flip", (1.0, 0.0))]
    for point in ((0.0, 0.0), (12.25, -7.0)):
        spec = moves(*steps, center=point)
        image_warp = spec.resolve((40, 60), SizeRequest(), align_corners)
        np.testing.assert_allclose(read_places(image_warp, (40, 60), np.array(point), align_corners), point, atol=1e-9)
    middle = moves(*steps, center=(29.5, 19.5)).resolve((40, 60), SizeRequest(), align_corners)
    own = moves(*steps).resolve((40, 60), SizeRequest(), align_corners)
    assert isinstance(middle.transform, MatrixTransform)
    assert isinstance(own.transform, MatrixTransform)
    np.testing.assert_array_equal(middle.transform.theta, own.transform.theta)


def test_a_rectangle_is_read_and_a_crop_lies_within_the_picture() -> None:
    assert Rectangle.parse(" 10, -20,30,40") == Rectangle.parse("10 -20 30 40") == Rectangle(10, -20, 30, 40)
    assert Rectangle(10, -20, 30, 40).size == (40, 30)
    for text in ("", "1,2,3", "1,2,3,4,5", "1.5,2,3,4", "1,2,0,4", "1,2,3,-4", "1,,2,3", "1e3,2,3,4"):
        with pytest.raises(ParameterError, match="rectangle"):
            Rectangle.parse(text)
    assert crop_size((50, 60), Rectangle(10, 5, 50, 45)) == (45, 50)
    with pytest.raises(ParameterError, match="crop 10,5,51,45 goes beyond the picture, which is 60x50"):
        crop_size((50, 60), Rectangle(10, 5, 51, 45))
    with pytest.raises(ParameterError, match="begins before the picture"):
        check_crop(Rectangle(0, -1, 3, 4))


def test_inner_of_a_composition_with_a_spline_is_found_too() -> None:
    chain = compose(ThinPlateSpline(BENT), MatrixTransform([[1.2, 0.1, 0], [-0.1, 1.2, 0]]))
    image_warp = TransformSpec(chain).resolve((30, 40), request("inner"), False)
    assert is_inside(read_places(image_warp, (30, 40), edge_places(image_warp.size), False), (30, 40), 1e-4)


def test_inner_of_a_picture_squeezed_to_next_to_nothing_is_a_frame_or_refused_in_words() -> None:
    thin = ThetaSpec(MatrixTransform([[1, 1, 0], [1, 1 + 1e-8, 0]])).resolve((300, 400), request("inner"), False)
    assert is_inside(read_places(thin, (300, 400), edge_places(thin.size), False), (300, 400), 1e-4)
    with pytest.raises(ParameterError, match="too thin"):
        moves(("rotate", (45,)), ("scale", (1e8, 1e-8))).resolve((300, 400), request("inner"), False)
