"""Training images from folders: found, read, and made small one by one; what cannot be read is named and left out."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from stnwarp.conventions import DEFAULT_ALIGN_CORNERS, DEFAULT_MAX_PIXELS
from stnwarp.errors import ImageError, NothingMatchedError, ParameterError
from stnwarp.images.decode import read_picture
from stnwarp.images.formats import SUFFIXES
from stnwarp.images.probe import opened_image
from stnwarp.images.seen import as_seen
from stnwarp.localisation.frames import inset
from stnwarp.localisation.metadata import Metadata
from stnwarp.params import Parameters, read_parameters
from stnwarp.training.choices import Settings, Size
from stnwarp.training.samples import Samples, frame_metadata, frame_size, small_copy
from stnwarp.transforms import MatrixTransform, SizeMode, SizeRequest, Transform, compose

Reject = Callable[[str, str], None]  # called with the name of an image that is left out, and why


@dataclass(frozen=True)
class Found:
    """An image file of the training data: where it is, its name below the folder, and its class's number."""

    path: Path
    name: str
    label: int = 0


def read_folder(folder: Path, settings: Settings, reject: Reject) -> Samples:
    """Every image below *folder*.

    Raises:
        NothingMatchedError: no image is there, or none can be read.  ParameterError: more than memory holds.
    """
    return _read(images_below(folder), folder, settings, reject)


def images_below(folder: Path) -> list[Found]:
    """The image files in *folder* and its sub-folders, by name."""
    return [Found(path, _name(path, folder)) for path in _images(folder)]


def read_classes(folder: Path, settings: Settings, reject: Reject) -> Samples:
    """Every image below the folders in *folder*, each of which is a class.

    Raises:
        NothingMatchedError: as `read_folder`.  ParameterError: fewer than two classes, or more than memory holds.
    """
    classes = [entry for entry in _entries(folder) if entry.is_dir()]
    found = [Found(path, _name(path, folder), label) for label, entry in enumerate(classes) for path in _images(entry)]
    if len({image.label for image in found}) < 2:
        raise ParameterError(f"{folder}: recipe classify needs a folder of images for each of two classes or more")
    return _read(found, folder, settings, reject, tuple(entry.name for entry in classes))


def read_listed(folder: Path, file: Path, settings: Settings, reject: Reject) -> Samples:
    """The images below *folder* that the parameter file *file* has a transform for.

    Raises:
        ParameterFileError: *file* cannot be used.  NothingMatchedError: it lists no image that can be read.
    """
    parameters = read_parameters(file)
    listed = [image for image in images_below(folder) if image.name in parameters.lines]
    if not listed:
        raise NothingMatchedError(f"{file} has no row for an image in {folder}; its rows name files below that folder")
    samples = _read(listed, folder, settings, reject)
    return _with_transforms(samples, parameters, reject)


def _with_transforms(samples: Samples, parameters: Parameters, reject: Reject) -> Samples:
    kept: list[int] = []
    transforms: list[Transform] = []
    sizes: list[Size] = []
    for index, name in enumerate(samples.names):
        try:
            transform, size = _known(parameters, name, _size(samples, index))
        except ParameterError as error:
            reject(name, str(error))
            continue
        kept.append(index)
        transforms.append(transform)
        sizes.append(size)
    if len(kept) < 2:
        raise NothingMatchedError(
            f"{parameters.path}: {len(kept)} rows hold a transform, and training needs two at the least; list them as "
            "--save-params does"
        )
    chosen = samples.chosen(torch.tensor(kept))
    return Samples(
        chosen.pictures, chosen.sizes, chosen.names, transforms=tuple(transforms), output_sizes=torch.tensor(sizes)
    )


def _known(parameters: Parameters, name: str, size: Size) -> tuple[Transform, Size]:
    """The transform of the image called so, between outer edges, and the size of its output."""
    row = parameters.row(name)
    assert row is not None
    request = SizeRequest(SizeMode.EXACT, row.output_size) if row.output_size else SizeRequest(SizeMode.SAME)
    align_corners = DEFAULT_ALIGN_CORNERS if parameters.align_corners is None else parameters.align_corners
    placed = row.recipe().place(size, request, align_corners)
    if not align_corners:
        return placed.transform, placed.size
    onto, back = (np.array([inset(side, True) for side in sides[::-1]]) for sides in (size, placed.size))
    scales = MatrixTransform(np.diag((*onto, 1.0))), MatrixTransform(np.diag((*1 / back, 1.0)))
    return compose(scales[0], placed.transform, scales[1]), placed.size


def _size(samples: Samples, index: int) -> Size:
    height, width = samples.sizes[index].tolist()
    return height, width


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise NothingMatchedError(f"{folder}: {(error.strerror or str(error)).lower()}; name a folder") from error


def _images(folder: Path) -> Iterator[Path]:
    """The image files below *folder*, by name; hidden ones are left out, and links to folders not followed."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(root, name)


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _read(
    found: Sequence[Found], folder: Path, settings: Settings, reject: Reject, classes: tuple[str, ...] = ()
) -> Samples:
    if not found:
        raise NothingMatchedError(f"no image found in {folder}; name a folder of images, or an .npz")
    metadata = frame_metadata(settings, frame_size(settings, first_size(found)))
    check_memory(len(found), metadata)
    pictures = np.empty((len(found), metadata.mode.channels, *metadata.input_size), np.uint8)
    kept: list[Found] = []
    sizes: list[Size] = []
    for image in found:
        try:
            array = as_seen(read_picture(image.path, max_pixels=DEFAULT_MAX_PIXELS))
        except ImageError as error:
            reject(image.name, str(error))
            continue
        pictures[len(kept)] = small_copy(array, metadata)
        kept.append(image)
        sizes.append((array.shape[0], array.shape[1]))
    if len(kept) < 2:
        raise NothingMatchedError(f"{folder}: {len(kept)} images can be read, and training needs two at the least")
    return Samples(
        torch.from_numpy(pictures[: len(kept)]),
        torch.tensor(sizes),
        tuple(image.name for image in kept),
        torch.tensor([image.label for image in kept]) if classes else None,
        classes,
    )


def first_size(found: Sequence[Found]) -> Size:
    """(height, width) of the first image whose header can be read; one pixel where there is none."""
    for image in found:
        try:
            with opened_image(image.path, max_pixels=DEFAULT_MAX_PIXELS) as opened:
                return opened.header.size
        except ImageError:
            continue
    return 1, 1


def check_memory(count: int, metadata: Metadata) -> None:
    """ParameterError if *count* small copies need more memory than there is."""
    height, width = metadata.input_size
    needed = count * metadata.mode.channels * height * width
    if needed > memory():
        raise ParameterError(
            f"{count:,} images of {width}x{height} take {needed / 1e9:.1f} GB, more than there is; "
            "give a smaller --input-size"
        )


def memory() -> int:
    """Bytes of memory in this machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 1 << 62
