"""The spatial transformer: a localisation network, the grid generator and the sampler, NumPy in and NumPy out.

Convention: theta maps normalised output coordinates to normalised input coordinates (x, y), x to the right, y down; the
checkpoint tells align_corners.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stnwarp.errors import ParameterError, ShapeError
from stnwarp.localisation import Checkpoint, Localiser
from stnwarp.sampling.arrays import check_size
from stnwarp.sampling.fused import warp
from stnwarp.transforms import Transform

Size = tuple[int, int]
Images = NDArray[Any] | Sequence[ArrayLike]

_SHAPES = "(H, W), (H, W, C), (N, H, W, C) or a list of images"
_NO_LISTS = (str, bytes, bytearray, memoryview, Mapping)


class SpatialTransformer:
    """Localise, generate, sample: images to images in canonical pose.

    The networks look at a small antialiased copy; the image itself is read once, at its full resolution.

    Args:
        localiser: the networks; `SpatialTransformer.load` takes names and paths instead.

    Raises:
        ParameterError: something else than a Localiser.

    Source: Jaderberg et al., Spatial Transformer Networks, 2015.
    """

    def __init__(self, localiser: Localiser) -> None:
        if not isinstance(localiser, Localiser):  # a name or a path, by the most
            raise ParameterError(f"localiser must be a Localiser, got {localiser!r}; use SpatialTransformer.load")
        self.localiser = localiser

    @classmethod
    def load(
        cls,
        *names_or_paths: str | os.PathLike[str],
        repeat: int = 1,
        family: str | None = None,
        input_size: Size | None = None,
        normalize: str | None = None,
        threads: int = 1,
    ) -> "SpatialTransformer":
        """The transformer of one checkpoint, or of several in sequence, whose parameters are composed.

        Args:
            names_or_paths: names of checkpoints that come with the package, or paths of ONNX files.
            repeat: how often the whole sequence is run, each time on what it made of the image so far.
            family, input_size, normalize: for networks without metadata; see `Checkpoint.load`.
            threads: of onnxruntime, for one run of a network.

        Raises:
            CheckpointError: a checkpoint that cannot be used, or two that do not go together.
            ParameterError: an argument that cannot be.
        """
        told: dict[str, Any] = {"family": family, "input_size": input_size, "normalize": normalize}
        checkpoints = [Checkpoint.load(each, **told, threads=threads) for each in names_or_paths]
        return cls(Localiser(checkpoints, repeat))

    @overload
    def localise(self, images: NDArray[Any], size: Size | None = None) -> Transform | list[Transform]: ...
    @overload
    def localise(self, images: Sequence[ArrayLike], size: Size | None = None) -> list[Transform]: ...
    def localise(self, images: Images, size: Size | None = None) -> Transform | list[Transform]:
        """The transform that takes each of *images* to canonical pose, without warping it.

        Args:
            images, size: as in a call. The size matters only for networks that see padded images.

        Returns:
            A Transform for one image, or a list of them; `warp` takes each, with the checkpoint's align_corners.

        Raises:
            ShapeError, ThetaError, CheckpointError: as in a call.
        """
        given = _given(images)
        transforms = self.localiser.localise(_separate(given), self._output_size(size))
        return transforms[0] if _is_one(given) else transforms

    @overload
    def __call__(
        self,
        images: NDArray[Any],
        size: Size | None = None,
        *,
        interpolation: str = "bilinear",
        padding_mode: str = "fill",
        fill: ArrayLike = 0,
        antialias: bool = True,
        threads: int = 1,
    ) -> NDArray[Any]: ...
    @overload
    def __call__(
        self,
        images: Sequence[ArrayLike],
        size: Size | None = None,
        *,
        interpolation: str = "bilinear",
        padding_mode: str = "fill",
        fill: ArrayLike = 0,
        antialias: bool = True,
        threads: int = 1,
    ) -> list[NDArray[Any]]: ...
    def __call__(
        self,
        images: Images,
        size: Size | None = None,
        *,
        interpolation: str = "bilinear",
        padding_mode: str = "fill",
        fill: ArrayLike = 0,
        antialias: bool = True,
        threads: int = 1,
    ) -> NDArray[Any] | list[NDArray[Any]]:
        """*images* in canonical pose.

        Args:
            images: one image (H, W) or (H, W, C), a list of images of any sizes, or a batch (N, H, W, C); C is 1 for
                gray, 2 for gray and alpha, 3 for RGB, 4 for RGB and alpha; uint8, uint16, or floats from 0 to 1.
            size: (height, width) of the outputs; by default the checkpoint's canonical size, or each image's own if
                it has none.
            interpolation, padding_mode, fill, antialias: as in `warp`.
            threads: as in `warp`; it does not change the result.

        Returns:
            An array like the image, a list of them, or a batch (N, height, width, C); of the images' dtypes.

        Raises:
            ShapeError: images or size of the wrong shape.  ThetaError: the network's numbers cannot be used.
            ParameterError: as in `warp`.  CheckpointError: the network cannot be run.
        """
        given = _given(images)
        pictures, output_size = _separate(given), self._output_size(size)
        outputs = [
            warp(
                picture,
                transform,
                output_size,
                interpolation=interpolation,
                padding_mode=padding_mode,
                fill=fill,
                antialias=antialias,
                align_corners=self.localiser.align_corners,
                threads=threads,
            )
            for picture, transform in zip(pictures, self.localiser.localise(pictures, output_size), strict=True)
        ]
        if _is_one(given):
            return outputs[0]
        return np.stack(outputs) if isinstance(given, np.ndarray) else outputs

    def _output_size(self, size: Size | None) -> Size | None:
        return self.localiser.output_size if size is None else check_size(size)


def _given(images: object) -> NDArray[Any] | list[ArrayLike]:
    """*images* as one array, if that is what they are to NumPy by their own word, or else a list of images."""
    if hasattr(images, "__array__"):
        array = np.asarray(images)
        if array.ndim not in (2, 3, 4) or 0 in array.shape:
            raise ShapeError(f"images must be {_SHAPES}, got {array.shape}")
        return array
    if not isinstance(images, Iterable) or isinstance(images, _NO_LISTS):
        raise ShapeError(f"images must be {_SHAPES}, as arrays, got {type(images).__name__}")
    return list(images)


def _separate(images: NDArray[Any] | list[ArrayLike]) -> Sequence[ArrayLike]:
    """*images* one by one."""
    return [images] if _is_one(images) else list(images)


def _is_one(images: NDArray[Any] | list[ArrayLike]) -> TypeGuard[NDArray[Any]]:
    return isinstance(images, np.ndarray) and images.ndim < 4
