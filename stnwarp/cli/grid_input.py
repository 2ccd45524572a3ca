"""What `stnwarp grid` knows of its input: the image, and the sizes, which a transform file may say, too."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stnwarp.cli.native_messages import native_messages
from stnwarp.cli.transformation import Asked
from stnwarp.errors import ImageError, ParameterError
from stnwarp.text import size_text

if TYPE_CHECKING:
    from stnwarp.images import Picture

GridSize = str | tuple[int, int] | None
_ADVICE = "give --size WxH, --input-size WxH or --image"


@dataclass(frozen=True)
class Input:
    """The input; its *size* is None where nobody knows it and a grid needs none."""

    size: tuple[int, int] | None
    picture: "Picture | None" = None

    @property
    def any_size(self) -> tuple[int, int]:
        """The size, or one that is not looked at."""
        return self.size or (1, 1)


def check_sizes_are_known(size: GridSize, input_size: tuple[int, int] | None, image: Path | None) -> None:
    """Raise UsageError if the size of the input cannot be found out."""
    if image is None and input_size is None and not isinstance(size, tuple):
        raise click.UsageError(f"the size is not known; {_ADVICE}", click.get_current_context())


def known_size(size: GridSize, asked: Asked, image: Path | None) -> str | tuple[int, int]:
    """The size that was asked for: by --size, else by the file."""
    if size is None and image is None and asked.output_size is not None:
        return asked.output_size
    return size or "same"


def known_input(
    asked: Asked,
    size: GridSize,
    input_size: tuple[int, int] | None,
    image: Path | None,
    max_pixels: int,
) -> Input:
    """The image, if there is one, and the size of the input."""
    if image is not None:
        return _input_of_image(image, input_size, max_pixels)
    known = input_size or asked.input_size
    if known is None and not asked.is_grid:
        check_sizes_are_known(size, None, None)
        assert isinstance(size, tuple)
        return Input(size)
    return Input(known)


def _input_of_image(image: Path, input_size: tuple[int, int] | None, max_pixels: int) -> Input:
    picture = _read(image, max_pixels)
    if input_size not in (None, picture.size):
        raise ParameterError(f"{image} is {size_text(picture.size)}, which contradicts --input-size; leave that out")
    return Input(picture.size, picture)


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
