"""Where each image goes: DEST as a directory, a file, standard output or a template."""

import os
import string
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from stnwarp.conventions import suggestion
from stnwarp.errors import ParameterError
from stnwarp.folder.names import is_directory, is_image_name, shorten_parts, shown, split_name
from stnwarp.folder.sources import STANDARD_STREAM, Source
from stnwarp.images.formats import format_for_suffix

FIELDS = ("dir", "stem", "ext", "name", "index")

_Piece = tuple[str, str | None]  # literal text, and the field that follows it


def name_targets(sources: Sequence[Source], dest: str, extension: str | None = None) -> list[Path | None]:
    """One target for each of *sources*; None is standard output.

    *dest* is "-", a template, a file (one source, and an image suffix), or else a directory, below which the
    tree of the sources is mirrored. *extension* is the suffix of a format that was asked for by name, or
    None.

    A template has the fields ``{dir}`` (directory of the source: the mirrored one, or its own where the
    template begins with it), ``{stem}`` and ``{ext}`` (the suffix with its dot), ``{name}`` (both) and
    ``{index}`` (1, 2, ...).

    Raises:
        ParameterError: a template that cannot be used, one file for several images, a suffix that is no
            format.
    """
    if not dest or "\0" in dest:
        raise ParameterError(f"{shown(dest)} cannot be the name of an output; give a directory, a file or '-'")
    if dest == STANDARD_STREAM:
        return _to_standard_output(sources)
    targets = _in_files(sources, dest, extension)
    for source, target in zip(sources, targets, strict=True):
        _check_format(source, target, extension)
    return list(targets)


def _to_standard_output(sources: Sequence[Source]) -> list[Path | None]:
    if len(sources) != 1:
        raise ParameterError(f"standard output takes one image, not {len(sources)}; give a directory")
    return [None]


def _in_files(sources: Sequence[Source], dest: str, extension: str | None) -> list[Path]:
    if is_directory(dest):
        return _in_directory(sources, dest, extension)
    if "{" in dest or "}" in dest:
        pieces = _parse(dest)
        return [_from_template(pieces, dest, source, index, extension) for index, source in enumerate(sources, 1)]
    if dest.endswith(("/", os.sep)) or not is_image_name(dest):
        return _in_directory(sources, dest, extension)
    # A file that exists is refused later, as what stands in the directory's place.
    if len(sources) > 1 and not os.path.lexists(dest):
        raise ParameterError(f"{shown(dest)} is one file for {len(sources)} images; give a directory, as in {dest}/")
    return [Path(dest)] if len(sources) == 1 else _in_directory(sources, dest, extension)


def _in_directory(sources: Sequence[Source], dest: str, extension: str | None) -> list[Path]:
    base = Path(dest)
    return [base / shorten_parts(Path(source.relative.with_name(_name(source, extension)))) for source in sources]


def _name(source: Source, extension: str | None) -> str:
    stem, suffix = split_name(source.relative.name)
    return stem + (extension or suffix)


def _parse(template: str) -> list[_Piece]:
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ParameterError(f"template {shown(template)}: {error}; write {{{{ or }}}} for a brace") from None
    for _, field, spec, conversion in parsed:
        if field is not None and (field not in FIELDS or spec or conversion):
            text = field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            raise ParameterError(_unknown_field(template, field, text))
    return [(literal, field) for literal, field, _, _ in parsed]


def _unknown_field(template: str, field: str, text: str) -> str:
    hint = suggestion(field, FIELDS) if field not in FIELDS else ""
    choices = ", ".join(f"{{{name}}}" for name in FIELDS)
    return f"template {shown(template)}: {{{text}}} is not one of {choices}{hint}"


def _from_template(pieces: Sequence[_Piece], template: str, source: Source, index: int, extension: str | None) -> Path:
    text = "".join(_fill_in(pieces, source, index, extension))
    if ".." in PurePath(text).parts:
        raise ParameterError(
            f"template {shown(template)} must not lead upwards; write an absolute path instead of '..'"
        )
    if not text or text.endswith("/"):
        raise ParameterError(f"template {shown(template)} must end in the name of a file, as in {{stem}}{{ext}}")
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


def _check_format(source: Source, target: Path, extension: str | None) -> None:
    """Refuse a name whose suffix is no format, or another one than was asked for."""
    if extension is not None:
        wanted = format_for_suffix(extension)
        if not is_image_name(target.name) or format_for_suffix(target.suffix) != wanted:
            raise ParameterError(
                f"{shown(target)} is not a name for the format {wanted}; use {{ext}} or drop the format"
            )
    elif source.path is None and not is_image_name(target.name):
        raise ParameterError("an image from standard input has no suffix to go by; name the output file or the format")
    elif is_image_name(source.relative.name):  # that of any other file is found out when it is read
        format_for_suffix(target.suffix)
