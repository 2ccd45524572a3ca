"""The comparison table: every kind of work, and everybody who does exactly the same.

Correctness tests check each cell on small input; benchmarks check each cell on what they time, and then time it. So
nothing is timed that is not checked. A peer stands here only where it does the same work: the same formula, the same
places, whole pixels of the same kind.
"""

from functools import partial

import cv2
from PIL import Image

from tests.implementations import maps, pictures
from tests.implementations.agreement import Agreement
from tests.implementations.scenes import Scene, Tensors
from tests.implementations.work import Peer, Work

EPSILON = 2.0**-23  # of float32

_OPENCV = Agreement("coordinates in float32, and ties rounded the other way", share=0.01, worst=1)
_OPENCV_CUBIC = Agreement("coordinates rounded to 1/32 pixel, weights to 1/32768", values=1, pixels=1 / 64)
_ROUNDED = Agreement("ties rounded the other way", share=0.001, worst=1)
_PILLOW = Agreement("rounding down", values=1, is_rim_alike=False)
_PILLOW_NEAREST = Agreement("steps in 16.16 fixed point", per_pixel=2.0**-16, share=0.001, is_rim_alike=False)
_TIES = Agreement("ties of the nearest neighbour, decided by the last bit", share=0.001)
_FLOAT = Agreement("the order of a float32 sum", values=2e-6)
_FLOAT_PLACES = Agreement("coordinates in float32", values=2e-6, per_pixel=4 * EPSILON)
_GRADIENT = Agreement("the order of a float32 sum, and cells whose rim is a tie", values=1e-5, share=1e-4)

_ALONE_LANCZOS = "OpenCV's LANCZOS4 has a = 4, and Pillow has Lanczos with a = 3 for resizing only"


def _affine(kind: str, *others: Peer[Scene]) -> Work[Scene]:
    """Affine bilinear for one *kind* of pixels: these peers know all kinds."""
    floats = kind.startswith("float32")
    peers = (
        Peer("OpenCV", partial(pictures.opencv_affine, cv2.INTER_LINEAR), _FLOAT_PLACES if floats else _OPENCV),
        *others,
        Peer("scikit-image", partial(pictures.scikit_image, 1), _FLOAT_PLACES if floats else _ROUNDED),
        Peer("SciPy", partial(pictures.scipy_affine, 1), _FLOAT if floats else _ROUNDED),
    )
    return Work("affine bilinear", kind, partial(pictures.ours, "bilinear"), peers)


_PILLOW_BILINEAR = Peer("Pillow", partial(pictures.pillow, Image.Resampling.BILINEAR), _PILLOW)
_TORCH_IMAGE = Peer("PyTorch", pictures.torch_affine, _FLOAT_PLACES)

IMAGE_WORKS: tuple[Work[Scene], ...] = (
    _affine("uint8 gray", _PILLOW_BILINEAR),
    _affine("uint8 RGB", _PILLOW_BILINEAR),
    _affine("uint8 RGBA", _PILLOW_BILINEAR),
    _affine("float32 RGB", _TORCH_IMAGE),
    Work(
        "projective bilinear",
        "uint8 RGB",
        partial(pictures.ours, "bilinear"),
        (
            Peer("OpenCV", pictures.opencv_projective, _OPENCV),
            _PILLOW_BILINEAR,
            Peer("scikit-image", partial(pictures.scikit_image, 1), _ROUNDED),
        ),
    ),
    Work(
        "grid bilinear",
        "uint8 RGB",
        pictures.ours_by_grid,
        (Peer("OpenCV", pictures.opencv_grid, _OPENCV), Peer("SciPy", pictures.scipy_grid, _OPENCV)),
        is_grid_stored=True,
    ),
    Work(
        "affine bicubic",
        "uint8 RGB",
        partial(pictures.ours, "bicubic"),
        (Peer("OpenCV", partial(pictures.opencv_affine, cv2.INTER_CUBIC), _OPENCV_CUBIC),),
        neighbours=4,
    ),
    Work(
        "affine nearest",
        "uint8 RGB",
        partial(pictures.ours, "nearest"),
        (
            Peer("OpenCV", partial(pictures.opencv_affine, cv2.INTER_NEAREST), _TIES),
            Peer("Pillow", partial(pictures.pillow, Image.Resampling.NEAREST), _PILLOW_NEAREST),
            Peer("scikit-image", partial(pictures.scikit_image, 0), _TIES),
            Peer("SciPy", partial(pictures.scipy_affine, 0), _TIES),
        ),
        neighbours=1,
    ),
    Work("affine lanczos", "uint8 RGB", partial(pictures.ours, "lanczos"), (), neighbours=6, alone=_ALONE_LANCZOS),
)

TENSOR_WORKS: tuple[Work[Tensors], ...] = (
    Work(
        "spatial_transform",
        "float32",
        maps.ours_fused,
        (
            Peer("PyTorch", maps.torch_fused, _FLOAT_PLACES),
            Peer("ONNX Runtime", maps.onnxruntime_fused, _FLOAT_PLACES),
        ),
    ),
    Work(
        "grid_sample",
        "float32",
        partial(maps.ours_sampled, "bilinear"),
        (
            Peer("PyTorch", partial(maps.torch_sampled, "bilinear"), _FLOAT),
            Peer("ONNX Runtime", partial(maps.onnxruntime_sampled, "linear"), _FLOAT_PLACES),
        ),
        is_grid_stored=True,
    ),
    Work(
        "grid_sample bicubic",
        "float32",
        partial(maps.ours_sampled, "bicubic"),
        (
            Peer("PyTorch", partial(maps.torch_sampled, "bicubic"), _FLOAT),
            Peer("ONNX Runtime", partial(maps.onnxruntime_sampled, "cubic"), _FLOAT_PLACES),
        ),
        neighbours=4,
        is_grid_stored=True,
    ),
    Work(
        "grid_sample forward + backward",
        "float32",
        maps.ours_both_ways,
        (Peer("PyTorch", maps.torch_both_ways, _GRADIENT),),
        is_grid_stored=True,
        is_both_ways=True,
    ),
)

# Channels and dtype of each kind of pixels.
KINDS: dict[str, tuple[int, str]] = {
    "uint8 gray": (1, "uint8"),
    "uint8 RGB": (3, "uint8"),
    "uint8 RGBA": (4, "uint8"),
    "float32 RGB": (3, "float32"),
}
