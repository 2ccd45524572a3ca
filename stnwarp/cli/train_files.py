"""The files that `stnwarp train` writes: what cannot be written, or would be lost, is refused before any work."""

import errno
import os
import re
import stat
from pathlib import Path

import click

from stnwarp.errors import OutputClashError, OutputError, ParameterError
from stnwarp.text import suggestion
from stnwarp.training.choices import sheet_path, state_path

_SUFFIX = ".onnx"
_SHEET = re.compile(r"epoch_(\d{4,})\.png")
_LONGEST_NAME = 255  # bytes, on every file system in common use


def check_targets(target: Path, *, overwrite: bool, resume: bool) -> list[Path]:
    """The checkpoint and its state, after it is certain that nothing is in the way or in danger.

    Args:
        target: the checkpoint.
        overwrite: whether files that exist may be replaced.
        resume: whether they are the run's own.

    Raises:
        ParameterError: another suffix.  OutputClashError: a file that exists, or something that is no file.
        OutputError: a name that is not possible.
    """
    if target.suffix.lower() != _SUFFIX:
        hint = suggestion(target.suffix.lower(), [_SUFFIX])
        raise ParameterError(f"{target}: a checkpoint is an ONNX file{hint}; give a name that ends in {_SUFFIX}")
    if overwrite and resume:
        raise click.UsageError("--overwrite and --resume exclude each other; give one", click.get_current_context())
    own = [target, state_path(target)]
    for path in own:
        if _exists(path) and not (overwrite or resume):
            raise OutputClashError(f"{path}: exists already; give --overwrite, --resume or another name")
    return own


def check_sheets(sheets: Path, data: Path, done: int, *, overwrite: bool) -> Path:
    """The first contact sheet that a run writes, after it is certain that none is in the way or in danger.

    Args:
        sheets: the directory for them.
        data: what the run learns from.
        done: the epochs that were finished before, whose sheets are not written again.
        overwrite: whether sheets that exist may be replaced.

    Raises:
        ParameterError: they would be learnt from.  OutputClashError: one that exists, or something that is no file.
        OutputError: a name that is not possible.
    """
    if _is_read(sheets, data):
        raise ParameterError(f"--sheets {sheets}: it lies in {data}, where sheets would be learnt from; give another")
    first = sheet_path(sheets, done + 1)
    _exists(first)
    for name in sorted(_names(sheets)):
        sheet = _SHEET.fullmatch(name)
        if sheet and _exists(sheets / name) and int(sheet[1]) > done and not overwrite:
            advice = "give another --sheets" if done else "give --overwrite or another --sheets"
            raise OutputClashError(f"{sheets / name}: exists already; {advice}")
    return first


def _is_read(place: Path, data: Path) -> bool:
    """Whether images in *place* are images of *data*, by its name or by where it really is; hidden ones are not."""
    located = [(Path(find(place)), Path(find(data))) for find in (os.path.abspath, os.path.realpath)]
    inner = [place.relative_to(data).parts for place, data in located if place.is_relative_to(data)]
    return any(all(not part.startswith(".") for part in parts) for parts in inner)


def _names(directory: Path) -> list[str]:
    """What is in *directory*; nothing where it is none, or cannot be searched, which is told elsewhere."""
    try:
        return os.listdir(directory)  # noqa: PTH208 - names, not paths
    except OSError:
        return []


def _exists(path: Path) -> bool:
    """Whether there is a file at *path*, or a link; what is no file can never be replaced by one."""
    too_long = any(len(os.fsencode(part)) > _LONGEST_NAME for part in path.parts)
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        if too_long or error.errno == errno.ENAMETOOLONG:
            raise OutputError(f"cannot write {path}: file name too long; give a shorter one") from error
        return False  # a directory that cannot be searched is told when it is looked at
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        kind = "a directory" if stat.S_ISDIR(mode) else "something that is no file"
        raise OutputClashError(f"{path}: {kind} is in the way; choose another output")
    return True
