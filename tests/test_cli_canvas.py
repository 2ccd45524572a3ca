"""Parts of the input and the output, the frame of the output and its density, on the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stnwarp.conventions import Family
from tests.cli_tools import contents, noise, pixels, run, save
from tests.onnx_files import TURN, affine, network, saved

CROP = "5,3,20,14"
GAIN = ((0.1, 0.2, -0.1), (-0.2, 0.1, 0.2))


def apply(source: Path, target: Path, *options: object) -> np.ndarray:
    """The pixels of *source* warped."""
    ran = run("apply", source, "-o", target, "--overwrite", *options)
    assert ran.code == 0, ran.stderr
    return pixels(target)


def part(array: np.ndarray) -> np.ndarray:
    """The part of *array* that CROP is."""
    return array[3:17, 5:25]


def test_a_crop_is_the_picture_for_everything_that_follows(tmp_path: Path) -> None:
    whole, cropped = save(tmp_path / "a.png", noise(1)), save(tmp_path / "b.png", part(noise(1)))
    assert np.array_equal(apply(whole, tmp_path / "c.png", "--crop", CROP), part(noise(1)))
    for options in (
        ("--rotate", "20", "--size", "fit", "--padding-mode", "border"),
        ("--scale", "0.5", "--center", "2,3", "--padding-mode", "reflection"),
        ("--corners", "1,1 15,2 16,12 2,11", "--size", "inner:50%"),
        ("--theta", "1 0 -3 0 1 2", "--units", "pixel", "--size", "30x9"),
    ):
        expected = apply(cropped, tmp_path / "d.png", *options)
        assert np.array_equal(apply(whole, tmp_path / "c.png", "--crop", CROP, *options), expected)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "I;16", "F"])
def test_pictures_of_any_mode_are_cropped(tmp_path: Path, mode: str) -> None:
    array = noise(2, channels=4 if mode == "RGBA" else 1).clip(1)  # the colour of what is clear is nobody's
    image = Image.fromarray(array if mode == "RGBA" else array[..., 0])
    if mode in ("P", "F"):
        image = image.convert(mode)
    if mode == "I;16":
        image = Image.fromarray(array[..., 0].astype(np.uint16) * 257)
    image.save(tmp_path / "a.tif")
    nearest = ("--interpolation", "nearest") if mode == "P" else ()
    assert np.array_equal(
        apply(tmp_path / "a.tif", tmp_path / "b.tif", "--crop", CROP, *nearest), part(np.array(image))
    )


def test_a_crop_is_of_the_upright_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 6  # to be turned by 90 degrees clockwise
    stored = np.rot90(noise(3))
    save(tmp_path / "a.png", np.ascontiguousarray(stored), exif=exif)
    assert np.array_equal(apply(tmp_path / "a.png", tmp_path / "b.png", "--crop", CROP), part(noise(3)))


def test_a_network_sees_the_crop(tmp_path: Path) -> None:
    turning = saved(network(TURN, gain=GAIN, metadata=affine()), tmp_path, "turning.onnx")
    whole, cropped = save(tmp_path / "a.png", noise(1)), save(tmp_path / "b.png", part(noise(1)))
    expected = apply(cropped, tmp_path / "c.png", "--checkpoint", turning, "--size", "fit:30x")
    found = apply(whole, tmp_path / "d.png", "--checkpoint", turning, "--size", "fit:30x", "--crop", CROP)
    assert np.array_equal(found, expected)


def test_a_picture_that_is_smaller_than_the_crop_fails_alone(tmp_path: Path) -> None:
    save(tmp_path / "in" / "large.png", noise(1))
    save(tmp_path / "in" / "small.png", noise(1, 10, 12))
    turning = saved(network(TURN, metadata=affine()), tmp_path, "turning.onnx")
    for options in (["--flip", "both"], ["--checkpoint", turning], ["--flip", "both", "-n"]):
        ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", "--crop", CROP, "--overwrite", *options)
        assert ran.code == 1
        expected = (
            f"failed: {tmp_path / 'in' / 'small.png'}: the crop 5,3,20,14 goes beyond the picture, which is 12x10"
        )
        assert expected in ran.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["large.png"]


def test_a_crop_that_is_left_as_it_is_is_the_crop_and_not_the_file(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(1))
    still = ("--rotate", "0.01", "--skip-below", "1")
    ran = run("apply", source, "-o", tmp_path / "b.png", *still, "--crop", CROP, "--json")
    assert ran.records[0]["copied"] is True
    assert np.array_equal(pixels(tmp_path / "b.png"), part(noise(1)))
    ran = run("apply", source, "-o", tmp_path / "c.png", *still, "--viewport", "1,0,32,24", "--json")
    assert ran.records[0]["copied"] is False
    assert np.array_equal(pixels(tmp_path / "c.png")[:, :-1], noise(1)[:, 1:])


def test_a_viewport_is_a_part_of_the_output(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(1))
    options = ("--rotate", "20", "--size", "fit:150%", "--fill", "red")
    whole = apply(source, tmp_path / "b.png", *options)
    inside = apply(source, tmp_path / "c.png", *options, "--viewport", "9,4,30,25")
    assert np.abs(inside.astype(int) - whole[4:29, 9:39]).max() <= 1
    around = apply(source, tmp_path / "c.png", *options, "--viewport", "-3 -2 100 90")
    assert np.abs(around[2:, 3:][: len(whole), : whole.shape[1]].astype(int) - whole).max() <= 1
    assert (around[:2] == (255, 0, 0)).all()


def test_a_viewport_of_an_output_beyond_any_memory_is_made(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", np.full((24, 32, 3), 200, np.uint8))
    tile = apply(source, tmp_path / "b.png", "--size", "1000000x750000", "--viewport", "500000,300000,8,6")
    assert tile.shape == (6, 8, 3)
    assert (tile == 200).all()
    ran = run("apply", source, "-o", tmp_path / "c.png", "--viewport", "0,0,1000000,750000")
    assert ran.code == 2
    assert "--max-pixels" in ran.error


def test_a_viewport_beside_the_picture_is_told(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(1))
    for command in (("apply", source, "-o", tmp_path / "b.png"), ("grid", "--image", source, "-o", tmp_path / "b.npy")):
        ran = run(*command, "--rotate", "20", "--viewport", "100,0,5,5")
        assert ran.code == 0
        assert "move --viewport to where it is" in ran.stderr


def test_the_size_and_the_crop_stand_in_the_record(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(1))
    options = ("--rotate", "20", "--size", "inner:800x600")
    record = run("apply", source, "-o", tmp_path / "b.png", *options, "--json", "-n").records[0]
    assert record["size"] == "22x17"
    assert "crop" not in record
    record = run("apply", source, "-o", tmp_path / "b.png", "--crop", CROP, "--size", "x28", "--json").records[0]
    assert (record["size"], record["crop"]) == ("40x28", {"x": 5, "y": 3, "width": 20, "height": 14})
    ran = run("apply", source, "-o", tmp_path / "c.png", "-n", "--crop", CROP)
    assert ran.stdout.endswith("20x14  theta 1 0 0 0 1 0; crop 5,3,20,14\n")


@pytest.mark.parametrize("suffix", [".npz", ".json"])
@pytest.mark.parametrize("units", ["normalized", "pixel"])
def test_a_grid_of_a_crop_carries_it(tmp_path: Path, suffix: str, units: str) -> None:
    source, grid = save(tmp_path / "a.png", noise(1)), tmp_path / f"grid{suffix}"
    options = ("--rotate", "20", "--center", "3,4", "--size", "fit", "--crop", CROP, "--viewport", "2,1,15,12")
    expected = apply(source, tmp_path / "b.png", *options)
    for size in ((), ("--input-size", "32x24"), ("--image", source)):
        ran = run("grid", "-o", grid, *options, *size, "--units", units, "--overwrite")
        assert ran.code == 0, ran.stderr
        result = apply(source, tmp_path / "c.png", "--transform", grid)
        assert np.abs(result.astype(int) - expected).max() <= 1
    assert json.loads(run("info", grid, "--json").stdout)["crop"] == CROP
    ran = run("apply", source, "-o", tmp_path / "d.png", "--transform", grid, "--crop", CROP)
    assert ran.code == 2
    assert ran.error == f"{grid}: has a crop of its own; leave --crop out"
    assert run("grid", "-o", tmp_path / "e.png", "--transform", grid, "--image", source).code == 0


def test_a_theta_file_can_carry_a_crop_which_its_inverse_does_not_need(tmp_path: Path) -> None:
    source, file = save(tmp_path / "a.png", noise(1)), tmp_path / "theta.json"
    crop = {"x": 5, "y": 3, "width": 20, "height": 14}
    file.write_text(json.dumps({"theta": [0.9, 0.1, 0, -0.1, 0.9, 0], "crop": crop}))
    expected = apply(source, tmp_path / "b.png", "--theta", "0.9 0.1 0 -0.1 0.9 0", "--crop", CROP)
    assert np.array_equal(apply(source, tmp_path / "c.png", "--transform", file), expected)
    undone = apply(tmp_path / "b.png", tmp_path / "c.png", "--transform", file, "--inverse")
    assert undone.shape == (14, 20, 3)
    for wrong, words in (
        ({"crop": {**crop, "x": 1.5}}, "crop must be whole numbers"),
        ({"crop": {**crop, "x": -1}}, "begins before the picture"),
        ({"crop": [1, 2, 3, 4]}, "crop must be {"),
        ({"crop": crop, "input_size": {"width": 32, "height": 24}}, "input_size is 32x24, but the crop"),
    ):
        file.write_text(json.dumps({"theta": [1, 0, 0, 0, 1, 0], **wrong}))
        ran = run("apply", source, "-o", tmp_path / "d.png", "--transform", file)
        assert ran.code == 2
        assert words in ran.error


def test_rows_with_a_crop_leave_no_room_for_another(tmp_path: Path) -> None:
    source, file = save(tmp_path / "in" / "a.png", noise(1)), tmp_path / "p.jsonl"
    apply(source, tmp_path / "b.png", "--flip", "both", "--crop", CROP, "--save-params", file)
    ran = run("apply", source, "-o", tmp_path / "c.png", "--params", file, "--crop", CROP)
    assert ran.code == 2
    assert ran.error == f"{file}: has a crop of its own; leave --crop out"
    save(tmp_path / "made" / "a.png", pixels(tmp_path / "b.png"))
    undone = apply(tmp_path / "made" / "a.png", tmp_path / "d.png", "--params", file, "--inverse")
    assert np.array_equal(undone, part(noise(1)))


def test_canonical_has_a_scale_too_and_splines_an_inner_frame(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(3))
    small = saved(network(TURN, metadata=affine(output_size=(10, 14))), tmp_path, "small.onnx")
    for scale, shape in (("50%", (5, 7)), ("28x", (20, 28)), ("100x5", (5, 7)), ("100x100", (10, 14))):
        size = f"canonical:{scale}"
        assert apply(source, tmp_path / "b.png", "--checkpoint", small, "--size", size).shape == (*shape, 3)
    points = np.stack(np.meshgrid([-1.2, 0.1, 1], [-1, 0, 1.3]), axis=-1)
    metadata = affine(family=Family.THIN_PLATE_SPLINE, control_points=(3, 3))
    bending = saved(network(points.ravel(), metadata=metadata), tmp_path, "bending.onnx")
    options = ("--checkpoint", bending, "--size", "inner", "--fill", "magenta")
    white = save(tmp_path / "w.png", np.full((120, 160, 3), 255, np.uint8))
    inner = apply(white, tmp_path / "c.png", *options)
    assert 90 < inner.shape[0] < 120
    assert (inner[1:-1, 1:-1] == 255).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--center", "3,4"], "--center is for --rotate"),
        (["--translate", "3,4", "--center", "3,4"], "--center is for --rotate"),
        (["--rotate", "3", "--center", "3"], "1 number; 2 are needed"),
        (["--crop", "1,2,3"], "is not a rectangle: give X,Y,WIDTH,HEIGHT"),
        (["--crop", "-1,2,3,4"], "begins before the picture"),
        (["--viewport", "1,2,0,4"], "at least one pixel"),
        (["--size", "fit:", "--rotate", "3"], "'' is not a scale: give 50%, 800x, x600 or 800x600"),
        (["--size", "canonicel:50%", "--rotate", "3"], "did you mean 'canonical'?"),
        (["--size", "same:0x4"], "leaves no pixels"),
        (["--theta", "1 0 0 2 0 0", "--size", "inner"], "inver"),
    ],
)
def test_what_cannot_be_read_or_combined_is_refused(tmp_path: Path, options: list[str], message: str) -> None:
    save(tmp_path / "in" / "a.png", noise(1))
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", *options)
    assert ran.code == 2
    assert message in ran.error
    assert contents(tmp_path / "out") == {}


def test_a_sampling_grid_has_its_own_frame_and_ends_with_it(tmp_path: Path) -> None:
    source, grid = save(tmp_path / "a.png", noise(1)), tmp_path / "grid.npz"
    assert run("grid", "-o", grid, "--rotate", "20", "--size", "32x24").code == 0
    whole = apply(source, tmp_path / "b.png", "--transform", grid)
    tile = apply(source, tmp_path / "c.png", "--transform", grid, "--viewport", "4,3,9,8")
    assert np.array_equal(tile, whole[3:11, 4:13])
    for options in (("--viewport", "-1,0,9,8"), ("--size", "50%"), ("--size", "inner")):
        assert run("apply", source, "-o", tmp_path / "d.png", "--transform", grid, *options).code == 2
