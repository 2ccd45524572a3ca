"""Who warps pictures that shrink: each with a kernel, and what comes nearest to an average with it.

All read the edge's pixels beyond the edge. Programs and packages that are not installed are left out.
"""

import importlib.util
import math
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.transform
import torch
from PIL import Image

import stnwarp
from tests.implementations.agreement import Array
from tests.implementations.scenes import Matrix, Scene
from tests.implementations.work import Call

_CENTRES = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # from pixel indices to coordinates of pixel edges
_CV2_FLAGS = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}


@dataclass(frozen=True)
class Peer:
    """One way to warp a picture.

    Attributes:
        name: who, and how.
        kernel: the interpolation whose kernel it averages with, or comes nearest to.
        prepare: the work, for a scene; None where it cannot be done in this way.
        overhead: what the work does beside warping, to be taken off its time.
    """

    name: str
    kernel: str
    prepare: Callable[[Scene], Call | None]
    overhead: Callable[[Scene], Call] | None = None


def peers(folder: Path) -> list[Peer]:
    """Everybody who is installed, stnwarp first; `folder` is for the files of programs."""
    found = []
    for kernel in ("bilinear", "bicubic", "lanczos"):
        found.append(Peer("stnwarp", kernel, partial(_stnwarp, kernel, True)))
        found.append(Peer("stnwarp, antialias=False", kernel, partial(_stnwarp, kernel, False)))
    found += [
        Peer("OpenCV", "bilinear", partial(_opencv, "bilinear")),
        Peer("OpenCV", "bicubic", partial(_opencv, "bicubic")),
        Peer("OpenCV, resize by area first", "bilinear", _opencv_resized),
        Peer("OpenCV, Gaussian blur first", "bilinear", _opencv_blurred),
        Peer("OpenCV, k x k samples", "bilinear", _opencv_supersampled),
        Peer("Pillow", "bilinear", partial(_pillow, Image.Resampling.BILINEAR)),
        Peer("Pillow, reduce first", "bilinear", _pillow_reduced),
        Peer("Pillow, resize first", "bilinear", partial(_pillow_resized, "BILINEAR", "BILINEAR")),
        Peer("Pillow, resize by Lanczos first", "lanczos", partial(_pillow_resized, "LANCZOS", "BICUBIC")),
        Peer("scikit-image", "bilinear", partial(_scikit_image, False)),
        Peer("scikit-image, resize first", "bilinear", partial(_scikit_image, True)),
        Peer("PyTorch, interpolate first", "bilinear", partial(_torch, "bilinear")),
        Peer("PyTorch, interpolate first", "bicubic", partial(_torch, "bicubic")),
    ]
    if program := shutil.which("magick") or shutil.which("convert"):
        magick = _ImageMagick(program, folder)
        found += [
            Peer("ImageMagick, Triangle", "bilinear", partial(magick.warp, ["-filter", "Triangle"]), magick.copy),
            Peer("ImageMagick, Lanczos", "lanczos", partial(magick.warp, ["-filter", "Lanczos"]), magick.copy),
        ]
    if importlib.util.find_spec("OpenImageIO"):
        found.append(Peer("OpenImageIO, triangle", "bilinear", partial(_openimageio, "triangle")))
        found.append(Peer("OpenImageIO, lanczos3", "lanczos", partial(_openimageio, "lanczos3")))
    return found


def _stnwarp(kernel: str, antialias: bool, scene: Scene) -> Call:
    options: dict[str, Any] = {"interpolation": kernel, "antialias": antialias}
    return partial(stnwarp.warp, scene.image, scene.transform, scene.size, **options)


def _is_affine(matrix: Matrix) -> bool:
    return not matrix[2, :2].any()


def shrinks(matrix: Matrix) -> tuple[float, float]:
    """How far an output pixel of an affine map reaches along x and y, in input pixels; at least 1."""
    x, y = np.hypot(matrix[:2, 0], matrix[:2, 1])
    return max(1.0, x), max(1.0, y)


def _reduced_size(scene: Scene) -> tuple[int, int]:
    """(width, height) of the picture whose pixels are as long as an output pixel reaches along x and y."""
    x, y = shrinks(scene.matrix)
    return max(1, round(scene.image.shape[1] / x)), max(1, round(scene.image.shape[0] / y))


def _in_size(scene: Scene, size: tuple[int, int]) -> Matrix:
    """The scene's matrix for its picture resized to (width, height)."""
    scale = np.diag([size[0] / scene.image.shape[1], size[1] / scene.image.shape[0], 1])
    return np.linalg.inv(_CENTRES) @ scale @ _CENTRES @ scene.matrix


def _cv2_warp(image: Array, matrix: Matrix, size: tuple[int, int], interpolation: int = cv2.INTER_LINEAR) -> Array:
    flags = interpolation | cv2.WARP_INVERSE_MAP
    options: dict[str, Any] = {"flags": flags, "borderMode": cv2.BORDER_REPLICATE}
    if _is_affine(matrix):
        return cv2.warpAffine(image, matrix[:2], size[::-1], **options)
    return cv2.warpPerspective(image, matrix, size[::-1], **options)


def _opencv(kernel: str, scene: Scene) -> Call:
    return partial(_cv2_warp, scene.image, scene.matrix, scene.size, _CV2_FLAGS[kernel])


def _opencv_resized(scene: Scene) -> Call | None:
    if not _is_affine(scene.matrix):
        return None
    size = _reduced_size(scene)
    matrix = _in_size(scene, size)
    return lambda: _cv2_warp(cv2.resize(scene.image, size, interpolation=cv2.INTER_AREA), matrix, scene.size)


def _opencv_blurred(scene: Scene) -> Call | None:
    """A Gaussian as wide as the hat that is as long as an output pixel reaches."""
    if not _is_affine(scene.matrix):
        return None
    x, y = (math.sqrt(max(shrink**2 - 1, 0.01) / 6) for shrink in shrinks(scene.matrix))
    return lambda: _cv2_warp(cv2.GaussianBlur(scene.image, (0, 0), sigmaX=x, sigmaY=y), scene.matrix, scene.size)


def _opencv_supersampled(scene: Scene) -> Call | None:
    """As many samples for an output pixel, each way, as its longer side has input pixels."""
    if not _is_affine(scene.matrix):
        return None
    count = math.ceil(np.linalg.norm(scene.matrix[:2, :2], 2))
    finer = np.linalg.inv(_CENTRES) @ np.diag([1 / count, 1 / count, 1]) @ _CENTRES
    matrix, size = scene.matrix @ finer, (count * scene.size[0], count * scene.size[1])
    return lambda: cv2.resize(_cv2_warp(scene.image, matrix, size), scene.size[::-1], interpolation=cv2.INTER_AREA)


def _between_edges(matrix: Matrix) -> Matrix:
    """The matrix for coordinates that are 0 at the outer edge of the first pixel, not at its centre."""
    edges = _CENTRES @ matrix @ np.linalg.inv(_CENTRES)
    return np.asarray(edges / edges[2, 2])


def _pillow_warp(picture: Image.Image, matrix: Matrix, scene: Scene, resampling: Image.Resampling) -> Array:
    method, count = (Image.Transform.AFFINE, 6) if _is_affine(matrix) else (Image.Transform.PERSPECTIVE, 8)
    data = _between_edges(matrix).ravel()[:count].tolist()
    return np.asarray(picture.transform(scene.size[::-1], method, data, resampling))


def _pillow(resampling: Image.Resampling, scene: Scene) -> Call:
    return partial(_pillow_warp, Image.fromarray(scene.image), scene.matrix, scene, resampling)


def _pillow_reduced(scene: Scene) -> Call | None:
    """By whole factors, as `Image.reduce` does."""
    if not _is_affine(scene.matrix):
        return None
    picture, factors = Image.fromarray(scene.image), tuple(round(shrink) for shrink in shrinks(scene.matrix))
    scale = np.diag([1 / factors[0], 1 / factors[1], 1])
    matrix = np.linalg.inv(_CENTRES) @ scale @ _CENTRES @ scene.matrix
    return lambda: _pillow_warp(picture.reduce(factors), matrix, scene, Image.Resampling.BILINEAR)


def _pillow_resized(first: str, second: str, scene: Scene) -> Call | None:
    if not _is_affine(scene.matrix):
        return None
    picture, size = Image.fromarray(scene.image), _reduced_size(scene)
    matrix, filters = _in_size(scene, size), (Image.Resampling[first], Image.Resampling[second])
    return lambda: _pillow_warp(picture.resize(size, filters[0]), matrix, scene, filters[1])


def _scikit_image(resize: bool, scene: Scene) -> Call | None:
    options: dict[str, Any] = {"order": 1, "mode": "edge", "preserve_range": True}
    if not resize:
        return partial(skimage.transform.warp, scene.image, scene.matrix, output_shape=scene.size, **options)
    if not _is_affine(scene.matrix):
        return None
    size = _reduced_size(scene)
    matrix = _in_size(scene, size)

    def call() -> Array:
        small = skimage.transform.resize(scene.image, size[::-1], anti_aliasing=True, **options)
        return skimage.transform.warp(small, matrix, output_shape=scene.size, **options)

    return call


def _torch(mode: str, scene: Scene) -> Call | None:
    """Of float32 maps, made beforehand."""
    if not _is_affine(scene.matrix):
        return None
    maps = torch.from_numpy(scene.image).permute(2, 0, 1)[None].float().contiguous()
    theta = torch.from_numpy(scene.transform.theta[None, :2].astype(np.float32))
    size = _reduced_size(scene)[::-1]

    def call() -> Array:
        small = torch.nn.functional.interpolate(maps, size, mode=mode, antialias=True, align_corners=False)
        grid = torch.nn.functional.affine_grid(theta, (1, 1, *scene.size), align_corners=False)
        warped = torch.nn.functional.grid_sample(small, grid, mode, "border", align_corners=False)
        return warped[0].permute(1, 2, 0).numpy()

    return call


class _ImageMagick:
    """The program, by files of bare pixels, one thread."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._source, self._target = program, folder / "source.ppm", folder / "target.ppm"

    def warp(self, filtering: list[str], scene: Scene) -> Call:
        (a, b, c), (d, e, f), (g, h, _) = _between_edges(np.linalg.inv(scene.matrix))
        method = "AffineProjection" if _is_affine(scene.matrix) else "PerspectiveProjection"
        numbers = (a, d, b, e, c, f) if _is_affine(scene.matrix) else (a, b, c, d, e, f, g, h)
        viewport = f"distort:viewport={scene.size[1]}x{scene.size[0]}+0+0"
        projection = ["-define", viewport, "-virtual-pixel", "Edge", "-distort", method]
        return self._run(scene, [*filtering, *projection, ",".join(f"{number:.15g}" for number in numbers)])

    def copy(self, scene: Scene) -> Call:
        """Read the same picture and write one of the same size."""
        return self._run(scene, ["-crop", f"{scene.size[1]}x{scene.size[0]}+0+0"])

    def _run(self, scene: Scene, steps: list[str]) -> Call:
        Image.fromarray(scene.image).save(self._source)
        one_thread = {**os.environ, "MAGICK_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1"}
        command = [self._program, str(self._source), "-limit", "thread", "1", *steps, "+repage", "-depth", "8"]

        def call() -> Array:
            subprocess.run([*command, str(self._target)], check=True, capture_output=True, env=one_thread)
            with Image.open(self._target) as image:
                return np.asarray(image)

        return call


def _openimageio(name: str, scene: Scene) -> Call | None:
    """Of the plane to the horizon, Lanczos takes minutes: its filters are squares as long as footprints are."""
    if name == "lanczos3" and not _is_affine(scene.matrix):
        return None
    import OpenImageIO as oiio

    (height, width), (rows, columns) = scene.image.shape[:2], scene.size
    oiio.attribute("threads", 1)
    source = oiio.ImageBuf(oiio.ImageSpec(width, height, 3, oiio.UINT8))
    source.set_pixels(source.roi, scene.image)
    forward = _between_edges(np.linalg.inv(scene.matrix)).T
    region = oiio.ROI(0, columns, 0, rows, 0, 1, 0, 3)

    def call() -> Array:
        result = oiio.ImageBuf(oiio.ImageSpec(columns, rows, 3, oiio.UINT8))
        oiio.ImageBufAlgo.warp(result, source, tuple(forward.ravel().tolist()), name, 0.0, False, "clamp", region, 1)
        return np.asarray(result.get_pixels(oiio.UINT8))

    return call
