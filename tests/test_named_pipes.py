"""What is no file in the place of one: nothing waits for another process, and good files beside it are done."""

import os
import signal
import socket
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stnwarp.files.regular import NotRegularFileError, open_regular
from stnwarp.kernels.compiler import object_cache
from tests.cli_tools import MOVE, contents, noise, run, save

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
REFUSED = "not a regular file"


@pytest.fixture(autouse=True)
def _never_blocks() -> Iterator[None]:
    """A test that waits for the other end of a pipe fails rather than hangs."""

    def give_up(*_: object) -> None:
        raise AssertionError("it waits for somebody to write")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    ("option", "name", "code"),
    [
        ("--transform", "a.json", 2),
        ("--transform", "a.npy", 2),
        ("--transform", "a.npz", 2),
        ("--params", "a.jsonl", 2),
        ("--checkpoint", "a.onnx", 4),
    ],
)
def test_apply_refuses_a_pipe_for_what_it_goes_by(tmp_path: Path, option: str, name: str, code: int) -> None:
    good = save(tmp_path / "good.png", noise(1))
    ran = run("apply", good, "-o", tmp_path / "out", option, pipe(tmp_path / name))
    assert ran.code == code
    assert REFUSED in ran.error
    assert name in ran.error
    assert not (tmp_path / "out").exists()


def test_a_pipe_among_images_fails_alone(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    save(source / "good.png", noise(1))
    save(source / "more.png", noise(2))
    pipe(source / "bad.png")
    ran = run("apply", source, "-o", target, *MOVE, "-j", 2)
    assert ran.code == 1
    assert "bad.png: not a file but a named pipe" in ran.stderr
    assert sorted(contents(target)) == ["good.png", "more.png"]


@pytest.mark.parametrize("options", [(), ("--overwrite",), ("--skip-existing",)])
def test_a_pipe_in_the_place_of_an_output_stays(tmp_path: Path, options: tuple[str, ...]) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    save(source / "good.png", noise(1))
    save(source / "more.png", noise(2))
    target.mkdir()
    pipe(target / "more.png")
    ran = run("apply", source, "-o", target, *MOVE, *options)
    assert ran.code == 2
    assert "not a file that can be replaced" in ran.error
    params = pipe(tmp_path / "p.jsonl")
    ran = run("apply", source, "-o", tmp_path / "other", *MOVE, "--save-params", params, *options)
    assert ran.code == 2
    assert "not a file that can be replaced" in ran.error
    assert params.is_fifo()
    assert not (tmp_path / "other").exists()
    grid = pipe(tmp_path / "g.npy")
    ran = run("grid", "-o", grid, "--size", "4x4", *({*options} & {"--overwrite"}))
    assert ran.code == 2
    assert grid.is_fifo()


@pytest.mark.parametrize(
    ("name", "code"),
    [("a.json", 2), ("a.npy", 2), ("a.npz", 2), ("a.jsonl", 2), ("a.csv", 2), ("a.onnx", 4), ("a.png", 1), ("a", 1)],
)
def test_info_refuses_a_pipe(tmp_path: Path, name: str, code: int) -> None:
    ran = run("info", pipe(tmp_path / name))
    assert ran.code == code
    assert REFUSED in ran.error or "a named pipe" in ran.error


def test_grid_refuses_a_pipe(tmp_path: Path) -> None:
    image, transform = pipe(tmp_path / "a.png"), pipe(tmp_path / "a.json")
    assert "a named pipe" in run("grid", "-o", tmp_path / "g.png", "--image", image).error
    assert REFUSED in run("grid", "-o", tmp_path / "g.npy", "--transform", transform, "--size", "4x4").error
    assert sorted(contents(tmp_path)) == []


def test_training_refuses_a_pipe_and_leaves_one_among_images_out(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tests.training_data import save_folder

    quick = ("--family", "similarity", "--filters", "8", "--scenes", "32", "--batch", "32", "--threads", "1")
    options = ("--recipe", "restore", "--range", "angle=40", "--epochs", "1", *quick)
    images, target = save_folder(tmp_path / "in", "FL", 8), tmp_path / "a.onnx"
    assert run("train", pipe(tmp_path / "a.npz"), "-o", target, *options).code == 2
    assert run("train", pipe(tmp_path / "a"), "-o", target, *options).code == 3
    theta = ("--recipe", "theta", "--params", pipe(tmp_path / "a.jsonl"), *quick)
    assert REFUSED in run("train", images, "-o", target, *theta).error
    assert run("train", images, "-o", pipe(tmp_path / "b.onnx"), *options, "--overwrite").code == 2
    pipe(tmp_path / "c.onnx.state")
    assert run("train", images, "-o", tmp_path / "c.onnx", "--resume").code == 2
    pipe(images / "bad.png")
    ran = run("train", images, "-o", target, *options)
    assert ran.code == 1, ran.stderr
    assert "failed: bad.png: not a file but a named pipe; left out" in ran.stderr
    assert target.is_file()


def test_a_file_that_becomes_a_pipe_meanwhile_does_not_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other, path = tmp_path / "file", pipe(tmp_path / "pipe")
    other.touch()
    real = Path.stat
    monkeypatch.setattr(Path, "stat", lambda self, **named: real(other if self == path else self, **named))
    with pytest.raises(NotRegularFileError) as caught:
        open_regular(path)
    assert caught.value.kind == "a named pipe"
    ran = run("apply", save(tmp_path / "a.png", noise(1)), "-o", tmp_path / "out", "--params", path)
    assert ran.code == 2


# ---- the cache of kernels


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(path))


def _full_folder(path: Path) -> None:
    (path / "inside").mkdir(parents=True)


KINDS: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "socket": _socket,
    "folder": Path.mkdir,
    "full folder": _full_folder,
    "link to nowhere": lambda path: path.symlink_to("nowhere"),
    "link in circles": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_in_the_cache_costs_one_warning_and_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    monkeypatch.setattr(object_cache, "cache_directory", lambda: Path())
    monkeypatch.setattr(object_cache, "_warned", [])
    KINDS[kind](Path("a.o"))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert object_cache.from_cache("a.o") is None
        object_cache.to_cache("a.o", ("symbol", b"code"))
    assert [REFUSED in str(each.message) for each in said] == [True]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = None if kind == "full folder" else ("symbol", b"code")
        assert object_cache.from_cache("a.o") == expected
    assert [path.name for path in tmp_path.iterdir()] == ["a.o"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_folder_in_the_place_of_the_cache_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STNWARP_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("STNWARP_NUMBA_CACHE", raising=False)
    KINDS[kind](Path(object_cache._digest()))
    directory = object_cache.cache_directory.__wrapped__()
    assert directory == tmp_path / object_cache._digest()
    assert directory.is_dir()
    assert not directory.is_symlink()


@pytest.mark.parametrize("kind", ["pipe", "socket", "link to nowhere", "link in circles"])
def test_what_the_user_named_as_the_cache_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STNWARP_CACHE_DIR", "cache")
    monkeypatch.setattr(object_cache, "_warned", [])
    KINDS[kind](Path("cache"))
    with pytest.warns(RuntimeWarning, match="cannot be cached") as said:
        assert object_cache.cache_directory.__wrapped__() is None
    assert len(said) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    assert not Path("cache").is_dir()


def test_pipes_in_the_cache_of_numba_are_removed_before_it_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stnwarp.kernels.compiler import fallback

    directory = tmp_path / "numba"
    (directory / "kernels_1").mkdir(parents=True)
    directory.chmod(0o700)
    (directory / "kernels_1" / "nearest.1.nbc").write_bytes(b"kept")
    pipe(directory / "kernels_1" / "nearest.nbi")
    monkeypatch.setattr(fallback, "cache_directory", lambda: tmp_path)
    assert fallback._directory.__wrapped__() == directory
    assert contents(directory) == {"kernels_1/nearest.1.nbc": b"kept"}
    assert [path.name for path in (directory / "kernels_1").iterdir()] == ["nearest.1.nbc"]
