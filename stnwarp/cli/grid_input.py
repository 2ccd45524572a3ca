"""What `stnwarp grid` knows of its input: the image, and the sizes, which a transform file may say, too."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stnwarp.cli.native_messages import native_messages
from stnwarp.cli.transformation import Asked, agreed_crop
from stnwarp.errors import ImageError, ParameterError
from stnwarp.rectangle import Rectangle, check_crop, crop_size
from stnwarp.size_request import SizeMode, SizeRequest
from stnwarp.text import size_text

if TYPE_CHECKING:
    from stnwarp.images import Picture

_ADVICE = "give --size WxH, --input-size WxH or --image"


@dataclass(frozen=True)
class Input:
    """The input, cropped already; its *size* is None where nobody knows it and a grid needs none."""

    size: tuple[int, int] | None
    picture: "Picture | None" = None
    crop: Rectangle | None = None

    @property
    def any_size(self) -> tuple[int, int]:
        """The size, or one that is not looked at."""
        return self.size or (1, 1)


@dataclass(frozen=True)
class InputOptions:
    """What the user says of the input of a grid."""

    size: tuple[int, int] | None
    image: Path | None
    crop: Rectangle | None


def check_sizes_are_known(size: SizeRequest | None, given: InputOptions) -> None:
    """Raise UsageError if the size of the input cannot be found out."""
    is_known = (size is not None and size.size) or given.size or given.image or given.crop
    if not is_known:
        raise click.UsageError(f"the size is not known; {_ADVICE}", click.get_current_context())


def known_size(size: SizeRequest | None, asked: Asked, image: Path | None) -> SizeRequest:
    """The size that was asked for: by --size, else by the file."""
    if size is None and image is None and asked.output_size is not None:
        return SizeRequest(SizeMode.EXACT, asked.output_size)
    return size or asked.default_size


def known_input(asked: Asked, size: SizeRequest | None, given: InputOptions, max_pixels: int) -> Input:
    """The image, if there is one, and the size of the input."""
    check_crop(given.crop)
    crop = agreed_crop(asked.name, asked.crop, given.crop)
    if given.image is not None:
        return _input_of_image(given.image, given.size, crop, max_pixels)
    # That of a file is already that of the crop which the file has.
    whole = given.size or (None if asked.crop else asked.input_size)
    if crop is not None:
        return Input(crop.size if whole is None else crop_size(whole, crop), crop=crop)
    if whole is None and not asked.is_grid:
        check_sizes_are_known(size, given)
        assert size is not None
        return Input(size.size)
    return Input(whole)


def _input_of_image(image: Path, input_size: tuple[int, int] | None, crop: Rectangle | None, max_pixels: int) -> Input:
    from stnwarp.images.crop import crop_picture

    picture = _read(image, max_pixels)
    if input_size not in (None, picture.size):
        raise ParameterError(f"{image} is {size_text(picture.size)}, which contradicts --input-size; leave that out")
    try:
        picture = crop_picture(picture, crop)
    except ParameterError as error:
        raise ImageError(f"{image}: {error}") from error
    return Input(picture.size, picture, crop)


def _read(image: Path, max_pixels: int) -> "Picture":
    from stnwarp.images import read_picture

    try:
        with native_messages().of_file(image):
            picture = read_picture(image, max_pixels=max_pixels)
    except ImageError as error:
        raise ImageError(f"{image}: {error}") from error
    return _cmyk_as_rgb(picture) if picture.mode == "CMYK" else picture


def _cmyk_as_rgb(picture: "Picture") -> "Picture":
    from stnwarp.images.seen import without_ink

    return replace(picture, array=without_ink(picture.array), mode="RGB")
