"""What the header tells, and what is refused on that alone."""

import io
import struct
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stnwarp.conventions import DEFAULT_MAX_PIXELS
from stnwarp.errors import ExitCode, ImageError
from stnwarp.images.decode import read_picture
from stnwarp.images.probe import ImageHeader, pixel_limit, probe
from tests.images_samples import (
    MAX_PIXELS,
    chunk,
    deep,
    encoded,
    exif,
    gray_image,
    lens_exif,
    png,
    png16,
    scene,
    tiff,
    tiff_tags,
)


def header(data: bytes, max_pixels: int = MAX_PIXELS) -> ImageHeader:
    return probe(io.BytesIO(data), max_pixels=max_pixels)


def refusal(data: bytes, max_pixels: int = MAX_PIXELS) -> str:
    with pytest.raises(ImageError) as caught:
        header(data, max_pixels)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == ExitCode.SOME_FAILED
    return str(caught.value)


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF", "BMP", "PPM"])
def test_a_plain_picture_is_told_by_its_content(name: str, tmp_path: Path) -> None:
    (tmp_path / "picture.dat").write_bytes(encoded(Image.fromarray(scene()), name))
    found = probe(tmp_path / "picture.dat", max_pixels=MAX_PIXELS)
    assert found == ImageHeader(name, "RGB", (24, 40), 8, 1, has_drafts=name == "JPEG")


@pytest.mark.parametrize(
    ("image", "name", "mode"),
    [
        (Image.fromarray(scene(channels=1)).convert("1"), "PNG", "L"),
        (Image.fromarray(scene(channels=1)), "BMP", "L"),
        (Image.fromarray(scene()).quantize(16), "PNG", "RGB"),
        (Image.fromarray(scene(channels=2)), "PNG", "LA"),
        (Image.fromarray(scene(channels=4)), "PNG", "RGBA"),
        (Image.fromarray(scene(channels=4), "CMYK"), "TIFF", "CMYK"),
        (Image.fromarray(scene(channels=1).astype(np.float32)), "TIFF", "F"),
    ],
)
def test_the_mode_is_that_of_the_picture_to_come(image: Image.Image, name: str, mode: str) -> None:
    assert header(encoded(image, name)).mode == mode


@pytest.mark.parametrize("name", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_gray_is_told(name: str) -> None:
    found = header(encoded(gray_image(deep()), name))
    assert (found.mode, found.bits) == ("I;16", 16)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_the_size_is_that_of_the_upright_picture(name: str, orientation: int) -> None:
    data = encoded(Image.fromarray(scene()), name, exif=exif(orientation))
    assert header(data).size == ((40, 24) if orientation >= 5 else (24, 40))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_of_a_tiff_is_that_of_the_upright_picture(orientation: int) -> None:
    data = tiff(tiff_tags((24, 40), (8, 8, 8), 2, orientation=orientation), scene().tobytes())
    assert header(data).size == ((40, 24) if orientation >= 5 else (24, 40))


def test_an_empty_file_is_told() -> None:
    assert refusal(b"") == "empty file"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"This is no picture at all.", "not an image; the formats are PNG, JPEG"),
        (b"\x00" * 100, "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "EPS or PostScript is not supported"),
        (b"\xc5\xd0\xd3\xc6" + b"\x00" * 40, "EPS or PostScript is not supported"),
        (b"%PDF-1.7\n", "PDF is not supported"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "XML or SVG is not supported"),
        (b"\x89PNG\r\n\x1a\n", "broken or unsupported PNG file"),
        (b"\xff\xd8\xff", "broken or unsupported JPEG file"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "broken or unsupported WEBP file"),
        (b"GIF89a", "broken or unsupported GIF file"),
        (b"BM", "broken or unsupported BMP file"),
        (b"P6\n", "broken or unsupported PPM file"),
        (b"II*\x00", "broken or unsupported TIFF file"),
        (b"\x00\x00\x00\x18ftypavif", "broken or unsupported AVIF file"),
    ],
)
def test_what_is_no_picture_is_told_in_one_line(data: bytes, words: str) -> None:
    assert refusal(data).startswith(words)


def test_neither_eps_nor_pdf_starts_another_program(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    code = """
        import sys
        from pathlib import Path
        import subprocess
        def refuse(*_, **__): print("started a program")
        subprocess.Popen = subprocess.check_call = subprocess.call = subprocess.run = refuse
        from stnwarp.errors import ImageError
        from stnwarp.images import read_picture
        try:
            read_picture(Path(sys.argv[1]), max_pixels=1000)
        except ImageError as error:
            print(error)
        print("PIL.EpsImagePlugin" in sys.modules, "PIL.PdfImagePlugin" in sys.modules)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "a.jpg")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("EPS or PostScript is not supported")
    assert answer.stdout.endswith("False False\n")


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_sixteen_bit_colour_in_png_is_refused_rather_than_halved(channels: int) -> None:
    assert "16 bits a channel" in refusal(png16(channels))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planar", [1, 2])
def test_sixteen_bit_colour_in_tiff_is_refused_rather_than_halved(order: str, planar: int) -> None:
    data = tiff(tiff_tags((4, 5), (16, 16, 16), 2, planar=planar), bytes(4 * 5 * 6), order)
    assert "16 bits a channel" in refusal(data)


def test_sixteen_bit_cmyk_and_rgba_in_tiff_are_refused() -> None:
    assert "16 bits" in refusal(tiff(tiff_tags((4, 5), (16,) * 4, 5), bytes(4 * 5 * 8)))
    assert "16 bits" in refusal(tiff(tiff_tags((4, 5), (16,) * 4, 2), bytes(4 * 5 * 8)))


@pytest.mark.parametrize("largest", [256, 1023, 65535])
def test_deep_colour_in_ppm_is_refused_rather_than_cut(largest: int) -> None:
    assert "16 bits a channel" in refusal(b"P6 5 4 %d\n" % largest + bytes(5 * 4 * 6))
    assert "16 bits a channel" in refusal(b"P3 1 1 %d\n1 2 3\n" % largest)


def test_shallow_colour_in_ppm_is_read() -> None:
    assert header(b"P6 5 4 127\n" + bytes(5 * 4 * 3)).bits == 8


@pytest.mark.parametrize(("flags", "bits"), [(0x40, 10), (0x60, 12)])
def test_ten_and_twelve_bit_avif_is_refused_rather_than_cut(flags: int, bits: int) -> None:
    data = bytearray(encoded(Image.fromarray(scene()), "AVIF"))
    at = data.index(b"av1C") + 6
    data[at] |= flags
    # The decoder may find the contradiction by itself; either way it is no 8-bit picture.
    assert f"{bits} bits a channel" in refusal(bytes(data)) or "broken" in refusal(bytes(data))


def test_modes_that_cannot_be_warped_are_refused_by_name() -> None:
    lab = tiff(tiff_tags((4, 5), (8, 8, 8), 8), bytes(60))
    assert refusal(lab) == "images of mode LAB are not supported; convert it to RGB or gray first"
    wide = tiff(tiff_tags((4, 5), (32,), 1), bytes(80))
    assert refusal(wide).startswith("images of mode I are not supported")
    signed = tiff(tiff_tags((4, 5), (16,), 1, format=2), bytes(40))
    assert refusal(signed).startswith("images of mode I are not supported")


def test_deep_gray_with_a_transparent_value_is_refused() -> None:
    rows = b"".join(b"\x00" + bytes(10) for _ in range(4))
    data = png((4, 5), 16, 0, rows, chunk(b"tRNS", b"\x00\x07"))
    assert refusal(data) == "16-bit gray with a transparent value is not supported"


def frames(count: int = 3) -> list[Image.Image]:
    return [Image.fromarray(np.roll(scene(), step, axis=1)) for step in range(count)]


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP", "AVIF"])
def test_animations_are_refused_in_words(name: str) -> None:
    first, *others = frames()
    data = encoded(first, name, save_all=True, append_images=others, duration=50)
    assert refusal(data) == f"an animated {name} is not supported; split it into single images first"


def test_a_tiff_of_several_pages_is_refused_in_words() -> None:
    first, *others = frames()
    data = encoded(first, "TIFF", save_all=True, append_images=others)
    assert refusal(data).startswith("a TIFF of several pages is not supported")


def test_a_mpo_is_a_still() -> None:
    first, *others = frames()
    data = encoded(first, "MPO", save_all=True, append_images=others)
    assert header(data) == ImageHeader("JPEG", "RGB", (24, 40), 8, 1, has_drafts=True)


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_the_focal_length_is_known_before_pixels_are_decoded(name: str) -> None:
    data = encoded(Image.fromarray(scene()), name, exif=lens_exif(28))
    assert header(data) == ImageHeader(name, "RGB", (24, 40), 8, 1, 28.0, name == "JPEG")
    assert read_picture(io.BytesIO(data), max_pixels=MAX_PIXELS).focal_length_35mm == 28.0


def bomb(width: int, height: int) -> bytes:
    """A small PNG that would be one bit deep and very large."""
    return png((height, width), 1, 0, b"\x00" * 1000)


def test_the_limit_is_kept_to_the_pixel() -> None:
    data = encoded(Image.fromarray(scene()), "PNG")
    assert header(data, 24 * 40).size == (24, 40)
    words = refusal(data, 24 * 40 - 1)
    assert words.startswith("40x24 is 960 pixels, more than the limit of 959; ")
    assert words.endswith("--max-pixels 960")


def test_by_default_a_warning_of_a_bomb_is_a_refusal_unless_the_limit_is_raised() -> None:
    data = bomb(9500, 9500)
    assert "90,250,000 pixels, more than the limit of 89,478,485" in refusal(data, DEFAULT_MAX_PIXELS)
    assert header(data, 90_250_000).size == (9500, 9500)
    assert header(data, 2 * DEFAULT_MAX_PIXELS).size == (9500, 9500)
    assert pixel_limit(1000) == 1000


def test_a_raised_limit_lets_even_larger_images_through_and_is_taken_back() -> None:
    before = Image.MAX_IMAGE_PIXELS
    assert header(bomb(20000, 20000), 500_000_000).size == (20000, 20000)
    assert before == Image.MAX_IMAGE_PIXELS


def test_more_than_the_memory_there_is_is_refused() -> None:
    assert "more than there is" in refusal(bomb(2_000_000, 2_000_000), 10**13)


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "ppm", "webp", "gif"])
def test_a_bomb_is_refused_by_its_header_in_little_time_and_memory(kind: str, tmp_path: Path) -> None:
    side = 20000
    webp = b"VP8X" + struct.pack("<IB3x", 10, 0) + (16382).to_bytes(3, "little") * 2
    webp += encoded(Image.fromarray(scene()), "WEBP")[12:]
    files = {
        "png": bomb(side, side),
        "bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0),
        "tiff": tiff(tiff_tags((side, side), (1,), 1), bytes(1000)),
        "ppm": b"P6 20000 20000 255\n" + bytes(1000),
        "webp": b"RIFF" + struct.pack("<I", 4 + len(webp)) + b"WEBP" + webp,
        "gif": b"GIF89a" + struct.pack("<HHBBB", side, side, 0, 0, 0)
        + b"\x2c" + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x08\x01\x00\x00\x3b",
    }  # fmt: skip
    (tmp_path / "bomb").write_bytes(files[kind])
    code = """
        import re, sys, time
        from pathlib import Path
        from stnwarp.conventions import DEFAULT_MAX_PIXELS
        from stnwarp.errors import ImageError
        from stnwarp.images import read_picture
        started = time.process_time()
        try:
            read_picture(Path(sys.argv[1]), max_pixels=DEFAULT_MAX_PIXELS)
        except ImageError as error:
            print(error)
        seconds = time.process_time() - started
        # Not ru_maxrss, in which the process that started this one counts too.
        peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
        print(peak < 200_000, seconds < 1)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "bomb")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    words, verdict = answer.stdout.splitlines()
    assert "pixels" in words
    assert "limit of" in words
    assert words.endswith("--max-pixels 400000000" if kind != "webp" else "raise --max-pixels")
    assert verdict == "True True"


@pytest.mark.slow
def test_a_text_of_200_megabytes_in_a_small_png_fails_the_file() -> None:
    packed = zlib.compress(bytes(200_000_000), 9)
    text = chunk(b"zTXt", b"Comment\x00\x00" + packed)
    rows = b"".join(b"\x00" + bytes(15) for _ in range(4))
    assert "too large" in refusal(png((4, 5), 8, 2, rows, text))
