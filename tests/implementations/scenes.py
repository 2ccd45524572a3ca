"""What the work is done to: images and feature maps, and the places they are read at."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from stnwarp import MatrixTransform, affine_grid
from stnwarp.transforms import theta_from_pixel_matrix
from tests.implementations.agreement import Agreement

Array = NDArray[np.generic]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scene:
    """An image and where each output pixel reads it.

    Attributes:
        image: (H, W) or (H, W, C).
        matrix: (3, 3), output pixel to input pixel, centres at integers.
        size: (height, width) of the output.
        ripple: how far, in pixels, the places of a grid wave about those of the matrix.
    """

    image: Array
    matrix: Matrix
    size: tuple[int, int]
    ripple: float = 0.0

    @cached_property
    def transform(self) -> MatrixTransform:
        """The matrix as theta."""
        return MatrixTransform(theta_from_pixel_matrix(self.matrix, self.image.shape[:2], self.size, False))

    @cached_property
    def places(self) -> tuple[Matrix, Matrix]:
        """Where the output pixels are read: pixel indices x and y, each (H', W')."""
        y, x = np.mgrid[: self.size[0], : self.size[1]].astype(np.float64)
        u, v, w = (row[0] * x + row[1] * y + row[2] for row in self.matrix)
        wave = self.ripple * np.sin(np.arange(max(self.size)) / 40)
        return u / w + wave[: self.size[0], None], v / w + wave[: self.size[1]]

    @cached_property
    def grid(self) -> NDArray[np.float32]:
        """The places as a sampling grid (H', W', 2)."""
        height, width = self.image.shape[:2]
        x, y = self.places
        return np.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], axis=-1).astype(np.float32)

    @cached_property
    def maps(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The grid in pixels, as OpenCV's remap takes it."""
        x, y = self.grid_places
        return x.astype(np.float32), y.astype(np.float32)

    @property
    def grid_places(self) -> tuple[Matrix, Matrix]:
        """The places that the grid says: its coordinates are float32, this arithmetic is float64."""
        height, width = self.image.shape[:2]
        grid = self.grid.astype(np.float64)
        return ((grid[..., 0] + 1) * width - 1) / 2, ((grid[..., 1] + 1) * height - 1) / 2

    def inside(self, margin: float) -> NDArray[np.bool_]:
        """Which places lie in the image, at least *margin* pixels from its outermost centres."""
        height, width = self.image.shape[:2]
        x, y = self.places
        return (x >= margin) & (x <= width - 1 - margin) & (y >= margin) & (y <= height - 1 - margin)

    def slack(self, agreement: Agreement, neighbours: int) -> NDArray[np.floating]:
        """What an error of the coordinates excuses, at each output pixel: a tie or a step between *neighbours*.

        Near the rim, where these do not all lie inside, the image passes into the fill.
        """
        error = agreement.coordinate_error(self.image.shape[:2])
        if neighbours == 1:
            slack = np.where(self._tied(error), np.inf, 0)
        else:
            flat = self.image.astype(np.float64)
            step = max(float(np.abs(np.diff(flat, axis=axis)).max()) for axis in (0, 1))
            slack = np.where(self.inside(neighbours // 2), 2 * error * step, 2 * error * float(flat.max()))
        if not agreement.is_rim_alike:
            slack = np.where(self.inside(max(1, neighbours // 2)), slack, np.inf)
        return slack.reshape(slack.shape + (1,) * (self.image.ndim - 2))

    def _tied(self, error: float) -> NDArray[np.bool_]:
        """Which places may have another nearest pixel if they are off by *error*."""
        x, y = (np.abs(axis - np.floor(axis) - 0.5) <= error for axis in self.places)
        return x | y


@dataclass(frozen=True, eq=False)
class Tensors:
    """Float32 feature maps (N, C, H, W), a theta (2, 3) for each of them, and the (height, width) of the output."""

    maps: NDArray[np.float32]
    thetas: NDArray[np.float32]
    size: tuple[int, int]

    @property
    def output_shape(self) -> tuple[int, ...]:
        """(N, C, H', W')."""
        return (*self.maps.shape[:2], *self.size)

    @cached_property
    def grid(self) -> NDArray[np.float32]:
        """The sampling grids of the thetas, (N, H', W', 2)."""
        return affine_grid(self.thetas, self.output_shape)

    @cached_property
    def grad_output(self) -> NDArray[np.float32]:
        """A gradient to be carried back."""
        return np.random.default_rng(1).standard_normal(self.output_shape, np.float32)

    def slack(self, agreement: Agreement, neighbours: int) -> float:
        """What an error of the coordinates excuses; the fill at the rim makes the largest step."""
        return neighbours * agreement.coordinate_error(self.maps.shape[2:]) * float(np.abs(self.maps).max())


def smooth_image(height: int, width: int, channels: int, dtype: type = np.uint8, seed: int = 0) -> Array:
    """Smooth noise (H, W), or (H, W, C) for more than one channel, over all of uint8's range; floats in 0..1."""
    noise = np.random.default_rng(seed).random((height, width, channels), np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3).reshape(height, width, channels)
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    values = np.rint(255 * smooth).astype(np.uint8) if dtype == np.uint8 else smooth.astype(dtype)
    return values[..., 0] if channels == 1 else values


def turned(angle: float, size: tuple[int, int], scale: float = 1.0, output: tuple[int, int] | None = None) -> Matrix:
    """Output pixel to input pixel: a turn about the centres of both; *scale* input pixels make one of the output."""
    (height, width), (out_height, out_width) = size, output or size
    radians = np.deg2rad(angle)
    across, along = scale * np.cos(radians), scale * np.sin(radians)
    x, y, u, v = (side / 2 - 0.5 for side in (width, height, out_width, out_height))
    shift_x, shift_y = x - across * u - along * v, y + along * u - across * v
    return np.array([[across, along, shift_x], [-along, across, shift_y], [0.0, 0.0, 1.0]])


def tilted(angle: float, size: tuple[int, int]) -> Matrix:
    """A homography near `turned`, whose third row is felt by the same share at every size."""
    matrix = turned(angle, size)
    matrix[2, :2] = 0.02 / size[1], 0.04 / size[0]
    return matrix


def tensors(shape: tuple[int, int, int, int], matrix: Matrix, size: tuple[int, int] | None = None) -> Tensors:
    """Smooth feature maps of *shape*, each with a theta of its own near *matrix*, read at *size* points."""
    count, channels, height, width = shape
    output = size or (height, width)
    image = smooth_image(height, width, 1, np.float32)
    shades = np.random.default_rng(2).uniform(0.5, 1, (count, channels, 1, 1)).astype(np.float32)
    theta = theta_from_pixel_matrix(matrix, (height, width), output, False)[:2]
    jitter = np.random.default_rng(3).uniform(-0.01, 0.01, (count, 2, 3))
    return Tensors(shades * image, (theta + jitter).astype(np.float32), output)
