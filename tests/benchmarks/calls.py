"""What a call costs beside its pixels, and what a second thread brings."""

import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

import cv2
import numpy as np

import stnwarp
from stnwarp.transforms import MatrixTransform
from tests.benchmarks.timing import Rounds, in_turns, seconds_of
from tests.implementations.scenes import Scene, smooth_image, turned

_SIDE = 64


def overheads(repeats: int) -> dict[str, tuple[float, float]]:
    """For each way to call, the microseconds of a 64x64 output and of its first pixel alone, of the same 64x64 input.

    The second has one pixel for the kernel to do: it is what the call itself costs, and the difference is the pixels.
    """
    image = smooth_image(_SIDE, _SIDE, 3)
    scene = Scene(image, turned(17, (_SIDE, _SIDE)), (_SIDE, _SIDE))
    maps = np.ascontiguousarray(np.moveaxis(image, 2, 0)[None].astype(np.float32))
    theta, matrix = scene.transform.theta, scene.matrix[:2]
    first = [[1 / _SIDE, 0, 1 / _SIDE - 1], [0, 1 / _SIDE, 1 / _SIDE - 1], [0, 0, 1]]  # the first pixel is all there is
    thetas = {(_SIDE, _SIDE): theta[:2].copy(), (1, 1): (theta @ first)[:2]}
    transforms = {size: MatrixTransform(theta) for size, theta in thetas.items()}
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    ways: dict[str, Callable[[tuple[int, int]], Callable[[], object]]] = {
        "warp, theta as an array": lambda size: partial(stnwarp.warp, image, thetas[size], size),
        "warp, a MatrixTransform": lambda size: partial(stnwarp.warp, image, transforms[size], size),
        "warp, a grid": lambda size: partial(stnwarp.warp, image, scene.grid[: size[0], : size[1]]),
        "spatial_transform": lambda size: partial(stnwarp.spatial_transform, maps, thetas[size][None], size),
        "cv2.warpAffine": lambda size: partial(cv2.warpAffine, image, matrix, size[::-1], flags=flags),
    }
    return {
        name: (_microseconds(way((_SIDE, _SIDE)), repeats), _microseconds(way((1, 1)), repeats))
        for name, way in ways.items()
    }


def _microseconds(call: Callable[[], object], repeats: int) -> float:
    """The median over bunches of calls of a call's mean: one alone is too short for the clock."""
    bunch = 100

    def calls() -> None:
        for _ in range(bunch):
            call()

    calls()
    return 1e6 / bunch * statistics.median(seconds_of(calls) for _ in range(repeats))


def second_thread(size: tuple[int, int], angle: float, rounds: Rounds) -> tuple[float, float]:
    """How many times as fast two threads (bands of rows) warp uint8 RGB as one, and two that have nothing to share.

    The second number is what the machine gives: two cores of a shared one are not always two.
    """
    scene = Scene(smooth_image(*size, 3), turned(angle, size), size)
    calls: dict[str, Callable[[], object]] = {
        str(count): partial(stnwarp.warp, scene.image, scene.transform, threads=count) for count in (1, 2)
    }
    with ThreadPoolExecutor(2) as pool:
        taken = in_turns({**calls, "apart": lambda: wait([pool.submit(calls["1"]) for _ in range(2)])}, rounds)
    return taken["1"] / taken["2"], 2 * taken["1"] / taken["apart"]
