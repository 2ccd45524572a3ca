"""Metadata is judged before it is handed on."""

import io

import pytest
from PIL import Image

from stnwarp.images.metadata import collect
from stnwarp.images.picture import Metadata
from tests.images_samples import XMP, exif, icc, tiff, tiff_tags


def test_nothing_gives_nothing() -> None:
    found = collect({})
    assert (found.metadata, found.orientation, found.warnings) == (Metadata(), 1, ())


def test_all_of_it_is_found_upright() -> None:
    found = collect({"exif": exif(6), "icc_profile": icc(), "xmp": XMP % 6, "dpi": (72, 300)})
    assert found.metadata == Metadata(exif(1)[6:], icc(), XMP % 1, (72.0, 300.0))
    assert (found.orientation, found.warnings) == (6, ())


def test_the_hexadecimal_form_of_imagemagick_is_read() -> None:
    data = exif(3)
    text = f"\nexif\n{len(data):8}\n{data.hex()}\n"
    found = collect({"Raw profile type exif": text})
    assert found.orientation == 3
    assert found.metadata.exif == exif(1)[6:]
    assert collect({"Raw profile type exif": "\nexif\n 5\nzz"}).warnings == ("its EXIF is broken and was dropped",)


@pytest.mark.parametrize(
    "spelling", ['tiff:Orientation="6"', "tiff:Orientation='6'", "<tiff:Orientation>6</tiff:Orientation>"]
)
def test_each_spelling_of_an_orientation_in_xmp_is_reset(spelling: str) -> None:
    attributes = spelling if "=" in spelling else ""
    inner = "" if "=" in spelling else spelling
    packet = f'<x xmlns:tiff="t" {attributes}>{inner}</x>'.encode()
    found = collect({"xmp": packet})
    assert found.orientation == 6
    assert found.metadata.xmp == packet.replace(b"6", b"1")


def test_xmp_that_came_as_text_is_kept_as_bytes() -> None:
    assert collect({"XML:com.adobe.xmp": (XMP % 1).decode()}).metadata.xmp == XMP % 1


def test_padding_of_zeros_behind_xmp_is_no_fault() -> None:
    assert collect({"xmp": XMP % 1 + b"\x00\x00"}).warnings == ()


@pytest.mark.parametrize("dpi", [None, (0, 0), (-1, 5), (float("nan"), 5), (float("inf"), 5), ("a", 5), (1, 2, 3), 7])
def test_a_density_that_cannot_be_is_left_out(dpi: object) -> None:
    assert collect({"dpi": dpi}).metadata.dpi is None


def test_a_density_pillow_made_up_is_left_out() -> None:
    assert collect({"dpi": (72, 72), "jfif_unit": 0}).metadata.dpi is None
    assert collect({"dpi": (72, 72), "jfif_unit": 1}).metadata.dpi == (72.0, 72.0)


def test_of_a_tiff_only_what_describes_the_picture_is_taken() -> None:
    make = 0x010F
    tags = tiff_tags((4, 5), (8,), 1, orientation=6) | {make: (1, (65, 66, 67, 68, 0))}
    stream = io.BytesIO(tiff(tags, bytes(20)))
    stream.seek(3)
    found = collect({}, stream)
    assert stream.tell() == 3
    read = Image.Exif()
    read.load(found.metadata.exif or b"")
    assert set(read) == {make}


def test_a_tiff_that_breaks_off_gives_a_warning() -> None:
    assert collect({}, io.BytesIO(b"II*\x00")).warnings == ("its EXIF is broken and was dropped",)
