"""What networks see of images, one network after another, and the frames their numbers speak of."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from stnwarp import warp
from stnwarp.conventions import Family
from stnwarp.errors import CheckpointError, DtypeError, ParameterError, ShapeError, ThetaError
from stnwarp.localisation import Checkpoint, Localiser, Metadata, network_input
from stnwarp.localisation.inputs import warped_input
from stnwarp.transforms import MatrixTransform, ThinPlateSpline, Transform, compose, control_points
from tests.onnx_files import IDENTITY, TURN, affine, network, saved

pytestmark = pytest.mark.usefixtures("in_process")

GRAY = np.random.default_rng(0).integers(0, 256, (50, 70), np.uint8)


def _checkpoint(folder: Path, numbers: Any = TURN, name: str = "a.onnx", **fields: Any) -> Checkpoint:
    gain, black = fields.pop("gain", 0.0), fields.pop("nan_if_black", False)
    known = affine(**fields)
    height, width = known.input_size
    shape = ("N", known.mode.channels, height, width)
    model = network(numbers, gain=gain, nan_if_black=black, input=shape, metadata=known)
    return Checkpoint.load(saved(model, folder, name))


def _smooth(height: int, width: int) -> np.ndarray[Any, Any]:
    """A picture of soft shapes, the same at every size, light on dark and dark at the rim."""
    y, x = np.mgrid[0:height, 0:width]
    across, down = (2 * x + 1) / width - 1, (2 * y + 1) / height - 1
    blobs = np.exp(-(((across - 0.3) / 0.3) ** 2) - ((down + 0.2) / 0.25) ** 2)
    blobs += 0.6 * np.exp(-(((across + 0.4) / 0.2) ** 2) - ((down - 0.4) / 0.3) ** 2)
    return blobs.astype(np.float32)


# ---- what a network sees


def test_an_image_of_the_right_size_is_seen_as_it_is() -> None:
    image = np.random.default_rng(1).integers(0, 256, (28, 28), np.uint8)
    assert_array_equal(network_input(image, affine()), image[np.newaxis] / np.float32(255))


@pytest.mark.parametrize("shape", [(50, 70), (28, 100), (101, 87)])
def test_a_small_image_is_seen_as_pillow_would_shrink_it(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).random(shape).astype(np.float32)
    expected = np.asarray(Image.fromarray(image).resize((28, 28), Image.Resampling.BILINEAR))
    assert_array_equal(network_input(image, affine()), expected[np.newaxis])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_a_large_image_is_averaged_in_every_dtype(dtype: Any, channels: int | None) -> None:
    size = (403, 611)
    full = {np.uint8: 255, np.uint16: 65535}.get(dtype, 1)
    plane = np.clip(_smooth(*size), 0, 1)
    image = plane if channels is None else np.stack([plane] * channels, axis=-1)
    if channels in (2, 4):
        image[..., -1] = 1.0
    expected = np.asarray(Image.fromarray(plane).resize((28, 28), Image.Resampling.BILINEAR))
    for mode in ("L", "RGB"):
        given = (image * full).round().astype(dtype) if full > 1 else image.astype(dtype)
        seen = network_input(given, affine(mode=mode))
        assert seen.shape == (1 if mode == "L" else 3, 28, 28)
        assert_allclose(seen, np.broadcast_to(expected, seen.shape), atol=0.008)


def test_a_checkerboard_is_seen_gray() -> None:
    board = (np.indices((600, 600)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert_allclose(network_input(board, affine()), 0.5, atol=0.01)


def test_luma() -> None:
    for channel, share in enumerate((0.299, 0.587, 0.114)):
        image = np.zeros((30, 30, 3), np.uint8)
        image[..., channel] = 255
        assert_allclose(network_input(image, affine()), share, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
@pytest.mark.parametrize("size", [(28, 28), (300, 400)])
def test_transparency_lies_on_the_background(dtype: Any, size: tuple[int, int]) -> None:
    full = 255 if dtype is np.uint8 else 1
    image = np.zeros((*size, 4), dtype)
    image[..., :3] = full  # white, but nothing of it can be seen on the left
    image[:, size[1] // 2 :, 3] = full
    seen = network_input(image, affine(background=0.25))
    assert_allclose(seen[0, :, :13], 0.25, atol=1e-6)
    assert_allclose(seen[0, :, 15:], 1.0, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 4000), (4000, 2)])
@pytest.mark.parametrize("fit", ["stretch", "pad"])
def test_images_of_any_proportions(shape: tuple[int, int], fit: str) -> None:
    seen = network_input(np.full(shape, 255, np.uint8), affine(fit=fit))
    assert seen.shape == (1, 28, 28)
    assert seen.max() > 0.4
    assert np.isfinite(seen).all()
    turned = warped_input(np.full(shape, 255, np.uint8), MatrixTransform(np.array(TURN)), affine(fit=fit))
    assert turned.shape == (1, 28, 28)
    assert np.isfinite(turned).all()


@pytest.mark.parametrize("image", [np.zeros((5, 5, 5), np.uint8), np.zeros(5), np.zeros((0, 5)), np.zeros((5, 5), int)])
def test_what_is_no_image(image: Any) -> None:
    with pytest.raises((ShapeError, DtypeError), match="image must be"):
        network_input(image, affine())


def test_a_padded_image_lies_in_the_middle() -> None:
    image, known = np.full((100, 400), 255, np.uint8), affine(fit="pad", input_size=(32, 32), background=0.5)
    seen = network_input(image, known)[0]
    assert_allclose(seen[13:19], 1.0, atol=1e-6)
    assert_allclose(seen[[11, 20]], 0.5, atol=0.15)  # the filter reaches a pixel further
    assert_allclose(seen[:10], 0.5, atol=1e-6)
    assert_allclose(seen[22:], 0.5, atol=1e-6)
    assert_allclose(seen.mean(), 0.5 + 0.5 / 4, atol=1e-3)
    assert_allclose(seen, seen[::-1], atol=1e-6)
    assert_allclose(network_input(image.T, known)[0], seen.T, atol=1e-6)


@pytest.mark.parametrize("size", [(30, 46), (300, 470), (31, 471)])
def test_a_padded_image_is_seen_like_one_that_was_padded_by_hand(size: tuple[int, int]) -> None:
    height, width = size
    image = _smooth(*size)
    padded = np.zeros((width, width), np.float32)
    top = (width - height) // 2
    padded[top : top + height, :width] = image
    seen = network_input(image, affine(fit="pad", input_size=(40, 40)))
    by_hand = network_input(padded, affine(input_size=(40, 40)))
    assert_allclose(seen, by_hand, atol=0.01)


# ---- frames


def _turn(degrees: float, scale: float = 1.0) -> np.ndarray[Any, Any]:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0, 0, 1]]) * [[scale], [scale], [1]]


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(60, 200), (200, 60), (77, 77)])
def test_a_turn_of_the_padded_frame_is_a_turn_of_the_image(
    tmp_path: Path, size: tuple[int, int], align_corners: bool
) -> None:
    theta = _turn(20)[:2]
    checkpoint = _checkpoint(tmp_path, theta, fit="pad", align_corners=align_corners, input_size=(32, 32))
    (found,) = checkpoint.localise([np.zeros(size, np.uint8)])
    # By hand: a turn of pixels about the centre, half a pixel of the image being 1 / side, or 1 / (side - 1).
    half = np.diag([(side - 1 if align_corners else side) / 2 for side in size[::-1]] + [1])
    expected = np.linalg.inv(half) @ np.vstack([np.float32(theta), [0, 0, 1]]) @ half
    assert isinstance(found, MatrixTransform)
    assert_allclose(found.theta, expected, atol=1e-12)


def test_a_shift_of_the_padded_frame_is_longer_in_the_image(tmp_path: Path) -> None:
    checkpoint = _checkpoint(tmp_path, ((1, 0, 0.5), (0, 1, 0.25)), fit="pad")
    (found,) = checkpoint.localise([np.zeros((100, 400), np.uint8)])
    assert_allclose(found.theta, [[1, 0, 0.5], [0, 1, 1.0], [0, 0, 1]], atol=1e-12)  # type: ignore[attr-defined]


def test_an_output_of_other_proportions_shows_the_padded_frame(tmp_path: Path) -> None:
    """An identity network: a square output has the whole image in it, with background above and below."""
    localiser = Localiser([_checkpoint(tmp_path, IDENTITY, fit="pad", output_size=(40, 40))])
    (found,) = localiser.localise([np.zeros((100, 400), np.uint8)], output_size=(40, 40))
    assert_allclose(found.theta, np.diag([1, 4, 1]), atol=1e-12)  # type: ignore[attr-defined]
    (own,) = localiser.localise([np.zeros((100, 400), np.uint8)])
    assert_array_equal(own.theta, np.eye(3))  # type: ignore[attr-defined]


def test_a_spline_of_the_padded_frame(tmp_path: Path) -> None:
    points = control_points(3, 3) + np.random.default_rng(2).normal(0, 0.1, (3, 3, 2))
    known = affine(family="tps", control_points=(3, 3), fit="pad")
    checkpoint = Checkpoint.load(saved(network(points, metadata=known), tmp_path))
    (found,) = checkpoint.localise([np.zeros((100, 400), np.uint8)])
    places = np.random.default_rng(3).uniform(-1, 1, (20, 2))
    spline = ThinPlateSpline(points.astype(np.float32).astype(np.float64))
    assert_allclose(found.map_points(places), spline.map_points(places * (1, 0.25)) * (1, 4), atol=1e-12)


def test_a_stretched_frame_is_the_same_at_every_size(tmp_path: Path) -> None:
    for align_corners in (False, True):
        checkpoint = _checkpoint(tmp_path, align_corners=align_corners)
        for size in ((28, 28), (100, 400)):
            (found,) = checkpoint.localise([np.zeros(size, np.uint8)])
            assert_array_equal(found.theta[:2], np.float32(TURN))  # type: ignore[attr-defined]


# ---- after a warp


@pytest.mark.parametrize("fit", ["stretch", "pad"])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(28, 28), (90, 50), (601, 403)])
def test_what_is_seen_after_a_warp_is_the_warped_image(size: tuple[int, int], align_corners: bool, fit: str) -> None:
    image, theta = _smooth(*size), MatrixTransform(_turn(15, 0.9))
    known = affine(fit=fit, align_corners=align_corners)
    straight = warped_input(image, theta, known)
    by_detour = network_input(warp(image, theta, align_corners=align_corners), known)
    assert_allclose(straight, by_detour, atol=0.025)
    assert np.abs(straight - network_input(image, known)).max() > 0.1


@pytest.mark.parametrize("size", [(28, 28), (280, 504)])
def test_after_a_warp_that_does_nothing_all_is_as_before(size: tuple[int, int]) -> None:
    image = _smooth(*size)
    after = warped_input(image, MatrixTransform(np.eye(3)), affine())
    assert_allclose(after, network_input(image, affine()), atol=0.0 if size == (28, 28) else 0.01)


def test_a_warp_that_looks_closely_sees_the_full_resolution() -> None:
    """A checkerboard of 4 pixels, of which 56 x 56 fill the picture: shrunk beforehand, it would be gray."""
    y, x = np.indices((1120, 1120))
    board = ((y // 4 + x // 4) % 2 * 255).astype(np.uint8)
    seen = warped_input(board, MatrixTransform(np.diag([0.05, 0.05, 1])), affine())
    assert seen.std() > 0.25


def test_a_warp_that_shrinks_does_not_alias() -> None:
    board = (np.indices((600, 600)).sum(axis=0) % 2 * 255).astype(np.uint8)
    seen = warped_input(board, MatrixTransform(np.array(TURN)), affine())
    assert_allclose(seen[0, 8:20, 8:20], 0.5, atol=0.02)


@pytest.mark.parametrize("theta", [np.diag([1e30, 1e30, 1]), np.diag([1e7, 1, 1]), np.diag([0.0, 0, 1])])
def test_enormous_and_empty_warps_are_seen(theta: Any) -> None:
    assert warped_input(GRAY, MatrixTransform(theta), affine()).shape == (1, 28, 28)


def test_a_warp_with_a_horizon_is_seen() -> None:
    theta = np.array([[1.0, 0, 0], [0, 1, 0], [1.5, 0, 1]])
    assert np.isfinite(warped_input(GRAY, MatrixTransform(theta), affine())).all()


# ---- in sequence


def test_parameters_are_composed(tmp_path: Path) -> None:
    first = _checkpoint(tmp_path, TURN, "a.onnx")
    second = _checkpoint(tmp_path, ((1.1, 0, -0.2), (0.1, 0.9, 0.3)), "b.onnx")
    (found,) = Localiser([first, second]).localise([GRAY])
    thetas = [np.vstack([checkpoint.localise([GRAY])[0].theta[:2], [0, 0, 1]]) for checkpoint in (first, second)]  # type: ignore[attr-defined]
    assert_allclose(found.theta, thetas[0] @ thetas[1], atol=1e-15)  # type: ignore[attr-defined]
    image = np.zeros((150, 210), np.float32)  # with room around, as the first warp cuts off what leaves the frame
    image[50:100, 70:140] = _smooth(50, 70)
    assert_allclose(warp(image, found), warp(warp(image, thetas[0]), thetas[1]), atol=0.2)


def test_a_later_network_sees_what_the_earlier_made_of_the_image(tmp_path: Path) -> None:
    """The second one's numbers follow the mean of what it sees: half of it is outside after the first."""
    first = _checkpoint(tmp_path, ((2, 0, 0), (0, 1, 0)), "a.onnx")
    second = _checkpoint(tmp_path, ((1, 0, 0), (0, 1, 0)), "b.onnx", gain=((0, 0, 1), (0, 0, 0)))
    (found,) = Localiser([first, second]).localise([np.full((50, 70), 255, np.uint8)])
    assert_allclose(found.theta, [[2, 0, 1], [0, 1, 0], [0, 0, 1]], atol=0.005)  # type: ignore[attr-defined]


def test_repeating(tmp_path: Path) -> None:
    checkpoint = _checkpoint(tmp_path, TURN, gain=((0.1, 0, 0), (0, 0, 0.2)))
    (found,) = Localiser([checkpoint], repeat=3).localise([GRAY])
    expected: Transform | None = None
    for _ in range(3):
        picture = network_input(GRAY, checkpoint.metadata)
        if expected is not None:
            picture = warped_input(GRAY, expected, checkpoint.metadata)
        step = checkpoint.transform(checkpoint.numbers([picture])[0], GRAY.shape)
        expected = step if expected is None else compose(expected, step)
    assert_array_equal(found.theta, expected.theta)  # type: ignore[attr-defined, union-attr]
    both = Localiser([checkpoint, checkpoint, checkpoint]).localise([GRAY])[0]
    assert_array_equal(found.theta, both.theta)  # type: ignore[attr-defined]


def test_a_matrix_and_a_spline_in_sequence(tmp_path: Path) -> None:
    points = (control_points(3, 3) * 0.9).astype(np.float32).astype(np.float64)
    known = affine(family="tps", control_points=(3, 3))
    spline = Checkpoint.load(saved(network(points, metadata=known), tmp_path, "s.onnx"))
    (found,) = Localiser([_checkpoint(tmp_path), spline, _checkpoint(tmp_path)]).localise([GRAY])
    theta = MatrixTransform(np.float32(TURN))
    places = np.random.default_rng(3).uniform(-1, 1, (20, 2))
    expected = theta.map_points(ThinPlateSpline(points).map_points(theta.map_points(places)))
    assert_allclose(found.map_points(places), expected, atol=1e-12)


def test_a_padded_and_a_stretched_network_in_sequence(tmp_path: Path) -> None:
    padded = _checkpoint(tmp_path, _turn(30)[:2], "a.onnx", fit="pad", input_size=(32, 32))
    stretched = _checkpoint(tmp_path, TURN, "b.onnx")
    (found,) = Localiser([padded, stretched]).localise([np.zeros((100, 300), np.uint8)])
    parts = [each.localise([np.zeros((100, 300), np.uint8)])[0].theta for each in (padded, stretched)]  # type: ignore[attr-defined]
    assert_allclose(found.theta, parts[0] @ parts[1], atol=1e-12)  # type: ignore[attr-defined]


def test_networks_that_do_not_go_together(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="different align_corners"):
        Localiser([_checkpoint(tmp_path), _checkpoint(tmp_path, name="b.onnx", align_corners=True)])
    with pytest.raises(ParameterError, match="at least one checkpoint"):
        Localiser([])
    for repeat in (0, 1.5, True):
        with pytest.raises(ParameterError, match="repeat must be"):
            Localiser([_checkpoint(tmp_path)], repeat)  # type: ignore[arg-type]


# ---- many images


def test_one_bad_image_spoils_no_other(tmp_path: Path) -> None:
    localiser = Localiser([_checkpoint(tmp_path, nan_if_black=True, gain=0.1)], repeat=2)
    images = [np.full((20 + index, 30), 0 if index == 7 else 2 * index, np.uint8) for index in range(1, 70)]
    results = localiser.predict(images)
    (bad,) = [index for index, result in enumerate(results) if isinstance(result, ThetaError)]
    assert images[bad].max() == 0
    assert str(results[bad]) == "checkpoint produced a non-finite theta"
    with pytest.raises(ThetaError, match="image 7 of 69: checkpoint produced a non-finite theta"):
        localiser.localise(images)
    clean = localiser.predict([image for index, image in enumerate(images) if index != bad])
    for result, expected in zip(results[:bad] + results[bad + 1 :], clean, strict=True):
        assert_array_equal(result.theta, expected.theta)  # type: ignore[union-attr]


def test_a_warp_too_large_to_be_shown_to_the_next_network_spoils_no_other(tmp_path: Path) -> None:
    """The numbers are doubles that go up to 1.35e308 with the brightness; a white picture's cannot be composed."""
    known = affine(family=Family.PROJECTIVE, align_corners=True)
    model = network(((1, 0, 0), (0, 1, 0), (0.9, 0.9, 1)), metadata=known)
    nodes, initializers = model.graph.node, model.graph.initializer
    nodes[-1].output[0] = "floats"
    nodes[0].output[0], nodes[1].input[0] = "pixels", "pixels"
    initializers.append(numpy_helper.from_array(np.array(709.5), "logarithm of the largest"))
    nodes.extend(
        [
            helper.make_node("Cast", ["floats"], ["doubles"], to=TensorProto.DOUBLE),
            helper.make_node("Cast", ["column"], ["brightness"], to=TensorProto.DOUBLE),
            helper.make_node("Mul", ["brightness", "logarithm of the largest"], ["power"]),
            helper.make_node("Exp", ["power"], ["large"]),
            helper.make_node("Mul", ["doubles", "large"], ["theta"]),
        ]
    )
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    localiser = Localiser([Checkpoint.load(saved(model, tmp_path))], repeat=2)
    images = [np.full((2, 2), level, np.uint8) for level in (0, 255, 9)]
    dark, white, gray = localiser.predict(images)
    assert isinstance(dark, Transform)
    assert isinstance(white, ThetaError)
    assert isinstance(gray, Transform)


def test_threads_find_what_one_finds(tmp_path: Path) -> None:
    localiser = Localiser([_checkpoint(tmp_path, gain=0.1), _checkpoint(tmp_path, name="b.onnx", gain=0.2)], repeat=2)
    random = np.random.default_rng(4)
    images = [random.integers(0, 256, (20 + index, 40), np.uint8) for index in range(40)]
    expected = localiser.localise(images)
    with ThreadPoolExecutor(8) as pool:
        for found, other in zip(pool.map(localiser.transform_of, images), expected, strict=True):
            assert_array_equal(found.theta, other.theta)  # type: ignore[attr-defined]


def test_a_bad_image_in_one_thread_is_not_raised_in_another(tmp_path: Path) -> None:
    localiser = Localiser([_checkpoint(tmp_path, nan_if_black=True)])
    errors: list[str] = []

    def work(level: int) -> None:
        try:
            localiser.transform_of(np.full((30, 30), level, np.uint8))
        except ThetaError as error:
            errors.append(f"{level}: {error}")

    threads = [threading.Thread(target=work, args=(level,)) for level in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert errors == ["0: checkpoint produced a non-finite theta"]


def test_the_last_checkpoint_tells_the_size(tmp_path: Path) -> None:
    small, own = _checkpoint(tmp_path, output_size=(28, 30)), _checkpoint(tmp_path, name="b.onnx")
    assert Localiser([own, small]).output_size == (28, 30)
    assert Localiser([small, own]).output_size is None
    assert not Localiser([own]).align_corners
    assert isinstance(small.metadata, Metadata)
