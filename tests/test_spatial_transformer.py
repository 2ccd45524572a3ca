"""Localise, generate, sample: the whole of a spatial transformer."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

import stnwarp
from stnwarp import SpatialTransformer, warp
from stnwarp.errors import CheckpointError, ParameterError, ShapeError, ThetaError
from stnwarp.localisation import Localiser
from stnwarp.transforms import ThinPlateSpline, control_points
from tests.onnx_files import TURN, affine, network, saved

pytestmark = pytest.mark.usefixtures("in_process")

THETA = np.float32(TURN)
PHOTO = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)


def _load(folder: Path, numbers: Any = TURN, **fields: Any) -> SpatialTransformer:
    gain, black = fields.pop("gain", 0.0), fields.pop("nan_if_black", False)
    return SpatialTransformer.load(
        saved(network(numbers, gain=gain, nan_if_black=black, metadata=affine(**fields)), folder)
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(50, 70), (50, 70, 1), (50, 70, 2), (50, 70, 3), (50, 70, 4)])
def test_an_image_is_warped_by_what_its_network_says(tmp_path: Path, shape: tuple[int, ...], dtype: Any) -> None:
    image = np.random.default_rng(1).random(shape)
    image = (image * 255).astype(dtype) if np.dtype(dtype).kind == "u" else image.astype(dtype)
    output = _load(tmp_path)(image)
    assert output.dtype == dtype
    assert_array_equal(output, warp(image, THETA))


@pytest.mark.parametrize(
    "sampling",
    [
        {"size": (20, 90)},
        {"interpolation": "bicubic", "padding_mode": "border"},
        {"fill": (1, 2, 3), "threads": 2},
    ],
)
def test_sampling_is_that_of_warp(tmp_path: Path, sampling: dict[str, Any]) -> None:
    assert_array_equal(_load(tmp_path)(PHOTO, **sampling), warp(PHOTO, THETA, **sampling))


def test_align_corners_is_the_checkpoint_s(tmp_path: Path) -> None:
    output = _load(tmp_path, align_corners=True)(PHOTO)
    assert_array_equal(output, warp(PHOTO, THETA, align_corners=True))
    assert not np.array_equal(output, warp(PHOTO, THETA))


def test_lists_and_batches(tmp_path: Path) -> None:
    transformer = _load(tmp_path, gain=0.1)
    images = [PHOTO, PHOTO[:20, :30, 0], PHOTO[::2].astype(np.float32) / 255]
    outputs = transformer(images)
    assert isinstance(outputs, list)
    for image, output in zip(images, outputs, strict=True):
        assert_array_equal(output, transformer(image))
    batch = np.stack([PHOTO, PHOTO[::-1], 255 - PHOTO])
    warped = transformer(batch, (28, 30))
    assert warped.shape == (3, 28, 30, 3)
    for image, output in zip(batch, warped, strict=True):
        assert_array_equal(output, transformer(image, (28, 30)))
    assert transformer([]) == []


def test_localise(tmp_path: Path) -> None:
    transformer = _load(tmp_path)
    transform = transformer.localise(PHOTO)
    assert_array_equal(transform.theta[:2], THETA)  # type: ignore[union-attr]
    assert len(transformer.localise([PHOTO, PHOTO])) == 2
    assert len(transformer.localise(np.stack([PHOTO] * 3))) == 3  # type: ignore[arg-type]
    assert_array_equal(transformer(PHOTO), warp(PHOTO, transform))  # type: ignore[arg-type]


def test_the_size_is_the_canonical_one_unless_another_is_given(tmp_path: Path) -> None:
    transformer = _load(tmp_path, output_size=(28, 30))
    assert transformer(PHOTO).shape == (28, 30, 3)
    assert transformer([PHOTO, PHOTO])[1].shape == (28, 30, 3)
    assert transformer(PHOTO, (5, 6)).shape == (5, 6, 3)
    assert_array_equal(transformer(PHOTO), warp(PHOTO, THETA, (28, 30)))
    assert _load(tmp_path)(PHOTO).shape == PHOTO.shape


@pytest.mark.parametrize("size", [None, (40, 40)])
def test_a_padded_network_keeps_proportions(tmp_path: Path, size: tuple[int, int] | None) -> None:
    """A white square in a wide image, by an identity network: it stays a square, whatever the size."""
    image = np.zeros((100, 400), np.uint8)
    image[30:70, 180:220] = 255
    output = _load(tmp_path, ((1, 0, 0), (0, 1, 0)), fit="pad")(image, size)
    white = np.argwhere(output > 127)
    assert_array_equal(np.ptp(white, axis=0), [39, 39] if size is None else [3, 3])


def test_several_checkpoints_sample_once(tmp_path: Path) -> None:
    """Four quarter turns of noise come back to the bit, which no resampling four times over would."""
    turn = saved(network(((0, -1, 0), (1, 0, 0))), tmp_path)
    image = np.random.default_rng(2).integers(0, 256, (31, 31), np.uint8)
    assert_array_equal(SpatialTransformer.load(turn, turn)(image), np.rot90(image, 2))
    assert_array_equal(SpatialTransformer.load(turn, repeat=4)(image), image)
    assert_array_equal(SpatialTransformer.load(turn, turn, repeat=2)(image), image)


def test_a_spline(tmp_path: Path) -> None:
    points = control_points(4, 4) + np.random.default_rng(2).normal(0, 0.05, (4, 4, 2))
    transformer = SpatialTransformer.load(saved(network(points.reshape(16, 2)), tmp_path), family="tps")
    expected = warp(PHOTO, ThinPlateSpline(points.astype(np.float32).astype(np.float64)))
    assert_array_equal(transformer(PHOTO), expected)


def test_foreign_networks_take_what_is_told(tmp_path: Path) -> None:
    path = saved(network(np.zeros((2, 3)), gain=1.0, input=("N", "H", "W", 3)), tmp_path)
    transformer = SpatialTransformer.load(path, family="affine", input_size=(20, 30), normalize="0..255")
    theta = transformer.localise(np.full((50, 70), 51, np.uint8))
    assert_allclose(theta.theta[0], 51, rtol=1e-6)  # type: ignore[union-attr]
    with pytest.raises(CheckpointError, match="--input-size"):
        SpatialTransformer.load(path)


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4, 5, 6), (0, 5, 5, 3), (28, 28, 28)])
def test_what_is_no_image(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError):
        _load(tmp_path)(np.zeros(shape))


def test_arrays_of_other_libraries_are_arrays(tmp_path: Path) -> None:
    transformer = _load(tmp_path, gain=0.1)
    tensor: Any = torch.from_numpy(PHOTO)
    assert_array_equal(transformer(tensor), transformer(PHOTO))
    assert_array_equal(transformer(tensor[None]), transformer(PHOTO[None]))
    assert_array_equal(transformer.localise(tensor).theta, transformer.localise(PHOTO).theta)


@pytest.mark.parametrize(
    "images", [None, 3, "photo.png", b"photo", {"a": PHOTO}, memoryview(PHOTO), Image.new("P", (5, 5))]
)
def test_what_is_no_array_nor_a_list_of_them(tmp_path: Path, images: Any) -> None:
    with pytest.raises(ShapeError, match=f"or a list of images, as arrays, got {type(images).__name__}"):
        _load(tmp_path)(images)


def test_a_name_is_no_localiser() -> None:
    with pytest.raises(ParameterError, match=r"must be a Localiser, got 'digits'; use SpatialTransformer\.load"):
        SpatialTransformer("digits")  # type: ignore[arg-type]


def test_what_else_can_be_wrong(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="at least one checkpoint"):
        SpatialTransformer.load()
    with pytest.raises(ShapeError, match="size must be"):
        _load(tmp_path)(PHOTO, (0, 5))
    with pytest.raises(ParameterError, match="interpolation"):
        _load(tmp_path)(PHOTO, interpolation="cubicle")
    black = _load(tmp_path, nan_if_black=True)
    with pytest.raises(ThetaError, match=r"^checkpoint produced a non-finite theta$"):
        black(PHOTO * 0)
    with pytest.raises(ThetaError, match="image 2 of 2"):
        black([PHOTO, PHOTO * 0])


def test_it_stands_at_the_top(tmp_path: Path) -> None:
    assert stnwarp.SpatialTransformer is SpatialTransformer
    assert isinstance(_load(tmp_path).localiser, Localiser)


def test_enormous_theta_gives_the_fill(tmp_path: Path) -> None:
    assert (_load(tmp_path, ((1e30, 0, 1e30), (0, 1e30, 1e30)))(PHOTO, fill=7) == 7).all()


@pytest.mark.parametrize("dynamo", [True, False], ids=["exporter", "older exporter"])
def test_a_network_exported_from_pytorch(tmp_path: Path, dynamo: bool) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 5, 2),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(4),
        torch.nn.Flatten(),
        torch.nn.Linear(128, 6),
    ).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        torch.onnx.export(
            network, (torch.zeros(1, 3, 36, 44),), tmp_path / "mine.onnx", external_data=False, dynamo=dynamo
        )
    found = SpatialTransformer.load(tmp_path / "mine.onnx", normalize="imagenet").localise(PHOTO)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    values = torch.from_numpy(PHOTO).permute(2, 0, 1)[None] / 255
    small = torch.nn.functional.interpolate(values, (36, 44), mode="bilinear", antialias=True)
    expected = network((small - mean[:, None, None]) / std[:, None, None])
    assert_allclose(found.theta[:2].ravel(), expected.detach().numpy()[0], atol=1e-5)  # type: ignore[union-attr]
