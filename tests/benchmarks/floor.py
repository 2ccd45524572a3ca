"""The floor under a piece of work: what memory and load ports need for it at the least.

Two limits that no program gets below, however it computes:

- bytes moved: every input pixel that any output pixel reads comes in once, with the grid where one is stored, and every
  output pixel goes out once. The time is that of a copy that reads and writes as many bytes in all, measured here.
- loads: the neighbours of one row of a sample lie side by side and come with loads of 32 bytes, the widest of which the
  load ports take two each cycle. The time is their number over that, at the clock that is measured here.
"""

import math
from dataclasses import dataclass
from functools import cache

import numba
import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.timing import seconds_of
from tests.implementations.scenes import Scene, Tensors
from tests.implementations.work import Work

_LOAD = 32  # bytes
_LOADS_A_CYCLE = 2
_POINT = 8  # bytes of a float32 grid for each output pixel
_VECTOR = 64  # bytes: grids are read in a row
_CHAIN = 6  # cycles a step of the chain below takes: each operation waits for the one before


@dataclass(frozen=True)
class Floor:
    """What a piece of work needs at the least."""

    bytes_moved: float
    loads: float

    @property
    def copy_seconds(self) -> float:
        """What a copy takes that moves as many bytes."""
        return copy_seconds(int(self.bytes_moved))

    @property
    def load_seconds(self) -> float:
        """What the load ports take."""
        return self.loads / _LOADS_A_CYCLE / clock()

    @property
    def seconds(self) -> float:
        """The higher of the two."""
        return max(self.copy_seconds, self.load_seconds)

    @property
    def bound_by(self) -> str:
        """Which of the two it is."""
        return "copy" if self.copy_seconds >= self.load_seconds else "loads"


def image_floor(work: Work[Scene], given: Scene) -> Floor:
    """The floor of warping an image."""
    pixel = given.image[0, 0].nbytes
    samples, read = _samples_and_reads(given.places, given.image.shape[:2], work.neighbours)
    points = given.size[0] * given.size[1]
    grid = points * _POINT if work.is_grid_stored else 0
    loads = samples * work.neighbours * math.ceil(work.neighbours * pixel / _LOAD) + grid / _VECTOR
    return Floor(read * pixel + points * pixel + grid, loads)


def tensor_floor(work: Work[Tensors], given: Tensors) -> Floor:
    """The floor of sampling feature maps; the first image stands for all, channels are read one by one.

    Gradients are carried back in a second pass: it reads the input, the grid and the gradient, adds to as many samples
    of the input's gradient as it reads, and writes both gradients.
    """
    images, channels, *size = given.maps.shape
    x, y = (((given.grid[0, ..., axis] + 1.0) * size[1 - axis] - 1) / 2 for axis in (0, 1))
    samples, read = _samples_and_reads((x, y), (size[0], size[1]), work.neighbours)
    item, points = given.maps.itemsize, given.size[0] * given.size[1]
    grid = points * _POINT if work.is_grid_stored else 0
    loads = channels * samples * work.neighbours * math.ceil(work.neighbours * item / _LOAD) + grid / _VECTOR
    moved = channels * (read + points) * item + grid
    if work.is_both_ways:
        loads += 2 * channels * samples * work.neighbours + (grid + channels * points * item) / _VECTOR
        moved += channels * (2 * read + points) * item + 2 * grid
    return Floor(images * moved, images * loads)


def _samples_and_reads(
    places: tuple[NDArray[np.float64], NDArray[np.float64]], size: tuple[int, int], neighbours: int
) -> tuple[int, int]:
    """How many places lie inside an image of *size*, and how many different pixels they read."""
    x, y = places
    height, width = size
    inside = (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
    base = np.floor if neighbours > 1 else np.rint
    cols, rows = (base(axis[inside]).astype(np.intp) for axis in (x, y))
    back = (neighbours - 1) // 2
    first = np.zeros((height + neighbours, width + neighbours), np.bool_)
    first[rows - back + neighbours // 2, cols - back + neighbours // 2] = True
    touched = np.zeros((height + 2 * neighbours, width + 2 * neighbours), np.bool_)
    for down in range(neighbours):
        for across in range(neighbours):
            touched[down : down + first.shape[0], across : across + first.shape[1]] |= first
    return int(inside.sum()), min(int(touched.sum()), height * width)


@cache
def copy_seconds(count: int) -> float:
    """The shortest time of a copy that moves *count* bytes, half of them in and half of them out."""
    source, target = np.ones(max(1, count // 2), np.uint8), np.zeros(max(1, count // 2), np.uint8)
    return min(seconds_of(lambda: np.copyto(target, source)) for _ in range(9))


@cache
def clock() -> float:
    """Cycles a second while one thread works, by a chain of operations that take a cycle each and cannot overlap."""
    steps = np.uint64(10_000_000)
    _chain(np.uint64(1))
    return _CHAIN * float(steps) / min(seconds_of(lambda: _chain(steps)) for _ in range(5))


@numba.njit
def _chain(steps: np.uint64) -> np.uint64:
    value = np.uint64(88172645463325252)
    for _ in range(steps):
        value ^= value << np.uint64(13)
        value ^= value >> np.uint64(7)
        value ^= value << np.uint64(17)
    return value
