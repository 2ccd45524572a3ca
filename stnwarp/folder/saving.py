"""The parameter file of a run: what every image was warped by, written once, whole, in the order of the plan."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from stnwarp.conventions import DEFAULT_ALIGN_CORNERS
from stnwarp.errors import OutputClashError, ParameterError
from stnwarp.folder.clashes import LISTED, check_apart, check_not_read
from stnwarp.folder.directories import check_directories, make_directory
from stnwarp.folder.jobs import Job, Outcome, Status
from stnwarp.folder.names import shown
from stnwarp.folder.plan import Plan
from stnwarp.folder.sources import source_key
from stnwarp.images.atomic import write_atomically
from stnwarp.params import Parameters, Row, check_suffix, line_of, read_parameters
from stnwarp.transforms import as_fields


class Saving:
    """The rows of a run, gathered as its outcomes come and written at its end, however it ends.

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
        self._rows: dict[str, Row] = {}
        # What was there and was read is replaced by what it has become.
        self._replaces = overwrite or earlier is not None
        self.unknown = sum(source_key(outcome.job.source) not in self._earlier for outcome in planned.skipped)

    def add(self, outcome: Outcome) -> None:
        """Note what became of an image; a skipped one keeps the row of the earlier run."""
        if outcome.status is not Status.SKIPPED:
            row = row_of_outcome(outcome, self._align_corners)
            self._rows[row.image] = row

    def write(self) -> None:
        """Write what has been noted so far; nothing if that is nothing.

        Raises:
            OutputError: the directory takes no file.  OutputClashError: the file has appeared meanwhile.
        """
        kept = [line + b"\n" for image, (_, line) in self._earlier.items() if image not in self._rows]
        made = [line_of(self._rows[image]) for image in self._order if image in self._rows]
        if made:
            make_directory(self._path.parent)
            write_atomically(self._path, b"".join(kept + made), overwrite=self._replaces)


def row_of_outcome(outcome: Outcome, align_corners: bool) -> Row:
    """What *outcome* says in a parameter file."""
    image, decision = source_key(outcome.job.source), outcome.decision
    if outcome.status is Status.FAILED or decision is None:
        return Row(image, error=outcome.error or "not done")
    return Row(
        image,
        decision.placed.transform,
        align_corners=align_corners,
        input_size=decision.input_size,
        output_size=decision.placed.size,
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
        raise OutputClashError(f"{shown(path)}: exists already; give --overwrite or another name")
    return read_parameters(path)


def _check_one_name_each(names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        listed = ", ".join(shown(name) for name in twice[:LISTED])
        raise OutputClashError(
            f"{listed}: images of several folders with one name in the parameter file; run folder by folder"
        )
