"""The parameter files of `stnwarp apply`: what is refused and said about them, and when one is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stnwarp.cli.console import Console
from stnwarp.cli.options import RunOptions
from stnwarp.errors import StnwarpError

if TYPE_CHECKING:
    from stnwarp.folder import Plan, Saving, Settings
    from stnwarp.params import Parameters


def open_saving(
    console: Console,
    path: Path | None,
    parameters: "Parameters | None",
    planned: "Plan",
    settings: "Settings",
    options: RunOptions,
) -> "Saving | None":
    """What --save-params gathers, everything refused that can be by now; None where nothing is saved."""
    if path is None:
        return None
    from stnwarp.folder import Saving

    saving = Saving(
        path,
        planned,
        settings.align_corners,
        overwrite=options.overwrite,
        skip_existing=options.skip_existing,
        read=None if parameters is None else parameters.path,
    )
    if saving.unknown:
        console.warn(f"{path}: no row for {saving.unknown} of the images that are skipped")
    return saving


def tell_unused_rows(console: Console, parameters: "Parameters | None", planned: "Plan") -> None:
    """Warn of rows that are for no image of the run."""
    if parameters is None:
        return
    from stnwarp.folder import rows_without_image

    count = rows_without_image(parameters, planned)
    if count:
        console.warn(f"{parameters.path}: {count} of {len(parameters.lines)} rows are for no image of this run")


@contextmanager
def written_at_the_end(console: Console, saving: "Saving | None") -> Iterator[None]:
    """Write what has been gathered however the run ends; if it ends badly, its own reason is the one that is told."""
    try:
        yield
    except BaseException:
        try:
            _write(saving)
        except StnwarpError as error:
            console.warn(str(error))
        raise
    _write(saving)


def _write(saving: "Saving | None") -> None:
    if saving is not None:
        saving.write()
