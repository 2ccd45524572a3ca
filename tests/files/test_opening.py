"""What is no readable file is told in words, and nothing ever blocks."""

import io
import os
import socket
import threading
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from stnwarp.errors import ImageError
from stnwarp.files.opening import open_source

posix_only = pytest.mark.skipif(os.name == "nt", reason="POSIX files")


def refusal(source: Path | BinaryIO, limit: int = 1000) -> str:
    with pytest.raises(ImageError) as caught, open_source(source, limit):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_is_opened_at_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    with open_source(tmp_path / "a", 1) as stream:
        assert stream.read() == b"abc"
    assert stream.closed


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert refusal(tmp_path / "missing.png") == "no such file"


def test_a_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.png").mkdir()
    assert refusal(tmp_path / "x.png") == "not a file but a directory"


@posix_only
def test_a_named_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png")
    assert refusal(tmp_path / "x.png") == "not a file but a named pipe"


@posix_only
def test_a_socket_and_a_device_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the names of sockets are short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("x.png")
        assert refusal(Path("x.png")) == "not a file but a socket"
    assert refusal(Path(os.devnull)) == "not a file but a device"


@posix_only
def test_links_that_lead_nowhere_or_in_circles_are_told(tmp_path: Path) -> None:
    (tmp_path / "broken.png").symlink_to(tmp_path / "missing")
    (tmp_path / "one.png").symlink_to(tmp_path / "two.png")
    (tmp_path / "two.png").symlink_to(tmp_path / "one.png")
    assert refusal(tmp_path / "broken.png") == "a symbolic link that leads nowhere"
    assert refusal(tmp_path / "one.png") == "a symbolic link that leads in circles"


@posix_only
def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with open_source(tmp_path / "b", 1) as stream:
        assert stream.read() == b"abc"


def test_what_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"abc")

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert refusal(tmp_path / "a") == "no permission to read it"


def test_a_name_that_cannot_be_is_told() -> None:
    assert refusal(Path("a\x00b.png")) == "not a possible file name"


@posix_only
def test_a_file_exchanged_for_a_directory_meanwhile_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    real, opened = os.open, []

    def exchange(path: Path, flags: int) -> int:
        opened.append(real(tmp_path, flags))
        return opened[0]

    monkeypatch.setattr(os, "open", exchange)
    assert refusal(tmp_path / "a") == "not a file but a directory"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])


def test_a_stream_is_rewound_and_left_open() -> None:
    stream = io.BytesIO(b"abc")
    stream.read()
    with open_source(stream, 1) as same:
        assert same.read() == b"abc"
    assert not stream.closed


@pytest.mark.parametrize(("length", "is_read"), [(1000, True), (1001, False)])
def test_a_pipe_is_read_whole_up_to_a_limit(length: int, is_read: bool) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as sender:
        sender.write(b"x" * length)
    with os.fdopen(reading, "rb") as pipe:
        if is_read:
            with open_source(cast(BinaryIO, pipe), 1000) as stream:
                assert stream.read() == b"x" * length
                assert stream.seekable()
        else:
            assert refusal(cast(BinaryIO, pipe)) == "more than 1,000 bytes came in"


def test_a_pipe_that_breaks_is_told() -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

    assert refusal(cast(BinaryIO, Broken())) == "cannot be read: input/output error"


def test_many_files_read_at_once_leave_no_descriptor_open(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("no /proc here")
    before = len(list(descriptors.iterdir()))

    def read() -> None:
        for _ in range(20):
            with open_source(tmp_path / "a", 1) as stream:
                stream.read()

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(descriptors.iterdir())) == before
