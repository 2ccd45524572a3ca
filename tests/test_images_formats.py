"""The allowlist: suffixes, names for what is not on it, and nothing heavy loaded for them."""

import subprocess
import sys

import pytest

from stnwarp.errors import ParameterError
from stnwarp.images.formats import (
    FORMATS,
    SUFFIXES,
    foreign_format,
    format_for_suffix,
    suffix_for_format,
)


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        (".jpg", "JPEG"),
        ("jpeg", "JPEG"),
        (".JPE", "JPEG"),
        ("Tif", "TIFF"),
        (".pgm", "PPM"),
        ("avif", "AVIF"),
    ],
)
def test_a_suffix_names_its_format_with_or_without_dot_in_any_case(suffix: str, expected: str) -> None:
    assert format_for_suffix(suffix) == expected


def test_an_unknown_suffix_is_told_with_a_hint_and_all_that_is_known() -> None:
    with pytest.raises(ParameterError, match=r"'jepg' \(did you mean 'jpg'\?\).*png, jpg") as caught:
        format_for_suffix("jepg")
    assert "\n" not in str(caught.value)


def test_no_format_that_starts_another_program_is_allowed() -> None:
    assert not {"EPS", "PDF", "SVG"} & set(FORMATS)
    assert not {".eps", ".ps", ".pdf", ".svg"} & set(SUFFIXES)


@pytest.mark.parametrize("name", FORMATS)
def test_the_suffix_of_a_format_leads_back_to_it(name: str) -> None:
    assert format_for_suffix(suffix_for_format(name)) == name


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0", "EPS or PostScript"),
        (b"%PDF-1.7", "PDF"),
        (b'\xef\xbb\xbf  <svg xmlns="http', "SVG"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00", "HEIC"),
        (b"hello", None),
        (b"", None),
    ],
)
def test_what_is_not_opened_is_called_by_its_name(head: bytes, expected: str | None) -> None:
    assert foreign_format(head) == expected


def test_the_allowlist_loads_neither_pillow_nor_numpy() -> None:
    code = "import sys, stnwarp.images.formats; print(sorted({'PIL', 'numpy'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_every_name_of_the_package_is_there() -> None:
    import stnwarp.images

    for name in stnwarp.images.__all__:
        assert getattr(stnwarp.images, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        stnwarp.images.nothing  # noqa: B018
