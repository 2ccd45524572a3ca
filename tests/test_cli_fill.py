"""A fill that no image of the run can take is refused at once; those that cannot fail where others can."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli_tools import MOVE, contents, good_files, noise, run, save

RARE = ["-1", "70000", "300", "1e9", "0.5", "-9999", "1,2"]


def float_image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 9), 0.25, dtype=np.float32)).save(path)
    return path


def deep_image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 9), 40000, dtype=np.uint16)).save(path)
    return path


def common_images(folder: Path) -> None:
    """Palettes, CMYK, alpha, gray and one bit: none takes a number beyond 0 to 255."""
    good_files(folder)
    image = Image.fromarray(noise(3))
    for name, mode in (("p.png", "P"), ("cmyk.jpg", "CMYK"), ("gray.png", "L"), ("bit.png", "1"), ("rgba.png", "RGBA")):
        image.convert(mode).save(folder / name)


@pytest.mark.parametrize(
    ("fill", "more"),
    [
        *((fill, []) for fill in RARE),
        ("-1", ["--interpolation", "nearest"]),
        ("300", ["-n"]),
        ("70000", ["--format", "tif"]),
    ],
)
def test_a_fill_that_no_image_can_take_is_refused_at_once(tmp_path: Path, fill: str, more: list[str]) -> None:
    common_images(tmp_path / "in")
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", *MOVE, f"--fill={fill}", *more)
    assert ran.code == 2
    assert ran.error.startswith(f"fill '{fill}' fits no image of this run: ")
    assert "mode RGB take 1 or 3 whole numbers from 0 to 255" in ran.error
    assert "mode CMYK take 1 or 4 whole numbers from 0 to 255" in ran.error
    assert ("gray images with alpha" if fill == "1,2" else "32-bit float images") in ran.error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("fill", ["-1", "70000", "1e9", "0.5", "-9999"])
def test_images_of_16_bits_do_not_take_what_is_for_floating_ones(tmp_path: Path, fill: str) -> None:
    deep_image(tmp_path / "in" / "deep.tif")
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", *MOVE, f"--fill={fill}")
    assert ran.code == 2
    assert "mode I;16 take one whole number from 0 to 65535; only 32-bit float images can take it" in ran.error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("fill", "takers"),
    [("-1", ["float.tif"]), ("0.5", ["float.tif"]), ("300", ["deep.png", "float.tif"]), ("1,2", ["la.png"])],
)
def test_images_that_cannot_take_what_another_can_fail_one_by_one(tmp_path: Path, fill: str, takers: list[str]) -> None:
    good = good_files(tmp_path / "in")
    float_image(tmp_path / "in" / "float.tif")
    deep_image(tmp_path / "in" / "deep.png")
    save(tmp_path / "in" / "la.png", noise(1, channels=2))
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", *MOVE, f"--fill={fill}")
    assert ran.code == 1
    assert sorted(contents(tmp_path / "out")) == takers
    assert all(f"failed: {path}: fill '{fill}'" in ran.stderr for path in good)


def test_the_fill_reaches_the_image_that_takes_it(tmp_path: Path) -> None:
    float_image(tmp_path / "in" / "float.tif")
    assert run("apply", tmp_path / "in", "-o", tmp_path / "out", "--translate", "4,0", "--fill=-9999").code == 0
    with Image.open(tmp_path / "out" / "float.tif") as image:
        assert (np.asarray(image)[:, :3] == -9999).all()


@pytest.mark.parametrize("fill", ["-1", "300"])
def test_what_cannot_be_looked_at_decides_nothing(tmp_path: Path, fill: str) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    ran = run("apply", tmp_path / "empty.png", "-o", tmp_path / "out.png", *MOVE, f"--fill={fill}")
    assert ran.code == 1
    assert "empty file" in ran.stderr
    image = save(tmp_path / "a.png", noise(1))
    ran = run("apply", "-", "-o", tmp_path / "out.png", *MOVE, f"--fill={fill}", stdin=image.read_bytes())
    assert ran.code == 1
    assert f"fill '{fill}'" in ran.stderr
    run("apply", image, "-o", tmp_path / "out.png", *MOVE)
    ran = run("apply", image, "-o", tmp_path / "out.png", *MOVE, f"--fill={fill}", "--skip-existing")
    assert ran.code == 0


@pytest.mark.parametrize("fill", [*RARE, "blurple", "nan", "1,2,3,4,5", ""])
def test_grid_refuses_alike_what_its_image_cannot_take(tmp_path: Path, fill: str) -> None:
    image = save(tmp_path / "a.png", noise(1))
    ran = run("grid", "-o", tmp_path / "grid.png", "--image", image, *MOVE, f"--fill={fill}")
    assert ran.code == 2
    assert f"fill '{fill}'" in ran.error
    assert not (tmp_path / "grid.png").exists()
    assert run("grid", "-o", tmp_path / "grid.png", "--image", image, *MOVE, "--fill=200").code == 0


@pytest.mark.parametrize("fill", ["blurple", "nan", "1e999", "1,2,3,4,5", "", "#12345"])
def test_what_is_a_colour_nowhere_is_refused_before_images_are_looked_for(tmp_path: Path, fill: str) -> None:
    ran = run("apply", tmp_path / "none.png", "-o", tmp_path / "out", *MOVE, f"--fill={fill}")
    assert ran.code == 2
    assert f"fill '{fill}'" in ran.error
