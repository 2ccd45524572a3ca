"""Whether anything of a picture comes out: against a count of the output pixels that read it, and by what must hold."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from stnwarp.conventions import Interpolation
from stnwarp.sampling.grid_generator import sampling_grid
from stnwarp.transforms import (
    Absence,
    Composition,
    Frame,
    MatrixTransform,
    Move,
    MoveKind,
    MovesSpec,
    SamplingGrid,
    SizeRequest,
    ThinPlateSpline,
    Transform,
    WarpFrames,
    absence_of,
    control_points,
    pixel_from_normalised,
    theta_from_numbers,
)

BENT = control_points(3, 3)
BENT[1, 1] += (0.2, -0.1)


def frames_of(
    input_size: tuple[int, int],
    output_size: tuple[int, int],
    align_corners: bool = False,
    interpolation: Interpolation = Interpolation.BILINEAR,
) -> WarpFrames:
    return WarpFrames(Frame(input_size, align_corners), Frame(output_size, align_corners), interpolation)


def frames(input_size: tuple[int, int] = (24, 32), output_size: tuple[int, int] | None = None) -> WarpFrames:
    return frames_of(input_size, output_size or input_size)


def matrix(*numbers: float) -> MatrixTransform:
    return theta_from_numbers(numbers)


def count_inside(transform: Transform, where: WarpFrames) -> int:
    """How many output pixels read something of the picture, each of them asked."""
    grid = sampling_grid(transform, where.output.size, where.source.align_corners).astype(np.float64)
    to_pixel = pixel_from_normalised(where.source.size, where.source.align_corners)
    with np.errstate(all="ignore"):
        places = grid * to_pixel.diagonal()[:2] + to_pixel[:2, 2]
    height, width = where.source.size
    reach = 0.5 if where.interpolation is Interpolation.NEAREST else 1.0
    return int(((places > -reach) & (places < np.array([width, height]) - 1 + reach)).all(axis=-1).sum())


def random_thetas(seed: int, projective: bool) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    scales = 10.0 ** rng.uniform(-1, 2.5, (400, 1, 1))
    thetas = np.zeros((400, 3, 3))
    thetas[:, :2] = rng.normal(size=(400, 2, 3)) * scales
    thetas[:, :2, 2] = rng.normal(size=(400, 2)) * rng.choice([0.3, 1.0, 3.0], (400, 1))
    thetas[:, 2, 2] = 1.0
    if projective:
        thetas[:, 2, :2] = rng.normal(size=(400, 2)) * rng.choice([0.1, 1.0, 5.0], (400, 1))
    return thetas


@pytest.mark.parametrize("projective", [False, True])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("interpolation", [Interpolation.NEAREST, Interpolation.BILINEAR])
def test_a_matrix_is_told_as_by_asking_every_pixel(
    projective: bool, align_corners: bool, interpolation: Interpolation
) -> None:
    found = set()
    sizes = [((24, 32), (24, 32)), ((7, 3), (40, 11)), ((1, 9), (13, 1)), ((50, 60), (3, 2))]
    for index, theta in enumerate(random_thetas(11 + align_corners, projective)):
        where = frames_of(*sizes[index % 4], align_corners, interpolation)
        absence = absence_of(MatrixTransform(theta), where)
        nothing = count_inside(MatrixTransform(theta), where) == 0
        assert (absence in (Absence.OUTSIDE, Absence.BETWEEN)) == nothing, (theta.tolist(), where)
        found.add(absence)
    assert {None, Absence.OUTSIDE, Absence.BETWEEN} <= found


@pytest.mark.parametrize("far", [0.0, 0.7, 3.0, -4.0, 1e3])
@pytest.mark.parametrize("scale", [1e-3, 0.3, 1.0, 20.0, 1e4])
@pytest.mark.parametrize("kind", ["spline", "inverse", "composition", "grid"])
def test_other_transforms_are_told_as_by_asking_every_pixel(kind: str, scale: float, far: float) -> None:
    spline = ThinPlateSpline(BENT * scale + far)
    where = frames((24, 32), (90, 110))
    make: dict[str, Callable[[], Transform]] = {
        "spline": lambda: spline,
        "inverse": lambda: spline.inverse(),
        "composition": lambda: Composition((ThinPlateSpline(BENT), matrix(scale, 0, far, 0, scale, 0))),
        "grid": lambda: SamplingGrid(sampling_grid(spline, where.output.size)),
    }
    transform = make[kind]()
    absence = absence_of(transform, where)
    assert (absence in (Absence.OUTSIDE, Absence.BETWEEN)) == (count_inside(transform, where) == 0)


@pytest.mark.parametrize("size", [(24, 32), (3000, 4000)])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([0, 0, 0, 0, 0, 0], Absence.POINT),
        ([0, 0, 0.3, 0, 0, -0.9], Absence.POINT),
        ([0, 0, 0, 0, 0, 0, 0, 0, 1], Absence.POINT),
        ([1e-9, 0, 0, 0, 1e-9, 0], Absence.POINT),
        ([0.3, 0.6, 0, 0.1, 0.2, 0], Absence.LINE),
        ([1, 0, 0, 0, 0, 0.5], Absence.LINE),
        ([0, 1, 0, 0, 1, 0], Absence.LINE),
        (np.float32([1 / 3, 0.7, 0, 0.1 / 3, 0.07, 0]), Absence.LINE),
        ([1, 1, 0, 2, 2, 0, 0.1, 0, 1], Absence.LINE),
        ([0, 0, 5, 0, 0, 5], Absence.OUTSIDE),
        ([1, 0, 2.1, 0, 1, 0], Absence.OUTSIDE),
        ([1, 0, -40, 0, 1, 25], Absence.OUTSIDE),
        ([1, 0, 9, 0, 1, 0, 0.1, 0.1, 1], Absence.OUTSIDE),
        ([-1, 0, 0, 0, -1, 0, 0.1, 0, -1], None),  # all of it is read with a third coordinate below zero
        ([1, 0, 30, 0, 1, 0, -60, 0, 1], None),  # a horizon runs through the output
        ([30, 0, 90, 0, 30, 0, 0.5, 0, 1], Absence.OUTSIDE),
        ([1e7, 0, 0, 0, 1e7, 0], Absence.BETWEEN),
    ],
)
def test_what_makes_nothing_of_a_picture(
    numbers: ArrayLike, expected: Absence | None, size: tuple[int, int], align_corners: bool
) -> None:
    transform = theta_from_numbers([float(number) for number in np.asarray(numbers)])
    assert absence_of(transform, frames_of(size, size, align_corners)) is expected


def test_moved_by_its_own_size_a_picture_is_gone_and_by_a_pixel_less_it_is_not() -> None:
    for size, kind in product([(24, 32), (1, 5), (300, 201)], Interpolation):
        for step, gone in ((size[1], True), (size[1] - 1, False), (-size[1], True), (1 - size[1], False)):
            spec = MovesSpec((Move(MoveKind.TRANSLATE, (step, 0)),))
            image_warp = spec.resolve(size, SizeRequest(), align_corners=False)
            absence = absence_of(image_warp.transform, frames_of(size, image_warp.size, False, kind))
            assert (absence is Absence.OUTSIDE) == gone
            assert gone or absence is None


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("input_size", [(1, 1), (1, 40), (40, 1), (3000, 4000), (2, 2)])
@pytest.mark.parametrize("output_size", [(1, 1), (1, 17), (17, 1), (2, 2), (5, 7), (6000, 9000)])
def test_whatever_the_sizes_the_identity_loses_nothing(
    input_size: tuple[int, int], output_size: tuple[int, int], align_corners: bool
) -> None:
    where = frames_of(input_size, output_size, align_corners)
    transforms = [MatrixTransform(np.eye(3)), matrix(0.9, 0.05, 0, -0.05, 0.9, 0), ThinPlateSpline(BENT)]
    transforms += [matrix(1, 0, 0, 0, 1, 0, 0.1, 0.05, 1)]
    assert [absence_of(transform, where) for transform in transforms] == [None] * 4


@pytest.mark.parametrize("numbers", [[30, 0, 0, 0, 1e-2, 0], [1, 0, 0, 0, 1e5, 0.01], [1e-2, 0, 0, 0, 30, 0]])
def test_strong_shrinking_along_one_axis_is_not_singular(numbers: list[float]) -> None:
    transform = theta_from_numbers(numbers)
    assert absence_of(transform, frames((3001, 4001))) in (None, Absence.BETWEEN)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (BENT * 0, Absence.POINT),
        (BENT * 0 + 0.4, Absence.POINT),
        (BENT @ np.full((2, 2), 0.5), Absence.LINE),
        ((BENT @ np.full((2, 2), 0.3)).astype(np.float32), Absence.LINE),
        (BENT + 3, Absence.OUTSIDE),
        (BENT * 1e5 + 0.3, Absence.BETWEEN),
        (BENT, None),
    ],
)
@pytest.mark.parametrize("size", [(24, 32), (3000, 4000)])
def test_splines_and_their_grids(points: NDArray[np.float64], expected: Absence | None, size: tuple[int, int]) -> None:
    spline = ThinPlateSpline(points)
    assert absence_of(spline, frames(size)) is expected
    small = frames(size, (60, 80))
    assert absence_of(SamplingGrid(sampling_grid(spline, (60, 80))), small) is absence_of(spline, small)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 7.0])
def test_a_grid_of_no_places_reads_nothing(value: float) -> None:
    grid = np.full((60, 80, 2), value)
    assert absence_of(SamplingGrid(grid), frames(output_size=(60, 80))) is Absence.OUTSIDE
    grid[41, 67] = (0.1, 0.2)  # a single point that no lattice falls upon
    assert absence_of(SamplingGrid(grid), frames(output_size=(60, 80))) not in (Absence.OUTSIDE, Absence.BETWEEN)
