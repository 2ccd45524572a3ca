"""Thin plate splines in transform files: read as they are meant, described, refused in one line, used by commands."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stnwarp.conventions import Units
from stnwarp.errors import ParameterError, ParameterFileError, SingularTransformError
from stnwarp.transform_files import Kind, describe_file, load_grid, load_transform
from stnwarp.transforms import (
    MatrixTransform,
    SizeRequest,
    ThinPlateSpline,
    as_fields,
    control_points,
    normalised_from_pixel,
)
from tests.cli_tools import noise, run, save

SIZE = (30, 40)
SAME = SizeRequest.parse("same")
POINTS = control_points(3, 4) * 0.8 + np.random.default_rng(0).normal(size=(3, 4, 2)) * 0.05
PIXELS = (POINTS + 1) * (20, 15) - 0.5  # of an input of 40x30, align_corners=False
IN_40x30 = {"units": "pixel", "input_size": {"width": 40, "height": 30}}


def json_file(folder: Path, fields: dict[str, Any]) -> Path:
    path = folder / "spline.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    return path


def placed_points(path: Path, align_corners: bool = False, **options: Any) -> NDArray[np.float64]:
    transform = load_transform(path, **options).spec.resolve(SIZE, SAME, align_corners).transform
    assert isinstance(transform, ThinPlateSpline)
    return transform.points


def refusal(path: Path) -> str:
    with pytest.raises(ParameterFileError) as caught:
        load_transform(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_json_and_npz_hold_points_to_the_last_bit(tmp_path: Path) -> None:
    np.savez(tmp_path / "spline.npz", points=POINTS, kind="tps", units="normalized", input_size=(30, 40))
    for path in (json_file(tmp_path, as_fields(ThinPlateSpline(POINTS))), tmp_path / "spline.npz"):
        loaded = load_transform(path)
        assert loaded.kind is Kind.TPS
        assert loaded.description == f"tps (normalized) from {path}"
        assert np.array_equal(placed_points(path), POINTS)


@pytest.mark.parametrize("align_corners", [False, True])
def test_points_in_pixels_are_those_of_the_input_they_were_made_for(tmp_path: Path, align_corners: bool) -> None:
    expected = MatrixTransform(normalised_from_pixel(SIZE, align_corners)).map_points(PIXELS)
    unsaid = json_file(tmp_path, {"points": PIXELS.tolist(), **IN_40x30})
    np.testing.assert_allclose(placed_points(unsaid, align_corners), expected, atol=1e-14)
    said = json_file(tmp_path, {"points": PIXELS.tolist(), **IN_40x30, "align_corners": align_corners})
    assert load_transform(said).align_corners is align_corners
    np.testing.assert_allclose(placed_points(said, align_corners), expected, atol=1e-14)


def test_units_from_outside_hold_where_the_file_says_nothing(tmp_path: Path) -> None:
    path = json_file(tmp_path, {"points": PIXELS.tolist(), "input_size": IN_40x30["input_size"]})
    np.testing.assert_allclose(placed_points(path, units=Units.PIXEL), POINTS, atol=1e-14)


def test_the_inverse_is_the_splines_own(tmp_path: Path) -> None:
    path = json_file(tmp_path, {"points": POINTS.tolist()})
    undone = load_transform(path, inverse=True).spec.resolve(SIZE, SAME, False).transform
    places = control_points(3, 3) * 0.5
    read = ThinPlateSpline(POINTS).map_points(places)
    np.testing.assert_allclose(undone.map_points(read), places, atol=1e-10)
    line = json_file(tmp_path, {"points": (POINTS * [1, 0]).tolist()})
    with pytest.raises(SingularTransformError, match=r"spline\.json: .* cannot be inverted"):
        load_transform(line, inverse=True)


def test_an_image_of_other_proportions_is_a_warning(tmp_path: Path) -> None:
    for fields in ({"points": PIXELS.tolist(), **IN_40x30}, {"points": POINTS.tolist(), **IN_40x30, "units": None}):
        path = json_file(tmp_path, {key: value for key, value in fields.items() if value})
        spec = load_transform(path).spec
        assert spec.resolve((60, 80), SAME, False).warnings == ()
        [warning] = spec.resolve((50, 50), SAME, False).warnings
        assert warning == "made for 40x30, this image is 50x50: the picture is stretched differently"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"points": [[[0, 0], [1, 0]]]}, "points must have shape (rows, cols, 2), at least 2 rows and 2 columns"),
        ({"points": [[0, 0], [1, 0]]}, "points must have shape (rows, cols, 2)"),
        ({"points": np.zeros((50, 50, 2)).tolist()}, "at most 2048 points, got 50 rows and 50 columns"),
        ({"points": [[[0, 0], [1, None]], [[0, 1], [1, 1]]]}, "in row 1, column 2: y = nan; use finite numbers"),
        ({"points": [[[0, 0], [1, True]], [[0, 1], [1, 1]]]}, "points must be numbers, got 'True' among them"),
        ({"points": [[[0, 0], [1, "a"]], [[0, 1], [1, 1]]]}, "points must be numbers, got 'a' among them"),
        ({"points": POINTS.tolist(), "units": "pixel"}, "a spline in pixels needs the input_size"),
        ({"points": POINTS.tolist(), "direction": "input to output"}, "leave it out and invert the spline in use"),
        ({"points": POINTS.tolist(), "kind": "grid"}, "kind says grid, but the file holds points"),
        ({"theta": [0, 0], "kind": "tps"}, "kind says tps, but the file holds a theta"),
        ({"theta": [0, 0], "points": POINTS.tolist()}, "holds both theta and points"),
        ({"point": POINTS.tolist()}, "unknown key 'point' (did you mean 'points'?)"),
    ],
)
def test_what_is_no_spline_is_refused_in_one_line(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    assert message in refusal(json_file(tmp_path, fields))


def test_points_in_npz_are_numbers_of_a_believable_size(tmp_path: Path) -> None:
    path = tmp_path / "spline.npz"
    np.savez(path, points=np.zeros((500, 500, 2)))
    assert "the limit is 65,536" in refusal(path)
    np.savez(path, points=np.array(["a"]))
    assert "points must be real numbers" in refusal(path)


def test_an_npy_of_that_shape_is_a_grid(tmp_path: Path) -> None:
    np.save(tmp_path / "points.npy", POINTS)
    assert load_transform(tmp_path / "points.npy").kind is Kind.GRID
    with pytest.raises(ParameterFileError, match="holds a thin plate spline; a sampling grid is wanted"):
        load_grid(json_file(tmp_path, {"points": POINTS.tolist()}))


def test_only_a_matrix_is_fitted(tmp_path: Path) -> None:
    spec = load_transform(json_file(tmp_path, {"points": POINTS.tolist()})).spec
    with pytest.raises(ParameterError, match="size fit is for matrices"):
        spec.resolve(SIZE, SizeRequest.parse("fit"), False)


def test_a_description_tells_how_a_spline_bends(tmp_path: Path) -> None:
    facts = describe_file(json_file(tmp_path, {"points": POINTS.tolist()}))
    assert (facts["kind"], facts["shape"], facts["folds"]) == ("tps", [3, 4, 2], False)
    assert facts["bend"] == ThinPlateSpline(POINTS).bend()
    assert facts["x_range"] == [POINTS[..., 0].min(), POINTS[..., 0].max()]
    folded = control_points(3, 3)
    folded[1, 1] = [3, 0]
    facts = describe_file(json_file(tmp_path, {"points": ((folded + 1) * 20).tolist(), **IN_40x30}))
    assert facts["folds"] is True
    # a ninth of the points is 2 frames, 60 pixels, off, of which the nearest affine map takes its share of one ninth
    assert facts["bend"] == pytest.approx(60 * np.sqrt(1 / 9 * (1 - 1 / 9)))


def test_commands_take_splines(tmp_path: Path) -> None:
    path, image = json_file(tmp_path, {"points": POINTS.tolist()}), tmp_path / "image.png"
    save(image, noise(1, 30, 40))
    for target in ("grid.npy", "grid.csv", "grid.json", "grid.svg", "grid.png"):
        assert run("grid", "-o", tmp_path / target, "--transform", path, "--image", image).code == 0
    x, y = np.meshgrid((2 * np.arange(40) + 1) / 40 - 1, (2 * np.arange(30) + 1) / 30 - 1)
    read = ThinPlateSpline(POINTS).map_points(np.stack((x, y), axis=-1))
    np.testing.assert_allclose(np.load(tmp_path / "grid.npy"), read, atol=1e-14)
    for source in (path, tmp_path / "grid.npy"):
        assert run("apply", image, "-o", tmp_path / f"by_{source.stem}.png", "--transform", source).code == 0
    assert (tmp_path / "by_spline.png").read_bytes() == (tmp_path / "by_grid.png").read_bytes()
    assert run("apply", image, "-o", tmp_path / "undone.png", "--transform", path, "--inverse").code == 0
    assert "folds" in run("info", path).stdout
    assert run("apply", image, "-o", tmp_path / "fit.png", "--transform", path, "--size", "fit").code in (1, 2)
