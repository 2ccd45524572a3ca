"""What was named on the command line, turned into the list of images to read."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from stnwarp.errors import NothingMatchedError, ParameterError
from stnwarp.files.directories import is_directory
from stnwarp.folder.names import is_image_name, output_directory
from stnwarp.text import quote_path

STANDARD_STREAM = "-"

_MOST_LOOKED_INTO = 1000  # subdirectories, for no more than a hint


@dataclass(frozen=True)
class Source:
    """One image to read: the file *relative* below *root*.

    *path* is None for standard input. *root* is the directory that was named (or the fixed part of a pattern,
    or the directory of a named file), and *relative* is what a mirrored tree keeps. *named* tells a file that
    was named itself, or standard input, from what was found.
    """

    path: Path | None
    root: Path
    relative: PurePath
    named: bool = False


def source_key(source: Source) -> str:
    """The name of *source* in a parameter file: its path below the root, with slashes; "-" is standard input."""
    return STANDARD_STREAM if source.path is None else source.relative.as_posix()


def find_sources(specs: Sequence[str], recursive: bool = False) -> list[Source]:
    """The images that *specs* name, in that order, each once.

    A spec is a file (whatever its suffix), a directory (the files in it with the suffix of an image format,
    sorted, and with *recursive* those of its subdirectories; hidden ones are left out and links to
    directories not followed), a glob pattern where no such file exists, or "-" for standard input. A file or
    pattern that matches nothing is still returned, so that it fails by name while the others go on.

    Raises:
        NothingMatchedError: not one image was found.  ParameterError: a spec that cannot be a file name.
    """
    matched = [(spec, list(_expand(spec, recursive))) for spec in specs]
    if not any(sources for _, sources in matched):
        raise NothingMatchedError(_nothing_matched(specs, recursive))
    unique: dict[str, Source] = {}
    for spec, sources in matched:
        for source in sources or _missing(spec):
            unique.setdefault(_identity(source), source)
    return list(unique.values())


def _identity(source: Source) -> str:
    return STANDARD_STREAM if source.path is None else os.path.abspath(source.path)  # noqa: PTH100 - links are other names


def _nothing_matched(specs: Sequence[str], recursive: bool) -> str:
    names = ", ".join(quote_path(spec) for spec in specs) or "no name at all"
    has_more = not recursive and any(_folders_with_images(spec, None)[0] for spec in specs)
    advice = "use -r to search subdirectories" if has_more else "check the names"
    if not any(is_directory(spec) or glob.has_magic(spec) for spec in specs):
        names += ": no such file"
    return f"no image found in {names}; {advice}"


def left_out(specs: Sequence[str], dest: str) -> str | None:
    """What a search of *specs* that was not recursive passed by, in words; None if there is nothing.

    Subdirectories count that hold an image at any depth. The one that *dest* writes to does not: its images
    are results.
    """
    output = output_directory(dest)
    count, is_all = 0, True
    for spec in dict.fromkeys(specs):
        found, complete = _folders_with_images(spec, output)
        count, is_all = count + found, is_all and complete
    if not count:
        return None
    amount = f"{count}" if is_all else f"at least {count}"
    noun, verb = ("sub-folder", "was") if count == 1 else ("sub-folders", "were")
    return f"{amount} {noun} with images {verb} left out; use -r"


def _folders_with_images(spec: str, output: Path | None) -> tuple[int, bool]:
    """How many subdirectories of the directory *spec* hold an image, *output* aside; and if all were looked into."""
    looks = iter(range(_MOST_LOOKED_INTO))
    try:
        entries = _entries(Path(spec)) if is_directory(spec) else []
    except OSError:
        return 0, True
    folders = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    count = sum(_holds_image(folder, output, looks) for folder in folders)
    return count, next(looks, None) is not None


def _holds_image(folder: Path, output: Path | None, looks: Iterator[int]) -> bool:
    """Whether there is an image at any depth below *folder*, as far as *looks* last."""
    pending = [folder]
    while pending and next(looks, None) is not None:
        directory = pending.pop()
        if output is not None and Path(os.path.realpath(directory)) == output:
            continue
        try:
            entries = _entries(directory)
        except OSError:
            continue
        if any(_wanted(entry) for entry in entries):
            return True
        pending.extend(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
    return False


def _missing(spec: str) -> list[Source]:
    """A directory without images is no fault beside others that have some; a name that leads nowhere is."""
    return [] if is_directory(spec) else [_named(spec)]


def _named(spec: str) -> Source:
    path = Path(spec)
    return Source(path, path.parent, PurePath(path.name), named=True)


def _expand(spec: str, recursive: bool) -> Iterator[Source]:
    if not spec or "\0" in spec or (Path(spec).name == ".." and not is_directory(spec)):
        raise ParameterError(f"{quote_path(spec)} cannot be the name of a source")
    if spec == STANDARD_STREAM:
        yield Source(None, Path(), PurePath("stdin"), named=True)
    elif is_directory(spec):
        yield from _walk(Path(spec), recursive)
    elif os.path.lexists(spec):  # a link that leads nowhere is there too, and fails when it is read
        yield _named(spec)
    elif glob.has_magic(spec):
        yield from _match(spec)


def _walk(root: Path, recursive: bool) -> Iterator[Source]:
    """The images below *root*, without recursion of our own: trees can be deeper than Python's stack."""
    pending = [PurePath()]
    while pending:
        below = pending.pop()
        try:
            entries = _entries(root / below)
        except OSError:  # it stands in the list as an image that fails, or nobody would hear of it
            yield Source(root / below, root, below / "unreadable")
            continue
        directories = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        yield from (Source(root / below / entry.name, root, below / entry.name) for entry in entries if _wanted(entry))
        if recursive:
            pending.extend(below / name for name in reversed(directories))


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    with os.scandir(directory) as entries:
        return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)


def _wanted(entry: os.DirEntry[str]) -> bool:
    # A link that loops is an image that fails: the entry's own is_dir would raise.
    return is_image_name(entry.name) and not is_directory(entry.path)


def _match(pattern: str) -> Iterator[Source]:
    """The files that match *pattern*; its fixed leading part is the root of the tree that is mirrored."""
    parts = Path(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    root, rest = Path(*parts[:fixed]), Path(*parts[fixed:])
    wants_hidden = any(part.startswith(".") for part in rest.parts)
    try:
        matches = sorted(root.glob(os.fspath(rest)))
    except (ValueError, NotImplementedError) as error:
        raise ParameterError(f"{quote_path(pattern)} is not a glob pattern: {error}") from error
    for path in matches:
        relative = path.relative_to(root)
        hidden = any(part.startswith(".") for part in relative.parts)
        if is_directory(path) or (hidden and not wants_hidden):
            continue
        yield _named(os.fspath(path)) if ".." in relative.parts else Source(path, root, relative)
