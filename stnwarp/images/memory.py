"""What memory a picture takes on its way, judged by its header: upper bounds, measured with noise, in bytes a pixel."""

from dataclasses import dataclass

from stnwarp.images.picture import CHANNELS, DTYPES

Size = tuple[int, int]

_FLOAT = 4
_GRID = 80  # of a transformation that is no matrix: two coordinates in 64 bits, twice, and four of a Jacobian
_COVERAGE = 5  # array, Pillow's image, encoder and file
_MISSING = 9  # of floats some of which are missing: they, a copy without those, and a mask
_REST = 18  # of what comes out of these: it, a mask, and the sums of the others and of their weights, twice
_ROW = 16  # of Pillow's images, which can be narrower than what is noted of each row
_BESIDE = 1 << 24  # for bands and buffers

_IMAGE = {"L": 1, "I;16": 4}  # of Pillow's image before it is an array; other modes take four bytes
# By format and mode, from the warped array to the bytes of the file: array, Pillow's image, encoder and file.
_WITHOUT_LOSS = {"L": 4, "LA": 10, "RGB": 11, "RGBA": 14, "CMYK": 13, "I;16": 7, "F": 13}
_ENCODED: dict[str, dict[str, int]] = {
    "JPEG": {"L": 3, "LA": 10, "RGB": 10, "RGBA": 14, "CMYK": 13},
    "WEBP": {"L": 30, "LA": 43, "RGB": 43, "RGBA": 43},
    "GIF": {"L": 6, "LA": 21, "RGB": 45, "RGBA": 47},
    "AVIF": {"L": 24, "LA": 37, "RGB": 34, "RGBA": 37},
}
# More where files are decoded: to WebP's own canvas, and a TIFF whose only strip is the whole picture.
_DECODED = {"WEBP": 6, "TIFF": 2}


def decoding_memory(format: str, mode: str, size: Size) -> int:
    """The bytes that it takes to decode a file of *format* with a picture of *mode*, and *size* (height, width)."""
    array = _array(mode)
    image = _IMAGE.get(mode, _FLOAT)
    # Once more the image: to turn it upright, or a progressive JPEG's coefficients.
    return size[0] * size[1] * (2 * image + array + _DECODED.get(format, 0)) + _ROW * size[0] + _BESIDE


@dataclass(frozen=True)
class Work:
    """What is done with a picture, as far as its memory depends on it.

    format: that is written. size: the (height, width) of the result. mixes: whether pixels are mixed; where there is
    alpha that is done in floating point. has_grid: whether the place that each pixel is read from is kept.
    has_coverage: whether the coverage of the result is written, too.
    """

    format: str
    size: Size
    mixes: bool = True
    has_grid: bool = False
    has_coverage: bool = False

    def memory(self, format: str, mode: str, size: Size) -> int:
        """The most bytes that it takes at a time to decode (see `decoding_memory`), warp and encode a picture."""
        array = _array(mode)
        pixels, output_pixels = size[0] * size[1], self.size[0] * self.size[1]
        warped = array * (pixels + output_pixels)
        if self.mixes and mode in ("LA", "RGBA"):
            mixed = _FLOAT * CHANNELS[mode]
            warped = max((array + mixed) * pixels, mixed * (pixels + output_pixels), (mixed + array) * output_pixels)
        if self.mixes and mode == "F":
            warped = max(_MISSING * pixels, (_FLOAT + 1) * pixels + _REST * output_pixels)
        warped += _GRID * output_pixels * self.has_grid
        encoded = output_pixels * _ENCODED.get(self.format, _WITHOUT_LOSS).get(mode, max(_WITHOUT_LOSS.values()))
        rows = _ROW * (size[0] + self.size[0])
        encoded += _COVERAGE * output_pixels * self.has_coverage
        return max(decoding_memory(format, mode, size), max(warped, encoded) + rows + _BESIDE)


def _array(mode: str) -> int:
    """The bytes of a pixel in the array of a picture of *mode*."""
    return CHANNELS[mode] * (DTYPES[mode]().itemsize if mode in DTYPES else 1)
