"""Speed of `warp` against OpenCV on one thread, as ratios of medians taken in turns in one process.

    python -m tests.benchmarks.sampling [--size 1920x1080] [--angle 17] [--rounds 25]

A ratio above 1 means that stnwarp is the faster. Both results are compared first: they may differ by OpenCV rounding
coordinates to 1/32 of a pixel, and by nothing else.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from stnwarp import sampling_grid, warp
from stnwarp.transforms import from_opencv

Call = Callable[[], NDArray[np.generic]]


def calls(image: NDArray[np.generic], angle: float) -> dict[str, tuple[Call, Call]]:
    """For each kind of work, ours and OpenCV's."""
    height, width = image.shape[:2]
    size = (height, width)
    affine = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1)
    projective = np.vstack([affine, [1e-5, 2e-5, 1]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    turned = from_opencv(affine, size, size, inverse_map=True)
    tilted = from_opencv(projective, size, size, inverse_map=True)
    grid = sampling_grid(tilted, size).astype(np.float32)
    map_x = (((grid[..., 0] + 1) * width - 1) / 2).astype(np.float32)
    map_y = (((grid[..., 1] + 1) * height - 1) / 2).astype(np.float32)
    dsize = (width, height)
    return {
        "affine": (lambda: warp(image, turned), lambda: cv2.warpAffine(image, affine, dsize, flags=flags)),
        "projective": (lambda: warp(image, tilted), lambda: cv2.warpPerspective(image, projective, dsize, flags=flags)),
        "grid": (lambda: warp(image, grid), lambda: cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR)),
        "affine nearest": (
            lambda: warp(image, turned, interpolation="nearest"),
            lambda: cv2.warpAffine(image, affine, dsize, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP),
        ),
    }


def compare(ours: Call, theirs: Call, rounds: int) -> tuple[float, float]:
    """The medians of both, in milliseconds."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for call, taken in zip((ours, theirs), seconds, strict=True):
            started = time.perf_counter()
            call()
            if number:  # the first round loads or compiles the kernel
                taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds[0]), 1000 * statistics.median(seconds[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--angle", type=float, default=17)
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    kinds = {
        "uint8 RGB": (3, np.uint8),
        "uint8 gray": (1, np.uint8),
        "uint8 RGBA": (4, np.uint8),
        "float32 RGB": (3, np.float32),
    }
    print(f"{'pixels':12} {'work':15} {'ours ms':>8} {'OpenCV ms':>10} {'ratio':>6}")
    for name, (channels, dtype) in kinds.items():
        smooth = cv2.GaussianBlur(rng.integers(0, 256, (height, width, channels), dtype=np.uint8), (0, 0), 3)
        image = smooth.astype(dtype)
        for work, (ours, theirs) in calls(image, options.angle).items():
            difference = np.abs(ours().astype(np.float64) - theirs())
            assert np.median(difference) <= 1, f"{name}, {work}: not the same work"
            mine, peer = compare(ours, theirs, options.rounds)
            print(f"{name:12} {work:15} {mine:8.2f} {peer:10.2f} {peer / mine:6.2f}")


if __name__ == "__main__":
    main()
