"""Every cell of the comparison table: peers that are timed against stnwarp do the same work."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.implementations import IMPLEMENTATIONS
from tests.implementations.scenes import Scene, Tensors, smooth_image, tensors, tilted, turned
from tests.implementations.table import IMAGE_WORKS, KINDS, TENSOR_WORKS
from tests.implementations.work import Peer, Work

SIZE = (61, 83)


def scene_of(work: Work[Scene], angle: float, scale: float = 1.0) -> Scene:
    channels, dtype = KINDS[work.kind]
    image = smooth_image(*SIZE, channels, np.dtype(dtype).type)
    matrix = tilted(angle, SIZE) if work.name.startswith("projective") else turned(angle, SIZE, scale)
    return Scene(image, matrix, SIZE, ripple=3 if work.name.startswith("grid") else 0)


def cells(works: tuple[Work[Any], ...]) -> list[Any]:
    return [pytest.param(work, peer, id=f"{work.title}: {peer.name}") for work in works for peer in work.peers]


@pytest.mark.parametrize(("work", "peer"), cells(IMAGE_WORKS))
@pytest.mark.parametrize(("angle", "scale"), [(17, 1.0), (-131, 0.4), (3, 2.3)])
def test_a_peer_that_warps_images_does_the_same_work(
    work: Work[Scene], peer: Peer[Scene], angle: float, scale: float
) -> None:
    assert work.differences(scene_of(work, angle, scale))[peer.name] == []


@pytest.mark.parametrize(("work", "peer"), cells(TENSOR_WORKS))
@pytest.mark.parametrize(("shape", "size"), [((3, 2, 19, 24), None), ((1, 3, 40, 33), (17, 51))])
def test_a_peer_that_samples_maps_does_the_same_work(
    work: Work[Tensors], peer: Peer[Tensors], shape: tuple[int, int, int, int], size: tuple[int, int] | None
) -> None:
    given = tensors(shape, turned(17, shape[2:], output=size), size)
    assert work.differences(given)[peer.name] == []


@pytest.mark.parametrize("work", IMAGE_WORKS, ids=lambda work: work.title)
def test_other_work_is_not_taken_for_the_same(work: Work[Scene]) -> None:
    """A quarter of a pixel aside, as by another convention, no peer agrees: the tolerances are not wide open."""
    given = scene_of(work, 17)
    aside = given.matrix @ [[1, 0, 0.25], [0, 1, 0], [0, 0, 1]]
    elsewhere = replace(given, matrix=aside)
    told = replace(work, ours=lambda _: work.ours(elsewhere)).differences(given)
    assert [name for name, differences in told.items() if not differences] == []


def test_a_theta_that_is_slightly_off_is_not_taken_for_the_same() -> None:
    (work, *_) = TENSOR_WORKS
    given = tensors((2, 2, 40, 33), turned(17, (40, 33)))
    off = replace(given, thetas=given.thetas + np.float32(1e-3))
    told = replace(work, ours=lambda _: work.ours(off)).differences(given)
    assert all(told.values())


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_all_implementations_of_grid_sample_agree(mode: str) -> None:
    given = tensors((2, 3, 14, 11), turned(29, (14, 11)))
    for align_corners in (False, True):
        results = [sample(given.maps, given.grid, mode, "zeros", align_corners) for sample in IMPLEMENTATIONS.values()]
        for result in results:
            np.testing.assert_allclose(result, results[0], rtol=0, atol=3e-6)  # float32 coordinates of 14 pixels


def test_work_that_nobody_else_does_says_why() -> None:
    for work in (*IMAGE_WORKS, *TENSOR_WORKS):
        assert bool(work.alone) != bool(work.peers)
