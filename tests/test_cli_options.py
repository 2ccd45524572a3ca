"""What the options mean, which go together, and what is refused before anything is written."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from tests.cli_tools import noise, pixels, run, save

TRANSFORMATIONS = {
    "--theta": "1 0 0 0 1 0",
    "--rotate": "3",
    "--corners": "0,0 9,0 9,9 0,9",
    "--transform": "file.npy",
}


def theta_of(tmp_path: Path, *options: str) -> np.ndarray:
    """The theta that *options* mean for an image of 40x20."""
    source = tmp_path / "source.png"
    if not source.exists():
        save(source, noise(0, 20, 40))
    ran = run("apply", source, "-o", tmp_path / "out", "-n", "--json", *options)
    assert ran.code == 0, ran.stderr
    return np.array(ran.records[0]["theta"])


def test_six_numbers_are_theta_itself_in_commas_or_spaces(tmp_path: Path) -> None:
    expected = [[-1, 0, 0.5], [0, 1e-1, -2], [0, 0, 1]]
    assert theta_of(tmp_path, "--theta", "-1 0 0.5 0 1e-1 -2").tolist() == expected
    assert theta_of(tmp_path, "--theta", "-1,0,.5,0,+0.1,-2.").tolist() == expected
    assert theta_of(tmp_path, "--theta", " -1, 0, 0.5\n0, 1e-1, -2 ").tolist() == expected


def test_two_eight_and_nine_numbers_are_a_translation_and_homographies(tmp_path: Path) -> None:
    assert theta_of(tmp_path, "--theta", "0.5,-0.25").tolist() == [[1, 0, 0.5], [0, 1, -0.25], [0, 0, 1]]
    eight = theta_of(tmp_path, "--theta", "1 0 0 0 1 0 0.1 0.2")
    assert eight.tolist() == theta_of(tmp_path, "--theta", "1 0 0 0 1 0 0.1 0.2 1").tolist()
    assert eight[2].tolist() == [0.1, 0.2, 1]


def test_theta_in_pixels_takes_output_pixels_to_input_pixels(tmp_path: Path) -> None:
    # reading 4 pixels to the right is 4 of the 40 pixels that 2 normalised units span
    theta = theta_of(tmp_path, "--theta", "4 0", "--units", "pixel")
    np.testing.assert_allclose(theta, [[1, 0, 0.2], [0, 1, 0], [0, 0, 1]], atol=1e-15)


def test_negative_numbers_are_values_and_not_options(tmp_path: Path) -> None:
    moved = theta_of(tmp_path, "--translate", "-5,3")
    np.testing.assert_allclose(moved[:2, 2], [5 / 20, -3 / 10], atol=1e-15)
    assert theta_of(tmp_path, "--rotate", "-30")[1, 0] < 0 < theta_of(tmp_path, "--rotate", "30")[1, 0]


def test_moves_are_applied_in_the_order_they_are_typed(tmp_path: Path) -> None:
    moves = [("--rotate", "90"), ("--translate", "6,0"), ("--scale", "2"), ("--rotate", "-20")]
    for order in itertools.permutations(moves):
        one_by_one = np.eye(3)
        for move in order:
            # reading through the later move comes first: theta of the whole is first @ second @ ...
            one_by_one = one_by_one @ theta_of(tmp_path, *move)
        whole = theta_of(tmp_path, *itertools.chain.from_iterable(order))
        np.testing.assert_allclose(whole, one_by_one, atol=1e-12)


def test_options_between_the_moves_do_not_disturb_their_order(tmp_path: Path) -> None:
    plain = theta_of(tmp_path, "--rotate", "90", "--translate", "6,0", "--rotate", "10")
    mixed = theta_of(tmp_path, "--rotate=90", "--quality", "80", "--translate", "6,0", "--fill=red", "--rotate", "10")
    assert plain.tolist() == mixed.tolist()


def test_shear_and_scale_take_one_number_or_one_per_axis(tmp_path: Path) -> None:
    assert theta_of(tmp_path, "--scale", "2").tolist() == theta_of(tmp_path, "--scale", "2,2").tolist()
    assert theta_of(tmp_path, "--shear", "10").tolist() == theta_of(tmp_path, "--shear", "10 0").tolist()


def test_flips_mirror_the_picture(tmp_path: Path) -> None:
    array = noise(3)
    source = save(tmp_path / "a.png", array)
    for kind, expected in (
        ("horizontal", array[:, ::-1]),
        ("vertical", array[::-1]),
        ("both", array[::-1, ::-1]),
    ):
        ran = run("apply", source, "-o", tmp_path / kind, "--flip", kind)
        assert ran.code == 0, ran.stderr
        np.testing.assert_array_equal(pixels(tmp_path / kind / "a.png"), expected)


def test_inverse_undoes_a_shift_of_whole_pixels(tmp_path: Path) -> None:
    array = noise(4)
    save(tmp_path / "a.png", array)
    assert run("apply", tmp_path / "a.png", "-o", tmp_path / "b.png", "--translate", "3,-2").code == 0
    ran = run("apply", tmp_path / "b.png", "-o", tmp_path / "c.png", "--translate", "3,-2", "--inverse")
    assert ran.code == 0
    np.testing.assert_array_equal(pixels(tmp_path / "c.png")[2:, :-3], array[2:, :-3])


def test_corners_cut_out_a_rectangle_bit_for_bit(tmp_path: Path) -> None:
    array = noise(5)
    save(tmp_path / "a.png", array)
    corners = ("--corners", "4,2 11,2 11,7 4,7", "--size", "fit")
    assert run("apply", tmp_path / "a.png", "-o", tmp_path / "b.png", *corners).code == 0
    np.testing.assert_array_equal(pixels(tmp_path / "b.png"), array[2:8, 4:12])


def test_sizes_are_width_by_height(tmp_path: Path) -> None:
    save(tmp_path / "a.png", noise(6, 20, 40))
    run("apply", tmp_path / "a.png", "-o", tmp_path / "b.png", "--rotate", "90", "--size", "30x10")
    assert pixels(tmp_path / "b.png").shape == (10, 30, 3)
    run("apply", tmp_path / "a.png", "-o", tmp_path / "c.png", "--rotate", "90", "--size", "fit")
    np.testing.assert_array_equal(pixels(tmp_path / "c.png"), np.rot90(noise(6, 20, 40)))


def test_a_transform_file_is_applied_and_its_convention_governs(tmp_path: Path) -> None:
    array = noise(7)
    save(tmp_path / "a.png", array)
    grid = tmp_path / "grid.npz"
    assert run("grid", "-o", grid, "--size", "32x24", "--rotate", "20", "--align-corners").code == 0
    assert run("apply", tmp_path / "a.png", "-o", tmp_path / "b.png", "--transform", grid).code == 0
    assert run("apply", tmp_path / "a.png", "-o", tmp_path / "c.png", "--rotate", "20").code == 0
    np.testing.assert_array_equal(pixels(tmp_path / "b.png"), pixels(tmp_path / "c.png"))
    ran = run("apply", tmp_path / "a.png", "-o", tmp_path / "d.png", "--transform", grid, "--no-align-corners")
    assert ran.code == 2
    assert "--align-corners, not --no-align-corners" in ran.error
    assert not (tmp_path / "d.png").exists()


def test_a_size_or_a_format_alone_needs_no_transformation(tmp_path: Path) -> None:
    array = noise(8)
    save(tmp_path / "a.png", array)
    assert run("apply", tmp_path / "a.png", "-o", tmp_path / "out", "--format", "bmp").code == 0
    np.testing.assert_array_equal(pixels(tmp_path / "out" / "a.bmp"), array)
    assert run("apply", tmp_path / "a.png", "-o", tmp_path / "b.png", "--size", "16x12").code == 0
    assert pixels(tmp_path / "b.png").shape == (12, 16, 3)


@pytest.mark.parametrize("name", ["nearest", "bilinear"])
def test_interpolation_padding_mode_and_fill_reach_the_sampler(tmp_path: Path, name: str) -> None:
    array = noise(9)
    save(tmp_path / "a.png", array)
    common = ("apply", tmp_path / "a.png", "--translate", "5,0", "--interpolation", name)
    run(*common, "-o", tmp_path / "fill.png", "--fill", "#0a141e")
    run(*common, "-o", tmp_path / "border.png", "--padding-mode", "border")
    run(*common, "-o", tmp_path / "reflection.png", "--padding-mode", "reflection")
    assert (pixels(tmp_path / "fill.png")[:, :5] == (10, 20, 30)).all()
    np.testing.assert_array_equal(pixels(tmp_path / "border.png")[:, :5], array[:, :1].repeat(5, axis=1))
    np.testing.assert_array_equal(pixels(tmp_path / "reflection.png")[:, :5], array[:, 4::-1])


@pytest.mark.parametrize(("left", "right"), [*itertools.combinations(TRANSFORMATIONS.items(), 2)])
def test_two_kinds_of_transformation_are_refused(tmp_path: Path, left: tuple[str, str], right: tuple[str, str]) -> None:
    ran = run("apply", tmp_path, "-o", tmp_path / "out", *left, *right)
    assert ran.code == 2
    assert f"not {left[0]} and {right[0]}" in ran.error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "no transformation given; give --theta"),
        (["--inverse", "--size", "3x3"], "--inverse has nothing to undo"),
        (["--units", "pixel", "--rotate", "3"], "--units"),
        (["--rotate", "3", "--overwrite", "--skip-existing"], "--overwrite and --skip-existing"),
        (["--theta", "1 2 3"], "3 numbers; 2, 6, 8 or 9 are needed"),
        (["--theta", ""], "0 numbers"),
        (["--theta", "1 0 x 0 1 0"], "'x' is not a number"),
        (["--corners", "1,2 3,4"], "4 numbers; 8 are needed"),
        (["--corners", "0,0 9,0 0,9 9,9"], "corners"),
        (["--corners", "0,0 1,0 2,0 3,9"], "line"),
        (["--scale", "0"], "factor of 0"),
        (["--shear", "90"], "between -90 and 90"),
        (["--rotate", "3", "--size", "3x4x"], "640x480"),
        (["--rotate", "3", "--size", "0x3"], "no pixels"),
        (["--rotate", "3", "--size", "-1x3"], "is not a size"),
        (["--rotate", "3", "--quality", "101"], "101"),
        (["--rotate", "3", "-j", "0"], "0"),
        (["--rotate", "3", "--max-pixels", "0"], "0"),
        (["--rotate", "3", "--fill", "blurple"], "blurple"),
        (["--rotate", "3", "--fill", "1,2"], "1,2"),
        (["--rotate", "3", "--format", "eps"], "eps"),
        (["--transform", "missing.npz"], "missing.npz"),
        (["--theta", "1 0 0 2 0 0", "--inverse"], "inver"),
        (["--theta", "1 1 0 1 1.0000000000000002 0", "--inverse"], "inver"),
        (["--theta", "1 0 0 2 0 0", "--units", "pixel", "--inverse"], "inver"),
        (["--theta", "1 0 0 2 0 0", "--size", "fit"], "inver"),
        (["--theta", "1 0 0 0 1 0 1 0 0.5", "--size", "fit"], "horizon"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line_and_nothing_is_written(
    tmp_path: Path, options: list[str], message: str
) -> None:
    save(tmp_path / "in" / "a.png", noise(1))
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", *options)
    assert ran.code == 2
    assert message in ran.error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "Infinity"])
@pytest.mark.parametrize(
    ("flag", "count"), [("--theta", 6), ("--corners", 8), ("--rotate", 1), ("--scale", 2), ("--translate", 2)]
)
def test_a_number_that_is_not_finite_is_named(tmp_path: Path, flag: str, count: int, value: str) -> None:
    save(tmp_path / "in" / "a.png", noise(1))
    numbers = ",".join(["1"] * (count - 1) + [value])
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", flag, numbers)
    assert ran.code == 2
    assert f"'{flag}': '{value}' is not a finite number" in ran.error
    assert not (tmp_path / "out").exists()


def test_a_size_of_terabytes_is_refused_with_what_it_would_need(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png", noise(1))
    for command in (
        ["apply", tmp_path / "in", "-o", tmp_path / "out", "--rotate", "3"],
        ["grid", "-o", tmp_path / "out.npy"],
    ):
        ran = run(*command, "--size", "1000000x1000000")
        assert ran.code == 2
        assert "1000000x1000000" in ran.error
        assert "TB" in ran.error or "GB" in ran.error
        assert "--max-pixels" in ran.error
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("value", ["1e7", "1e30", "1e300", "1e-300"])
def test_an_enormous_theta_gives_a_picture_of_the_fill_colour_or_of_one_pixel(tmp_path: Path, value: str) -> None:
    save(tmp_path / "a.png", noise(1))
    ran = run(
        "apply",
        tmp_path / "a.png",
        "-o",
        tmp_path / "b.png",
        "--fill",
        "#123456",
        "--theta",
        f"1 0 {value} 0 1 0",
    )
    assert ran.code == 0, ran.stderr
    expected = noise(1) if value == "1e-300" else np.broadcast_to(np.uint8([0x12, 0x34, 0x56]), (24, 32, 3))
    np.testing.assert_array_equal(pixels(tmp_path / "b.png"), expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1)])
@pytest.mark.parametrize("align", ["--align-corners", "--no-align-corners"])
def test_images_one_pixel_high_or_wide_work(tmp_path: Path, shape: tuple[int, int], align: str) -> None:
    array = noise(2, *shape)
    save(tmp_path / "a.png", array)
    for number, options in enumerate(
        (["--theta", "1 0 0 0 1 0"], ["--rotate", "180"], ["--scale", "2", "--size", "fit"])
    ):
        ran = run("apply", tmp_path / "a.png", "-o", tmp_path / f"{number}.png", align, *options)
        assert ran.code == 0, ran.stderr
    np.testing.assert_array_equal(pixels(tmp_path / "0.png"), array)
    np.testing.assert_array_equal(pixels(tmp_path / "1.png"), array[::-1, ::-1])
