"""Tags move from one TIFF to another with their types and bytes."""

import io
import random
import struct

import numpy as np
import pytest
from PIL import Image

from stnwarp.images.directory import EXIF, GPS, DirectoryError, Tag, block, grafted, read_tags
from tests.images_samples import encoded, exif, scene, tiff, tiff_tags

EVERY_TAG = range(65536)


def camera() -> dict[int, Tag]:
    return read_tags(exif()[6:], EVERY_TAG)


def test_tags_are_read_with_their_types() -> None:
    tags = camera()
    assert tags[0x010F] == Tag(2, b"Camera\x00")
    assert tags[0x0112] == Tag(3, b"\x01\x00")
    details = tags[EXIF].tags
    assert details is not None
    assert details[0x927C] == Tag(7, b"MAKER\x00\x01\x02\x03\xff\xfe")


def test_only_what_was_chosen_is_read() -> None:
    assert set(read_tags(exif()[6:], {0x010F, 0x9999})) == {0x010F}


def test_a_block_reads_as_what_it_was_made_of() -> None:
    tags = camera() | {GPS: Tag(4, tags={1: Tag(2, b"N\x00"), 2: Tag(5, bytes(range(24)))})}
    assert read_tags(block(tags), EVERY_TAG) == tags


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
def test_grafted_tags_stand_beside_the_files_own(compression: str) -> None:
    plain = encoded(Image.fromarray(scene()), "TIFF", compression=compression, dpi=(300, 300))
    own = read_tags(plain, EVERY_TAG)
    file = grafted(plain, {**camera(), 256: Tag(3, b"\x01\x00")})
    assert read_tags(file, EVERY_TAG) == {**camera(), **own}
    with Image.open(io.BytesIO(file)) as image:
        assert np.array_equal(np.asarray(image), scene())
        assert image.getexif()[0x010F] == "Camera"
        assert image.getexif().get_ifd(EXIF)[0xA002] == 40


def test_nothing_to_graft_leaves_the_file_as_it_is() -> None:
    plain = encoded(Image.fromarray(scene()), "TIFF")
    assert grafted(plain, {}) is plain


def test_only_classic_little_endian_files_are_grafted() -> None:
    with pytest.raises(DirectoryError):
        grafted(tiff(tiff_tags((4, 5), (8,), 1), bytes(20), ">"), camera())


def test_big_endian_values_are_turned_around_unit_by_unit() -> None:
    tags = tiff_tags((4, 5), (8, 8, 8), 2) | {0x8298: (4, (1, 0x01020304))}
    big = read_tags(tiff(tags, bytes(60), ">"), EVERY_TAG)
    little = read_tags(tiff(tags, bytes(60), "<"), EVERY_TAG)
    assert big == little
    assert little[0x8298] == Tag(4, struct.pack("<II", 1, 0x01020304))


def test_a_big_tiff_is_read() -> None:
    details = Image.Exif()
    details[0x010F] = "Camera"
    file = encoded(Image.fromarray(scene()), "TIFF", big_tiff=True, exif=details)
    assert file[2] == 43
    assert read_tags(file, {0x010F})[0x010F] == Tag(2, b"Camera\x00")


def test_directories_that_hang_on_themselves_come_to_an_end() -> None:
    data = bytearray(exif()[6:])
    at = data.index(struct.pack("<HHI", 0x8769, 4, 1)) + 8
    struct.pack_into("<I", data, at, 8)
    tags = read_tags(bytes(data), EVERY_TAG)
    assert tags[EXIF].tags is not None


@pytest.mark.parametrize("data", [b"", b"II*\x00", b"no tiff at all, is it?", b"II*\x00\xff\xff\xff\xff" + bytes(9)])
def test_what_has_no_directory_is_refused(data: bytes) -> None:
    with pytest.raises(DirectoryError):
        read_tags(data, EVERY_TAG)


def test_no_damage_raises_anything_else() -> None:
    chance = random.Random(6)
    whole = exif()[6:]
    read = 0
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(chance.choice([1, 2, 8])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            tags = read_tags(bytes(data), EVERY_TAG)
        except DirectoryError:
            continue
        read += 1
        assert read_tags(block(tags), EVERY_TAG) == tags
    assert read > 1000
