"""Transform files: what they say is applied, what they cannot mean is refused in one line with their name."""

import csv
import io
import json
import os
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stnwarp.conventions import Units
from stnwarp.errors import ParameterError, ParameterFileError, ShapeError, SingularTransformError
from stnwarp.transform_files import GRID_SUFFIXES, describe_file, dump_grid, load_grid, load_transform
from stnwarp.transforms import SizeMode, SizeRequest, normalised_from_pixel, pixel_matrix

THETA = [[0.9, -0.2, 0.1], [0.2, 0.8, -0.05]]
HOMOGRAPHY = [*THETA, [0.01, 0.02, 1.0]]
SIZE = (30, 40)
SAME = SizeRequest(SizeMode.SAME)


def square(rows: object) -> NDArray[np.float64]:
    return np.vstack([np.asarray(rows, np.float64), [0, 0, 1]])


def grid(height: int = 6, width: int = 8) -> NDArray[np.float64]:
    return np.random.default_rng(3).uniform(-1.5, 1.5, (height, width, 2))


def json_file(folder: Path, content: object) -> Path:
    path = folder / "turn.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def npy_file(folder: Path, array: Any, pickled: bool = False) -> Path:
    path = folder / "turn.npy"
    np.save(path, array, allow_pickle=pickled)
    return path


def npz_file(folder: Path, **fields: Any) -> Path:
    path = folder / "turn.npz"
    np.savez(path, **fields)
    return path


def theta_in_file(path: Path, align_corners: bool = False, **options: Any) -> NDArray[np.float64]:
    image_warp = load_transform(path, **options).spec.resolve(SIZE, SAME, align_corners)
    return image_warp.transform.theta  # type: ignore[attr-defined, no-any-return]


def placed_grid(path: Path, align_corners: bool = False, **options: Any) -> NDArray[np.float64]:
    loaded = load_transform(path, **options)
    own = SizeRequest(SizeMode.EXACT, (6, 8))
    return loaded.spec.resolve(SIZE, own, align_corners).transform.grid  # type: ignore[attr-defined, no-any-return]


def refusal(path: Path, load: Callable[[Path], object] = load_transform) -> str:
    """What load says about *path*: one line, which begins with the name."""
    with pytest.raises(ParameterFileError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


# ---- thetas ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "wanted"),
    [
        ([0.5, -0.25], [[1, 0, 0.5], [0, 1, -0.25], [0, 0, 1]]),
        ([0.9, -0.2, 0.1, 0.2, 0.8, -0.05], square(THETA)),
        (THETA, square(THETA)),
        (HOMOGRAPHY, HOMOGRAPHY),
        ([0.9, -0.2, 0.1, 0.2, 0.8, -0.05, 0.01, 0.02], HOMOGRAPHY),
        ([0.9, -0.2, 0.1, 0.2, 0.8, -0.05, 0.01, 0.02, 1], HOMOGRAPHY),
        ({"theta": THETA}, square(THETA)),
        ({"kind": "theta", "theta": HOMOGRAPHY, "version": 1}, HOMOGRAPHY),
    ],
)
def test_json_holds_a_theta_as_numbers_rows_or_an_object(tmp_path: Path, document: object, wanted: object) -> None:
    np.testing.assert_array_equal(theta_in_file(json_file(tmp_path, document)), wanted)


@pytest.mark.parametrize("rows", [THETA, HOMOGRAPHY])
@pytest.mark.parametrize("kind", ["<f8", ">f8", "<f4", ">f2", "f8 in Fortran order"])
def test_npy_holds_a_theta_in_any_layout(tmp_path: Path, rows: Any, kind: str) -> None:
    dtype, order = (kind[:2], "F") if "order" in kind else (kind, "C")
    array = np.asarray(rows, dtype=dtype, order=order)  # type: ignore[call-overload]
    whole = array.astype(np.float64)
    wanted = whole if len(rows) == 3 else square(whole)
    np.testing.assert_array_equal(theta_in_file(npy_file(tmp_path, array)), wanted)


def test_integers_are_numbers_too(tmp_path: Path) -> None:
    array = np.array([[1, 0, 2], [0, -1, 3]], np.int16)
    np.testing.assert_array_equal(theta_in_file(npy_file(tmp_path, array)), square(array))


def test_units_of_the_file_win_over_the_callers(tmp_path: Path) -> None:
    said = json_file(tmp_path, {"theta": THETA, "units": "normalized"})
    np.testing.assert_array_equal(theta_in_file(said, units=Units.PIXEL), square(THETA))


@pytest.mark.parametrize("align_corners", [False, True])
def test_pixel_units_mean_pixel_positions(tmp_path: Path, align_corners: bool) -> None:
    for path, options in (
        (json_file(tmp_path, {"theta": THETA, "units": "pixel"}), {}),
        (npy_file(tmp_path, THETA), {"units": Units.PIXEL}),
        (npz_file(tmp_path, theta=THETA, units="pixel"), {}),
    ):
        theta = theta_in_file(path, align_corners, **options)
        np.testing.assert_allclose(pixel_matrix(theta, SIZE, SIZE, align_corners), square(THETA), atol=1e-12)


@pytest.mark.parametrize("units", ["normalized", "pixel"])
def test_input_to_output_is_undone(tmp_path: Path, units: str) -> None:
    forth = theta_in_file(json_file(tmp_path, {"theta": THETA, "units": units}))
    path = json_file(tmp_path, {"theta": THETA, "units": units, "direction": "input to output"})
    np.testing.assert_allclose(theta_in_file(path) @ forth, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(theta_in_file(path, inverse=True), forth, atol=1e-12)


def test_inverse_undoes_a_theta(tmp_path: Path) -> None:
    path = json_file(tmp_path, THETA)
    np.testing.assert_allclose(theta_in_file(path, inverse=True) @ theta_in_file(path), np.eye(3), atol=1e-12)


@pytest.mark.parametrize("said", [True, False, None])
def test_align_corners_is_what_the_file_says(tmp_path: Path, said: bool | None) -> None:
    fields = {} if said is None else {"align_corners": said}
    assert load_transform(json_file(tmp_path, {"theta": THETA} | fields)).align_corners is said
    assert load_transform(npz_file(tmp_path, theta=THETA, **fields)).align_corners is said


def test_a_singular_theta_is_refused_only_where_an_inverse_is_needed(tmp_path: Path) -> None:
    path = json_file(tmp_path, [1, 1, 0, 1, 1, 0])
    np.testing.assert_array_equal(theta_in_file(path)[0], [1, 1, 0])
    with pytest.raises(SingularTransformError, match=r"turn\.json.*condition number.*; correct its numbers, or do"):
        load_transform(path, inverse=True)
    beyond = json_file(tmp_path, [1e-200, 0, 1e200, 0, 1, 0])
    with pytest.raises(SingularTransformError, match=r"turn\.json.*beyond float64; correct its numbers, or do"):
        load_transform(beyond, inverse=True)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = json_file(tmp_path, "\ufeff" + json.dumps(THETA))
    np.testing.assert_array_equal(theta_in_file(path), square(THETA))


def test_the_description_names_kind_units_and_file(tmp_path: Path) -> None:
    path = json_file(tmp_path, {"theta": THETA, "units": "pixel"})
    assert load_transform(path).description == f"theta (pixel) from {path}"


# ---- grids -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".json", ".npy", ".npz"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_dumped_grid_comes_back_to_the_last_bit(tmp_path: Path, suffix: str, dtype: type) -> None:
    path = dumped(tmp_path, suffix, grid().astype(dtype))
    np.testing.assert_array_equal(placed_grid(path), grid().astype(dtype))
    np.testing.assert_array_equal(load_grid(path).grid, grid().astype(dtype))


def dumped(folder: Path, suffix: str, points: NDArray[Any], units: Units = Units.NORMALIZED, **more: Any) -> Path:
    path = folder / f"grid{suffix}"
    size = points.shape[:2]
    facts: dict[str, Any] = {"align_corners": False, "input_size": SIZE, "output_size": size} | more
    path.write_bytes(dump_grid(suffix, points, units=units, **facts))
    return path


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("align_corners", [False, True])
def test_a_grid_in_pixels_comes_back_normalised(tmp_path: Path, suffix: str, align_corners: bool) -> None:
    path = dumped(tmp_path, suffix, grid(), Units.PIXEL, align_corners=align_corners)
    assert load_transform(path).align_corners is align_corners
    found = load_grid(path)
    np.testing.assert_allclose(found.grid, grid(), atol=1e-14)
    assert found.align_corners is align_corners


@pytest.mark.parametrize("align_corners", [False, True])
def test_a_grid_in_pixels_without_a_word_about_corners_reads_those_pixels(tmp_path: Path, align_corners: bool) -> None:
    pixels = grid() * 10
    to_unit = normalised_from_pixel(SIZE, align_corners)
    wanted = pixels * to_unit.diagonal()[:2] + to_unit[:2, 2]
    bare = npy_file(tmp_path, pixels)
    np.testing.assert_allclose(placed_grid(bare, align_corners, units=Units.PIXEL), wanted, atol=1e-13)
    sized = npz_file(tmp_path, grid=pixels, units="pixel", input_size=SIZE)
    np.testing.assert_allclose(placed_grid(sized, align_corners), wanted, atol=1e-13)


@pytest.mark.parametrize("align_corners", [False, True])
def test_a_bare_grid_means_what_the_caller_says_about_corners(tmp_path: Path, align_corners: bool) -> None:
    path = npy_file(tmp_path, grid())
    assert load_transform(path).align_corners is None
    np.testing.assert_array_equal(placed_grid(path, align_corners), grid())


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<i4", ">f2"])
def test_grids_of_any_byte_order_and_number_come_out_native(tmp_path: Path, dtype: str) -> None:
    array = np.asfortranarray(np.round(grid() * 2).astype(dtype))
    found = placed_grid(npy_file(tmp_path, array))
    np.testing.assert_array_equal(found, array)
    assert found.dtype.isnative
    assert found.dtype in (np.float32, np.float64)


@pytest.mark.parametrize("suffix", [".json", ".npy", ".npz"])
def test_points_that_are_not_finite_are_allowed_in_a_grid(tmp_path: Path, suffix: str) -> None:
    points = grid()
    points[1, 2], points[3, 4, 0] = np.nan, np.inf
    found = placed_grid(dumped(tmp_path, suffix, points))
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(points))
    np.testing.assert_array_equal(found[np.isfinite(found)], points[np.isfinite(points)])


def test_a_grid_cannot_be_inverted(tmp_path: Path) -> None:
    path = dumped(tmp_path, ".npz", grid())
    assert "cannot be inverted" in refusal(path, lambda given: load_transform(given, inverse=True))
    forward = json_file(tmp_path, {"grid": grid().tolist(), "direction": "input to output"})
    assert "cannot be inverted" in refusal(forward)


def test_a_grid_in_pixels_needs_its_input_size(tmp_path: Path) -> None:
    assert "input_size" in refusal(npz_file(tmp_path, grid=grid(), units="pixel"))
    assert "input_size" in refusal(json_file(tmp_path, {"grid": grid().tolist(), "units": "pixel"}))
    assert "input_size" in refusal(npy_file(tmp_path, grid()), lambda path: load_grid(path, units=Units.PIXEL))


def test_load_grid_refuses_a_theta(tmp_path: Path) -> None:
    assert "holds a theta" in refusal(npy_file(tmp_path, THETA), load_grid)


# ---- sizes that a file was made for ----------------------------------------------------------------------


def told(path: Path, size: tuple[int, int], **options: Any) -> tuple[str, ...]:
    return load_transform(path, **options).spec.resolve(size, SAME, False).warnings


def sized_theta(folder: Path, **fields: Any) -> Path:
    return npz_file(folder, theta=THETA, input_size=(640, 960), **fields)


STRETCHED = ("made for 960x640, this image is 400x400: the picture is stretched differently",)


@pytest.mark.parametrize("said", [{}, {"align_corners": False}, {"align_corners": True}])
@pytest.mark.parametrize("units", ["normalized", "pixel"])
def test_a_grid_for_other_proportions_is_told(tmp_path: Path, said: dict[str, bool], units: str) -> None:
    path = npz_file(tmp_path, grid=grid(), units=units, input_size=(640, 960), **said)
    assert told(path, (400, 400)) == STRETCHED
    for same in ((640, 960), (320, 480), (1281, 1921), (67, 100)):  # a third of a pixel is rounding
        assert told(path, same) == ()
    assert len(told(path, (960, 640))) == 1
    assert told(npz_file(tmp_path, grid=grid(), **said), (400, 400)) == ()


def test_a_normalised_theta_for_other_proportions_is_told(tmp_path: Path) -> None:
    path = sized_theta(tmp_path)
    assert told(path, (400, 400)) == STRETCHED
    assert load_transform(path).spec.resolve((400, 400), SizeRequest(SizeMode.FIT), False).warnings == STRETCHED
    assert told(path, (320, 480)) == ()


def test_a_theta_in_pixels_for_another_size_is_told_and_used_as_it_is(tmp_path: Path) -> None:
    path = sized_theta(tmp_path, units="pixel")
    (warning,) = told(path, (320, 480))
    assert warning == "made for 960x640, this image is 480x320: the same pixel positions are another place in it"
    assert told(path, (640, 960)) == ()
    np.testing.assert_allclose(pixel_matrix(theta_in_file(path), SIZE, SIZE, False), square(THETA), atol=1e-12)


@pytest.mark.parametrize("units", ["normalized", "pixel"])
def test_an_inverse_is_for_images_of_the_output_size(tmp_path: Path, units: str) -> None:
    path = sized_theta(tmp_path, units=units, output_size=(400, 400))
    assert told(path, (400, 400), inverse=True) == ()
    assert len(told(path, (640, 960), inverse=True)) == 1
    assert told(sized_theta(tmp_path, units=units), (640, 960), inverse=True) == ()


# ---- refusals of what a file says ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"theta": THETA, "unit": "pixel"}, "unknown key 'unit' (did you mean 'units'?)"),
        ({"tetha": THETA}, "did you mean 'theta'?"),
        ({"theta": THETA, "units": "pixels"}, "got 'pixels' (did you mean"),
        (
            {"theta": THETA, "direction": "forward"},
            "direction must be one of output to input, input to output",
        ),
        ({"theta": THETA, "align_corners": "yes"}, "align_corners must be true or false, got 'yes'"),
        ({"theta": THETA, "align_corners": 1}, "align_corners must be true or false"),
        ({"theta": THETA, "version": 2}, "newer stnwarp"),
        ({"theta": THETA, "version": "one"}, "version must be 1"),
        ({"theta": THETA, "kind": "grid"}, "kind says grid, but the file holds a theta"),
        ({"theta": THETA, "kind": "matrix"}, "kind must be one of theta, grid"),
        ({"theta": THETA, "grid": [[[0, 0]]]}, "holds both"),
        ({"units": "pixel"}, "holds neither"),
        ({}, "holds neither"),
        ({"theta": THETA, "input_size": [640, 480]}, 'must be {"width": W, "height": H}'),
        ({"theta": THETA, "input_size": {"width": 640}}, 'must be {"width": W, "height": H}'),
        ({"theta": THETA, "input_size": {"width": 0, "height": 4}}, "whole numbers from 1"),
        ({"theta": THETA, "input_size": {"width": 10**400, "height": 4}}, "whole numbers from 1"),
        ({"theta": THETA, "input_size": {"width": 2.5, "height": 4}}, "got width 2.5 and height 4"),
        (
            {"grid": [[[0, 0]]], "output_size": {"width": 2, "height": 1}},
            "output_size is 2x1, but the grid is 1x1",
        ),
        ({"theta": [1, 0, 0, 0, 1]}, "got shape (5,)"),
        ({"theta": [1] * 7}, "got shape (7,)"),
        ({"theta": [[1, 0], [0, 1]]}, "got shape (2, 2)"),
        ({"theta": []}, "got shape (0,)"),
        ({"theta": 3}, "got shape ()"),
        ({"theta": [[1, 0, 0], [0, 1]]}, "theta"),
        ({"theta": [1, 0, "x", 0, 1, 0]}, "got 'x' among them"),
        ({"theta": [1, 0, True, 0, 1, 0]}, "got 'True' among them"),
        ({"theta": [1, 0, None, 0, 1, 0]}, "number 3 of theta is nan"),
        ({"theta": [[1, 0, 10**400], [0, 1, 0]]}, "inf in row 1, column 3"),
        ({"grid": [[[0, 0], [0]]]}, "the rows of grid differ in length"),
        ({"grid": [[[0, "a"]]]}, "grid must be real numbers"),
        ({"grid": [[[0, None]], [["a", 1]]]}, "got 'a' among them"),
        ({"grid": [[0, 0]]}, "got (1, 2)"),
        ({"grid": []}, "got (0,)"),
    ],
)
def test_what_json_cannot_mean_is_refused(tmp_path: Path, fields: object, words: str) -> None:
    assert words in refusal(json_file(tmp_path, fields))


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_theta_that_is_not_finite_is_refused_by_its_entry(tmp_path: Path, word: str) -> None:
    assert "row 2, column 1" in refusal(json_file(tmp_path, f"[[1, 0, 0], [{word}, 1, 0]]"))
    assert "number 4" in refusal(json_file(tmp_path, f"[1, 0, 0, {word}, 1, 0]"))
    array = np.array(THETA)
    array[1, 0] = float(word.lower())
    assert "row 2, column 1" in refusal(npy_file(tmp_path, array))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" ", "line 1, column 2"),
        ('{\n "theta": [1, 0,\n}', "line 3, column 1"),
        ("\ufeff[1,\n 2,, 3]", "line 2, column 4"),
        ('{"theta": [1, 2]} x', "line 1, column 19"),
        ('{"theta": [0, 0], "theta": [1, 1]}', "'theta' stands there twice"),
        ('"theta"', "must hold an object"),
        ("[" * 200_000, "nested too deeply"),
        ("[" + "1" * 5000 + ", 0]", "a number that cannot be read"),
    ],
)
def test_broken_json_is_refused_by_its_place(tmp_path: Path, text: str, words: str) -> None:
    assert words in refusal(json_file(tmp_path, text))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_refused_with_its_place(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "turn.json"
    path.write_bytes(json.dumps(THETA).encode(encoding))
    assert refusal(path).startswith("line 1, column 1: not UTF-8")


def test_a_byte_that_is_not_utf_8_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "turn.json"
    path.write_bytes(b'{"theta":\n [1, 2], "\xff": 1}')
    assert refusal(path).startswith("line 2, column 11: not UTF-8")


def test_npz_keys_are_checked_as_in_json(tmp_path: Path) -> None:
    assert "did you mean 'units'?" in refusal(npz_file(tmp_path, theta=THETA, unit="pixel"))
    assert "(height, width), got shape (3,)" in refusal(npz_file(tmp_path, theta=THETA, input_size=[1, 2, 3]))
    assert "single value, got shape (2,)" in refusal(npz_file(tmp_path, theta=THETA, units=["pixel", "x"]))
    assert "align_corners must be true or false" in refusal(npz_file(tmp_path, theta=THETA, align_corners=2))


# ---- refusals of arrays and archives ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "array",
    [
        np.array(1.0),
        np.zeros(4),
        np.zeros((2, 2)),
        np.zeros((4, 5, 3)),
        np.zeros((1, 4, 5, 2)),
        np.zeros((0, 5, 2)),
    ],
    ids=lambda array: str(array.shape),
)
def test_an_array_of_another_shape_is_refused_with_its_shape(tmp_path: Path, array: NDArray[Any]) -> None:
    assert str(array.shape) in refusal(npy_file(tmp_path, array))
    assert str(array.shape) in refusal(npz_file(tmp_path, grid=array))


@pytest.mark.parametrize("dtype", [complex, "U3", bool, "M8[s]", [("x", float), ("y", float)]])
def test_an_array_of_no_real_numbers_is_refused_with_its_shape(tmp_path: Path, dtype: Any) -> None:
    array = np.zeros((2, 3), dtype)
    assert "(2, 3)" in refusal(npy_file(tmp_path, array))
    assert "(2, 3)" in refusal(npz_file(tmp_path, theta=array))


class _Trap:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    trace = tmp_path / "unpickled"
    array = np.full((2, 3), _Trap(trace), object)
    assert "object of shape (2, 3)" in refusal(npy_file(tmp_path, array, pickled=True))
    assert "object of shape (2, 3)" in refusal(npz_file(tmp_path, theta=array))
    assert not trace.exists()


def header(shape: tuple[int, ...], descr: str = "<f8") -> bytes:
    written = io.BytesIO()
    fields = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(written, fields)
    return written.getvalue()


@pytest.mark.parametrize("shape", [(10**9, 10**9, 2), (2**40, 2**24, 2), (20_000, 20_000, 2)])
def test_a_shape_of_terabytes_is_refused_before_it_is_read(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "huge.npy"
    path.write_bytes(header(shape) + bytes(64))
    assert "the limit is" in refusal(path)
    assert str(shape) in refusal(path)


@pytest.mark.parametrize("shape", [(-1, 4, 2), (-2, -2, 2)])
def test_a_negative_side_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "odd.npy"
    path.write_bytes(header(shape) + bytes(64))
    assert "no side can be negative" in refusal(path)


def test_a_zip_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    """Three megabytes of archive that would unpack to 3.2 gigabytes of zeros."""
    path = tmp_path / "bomb.npz"
    block = bytes(2**20)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("grid.npy", "w", force_zip64=True) as entry,
    ):
        entry.write(header((20_000, 10_000, 2)))
        for _ in range(8):
            entry.write(block)
    assert "would take 3,200,000,000 bytes" in refusal(path)


def test_a_header_that_claims_less_than_the_entry_holds_reads_no_more_than_it_claims(tmp_path: Path) -> None:
    path = tmp_path / "long.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("theta.npy", header((2, 3)) + np.array(THETA).tobytes() + bytes(2**24))
    np.testing.assert_array_equal(theta_in_file(path), square(THETA))


def test_an_entry_beside_the_transform_cannot_be_large(tmp_path: Path) -> None:
    assert "the limit is" in refusal(npz_file(tmp_path, theta=THETA, units=np.full(100_000, "pixel")))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.99])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = dumped(tmp_path, suffix, grid(20, 30))
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert refusal(path)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".json"])
@pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file required additional header parsing")
def test_damaged_files_are_read_or_refused_but_never_anything_else(tmp_path: Path, suffix: str, seed: int) -> None:
    path = dumped(tmp_path, suffix, grid(3, 4))
    data = bytearray(path.read_bytes())
    random = np.random.default_rng(seed)
    for place in random.integers(0, len(data), 6):
        data[place] = random.integers(0, 256)
    path.write_bytes(data)
    try:
        found = load_grid(path).grid.shape[2]
    except ParameterFileError as error:
        found = "\n" not in str(error)
    assert found


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    path = npz_file(tmp_path, theta=THETA)
    data = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entry = archive.read("theta.npy")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("theta", entry)
    assert "two entries have the same name" in refusal(path)


@pytest.mark.parametrize("suffix", [".json", ".npy", ".npz"])
def test_an_empty_file_is_called_empty(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"none{suffix}"
    path.touch()
    for load in (load_transform, load_grid, describe_file):
        assert refusal(path, load) == "empty file"


def test_an_archive_of_something_else_is_told_what_a_transform_has(tmp_path: Path) -> None:
    path = npz_file(tmp_path, bias=np.zeros(3), arr_0=np.eye(3), weights=np.zeros(2), **{"x\ny": np.zeros(1)})
    wanted = "a transform .npz has theta, grid or points; this one has"
    assert refusal(path) == f"{wanted} 'bias', 'arr_0', 'weights' and 1 more"
    assert refusal(npz_file(tmp_path, units="pixel")) == f"{wanted} 'units'"
    assert refusal(npz_file(tmp_path)) == f"{wanted} nothing"
    assert "'x\\ny'" in refusal(npz_file(tmp_path, **{"x\ny": np.zeros(1)}))
    assert "did you mean 'theta'?" in refusal(npz_file(tmp_path, tetha=THETA))


def test_an_encrypted_entry_is_refused(tmp_path: Path) -> None:
    path = npz_file(tmp_path, theta=THETA)
    data = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        place = data.index(magic) + offset
        data[place : place + 2] = struct.pack("<H", 1)
    path.write_bytes(data)
    assert "encrypted" in refusal(path)


@pytest.mark.parametrize("name", ["turn.txt", "turn", "turn.jsn", "turn.csv"])
def test_another_suffix_is_refused_with_those_there_are(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("[0, 0]")
    assert ".json, .npy, .npz" in refusal(tmp_path / name)


def test_the_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "TURN.JSON").write_text("[0, 0]")
    np.testing.assert_array_equal(theta_in_file(tmp_path / "TURN.JSON"), np.eye(3))


def test_what_cannot_be_opened_is_refused_without_blocking(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "none.json")
    (tmp_path / "folder.json").mkdir()
    assert "not a regular file" in refusal(tmp_path / "folder.json")
    os.mkfifo(tmp_path / "pipe.npy")
    assert "not a regular file" in refusal(tmp_path / "pipe.npy")
    (tmp_path / "loop.npz").symlink_to(tmp_path / "loop.npz")
    assert refusal(tmp_path / "loop.npz")


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_a_file_beyond_the_limit_is_refused_unread(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"vast{suffix}"
    with path.open("wb") as file:
        file.truncate(2**31)  # sparse: takes no room on the disk
    assert "the limit" in refusal(path)


# ---- dumping ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", GRID_SUFFIXES)
@pytest.mark.parametrize("units", Units)
def test_a_dump_is_the_same_bytes_every_time(suffix: str, units: Units) -> None:
    facts = {"units": units, "align_corners": False, "input_size": SIZE, "output_size": (6, 8)}
    assert dump_grid(suffix, grid(), **facts) == dump_grid(suffix, grid(), **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_csv_has_row_column_y_x_exact_to_the_last_bit(dtype: type) -> None:
    points: NDArray[Any] = grid().astype(dtype)
    points[0, 1], points[2, 3, 0] = np.nan, -np.inf
    text = dump_grid(
        ".csv", points, units=Units.NORMALIZED, align_corners=True, input_size=None, output_size=None
    ).decode("ascii")
    header_row, *rows = csv.reader(io.StringIO(text))
    assert header_row == ["i", "j", "y", "x"]
    assert [(int(i), int(j)) for i, j, _, _ in rows] == [(i, j) for i in range(6) for j in range(8)]
    found: NDArray[Any] = np.array([(float(x), float(y)) for _, _, y, x in rows], dtype).reshape(6, 8, 2)
    np.testing.assert_array_equal(found, points)


def test_pixels_are_computed_from_the_input_size(tmp_path: Path) -> None:
    corners = np.array([[[-1.0, -1.0], [1.0, 1.0]]])
    for align_corners, wanted in ((False, [[-0.5, -0.5], [39.5, 29.5]]), (True, [[0, 0], [39, 29]])):
        path = dumped(tmp_path, ".npy", corners, Units.PIXEL, align_corners=align_corners)
        assert np.load(path).tolist() == [wanted]


def test_json_says_the_whole_convention(tmp_path: Path) -> None:
    document = json.loads(dumped(tmp_path, ".json", grid(), Units.PIXEL).read_bytes())
    points = document.pop("grid")
    assert np.shape(points) == (6, 8, 2)
    assert document == {
        "kind": "grid",
        "units": "pixel",
        "align_corners": False,
        "direction": "output to input",
        "input_size": {"width": 40, "height": 30},
        "output_size": {"width": 8, "height": 6},
        "version": 1,
    }


def test_json_has_null_where_a_point_is_not_finite(tmp_path: Path) -> None:
    points = grid(1, 2)
    points[0, 1] = np.nan, np.inf

    def refuse(word: str) -> None:
        raise AssertionError(word)

    document = json.loads(dumped(tmp_path, ".json", points).read_bytes(), parse_constant=refuse)
    assert document["grid"][0][1] == [None, None]


def test_npz_says_the_whole_convention(tmp_path: Path) -> None:
    with np.load(dumped(tmp_path, ".npz", grid(), align_corners=True), allow_pickle=False) as archive:
        facts = {key: archive[key].tolist() for key in archive.files if key != "grid"}
    assert facts == {
        "kind": "grid",
        "units": "normalized",
        "align_corners": True,
        "direction": "output to input",
        "input_size": [30, 40],
        "output_size": [6, 8],
        "version": 1,
    }


def test_a_dump_that_makes_no_sense_is_refused() -> None:
    facts = {"align_corners": False, "input_size": None, "output_size": None}
    with pytest.raises(ParameterError, match=r"did you mean '\.npz'"):
        dump_grid(".nz", grid(), units=Units.NORMALIZED, **facts)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="needs an input_size"):
        dump_grid(".csv", grid(), units=Units.PIXEL, **facts)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=re.escape("(6, 8)")):
        dump_grid(".csv", grid(), units=Units.NORMALIZED, **facts | {"output_size": (8, 6)})  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=re.escape("(2, 3)")):
        dump_grid(".csv", np.zeros((2, 3)), units=Units.NORMALIZED, **facts)  # type: ignore[arg-type]


# ---- describing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "family", "parameters", "condition"),
    [
        ([0.5, 0.25], "translation", [0.5, 0.25], 1.0),
        ([2, 0, 0.1, 0, 2, 0.3], "attention", [2, 0.1, 0.3], 1.0),
        ([0, -3, 0.1, 3, 0, 0], "similarity", [3, np.pi / 2, 0.1, 0], 1.0),
        ([4, 0, 0, 0, 2, 9], "affine", [4, 0, 0, 0, 2, 9], 2.0),
        ([1, 1, 0, 1, 1, 0], "affine", [1, 1, 0, 1, 1, 0], "infinite"),
        ([1, 0, 0, 0, 1, 0, 0.5, 0, 1], "projective", [1, 0, 0, 0, 1, 0, 0.5, 0], None),
        ([1, 0, 0, 0, 1, 0, 1, 0, 0], "projective", [1, 0, 0, 0, 1, 0, 1, 0, 0], "infinite"),
    ],
)
def test_a_theta_is_described_by_its_narrowest_family(
    tmp_path: Path, numbers: list[float], family: str, parameters: list[float], condition: object
) -> None:
    facts = describe_file(json_file(tmp_path, numbers))
    assert (facts["kind"], facts["family"]) == ("theta", family)
    assert facts["parameters"] == pytest.approx(parameters)
    if condition is not None:
        assert facts["condition"] == condition or facts["condition"] == pytest.approx(condition)


@pytest.mark.parametrize("units", Units)
def test_a_grid_is_described_by_its_ranges_and_its_share_outside(tmp_path: Path, units: Units) -> None:
    points = np.zeros((2, 4, 2))
    points[0, 0], points[0, 1], points[1, 0], points[1, 3] = (1.5, 0), (np.nan, 0), (-0.5, 0.25), (0, -np.inf)
    facts = describe_file(dumped(tmp_path, ".npz", points, units))
    assert (facts["kind"], facts["shape"], facts["units"]) == ("grid", [2, 4, 2], str(units))
    assert (facts["input_size"], facts["output_size"]) == ("40x30", "4x2")
    assert (facts["outside_share"], facts["not_finite"]) == (3 / 8, 2)
    unit = (1.0, 0.0) if units is Units.NORMALIZED else (20.0, 19.5)
    assert facts["x_range"] == pytest.approx([-0.5 * unit[0] + unit[1], 1.5 * unit[0] + unit[1]])


def test_what_a_file_does_not_say_is_described_as_that(tmp_path: Path) -> None:
    facts = describe_file(npy_file(tmp_path, grid()))
    unsaid = {key for key, value in facts.items() if value == "not in the file"}
    assert unsaid == {"units", "align_corners", "direction", "input_size", "output_size"}


def test_the_share_outside_is_left_out_where_the_file_does_not_tell_it(tmp_path: Path) -> None:
    pixels = grid() * 100
    for path in (npy_file(tmp_path, pixels), npz_file(tmp_path, grid=pixels, units="pixel")):
        facts = describe_file(path)
        assert "outside_share" not in facts
        assert facts["x_range"] == [pixels[..., 0].min(), pixels[..., 0].max()]


def test_a_grid_without_a_finite_point_can_be_described(tmp_path: Path) -> None:
    facts = describe_file(npz_file(tmp_path, grid=np.full((2, 3, 2), np.nan), units="normalized"))
    assert (facts["x_range"], facts["outside_share"], facts["not_finite"]) == (None, 1.0, 6)


def test_descriptions_are_json(tmp_path: Path) -> None:
    for path in (json_file(tmp_path, [1, 1, 0, 1, 1, 0]), dumped(tmp_path, ".npz", grid())):
        facts = describe_file(path)
        assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_describing_a_broken_file_names_it(tmp_path: Path) -> None:
    assert "row 1, column 2" in refusal(json_file(tmp_path, [[1, None, 0], [0, 1, 0]]), describe_file)
