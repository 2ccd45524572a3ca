"""Antialiased sampling and the padding mode fill against a direct sum over pixels, and where neither does anything."""

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stnwarp import affine_grid, grid_sample, grid_sample_backward, spatial_transform, spatial_transform_backward, warp
from stnwarp.errors import ParameterError
from stnwarp.kernels import layout
from stnwarp.kernels.geometry import footprints, windows
from stnwarp.kernels.simd import footprint_sum
from stnwarp.rectangle import Rectangle
from stnwarp.transforms import Frame, ImageWarp, MatrixTransform, pixel_matrices, through_viewport
from tests import footprint_oracle as oracle
from tests.combinations import combinations

Array = NDArray[np.generic]

INTERPOLATIONS = ["bilinear", "bicubic", "lanczos"]
PADDING = ["zeros", "border", "reflection", "wrap", "fill"]
SIZE, OUTPUT = (19, 23), (4, 5)
THETAS = {
    "turned": [[1.3, 0.4, 0.1], [-0.3, 1.2, -0.05], [0, 0, 1]],
    "squeezed and mirrored": [[-0.3, 0.1, 0.1], [0.05, 1.4, -0.2], [0, 0, 1]],
    "near scale 1": [[0.24, 0.03, 0.1], [-0.03, 0.17, -0.6], [0, 0, 1]],
    "tilted": [[0.9, 0.2, 0.1], [-0.2, 0.8, 0.0], [0.15, -0.1, 1]],
}


def picture(dtype: type, channels: int, size: tuple[int, int] = SIZE) -> Array:
    """Noise; half of the range of integers, so that little has to be clamped."""
    noise = np.random.default_rng(channels).random((*size, channels))
    low, high = (np.iinfo(dtype).max / 4, np.iinfo(dtype).max / 2) if np.issubdtype(dtype, np.integer) else (0, 1)
    return (low + noise * high).astype(dtype)


def oracles(image: Array, theta: Any, size: tuple[int, int], *options: Any, **more: Any) -> NDArray[np.float64]:
    matrix = pixel_matrices(np.asarray(theta, float)[None], image.shape[:2], size, False)[0]
    positions, jacobians, depths = oracle.matrix_footprints(matrix, size)
    return oracle.sample(image, positions, jacobians, *options, depths=depths, **more)


def assert_close(ours: Array, exact: NDArray[np.float64], roundings: float = 64) -> None:
    """Integers next to the exact number, floats within some roundings of full scale: sums of hundreds of pixels."""
    if ours.dtype.kind == "u":
        gap = np.abs(ours.astype(float) - np.clip(exact, 0, np.iinfo(ours.dtype).max))
        assert gap.max() <= 0.5 + 1e-3
    else:
        np.testing.assert_allclose(ours, exact, rtol=0, atol=roundings * np.finfo(ours.dtype).eps)


@combinations(
    strength=3,
    again={"dtype": [np.float64]},
    kind=[*THETAS, "grid"],
    padding_mode=PADDING,
    interpolation=INTERPOLATIONS,
    channels=[1, 2, 3, 4, 5],
    dtype=[np.uint8, np.uint16, np.float16, np.float32, np.float64],
)
def test_footprints_are_averaged(kind: str, padding_mode: str, interpolation: str, channels: int, dtype: type) -> None:
    image, fill = picture(dtype, channels), 7.0 if np.issubdtype(dtype, np.integer) else 0.25
    modes: dict[str, Any] = {"interpolation": interpolation, "padding_mode": padding_mode, "fill": fill}
    if kind == "grid":
        grid = affine_grid(np.array(THETAS["turned"])[:2], OUTPUT)
        grid += np.random.default_rng(1).uniform(-0.03, 0.03, grid.shape)
        ours = warp(image, grid, antialias=True, **modes)
        exact = oracle.sample(image, *oracle.grid_footprints(grid, SIZE), **modes)
    else:
        ours = warp(image, THETAS[kind], OUTPUT, antialias=True, **modes)
        exact = oracles(image, THETAS[kind], OUTPUT, **modes)
    assert ours.dtype == dtype
    assert_close(ours, exact)


@combinations(
    again={"dtype": [np.float64]},
    interpolation=INTERPOLATIONS,
    padding_mode=PADDING,
    scale=[[9, 8], [2, 24], [40, 40], [0.5, 30]],
    dtype=[np.uint8, np.float64],
    channels=[1, 3, 5],
)
def test_large_footprints_are_averaged_over_boxes(
    interpolation: str, padding_mode: str, scale: list[float], dtype: type, channels: int
) -> None:
    """Exactly so, as boxes that lie partly outside have the pixels of the padding mode.

    And close to the sum of all pixels, of noise that is uniform over the whole range: the kernel is sampled at no fewer
    than 3.5 boxes for an output pixel, which costs 1.3 %. Where the squeeze is larger than 32 boxes to either side
    allow, the mean is blurred along the shorter axis, which costs up to 10 % of noise, the worst there is.
    """
    size, turn = (48, 64), np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    image, output = picture(dtype, channels, size), (2, 3)
    normalised = turn @ np.diag(scale) * np.array([[3 / 64, 2 / 64], [3 / 48, 2 / 48]])
    theta = np.r_[np.c_[normalised, [0.1, -0.1]], [[0, 0, 1]]]
    modes = {"interpolation": interpolation, "padding_mode": padding_mode, "fill": 0.0}
    ours = warp(image, theta, output, antialias=True, **modes)
    assert_close(ours, oracles(image, theta, output, **modes, by_levels=True))
    full = np.ptp(image)
    tolerance = full * (0.1 if max(scale) > 4 * min(scale) else 0.015)
    np.testing.assert_allclose(ours, oracles(image, theta, output, **modes), rtol=0, atol=tolerance)


@pytest.mark.kernels
@pytest.mark.parametrize("padding_mode", ["reflection", "wrap"])
def test_beyond_the_boxes_that_exist_boxes_are_folded(padding_mode: str) -> None:
    """Far away positions, in pictures of whole boxes: there that is the same as folding pixels."""
    image = picture(np.float64, 1, (8, 16))
    modes = {"padding_mode": padding_mode, "fill": 0.0}
    for x, y in ((-10.0, -11.0), (9.0, 10.0)):
        grid = np.stack(np.meshgrid([x, x + 1, x + 2], [y, y + 2, y + 4]), -1)  # 8 pixels apart
        ours = warp(image, grid, antialias=True, **modes)
        positions, jacobians = oracle.grid_footprints(grid, (8, 16))
        assert_close(ours, oracle.sample(image, positions, jacobians, **modes, by_levels=True))


def thetas_that_do_not_shrink() -> list[NDArray[np.float64]]:
    """Of a square picture: turned by any angle, enlarged, mirrored, sheared so that nothing is longer, tilted."""
    turns = [np.deg2rad(angle) for angle in (0, 17, 90, 133)]
    turned = [np.array([[np.cos(a), -np.sin(a), 0.1], [np.sin(a), np.cos(a), -0.2]]) for a in turns]
    others = [[[0.3, 0.1, 0], [0.2, -0.5, 0.3]], [[-1, 0, 0.5], [0, 1, 0]], [[0.5, 0, 0.2], [0, 0.6, 0], [0.1, 0.1, 1]]]
    return [*turned, *(np.array(other, float) for other in others)]


@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint16), (3, np.uint8), (4, np.float32), (5, np.float64)])
@pytest.mark.parametrize("padding_mode", PADDING[:4])
@pytest.mark.parametrize("interpolation", ["nearest", *INTERPOLATIONS])
def test_where_nothing_shrinks_nothing_changes(
    interpolation: str, padding_mode: str, channels: int, dtype: type
) -> None:
    image = picture(dtype, channels, (16, 16))
    modes = {"interpolation": interpolation, "padding_mode": padding_mode}
    for theta in thetas_that_do_not_shrink():
        plain = warp(image, theta, antialias=False, **modes)
        np.testing.assert_array_equal(warp(image, theta, antialias=True, **modes), plain)
        if len(theta) == 2:
            grid = affine_grid(theta, (16, 16)) * (1 - 1e-9)  # whose differences are not those of a turn by rounding
            plain = warp(image, grid, antialias=False, **modes)
            np.testing.assert_array_equal(warp(image, grid, antialias=True, **modes), plain)


@pytest.mark.parametrize("antialias", [False, True])
def test_nearest_is_never_averaged(antialias: bool) -> None:
    image = np.random.default_rng(1).integers(0, 9, (16, 16))
    for padding_mode in ("zeros", "wrap"):
        theta = np.array([[8.0, 0, 0.1], [0, 8, 0.3]])
        ours = warp(image, theta, (3, 3), interpolation="nearest", padding_mode=padding_mode, antialias=antialias)
        maps = image[None, None]
        np.testing.assert_array_equal(ours, spatial_transform(maps, theta[None], (3, 3), "nearest", padding_mode)[0, 0])


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_the_handover_at_scale_1_is_smooth(interpolation: str) -> None:
    """A picture that shrinks by one in a thousand more each time changes by no more than its pixels do."""
    image = picture(np.float64, 1, (40, 40))[..., 0]

    def shrunk(scale: float, antialias: bool = True) -> NDArray[np.float64]:
        theta = scale * np.array([[np.cos(0.3), -np.sin(0.3), 0], [np.sin(0.3), np.cos(0.3), 0]]) / 5
        options = {"interpolation": interpolation, "padding_mode": "border", "antialias": antialias}
        return np.asarray(warp(image, theta, (8, 8), **options))

    scales = np.arange(0.99, 1.3, 1e-3)
    steps = [np.abs(shrunk(after) - shrunk(before)).max() for before, after in itertools.pairwise(scales)]
    assert max(steps) < 0.05
    np.testing.assert_array_equal(shrunk(0.999), shrunk(0.999, antialias=False))
    assert np.abs(shrunk(1.01) - shrunk(1.01, antialias=False)).max() < 0.01
    assert np.abs(shrunk(1.3) - shrunk(1.3, antialias=False)).max() > 0.05


@pytest.mark.kernels
@pytest.mark.parametrize("padding_mode", PADDING)
def test_points_that_are_not_finite_or_far_away_are_read_as_without_antialiasing(padding_mode: str) -> None:
    image = picture(np.float64, 2)
    grid = affine_grid(np.array([[1.4, 0, 0], [0, 1.4, 0]]), (5, 7))
    bad = {(0, 0): (np.nan, 0.1), (2, 3): (np.inf, -np.inf), (4, 6): (1e300, 0), (4, 0): (1e12, -1e12)}
    for at, point in bad.items():
        grid[at] = point
    modes = {"padding_mode": padding_mode, "fill": 0.25}
    ours, plain = (warp(image, grid, antialias=antialias, **modes) for antialias in (True, False))
    assert np.isfinite(ours).all()
    for at in bad:
        np.testing.assert_array_equal(ours[at], 0.25 if padding_mode == "fill" else plain[at])
    clear = np.ones((5, 7), bool)
    for row, column in bad:  # whose neighbours have Jacobians that are not finite either
        clear[max(row - 1, 0) : row + 2, column] = clear[row, max(column - 1, 0) : column + 2] = False
    positions, jacobians = oracle.grid_footprints(np.where(np.abs(grid) < 100, grid, np.nan), SIZE)
    positions[~clear] = np.nan
    assert_close(ours[clear], oracle.sample(image, positions, jacobians, **modes)[clear])


@pytest.mark.kernels
@pytest.mark.parametrize("padding_mode", PADDING)
def test_any_shrinking_takes_little(padding_mode: str) -> None:
    """The boxes grow no longer than the picture, however small that becomes."""
    image = picture(np.float64, 1)
    for scale in (1e3, 1e9, 1e30, 1e200):
        theta = scale * np.eye(2, 3)
        ours = warp(image, theta, (1, 3), padding_mode=padding_mode, antialias=True)
        assert ((ours >= 0) & (ours <= 1)).all()
        if scale > 1e10:  # positions that are too far for a footprint
            plain = warp(image, theta, (1, 3), padding_mode=padding_mode, antialias=False)
            np.testing.assert_array_equal(ours[:, ::2], plain[:, ::2])


@pytest.mark.kernels
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (5, 1), (2, 2)])
def test_an_axis_of_one_point_does_not_shrink(shape: tuple[int, int]) -> None:
    image = picture(np.float64, 1)
    grid = affine_grid(np.array([[0.8, 0.3, 0.05], [-0.2, 0.9, -0.1]]), shape)
    for padding_mode in ("border", "fill"):
        modes = {"padding_mode": padding_mode, "fill": 0.0}
        exact = oracle.sample(image, *oracle.grid_footprints(grid, SIZE), **modes, by_levels=True)
        assert_close(warp(image, grid, antialias=True, **modes), exact)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_fill_gives_its_share_at_the_edge_and_nothing_beyond_the_horizon(interpolation: str, antialias: bool) -> None:
    image, size = picture(np.float32, 3), (4, 7)
    for theta in (
        [[0.7, 0.4, 0.5], [-0.4, 0.6, 0.3], [0, 0, 1]],
        [[3.0, 0, 0], [0, 0.4, 0], [0, 0, 1]],
        [[1, 0, 0.1], [0, 1, 0], [0, -0.9, 0.5]],
        [[1e-9, 0, 0], [0, 1e-9, 1], [0, 0, 1]],
    ):
        modes = {"interpolation": interpolation, "padding_mode": "fill", "fill": 0.3}
        ours = warp(image, np.array(theta), size, antialias=antialias, **modes)
        matrix = pixel_matrices(np.array(theta, float)[None], SIZE, size, False)[0]
        positions, jacobians, depths = oracle.matrix_footprints(matrix, size)
        inside = [
            0.0 if (depths[at] > 0) != (depths.mean() > 0) else oracle.coverage(positions[at], jacobians[at], SIZE)
            for at in np.ndindex(*size)
        ]
        if antialias and theta[2][1] == 0:  # else footprints reach too far for the oracle
            exact = oracle.sample(image, positions, jacobians, **modes, depths=depths)
            assert_close(ours, exact)
        shown = warp(np.ones_like(image), np.array(theta), size, antialias=antialias, **{**modes, "fill": 0.0})
        np.testing.assert_allclose(shown[..., 1].ravel(), inside, rtol=0, atol=1e-6)


@combinations(
    again={"dtype": [np.uint8, np.float64]},
    kind=["turned", "enlarged", "sheared", "tilted", "grid"],
    interpolation=INTERPOLATIONS,
    dtype=[np.uint8, np.uint16, np.float32, np.float64],
    channels=[1, 3, 4, 5],
    width=[20, 130],
)
def test_under_fill_the_interior_has_the_bits_that_it_has_under_zeros(
    kind: str, interpolation: str, dtype: type, channels: int, width: int
) -> None:
    image, size = picture(dtype, channels), (5, width)
    thetas = {
        "turned": [[0.9, -0.5, 0.1], [0.5, 0.9, -0.2], [0, 0, 1]],
        "enlarged": [[-0.8, 0, 0.4], [0, 0.3, 0.6], [0, 0, 1]],
        "sheared": [[0.8, 0.7, 0.0], [0, 0.9, 0.0], [0, 0, 1]],
        "tilted": [[0.9, 0.2, 0.1], [-0.2, 0.8, 0.0], [0.3, -0.2, 1]],
    }
    theta = np.array(thetas.get(kind, thetas["turned"]))
    matrix = pixel_matrices(theta[None], SIZE, size, False)[0]
    positions, jacobians, _ = oracle.matrix_footprints(matrix, size)
    transform: Any = affine_grid(theta[:2], size) if kind == "grid" else theta
    faded, plain = (
        warp(image, transform, size, interpolation=interpolation, padding_mode=padding_mode, antialias=False)
        for padding_mode in ("fill", "zeros")
    )
    reach = INTERPOLATIONS.index(interpolation) + 1
    sides = np.array(SIZE[::-1])
    taps_exist = ((positions >= reach - 1) & (positions <= sides - reach)).all(axis=-1)
    half = 0.5 * np.abs(jacobians).sum(axis=-1)
    interior = taps_exist & ((positions - half >= -0.5) & (positions + half <= sides - 0.5)).all(axis=-1)
    assert 0 < interior.sum() < interior.size
    np.testing.assert_array_equal(faded[interior], plain[interior])


@pytest.mark.kernels
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "lanczos"])
def test_under_fill_a_picture_is_not_mirrored_beyond_the_horizon(interpolation: str) -> None:
    theta = np.array([[1.0, 0, 0], [0, 1, 0], [0, 1.4, 1]])  # the horizon crosses the output
    for antialias in (False, True):
        ours = warp(np.ones((10, 10)), theta, (20, 20), interpolation=interpolation, antialias=antialias)
        assert not ours[:3].any()
        assert ours[10:].max() > 0.99
        assert warp(np.ones((10, 10)), theta[:2], interpolation=interpolation, antialias=antialias).all()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_viewport_has_the_horizon_of_the_whole_output(sign: float) -> None:
    """Also where its own middle lies beyond it."""
    theta = sign * np.array([[1.0, 0, 0], [0, 1, 0], [0, 1.4, 1]])
    frame, whole = Frame((20, 20), False), ImageWarp(MatrixTransform(theta), (40, 40))
    image = np.random.default_rng(1).random((20, 20))
    for interpolation in ("nearest", "bilinear"):
        expected = warp(image, whole.transform, whole.size, interpolation=interpolation)
        for viewport in (Rectangle(0, 0, 40, 9), Rectangle(5, 2, 30, 12), Rectangle(0, 30, 40, 10)):
            part = through_viewport(whole, viewport, frame)
            shown = warp(image, part.transform, part.size, interpolation=interpolation)
            cut = expected[viewport.y : viewport.y + viewport.height, viewport.x : viewport.x + viewport.width]
            differs = np.abs(shown - cut) > 1e-9
            assert differs.mean() <= (0.01 if interpolation == "nearest" else 0)  # rounding decides ties


def test_batches_and_threads_give_the_same_bits_and_views_the_same_up_to_a_rounding() -> None:
    thetas = np.array([THETAS["turned"], THETAS["tilted"], np.array(THETAS["turned"]) * [[4], [5], [1]]])
    maps = np.random.default_rng(3).random((3, 5, 40, 44)).astype(np.float32)
    grids = np.concatenate([affine_grid(theta[:2], (6, 7))[None] for theta in thetas])
    for padding_mode in ("zeros", "wrap"):
        options: dict[str, Any] = {"padding_mode": padding_mode, "antialias": True}
        whole, read = spatial_transform(maps, thetas, (6, 7), **options), grid_sample(maps, grids, **options)
        for one in range(3):
            alone = spatial_transform(maps[one : one + 1], thetas[one : one + 1], (6, 7), **options)
            np.testing.assert_array_equal(whole[one], alone[0])
            alone = grid_sample(maps[one : one + 1], grids[one : one + 1], **options)
            np.testing.assert_array_equal(read[one], alone[0])
        gaps = np.zeros((3, 5, 40, 88), np.float32)
        gaps[..., ::2] = maps
        np.testing.assert_allclose(grid_sample(gaps[..., ::2], grids, **options), read, rtol=0, atol=1e-6)
        images = maps.transpose(0, 2, 3, 1)
        for image, theta in zip(images, thetas, strict=True):
            modes: dict[str, Any] = {"padding_mode": padding_mode, "antialias": True}
            first = warp(image.copy(), theta, (6, 7), **modes)
            np.testing.assert_allclose(warp(image, theta, (6, 7), **modes), first, rtol=0, atol=1e-6)
            np.testing.assert_array_equal(warp(image.copy(), theta, (6, 7), threads=3, **modes), first)
    shared = np.broadcast_to(grids[:1], grids.shape)
    copied = grid_sample(maps, grids[[0] * 3], antialias=True)
    np.testing.assert_array_equal(grid_sample(maps, shared, antialias=True), copied)


@pytest.mark.kernels
def test_what_has_no_weight_is_not_read() -> None:
    image = np.zeros((32, 32))
    image[3, 20:], image[4, 20:] = np.nan, np.inf
    ours = warp(image, np.eye(2, 3), (8, 8), padding_mode="border", antialias=True)
    assert np.isnan(ours[:2, 5:]).all()
    assert not ours[2:].any()
    assert not ours[:, :4].any()


MAPS, GRID, THETA = np.zeros((1, 1, 3, 3)), np.zeros((1, 3, 3, 2)), np.eye(2, 3)[None]
VOLUMES, PLACES = np.zeros((1, 1, 2, 2, 2)), np.zeros((1, 2, 2, 2, 3))


def test_fill_is_for_warp() -> None:
    words = "padding_mode fill is for warp only; use zeros, border, reflection or wrap"
    for function, *arrays in (
        (grid_sample, MAPS, GRID),
        (grid_sample, VOLUMES, PLACES),
        (spatial_transform, MAPS, THETA),
        (grid_sample_backward, MAPS, MAPS, GRID),
        (grid_sample_backward, VOLUMES, VOLUMES, PLACES),
        (spatial_transform_backward, MAPS, MAPS, THETA),
    ):
        for antialias in (False, True):
            with pytest.raises(ParameterError, match=words):
                function(*arrays, padding_mode="fill", antialias=antialias)


def test_volumes_are_not_antialiased() -> None:
    words = r"antialias is for images, \(N, C, H, W\); volumes are sampled without it"
    with pytest.raises(ParameterError, match=words):
        grid_sample(VOLUMES, PLACES, antialias=True)
    with pytest.raises(ParameterError, match=words):
        grid_sample_backward(VOLUMES, VOLUMES, PLACES, antialias=True)


def test_work_spaces_are_as_long_as_the_parts_that_kernels_name() -> None:
    part = layout.TAP_BLOCK
    assert layout._FOOTPRINT_PARTS == footprints.FOOTPRINT_PARTS
    assert layout._NUMBER_PARTS == footprint_sum.NUMBER_PARTS
    assert int(windows.TOP) == (layout._OFFSET_PARTS - 1) * part
    # A window around a footprint: twice the longest reach along both diagonals, and a vector more.
    assert 2 * np.sqrt(2) * footprints.LONGEST + 1 + footprint_sum.VECTOR <= layout.LONGEST_SIDE
