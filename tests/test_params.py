"""Parameter files: what is read, what is refused and where it stands, and rows that come back to the last bit."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from stnwarp.conventions import Units
from stnwarp.errors import ParameterError, ParameterFileError
from stnwarp.params import Parameters, Row, describe_parameters, line_of, read_parameters
from stnwarp.params.parsing import row_of
from stnwarp.transform_files import Direction
from stnwarp.transforms import (
    Composition,
    MatrixTransform,
    PixelMatrixSpec,
    SizeRequest,
    ThinPlateSpline,
    Transform,
    as_fields,
    control_points,
)

TURN = [0.9, 0.1, 0, -0.1, 0.9, 0]
GOOD = {"image": "good.png", "theta": TURN}
FINITE = st.floats(-1e6, 1e6, allow_nan=False, width=64)


def written(path: Path, *rows: Any) -> Path:
    """A parameter file of *rows*, objects or lines."""
    path.write_bytes(b"".join(_line(row) + b"\n" for row in rows))
    return path


def _line(row: Any) -> bytes:
    return row if isinstance(row, bytes) else json.dumps(row).encode()


def read(tmp_path: Path, *rows: Any) -> Parameters:
    return read_parameters(written(tmp_path / "p.jsonl", *rows))


def refusal(tmp_path: Path, *rows: Any) -> str:
    """Why a file of *rows* is refused, without its name."""
    with pytest.raises(ParameterFileError) as caught:
        read(tmp_path, *rows)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{tmp_path / 'p.jsonl'}: ")
    return message.removeprefix(f"{tmp_path / 'p.jsonl'}: ")


def theta_of(row: Row | None) -> list[list[float]]:
    assert row is not None
    assert isinstance(row.transform, MatrixTransform)
    theta: list[list[float]] = row.transform.theta.tolist()
    return theta


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([0.5, 0.25], [[1, 0, 0.5], [0, 1, 0.25], [0, 0, 1]]),
        (TURN, [[0.9, 0.1, 0], [-0.1, 0.9, 0], [0, 0, 1]]),
        ([[0.9, 0.1, 0], [-0.1, 0.9, 0]], [[0.9, 0.1, 0], [-0.1, 0.9, 0], [0, 0, 1]]),
        ([1, 0, 0, 0, 1, 0, 0.1, 0], [[1, 0, 0], [0, 1, 0], [0.1, 0, 1]]),
        ([1, 0, 0, 0, 1, 0, 0.1, 0, 2], [[1, 0, 0], [0, 1, 0], [0.1, 0, 2]]),
        ([[1, 0, 0], [0, 1, 0], [0.1, 0, 2]], [[1, 0, 0], [0, 1, 0], [0.1, 0, 2]]),
    ],
)
def test_a_theta_is_a_row_of_numbers_or_a_matrix(tmp_path: Path, numbers: Any, expected: list[list[float]]) -> None:
    assert theta_of(read(tmp_path, {"image": "a.png", "theta": numbers}).row("a.png")) == expected


def test_a_byte_order_mark_dos_line_ends_and_blank_lines_are_accepted(tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    lines = [json.dumps(GOOD), "", json.dumps({"image": "é/b.png", "theta": [0, 1]}, ensure_ascii=False), "   "]
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert list(read_parameters(file).lines) == ["good.png", "é/b.png"]


def test_names_are_paths_below_the_folder_however_they_are_written(tmp_path: Path) -> None:
    parameters = read(tmp_path, {"image": "./a//b.png", "theta": TURN})
    assert parameters.row("a/b.png") is not None
    assert parameters.row("b.png") is None


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b'{"image": "a.png", "theta": [1, 2,, 3]}', "line 2, column 35: not JSON"),
        (b'{"image": "a.png" "theta": [1]}', "line 2, column 19: not JSON"),
        (b"a.png;1;0;0;0;1;0", "line 2, column 1: not JSON"),
        (b'{"image": "\xff.png", "theta": [1, 2]}', "line 2, column 12: not UTF-8"),
        (b"\t  {\"image\": 'a'}", "line 2, column 14: not JSON"),
        (b'\xef\xbb\xbf{"image": "a.png", "theta": [1, 2]}', "line 2, column 1: not JSON (a byte order mark"),
        (b"[1, 2]", "line 2, column 1: must be an object"),
        (b'{"image": "a.png", "image": "b.png"}', "line 2, the key 'image' stands there twice"),
        (b'{"image": "a.png", "theta": ' + b"[" * 100_000, "line 2, nested too deeply"),
        (b'{"image": "a.png", "theta": ' + b"[" * 600 + b"null" + b"]" * 600 + b"}", "line 2, nested too deeply"),
        (b'{"image": "a.png", "theta": [' + b"1" * 5000 + b", 2]}", "line 2, a number that cannot be read"),
        ({"theta": TURN}, "line 2, no key 'image'"),
        ({"image": "a.png"}, "line 2, must hold one of theta, points, inverse, compose, holds none"),
        ({"image": "a.png", "theta": TURN, "points": []}, "holds theta and points"),
        ({"image": "a.png", "tehta": TURN}, "line 2, unknown key 'tehta' (did you mean 'theta'?)"),
        ({"image": "good.png", "theta": TURN}, "line 2, image: 'good.png' stands in line 1 too"),
        ({"image": "./good.png", "theta": TURN}, "line 2, image: 'good.png' stands in line 1 too"),
        ({"image": "", "theta": TURN}, "line 2, image: must be the name of a file"),
        ({"image": 7, "theta": TURN}, "line 2, image: must be the name of a file"),
        ({"image": "../a.png", "theta": TURN}, "line 2, image: '../a.png' leads out of the folder"),
        ({"image": "a/../../b.png", "theta": TURN}, "leads out of the folder"),
        ({"image": "/etc/a.png", "theta": TURN}, "leads out of the folder"),
        ({"image": "a\0.png", "theta": TURN}, "line 2, image: 'a\\x00.png' cannot be a file name"),
        ({"image": "a.png", "theta": [1, 0, 0, 0, 1]}, "line 2, theta: must be 2, 6, 8 or 9 numbers"),
        ({"image": "a.png", "theta": [1, 0, 0, 0, 1, 0, 0]}, "got 7 numbers"),
        ({"image": "a.png", "theta": [float("nan")] * 5}, "got 5 numbers"),
        ({"image": "a.png", "theta": [[1, 0], [0, 1]]}, "line 2, theta: must be"),
        ({"image": "a.png", "theta": [[1, 0, 0], [0, 1]]}, "line 2, theta: must be"),
        ({"image": "a.png", "theta": "1 0 0 0 1 0"}, "line 2, theta: "),
        ({"image": "a.png", "theta": ["1", 0, 0, 0, 1, 0]}, "line 2, theta: must be numbers, got '1'"),
        ({"image": "a.png", "theta": [True, 0, 0, 0, 1, 0]}, "line 2, theta: must be numbers, got True"),
        ({"image": "a.png", "points": [[0, 0], [1, 1]]}, "line 2, points: "),
        ({"image": "a.png", "compose": []}, "line 2, compose: "),
        ({"image": "a.png", "compose": [{"theta": [1, 2, 3]}]}, "line 2, compose: theta must be 2, 6, 8 or 9 numbers"),
        ({"image": "a.png", "theta": TURN, "units": "pixels"}, "(did you mean 'pixel'?)"),
        ({"image": "a.png", "theta": TURN, "units": "x" * 9999}, f"got '{'x' * 56}..."),
        ({"image": "a.png", "theta": TURN, "version": "x" * 9999}, f"got '{'x' * 56}...; a newer"),
        ({"image": "a.png", "theta": TURN, "align_corners": "x" * 9999}, f"got '{'x' * 56}..."),
        ({"image": "a.png", "theta": TURN, "align_corners": 1}, "align_corners must be true or false"),
        ({"image": "a.png", "theta": TURN, "output_size": "3x4"}, "output_size must be"),
        (
            {"image": "a.png", "theta": TURN, "output_size": {"width": 0, "height": 4}},
            "output_size must be whole numbers from 1",
        ),
        ({"image": "a.png", "theta": TURN, "direction": "forward"}, "direction must be one of"),
        ({"image": "a.png", "theta": TURN, "version": 2}, "version must be 1"),
        ({"image": "a.png", "theta": TURN, "copied": "yes"}, "line 2, copied: must be true or false"),
        ({"image": "a.png", "theta": TURN, "limited": "angle"}, "line 2, limited: must be a list"),
        ({"image": "a.png", "theta": TURN, "error": "none"}, "line 2, error: cannot stand beside theta"),
        ({"image": "a.png", "points": [[[0, 0]] * 2] * 2, "units": "pixel"}, "only a theta can be in pixels"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(tmp_path: Path, row: Any, message: str) -> None:
    told = refusal(tmp_path, GOOD, row)
    assert told.startswith("line 2, ")
    assert len(told) < 300
    assert message in told


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_other_encodings_are_refused(tmp_path: Path, encoding: str) -> None:
    assert "save it as UTF-8" in refusal(tmp_path, json.dumps(GOOD).encode(encoding))


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "folder.jsonl").mkdir()
    for name, word in {
        "pipe.jsonl": "not a regular file",
        "folder.jsonl": "not a regular file",
        "empty.jsonl": "no row in it",
        "missing.jsonl": "no such file",
        "p.csv": "CSV is not read",
        "p.json": "(did you mean '.jsonl'?)",
        "a\0.jsonl": "not a possible file name",
    }.items():
        with pytest.raises(ParameterFileError, match=r"^[^\n]*$") as caught:
            read_parameters(tmp_path / name)
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (b'{"image": "a.png", "theta": [NaN, 0]}', "number 1 of theta is nan"),
        (b'{"image": "a.png", "theta": [0, 1e999]}', "number 2 of theta is inf"),
        (b'{"image": "a.png", "theta": [null, 0]}', "nan"),
        (b'{"image": "a.png", "theta": [[1, 0, 0], [0, -Infinity, 0]]}', "inf"),
        (b'{"image": "a.png", "theta": [0, 1' + b"0" * 400 + b"]}", "inf"),
        (b'{"image": "a.png", "points": [[[0, 0], [NaN, 0]], [[0, 0], [0, 0]]]}', "nan"),
        (b'{"image": "a.png", "compose": [{"theta": [[NaN, 0, 0], [0, 1, 0]]}]}', "nan"),
        (b'{"image": "a.png", "error": "empty file"}', "failed when the file was made: empty file"),
    ],
)
def test_a_number_that_is_not_finite_spoils_its_own_row_only(tmp_path: Path, line: bytes, word: str) -> None:
    parameters = read(tmp_path, GOOD, line)
    row = parameters.row("a.png")
    assert row is not None
    with pytest.raises(ParameterError, match="line 2: ") as caught:
        row.spec()
    assert word in str(caught.value)
    assert theta_of(parameters.row("good.png"))[0] == [0.9, 0.1, 0]


def test_one_file_has_one_align_corners(tmp_path: Path) -> None:
    yes, no = ({**GOOD, "image": f"{value}.png", "align_corners": value} for value in (True, False))
    assert read(tmp_path, GOOD, yes).align_corners is True
    assert read(tmp_path, GOOD).align_corners is None
    assert "line 3, align_corners: differs from line 2" in refusal(tmp_path, GOOD, yes, no)


@given(npst.arrays(np.float64, (3, 3), elements=FINITE), st.booleans())
def test_a_theta_comes_back_to_the_last_bit(theta: np.ndarray, align_corners: bool) -> None:
    theta[2, 2] = 1.0
    row = Row("a/b.png", MatrixTransform(theta), align_corners=align_corners, input_size=(3, 4), output_size=(5, 6))
    again = row_of(line_of(row))
    assert isinstance(again.transform, MatrixTransform)
    np.testing.assert_array_equal(again.transform.theta, MatrixTransform(theta).theta)
    assert (again.align_corners, again.input_size, again.output_size) == (align_corners, (3, 4), (5, 6))


def _spline() -> ThinPlateSpline:
    return ThinPlateSpline(control_points(3, 4) + np.random.default_rng(0).normal(0, 0.05, (3, 4, 2)))


@pytest.mark.parametrize(
    "transform",
    [_spline(), _spline().inverse(), Composition((_spline(), MatrixTransform(np.diag([1 / 3, 0.7, 1])), _spline()))],
)
def test_splines_and_compositions_come_back_to_the_last_bit(transform: Transform) -> None:
    row = Row("a.png", transform, limited=("angle 50 is beyond -45..45",), asked={"theta": [1]}, copied=True)
    again = row_of(line_of(row))
    assert again.transform is not None
    assert as_fields(again.transform) == as_fields(transform)
    assert (again.limited, again.asked, again.copied) == (row.limited, row.asked, True)
    points = np.random.default_rng(1).uniform(-1, 1, (50, 2))
    np.testing.assert_array_equal(again.transform.map_points(points), transform.map_points(points))


def test_names_that_are_not_utf8_come_back(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff [red].png")
    assert read(tmp_path, line_of(Row(name, MatrixTransform(np.eye(3)))).rstrip()).row(name) is not None


def test_pixels_and_the_other_direction_mean_what_they_mean_in_a_transform_file() -> None:
    row = row_of(json.dumps({**GOOD, "units": "pixel", "direction": "input to output"}).encode())
    assert (row.units, row.direction) == (Units.PIXEL, Direction.INPUT_TO_OUTPUT)
    spec = row.spec()
    assert isinstance(spec, PixelMatrixSpec)
    assert spec.inverse
    assert not row.spec(inverse=True).inverse  # type: ignore[attr-defined]


def test_an_image_of_other_proportions_is_a_warning() -> None:
    row = row_of(json.dumps({**GOOD, "input_size": {"width": 40, "height": 30}}).encode())
    assert row.spec().resolve((30, 40), SizeRequest(), False).warnings == ()
    assert "made for 40x30" in row.spec().resolve((30, 50), SizeRequest(), False).warnings[0]


def test_a_file_is_described_in_facts(tmp_path: Path) -> None:
    spline = Row("b.png", _spline(), align_corners=False, copied=True, limited=("scale",))
    file = written(tmp_path / "p.jsonl", GOOD, line_of(spline).rstrip(), {"image": "c.png", "error": "x"})
    assert describe_parameters(file) == {
        "file": str(file),
        "kind": "parameters",
        "images": 3,
        "failed": 1,
        "copied": 1,
        "limited": 1,
        "families": {"similarity": 1, "tps": 1},
        "units": {"normalized": 2},
        "align_corners": False,
    }


def test_the_largest_numbers_are_described_without_a_warning(tmp_path: Path) -> None:
    file = written(tmp_path / "p.jsonl", *({"image": f"{n}.png", "theta": [1e308] * n} for n in (2, 6, 8)))
    assert describe_parameters(file)["families"] == {"affine": 1, "projective": 1, "translation": 1}
