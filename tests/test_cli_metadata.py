"""What a picture carries beside its pixels: orientation, EXIF, ICC, XMP and resolution."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from tests.cli_tools import assert_good_ones_done, good_files, noise, pixels, run, save
from tests.images_samples import XMP, chunk, encoded, exif, icc

IDENTITY = ("--theta", "1 0 0 0 1 0")

# What a viewer does with a picture of each orientation (EXIF 2.3, tag 0x0112).
UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda stored: np.rot90(stored),
}


def orientation_of(path: Path) -> int:
    with Image.open(path) as image:
        return image.getexif().get(0x0112, 1)


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_every_orientation_comes_out_upright_once(tmp_path: Path, orientation: int) -> None:
    stored = noise(1, 20, 30)
    source = save(tmp_path / "a.png", stored, exif=exif(orientation, (20, 30)))
    ran = run("apply", source, "-o", tmp_path / "b.png", *IDENTITY)
    assert (ran.code, ran.stderr) == (0, "")
    np.testing.assert_array_equal(pixels(tmp_path / "b.png"), UPRIGHT[orientation](stored))
    assert orientation_of(tmp_path / "b.png") == 1
    assert run("apply", tmp_path / "b.png", "-o", tmp_path / "c.png", *IDENTITY).code == 0
    np.testing.assert_array_equal(pixels(tmp_path / "c.png"), pixels(tmp_path / "b.png"))


def test_moves_are_those_of_the_upright_picture(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(1, 20, 30), exif=exif(6, (20, 30)))
    assert run("apply", source, "-o", tmp_path / "b.png", "--rotate", "90", "--size", "fit").code == 0
    np.testing.assert_array_equal(pixels(tmp_path / "b.png"), noise(1, 20, 30))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_exif_profile_xmp_and_resolution_are_handed_on(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"a.{suffix}"
    image = Image.fromarray(noise(1, 24, 40))
    if suffix == "tif":
        image.save(source, icc_profile=icc(), dpi=(300, 300))
    else:
        more = {} if suffix == "webp" else {"dpi": (300, 300)}
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", (XMP % 1).decode())
        image.save(source, exif=exif(1), icc_profile=icc(), xmp=XMP % 1, pnginfo=info, **more)
    ran = run("apply", source, "-o", tmp_path / f"b.{suffix}", *IDENTITY)
    assert (ran.code, ran.stderr) == (0, "")
    with Image.open(tmp_path / f"b.{suffix}") as written:
        written.load()
        assert written.info["icc_profile"] == icc()
        if suffix != "webp":
            assert [round(float(value)) for value in written.info["dpi"]] == [300, 300]
        if suffix != "tif":
            assert written.getexif()[0x010F] == "Camera"
            assert b"Ada" in (tmp_path / f"b.{suffix}").read_bytes()


def test_broken_metadata_is_dropped_with_a_warning_and_the_picture_is_written(tmp_path: Path) -> None:
    source = tmp_path / "in"
    good_files(source)
    image = Image.fromarray(noise(1))
    (source / "exif.jpg").write_bytes(encoded(image, "JPEG", exif=b"Exif\0\0II*\0" + b"\xff" * 40, quality=95))
    (source / "profile.jpg").write_bytes(encoded(image, "JPEG", icc_profile=b"no profile at all", quality=95))
    whole = encoded(image, "PNG")
    at = whole.index(b"IDAT") - 4
    xmp = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"\xff\xfe<not xml")
    (source / "xmp.png").write_bytes(whole[:at] + xmp + whole[at:])
    ran = run("apply", source, "-o", tmp_path / "out", *IDENTITY)
    assert ran.code == 0, ran.stderr
    warned = {line.split(": ")[2].rpartition("/")[2] for line in ran.stderr.splitlines() if ": warning: " in line}
    assert warned == {"exif.jpg", "profile.jpg", "xmp.png"}
    for name in warned:
        with Image.open(tmp_path / "out" / name) as written:
            written.load()
            assert not {"exif", "icc_profile", "xmp"} & set(written.info)
            (tmp_path / "out" / name).unlink()
    assert_good_ones_done(tmp_path, tmp_path / "out", *IDENTITY)


def test_quiet_says_nothing_of_dropped_metadata(tmp_path: Path) -> None:
    data = encoded(Image.fromarray(noise(1)), "JPEG", icc_profile=struct.pack("<I", 7) * 3)
    (tmp_path / "a.jpg").write_bytes(data)
    assert "warning" in run("apply", tmp_path / "a.jpg", "-o", tmp_path / "b.jpg", *IDENTITY).stderr
    assert run("apply", tmp_path / "a.jpg", "-o", tmp_path / "c.jpg", *IDENTITY, "-q").stderr == ""
    assert (tmp_path / "b.jpg").read_bytes() == (tmp_path / "c.jpg").read_bytes()
