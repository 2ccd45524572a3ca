"""Every pixel of a PNG comes back, whatever its mode and size, and stands for the same elsewhere."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stnwarp.errors import ImageError
from stnwarp.images.decode import read_picture
from stnwarp.images.encode import encode_picture
from stnwarp.images.picture import Metadata, Picture
from tests.images_samples import MAX_PIXELS, XMP, chunk, deep, encoded, exif, icc, png, scene

SHAPES = [(1, 1), (1, 9), (9, 1), (7, 13), (64, 5), (65, 5), (200, 3)]


def png_file(picture: Picture) -> bytes:
    data, warnings = encode_picture(picture, "PNG")
    assert warnings == ()
    return data


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
    data = png_file(Picture(array, mode))
    assert np.array_equal(shown(data), array)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == mode
        image.verify()  # which checks every checksum


@pytest.mark.parametrize("shape", SHAPES)
def test_sixteen_bits_come_back(shape: tuple[int, int]) -> None:
    assert np.array_equal(shown(png_file(Picture(deep(*shape), "I;16"))), deep(*shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_one_bit_comes_back(shape: tuple[int, int]) -> None:
    array = np.where(scene(*shape, 1) > 120, 255, 0).astype(np.uint8)
    with Image.open(io.BytesIO(png_file(Picture(array, "1")))) as image:
        assert image.mode == "1"
        assert np.array_equal(np.asarray(image.convert("L")), array)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("colours", [1, 2, 3, 4, 5, 16, 17, 256])
def test_palettes_of_any_size_come_back(shape: tuple[int, int], colours: int) -> None:
    indices = (np.arange(shape[0] * shape[1]) * 7 % colours).astype(np.uint8).reshape(shape)
    table = np.random.default_rng(colours).integers(0, 256, (colours, 4)).astype(np.uint8)
    with Image.open(io.BytesIO(png_file(Picture(indices, "P", palette=table.tobytes())))) as image:
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), indices)
        assert np.array_equal(np.asarray(image.convert("RGBA")), table[indices])


def test_other_decoders_agree() -> None:
    cv2 = pytest.importorskip("cv2")
    data = np.frombuffer(png_file(Picture(scene(70, 33, 4), "RGBA")), np.uint8)
    assert np.array_equal(cv2.imdecode(data, cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]], scene(70, 33, 4))
    data = np.frombuffer(png_file(Picture(deep(), "I;16")), np.uint8)
    assert np.array_equal(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), deep())


def test_metadata_stands_in_its_chunks() -> None:
    metadata = Metadata(exif()[6:], icc(), XMP % 1, (300, 72))
    with Image.open(io.BytesIO(png_file(Picture(scene(), "RGB", metadata)))) as image:
        assert image.info["icc_profile"] == icc()
        assert image.info["xmp"] == XMP % 1
        assert image.info["exif"] == exif()
        assert image.info["dpi"] == pytest.approx((300, 72), abs=0.01)  # whole pixels per metre


def read(data: bytes) -> Picture:
    return read_picture(io.BytesIO(data), max_pixels=MAX_PIXELS)


def test_texts_and_colour_spaces_go_through_as_they_are() -> None:
    chunks = (
        (b"cICP", b"\x01\x0d\x00\x01"),
        (b"sRGB", b"\x00"),
        (b"cHRM", bytes(range(32))),
        (b"tEXt", b"Comment\x00one"),
        (b"tEXt", b"Comment\x00two of the same name"),
        (b"iTXt", b"Title\x00\x00\x00de\x00Titel\x00" + "Brücke".encode()),
    )
    rows = b"".join(b"\x00" + row.tobytes() for row in scene(4, 5))
    first = read(png((4, 5), 8, 2, rows, *(chunk(*each) for each in chunks)))
    assert first.metadata.chunks == chunks
    assert sorted(read(png_file(first)).metadata.chunks) == sorted(chunks)


def test_a_profile_excludes_the_statement_that_there_is_none() -> None:
    metadata = Metadata(icc=icc(), chunks=((b"sRGB", b"\x00"),))
    again = read(png_file(Picture(scene(), "RGB", metadata))).metadata
    assert (again.icc, again.chunks) == (icc(), ())


def test_metadata_the_writer_refuses_is_dropped_with_a_warning() -> None:
    too_dense = Metadata(exif=exif()[6:], dpi=(1e9, 1e9))
    data, warnings = encode_picture(Picture(scene(), "RGB", too_dense), "PNG")
    assert warnings == ("PNG would not take its metadata: dropped",)
    assert np.array_equal(shown(data), scene())


@pytest.mark.parametrize("missing", [8, 12])
def test_a_file_without_its_end_fails(missing: int) -> None:
    whole = encoded(Image.fromarray(scene()), "PNG")
    with pytest.raises(ImageError, match=r"^broken or incomplete PNG file: "):
        read(whole[:-missing])


def test_a_text_with_a_wrong_checksum_fails_the_file() -> None:
    whole = encoded(Image.fromarray(scene()), "PNG")
    text = bytearray(chunk(b"tEXt", b"Comment\x00drawn by hand"))
    text[-1] ^= 1
    for at in (33, len(whole) - 12):  # before the pixels and behind them
        with pytest.raises(ImageError, match=r"^broken .* PNG file: .*checksum"):
            read(whole[:at] + bytes(text) + whole[at:])
