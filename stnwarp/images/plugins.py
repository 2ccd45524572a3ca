"""Pillow without its process-wide habits: only allowed plugins, no warnings on stderr, errors in one line."""

import contextlib
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from importlib import import_module
from types import ModuleType
from typing import IO

from PIL import Image, ImageFile

from stnwarp.errors import ImageError
from stnwarp.resources import is_shortage

_PLUGINS = {
    "PNG": "PngImagePlugin",
    "JPEG": "JpegImagePlugin",
    "WEBP": "WebPImagePlugin",
    "TIFF": "TiffImagePlugin",
    "GIF": "GifImagePlugin",
    "AVIF": "AvifImagePlugin",
    "BMP": "BmpImagePlugin",
    "PPM": "PpmImagePlugin",
}


def load_plugin(name: str) -> ModuleType:
    """Register the format called *name* with Pillow, and none besides."""
    return import_module(f"PIL.{_PLUGINS[name]}")


def load_format(name: str) -> None:
    """`load_plugin`, with the library that it needs; Pillow would keep quiet about one that cannot be loaded.

    Raises ImportError.
    """
    if not getattr(load_plugin(name), "SUPPORTED", True):
        import_module(f"PIL._{name.lower()}")  # says why


def format_of_content(head: bytes) -> str | None:
    """The allowed format that a file beginning with *head* is of; else None."""
    for name in _PLUGINS:
        load_plugin(name)
        _, accept = Image.OPEN[name]
        if accept is not None and accept(head):
            return name
    return None


def open_as(name: str, stream: IO[bytes]) -> ImageFile.ImageFile:
    """Read the header of *stream* as the format called *name*.

    Of a broken file `Image.open` would say only that it is no image, and it would judge the size by its own limit.
    """
    load_format(name)
    factory = Image.OPEN[name][0]
    stream.seek(0)
    return factory(stream, "")


@contextlib.contextmanager
def guarded(what: str, *, any_size: bool = False) -> Iterator[None]:
    """Turn whatever Pillow raises into an ImageError of one line: *what*, then why; and keep it off stderr.

    Corrupt files raise OSError, ValueError, SyntaxError, TypeError, NotImplementedError and more. With
    *any_size* Pillow's own limit does not hold: for a size that ours allows.
    """
    try:
        with _quiet.held(), _any_size.held() if any_size else contextlib.nullcontext():
            yield
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(in_words(error).rstrip("."), remedy="if it is none, raise --max-pixels") from error
    except Exception as error:
        if is_shortage(error):
            raise ImageError("not enough memory; work on less at a time") from error
        raise ImageError(f"{what}: {in_words(error)}") from error


def in_words(error: Exception) -> str:
    """What *error* says, in one short printable line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= 200 else line[:197] + "..."


class _Shared:
    """A change to the whole process that holds as long as any thread needs it, and is then taken back.

    The filters of warnings and Pillow's limit belong to the process; undone by each thread for itself, the
    last one would put back what another had changed.
    """

    def __init__(self, change: Callable[[], AbstractContextManager[None]]) -> None:
        self._change = change
        self._lock = threading.Lock()
        self._users = 0
        self._undo = contextlib.ExitStack()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        with self._lock:
            if self._users == 0:
                self._undo.enter_context(self._change())
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._undo.close()


@contextlib.contextmanager
def _without_words() -> Iterator[None]:
    silent = logging.NullHandler()  # in its place an error that nobody handles would be printed
    logger = logging.getLogger("PIL")
    logger.addHandler(silent)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            yield
    finally:
        logger.removeHandler(silent)


@contextlib.contextmanager
def _without_limit() -> Iterator[None]:
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


_quiet = _Shared(_without_words)
_any_size = _Shared(_without_limit)
