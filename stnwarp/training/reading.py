"""Training images from folders: found, read, and made small one by one; what cannot be read is named and left out."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from stnwarp.conventions import DEFAULT_ALIGN_CORNERS, DEFAULT_MAX_PIXELS
from stnwarp.errors import ImageError, NothingMatchedError, ParameterError
from stnwarp.images.crop import crop_picture
from stnwarp.images.decode import read_picture
from stnwarp.images.formats import SUFFIXES
from stnwarp.images.probe import probe
from stnwarp.images.seen import as_seen
from stnwarp.params import Parameters, read_parameters
from stnwarp.text import count_noun
from stnwarp.training.choices import Settings, Size
from stnwarp.training.copies import Copies
from stnwarp.training.samples import Samples
from stnwarp.transforms import Frame, SizeMode, SizeRequest, Transform, between_edges

Reject = Callable[[str, str], None]  # called with the name of an image that is left out, and why
Note = Callable[[str], None]  # called with something that may not be meant so


@dataclass(frozen=True)
class Found:
    """An image file of the training data: where it is, and its name below the folder."""

    path: Path
    name: str


def read_folder(folder: Path, settings: Settings, reject: Reject) -> Samples:
    """Every image below *folder*.

    Raises:
        NothingMatchedError: no image is there, or none can be read.  ParameterError: more than memory holds.
    """
    return _read(images_below(folder, reject), folder, settings, reject)


def images_below(folder: Path, reject: Reject) -> list[Found]:
    """The image files in *folder* and its sub-folders, by name; sub-folders that cannot be searched are rejected.

    Raises:
        NothingMatchedError: *folder* is none, or cannot be searched itself.
    """
    _entries(folder)
    return _below(folder, folder, reject)


def _below(top: Path, folder: Path, reject: Reject) -> list[Found]:
    """The image files below *top*, which is *folder* or in it, with their names below *folder*."""

    def unsearched(error: OSError) -> None:
        name = _name(Path(error.filename), folder)
        reject(name, f"a directory that cannot be searched: {(error.strerror or str(error)).lower()}")

    return [Found(path, _name(path, folder)) for path in _images(top, unsearched)]


def read_classes(folder: Path, settings: Settings, reject: Reject, note: Note) -> Samples:
    """Every image below the folders in *folder*, each of which is a class if it has an image that can be used.

    A class can be a link to a folder: whoever makes classes of what lies elsewhere links it.

    Raises:
        NothingMatchedError: as `read_folder`.  ParameterError: fewer than two classes, or more than memory holds.
    """
    folders = _class_folders(folder)
    found = images_of_classes(folder, reject)
    classes = _classes([image.name for image in found], folder)
    for entry in folders:
        if entry.name not in classes and os.access(entry, os.R_OK | os.X_OK):
            note(f"{entry}: no image in it, so it is no class")
    samples = _read(found, folder, settings, reject)
    classes = _classes(samples.names, folder)
    labels = torch.tensor([classes[_class_of(name)] for name in samples.names])
    return replace(samples, labels=labels, classes=tuple(classes))


def images_of_classes(folder: Path, reject: Reject) -> list[Found]:
    """The image files below the folders, or links to folders, in *folder*; as `images_below`."""
    return [image for entry in _class_folders(folder) for image in _below(entry, folder, reject)]


def _class_folders(folder: Path) -> list[Path]:
    # A walk does not follow links, so each folder has a walk of its own.
    return [entry for entry in _entries(folder) if _is_folder(entry)]


def _classes(names: Sequence[str], folder: Path) -> dict[str, int]:
    """The classes of the images called *names*, numbered by name; ParameterError for fewer than two."""
    classes = sorted({_class_of(name) for name in names})
    if len(classes) < 2:
        only = f", and only {classes[0]!r} has any" if classes else ""
        raise ParameterError(
            f"{folder}: recipe classify needs images of two classes or more, in a folder for each{only}"
        )
    return {name: number for number, name in enumerate(classes)}


def _class_of(name: str) -> str:
    return name.partition("/")[0]


def read_listed(folder: Path, file: Path, settings: Settings, reject: Reject, note: Note) -> Samples:
    """The images below *folder* that the parameter file *file* has a transform for.

    Raises:
        ParameterFileError: *file* cannot be used.  NothingMatchedError: it lists no image that can be read.
    """
    parameters = read_parameters(file)
    listed = images_listed(folder, parameters, reject)
    if not listed:
        raise NothingMatchedError(f"{file} has no row for an image in {folder}; its rows name files below that folder")
    if unused := len(parameters.lines) - len(listed):
        note(f"{file}: {unused} of {len(parameters.lines)} rows are for no image in {folder}")
    samples = _read(listed, folder, settings, reject, parameters)
    return _with_transforms(samples, parameters, reject)


def images_listed(folder: Path, parameters: Parameters, reject: Reject) -> list[Found]:
    """The image files below *folder* that *parameters* have a row for; as `images_below`."""
    return [image for image in images_below(folder, reject) if image.name in parameters.lines]


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
            f"{parameters.path}: transforms of {count_noun(len(kept), 'image')} can be used, and training needs two at "
            "the least; list them as parameter files of stnwarp apply do"
        )
    chosen = samples.chosen(torch.tensor(kept))
    return replace(chosen, transforms=tuple(transforms), output_sizes=torch.tensor(sizes))


def _known(parameters: Parameters, name: str, size: Size) -> tuple[Transform, Size]:
    """The transform of the image called so, between outer edges, and the size of its output."""
    row = parameters.row(name)
    assert row is not None
    request = SizeRequest(SizeMode.EXACT, row.output_size) if row.output_size else SizeRequest(SizeMode.SAME)
    align_corners = DEFAULT_ALIGN_CORNERS if parameters.align_corners is None else parameters.align_corners
    image_warp = row.spec().resolve(size, request, align_corners)
    frame = Frame(size, align_corners)
    return between_edges(image_warp.transform, frame, frame.with_size(image_warp.size)), image_warp.size


def _size(samples: Samples, index: int) -> Size:
    height, width = samples.sizes[index].tolist()
    return height, width


def _entries(folder: Path) -> list[Path]:
    """What *folder* holds but for hidden things, by name; NothingMatchedError where it is none."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise NothingMatchedError(f"{folder}: {reason}; name a folder of images, or an .npz file") from error


def _is_folder(path: Path) -> bool:
    """Whether *path* is a folder or a link to one, or nobody may know, which is told when it is searched."""
    try:
        return path.is_dir()
    except OSError:
        return True


def _images(folder: Path, unsearched: Callable[[OSError], None]) -> Iterator[Path]:
    """The image files below *folder*, by name; hidden ones are left out, and links in it to folders not followed.

    Not `os.walk`, which calls itself for each level in Python 3.11: trees can be deeper than the stack.
    """
    pending = [folder]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                seen = sorted(
                    (entry for entry in entries if not entry.name.startswith(".")), key=lambda each: each.name
                )
        except OSError as error:
            unsearched(error)
            continue
        folders = [entry for entry in seen if _leads_to_folder(entry)]
        files = (Path(entry.path) for entry in seen if entry not in folders)
        yield from (path for path in files if path.suffix.lower() in SUFFIXES)
        pending.extend(Path(entry.path) for entry in reversed(folders) if not entry.is_symlink())


def _leads_to_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in circles: it fails when it is read
        return False


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _read(
    found: Sequence[Found], folder: Path, settings: Settings, reject: Reject, parameters: Parameters | None = None
) -> Samples:
    """Read the images that were *found*; of each, the part that its row of *parameters* is for, if it says one."""
    if not found:
        raise NothingMatchedError(f"no image found in {folder}; name a folder of images, or an .npz")
    copies = Copies(settings, len(found))
    kept: list[str] = []
    for image in found:
        row = None if parameters is None else parameters.row(image.name)
        try:
            picture = read_picture(image.path, max_pixels=DEFAULT_MAX_PIXELS)
            array = as_seen(crop_picture(picture, None if row is None else row.crop))
        except ImageError as error:
            reject(image.name, error.reason)
            continue
        except ParameterError as error:  # of a crop
            reject(image.name, str(error))
            continue
        copies.add(array)
        kept.append(image.name)
    if len(kept) < 2:
        raise NothingMatchedError(
            f"{folder}: {count_noun(len(kept), 'image')} can be read, and training needs two at the least"
        )
    return copies.samples(tuple(kept))


def image_sizes(found: Iterable[Found]) -> Iterator[Size]:
    """(height, width) of the images whose headers can be read, which are read as they are asked for."""
    for image in found:
        with suppress(ImageError):
            yield probe(image.path, max_pixels=DEFAULT_MAX_PIXELS).size
