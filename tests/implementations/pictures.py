"""Warping pictures: the peers that can, each with the call that does exactly that."""

from functools import partial

import cv2
import numpy as np
import scipy.ndimage
import skimage.transform
import torch
from PIL import Image

from stnwarp.transforms import to_pillow
from tests.implementations.agreement import Array
from tests.implementations.scenes import Scene
from tests.implementations.work import Call
from tests.positions import warp


def ours(interpolation: str, scene: Scene) -> Call:
    """By theta, generator and sampler fused."""
    return partial(warp, scene.image, scene.transform, scene.size, interpolation=interpolation)


def ours_by_grid(scene: Scene) -> Call:
    return partial(warp, scene.image, scene.grid)


def opencv_affine(interpolation: int, scene: Scene) -> Call:
    flags = interpolation | cv2.WARP_INVERSE_MAP
    return partial(cv2.warpAffine, scene.image, scene.matrix[:2], scene.size[::-1], flags=flags)


def opencv_projective(scene: Scene) -> Call:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return partial(cv2.warpPerspective, scene.image, scene.matrix, scene.size[::-1], flags=flags)


def opencv_grid(scene: Scene) -> Call:
    return partial(cv2.remap, scene.image, *scene.maps, cv2.INTER_LINEAR)


def pillow(interpolation: int, scene: Scene) -> Call:
    """Four channels go in as CMYK: of RGBA, Pillow would premultiply the alpha, which is other work."""
    height, width = scene.image.shape[:2]
    mode = {2: "L", 3: "RGB"}[scene.image.ndim] if scene.image.shape[2:] != (4,) else "CMYK"
    picture = Image.frombuffer(mode, (width, height), scene.image.tobytes(), "raw", mode, 0, 1)
    data = to_pillow(scene.transform, (height, width), scene.size)
    method = Image.Transform.AFFINE if len(data) == 6 else Image.Transform.PERSPECTIVE
    return partial(picture.transform, scene.size[::-1], method, data, Image.Resampling(interpolation))


def scikit_image(order: int, scene: Scene) -> Call:
    """It returns floats: rounding them back belongs to the work."""

    def call() -> Array:
        out = skimage.transform.warp(
            scene.image, scene.matrix, output_shape=scene.size, order=order, preserve_range=True
        )
        return np.rint(out).astype(np.uint8) if scene.image.dtype == np.uint8 else out

    return call


def scipy_affine(order: int, scene: Scene) -> Call:
    """One channel after the other: it knows no channels."""
    matrix, offset = scene.matrix[[1, 0]][:, [1, 0]], scene.matrix[[1, 0], 2]
    planes = _planes(scene.image)

    def call() -> Array:
        output = np.empty((*scene.size, *scene.image.shape[2:]), scene.image.dtype)
        for plane, result in zip(planes, _planes(output), strict=True):
            scipy.ndimage.affine_transform(
                plane, matrix, offset, scene.size, result, order, mode="grid-constant", prefilter=False
            )
        return output

    return call


def scipy_grid(scene: Scene) -> Call:
    """One channel after the other: it knows no channels."""
    x, y = scene.maps
    places, planes = np.stack([y, x]), _planes(scene.image)

    def call() -> Array:
        output = np.empty((*scene.size, *scene.image.shape[2:]), scene.image.dtype)
        for plane, result in zip(planes, _planes(output), strict=True):
            scipy.ndimage.map_coordinates(plane, places, result, 1, mode="grid-constant", prefilter=False)
        return output

    return call


def _planes(image: Array) -> list[Array]:
    return [image] if image.ndim == 2 else [image[..., channel] for channel in range(image.shape[2])]


def torch_affine(scene: Scene) -> Call:
    """Of floats only; the channels stay where they are, last in memory."""
    maps = torch.from_numpy(scene.image).permute(2, 0, 1)[None]
    theta = torch.from_numpy(scene.transform.theta[None, :2].astype(np.float32))

    def call() -> torch.Tensor:
        grid = torch.nn.functional.affine_grid(theta, (1, 1, *scene.size), align_corners=False)
        return torch.nn.functional.grid_sample(maps, grid, align_corners=False)[0].permute(1, 2, 0)

    return call
