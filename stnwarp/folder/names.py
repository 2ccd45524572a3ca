"""File names: how they are shown, compared, split at the image suffix and kept short enough to be written."""

import hashlib
import os
import unicodedata
from pathlib import Path, PurePath

from stnwarp.files.directories import is_directory
from stnwarp.images.formats import SUFFIXES

MAX_NAME_BYTES = 255  # of one name, on every file system in common use


def output_directory(dest: str) -> Path | None:
    """The directory that *dest*, itself or the fixed part of a template, writes below; links resolved.

    None where there is none yet, so that nothing can lie in it.
    """
    fixed, brace, _ = dest.partition("{")
    directory = fixed.rpartition("/")[0] if brace and not is_directory(dest) else dest
    return Path(os.path.realpath(directory)) if is_directory(directory) else None


def same_name_key(path: str) -> str:
    """Equal for two paths that some file system takes for one: other case, or other Unicode composition."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def is_image_name(name: str) -> bool:
    """Whether *name* ends in the suffix of a format that can be opened."""
    return PurePath(name).suffix.lower() in SUFFIXES


def split_name(name: str) -> tuple[str, str]:
    """*name* as (stem, suffix); anything but an image suffix belongs to the stem, as in ``scan.2024``."""
    suffix = PurePath(name).suffix
    return (name.removesuffix(suffix), suffix) if suffix.lower() in SUFFIXES else (name, "")


def shorten(name: str) -> str:
    """*name*, cut to what a file system takes; the suffix stays, a digest keeps two long names apart."""
    if len(os.fsencode(name)) <= MAX_NAME_BYTES:
        return name
    stem, suffix = split_name(name)
    ending = f"~{hashlib.blake2b(os.fsencode(name), digest_size=6).hexdigest()}{suffix}"
    # Whole characters go, because half a UTF-8 sequence is a name that nothing else can display.
    while len(os.fsencode(stem + ending)) > MAX_NAME_BYTES:
        stem = stem[:-1]
    return stem + ending


def shorten_parts(path: Path) -> Path:
    """*path* with every one of its names short enough."""
    if len(os.fsencode(path)) <= MAX_NAME_BYTES:
        return path
    return Path(*(shorten(part) for part in path.parts))
