"""A picture as it travels from the decoder through the warp to the encoder."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

# Number of channels and dtype of the array of each mode a picture can have.
CHANNELS: dict[str, int] = {
    "1": 1,
    "L": 1,
    "P": 1,
    "I;16": 1,
    "F": 1,
    "LA": 2,
    "RGB": 3,
    "RGBA": 4,
    "CMYK": 4,
}
DTYPES: dict[str, type[np.generic]] = {"I;16": np.uint16, "F": np.float32}  # all others are uint8


@dataclass(frozen=True)
class Metadata:
    """What belongs to a picture beside its pixels, as bytes ready for the encoder.

    exif: a TIFF structure without the "Exif\\0\\0" in front, its orientation reset, its thumbnail gone.
    icc, xmp: the profile and the packet as they were read. dpi: (horizontal, vertical). comment: of JPEG and
    GIF. chunks: of a PNG, (name, data), its texts and what its numbers mean as colours.
    """

    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: bytes | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True)
class Coding:
    """How the source was coded, as far as the output should follow it.

    subsampling: of a JPEG's chroma as Pillow numbers it (0 is 4:4:4, 1 is 4:2:2, 2 is 4:2:0), None elsewhere.
    compression: Pillow's name of a TIFF's compression. lossless: a WebP without loss.
    """

    subsampling: int | None = None
    compression: str | None = None
    lossless: bool = False


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels with their meaning.

    array: (H, W) or (H, W, C), C-contiguous and writeable: uint8, but uint16 for "I;16" and float32 for "F".
    mode: what the channels mean: "L", "LA", "RGB", "RGBA", "CMYK", "I;16", "F"; "1" (0 or 255) and "P"
        (indices into palette) only when asked for. Alpha is straight, not premultiplied. The array is
        upright: EXIF's orientation has been applied.
    format: of the file the picture came from. warnings: what had to be dropped, one line each.
    palette: of mode "P", four bytes RGBA an entry.
    focal_length_35mm: of the camera in mm on 35 mm film, by the EXIF; None where it does not say.
    draft: how many pixels of the file, along each side, each pixel of the array is the mean of.
    """

    array: NDArray[np.generic]
    mode: str
    metadata: Metadata = field(default_factory=Metadata)
    format: str = "PNG"
    warnings: tuple[str, ...] = ()
    palette: bytes | None = None
    coding: Coding = field(default_factory=Coding)
    focal_length_35mm: float | None = None
    draft: int = 1

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.mode in {"LA", "RGBA"}

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return int(self.array.shape[0]), int(self.array.shape[1])

    @property
    def whole_size(self) -> tuple[int, int]:
        """(height, width) in pixels of the file."""
        return self.draft * self.size[0], self.draft * self.size[1]
