"""PNG is written by our own hands, and read alike by others."""

import io
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stnwarp.images import png as png_module
from stnwarp.images.picture import Metadata, Picture
from stnwarp.images.png import png_file
from tests.images_samples import XMP, deep, exif, icc, scene

SHAPES = [(1, 1), (1, 9), (9, 1), (7, 13), (64, 5), (65, 5), (200, 3)]


def shown(data: bytes) -> NDArray[np.generic]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)])
@pytest.mark.parametrize("content", ["scene", "noise", "flat"])
def test_every_pixel_comes_back(shape: tuple[int, int], mode: str, channels: int, content: str) -> None:
    array = scene(*shape, channels)
    if content == "noise":
        array = np.random.default_rng(1).integers(0, 256, array.shape).astype(np.uint8)
    elif content == "flat":
        array = np.full_like(array, 200)
    data = png_file(Picture(array, mode), Metadata())
    assert np.array_equal(shown(data), array)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == mode
        image.verify()  # which checks every checksum


@pytest.mark.parametrize("shape", SHAPES)
def test_sixteen_bits_come_back(shape: tuple[int, int]) -> None:
    assert np.array_equal(shown(png_file(Picture(deep(*shape), "I;16"), Metadata())), deep(*shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_one_bit_comes_back(shape: tuple[int, int]) -> None:
    array = np.where(scene(*shape, 1) > 120, 255, 0).astype(np.uint8)
    with Image.open(io.BytesIO(png_file(Picture(array, "1"), Metadata()))) as image:
        assert image.mode == "1"
        assert np.array_equal(np.asarray(image.convert("L")), array)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("colours", [1, 2, 3, 4, 5, 16, 17, 256])
def test_palettes_of_any_size_come_back(shape: tuple[int, int], colours: int) -> None:
    indices = (np.arange(shape[0] * shape[1]) * 7 % colours).astype(np.uint8).reshape(shape)
    table = np.random.default_rng(colours).integers(0, 256, (colours, 4)).astype(np.uint8)
    with Image.open(io.BytesIO(png_file(Picture(indices, "P", palette=table.tobytes()), Metadata()))) as image:
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), indices)
        assert np.array_equal(np.asarray(image.convert("RGBA")), table[indices])


def test_other_decoders_agree() -> None:
    cv2 = pytest.importorskip("cv2")
    data = np.frombuffer(png_file(Picture(scene(70, 33, 4), "RGBA"), Metadata()), np.uint8)
    assert np.array_equal(cv2.imdecode(data, cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]], scene(70, 33, 4))
    data = np.frombuffer(png_file(Picture(deep(), "I;16"), Metadata()), np.uint8)
    assert np.array_equal(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), deep())


def test_metadata_stands_in_its_chunks() -> None:
    metadata = Metadata(exif()[6:], icc(), XMP % 1, (300, 72))
    with Image.open(io.BytesIO(png_file(Picture(scene(), "RGB"), metadata))) as image:
        assert image.info["icc_profile"] == icc()
        assert image.info["xmp"] == XMP % 1
        assert image.info["exif"] == exif()
        assert image.info["dpi"] == pytest.approx((300, 72), abs=0.01)  # whole pixels per metre


def test_large_pictures_are_cut_into_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png_module, "_LARGEST_CHUNK", 100)
    data = png_file(Picture(scene(), "RGB"), Metadata())
    assert data.count(b"IDAT") > 5
    assert np.array_equal(shown(data), scene())


def test_photographs_are_packed_by_frequency_and_drawings_by_repetition() -> None:
    noise = np.random.default_rng(1).normal(128, 9, (300, 200)).astype(np.uint8)
    drawing = np.tile(np.random.default_rng(1).integers(0, 256, (1, 25)).astype(np.uint8), (300, 8))
    strategies = [
        png_module._better_strategy(png_module._rows(Picture(array, "L"), None)) for array in (noise, drawing)
    ]
    assert strategies == [zlib.Z_RLE, zlib.Z_DEFAULT_STRATEGY]


@pytest.mark.parametrize("content", ["scene", "noise", "drawing"])
def test_files_are_about_as_small_as_pillows(content: str) -> None:
    array = {
        "scene": scene(300, 400),
        "noise": np.random.default_rng(1).normal(128, 9, (300, 400, 3)).astype(np.uint8),
        "drawing": (scene(300, 400) // 64 * 64).astype(np.uint8),
    }[content]
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG")
    # one filter fewer than Pillow has, and its sample may err
    assert len(png_file(Picture(array, "RGB"), Metadata())) < 1.25 * len(stream.getvalue())
