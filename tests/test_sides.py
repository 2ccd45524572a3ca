"""Sides that a format cannot have, and rows that cannot be packed, are refused in words before anything is decoded."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stnwarp.errors import ImageError
from stnwarp.images.formats import FORMATS, longest_side, suffix_for_format
from stnwarp.images.sides import check_sides, longest_row
from tests.cli_tools import assert_good_ones_done, clean_outputs, contents, good_files, noise, pixels, run, save
from tests.onnx_files import affine, network, saved

SIZED = [name for name in FORMATS if longest_side(name)]


def chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")


def png_header(width: int, height: int, colour: int) -> bytes:
    """A PNG of 8 bits that says how large it is, and has no pixels."""
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("which", ["width", "height"])
@pytest.mark.parametrize("name", SIZED)
def test_a_side_that_a_format_cannot_have_fails_alone(tmp_path: Path, name: str, which: str) -> None:
    longest = longest_side(name)
    assert longest is not None
    good_files(tmp_path / "in")
    tall = save(tmp_path / "in" / "long.png", noise(3, 4, 8))
    rows = [
        f'{{"image": "{path.name}", "theta": [0.9, 0.1], "output_size": {{"width": {width}, "height": {height}}}}}\n'
        for path in sorted((tmp_path / "in").iterdir())
        for width, height in [(longest + 1, 3) if path == tall else (30, 20)]
    ]
    if which == "height":
        rows = [
            row.replace(f'"width": {longest + 1}, "height": 3', f'"width": 3, "height": {longest + 1}') for row in rows
        ]
    params = tmp_path / "p.jsonl"
    params.write_text("".join(rows))
    options = ("--params", params, "--format", suffix_for_format(name)[1:])
    for dry in ((), ("-n",)):
        ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", *options, *dry, "--overwrite")
        assert ran.code == 1
        [line] = [line for line in ran.stderr.splitlines() if "failed: " in line]
        assert f"long.png: an output of {longest + 1}x3" in line or f"long.png: an output of 3x{longest + 1}" in line
        assert f"the {which} of a {name} is at most {longest:,}; write it as PNG" in line
    tall.unlink()
    assert_good_ones_done(tmp_path, tmp_path / "out", "--theta", "0.9 0.1", "--size", "30x20", *options[2:])


@pytest.mark.parametrize("name", SIZED)
def test_the_longest_side_of_a_format_is_written_and_read(tmp_path: Path, name: str) -> None:
    longest = longest_side(name)
    source, suffix = save(tmp_path / "a.png", noise(1, 6, 6)), suffix_for_format(name)
    for size in (f"{longest}x2", f"2x{longest}"):
        ran = run("apply", source, "-o", tmp_path / f"{size}{suffix}", "--size", size, "--quality", "20")
        assert ran.code == 0, ran.stderr
        ran = run("apply", tmp_path / f"{size}{suffix}", "-o", tmp_path / f"{size}.bmp", "--scale", "0.5")
        assert ran.code == 0, ran.stderr
        assert "x".join(map(str, pixels(tmp_path / f"{size}.bmp").shape[1::-1])) == size


def test_a_picture_that_is_too_long_is_not_decoded(tmp_path: Path) -> None:
    """Its pixels are not there: decoded, it would be called broken."""
    good_files(tmp_path / "in")
    (tmp_path / "in" / "bad.png").write_bytes(png_header(70_000, 30, 2))
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", "--rotate", "20", "--format", "jpg", "-j2")
    assert ran.code == 1
    assert "bad.png: an output of 70000x30 pixels: the width of a JPEG is at most 65,500" in ran.stderr
    assert_good_ones_done(tmp_path, tmp_path / "out", "--rotate", "20", "--format", "jpg")


def test_what_a_network_makes_too_long_is_refused_before_it_is_encoded(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    checkpoint = saved(network(((0.5, 0, 0), (0, 0.001, 0)), metadata=affine()), tmp_path)
    ran = run(
        "apply",
        tmp_path / "in",
        "-o",
        tmp_path / "out",
        "--checkpoint",
        checkpoint,
        "--size",
        "fit",
        "--format",
        "webp",
    )
    assert ran.code == 1
    assert ran.stderr.count("the height of a WEBP is at most 16,383; write it as PNG") == 2
    assert contents(tmp_path / "out") == {}


@pytest.mark.parametrize(
    ("mode", "longest"),
    [("L", 268_435_448), ("LA", 134_217_720), ("I;16", 134_217_720), ("RGB", 89_478_478), ("RGBA", 67_108_856)],
)
def test_rows_that_cannot_be_packed_are_told_by_mode(mode: str, longest: int) -> None:
    assert longest_row(mode) == longest
    check_sides("PNG", mode, (1, longest))
    check_sides("PNG", mode, (longest + 1, 1))
    check_sides("PNG", None, (1, longest + 1))
    with pytest.raises(ImageError, match=f"the width in mode {mode} is at most {longest:,}; "):
        check_sides("PNG", mode, (1, longest + 1))


@pytest.mark.parametrize("size", ["178956970x1", "89478485x2"])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "lanczos"])
def test_the_widest_outputs_fail_in_words(tmp_path: Path, size: str, interpolation: str) -> None:
    modes = {"rgb.png": noise(1), "rgba.png": noise(1, channels=4), "f.tif": np.ones((4, 6), np.float32)}
    for name, array in modes.items():
        Image.fromarray(array).save(tmp_path / name)
    for name in modes:
        target = tmp_path / f"out-{name}"
        ran = run("apply", tmp_path / name, "-o", target, "--size", size, "--interpolation", interpolation, "-n")
        if interpolation == "nearest":  # a palette might be kept, and the header does not tell: it is seen later
            assert ran.code == 0
            continue
        assert ran.code == 1
        ran = run("apply", tmp_path / name, "-o", target, "--size", size, "--interpolation", interpolation)
        assert (ran.code, "no format holds more; make it smaller" in ran.stderr) == (1, True)
        assert not target.exists()


def test_a_row_that_was_not_refused_by_the_header_is_refused_before_the_warp(tmp_path: Path) -> None:
    Image.fromarray(noise(1)).save(tmp_path / "a.png")
    options = ("--size", "178956970x1", "--interpolation", "nearest")
    ran = run("apply", tmp_path / "a.png", "-o", tmp_path / "b.png", *options)
    assert (ran.code, "in mode RGB is at most 89,478,478" in ran.stderr) == (1, True)


@pytest.mark.parametrize(("colour", "width", "mode"), [(2, 89_478_479, "RGB"), (6, 67_108_857, "RGBA")])
def test_rows_that_cannot_be_read_are_no_lack_of_memory(tmp_path: Path, colour: int, width: int, mode: str) -> None:
    good_files(tmp_path / "in")
    (tmp_path / "in" / "wide.png").write_bytes(png_header(width, 1, colour))
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", "--rotate", "20")
    assert ran.code == 1
    assert f"wide.png: rows of {width:,} pixels; in mode {mode} at most {width - 1:,} can be read" in ran.stderr
    assert contents(tmp_path / "out") == clean_outputs(tmp_path, "--rotate", "20")


@pytest.mark.slow
@pytest.mark.parametrize(("size", "channels"), [("178956970x1", 1), ("1x10000000", 4), ("67108856x1", 4)])
def test_the_longest_sides_are_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: str, channels: int
) -> None:
    source = save(tmp_path / "a.png", noise(1, channels=channels))
    ran = run("apply", source, "-o", tmp_path / "b.tif", "--size", size, "--no-antialias")
    assert (ran.code, ran.stderr) == (0, "")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with Image.open(tmp_path / "b.tif") as written:
        assert "{}x{}".format(*written.size) == size
