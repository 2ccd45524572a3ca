"""Training images from an .npz: arrays of images, with their classes or their known transforms.

The images are `x_train` or `images`, (N, H, W) or (N, H, W, C); the classes `y_train` or `labels`, (N,); transforms
`theta`, (N, 2, 3), (N, 3, 3) or rows of parameters. `x_test` and `y_test` can be the validation set. Nothing is
unpickled, no array is read before its size is known, and arrays that are not used can hold anything.
"""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray

from stnwarp.errors import ImageError, ParameterFileError, StnwarpError
from stnwarp.files.opening import open_source
from stnwarp.resources import machine_memory
from stnwarp.training.choices import Settings, Size, TrainingRecipe
from stnwarp.training.copies import Copies
from stnwarp.training.samples import Samples
from stnwarp.transform_files.numpy_files import open_archive
from stnwarp.transforms import MatrixTransform, Transform, theta_from_numbers, transform_from_parameters

SUFFIX = ".npz"

_IMAGES, _LABELS, _THETA = ("x_train", "images"), ("y_train", "labels"), ("theta",)
_TEST_IMAGES, _TEST_LABELS = ("x_test",), ("y_test",)
_MATRIX_COUNTS = (2, 6, 8, 9)
_DTYPES = ("uint8", "uint16", "float16", "float32", "float64")  # of images
_ROUNDING = 0.5 / 255  # half a shade beyond black and white is lost in any case
_ZIP_ERRORS = (OSError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class Archive:
    """An .npz file of training images.

    Raises:
        ParameterFileError: it is none, or holds no images.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as archive:
            self._entries = {name.removesuffix(".npy"): name for name in archive.namelist()}

    def image_size(self) -> Size:
        """(height, width) of the training images."""
        shape = self._header(self._key(_IMAGES))
        return (shape[1], shape[2]) if len(shape) >= 3 else (1, 1)

    def training(self, settings: Settings) -> Samples:
        """The images to learn from, and to keep some back from.

        Raises:
            ParameterFileError: an array that is missing, or has a shape or numbers that cannot be.
        """
        samples = self._samples(_IMAGES, settings)
        if settings.recipe is TrainingRecipe.CLASSIFY:
            return self._labelled(samples, _LABELS)
        return self._with_transforms(samples, settings) if settings.recipe is TrainingRecipe.THETA else samples

    def test(self, settings: Settings) -> Samples:
        """The images `x_test` as a validation set; errors as `training`."""
        if settings.recipe is TrainingRecipe.THETA:
            raise ParameterFileError(f"{self._path}: a test set has no theta; keep back a share of the images instead")
        samples = self._samples(_TEST_IMAGES, settings)
        return self._labelled(samples, _TEST_LABELS) if settings.recipe is TrainingRecipe.CLASSIFY else samples

    def _samples(self, keys: Sequence[str], settings: Settings) -> Samples:
        key = self._key(keys)
        array = self._array(key)
        is_right = array.ndim == 3 or (array.ndim == 4 and array.shape[3] <= 4)
        if not is_right or len(array) < 2 or 0 in array.shape or array.dtype.name not in _DTYPES:
            raise ParameterFileError(
                f"{self._path}: {key} must be two images or more, (N, H, W) or (N, H, W, C) of uint8, uint16 or "
                f"floats from 0 to 1, got {array.dtype} of shape {array.shape}"
            )
        names = tuple(f"{key}[{index}]" for index in range(len(array)))
        copies = Copies(settings, len(array))
        for image, name in zip(array, names, strict=True):
            copies.add(self._shades(image, name))
        return copies.samples(names)

    def _labelled(self, samples: Samples, keys: Sequence[str]) -> Samples:
        key = self._key(keys)
        array = self._array(key)
        if array.shape != (len(samples),) or array.dtype.kind not in "iu" or array.min() < 0:
            raise ParameterFileError(
                f"{self._path}: {key} must be {len(samples)} class numbers from 0, got {array.dtype} {array.shape}"
            )
        learnt = array if keys is _LABELS else self._array(self._key(_LABELS))
        count = int(learnt.max()) + 1
        if len(np.unique(learnt)) < 2 or count > len(samples):
            raise ParameterFileError(f"{self._path}: {key} must hold two classes or more, numbered from 0")
        if int(array.max()) >= count:
            raise ParameterFileError(f"{self._path}: {key} holds class {array.max()}, which no image to learn from has")
        labels = torch.from_numpy(array.astype(np.int64))
        return replace(samples, labels=labels, classes=tuple(str(number) for number in range(count)))

    def _with_transforms(self, samples: Samples, settings: Settings) -> Samples:
        array = self._array(self._key(_THETA))
        if array.ndim == 0 or len(array) != len(samples) or array.dtype.kind not in "iuf":
            raise ParameterFileError(
                f"{self._path}: theta must be a transform for each of {len(samples)} images, got {array.shape}"
            )
        transforms = []
        for index, numbers in enumerate(array.astype(np.float64)):
            try:
                transforms.append(_transform(numbers, settings))
            except StnwarpError as error:
                raise ParameterFileError(f"{self._path}: theta[{index}]: {error}") from error
        return replace(samples, transforms=tuple(transforms), output_sizes=samples.sizes)

    def _key(self, keys: Sequence[str]) -> str:
        for key in keys:
            if key in self._entries:
                return key
        held = ", ".join(list(self._entries)[:8]) or "nothing"
        raise ParameterFileError(f"{self._path}: it has no array {' or '.join(keys)}; it holds {held}")

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        """The file; whatever is wrong with it while it is read is a ParameterFileError that names it."""
        try:
            with open_source(self._path, 0) as stream, open_archive(stream) as archive:
                yield archive
        except ImageError as error:
            raise ParameterFileError(f"{self._path}: {error}; DATA is a folder or an .npz file") from error
        except _ZIP_ERRORS as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise ParameterFileError(f"{self._path}: {reason}; DATA is a folder or an .npz file") from error

    @contextmanager
    def _entry(self, key: str) -> Iterator[IO[bytes]]:
        """The array called *key*, as a file; damage to it is a ParameterFileError that names it."""
        with self._opened() as archive:
            try:
                with archive.open(self._entries[key]) as entry:
                    yield entry
            except ParameterFileError:
                raise
            except (ValueError, *_ZIP_ERRORS) as error:
                raise ParameterFileError(f"{self._path}: {key} is broken: {error}") from error

    def _header(self, key: str) -> tuple[int, ...]:
        """The shape of an array, which is refused if it is no plain numbers or more than memory holds."""
        with self._entry(key) as entry:
            try:
                version = npy.read_magic(entry)
                shape, _, dtype = _HEADERS[version](entry)
            except (ValueError, KeyError, EOFError) as error:
                raise ParameterFileError(f"{self._path}: {key} is not an array; save it with numpy.savez") from error
        if dtype.hasobject or dtype.kind not in "iufb":
            raise ParameterFileError(f"{self._path}: {key} must be plain numbers, got {dtype}")
        claimed = float(np.prod(np.array(shape, float))) * dtype.itemsize
        if claimed > machine_memory():
            raise ParameterFileError(
                f"{self._path}: {key} of shape {shape} takes {claimed / 1e9:.1f} GB, more than there is"
            )
        return tuple(shape)

    def _array(self, key: str) -> NDArray[Any]:
        self._header(key)
        with self._entry(key) as entry:
            array: NDArray[Any] = npy.read_array(entry, allow_pickle=False)
        return array.astype(array.dtype.newbyteorder("="), copy=False)

    def _shades(self, image: NDArray[Any], name: str) -> NDArray[Any]:
        """*image* as images are read: whole numbers, or float32 from 0 to 1."""
        if image.dtype.kind == "u":
            return image
        low, high = float(image.min()), float(image.max())  # NaN if there is one
        if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
            raise ParameterFileError(
                f"{self._path}: {name} holds {low:g} to {high:g}, and floats must be from 0 to 1; divide them by full "
                "scale, such as 255, and leave out what is not finite"
            )
        return image.astype(np.float32)


def _transform(numbers: NDArray[np.float64], settings: Settings) -> Transform:
    if numbers.ndim == 2:
        return MatrixTransform(numbers)
    if (
        settings.control_points is not None
        and numbers.size == 2 * settings.control_points[0] * settings.control_points[1]
    ):
        return transform_from_parameters(settings.family, numbers, settings.control_points)
    if numbers.size in (3, 4):
        return transform_from_parameters(settings.family, numbers)
    return theta_from_numbers(numbers.tolist())
