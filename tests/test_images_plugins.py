"""Pillow without its process-wide habits."""

import subprocess
import sys
import textwrap
import threading
import warnings

import pytest
from PIL import Image

from stnwarp.errors import ImageError
from stnwarp.images.formats import FORMATS
from stnwarp.images.plugins import format_of_content, guarded, in_words
from tests.images_samples import encoded, scene


@pytest.mark.parametrize(
    "error",
    [
        OSError("x"),
        ValueError("x"),
        SyntaxError("x"),
        TypeError("x"),
        NotImplementedError("x"),
        RuntimeError("x"),
    ],
)
def test_whatever_is_raised_becomes_one_line(error: Exception) -> None:
    with pytest.raises(ImageError, match=r"^broken: x$") as caught, guarded("broken"):
        raise error
    assert caught.value.__cause__ is error


def test_our_own_errors_and_interrupts_pass() -> None:
    with pytest.raises(ImageError, match=r"^as it was$"), guarded("broken"):
        raise ImageError("as it was")
    with pytest.raises(KeyboardInterrupt), guarded("broken"):
        raise KeyboardInterrupt


def test_too_little_memory_is_said_plainly() -> None:
    with pytest.raises(ImageError, match=r"^not enough memory; work on less at a time$"), guarded("broken"):
        raise MemoryError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("two\nlines\tand\x1b[31m more"), "two lines and [31m more"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (KeyError(), "KeyError"),
        (ValueError("x" * 500), "x" * 197 + "..."),
    ],
)
def test_words_are_short_printable_and_in_one_line(error: Exception, words: str) -> None:
    assert in_words(error) == words


def test_state_of_the_process_is_put_back_whatever_the_order_of_threads() -> None:
    filters, limit = list(warnings.filters), Image.MAX_IMAGE_PIXELS
    inside, done = threading.Barrier(2), threading.Event()

    def first() -> None:
        with guarded("x", any_size=True):
            inside.wait()
            done.wait()

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait()
    with guarded("x", any_size=True):
        assert Image.MAX_IMAGE_PIXELS is None
    assert Image.MAX_IMAGE_PIXELS is None  # the other thread still needs it
    done.set()
    thread.join()
    assert limit == Image.MAX_IMAGE_PIXELS
    assert warnings.filters == filters


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_is_recognised_by_its_first_bytes(name: str) -> None:
    assert format_of_content(encoded(Image.fromarray(scene()), name)[:32]) == name


@pytest.mark.parametrize("head", [b"%!PS-Adobe-3.0 EPSF-3.0", b"%PDF-1.7", b"<svg", b"ftypheic", b"hello", b"P"])
def test_what_is_not_allowed_is_not_recognised(head: bytes) -> None:
    assert format_of_content(head) is None


def test_only_the_plugins_that_are_needed_are_loaded() -> None:
    code = """
        import io, sys
        from stnwarp.errors import ImageError
        from stnwarp.images import read_picture
        data = b"GIF89a" + bytes(40)
        try:
            read_picture(io.BytesIO(data), max_pixels=1000)
        except ImageError:
            pass
        loaded = {name for name in sys.modules if name.startswith("PIL.") and name.endswith("Plugin")}
        print(sorted(loaded))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "PIL.GifImagePlugin" in answer.stdout
    assert not {"PIL.EpsImagePlugin", "PIL.PdfImagePlugin", "PIL.WmfImagePlugin"} & set(answer.stdout.split("'"))
