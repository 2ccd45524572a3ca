"""What a network sees in training, beside what prediction sees of images that were really warped."""

import numpy as np
import pytest
import torch
from torch.nn.functional import grid_sample

from stnwarp import warp
from stnwarp.conventions import PaddingMode
from stnwarp.localisation.frames import into_frame
from stnwarp.localisation.inputs import network_input
from stnwarp.training.choices import Settings
from stnwarp.training.copies import Copies
from stnwarp.training.describing import statistics
from stnwarp.training.lattice import lattice
from stnwarp.training.ranges import Ranges
from stnwarp.training.restore import Restore
from stnwarp.training.samples import Samples, frame_metadata
from stnwarp.training.sampling import Frames, Parts, sampled
from stnwarp.training.scenes import Scenes
from stnwarp.training.warps import no_warps
from stnwarp.transforms import MatrixTransform, compose
from tests.training_data import SIDE, letter, quick

CPU = torch.device("cpu")
SHAPES = [(64, 32), (32, 64), (20, 10), (37, 64), (64, 64), (400, 130)]
PADDINGS = [PaddingMode.ZEROS, PaddingMode.BORDER, PaddingMode.REFLECTION]
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def _samples(settings: Settings, *images: np.ndarray) -> Samples:
    copies = Copies(settings, len(images))
    for image in images:
        copies.add(image)
    return copies.samples(tuple(str(number) for number in range(len(images))))


def _smooth(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Soft blobs that fill the picture to its edges: (h, w) float32 from 0 to 1, whole shades of 255."""
    coarse = np.random.default_rng(seed).random((5, 5))
    return np.rint(warp(coarse, np.eye(3)[:2], shape, interpolation="bicubic", padding_mode="border").clip(0, 1) * 255)


@pytest.mark.parametrize("side", [SIDE, 40, 200])
@pytest.mark.parametrize("text", ["angle=30", "angle=30,scale=0.4..1"])
def test_a_scene_without_a_warp_is_what_prediction_sees(side: int, text: str) -> None:
    settings = quick(ranges=Ranges.parse(text))
    image = letter("F", 1, side)
    scenes = Scenes(_samples(settings, image), settings, CPU)
    seen = scenes.inputs(torch.tensor([0]), no_warps(1))[0].numpy()
    wanted = network_input(image, frame_metadata(settings, settings.input_size))
    is_exact = side == SIDE and "scale" not in text
    assert np.abs(seen - wanted).mean() < (1e-6 if is_exact else 0.02)  # drawn finer, a picture is a little softer
    assert abs(float(seen.mean() - wanted.mean())) < 0.002


def test_the_scene_shows_the_canonical_points_where_they_are_said_to_be() -> None:
    settings = quick(ranges=Ranges.parse("angle=40,shift=0.2"))
    scenes = Scenes(_samples(settings, letter("F", 1, 64)), settings, CPU)
    generator = torch.Generator().manual_seed(1)
    index = torch.tensor([0])
    warps = scenes.draw(index, generator)
    still, moved = scenes.inputs(index, no_warps(1)), scenes.inputs(index, warps)
    points = lattice()[None] * 0.5
    before = grid_sample(still, points[:, None], align_corners=False)
    after = grid_sample(moved, warps.to_scene(points)[:, None], align_corners=False)
    assert (before - after).abs().mean() < 0.05


@each_shape
@pytest.mark.parametrize("padding_mode", PADDINGS)
@pytest.mark.parametrize("fit", ["pad", "stretch"])
def test_a_scene_is_what_prediction_sees_of_the_warped_image(
    shape: tuple[int, int], padding_mode: PaddingMode, fit: str
) -> None:
    changes = {"input_size": (32, 32), "padding_mode": padding_mode, "background": 0.25, "fit": fit}
    settings = quick(ranges=Ranges.parse("angle=50,scale=0.7..1.2,shift=0.2,perspective=1.3"), **changes)
    image = _smooth(shape).astype(np.uint8)
    scenes = Scenes(_samples(settings, *[image] * 8), settings, CPU)
    warps = scenes.draw(torch.arange(8), torch.Generator().manual_seed(2))
    seen = scenes.inputs(torch.arange(8), warps)[:, 0].numpy()
    metadata = frame_metadata(settings, settings.input_size)
    onto = into_frame(shape, metadata)
    for matrix, picture in zip(warps.matrices.double().numpy(), seen, strict=True):
        moved = compose(onto.inverse(), MatrixTransform(np.linalg.inv(matrix)), onto)
        warped = warp(image / np.float32(255), moved, padding_mode=padding_mode, fill=0.25, antialias=False)
        difference = np.abs(picture - network_input(warped, metadata)[0])
        assert difference.mean() < 0.01
        assert difference.max() < 0.12  # where pixels of one copy or the other end, a quarter of one apart


@each_shape
def test_bars_stay_where_they_are(shape: tuple[int, int]) -> None:
    settings = quick(ranges=Ranges.parse("angle=50"), input_size=(32, 32), padding_mode=PaddingMode.BORDER)
    scenes = Scenes(_samples(settings, np.full(shape, 255, np.uint8)), settings, CPU)
    still = scenes.inputs(torch.tensor([0]), no_warps(1))
    turned = scenes.inputs(torch.tensor([0]), scenes.draw(torch.tensor([0]), torch.Generator().manual_seed(0)))
    assert torch.allclose(still, turned, atol=1e-6)


def test_images_of_many_shapes_share_a_batch() -> None:
    settings = quick(ranges=Ranges.parse("angle=0.001"), input_size=(32, 32), background=0.25)
    images = [_smooth(shape, seed).astype(np.uint8) for seed, shape in enumerate(SHAPES)]
    scenes = Scenes(_samples(settings, *images), settings, CPU)
    together = scenes.inputs(torch.arange(len(images)), no_warps(len(images)))[:, 0].numpy()
    metadata = frame_metadata(settings, settings.input_size)
    for image, picture in zip(images, together, strict=True):
        assert np.abs(picture - network_input(image, metadata)[0]).mean() < 0.01


@pytest.mark.parametrize("padding_mode", PADDINGS)
def test_parts_are_padded_at_their_own_edges(padding_mode: PaddingMode) -> None:
    image = torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    points = 6 * torch.rand(2, 40, 30, 2, generator=torch.Generator().manual_seed(1)) - 3
    array = torch.full((2, 3, 9, 11), 0.0)
    array[:, :, :5, :4] = image
    parts = Parts.at_top_left(torch.tensor([[5, 4]] * 2), (9, 11))
    found = sampled(array, points, parts, padding_mode)
    wanted = grid_sample(image, points, padding_mode=padding_mode.value, align_corners=False)
    assert torch.allclose(found, wanted, atol=2e-5)


@pytest.mark.parametrize("padding_mode", PADDINGS)
def test_a_part_that_is_all_of_its_array_is_read_as_such(padding_mode: PaddingMode) -> None:
    image = torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    points = 6 * torch.rand(2, 40, 30, 2, generator=torch.Generator().manual_seed(1)) - 3
    for parts in (Parts.at_top_left(torch.tensor([[5, 4]] * 2), (5, 4)), Parts.in_middle(torch.ones(2, 2), (5, 4))):
        found, wanted = (sampled(image, points, each, padding_mode, 0.3) for each in (parts, None))
        assert torch.allclose(found, wanted, atol=2e-5)


@pytest.mark.parametrize("padding_mode", [PaddingMode.BORDER, PaddingMode.REFLECTION])
def test_nothing_of_the_bars_is_read_beside_an_image_in_the_middle(padding_mode: PaddingMode) -> None:
    frames = Frames.of(torch.tensor([[0.47, 1.0], [1.0, 0.01], [0.3, 0.6]]), (32, 32))
    array = frames.laid(torch.ones(3, 1, 32, 32), 0.0)
    parts = Parts.in_middle(torch.tensor([[0.47, 1.0], [1.0, 1 / 32], [0.3, 0.6]]), (32, 32))
    points = 6 * torch.rand(3, 40, 30, 2, generator=torch.Generator().manual_seed(1)) - 3
    found = sampled(array, points, parts, padding_mode)
    assert found[0].min() > 1 - 1e-5
    assert found[2].min() > 1 - 1e-5
    assert found[1].std() < 1e-5  # thinner than a pixel: what it shares with the bars, everywhere


def test_background_is_what_zeros_means() -> None:
    picture = torch.full((1, 1, 4, 4), 0.5)
    outside, parts = torch.full((1, 1, 1, 2), 3.0), Parts.at_top_left(torch.tensor([[4, 4]]), (4, 4))
    assert float(sampled(picture, outside, parts, PaddingMode.ZEROS, 0.8)) == pytest.approx(0.8)
    assert float(sampled(picture, outside, parts, PaddingMode.BORDER, 0.8)) == pytest.approx(0.5)


def test_what_is_canonicalised_lies_on_its_frame() -> None:
    settings = quick(ranges=Ranges.parse("angle=50"), input_size=(32, 32), padding_mode=PaddingMode.BORDER)
    samples = _samples(settings, np.full((64, 32), 255, np.uint8), np.full((32, 64), 255, np.uint8))
    with torch.no_grad():
        shown = Restore(samples, samples, settings, CPU).shown(torch.Generator().manual_seed(0))
    assert (shown.outputs - shown.inputs).abs().mean() < 0.02  # bars and all, at the identity of a new network
    inside = torch.zeros(32, 32, dtype=torch.bool)
    inside[:, 8:24] = True
    for output, wanted in zip(shown.outputs[:2, 0], (inside, inside.T), strict=True):
        assert torch.allclose(output, wanted.float(), atol=1e-6)


def test_bars_do_not_vary() -> None:
    settings = quick(ranges=Ranges.parse("angle=50"), input_size=(32, 32), background=1.0, vary=1.0)
    samples = _samples(settings, _smooth((64, 32)).astype(np.uint8), _smooth((64, 32), 1).astype(np.uint8))
    with torch.no_grad():
        shown = Restore(samples, samples, settings, CPU).shown(torch.Generator().manual_seed(0))
    assert torch.all(shown.inputs[..., :7] == 1)
    assert (shown.inputs[..., 8:24] < 1).double().mean() > 0.9


@pytest.mark.parametrize("fit", ["pad", "stretch"])
def test_statistics_are_those_of_what_the_network_sees(fit: str) -> None:
    images = [_smooth(shape, seed).astype(np.uint8) for seed, shape in enumerate(SHAPES)]
    settings = quick(ranges=Ranges.parse("angle=50"), input_size=(32, 32), fit=fit, background=0.5)
    samples = _samples(settings, *images)
    mean, std = statistics(samples, Scenes(samples, settings, CPU).shares, settings.background)
    metadata = frame_metadata(settings, settings.input_size)
    seen = np.stack([network_input(image, metadata) for image in images])
    assert mean == pytest.approx([seen.mean()], abs=0.005)
    assert std == pytest.approx([seen.std()], abs=0.01)
