"""Pictures become files; what a format cannot hold is converted as documented, told, or refused."""

import io
import os
import zlib
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stnwarp.errors import ImageError
from stnwarp.images.decode import read_picture
from stnwarp.images.encode import check_target, encode_picture
from stnwarp.images.formats import FORMATS
from stnwarp.images.modes import FLATTENED, WRITTEN_MODES
from stnwarp.images.palette import ALL_OR_NOTHING, REDUCED
from stnwarp.images.picture import Coding, Metadata, Picture
from tests.images_samples import MAX_PIXELS, XMP, chunk, deep, encoded, exif, icc, png, scene, tiff, tiff_tags


def read(data: bytes, keep_palette: bool = False) -> Picture:
    return read_picture(io.BytesIO(data), max_pixels=MAX_PIXELS, keep_palette=keep_palette)


def picture(mode: str) -> Picture:
    """A picture of *mode* that uses what the mode has, alpha included."""
    arrays: dict[str, NDArray[np.generic]] = {
        "1": np.where(scene(channels=1) > 128, 255, 0).astype(np.uint8),
        "L": scene(channels=1),
        "P": (scene(channels=1) // 16).astype(np.uint8),
        "LA": scene(channels=2),
        "RGB": scene(),
        "RGBA": scene(channels=4),
        "CMYK": scene(channels=4),
        "I;16": deep(),
        "F": np.linspace(-3, 3, 24 * 40, dtype=np.float32).reshape(24, 40),
    }
    palette = np.stack([np.arange(16) * 15, np.arange(16) * 3, np.full(16, 9), np.full(16, 255)], axis=1)
    return Picture(arrays[mode], mode, palette=palette.astype(np.uint8).tobytes() if mode == "P" else None)


EXACT = {"PNG", "TIFF", "BMP", "PPM", "GIF"}


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "I;16", "F"])
@pytest.mark.parametrize("name", FORMATS)
def test_each_mode_in_each_format_is_kept_converted_or_refused(name: str, mode: str) -> None:
    source = picture(mode)
    if mode not in WRITTEN_MODES[name]:
        with pytest.raises(ImageError, match=f"mode {mode} cannot be kept in {name}; write it as ") as caught:
            encode_picture(source, name)
        assert "\n" not in str(caught.value)
        return
    data, warnings = encode_picture(source, name)
    again = read(data, keep_palette=mode in {"1", "P"})
    assert again.size == source.size
    flattened = source.has_alpha and name in {"JPEG", "BMP", "PPM"}
    expected = {FLATTENED} if flattened else set()
    if name == "GIF" and mode in {"RGB", "RGBA", "LA"}:
        expected = {REDUCED, ALL_OR_NOTHING} if mode == "RGBA" else {ALL_OR_NOTHING} if mode == "LA" else {REDUCED}
    assert set(warnings) == expected
    if name in EXACT and not expected:
        assert_same_picture(again, source)
    elif name in {"JPEG", "WEBP", "AVIF"} and mode in {"1", "L", "RGB"}:
        shown = again.array if again.array.ndim == source.array.ndim else again.array[..., 0]
        # what these lose at quality 95; sharp edges of black on white ring the most
        assert np.abs(shown.astype(float) - source.array.astype(float)).mean() < 6


def assert_same_picture(again: Picture, source: Picture) -> None:
    """The same colours, whether through a palette or not."""
    if again.mode == source.mode and source.mode != "P":
        assert again.array.dtype == source.array.dtype
        assert np.array_equal(again.array, source.array)
        return
    assert np.array_equal(colours(again), colours(source))


def colours(shown: Picture) -> NDArray[np.uint8]:
    if shown.mode == "P":
        return np.frombuffer(shown.palette or b"", np.uint8).reshape(-1, 4)[shown.array][..., :3]
    values = shown.array.astype(np.uint8)
    return values[..., :3] if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)


def test_refusals_come_before_decoding_and_name_what_would_do() -> None:
    with pytest.raises(ImageError, match="16-bit mode I;16 cannot be kept in JPEG; write it as PNG, TIFF, PPM"):
        check_target("JPEG", "I;16", 16)
    with pytest.raises(ImageError, match="mode CMYK cannot be kept in PNG; write it as JPEG, TIFF"):
        check_target("PNG", "CMYK", 8)
    check_target("JPEG", "RGBA", 8)


@pytest.mark.parametrize("name", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_kept_to_the_last_one(name: str) -> None:
    again = read(encode_picture(picture("I;16"), name)[0])
    assert again.mode == "I;16"
    assert np.array_equal(again.array, deep())


@pytest.mark.parametrize(("name", "mode"), [("JPEG", "RGBA"), ("BMP", "RGBA"), ("PPM", "LA"), ("BMP", "LA")])
def test_transparency_is_laid_on_the_fill_where_there_is_no_alpha(name: str, mode: str) -> None:
    source = picture(mode)
    source.array[..., -1] = 0
    fill = (*(200, 100, 50)[: source.array.shape[2] - 1], 0)
    data, warnings = encode_picture(source, name, fill=fill)
    assert warnings == (FLATTENED,)
    ground = np.broadcast_to(fill[:-1], (24, 40, len(fill) - 1)).squeeze()
    # of a plain colour a JPEG loses the rounding of its colour space only
    assert np.abs(read(data).array.astype(int) - ground).max() <= 2


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_half_transparency_lets_its_share_of_the_fill_through(mode: str) -> None:
    source = picture(mode)
    source.array[..., -1] = np.arange(24 * 40).reshape(24, 40) % 256
    fill = (*(200, 100, 50)[: source.array.shape[2] - 1], 255)
    colours, opacity = source.array[..., :-1].astype(float), source.array[..., -1:] / 255
    expected = np.rint(fill[:-1] + (colours - fill[:-1]) * opacity)
    shown = read(encode_picture(source, "PPM", fill=fill)[0]).array
    assert np.array_equal(shown.reshape(expected.shape), expected)


def test_without_a_fill_the_ground_is_black() -> None:
    source = picture("RGBA")
    source.array[..., 3] = 0
    assert not read(encode_picture(source, "PPM")[0]).array.any()


def test_an_opaque_picture_is_flattened_without_a_word() -> None:
    source = picture("RGBA")
    source.array[..., 3] = 255
    data, warnings = encode_picture(source, "PPM", fill=(1, 2, 3, 4))
    assert warnings == ()
    assert np.array_equal(read(data).array, source.array[..., :3])


def test_colours_under_clear_pixels_are_kept_where_nothing_is_lost() -> None:
    source = picture("RGBA")
    source.array[:12, :, 3] = 0
    for name in ("PNG", "TIFF"):
        assert np.array_equal(read(encode_picture(source, name)[0]).array, source.array)
    lossless = replace(source, coding=Coding(lossless=True))
    assert np.array_equal(read(encode_picture(lossless, "WEBP")[0]).array, source.array)


def test_a_webp_without_loss_stays_so_unless_a_quality_is_asked_for() -> None:
    source = read(encoded(Image.fromarray(scene()), "WEBP", lossless=True))
    assert np.array_equal(read(encode_picture(source, "WEBP")[0]).array, scene())
    assert not np.array_equal(read(encode_picture(source, "WEBP", quality=50)[0]).array, scene())


@pytest.mark.parametrize("name", ["JPEG", "WEBP", "AVIF"])
def test_quality_decides_about_size_and_is_95_by_default(name: str) -> None:
    noisy = np.random.default_rng(5).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    sizes = [len(encode_picture(Picture(noisy, "RGB"), name, quality=q)[0]) for q in (30, 95)]
    assert sizes[0] < sizes[1]
    assert len(encode_picture(Picture(noisy, "RGB"), name)[0]) == sizes[1]


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_a_jpeg_keeps_the_resolution_of_its_chroma(subsampling: int) -> None:
    source = read(encoded(Image.fromarray(scene()), "JPEG", subsampling=subsampling))
    assert read(encode_picture(source, "JPEG")[0]).coding.subsampling == subsampling


def test_what_was_no_jpeg_gets_halved_chroma() -> None:
    assert read(encode_picture(picture("RGB"), "JPEG")[0]).coding.subsampling == 2


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_a_tiff_keeps_a_compression_without_loss(compression: str) -> None:
    source = read(encoded(Image.fromarray(scene()), "TIFF", compression=compression))
    again = read(encode_picture(source, "TIFF")[0])
    assert again.coding.compression == compression
    assert np.array_equal(again.array, scene())


def test_a_tiff_with_loss_becomes_one_without() -> None:
    source = read(encoded(Image.fromarray(scene()), "TIFF", compression="jpeg"))
    assert source.coding.compression == "jpeg"
    again = read(encode_picture(source, "TIFF")[0])
    assert again.coding.compression == "tiff_adobe_deflate"
    assert np.array_equal(again.array, source.array)


def test_facsimile_compression_is_kept_for_one_bit_only() -> None:
    bits = Image.fromarray(scene(channels=1)).convert("1")
    data = encoded(bits, "TIFF", compression="group4")
    kept = encode_picture(read(data, keep_palette=True), "TIFF")[0]
    assert read(kept).coding.compression == "group4"
    mixed = encode_picture(read(data), "TIFF")[0]
    assert read(mixed).coding.compression == "tiff_adobe_deflate"


def test_one_bit_pictures_are_written_with_one_bit() -> None:
    data = encode_picture(picture("1"), "PNG")[0]
    assert data[24] == 1
    assert np.array_equal(read(data).array, picture("1").array)


def thumbnail() -> bytes:
    return encoded(Image.fromarray(scene(4, 6)), "JPEG")


def full_metadata() -> Metadata:
    block = exif(6, thumbnail=thumbnail())
    image = Image.fromarray(scene())
    return read(encoded(image, "JPEG", exif=block, icc_profile=icc(), xmp=XMP % 6, dpi=(300, 300))).metadata


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_metadata_goes_along(name: str, compression: str) -> None:
    source = replace(picture("RGB"), metadata=full_metadata(), coding=Coding(compression=compression))
    data, warnings = encode_picture(source, name)
    assert warnings == ()
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        tags = image.getexif()
        details = tags.get_ifd(0x8769)
        assert tags[0x010F] == "Camera"
        assert tags.get(0x0112, 1) == 1
        assert details[0x927C] == b"MAKER\x00\x01\x02\x03\xff\xfe"
        assert (details[0xA002], details[0xA003]) == (40, 24)
        assert image.info["icc_profile"] == icc()
        assert image.info["xmp"] == XMP % 1
        if name in {"JPEG", "PNG", "TIFF"}:
            # PNG counts in whole pixels per metre
            assert tuple(float(value) for value in image.info["dpi"]) == pytest.approx((300, 300), abs=0.01)
    assert b"JFIF" not in data[200:] or name == "JPEG"
    assert thumbnail()[20:60] not in data


@pytest.mark.parametrize("source_name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("target_name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_metadata_survives_from_each_format_to_each(source_name: str, target_name: str) -> None:
    first = encode_picture(replace(picture("RGB"), metadata=full_metadata()), source_name)[0]
    second, warnings = encode_picture(read(first), target_name)
    metadata = read(second).metadata
    assert warnings == ()
    assert (metadata.icc, metadata.xmp) == (icc(), XMP % 1)
    assert metadata.exif is not None
    assert b"Camera" in metadata.exif
    assert b"MAKER\x00\x01\x02\x03\xff\xfe" in metadata.exif


def test_exif_is_handed_on_byte_for_byte_but_for_what_has_changed() -> None:
    data, _ = encode_picture(Picture(scene(7, 9), "RGB", metadata=full_metadata()), "PNG")
    before, after = exif(1)[6:], read(data).metadata.exif
    assert after is not None
    assert len(after) == len(before)
    changed = [at for at in range(len(before)) if before[at] != after[at]]
    sizes = {before.index(b"\x02\xa0") + 8, before.index(b"\x03\xa0") + 8}
    assert set(changed) == sizes


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF"])
def test_running_again_does_not_turn_the_picture_again(name: str, orientation: int) -> None:
    options = {"lossless": True} if name == "WEBP" else {}
    first = read(encoded(Image.fromarray(scene()), name, exif=exif(orientation), **options))
    second = read(encode_picture(first, name)[0])
    third = read(encode_picture(second, name)[0])
    assert np.array_equal(second.array, first.array)
    assert np.array_equal(third.array, first.array)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_running_a_jpeg_again_does_not_turn_it_again(orientation: int) -> None:
    first = read(encoded(Image.fromarray(scene()), "JPEG", exif=exif(orientation), xmp=XMP % orientation))
    second = read(encode_picture(first, "JPEG")[0])
    assert second.size == first.size
    # two generations at quality 95
    assert np.abs(second.array.astype(float) - first.array).mean() < 4


@pytest.mark.parametrize("name", ["GIF", "BMP", "PPM"])
def test_formats_without_room_for_metadata_say_so(name: str) -> None:
    source = replace(picture("L"), metadata=replace(full_metadata(), icc=None))
    assert encode_picture(source, name)[1] == (f"{name} cannot hold EXIF, XMP: dropped",)


def test_a_bmp_keeps_the_dpi_and_invents_none() -> None:
    source = replace(picture("RGB"), metadata=Metadata(dpi=(300, 150)))
    assert read(encode_picture(source, "BMP")[0]).metadata.dpi == pytest.approx((300, 150), abs=0.02)
    assert read(encode_picture(picture("RGB"), "BMP")[0]).metadata.dpi is None


@pytest.mark.parametrize("name", ["JPEG", "PNG", "TIFF"])
def test_no_dpi_is_invented(name: str) -> None:
    for first in (
        encoded(Image.fromarray(scene()), name),
        encoded(Image.fromarray(scene()), name, exif=exif()),
    ):
        source = read(first)
        assert source.metadata.dpi is None
        assert read(encode_picture(source, name)[0]).metadata.dpi is None


def test_a_profile_of_another_kind_of_colour_is_dropped_with_a_warning() -> None:
    gray = bytearray(icc())
    gray[16:20] = b"GRAY"
    source = replace(picture("L"), metadata=Metadata(icc=bytes(gray)))
    assert encode_picture(source, "PNG")[1] == ()
    assert encode_picture(source, "WEBP")[1] == ("its ICC profile is not for mode RGB and was dropped",)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (Metadata(exif=exif()[6:] + bytes(70_000), icc=icc(), xmp=XMP % 1), "EXIF"),
        (Metadata(exif=exif()[6:], xmp=(XMP % 1) + b" " * 70_000), "XMP"),
        (Metadata(exif=exif()[6:] + bytes(70_000), xmp=(XMP % 1) + b" " * 70_000), "metadata"),
    ],
)
def test_metadata_a_writer_will_not_take_is_dropped_with_a_warning(metadata: Metadata, words: str) -> None:
    data, warnings = encode_picture(replace(picture("RGB"), metadata=metadata), "JPEG")
    assert warnings == (f"JPEG would not take its {words}: dropped",)
    assert read(data).size == (24, 40)


def test_a_writer_that_fails_for_other_reasons_fails_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no such encoder")

    source = replace(picture("RGB"), metadata=full_metadata())
    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(ImageError, match="cannot be written as JPEG: no such encoder"):
        encode_picture(source, "JPEG")


def test_too_little_memory_is_that_files_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def fail(*_: object, **__: object) -> None:
        calls.append(1)
        raise MemoryError

    source = replace(picture("RGB"), metadata=full_metadata())
    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(ImageError, match=r"^not enough memory; "):
        encode_picture(source, "JPEG")
    assert calls == [1]


@pytest.mark.parametrize("name", ["PNG", "GIF", "TIFF", "BMP"])
def test_a_palette_is_written_as_it_is(name: str) -> None:
    source = picture("P")
    again = read(encode_picture(source, name)[0], keep_palette=True)
    assert again.mode == "P"
    assert np.array_equal(colours(again), colours(source))


def test_the_palette_of_a_png_keeps_its_transparency() -> None:
    table = np.frombuffer(picture("P").palette or b"", np.uint8).reshape(-1, 4).copy()
    table[:, 3] = np.arange(16) * 17
    source = replace(picture("P"), palette=table.tobytes())
    again = read(encode_picture(source, "PNG")[0], keep_palette=True)
    assert np.array_equal(np.frombuffer(again.palette or b"", np.uint8).reshape(-1, 4)[:16], table)
    assert np.array_equal(again.array, source.array)


@pytest.mark.parametrize("clear", [[3], [3, 5, 9]])
def test_clear_entries_of_a_palette_are_clear_in_gif(clear: list[int]) -> None:
    table = np.frombuffer(picture("P").palette or b"", np.uint8).reshape(-1, 4).copy()
    table[clear, 3] = 0
    source = replace(picture("P"), palette=table.tobytes())
    data, warnings = encode_picture(source, "GIF")
    again = read(data)
    assert warnings == ()
    assert again.mode == "RGBA"
    assert np.array_equal(again.array[..., 3] == 0, np.isin(source.array, clear))


@pytest.mark.parametrize("name", ["TIFF", "BMP", "PPM", "JPEG", "WEBP", "AVIF"])
def test_a_palette_with_transparency_becomes_colours_where_it_cannot_be_kept(name: str) -> None:
    table = np.frombuffer(picture("P").palette or b"", np.uint8).reshape(-1, 4).copy()
    table[4, 3] = 0
    data, warnings = encode_picture(replace(picture("P"), palette=table.tobytes()), name)
    again = read(data)
    assert again.mode == ("RGBA" if name in {"TIFF", "WEBP", "AVIF"} else "RGB")
    assert warnings == (() if again.mode == "RGBA" else (FLATTENED,))


def test_indices_beyond_the_palette_are_black() -> None:
    indices = np.arange(64, dtype=np.uint8).reshape(8, 8)
    data, _ = encode_picture(Picture(indices, "P", palette=bytes([9, 8, 7, 255] * 4)), "PNG")
    shown = read(data).array
    assert (shown.reshape(-1, 3)[:4] == (9, 8, 7)).all()
    assert not shown.reshape(-1, 3)[4:].any()


def test_few_colours_are_exact_in_gif_and_many_are_told() -> None:
    few = (scene() // 64 * 64).astype(np.uint8)
    data, warnings = encode_picture(Picture(few, "RGB"), "GIF")
    assert warnings == ()
    assert np.array_equal(read(data).array, few)
    many = np.random.default_rng(8).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    assert encode_picture(Picture(many, "RGB"), "GIF")[1] == (REDUCED,)


@pytest.mark.parametrize("count", [1, 2, 3, 17, 255, 256])
def test_as_many_colours_as_gif_holds_are_exact(count: int) -> None:
    chance = np.random.default_rng(count)
    table = chance.permutation(1 << 24)[:count]
    used = table[np.arange(40 * 50) % count].reshape(40, 50)
    array = np.stack([used >> 16, used >> 8 & 255, used & 255], axis=-1).astype(np.uint8)
    data, warnings = encode_picture(Picture(array, "RGB"), "GIF")
    assert warnings == ()
    assert np.array_equal(read(data).array, array)


def test_transparency_in_gif_is_all_or_nothing_and_told() -> None:
    few = np.concatenate([scene() // 128 * 128, scene(channels=1)[..., None] // 128 * 255], axis=2).astype(np.uint8)
    data, warnings = encode_picture(Picture(few, "RGBA"), "GIF")
    assert warnings == ()
    again = read(data).array
    assert np.array_equal(again[..., 3], few[..., 3])
    assert np.array_equal(again[few[..., 3] > 0], few[few[..., 3] > 0])
    few[0, 0, 3] = 200
    assert encode_picture(Picture(few, "RGBA"), "GIF")[1] == (ALL_OR_NOTHING,)


@pytest.mark.parametrize("shape", [(1, 1), (1, 33), (33, 1)])
@pytest.mark.parametrize("name", FORMATS)
def test_the_smallest_pictures_are_written(name: str, shape: tuple[int, int]) -> None:
    assert read(encode_picture(Picture(scene(*shape), "RGB"), name)[0]).size == shape


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16", "F"])
def test_arrays_of_any_layout_are_written(mode: str) -> None:
    source = picture(mode)
    turned = replace(source, array=source.array[::-1, ::2])
    again = read(encode_picture(turned, "TIFF")[0])
    assert np.array_equal(again.array, source.array[::-1, ::2])


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_picture_gives_the_same_bytes(name: str) -> None:
    source = replace(picture("RGB"), metadata=full_metadata())
    assert encode_picture(source, name) == encode_picture(source, name)


def test_without_files_in_memory_the_bytes_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = encode_picture(picture("RGB"), "JPEG")
    monkeypatch.delattr(os, "memfd_create", raising=False)
    assert encode_picture(picture("RGB"), "JPEG") == usual


def test_a_tiff_written_here_is_read_alike_elsewhere() -> None:
    cv2 = pytest.importorskip("cv2")
    source = replace(picture("RGB"), metadata=full_metadata())
    shown = cv2.imdecode(np.frombuffer(encode_picture(source, "TIFF")[0], np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(shown[..., ::-1], scene())


def test_texts_and_gamma_of_a_png_go_along_into_a_png() -> None:
    gamma, text = chunk(b"gAMA", (100_000).to_bytes(4, "big")), chunk(b"tEXt", b"Comment\x00drawn by hand")
    disguise = chunk(b"zTXt", b"Raw profile type exif\x00\x00" + zlib.compress(b"\nexif\n 4\n00000000\n"))
    rows = b"".join(b"\x00" + row.tobytes() for row in scene(4, 5))
    source = read(png((4, 5), 8, 2, rows, gamma, text, disguise))
    data, warnings = encode_picture(source, "PNG")
    assert warnings == ()
    assert gamma in data
    assert text in data
    assert b"Raw profile" not in data
    with Image.open(io.BytesIO(data)) as image:
        assert (image.info["gamma"], image.info["Comment"]) == (1.0, "drawn by hand")
    words = "JPEG cannot hold the gamma or colour space that the PNG tells: dropped"
    assert encode_picture(source, "JPEG")[1] == (words,)


def test_the_usual_gamma_is_no_loss() -> None:
    rows = b"".join(b"\x00" + row.tobytes() for row in scene(4, 5))
    source = read(png((4, 5), 8, 2, rows, chunk(b"gAMA", (45455).to_bytes(4, "big"))))
    assert encode_picture(source, "JPEG")[1] == ()


@pytest.mark.parametrize("name", ["JPEG", "GIF"])
def test_a_comment_goes_along(name: str) -> None:
    source = read(encoded(Image.fromarray(scene()), name, comment=b"drawn by hand"))
    assert read(encode_picture(source, name)[0]).metadata.comment == b"drawn by hand"


def test_iptc_is_not_kept_and_told() -> None:
    resource = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00" + (6).to_bytes(4, "big") + b"\x1c\x02\x78\x00\x01A"
    marker = b"\xff\xed" + (len(resource) + 2).to_bytes(2, "big") + resource
    source = read(encoded(Image.fromarray(scene()), "JPEG", extra=marker))
    assert source.warnings == ("its IPTC was dropped, as only EXIF, ICC profile, XMP and DPI are kept",)


@pytest.mark.parametrize(("kind", "order"), [(1, "<"), (4, "<"), (4, ">")])
def test_iptc_in_a_tiff_is_not_kept_and_told(kind: int, order: str) -> None:
    tags = tiff_tags((4, 5), (8,), 1) | {0x83BB: (kind, (0x1C, 0x02, 0x78, 0x00))}
    source = read(tiff(tags, bytes(20), order))
    assert source.warnings == ("its IPTC was dropped, as only EXIF, ICC profile, XMP and DPI are kept",)


def test_iptc_in_a_png_is_not_kept_and_told() -> None:
    text = b"Raw profile type iptc\x00\x00" + zlib.compress(b"\niptc\n       6\n1c0278000141\n")
    source = read(png((1, 1), 8, 0, b"\x00\x07", chunk(b"zTXt", text)))
    assert source.warnings == ("its IPTC was dropped, as only EXIF, ICC profile, XMP and DPI are kept",)
    assert source.metadata.chunks == ()
