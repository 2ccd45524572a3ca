"""`stnwarp apply --checkpoint`: networks look at images, and the images are warped by what they say."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stnwarp import warp
from stnwarp.conventions import Family
from stnwarp.localisation import Checkpoint
from stnwarp.transforms import compose
from tests.cli_tools import Ran, assert_good_ones_done, contents, good_files, noise, pixels, run, save
from tests.onnx_files import TURN, affine, network, saved

GAIN = ((0.1, 0.2, -0.1), (-0.2, 0.1, 0.2))
BEND = np.array([[[-1, -1], [0, -0.9], [1, -1]], [[-1, 0], [0.1, 0.05], [1, 0]], [[-1, 1], [0, 0.9], [0.9, 1]]])


@pytest.fixture
def turning(tmp_path: Path) -> Path:
    """A checkpoint whose theta depends on how bright an image is."""
    return saved(network(TURN, gain=GAIN, metadata=affine()), tmp_path, "turning.onnx")


def apply(*args: object) -> Ran:
    ran = run("apply", *args)
    assert ran.code == 0, ran.stderr
    return ran


def theta_of(record: dict[str, Any]) -> np.ndarray:
    return np.array(record["theta"])


def test_each_image_is_warped_by_its_own_theta(tmp_path: Path, turning: Path) -> None:
    for number, brightness in enumerate((40, 200)):
        save(tmp_path / "in" / f"{number}.png", noise(number) // 4 + np.uint8(brightness // 2))
    ran = apply(tmp_path / "in", "-o", tmp_path / "out", "--checkpoint", turning, "--json", "-j1")
    checkpoint = Checkpoint.load(turning)
    for record in ran.records:
        image = pixels(Path(record["input"]))
        [transform] = checkpoint.localise([image])
        assert transform.theta.tolist() == record["theta"]  # type: ignore[attr-defined]
        np.testing.assert_array_equal(pixels(Path(record["output"])), warp(image, transform))
    first, second = map(theta_of, ran.records)
    assert np.abs(first - second).max() > 0.01


@pytest.mark.parametrize("jobs", [2, 5])
def test_the_number_of_workers_does_not_change_a_bit(tmp_path: Path, turning: Path, jobs: int) -> None:
    for number in range(9):
        save(tmp_path / "in" / f"{number}.png", noise(number, 20 + number, 31) // np.uint8(number + 1))
    for count in (1, jobs):
        options = ("--checkpoint", turning, "-j", count, "--save-params", tmp_path / f"{count}.jsonl")
        apply(tmp_path / "in", "-o", tmp_path / str(count), *options)
    assert contents(tmp_path / "1") == contents(tmp_path / str(jobs))
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / f"{jobs}.jsonl").read_bytes()


def test_a_dry_run_predicts_what_the_run_does_and_writes_nothing(tmp_path: Path, turning: Path) -> None:
    good_files(tmp_path / "in")
    command = (tmp_path / "in", "-o", tmp_path / "out", "--checkpoint", turning, "--json", "-j1")
    dry = apply(*command, "-n", "--save-params", tmp_path / "p.jsonl").records
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "p.jsonl").exists()
    wet = apply(*command).records
    assert [{**record, "seconds": None} for record in wet] == dry


def test_networks_in_sequence_see_what_those_before_them_made_and_the_image_is_sampled_once(
    tmp_path: Path, turning: Path
) -> None:
    image = noise(3, 40, 60)
    source = save(tmp_path / "a.png", image)
    other = saved(network(((0.9, 0, 0.1), (0, 0.9, 0)), gain=GAIN, metadata=affine()), tmp_path, "other.onnx")
    ran = apply(source, "-o", tmp_path / "b.png", "--checkpoint", turning, "--checkpoint", other, "--json")
    [first] = Checkpoint.load(turning).localise([image])
    [second] = Checkpoint.load(other).localise([warp(image, first)])
    both = compose(first, second)
    np.testing.assert_allclose(theta_of(ran.records[0]), both.theta, atol=0.02)  # type: ignore[attr-defined]
    exact = np.array(ran.records[0]["theta"])
    np.testing.assert_array_equal(pixels(tmp_path / "b.png"), warp(image, exact))


def test_repeat_is_the_same_network_several_times(tmp_path: Path, turning: Path) -> None:
    source = save(tmp_path / "a.png", noise(3))
    twice = apply(source, "-o", tmp_path / "b.png", "--checkpoint", turning, "--checkpoint", turning, "--json")
    repeat = apply(source, "-o", tmp_path / "c.png", "--checkpoint", turning, "--repeat", "2", "--json")
    assert twice.records[0]["theta"] == repeat.records[0]["theta"]


def test_inverse_undoes_what_the_network_says(tmp_path: Path, turning: Path) -> None:
    source = save(tmp_path / "a.png", noise(3))
    there = apply(source, "-o", tmp_path / "b.png", "--checkpoint", turning, "--json").records[0]
    back = apply(source, "-o", tmp_path / "c.png", "--checkpoint", turning, "--inverse", "--json").records[0]
    np.testing.assert_allclose(theta_of(there) @ theta_of(back), np.eye(3), atol=1e-12)


def test_a_network_without_metadata_is_told_what_it_needs(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(3, 30, 30))
    foreign = saved(network(TURN, gain=GAIN, input=("N", 3, "h", "w")), tmp_path, "foreign.onnx")
    told = ("--checkpoint", foreign, "--input-size", "16x12", "--normalize", "0.5/0.5", "--family", "affine")
    record = apply(source, "-o", tmp_path / "b.png", *told, "--json").records[0]
    checkpoint = Checkpoint.load(foreign, family="affine", input_size=(12, 16), normalize="0.5/0.5")
    [expected] = checkpoint.localise([noise(3, 30, 30)])
    assert record["theta"] == expected.theta.tolist()  # type: ignore[attr-defined]
    ran = run("apply", source, "-o", tmp_path / "c.png", "--checkpoint", foreign)
    assert ran.code == 4
    assert "input_size" in ran.error or "--input-size" in ran.error


def test_canonical_is_the_size_the_checkpoint_was_made_for(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(3))
    small = saved(network(TURN, metadata=affine(output_size=(10, 14))), tmp_path, "small.onnx")
    apply(source, "-o", tmp_path / "b.png", "--checkpoint", small)
    assert pixels(tmp_path / "b.png").shape == (24, 32, 3)
    apply(source, "-o", tmp_path / "c.png", "--checkpoint", small, "--size", "canonical")
    np.testing.assert_array_equal(pixels(tmp_path / "c.png"), warp(noise(3), np.array(TURN, np.float32), (10, 14)))


def test_a_spline_is_told_by_its_points(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", noise(3, 60, 60))
    metadata = affine(family=Family.THIN_PLATE_SPLINE, control_points=(3, 3))
    bending = saved(network(BEND.ravel(), metadata=metadata), tmp_path, "bending.onnx")
    record = apply(source, "-o", tmp_path / "b.png", "--checkpoint", bending, "--json").records[0]
    assert record["theta"] is None
    np.testing.assert_array_equal(np.array(record["points"], np.float32), BEND.astype(np.float32))
    ran = run("apply", source, "-o", tmp_path / "c.png", "--checkpoint", bending, "-n")
    assert "60x60  a thin plate spline" in ran.stdout
    ran = run("apply", source, "-o", tmp_path / "c.png", "--checkpoint", bending, "--size", "fit")
    assert ran.code == 2
    assert "--size fit" in ran.error


def test_a_non_finite_prediction_fails_its_image_only_and_is_never_sampled(tmp_path: Path) -> None:
    spoilt = saved(network(TURN, gain=GAIN, nan_if_black=True, metadata=affine()), tmp_path, "spoilt.onnx")
    good_files(tmp_path / "in")
    save(tmp_path / "in" / "black.png", np.zeros((24, 32, 3), np.uint8))
    options = ("--checkpoint", spoilt)
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", *options, "-j2")
    assert ran.code == 1
    assert f"failed: {tmp_path / 'in' / 'black.png'}: checkpoint produced a non-finite theta" in ran.stderr
    assert_good_ones_done(tmp_path, tmp_path / "out", *options)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty file"),
        (b"\x80\x04\x95pickle", "pickle"),
        (b"PK\x03\x04 torch", "zip archive"),
        (b"no network at all", ""),
        (None, "no such file"),
    ],
)
def test_a_checkpoint_that_cannot_be_used_ends_the_run_before_anything_is_written(
    tmp_path: Path, data: bytes | None, word: str
) -> None:
    good_files(tmp_path / "in")
    file = tmp_path / "network.onnx"
    if data is not None:
        file.write_bytes(data)
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", "--checkpoint", file)
    assert ran.code == 4
    assert str(file) in ran.error
    assert word in ran.error
    assert not (tmp_path / "out").exists()


def test_a_truncated_checkpoint_and_a_wrong_output_end_the_run(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    whole = network(TURN, metadata=affine()).SerializeToString()
    for data in (whole[: len(whole) // 2], network((1.0, 2.0, 3.0, 4.0, 5.0), metadata=affine())):
        file = saved(data, tmp_path)
        ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", "--checkpoint", file)
        assert ran.code == 4
        assert str(file) in ran.error
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--repeat", "2", "--rotate", "3"], 2, "--repeat is for --checkpoint"),
        (["--family", "affine", "--rotate", "3"], 2, "--family is for --checkpoint"),
        (["--input-size", "8x8", "--rotate", "3"], 2, "--input-size is for --checkpoint"),
        (["--normalize", "0..1", "--rotate", "3"], 2, "--normalize is for --checkpoint"),
        (["--checkpoint", "x.onnx", "--rotate", "3"], 2, "not --rotate and --checkpoint"),
        (["--checkpoint", "x.onnx", "--params", "p.jsonl"], 2, "not --checkpoint and --params"),
        (["--checkpoint", "x.onnx", "--repeat", "0"], 2, "from 1 to 100"),
        (["--checkpoint", "x.onnx", "--family", "afine"], 2, "did you mean 'affine'?"),
        (["--checkpoint", "x.onnx", "--units", "pixel"], 2, "--units"),
        (["--checkpoint", "diggits"], 4, "no checkpoint of that name"),
        (["--rotate", "3", "--size", "canonical"], 2, "--size canonical is the size that a --checkpoint"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, options: list[str], code: int, message: str) -> None:
    good_files(tmp_path / "in")
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", *options)
    assert ran.code == code
    assert message in ran.error
    assert not (tmp_path / "out").exists()


def test_align_corners_is_the_checkpoints(tmp_path: Path, turning: Path) -> None:
    source = save(tmp_path / "a.png", noise(3))
    centres = saved(network(TURN, metadata=affine(align_corners=True)), tmp_path, "centres.onnx")
    apply(source, "-o", tmp_path / "b.png", "--checkpoint", centres)
    expected = warp(noise(3), np.array(TURN, np.float32), align_corners=True)
    np.testing.assert_array_equal(pixels(tmp_path / "b.png"), expected)
    ran = run("apply", source, "-o", tmp_path / "c.png", "--checkpoint", centres, "--no-align-corners")
    assert ran.code == 2
    assert "made with --align-corners, not --no-align-corners" in ran.error
    ran = run("apply", source, "-o", tmp_path / "c.png", "--checkpoint", centres, "--checkpoint", turning)
    assert ran.code == 4
    assert "different align_corners" in ran.error


def test_every_mode_is_looked_at(tmp_path: Path) -> None:
    network_of_colours = network(TURN, gain=GAIN, input=("N", 3, 8, 8), metadata=affine(mode="RGB", input_size=(8, 8)))
    colours = saved(network_of_colours, tmp_path, "colours.onnx")
    images = {
        "L.png": Image.fromarray(noise(1)[..., 0]),
        "RGBA.png": Image.fromarray(noise(1, channels=4)),
        "LA.png": Image.fromarray(noise(1, channels=2)),
        "I16.png": Image.fromarray(noise(1)[..., 0].astype(np.uint16) * 257),
        "1.png": Image.fromarray(noise(1)[..., 0]).convert("1"),
        "P.png": Image.fromarray(noise(1)).quantize(16),
        "CMYK.tif": Image.fromarray(noise(1)).convert("CMYK"),
        "F.tif": Image.fromarray(noise(1)[..., 0].astype(np.float32)),
    }
    (tmp_path / "in").mkdir()
    for name, image in images.items():
        image.save(tmp_path / "in" / name)
    for interpolation in ("bilinear", "nearest"):
        options = ("--checkpoint", colours, "--interpolation", interpolation, "--json")
        ran = apply(tmp_path / "in", "-o", tmp_path / interpolation, *options)
        thetas = {Path(record["input"]).name: theta_of(record) for record in ran.records}
        assert set(thetas) == set(images)
        np.testing.assert_allclose(thetas["L.png"], thetas["I16.png"], atol=1e-6)
        np.testing.assert_allclose(thetas["L.png"], thetas["F.tif"], atol=0.01)
        np.testing.assert_allclose(thetas["CMYK.tif"], thetas["P.png"], atol=0.03)


def test_the_size_limits_hold_before_and_after_the_network_has_looked(tmp_path: Path) -> None:
    larger = saved(network(((0.5, 0, 0), (0, 0.5, 0)), metadata=affine()), tmp_path, "larger.onnx")
    source = save(tmp_path / "a.png", noise(3))
    for options in (["--size", "fit", "--max-pixels", "2000"], ["--max-pixels", "700"]):
        ran = run("apply", source, "-o", tmp_path / "b.png", "--checkpoint", larger, *options)
        assert ran.code == 1
        assert "--max-pixels" in ran.stderr
        assert not (tmp_path / "b.png").exists()


def test_the_picture_is_seen_upright(tmp_path: Path) -> None:
    """Two images that differ in their orientation tag alone come out as one."""
    asked = itertools.product((1, 6), [np.repeat(np.linspace(0, 250, 24, dtype=np.uint8)[:, None], 24, axis=1)])
    top_heavy = saved(network(TURN, gain=GAIN, metadata=affine()), tmp_path)
    for orientation, array in asked:
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = array if orientation == 1 else np.rot90(array)
        Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / f"{orientation}.png", exif=exif)
        apply(tmp_path / f"{orientation}.png", "-o", tmp_path / f"out{orientation}.png", "--checkpoint", top_heavy)
    np.testing.assert_array_equal(pixels(tmp_path / "out1.png"), pixels(tmp_path / "out6.png"))


def test_info_describes_a_checkpoint(tmp_path: Path, turning: Path) -> None:
    ran = run("info", turning, "--json")
    assert ran.code == 0
    facts = json.loads(ran.stdout)
    assert (facts["kind"], facts["family"]) == ("checkpoint", "affine")
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    assert run("info", tmp_path / "bad.onnx").code == 4


def test_info_describes_a_network_without_metadata_as_apply_takes_it(tmp_path: Path, turning: Path) -> None:
    foreign = saved(network(np.zeros(8), input=("N", 3, "h", "w")), tmp_path, "foreign.onnx")
    ran = run("info", foreign)
    assert ran.code == 4
    assert "--input-size WxH" in ran.error
    told = ("--family", "tps", "--input-size", "16x12", "--normalize", "0.5/0.25")
    facts = json.loads(run("info", foreign, *told, "--json").stdout)
    assert (facts["family"], facts["input_size"], facts["mean"], facts["std"]) == ("tps", "16x12", [0.5], [0.25])
    assert run("info", turning, "--input-size", "9x9").code == 4


@pytest.mark.parametrize("file", [[], ["a.png"], ["a.json"], ["a.jsonl"], ["a.csv"]])
@pytest.mark.parametrize("told", [("--family", "affine"), ("--input-size", "9x9"), ("--normalize", "0..1")])
def test_info_refuses_what_is_told_of_no_network(file: list[str], told: tuple[str, str]) -> None:
    ran = run("info", *file, *told)
    assert ran.code == 2
    assert f"{told[0]} is for a checkpoint; leave it out" in ran.error


def test_info_has_no_line_for_a_range_of_no_points(tmp_path: Path) -> None:
    np.save(tmp_path / "grid.npy", np.full((2, 3, 2), np.nan))
    ran = run("info", tmp_path / "grid.npy")
    assert ran.code == 0
    assert "None" not in ran.stdout
    assert "range" not in ran.stdout
    assert "not_finite" in ran.stdout
