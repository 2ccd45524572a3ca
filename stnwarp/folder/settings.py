"""How every image of a run is warped, and how the cores are shared out."""

from dataclasses import dataclass, field

from stnwarp.conventions import (
    DEFAULT_ALIGN_CORNERS,
    DEFAULT_ANTIALIAS,
    DEFAULT_INTERPOLATION,
    DEFAULT_MAX_PIXELS,
    DEFAULT_PADDING_MODE,
    Interpolation,
    PaddingMode,
    PaddingModes,
)
from stnwarp.errors import ParameterError, SizeLimitError
from stnwarp.folder.guards import Guards
from stnwarp.folder.guides import Guide
from stnwarp.rectangle import Rectangle, check_crop
from stnwarp.size_request import SizeRequest


@dataclass(frozen=True)
class Settings:
    """What one run does to each of its images.

    *guide* says what each of them is warped by, *guards* hold that back. *fill* is a colour in words (see
    `images.parse_fill`), None for the default of each mode. *nodata* is what missing pixels of pictures of floats have,
    where it is not NaN alone. *draft*: JPEGs that shrink a lot may be decoded smaller. *max_pixels* limits the input
    and the output alike. *threads* work on bands of rows of one image. *crop* is the part of each image that is taken
    for it, *viewport* the part of each output that is made.

    Raises:
        SizeLimitError: the size asked for has more than *max_pixels* pixels.  ParameterError: a count below 1, or a
            crop that lies within no image.
    """

    guide: Guide
    size: SizeRequest = field(default_factory=SizeRequest)
    align_corners: bool = DEFAULT_ALIGN_CORNERS
    interpolation: Interpolation = DEFAULT_INTERPOLATION
    padding_mode: PaddingMode | PaddingModes = DEFAULT_PADDING_MODE
    fill: str | None = None
    antialias: bool = DEFAULT_ANTIALIAS
    draft: bool = True
    quality: int | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS
    overwrite: bool = False
    threads: int = 1
    guards: Guards = field(default_factory=Guards)
    crop: Rectangle | None = None
    viewport: Rectangle | None = None
    nodata: float | None = None

    def __post_init__(self) -> None:
        if self.threads < 1 or self.max_pixels < 1:
            raise ParameterError(f"threads ({self.threads}) and max_pixels ({self.max_pixels}) must be at least 1")
        check_crop(self.crop)
        size = self.size.size if self.viewport is None else self.viewport.size
        too_large = size and size_error(size, self.max_pixels)
        if too_large:
            raise SizeLimitError(too_large)


def size_error(size: tuple[int, int], max_pixels: int) -> str | None:
    """What is wrong with an output of *size* (height, width), if it has more than *max_pixels* pixels."""
    height, width = size
    pixels = height * width
    if pixels <= max_pixels:
        return None
    return (
        f"an output of {width}x{height} pixels would need about {_in_words(3 * pixels)} as 8-bit RGB; "
        f"the limit is {max_pixels} pixels (--max-pixels)"
    )


def _in_words(count: int) -> str:
    """A number of bytes, for people."""
    amount, units = float(count), iter(("bytes", "kB", "MB", "GB", "TB", "PB"))
    unit = next(units)
    while amount >= 1000 and unit != "PB":
        amount, unit = amount / 1000, next(units)
    return f"{amount:.3g} {unit}"
