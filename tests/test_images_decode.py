"""Files become upright pictures in modes that can be warped, or are refused in words."""

import io
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stnwarp.errors import ImageError
from stnwarp.images.decode import read_picture
from stnwarp.images.picture import CHANNELS, Picture
from stnwarp.images.probe import ImageHeader
from tests.images_samples import (
    MAX_PIXELS,
    XMP,
    chunk,
    deep,
    encoded,
    exif,
    gray_image,
    icc,
    png,
    scene,
    tiff,
    tiff_tags,
)

# How the upright picture must be stored so that an orientation tag turns it upright (Exif 2.32, 4.6.4).
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


def read(data: bytes, keep_palette: bool = False) -> Picture:
    return read_picture(io.BytesIO(data), max_pixels=MAX_PIXELS, keep_palette=keep_palette)


def refusal(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        read(data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["PNG", "TIFF", "BMP", "PPM"])
def test_formats_without_loss_give_the_pixels_as_they_were(name: str) -> None:
    picture = read(encoded(Image.fromarray(scene()), name))
    assert np.array_equal(picture.array, scene())
    assert (picture.mode, picture.format, picture.warnings) == ("RGB", name, ())
    assert picture.array.flags.writeable
    assert picture.array.flags.c_contiguous
    assert picture.array.dtype == np.uint8


@pytest.mark.parametrize(("name", "quality"), [("JPEG", 95), ("WEBP", 95), ("AVIF", 95)])
def test_formats_with_loss_come_close(name: str, quality: int) -> None:
    picture = read(encoded(Image.fromarray(scene()), name, quality=quality))
    # the mean error of these encoders at this quality, with halved chroma, lies below 3 levels
    assert np.abs(picture.array.astype(float) - scene()).mean() < 3


MODES = [
    (Image.fromarray(scene(channels=1)).convert("1"), "PNG", "L"),
    (Image.fromarray(scene(channels=1)).convert("1"), "TIFF", "L"),
    (Image.fromarray(scene(channels=1)), "PNG", "L"),
    (Image.fromarray(scene(channels=2)), "PNG", "LA"),
    (Image.fromarray(scene(channels=2)), "TIFF", "LA"),
    (Image.fromarray(scene()).quantize(64), "PNG", "RGB"),
    (Image.fromarray(scene()).quantize(64), "GIF", "RGB"),
    (Image.fromarray(scene()).quantize(64), "BMP", "RGB"),
    (Image.fromarray(scene(channels=4)).quantize(64, Image.Quantize.FASTOCTREE), "PNG", "RGBA"),
    (Image.fromarray(scene(channels=4)), "PNG", "RGBA"),
    (Image.fromarray(scene(channels=4)), "TIFF", "RGBA"),
    (Image.fromarray(scene(channels=4), "CMYK"), "TIFF", "CMYK"),
    (Image.fromarray(scene()).convert("YCbCr"), "TIFF", "RGB"),
]


@pytest.mark.parametrize(("image", "name", "mode"), MODES)
def test_each_mode_becomes_what_it_shows(image: Image.Image, name: str, mode: str) -> None:
    picture = read(encoded(image, name))
    shown = image if image.mode == mode else image.convert(mode)
    assert picture.mode == mode
    assert picture.array.ndim == (2 if CHANNELS[mode] == 1 else 3)
    if image.mode == "YCbCr":  # two colour conversions, each rounded
        assert np.abs(picture.array.astype(int) - np.asarray(shown)).max() <= 2
    else:
        assert np.array_equal(picture.array, np.asarray(shown))


def test_cmyk_in_jpeg_keeps_its_polarity() -> None:
    cmyk = scene(channels=4)
    picture = read(encoded(Image.fromarray(cmyk, "CMYK"), "JPEG", quality=95))
    assert picture.mode == "CMYK"
    assert np.abs(picture.array.astype(float) - cmyk).mean() < 3  # loss of the encoder at this quality


def test_premultiplied_tiffs_come_out_straight() -> None:
    pixels = bytes([100, 128] * 20)
    tags = tiff_tags((4, 5), (8, 8), 1) | {338: (3, (1,))}
    picture = read(tiff(tags, pixels))
    assert picture.mode == "LA"
    assert picture.array[0, 0].tolist() == [199, 128]


@pytest.mark.parametrize("name", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_gray_is_kept_to_the_last_bit(name: str) -> None:
    picture = read(encoded(gray_image(deep()), name))
    assert picture.mode == "I;16"
    assert picture.array.dtype == np.uint16
    assert picture.array.dtype.isnative
    assert np.array_equal(picture.array, deep())


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bit_gray_tiffs_of_either_byte_order_are_kept(order: str) -> None:
    pixels = deep().astype(order + "u2").tobytes()
    picture = read(tiff(tiff_tags((24, 40), (16,), 1), pixels, order))
    assert picture.mode == "I;16"
    assert np.array_equal(picture.array, deep())
    assert picture.array.dtype.isnative


def test_plain_text_pgm_of_sixteen_bits_is_kept() -> None:
    words = " ".join(str(value) for value in deep(3, 4).flat)
    assert np.array_equal(read(f"P2 4 3 65535\n{words}\n".encode()).array, deep(3, 4))


def test_floating_gray_is_kept() -> None:
    values = np.linspace(-1e6, 1e6, 24 * 40, dtype=np.float32).reshape(24, 40)
    picture = read(encoded(Image.fromarray(values), "TIFF"))
    assert (picture.mode, picture.array.dtype) == ("F", np.float32)
    assert np.array_equal(picture.array, values)


@pytest.mark.parametrize(("depth", "colour"), [(1, 1), (2, 2), (4, 9), (8, 77)])
def test_a_gray_that_is_declared_transparent_becomes_clear(depth: int, colour: int) -> None:
    width, per_byte = 16, 8 // depth
    values = np.arange(width) % (1 << depth)
    values[3] = colour
    packed = sum(values.reshape(-1, per_byte)[:, i] << (8 - depth * (i + 1)) for i in range(per_byte))
    data = png((1, width), depth, 0, b"\x00" + bytes(packed.tolist()), chunk(b"tRNS", bytes([0, colour])))
    picture = read(data)
    assert picture.mode == "LA"
    assert np.array_equal(picture.array[0, :, 1] == 0, values == colour)
    assert np.array_equal(picture.array[0, :, 0], values * (255 // ((1 << depth) - 1)))


def test_a_colour_that_is_declared_transparent_becomes_clear() -> None:
    array = scene(4, 5)
    rows = b"".join(b"\x00" + row.tobytes() for row in array)
    clear = b"".join(bytes([0, int(value)]) for value in array[2, 3])
    picture = read(png((4, 5), 8, 2, rows, chunk(b"tRNS", clear)))
    assert picture.mode == "RGBA"
    assert picture.array[2, 3, 3] == 0
    assert np.count_nonzero(picture.array[..., 3] == 0) == 1


def test_palette_and_one_bit_are_kept_where_asked() -> None:
    image = Image.fromarray(scene()).quantize(16)
    picture = read(encoded(image, "PNG"), keep_palette=True)
    assert picture.mode == "P"
    assert np.array_equal(picture.array, np.asarray(image))
    colours = np.frombuffer(picture.palette or b"", np.uint8).reshape(-1, 4)
    assert np.array_equal(colours[picture.array][..., :3], np.asarray(image.convert("RGB")))
    assert (colours[: picture.array.max() + 1, 3] == 255).all()
    bits = Image.fromarray(scene(channels=1)).convert("1")
    picture = read(encoded(bits, "PNG"), keep_palette=True)
    assert picture.mode == "1"
    assert np.array_equal(picture.array, np.asarray(bits.convert("L")))


@pytest.mark.parametrize("alphas", [bytes([255, 0, 255, 255]), bytes([255, 0, 128, 7])])
def test_the_transparency_of_a_palette_is_kept_with_it(alphas: bytes) -> None:
    image = Image.fromarray((scene(channels=1) // 64).astype(np.uint8))
    image.putpalette(bytes(range(12)))
    data = encoded(image, "PNG", transparency=alphas)
    picture = read(data, keep_palette=True)
    assert (picture.palette or b"")[3:16:4] == alphas
    shown = read(data)
    assert shown.mode == "RGBA"
    assert np.array_equal(shown.array[..., 3], np.frombuffer(alphas, np.uint8)[picture.array])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF", "TIFF, compressed"])
def test_all_eight_orientations_are_the_same_picture(name: str, orientation: int) -> None:
    stored = np.ascontiguousarray(STORED[orientation](scene()))
    if name == "PNG":
        data = encoded(Image.fromarray(stored), "PNG", exif=exif(orientation))
    elif name == "WEBP":
        data = encoded(Image.fromarray(stored), "WEBP", lossless=True, exif=exif(orientation))
    elif name == "TIFF":
        tags = tiff_tags(stored.shape[:2], (8, 8, 8), 2, orientation=orientation)
        data = tiff(tags, stored.tobytes())
    else:
        block = Image.Exif()
        block[0x0112] = orientation
        data = encoded(Image.fromarray(stored), "TIFF", exif=block, compression="tiff_lzw")
    picture = read(data)
    assert np.array_equal(picture.array, scene())
    assert picture.array.flags.c_contiguous


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "AVIF"])
def test_all_eight_orientations_are_the_same_picture_with_loss(name: str, orientation: int) -> None:
    stored = np.ascontiguousarray(STORED[orientation](scene()))
    data = encoded(Image.fromarray(stored), name, quality=100, subsampling="4:4:4", exif=exif(orientation))
    picture = read(data)
    assert picture.array.shape == scene().shape
    # a turn by mistake would differ by dozens of levels on average
    assert np.abs(picture.array.astype(float) - scene()).mean() < 3


@pytest.mark.parametrize("mode", ["1", "P", "I;16"])
def test_orientation_is_applied_to_modes_that_are_kept(mode: str) -> None:
    stored = np.ascontiguousarray(np.rot90(deep()))
    whole = {
        "I;16": gray_image(stored),
        "P": Image.fromarray((stored >> 8).astype(np.uint8)).convert("P"),
        "1": Image.fromarray((stored >> 8).astype(np.uint8)).convert("1"),
    }[mode]
    picture = read(encoded(whole, "PNG", exif=exif(6)), keep_palette=True)
    plain = read(encoded(whole, "PNG"), keep_palette=True)
    assert picture.mode == mode
    assert np.array_equal(picture.array, np.rot90(plain.array, -1))


def test_an_orientation_in_xmp_counts_where_exif_has_none_and_is_reset() -> None:
    stored = np.ascontiguousarray(STORED[6](scene()))
    for name in ("PNG", "TIFF"):
        if name == "PNG":
            info = PngInfo()
            info.add_itxt("XML:com.adobe.xmp", (XMP % 6).decode())
            data = encoded(Image.fromarray(stored), name, pnginfo=info)
        else:
            tags = tiff_tags(stored.shape[:2], (8, 8, 8), 2) | {700: (1, tuple(XMP % 6))}
            data = tiff(tags, stored.tobytes())
        picture = read(data)
        assert np.array_equal(picture.array, scene()), name
        assert b'tiff:Orientation="6"' not in (picture.metadata.xmp or b"")


def test_exif_has_the_last_word_about_orientation() -> None:
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", (XMP % 6).decode())
    data = encoded(Image.fromarray(scene()), "PNG", pnginfo=info, exif=exif(1))
    assert np.array_equal(read(data).array, scene())
    tags = tiff_tags((24, 40), (8, 8, 8), 2, orientation=1) | {700: (1, tuple(XMP % 6))}
    assert np.array_equal(read(tiff(tags, scene().tobytes())).array, scene())


def test_metadata_behind_the_pixels_of_a_png_counts_too() -> None:
    stored = np.ascontiguousarray(STORED[8](scene()))
    data = encoded(Image.fromarray(stored), "PNG")
    late = data[:-12] + chunk(b"eXIf", exif(8)[6:]) + data[-12:]
    picture = read(late)
    assert np.array_equal(picture.array, scene())
    assert picture.metadata.exif is not None


@pytest.mark.parametrize("percent", [1, 25, 50, 90, 99])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("PNG", {"compress_level": 0}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("GIF", {}),
        ("AVIF", {}),
        ("BMP", {}),
        ("PPM", {}),
    ],
)
def test_a_truncated_file_fails_and_is_never_half_a_picture(
    name: str, options: dict[str, object], percent: int
) -> None:
    whole = encoded(Image.fromarray(scene(120, 160)), name, **options)
    words = refusal(whole[: len(whole) * percent // 100])
    assert words.startswith("broken ")


def test_a_large_progressive_jpeg_cut_short_fails() -> None:
    noise = np.random.default_rng(3).integers(0, 255, (700, 900, 3)).astype(np.uint8)
    whole = encoded(Image.fromarray(noise), "JPEG", progressive=True, quality=90)
    assert "truncated" in refusal(whole[: len(whole) * 3 // 4])


def test_a_compressed_tiff_whose_strips_are_cut_off_fails() -> None:
    whole = encoded(Image.fromarray(scene(120, 160)), "TIFF", compression="tiff_lzw")
    directory = int.from_bytes(whole[4:8], "little")
    moved = whole[:4] + (8).to_bytes(4, "little") + whole[directory:]
    assert refusal(moved).startswith("broken")


def test_flipped_bits_in_a_png_are_found_out_or_do_no_harm() -> None:
    whole = encoded(Image.fromarray(scene()), "PNG")
    words = set()
    for at in range(8, len(whole), 7):
        broken = bytearray(whole)
        broken[at] ^= 4
        try:
            assert np.array_equal(read(bytes(broken)).array, scene())
        except ImageError as error:
            words.add(str(error).partition(":")[0])
    assert words == {"broken or unsupported PNG file", "broken or incomplete PNG file"}


def test_a_png_without_pixels_fails() -> None:
    whole = encoded(Image.fromarray(scene()), "PNG")
    assert refusal(whole[: whole.index(b"IDAT") - 4] + whole[-12:]).startswith("broken")


BROKEN_EXIF = [
    b"Exif\x00\x00garbage all the way down",
    b"Exif\x00\x00II*\x00\xff\xff\xff\x7f",
    exif()[:12],
    exif()[:30],
]


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("block", BROKEN_EXIF)
def test_broken_exif_is_dropped_with_a_warning_and_the_picture_read(name: str, block: bytes) -> None:
    picture = read(encoded(Image.fromarray(scene()), name, exif=block))
    assert picture.warnings == ("its EXIF is broken and was dropped",)
    assert picture.metadata.exif is None
    assert picture.array.shape == scene().shape


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_broken_profile_is_dropped_with_a_warning_and_the_picture_read(name: str) -> None:
    for profile in (b"no profile", icc()[:200], icc()[:100]):
        picture = read(encoded(Image.fromarray(scene()), name, icc_profile=profile))
        assert picture.warnings == ("its ICC profile is broken and was dropped",)
        assert picture.metadata.icc is None


def test_a_profile_that_cannot_be_unpacked_is_dropped_with_a_warning() -> None:
    rows = b"".join(b"\x00" + row.tobytes() for row in scene(4, 5))
    picture = read(png((4, 5), 8, 2, rows, chunk(b"iCCP", b"name\x00\x00no zlib at all")))
    assert picture.warnings == ("its ICC profile is broken and was dropped",)
    assert np.array_equal(picture.array, scene(4, 5))


@pytest.mark.parametrize(
    "packet", [(XMP % 1)[:-40], b"\xff\xfe\x00 no xml", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"]
)
def test_broken_xmp_is_dropped_with_a_warning_and_the_picture_read(packet: bytes) -> None:
    picture = read(encoded(Image.fromarray(scene()), "JPEG", xmp=packet))
    assert picture.warnings == ("its XMP is broken and was dropped",)
    assert picture.metadata.xmp is None


@pytest.mark.parametrize(
    ("data_name", "file_name", "warning"),
    [
        ("TIFF", "a.png", "a TIFF file named .png"),
        ("PNG", "a.JPG", "a PNG file named .JPG"),
        ("JPEG", "a.jpe", None),
        ("PNG", "a.dat", None),
        ("PNG", "a", None),
    ],
)
def test_a_name_that_tells_another_format_is_warned_of(
    tmp_path: Path, data_name: str, file_name: str, warning: str | None
) -> None:
    (tmp_path / file_name).write_bytes(encoded(Image.fromarray(scene()), data_name))
    picture = read_picture(tmp_path / file_name, max_pixels=MAX_PIXELS)
    assert picture.warnings == (() if warning is None else (warning,))
    assert picture.format == data_name


def test_the_caller_may_refuse_by_the_header_before_anything_is_decoded() -> None:
    whole = encoded(Image.fromarray(scene(120, 160)), "PNG")

    def refuse(header: ImageHeader) -> None:
        assert header.size == (120, 160)
        raise ImageError("not this one")

    with pytest.raises(ImageError, match="not this one"):
        read_picture(io.BytesIO(whole[:200]), max_pixels=MAX_PIXELS, check=refuse)


def test_too_little_memory_is_that_files_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "tobytes", fail)
    assert refusal(encoded(Image.fromarray(scene()), "PNG")).startswith("not enough memory")


def test_how_the_source_was_coded_is_told() -> None:
    image = Image.fromarray(scene())
    for number, name in enumerate(("4:4:4", "4:2:2", "4:2:0")):
        assert read(encoded(image, "JPEG", subsampling=name)).coding.subsampling == number
    assert read(encoded(image.convert("L"), "JPEG")).coding.subsampling is None
    assert read(encoded(image, "TIFF", compression="tiff_lzw")).coding.compression == "tiff_lzw"
    assert read(encoded(image, "BMP")).coding.compression is None
    assert read(encoded(image, "WEBP", lossless=True)).coding.lossless
    assert read(encoded(image, "WEBP", lossless=True, exif=exif())).coding.lossless
    assert not read(encoded(image, "WEBP", exif=exif())).coding.lossless


def test_nothing_is_printed_and_no_state_left_behind(capfd: pytest.CaptureFixture[str]) -> None:
    broken = encoded(Image.fromarray(scene()), "JPEG", exif=exif()[:60])
    filters, limit = list(warnings.filters), Image.MAX_IMAGE_PIXELS

    def work() -> None:
        for _ in range(10):
            read(broken)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == filters
    assert limit == Image.MAX_IMAGE_PIXELS
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (37, 1)])
@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "AVIF", "BMP", "PPM"])
def test_the_smallest_pictures_are_read(name: str, shape: tuple[int, int]) -> None:
    assert read(encoded(Image.fromarray(scene(*shape)), name)).size == shape


def test_a_pipe_is_read() -> None:
    import os

    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as sender:
        sender.write(encoded(Image.fromarray(scene()), "PNG"))
    with os.fdopen(reading, "rb") as pipe:
        assert np.array_equal(read_picture(pipe, max_pixels=MAX_PIXELS).array, scene())


@pytest.mark.parametrize(("magic", "bands"), [(b"P5", 1), (b"P6", 3)])
@pytest.mark.parametrize("largest", [1, 100, 254])
def test_pnm_of_any_largest_value_is_stretched(magic: bytes, bands: int, largest: int) -> None:
    values = np.random.default_rng(2).integers(0, 256, 5 * 7 * bands).astype(np.uint8)
    data = magic + b"\n# a comment\n7 5\n%d\n" % largest + values.tobytes()
    stretched = np.minimum(np.rint(values / largest * 255), 255)
    assert np.array_equal(read(data).array.ravel(), stretched)


@pytest.mark.parametrize("largest", [256, 1023, 4095, 65534])
def test_deep_gray_of_any_largest_value_keeps_each_value_apart(largest: int) -> None:
    values = np.linspace(0, largest, 24 * 40).astype(">u2")
    data = b"P5 40 24 %d\n" % largest + values.tobytes()
    picture = read(data)
    assert picture.mode == "I;16"
    assert np.array_equal(picture.array.ravel(), np.rint(values / largest * 65535))
    assert np.array_equal(np.rint(picture.array.ravel() / 65535 * largest), values)


def test_pnm_to_be_stretched_but_cut_short_fails() -> None:
    assert refusal(b"P6 9 9 100\n" + bytes(3 * 9 * 9 - 1)).startswith("broken or incomplete PPM file: ")


def test_a_stream_is_left_open_for_its_owner() -> None:
    for name in ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "AVIF"):
        stream = io.BytesIO(encoded(Image.fromarray(scene()), name))
        assert read_picture(stream, max_pixels=MAX_PIXELS).size == (24, 40)
        assert not stream.closed


def test_a_gif_whose_clear_entry_is_beyond_its_palette_is_read() -> None:
    image = Image.fromarray((scene(channels=1) // 64).astype(np.uint8))
    image.putpalette(bytes(range(12)))
    data = bytearray(encoded(image, "GIF", transparency=1))
    at = data.index(b"\x21\xf9\x04") + 6
    assert data[at] == 1
    data[at] = 200
    for keep in (False, True):
        picture = read(bytes(data), keep_palette=keep)
        assert picture.size == (24, 40)
        assert picture.mode == ("P" if keep else "RGBA")
        if keep:
            assert (picture.palette or b"")[4 * 200 + 3] == 0
