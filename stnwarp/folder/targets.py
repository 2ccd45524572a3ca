"""Where each image goes: DEST as a directory, a file, standard output or a template."""

import os
import re
import string
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from stnwarp.errors import ParameterError
from stnwarp.files.directories import is_directory
from stnwarp.folder.names import is_image_name, shorten_parts, split_name
from stnwarp.folder.sources import STANDARD_STREAM, Source
from stnwarp.images.formats import SUFFIXES, format_for_suffix
from stnwarp.text import quote_path, suggestion, truncate_repr

FIELDS = ("dir", "stem", "ext", "name", "index")

_LONGEST = 4096  # bytes of a path, on any system in common use; what hangs below can still be too long
_SHORT_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")  # what file formats have, and few directories

_Piece = tuple[str, str | None]  # literal text, and the field that follows it


def name_targets(sources: Sequence[Source], dest: str, extension: str | None = None) -> list[Path | None]:
    """One target for each of *sources*; None is standard output.

    *dest* is "-", a template, a file (one source, and an image suffix), or else a directory, below which the
    tree of the sources is mirrored. What has another short suffix is taken for a mistyped file where a single
    file is to go there, unless it exists or ends in a slash. *extension* is the suffix of a format that was
    asked for by name, or None.

    A template has the fields ``{dir}`` (directory of the source: the mirrored one, or its own where the
    template begins with it), ``{stem}`` and ``{ext}`` (the suffix with its dot; one more before it is taken
    for the same), ``{name}`` (both) and ``{index}`` (1, 2, ...).

    Raises:
        ParameterError: a template that cannot be used, one file for several images, a suffix that is no
            format.
    """
    check_name(dest)
    if dest == STANDARD_STREAM:
        return _to_standard_output(sources)
    targets = _in_files(sources, dest, extension)
    for source, target in zip(sources, targets, strict=True):
        _check_format(source, target, extension, dest)
    return list(targets)


def check_name(dest: str) -> None:
    """Refuse what can be the name of no file and no directory, whatever there is."""
    if not dest or "\0" in dest:
        raise ParameterError(f"{quote_path(dest)} cannot be the name of an output; give a directory, a file or '-'")
    length = len(os.fsencode(dest))
    if length > _LONGEST:
        raise ParameterError(
            f"{truncate_repr(dest)}: a name of {length:,} bytes is too long for an output; give another"
        )


def base_of(dest: str, source: Source, target: Path | None) -> Path | None:
    """The directory that *dest* means, below which *target* of *source* lies; None where it is itself a file's name.

    Of a template it is what stands before the first field.
    """
    if target is None or target == Path(dest):
        return None
    base = Path(dest)
    if _is_template(dest):
        base = source.root if dest.startswith("{dir}") else Path(dest[: dest.rfind("/", 0, dest.find("{")) + 1])
    return base if target.parent.is_relative_to(base) else None


def _to_standard_output(sources: Sequence[Source]) -> list[Path | None]:
    if len(sources) != 1:
        raise ParameterError(f"standard output takes one image, not {len(sources)}; give a directory")
    return [None]


def _in_files(sources: Sequence[Source], dest: str, extension: str | None) -> list[Path]:
    if is_directory(dest):
        return _in_directory(sources, dest, extension)
    if _is_template(dest):
        pieces = _parse(dest)
        return [_from_template(pieces, dest, source, index, extension) for index, source in enumerate(sources, 1)]
    if dest.endswith(("/", os.sep)):
        return _in_directory(sources, dest, extension)
    if not is_image_name(dest):
        _check_no_file_is_meant(sources, dest)
        return _in_directory(sources, dest, extension)
    # A file that exists is refused later, as what stands in the directory's place.
    if len(sources) > 1 and not os.path.lexists(dest):
        raise ParameterError(
            f"{quote_path(dest)} is one file for {len(sources)} images; give a directory, as in {dest}/"
        )
    return [Path(dest)] if len(sources) == 1 else _in_directory(sources, dest, extension)


def _check_no_file_is_meant(sources: Sequence[Source], dest: str) -> None:
    """Refuse to make a directory of what looks like a file with a mistyped suffix."""
    suffix = PurePath(dest).suffix
    if len(sources) != 1 or not sources[0].named or os.path.lexists(dest) or not _SHORT_SUFFIX.fullmatch(suffix):
        return
    hint = suggestion(suffix, SUFFIXES)
    advice = f"for a folder write {quote_path(dest + '/')}"
    raise ParameterError(f"{quote_path(dest)}: {truncate_repr(suffix)} is no image format{hint}; {advice}")


def _in_directory(sources: Sequence[Source], dest: str, extension: str | None) -> list[Path]:
    base = Path(dest)
    return [base / shorten_parts(Path(source.relative.with_name(_name(source, extension)))) for source in sources]


def _name(source: Source, extension: str | None) -> str:
    stem, suffix = split_name(source.relative.name)
    return stem + (extension or suffix)


def _is_template(dest: str) -> bool:
    return not is_directory(dest) and ("{" in dest or "}" in dest)


def _has_suffix(template: str) -> bool:
    """Whether *template* ends in a suffix, whatever the names of the sources are."""
    literal, field = _parse(template)[-1]
    return field in {"ext", "name"} or (field is None and bool(PurePath(f"x{literal}").suffix))


def _parse(template: str) -> list[_Piece]:
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ParameterError(f"template {quote_path(template)}: {error}; write {{{{ or }}}} for a brace") from None
    for _, field, spec, conversion in parsed:
        if field is not None and (field not in FIELDS or spec or conversion):
            text = field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            raise ParameterError(_unknown_field(template, field, text))
    # {ext} has its own dot, which is easily forgotten.
    return [(literal.removesuffix(".") if field == "ext" else literal, field) for literal, field, _, _ in parsed]


def _unknown_field(template: str, field: str, text: str) -> str:
    hint = suggestion(field, FIELDS) if field not in FIELDS else ""
    choices = ", ".join(f"{{{name}}}" for name in FIELDS)
    return f"template {quote_path(template)}: {{{text}}} is not one of {choices}{hint}"


def _from_template(pieces: Sequence[_Piece], template: str, source: Source, index: int, extension: str | None) -> Path:
    text = "".join(_fill_in(pieces, source, index, extension))
    if ".." in PurePath(text).parts:
        raise ParameterError(
            f"template {quote_path(template)} must not lead upwards; write an absolute path instead of '..'"
        )
    if not text or text.endswith("/"):
        raise ParameterError(f"template {quote_path(template)} must end in the name of a file, as in {{stem}}{{ext}}")
    begins_with_directory = pieces[0] == ("", "dir")
    path = shorten_parts(Path(text))
    return source.root / path if begins_with_directory else path


def _fill_in(pieces: Sequence[_Piece], source: Source, index: int, extension: str | None) -> Iterator[str]:
    stem, suffix = split_name(source.relative.name)
    ending = extension or suffix
    values = {
        "dir": str(source.relative.parent),  # "." at the top, so that no path becomes absolute
        "stem": stem,
        "ext": ending,
        "name": stem + ending,
        "index": str(index),
    }
    for literal, field in pieces:
        yield literal
        if field is not None:
            yield values[field]


def _check_format(source: Source, target: Path, extension: str | None, dest: str) -> None:
    """Refuse a name whose suffix is no format, or another one than was asked for."""
    if extension is None and source.path is None and not is_image_name(target.name):
        raise ParameterError("an image from standard input has no suffix to go by; name the output file or the format")
    if extension is None and not is_image_name(source.relative.name):
        return  # what it is is found out when it is read
    if _is_template(dest) and not _has_suffix(dest):
        raise ParameterError(f"template {quote_path(dest)} has no suffix; end it with {{ext}}")
    if extension is None:
        format_for_suffix(target.suffix)
    elif not is_image_name(target.name) or format_for_suffix(target.suffix) != format_for_suffix(extension):
        raise ParameterError(_not_in_format(target, extension, dest))


def _not_in_format(target: Path, extension: str, dest: str) -> str:
    own_format, name = format_for_suffix(extension), split_name(target.name)[0] + extension
    advice = "end the template with {ext}" if _is_template(dest) else f"name it {quote_path(name)}"
    return f"{quote_path(target)} is not a name for the format {own_format}; {advice}, or leave --format out"
