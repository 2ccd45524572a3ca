"""Images that cannot be read: each fails by name, and the good ones beside it are done."""

import io
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli_tools import (
    DROP_PRIVILEGES,
    MOVE,
    Ran,
    assert_good_ones_done,
    clean_outputs,
    contents,
    environment,
    good_files,
    noise,
    pixels,
    run,
    save,
    spawn,
)
from tests.images_samples import chunk, png, png16

FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "tif": "TIFF", "gif": "GIF"}


def encoded(format: str, height: int = 60, width: int = 80) -> bytes:
    """A file of *format* that is large enough to be cut anywhere."""
    stream = io.BytesIO()
    Image.fromarray(noise(5, height, width)).save(stream, format)
    return stream.getvalue()


def failures(ran: Ran) -> dict[str, str]:
    """The list of failures: the name of the file, and why."""
    prefix = "stnwarp: failed: "
    told = ran.stderr.splitlines()
    lines = (line.removeprefix(prefix) for line in told if line.startswith(prefix))
    return {Path(name).name: why for name, _, why in (line.partition(": ") for line in lines)}


def run_beside_good_ones(tmp_path: Path, *options: object) -> dict[str, str]:
    """Run over the folder `in` and two good files: the good ones come out, all others fail and say why."""
    source = tmp_path / "in"
    good_files(source)
    ran = run("apply", source, "-o", tmp_path / "out", *(options or MOVE))
    assert ran.code == 1
    assert ran.stdout == ""
    assert "Traceback" not in ran.stderr
    assert_good_ones_done(tmp_path, tmp_path / "out", *options)
    failed = failures(ran)
    names = {path.name for path in source.iterdir()} - {"good-a.png", "good-b.jpg"}
    assert set(failed) == names
    assert f"2 done, {len(names)} failed" in ran.stderr.splitlines()[-1]
    return failed


def write(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / "in").mkdir(exist_ok=True)
    (tmp_path / "in" / name).write_bytes(data)


def test_an_empty_file_fails_as_such(tmp_path: Path) -> None:
    write(tmp_path, "bad.png", b"")
    assert run_beside_good_ones(tmp_path)["bad.png"].startswith("empty file")


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_cut_off_anywhere_fails_and_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    whole = encoded(FORMATS[suffix])
    for share in (1, 25, 50, 90, 99):
        write(tmp_path, f"cut-{share:02}.{suffix}", whole[: len(whole) * share // 100])
    assert len(run_beside_good_ones(tmp_path)) == 5


def test_text_named_as_an_image_fails_as_no_image(tmp_path: Path) -> None:
    write(tmp_path, "bad.jpg", b"This is not a picture, but a text about one.\n" * 20)
    assert "not an image" in run_beside_good_ones(tmp_path)["bad.jpg"]


def test_a_tiff_named_png_is_read_by_its_content_with_a_warning(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    write(tmp_path, "odd.png", encoded("TIFF"))
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", *MOVE)
    assert ran.code == 0
    assert "odd.png: " in ran.stderr
    assert "TIFF" in ran.stderr
    written = contents(tmp_path / "out")
    assert {name: data for name, data in written.items() if name != "odd.png"} == clean_outputs(tmp_path)
    with Image.open(tmp_path / "out" / "odd.png") as image:
        assert image.size == (80, 60)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"),
        ("pdf", b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"),
        ("svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'),
    ],
)
def test_formats_off_the_list_are_refused_whatever_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes
) -> None:
    def start(*_arguments: object, **_options: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setattr(os, "system", start)
    write(tmp_path, f"{name}.jpg", data)
    message = run_beside_good_ones(tmp_path)[f"{name}.jpg"]
    assert "is not supported; the formats are" in message


def bombs(folder: Path) -> None:
    """Two files whose headers claim 400 million pixels and more."""
    folder.mkdir()
    size = (20_000, 20_000)
    (folder / "bomb.png").write_bytes(png(size, 1, 0, bytes(1 + size[1] // 8) * 8))
    header = b"BM" + (54).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little")
    info = (40).to_bytes(4, "little") + (100_000).to_bytes(4, "little") * 2
    (folder / "bomb.bmp").write_bytes(header + info + b"\x01\x00\x18\x00" + bytes(24))


def test_bombs_are_refused_by_their_headers(tmp_path: Path) -> None:
    bombs(tmp_path / "in")
    failed = run_beside_good_ones(tmp_path)
    assert "20000x20000" in failed["bomb.png"]
    assert "100000x100000" in failed["bomb.bmp"]
    assert all("--max-pixels" in message for message in failed.values())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read where Linux tells it")
def test_bombs_do_not_take_their_memory(tmp_path: Path) -> None:
    bombs(tmp_path / "in")
    # Not ru_maxrss, in which the process that started this one counts too.
    code = (
        "import atexit, sys\nfrom stnwarp.cli import main\n"
        "atexit.register(lambda: print(open('/proc/self/status').read()))\nmain()"
    )
    arguments = ["apply", str(tmp_path / "in"), "-o", str(tmp_path / "out"), *MOVE]
    command = [sys.executable, "-c", code, *arguments]
    ran = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert ran.returncode == 1, ran.stderr
    (peak,) = re.findall(r"VmHWM:\s+(\d+)", ran.stdout)
    assert int(peak) < 200 * 1024  # kilobytes; 50 MB would be the smaller bomb alone, packed


def test_max_pixels_is_the_limit_for_what_is_read_and_for_what_is_made(tmp_path: Path) -> None:
    save(tmp_path / "a.png", noise(1, 24, 32))
    assert run("apply", tmp_path / "a.png", "-o", tmp_path / "b.png", *MOVE, "--max-pixels", "768").code == 0
    ran = run("apply", tmp_path / "a.png", "-o", tmp_path / "c.png", *MOVE, "--max-pixels", "767")
    assert (ran.code, list(failures(ran))) == (1, ["a.png"])
    ran = run(
        *("apply", tmp_path / "a.png", "-o", tmp_path / "d.png", *MOVE),
        *("--size", "fit", "--max-pixels", "768"),
    )
    assert (ran.code, list(failures(ran))) == (1, ["a.png"])


def test_a_png_with_a_huge_compressed_text_fails(tmp_path: Path) -> None:
    text = b"zTXt", b"Comment\x00\x00" + zlib.compress(bytes(200_000_000), 9)
    write(tmp_path, "text.png", png((4, 4), 8, 0, bytes(5) * 4, chunk(*text)))
    assert run_beside_good_ones(tmp_path)["text.png"]


def test_a_damaged_checksum_and_missing_pixels_fail(tmp_path: Path) -> None:
    whole = encoded("PNG")
    at = whole.index(b"IDAT")
    write(tmp_path, "checksum.png", whole[: at + 20] + bytes([whole[at + 20] ^ 0xFF]) + whole[at + 21 :])
    write(tmp_path, "no-pixels.png", whole[: at - 4] + chunk(b"IEND", b""))
    assert len(run_beside_good_ones(tmp_path)) == 2


def test_sixteen_bit_colour_and_animations_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "deep.png", png16(3))
    first, second = (Image.fromarray(noise(seed)) for seed in (1, 2))
    for suffix in ("gif", "png", "webp"):
        first.save(tmp_path / "in" / f"moving.{suffix}", save_all=True, append_images=[second], duration=100)
    failed = run_beside_good_ones(tmp_path)
    assert "16 bits" in failed["deep.png"]
    assert all("animated" in failed[f"moving.{suffix}"] for suffix in ("gif", "png", "webp"))


def test_sixteen_bit_gray_is_kept_where_it_can_be_and_else_refused(tmp_path: Path) -> None:
    deep = np.random.default_rng(1).integers(0, 65536, (24, 32), dtype=np.uint16)
    save(tmp_path / "in" / "deep.png", deep)
    good_files(tmp_path / "in")
    assert run("apply", tmp_path / "in" / "deep.png", "-o", tmp_path / "b.png", "--rotate", "180").code == 0
    np.testing.assert_array_equal(pixels(tmp_path / "b.png"), deep[::-1, ::-1])
    options = (*MOVE, "--format", "webp")
    assert "deep.png" in run_beside_good_ones(tmp_path, *options)


def test_transparent_images_are_laid_onto_the_fill_for_jpeg(tmp_path: Path) -> None:
    clear = np.zeros((16, 16, 4), np.uint8)
    clear[:, 8:] = (255, 0, 0, 255)
    save(tmp_path / "in" / "clear.png", clear)
    options = ("--theta", "1 0 0 0 1 0", "--format", "jpg", "--fill", "#00ff00", "--quality", "95")
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", *options)
    assert ran.code == 0
    jpeg = pixels(tmp_path / "out" / "clear.jpg").astype(int)
    assert np.abs(jpeg[:, :4] - (0, 255, 0)).max() < 8  # JPEG loses a little; far from the edge
    assert np.abs(jpeg[:, 12:] - (255, 0, 0)).max() < 8


def test_unreadable_things_fail_by_name_and_never_block(tmp_path: Path) -> None:
    source = tmp_path / "in"
    good_files(source)
    os.mkfifo(source / "pipe.png")
    (source / "loop.png").symlink_to("loop.png")
    (source / "lost.png").symlink_to("nowhere.png")
    (source / "locked.png").write_bytes(encoded("PNG"))
    (source / "locked.png").chmod(0)
    (source / "folder.png").mkdir()
    names = [source / name for name in ("pipe.png", "loop.png", "lost.png", "locked.png", "missing.png")]
    before = DROP_PRIVILEGES if os.geteuid() == 0 else ""
    ran = spawn("apply", source, *names, "-o", tmp_path / "out", *MOVE, before=before, timeout=60)
    assert ran.code == 1, ran.stderr
    failed = failures(ran)
    assert failed == {
        "pipe.png": failed["pipe.png"],
        "loop.png": "a symbolic link that leads in circles",
        "lost.png": "a symbolic link that leads nowhere",
        "locked.png": "no permission to read it",
        "missing.png": "no such file",
    }
    assert "pipe" in failed["pipe.png"]
    assert_good_ones_done(tmp_path, tmp_path / "out")


def test_fail_fast_stops_at_the_first_failure(tmp_path: Path) -> None:
    source = tmp_path / "in"
    save(source / "b.png", noise(1))
    for number in range(20):
        save(source / f"c{number:02}.png", noise(2))
    (source / "a.png").write_bytes(b"")
    ran = run("apply", source, "-o", tmp_path / "out", *MOVE, "--fail-fast", "-j", "1")
    assert ran.code == 1
    assert list(failures(ran)) == ["a.png"]
    assert "not done" in ran.stderr.splitlines()[-1]
    assert len(contents(tmp_path / "out")) < 20


def test_one_job_and_many_write_the_same_bytes(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    for number in range(8):
        save(tmp_path / "in" / f"{number}.png", noise(number, 31, 17))
    for jobs in (1, 2, 5):
        assert run("apply", tmp_path / "in", "-o", tmp_path / f"out{jobs}", *MOVE, "-j", jobs).code == 0
    assert contents(tmp_path / "out1") == contents(tmp_path / "out2") == contents(tmp_path / "out5")
    assert len(contents(tmp_path / "out1")) == 10
