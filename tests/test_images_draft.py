"""JPEGs decoded at a fraction of their size: each pixel is the mean of a square of pixels, whatever the file."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from stnwarp.images.crop import crop_picture
from stnwarp.images.decode import read_picture
from stnwarp.images.picture import Picture
from stnwarp.rectangle import Rectangle
from tests.images_samples import MAX_PIXELS, encoded

HEIGHT, WIDTH = 64, 96


def rough(channels: int) -> np.ndarray:
    """Noise on waves, between black and white, so that nothing is cut off."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = 128 + 40 * np.sin(x / 9 + y / 14)
    shape = (HEIGHT, WIDTH) if channels == 1 else (HEIGHT, WIDTH, channels)
    noise = rng.integers(-30, 31, shape)
    return (waves.reshape(HEIGHT, WIDTH, *[1] * (len(shape) - 2)) + noise).astype(np.uint8)


def read(data: bytes, factor: int) -> Picture:
    return read_picture(io.BytesIO(data), max_pixels=MAX_PIXELS, draft=lambda _: factor)


def means(array: np.ndarray, factor: int) -> np.ndarray:
    height, width = array.shape[0] // factor, array.shape[1] // factor
    return array.reshape(height, factor, width, factor, -1).mean(axis=(1, 3)).reshape(height, width, *array.shape[2:])


def jpeg(channels: int, orientation: int = 1, **options: object) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(Image.fromarray(rough(channels)), "JPEG", exif=exif, **{"quality": 95, **options})


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(jpeg(1), id="gray"),
        pytest.param(jpeg(1, progressive=True), id="progressive"),
        pytest.param(jpeg(1, restart_marker_rows=1), id="restart markers"),
        *[pytest.param(jpeg(1, orientation), id=f"orientation {orientation}") for orientation in range(2, 9)],
        pytest.param(jpeg(3, subsampling=0), id="4:4:4"),
    ],
)
def test_pixels_are_means_of_squares(data: bytes, factor: int) -> None:
    whole, draft = read(data, 1), read(data, factor)
    assert (draft.draft, draft.whole_size, draft.mode) == (factor, whole.size, whole.mode)
    assert draft.metadata == whole.metadata
    rounding = 1.5 if draft.mode == "L" else 2.5  # of luma and chroma, too
    np.testing.assert_allclose(draft.array, means(whole.array, factor), atol=rounding)


def test_chroma_at_half_the_resolution_lies_where_it_did() -> None:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = 128 + 60 * np.sin(np.stack([x / 19, y / 23, (x - y) / 29], axis=-1))
    data = encoded(Image.fromarray(waves.astype(np.uint8)), "JPEG", quality=98, subsampling=2)
    for factor in (2, 4, 8):
        # Half a pixel aside would be 3 levels at the least.
        np.testing.assert_allclose(read(data, factor).array, means(read(data, 1).array, factor), atol=2.5)


def test_chroma_that_would_be_coarser_is_decoded_whole() -> None:
    assert read(jpeg(3, subsampling=1), 4).draft == 1


def test_a_crop_of_whole_squares_is_that_of_the_whole_picture() -> None:
    data, crop = jpeg(1), Rectangle(16, 8, 48, 32)
    part, draft = crop_picture(read(data, 1), crop), crop_picture(read(data, 4), crop)
    assert draft.whole_size == part.size
    np.testing.assert_allclose(draft.array, means(part.array, 4), atol=1.5)


def segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def test_a_jpeg_without_loss_is_decoded_whole() -> None:
    """A gray one whose pixels are all predicted: a code of one bit, for no difference."""
    frame = struct.pack(">BHHB", 8, HEIGHT, WIDTH, 1) + bytes((1, 0x11, 0))
    code, scan = bytes((0, 1, *[0] * 15, 0)), bytes((1, 1, 0, 1, 0, 0))
    data = segment(0xC3, frame) + segment(0xC4, code) + segment(0xDA, scan) + bytes(HEIGHT * WIDTH // 8)
    picture = read(b"\xff\xd8" + data + b"\xff\xd9", 8)
    assert (picture.draft, picture.size) == (1, (HEIGHT, WIDTH))


def test_the_first_picture_of_several_is_decoded_smaller_too() -> None:
    first, second = Image.fromarray(rough(1)), Image.fromarray(255 - rough(1))
    data = encoded(first, "MPO", save_all=True, append_images=[second], quality=95)
    picture = read(data, 4)
    assert picture.draft == 4
    np.testing.assert_allclose(picture.array, means(rough(1), 4), atol=3)


def test_other_formats_are_decoded_whole() -> None:
    for format in ("PNG", "TIFF", "BMP"):
        assert read(encoded(Image.fromarray(rough(3)), format), 4).draft == 1
