"""The parameter file of a run: what every image was warped by, a row each as it is done, in the end in order."""

import os
import secrets
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from threading import Lock

from stnwarp.conventions import DEFAULT_ALIGN_CORNERS
from stnwarp.errors import OutputClashError, ParameterError, StnwarpError
from stnwarp.files.atomic import write_atomically
from stnwarp.files.directories import check_directories, make_directory, sweep
from stnwarp.folder.clashes import LISTED, check_apart, check_not_read
from stnwarp.folder.jobs import Job, Outcome, Status
from stnwarp.folder.names import shorten
from stnwarp.folder.plan import Plan
from stnwarp.folder.sources import source_key
from stnwarp.params import Parameters, Row, check_suffix, line_of, read_parameters
from stnwarp.text import quote_path
from stnwarp.transforms import as_fields


class Saving:
    """The rows of a run: appended to its file as the outcomes come, and put in the order of the plan at its end.

    The file comes into being with the first row. Each row is one line in one write, so that a process that is killed
    leaves whole rows. A row that cannot be appended is kept for the end, and the images go on.

    Args:
        path: the .jsonl file.
        planned: the plan of the run.
        align_corners: what -1 and 1 are in the transforms of the run.
        overwrite: *path* may exist.
        skip_existing: *path* may be what an earlier run wrote: its rows stay, but for the images that are done anew.
        read: the parameter file that the run goes by, whose rows are not to be lost.

    Raises:
        OutputClashError: *path* exists, is a source, an output or *read*, or two images have one name in it.
        OutputError: its directory takes no file.
        ParameterFileError: it is not named as a parameter file; or it is to be continued and cannot be read.
        ParameterError: it is to be continued, and has the other align_corners.
    """

    def __init__(
        self,
        path: Path,
        planned: Plan,
        align_corners: bool,
        *,
        overwrite: bool = False,
        skip_existing: bool = False,
        read: Path | None = None,
    ) -> None:
        check_suffix(path)
        check_apart(path, planned.jobs)
        if read is not None:
            check_not_read(path, read)
        check_directories([path])
        self._path = path
        self._align_corners = align_corners
        self._order = [source_key(job.source) for job in planned.jobs]
        _check_one_name_each(self._order)
        earlier = _earlier(path, overwrite, skip_existing)
        if earlier is not None and earlier.lines:
            # Rows that say nothing would take over what the rows beside them say.
            said = DEFAULT_ALIGN_CORNERS if earlier.align_corners is None else earlier.align_corners
            if said != align_corners:
                raise ParameterError(f"{path}: made with the other align_corners; write to another file")
        self._earlier: Mapping[str, tuple[int, bytes]] = {} if earlier is None else earlier.lines
        self._rows: dict[str, bytes] = {}
        # What was there and was read is replaced by what it has become.
        self._replaces = overwrite or earlier is not None
        self._turn = Lock()
        self._file: RowFile | None = None
        self._is_made = False
        self._appends = True
        self._clash: OutputClashError | None = None
        self.unknown = sum(source_key(outcome.job.source) not in self._earlier for outcome in planned.skipped)

    def add(self, outcome: Outcome) -> None:
        """Note what became of an image, in the file too; a skipped one keeps the row of the earlier run."""
        if outcome.status is Status.SKIPPED:
            return
        row = row_of_outcome(outcome, self._align_corners)
        line = line_of(row)
        with self._turn:
            self._rows[row.image] = line
            if not self._appends:
                return
            try:
                self._append(line)
            except OutputClashError as error:
                self._appends, self._clash = False, error
            except (StnwarpError, OSError):  # told at the end, if the whole file cannot be written then either
                self._appends = False

    def write(self) -> None:
        """Write what has been noted so far, in order; nothing if that is nothing. Nothing is appended from then on.

        Raises:
            OutputError: the directory takes no file.  OutputClashError: the file has appeared meanwhile; it stays, and
                the message names another one beside it, which has the rows.
        """
        with self._turn:
            self._appends = False
            is_ours = self._is_made and (self._file is None or self._file.is_at(self._path))
            if self._file is not None:
                self._file.close()
            made = [self._rows[image] for image in self._order if image in self._rows]
            if made:
                make_directory(self._path.parent)
                self._write_whole(b"".join(self._kept(self._rows) + made), overwrite=self._replaces or is_ours)

    def _write_whole(self, data: bytes, *, overwrite: bool) -> None:
        try:
            if self._clash is not None:
                raise self._clash
            write_atomically(self._path, data, overwrite=overwrite)
        except OutputClashError as error:
            aside = self._path.with_name(shorten(f"{self._path.stem}-{secrets.token_hex(3)}{self._path.suffix}"))
            write_atomically(aside, data, overwrite=False)
            raise OutputClashError(f"{error}; the rows of this run are in {quote_path(aside)}") from error

    def _append(self, line: bytes) -> None:
        """Add *line* to the file, which is begun with it if it is the first."""
        if self._file is not None:
            self._file.append(line)
            return
        make_directory(self._path.parent)
        sweep([self._path])
        # Rows of images that are done anew would stand there twice.
        data = b"".join([*self._kept(set(self._order)), line])
        write_atomically(self._path, data, overwrite=self._replaces)
        self._is_made = True
        self._file = RowFile(self._path)

    def _kept(self, anew: Container[str]) -> list[bytes]:
        """The lines of the earlier run, but for those of the images that are done *anew*."""
        return [line + b"\n" for image, (_, line) in self._earlier.items() if image not in anew]


class RowFile:
    """A file of whole lines, open to take more of them."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_APPEND
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(path, flags)
        self._length = os.fstat(self._descriptor).st_size

    def append(self, line: bytes) -> None:
        """Write *line* whole, or raise OSError and leave the file as it was."""
        written = 0
        try:
            written = os.write(self._descriptor, line)
            if written < len(line):
                raise OSError("only part of a line could be written")
        except OSError:
            if written:
                os.ftruncate(self._descriptor, self._length)
            raise
        self._length += len(line)

    def is_at(self, path: Path) -> bool:
        """Whether *path* is this file still."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), path.lstat())
        except OSError:
            return False

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


def row_of_outcome(outcome: Outcome, align_corners: bool) -> Row:
    """What *outcome* says in a parameter file."""
    image, decision = source_key(outcome.job.source), outcome.decision
    if outcome.status is Status.FAILED or decision is None:
        return Row(image, error=outcome.error or "not done")
    return Row(
        image,
        decision.image_warp.transform,
        align_corners=align_corners,
        crop=decision.crop,
        input_size=decision.input_size,
        output_size=decision.image_warp.size,
        limited=decision.limited,
        asked=None if decision.asked is None else as_fields(decision.asked),
        copied=decision.copied,
    )


def rows_without_image(parameters: Parameters, planned: Plan) -> int:
    """How many rows of *parameters* are for no image of the plan."""
    jobs: list[Job] = [*planned.jobs, *(outcome.job for outcome in planned.skipped)]
    return len(parameters.lines.keys() - {source_key(job.source) for job in jobs})


def _earlier(path: Path, overwrite: bool, skip_existing: bool) -> Parameters | None:
    """What an earlier run wrote to *path*, if it is to be continued."""
    if overwrite or not (path.exists() or path.is_symlink()):
        return None
    if not skip_existing:
        raise OutputClashError(f"{quote_path(path)}: exists already; give --overwrite or another name")
    return read_parameters(path)


def _check_one_name_each(names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        listed = ", ".join(quote_path(name) for name in twice[:LISTED])
        raise OutputClashError(
            f"{listed}: images of several folders with one name in the parameter file; run folder by folder"
        )
