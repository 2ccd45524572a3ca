"""Files of parameters that are far larger than what they should hold: refused by their size, with little memory."""

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stnwarp.conventions import Units
from stnwarp.transform_files import dump_grid, load_grid
from stnwarp.transform_files.json_files import fields_of_json
from stnwarp.transform_files.large_json import fields_of_json_file
from tests.cli_tools import assert_good_ones_done, contents, good_files, run
from tests.memory_tools import peak_memory

WHOLE = 255_000_000
LARGE = 1_200_000
MOST = 200_000_000  # bytes of memory


def repeated(size: int, begin: bytes, part: bytes, end: bytes) -> bytes:
    return begin + part * ((size - len(begin) - len(end)) // len(part)) + end


NO_GRID = "no grid of shape (height, width, 2)"
SIZED = "bytes; only a grid may be so large"
HOSTILE: dict[str, tuple[tuple[bytes, bytes, bytes], str]] = {
    "theta": ((b'{"theta": [', b"0.5,", b"1]}"), SIZED),
    "points": ((b'{"points": [[', b"[0.5,0.25],", b"[1,1]]]}"), SIZED),
    "sizes": ((b'{"theta": [1,0], "input_size": {"width": [', b"7,", b'1], "height": 2}}'), SIZED),
    "list": ((b"[", b"0,", b"0]"), SIZED),
    "keys": ((b'{"foo": {', b'"a":{},', b'"b": 0}}'), SIZED),
    "deep": ((b"", b"[", b""), SIZED),
    "zeros": ((b"", b"\0", b""), "not UTF-8"),
    "garbage": ((b"\x80\xfe", b"\x91\x07{", b"~"), SIZED),
    "string": ((b'{"units": "', b"x", b""), SIZED),
    "blank": ((b"", b" \n", b"[1, 2]"), SIZED),
    "late grid": ((b'{"units": "pixel",', b" ", b'"grid": [[[0,0]]]}'), SIZED),
    "deeper grid": ((b'{"units": {"grid": [[', b"[0,0],", b"[1,1]]]}}"), SIZED),
    "listed grid": ((b'[{"grid": [[', b"[0,0],", b"[1,1]]]}]"), SIZED),
    "grid and more": ((b'{"grid": [[[0,0],[1,1]]], "points": [', b"7,", b"0]}"), SIZED),
    "grid of lists": ((b'{"grid": [', b"[],", b"[]]}"), NO_GRID),
    "grid of numbers": ((b'{"grid": [', b"0,", b"0]}"), NO_GRID),
    "grid of points": ((b'{"grid": [', b"[0,0],", b"[0,0]]}"), NO_GRID),
    "grid of empty points": ((b'{"grid": [[', b"[],", b"[]]]}"), NO_GRID),
    "grid of objects": ((b'{"grid": [[[0,0],', b'{"a":1},', b"[0,0]]]}"), NO_GRID),
    "grid of words": ((b'{"grid": [[', b'["a","b"],', b"[0,0]]]}"), "must be real numbers"),
    "grid of three numbers": ((b'{"grid": [[', b"[1,2,3],", b"[1,2,3]]]}"), NO_GRID),
    "grid of brackets": ((b'{"grid": ', b"[", b""), NO_GRID),
    "grid of a string": ((b'{"grid": [[["', b"x", b'"]]]}'), NO_GRID),
    "grid of blanks": ((b'{"grid": [[[0,0],', b" ", b"[1,1]]]}"), NO_GRID),
    "ragged grid": ((b'{"grid": [[[0,0],[1,1]],', b"[[0,0]],", b"[[1,1],[2,2]]]}"), "differ in length"),
    "cut grid": ((b'{"grid": [[', b"[0.123456,0.5],", b"[0"), "the grid is cut off"),
    "unknown key and grid": ((b'{"foo": 1, "grid": [[', b"[0,0],", b"[1,1]]]}"), "unknown key 'foo'"),
    "grid and theta": ((b'{"theta": [1,2], "grid": [[', b"[0,0],", b"[1,1]]]}"), "both theta and grid"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_large_json_file_that_is_no_grid_is_refused(tmp_path: Path, case: str) -> None:
    parts, message = HOSTILE[case]
    good_files(tmp_path / "in")
    path = tmp_path / "t.json"
    path.write_bytes(repeated(LARGE, *parts))
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", "--transform", path)
    assert (ran.code, message in ran.error) == (2, True), ran.stderr
    assert ran.error.startswith(str(path))
    assert contents(tmp_path / "out") == {}
    told = run("info", path)
    assert (told.code, told.error) == (2, ran.error)


@pytest.mark.parametrize("case", ["grid of empty points"])
def test_the_largest_files_take_little_memory(tmp_path: Path, case: str) -> None:
    parts, message = HOSTILE[case]
    path = tmp_path / "t.json"
    path.write_bytes(repeated(WHOLE, *parts))
    ran, used = peak_memory("info", path)
    assert (ran.code, message in ran.error) == (2, True), ran.stderr
    assert used < MOST


def test_rows_of_parameters_that_are_too_long_take_little_memory(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    path = tmp_path / "p.jsonl"
    for size, message in ((2**22 - 100, "must be 2, 6, 8 or 9 numbers"), (WHOLE // 8, "more than 4,194,304 bytes")):
        path.write_bytes(repeated(size, b'{"image": "good-a.png", "theta": [', b"[],", b"0]}\n"))
        ran, used = peak_memory("apply", tmp_path / "in", "-o", tmp_path / "out", "--params", path)
        assert (ran.code, "line 1, " in ran.error, message in ran.error) == (2, True, True), ran.stderr
        assert used < MOST
    assert contents(tmp_path / "out") == {}


@pytest.mark.parametrize("begin", [b"i,j,y,x\n", b""])
def test_a_line_without_end_in_a_csv_is_not_read(tmp_path: Path, begin: bytes) -> None:
    path = tmp_path / "g.csv"
    path.write_bytes(repeated(WHOLE // 8, begin, b"1,", b""))
    ran, used = peak_memory("info", path)
    assert (ran.code, "a line is too long" in ran.error) == (2, True), ran.stderr
    assert used < 50_000_000


def zip_of_entries(size: int) -> bytes:
    """An archive that has nothing but a list of entries, of *size* bytes."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0x21, 0, 0, 0, 1, *[0] * 6) + b"a"
    count = size // len(entry)
    listed = entry * count
    end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(listed), 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(listed), 1)
    return listed + end + locator + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, len(listed), 0, 0)


def test_an_archive_of_countless_entries_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    path.write_bytes(zip_of_entries(9_000_000))
    ran, used = peak_memory("info", path)
    assert (ran.code, "a list of entries of 8,999,9" in ran.error) == (2, True), ran.stderr
    assert used < MOST
    good_files(tmp_path / "in")
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", "--transform", path)
    assert (ran.code, str(path) in ran.error) == (2, True)
    pytest.importorskip("torch")
    ran = run("train", path, "-o", tmp_path / "a.onnx", "--recipe", "classify", "--epochs", "1")
    assert (ran.code, "a list of entries" in ran.error) == (2, True), ran.stderr


def written(grid: NDArray[np.float64]) -> bytes:
    height, width = grid.shape[:2]
    return dump_grid(
        ".json", grid, units=Units.NORMALIZED, align_corners=True, input_size=(30, 40), output_size=(height, width)
    )


def random_grid(*size: int) -> NDArray[np.float64]:
    return np.random.default_rng(sum(size)).normal(size=(*size, 2))


def fields(data: bytes, read: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    found = dict(read(data))
    grid = found.pop("grid")
    return found | {"dtype": grid.dtype, "shape": grid.shape, "bits": grid.tobytes()}


def in_pieces(data: bytes) -> dict[str, Any]:
    return fields_of_json_file(io.BytesIO(data), len(data))


def small_pieces(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    for name, value in {"_SMALL": 500, "_PIECE": size, "_LONGEST_PIECE": 2 * size}.items():
        monkeypatch.setattr(f"stnwarp.transform_files.large_json.{name}", value)


@pytest.mark.parametrize("size", [130, 180, 4096])
@pytest.mark.parametrize("shape", [(1, 60), (60, 1), (7, 11), (2, 64), (64, 2)])
def test_a_grid_read_in_pieces_is_the_same_to_the_bit(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int], size: int
) -> None:
    small_pieces(monkeypatch, size)
    points = random_grid(*shape)
    holes = np.where(random_grid(*shape) > 1, np.nan, points)
    whole = np.round(1000 * points).astype(int)
    for grid in (points, holes):
        data = written(grid)
        assert len(data) > 500
        assert fields(data, in_pieces) == fields(data, fields_of_json)
        data = json.dumps(json.loads(data), indent=1).encode()
        assert fields(data, in_pieces) == fields(data, fields_of_json)
    for facts in ({}, {"units": "pixel", "input_size": {"width": 10**9, "height": 3}}):
        data = json.dumps({"grid": whole.tolist(), **facts, "direction": "output to input"}).encode()
        assert fields(data, in_pieces) == fields(data, fields_of_json)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((b'"version": 1', b'"version": 1.'), "line 7, column 13: not JSON"),
        ((b"\n]\n}", b'\n],\n"units": "pixel", "grid": 7}'), "the key 'units' stands there twice"),
        ((b"\n]\n}", b'\n],\n"grid": 7}'), "the key 'grid' stands there twice"),
        ((b"\n]\n}", b'\n],\n"gird": 7}'), "unknown key 'gird'"),
        ((b"\n]\n}", b"\n]\n} ]"), "line 51, column 3: not JSON"),
        ((b"\n]\n}", b"\n]\n"), "line 52, column 1: not JSON"),
        ((b"\n]\n}", b'\n], "units": \n "\xff"}'), "line 51, column 3: not UTF-8"),
        ((b"\n]\n}", b"\n"), "line 51, column 1: the grid is cut off"),
        ((b"\n]\n}", b",\n]\n}"), "line 52, column 1: the grid is cut off"),
        ((b"]],\n[[", b"]],\n[[7], ["), "differ in length"),
        ((b"]],\n[[", b"]],\n7,\n[["), "no grid of shape"),
        ((b"]],\n[[", b"]],\n[[7x, 3], ["), "line 11, column 4: no grid"),
        ((b"]],\n[[", b']],\n[["7", 3], ['), "must be real numbers"),
        ((b"]],\n[[", b"]],\n[[7, 3], ["), "differ in length"),
        ((b"]],\n[[", b"]],\n[[\xff, 3], ["), "no grid of shape"),
        ((b"]],\n[[", b"]],\n[[" + b"7" * 5000 + b", 3], ["), "no grid of shape"),
        ((b"]],\n[[", b"]],\x0b\n[["), "no grid of shape"),
        ((b"]],\n[[", b"]]],\n[["), "only a grid may be so large"),
    ],
)
@pytest.mark.parametrize("size", [1000, 20_000])
def test_a_large_grid_is_read_as_strictly_as_a_small_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: tuple[bytes, bytes], message: str, size: int
) -> None:
    data = written(random_grid(40, 6))
    assert change[0] in data
    path = tmp_path / "g.json"
    path.write_bytes(data.replace(*change, 1))
    assert run("info", path).code == 2
    small_pieces(monkeypatch, size)
    ran = run("info", path)
    assert (ran.code, message in ran.error) == (2, True), ran.stderr


def test_a_grid_of_megabytes_comes_back_and_warps(tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    for name in ("g.json", "g.npz"):
        made = ("--size", "300x170", "--input-size", "32x24", "--rotate", "20", "--units", "pixel")
        assert run("grid", "-o", tmp_path / name, *made).code == 0
        ran = run("apply", tmp_path / "in", "-o", tmp_path / name[2:], "--transform", tmp_path / name)
        assert ran.code == 0, ran.stderr
    assert (tmp_path / "g.json").stat().st_size > 2**20
    np.testing.assert_array_equal(load_grid(tmp_path / "g.json").grid, load_grid(tmp_path / "g.npz").grid)
    assert contents(tmp_path / "json") == contents(tmp_path / "npz")
    told = [run("info", "--json", tmp_path / name).records[0] for name in ("g.json", "g.npz")]
    assert [one | {"file": ""} for one in told[:1]] == [one | {"file": ""} for one in told[1:]]
    assert_good_ones_done(tmp_path, tmp_path / "json", "--transform", tmp_path / "g.npz")


def test_a_large_grid_takes_little_more_memory_than_its_points(tmp_path: Path) -> None:
    points = 300_000
    path = tmp_path / "g.json"
    path.write_bytes(written(np.tile(random_grid(100, 100), (30, 1, 1))))
    assert path.stat().st_size > 40 * points
    ran, used = peak_memory("info", path)
    assert (ran.code, ran.stderr) == (0, "")
    assert used < 50_000_000 + 6 * 16 * points
