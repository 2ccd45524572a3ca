"""Warps that are asked for again: the same to the bit as the first time, for other pixels, and for nothing else."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stnwarp import spatial_transform, warp
from stnwarp.errors import ParameterError
from stnwarp.kernels.compiler.compiled_kernel import collect_specialisations
from stnwarp.sampling import prepared_warp
from stnwarp.sampling.prepared_warp import PreparedWarp
from stnwarp.transforms import MatrixTransform
from tests.combinations import combinations
from tests.kernels.test_compiled_kernel import compiled_only

THETA = np.array([[0.8, -0.3, 0.1], [0.3, 0.8, -0.2]])


@pytest.fixture(autouse=True)
def prepared(monkeypatch: pytest.MonkeyPatch) -> dict[Any, Any]:
    """What has been prepared: nothing, at first."""
    kept: dict[Any, Any] = {}
    monkeypatch.setattr(prepared_warp, "_prepared", kept)
    return kept


def noise(seed: int, dtype: type, channels: int = 3) -> NDArray[Any]:
    numbers = np.random.default_rng(seed).random((31, 40, channels))
    return (numbers * (200 if np.issubdtype(dtype, np.integer) else 1)).astype(dtype)


def without_key(image: NDArray[Any]) -> NDArray[Any]:
    """The same pixels, from the last row of memory to the first."""
    return np.flip(np.flip(image, 0).copy(), 0)


@combinations(
    again={"dtype": []},  # kernels of all kinds run again elsewhere
    dtype=[np.uint8, np.uint16, np.float16, np.float32, np.float64],
    channels=[1, 3, 4, 5],
    interpolation=["nearest", "bilinear", "bicubic", "lanczos"],
    padding_mode=["fill", "zeros", "border", "reflection", "wrap", "wrap,border"],
    fill=[0, 0.5, [0.5]],
    size=[None, (20, 300)],
)
def test_the_third_warp_is_that_of_an_array_never_seen_before(
    dtype: type, channels: int, interpolation: str, padding_mode: str, fill: Any, size: tuple[int, int] | None
) -> None:
    modes: dict[str, Any] = {"interpolation": interpolation, "padding_mode": padding_mode, "fill": fill}
    for seed in range(4):
        image = noise(seed, dtype, channels)
        image.setflags(write=False)
        before = image.copy()
        ours = warp(image, THETA, size, **modes)
        np.testing.assert_array_equal(ours, warp(without_key(image), THETA, size, **modes), strict=True)
        np.testing.assert_array_equal(image, before)
        assert ours.flags.writeable
        assert ours.flags.owndata


@compiled_only
def test_it_is_prepared_the_second_time(prepared: dict[Any, Any]) -> None:
    image = noise(0, np.uint8)
    warp(image, THETA)
    assert list(prepared.values()) == [None]
    warp(image, THETA)
    assert [type(value) for value in prepared.values()] == [PreparedWarp]


@pytest.mark.parametrize(
    ("theta", "modes"),
    [
        (np.vstack([THETA, [0.1, 0, 1]]), {}),
        (2 * THETA, {}),
        (THETA, {"interpolation": "nearest"}),
    ],
    ids=["projective", "shrinks", "nearest"],
)
def test_what_takes_more_than_one_kernel_or_none_of_its_own_is_not_prepared(
    prepared: dict[Any, Any], theta: NDArray[Any], modes: dict[str, Any]
) -> None:
    for seed in range(3):
        warp(noise(seed, np.uint8), theta, **modes)
    assert list(prepared.values()) == [False]


def test_other_arguments_are_another_warp() -> None:
    image, theta = noise(0, np.uint8), THETA.copy()
    base: dict[str, Any] = {"fill": 3, "padding_mode": "zeros"}
    for _ in range(3):
        first = warp(image, theta, **base)
    others: list[dict[str, Any]] = [
        {"size": (31, 41)},
        {"interpolation": "bicubic"},
        {"padding_mode": "border"},
        {"fill": 4},
        {"fill": [1, 2, 3]},
        {"align_corners": True},
    ]
    for other in others:
        assert not np.array_equal(warp(image, theta, **(base | other)), first), other
    assert not np.array_equal(warp(image[:, :, :1].copy(), theta, **base), first)
    assert warp(image.astype(np.float32), theta, **base).dtype == np.float32
    theta[0, 0] = 0.7  # in place
    assert not np.array_equal(warp(image, theta, **base), first)
    with pytest.raises(ParameterError, match="padding_mode"):
        warp(image, THETA, padding_mode="no such mode")


def test_both_sides_of_a_horizon_have_keys_of_their_own() -> None:
    image, theta = noise(0, np.uint8), np.array([[1, 0, 0], [0, 1, 0], [0.9, 0, -0.3]])
    for _ in range(3):
        front, back = (warp(image, MatrixTransform(theta, front=sign)) for sign in (1, -1))
        assert not np.array_equal(front, back)


def test_threads_do_not_get_into_each_others_way() -> None:
    images = [noise(seed, np.float32) for seed in range(40)]
    expected = [warp(without_key(image), THETA) for image in images]
    with ThreadPoolExecutor(4) as pool:
        for ours, right in zip(pool.map(lambda image: warp(image, THETA), images), expected, strict=True):
            np.testing.assert_array_equal(ours, right, strict=True)


@compiled_only
def test_kernels_of_prepared_warps_are_collected() -> None:
    image = noise(0, np.uint8)
    for _ in range(3):
        warp(image, THETA)
    with collect_specialisations() as needed:
        warp(image, THETA)
    assert [each.kernel.name for each in needed] == ["bilinear_uint8_rows"]


def test_the_third_batch_is_that_of_thetas_never_seen_before() -> None:
    rng = np.random.default_rng(3)
    thetas = np.stack([THETA, 0.9 * THETA, THETA - 0.1])
    for _ in range(4):
        maps = rng.random((3, 2, 20, 30), dtype=np.float32)
        ours = spatial_transform(maps, thetas, (25, 31), "bilinear", "border")
        single = [
            spatial_transform(each[None], theta[None], (25, 31), "bilinear", "border")
            for each, theta in zip(maps, thetas, strict=True)
        ]
        np.testing.assert_array_equal(ours, np.concatenate(single), strict=True)


def test_pictures_without_channels_stay_without() -> None:
    for _ in range(4):
        assert warp(np.zeros((5, 6, 0), np.uint8), THETA).shape == (5, 6, 0)
        assert spatial_transform(np.zeros((1, 0, 5, 6)), THETA[None]).shape == (1, 0, 5, 6)


def test_no_more_than_some_are_kept(prepared: dict[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared_warp, "_MOST", 3)
    image = noise(0, np.uint8)
    for shift in range(10):
        warp(image, THETA + shift / 100)
    assert 1 <= len(prepared) <= 3
