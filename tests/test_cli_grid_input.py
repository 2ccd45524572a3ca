"""What `stnwarp grid` takes from an image and from a transform file: their sizes, and alpha."""

import json
from pathlib import Path

import numpy as np
import pytest

from stnwarp import warp
from tests.cli_tools import noise, run, save

TURN = ("--theta", "0.9 0.2 0 -0.2 0.9 0")


def sizes_of(path: Path) -> tuple[list[int] | None, list[int]]:
    """The input size and the output size, (height, width), that *path* says."""
    with np.load(path, allow_pickle=False) as archive:
        known = archive["input_size"].tolist() if "input_size" in archive else None
        return known, archive["output_size"].tolist()


def theta_file(path: Path, **more: object) -> Path:
    path.write_text(json.dumps({"theta": [[0.9, 0.2, 0], [-0.2, 0.9, 0]], **more}))
    return path


def test_a_dumped_grid_needs_no_sizes_and_keeps_those_it_has(tmp_path: Path) -> None:
    first = ("grid", "-o", tmp_path / "a.npz", *TURN, "--size", "12x8", "--input-size", "60x40")
    assert run(*first).code == 0
    for name, more in (("b", []), ("c", ["--size", "12x8"]), ("d", ["--size", "same"])):
        ran = run("grid", "-o", tmp_path / f"{name}.npz", "--transform", tmp_path / "a.npz", *more)
        assert ran.code == 0, ran.stderr
        assert sizes_of(tmp_path / f"{name}.npz") == ([40, 60], [8, 12])


def test_a_theta_file_gives_the_sizes_that_are_not_given(tmp_path: Path) -> None:
    file = theta_file(
        tmp_path / "t.json", input_size={"width": 60, "height": 40}, output_size={"width": 12, "height": 8}
    )
    for name, more, expected in (
        ("a", [], ([40, 60], [8, 12])),
        ("b", ["--size", "20x10"], ([40, 60], [10, 20])),
        ("c", ["--input-size", "30x20"], ([20, 30], [8, 12])),
        ("d", ["--size", "same"], ([40, 60], [40, 60])),
        ("e", ["--image", save(tmp_path / "image.png", noise(1, 24, 32))], ([24, 32], [24, 32])),
    ):
        ran = run("grid", "-o", tmp_path / f"{name}.npz", "--transform", file, *more)
        assert ran.code == 0, ran.stderr
        assert sizes_of(tmp_path / f"{name}.npz") == expected


def test_a_size_of_the_input_that_nobody_knows_is_not_recorded(tmp_path: Path) -> None:
    assert run("grid", "-o", tmp_path / "bare.npy", *TURN, "--size", "12x8").code == 0
    bare = ("--transform", tmp_path / "bare.npy")
    for name, more in (("a", []), ("b", ["--size", "12x8"])):
        assert run("grid", "-o", tmp_path / f"{name}.npz", *bare, *more).code == 0
        assert sizes_of(tmp_path / f"{name}.npz") == (None, [8, 12])
    for target, more in (("c.npz", ["--units", "pixel"]), ("c.png", [])):
        ran = run("grid", "-o", tmp_path / target, *bare, *more)
        assert ran.code == 2
        assert "give --input-size WxH or --image" in ran.error
        assert not (tmp_path / target).exists()
    ran = run("grid", "-o", tmp_path / "d.npz", "--transform", theta_file(tmp_path / "t.json"))
    assert ran.code == 2
    assert "the size is not known" in ran.error


@pytest.mark.parametrize("channels", [2, 4])
def test_colours_that_are_not_seen_do_not_darken_the_drawn_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: int
) -> None:
    from stnwarp import drawing

    drawn: dict[str, np.ndarray] = {}
    draw = drawing.draw_grid

    def watched(*arguments: object, target: np.ndarray, **more: object) -> object:
        drawn["target"] = target
        return draw(*arguments, target=target, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("stnwarp.cli.grid_output.draw_grid", watched)
    array = np.zeros((24, 32, channels), np.uint8)
    array[6:18, 8:24] = 255  # white, and around it black that is fully transparent
    image = save(tmp_path / "image.png", array)
    assert run("grid", "-o", tmp_path / "grid.png", "--image", image, "--rotate", "20").code == 0
    visible = drawn["target"][..., -1] > 8  # where alpha is low its rounding shows in the colour
    assert visible.any()
    assert drawn["target"][visible][:, :-1].min() >= 250
    assert warp(array, np.array([[0.9, 0.3, 0], [-0.3, 0.9, 0]]))[..., 0].min() == 0


def test_the_help_says_what_happens_without_a_transformation(tmp_path: Path) -> None:
    assert "identity" in run("grid", "--help").stdout
    assert run("grid", "-o", tmp_path / "a.npy", "--size", "4x4").code == 0
    np.testing.assert_allclose(np.load(tmp_path / "a.npy")[0, :, 0], [-0.75, -0.25, 0.25, 0.75], atol=1e-12)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--image", "missing.png"], 1),
        (["--size", "3x3", "--transform", "missing.npz"], 2),
        (["--size", "3x3", "--transform", "broken.json"], 2),
    ],
)
def test_the_exit_code_tells_an_image_from_a_transform_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.json").write_text("{")
    ran = run("grid", "-o", "out/grid.npy", *options)
    assert ran.code == code
    assert options[-1] in ran.error
    assert not Path("out").exists()
