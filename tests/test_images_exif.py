"""EXIF is edited in place: what has to change changes, the rest stays byte for byte."""

import io
import random
import struct

import pytest
from PIL import Image

from stnwarp.images.exif import ExifBlock, ExifError
from tests.images_samples import encoded, exif, lens_exif, scene


def thumbnail() -> bytes:
    return encoded(Image.fromarray(scene(4, 6)), "JPEG")


def swapped(block: bytes) -> bytes:
    """The same structure in the other byte order, for a block whose tags are few and known."""
    orientation = struct.pack(">HHIHH", 0x0112, 3, 1, struct.unpack_from("<H", block, 6 + 8 + 2 + 12 + 8)[0], 0)
    return b"MM\x00\x2a\x00\x00\x00\x08" + struct.pack(">H", 1) + orientation + bytes(4)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["II", "MM"])
def test_the_orientation_is_read_and_reset(orientation: int, order: str) -> None:
    block = ExifBlock(exif(orientation) if order == "II" else swapped(exif(orientation)))
    assert block.orientation == orientation
    block.reset_orientation()
    assert block.orientation == 1
    assert ExifBlock(block.to_bytes()).orientation == 1


@pytest.mark.parametrize("wrong", [0, 9, 65535])
def test_an_orientation_that_cannot_be_counts_as_upright(wrong: int) -> None:
    assert ExifBlock(exif(wrong)).orientation == 1


def test_only_the_orientation_changes_when_it_is_reset() -> None:
    block = ExifBlock(exif(6))
    block.reset_orientation()
    assert block.to_bytes() == exif(1)[6:]


def test_the_orientation_can_be_taken_out_and_all_else_stays() -> None:
    block = ExifBlock(exif(6))
    block.remove_orientation()
    read = Image.Exif()
    read.load(block.to_bytes())
    assert 0x0112 not in read
    assert read[0x010F] == "Camera"
    assert read.get_ifd(0x8769)[0xA002] == 40
    before = block.to_bytes()
    block.remove_orientation()
    assert block.to_bytes() == before


def test_sizes_are_brought_up_to_date_whatever_their_type() -> None:
    block = ExifBlock(exif())
    block.set_size(70, 90_000)
    details = Image.Exif()
    details.load(block.to_bytes())
    assert details.get_ifd(0x8769)[0xA002] == 90_000
    assert details.get_ifd(0x8769)[0xA003] == 70
    block.set_size(90_000, 70)
    details.load(block.to_bytes())
    assert details.get_ifd(0x8769)[0xA003] == 65535  # a SHORT holds no more


def test_the_thumbnail_at_the_end_is_cut_off() -> None:
    block = ExifBlock(exif(thumbnail=thumbnail()))
    block.remove_thumbnail()
    assert block.to_bytes() == exif()[6:]


def test_a_thumbnail_in_the_middle_is_blanked() -> None:
    data = exif(thumbnail=thumbnail()) + b"something of the maker's"
    block = ExifBlock(data)
    block.remove_thumbnail()
    after = block.to_bytes()
    assert len(after) == len(data) - 6
    assert after.endswith(b"something of the maker's")
    assert thumbnail()[:20] not in after
    assert after[: len(exif()) - 6] == exif()[6:]


@pytest.mark.parametrize(("start", "length"), [(0, 10_000), (8, 20), (60, 30), (1 << 31, 5), (0xFFFFFFFF, 0xFFFFFFFF)])
def test_a_thumbnail_that_lies_on_other_things_harms_nothing(start: int, length: int) -> None:
    data = bytearray(exif(thumbnail=thumbnail()))
    at = data.index(struct.pack("<HHI", 0x0201, 4, 1)) + 8
    struct.pack_into("<I", data, at, start)
    struct.pack_into("<I", data, at + 12, length)
    block = ExifBlock(bytes(data))
    block.remove_thumbnail()
    assert block.to_bytes()[: len(exif()) - 6] == exif()[6:]


@pytest.mark.parametrize(
    "data",
    [b"", b"Exif\x00\x00", b"II*\x00", b"II*\x00\x08\x00\x00\x00", b"XX*\x00" + bytes(50), exif()[6:40]],
)
def test_a_block_that_cannot_be_followed_is_refused(data: bytes) -> None:
    with pytest.raises(ExifError):
        ExifBlock(data)


def test_no_damage_to_a_block_raises_anything_else() -> None:
    chance = random.Random(4)
    whole = exif(6, thumbnail=thumbnail())
    edited = 0
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(chance.choice([1, 2, 8])):
            data[chance.randrange(6, len(data))] = chance.choice([0, 1, 8, 127, 255, chance.randrange(256)])
        try:
            block = ExifBlock(bytes(data[: chance.choice([len(data), chance.randrange(len(data))])]))
            block.reset_orientation()
            block.set_size(5, 6)
            block.remove_thumbnail()
            block.remove_orientation()
        except ExifError:
            continue
        edited += 1
        assert len(block.to_bytes()) <= len(whole)
    assert edited > 1000


def test_pillow_reads_what_was_edited() -> None:
    block = ExifBlock(exif(8, thumbnail=thumbnail()))
    block.reset_orientation()
    block.remove_thumbnail()
    data = encoded(Image.fromarray(scene()), "JPEG", exif=b"Exif\x00\x00" + block.to_bytes())
    with Image.open(io.BytesIO(data)) as image:
        tags = image.getexif()
        assert tags[0x0112] == 1
        assert tags.get_ifd(0x8769)[0x927C] == b"MAKER\x00\x01\x02\x03\xff\xfe"
        assert not tags.get_ifd(1)  # the directory of the thumbnail


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("value", "code", "expected"), [(28, "H", 28.0), (70_000, "I", 70_000.0), (0, "H", None)])
def test_the_focal_length_on_35_mm_film_is_read(value: int, code: str, expected: float | None, order: str) -> None:
    assert ExifBlock(lens_exif(value, order, code)).focal_length_35mm == expected


def test_a_focal_length_that_is_not_there_is_not_known() -> None:
    assert ExifBlock(exif()).focal_length_35mm is None
    whole = lens_exif(28)
    end = len(whole) - len(bytes(6))  # of the value, where padding and the link to another directory begin
    for length in range(6 + 26, end):  # cut off within the directory that holds it
        assert ExifBlock(whole[:length]).focal_length_35mm is None
    assert ExifBlock(whole[:end]).focal_length_35mm == 28.0
