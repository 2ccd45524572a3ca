"""The state of a run, beside its checkpoint: all that is needed to go on as if it had never stopped."""

import errno
import hashlib
import io
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stnwarp.errors import CheckpointError, ImageError, OutputClashError, OutputError, ParameterError
from stnwarp.files.atomic import write_atomically
from stnwarp.files.opening import open_source
from stnwarp.training.choices import Settings
from stnwarp.training.data import Data
from stnwarp.transforms import as_fields

# 1: conv and fc without batch normalisation, and epochs cut into batches otherwise; 2: empty folders were classes, and
# network fc could be given filters; 3: warps turned the bars around images with them, and other output sizes were not
# seen.
_VERSION = 4
_REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
    errno.EFBIG: "raise the limit that is set for files",
    errno.ENAMETOOLONG: "give a shorter name",
}


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Args:
        epoch: the last that was finished; 0 before the first.
        best_epoch: the one whose network is the checkpoint; 0 before there is one.
        best: its error and its loss on the images kept back.
        least_loss: of an epoch's training images.
        wrong: how much was wrong of late; epochs with a diagnosis add to it, others take something off.
    """

    epoch: int = 0
    best_epoch: int = 0
    best: tuple[float, float] = (float("inf"), float("inf"))
    least_loss: float = float("inf")
    wrong: int = 0


@dataclass(frozen=True, eq=False)
class Saved:
    """What was read from a state file."""

    settings: Settings
    digest: str
    progress: Progress
    module: Mapping[str, Any]
    optimiser: Mapping[str, Any]

    def load_into(self, path: Path, module: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Put what was learnt back; CheckpointError, with the state's *path*, where it is not of these parts."""
        try:
            module.load_state_dict(self.module)
            optimiser.load_state_dict(dict(self.optimiser))
        except Exception as error:  # as many kinds as there are ways to be broken
            raise _broken(path) from error


def state_of(
    settings: Settings, digest: str, progress: Progress, module: nn.Module, optimiser: torch.optim.Optimizer
) -> bytes:
    """The file that `load_state` reads."""
    stream = io.BytesIO()
    content = {
        "version": _VERSION,
        "settings": settings.to_json(),
        "digest": digest,
        "progress": asdict(progress),
        "module": module.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    torch.save(content, stream)
    return stream.getvalue()


def load_state(path: Path) -> Saved:
    """The state in *path*; nothing in it is run.

    Raises:
        CheckpointError: there is none, or it is not a state of this version.
    """
    try:
        with open_source(path, 0) as stream:
            data = stream.read()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch doubts what is then refused
            content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        if content["version"] != _VERSION:
            raise CheckpointError(
                f"{path}: a run of another version of stnwarp; go on with that one, or give --overwrite to begin anew"
            )
        return _saved(content)
    except ImageError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise CheckpointError(f"{path}: there is no run to resume; leave --resume out to begin one") from None
        raise CheckpointError(f"{path}: {error}; the state of a run cannot be read from it") from error
    except ParameterError as error:
        raise CheckpointError(f"{path}: the run cannot go on: {error}") from error
    except CheckpointError:
        raise
    except Exception as error:  # torch raises nearly anything on what is no state
        raise _broken(path) from error


def _saved(content: Mapping[str, Any]) -> Saved:
    """What *content* says; an error of one kind or another where it cannot be a state."""
    given = {field.name: content["progress"][field.name] for field in fields(Progress)}
    error, loss = (float(value) for value in given.pop("best"))
    least_loss = float(given.pop("least_loss"))
    if any(type(count) is not int or count < 0 for count in given.values()):
        raise ValueError
    progress = Progress(**given, best=(error, loss), least_loss=least_loss)
    parts = str(content["digest"]), progress, dict(content["module"]), dict(content["optimiser"])
    return Saved(Settings.from_json(content["settings"]), *parts)


def _broken(path: Path) -> CheckpointError:
    return CheckpointError(f"{path}: not the state of a run, or a broken one; start the run anew")


def write_file(path: Path, data: bytes, *, can_go_on: bool, lost: Path | None) -> None:
    """`write_atomically` over what is there, with words that fit a run.

    Args:
        path: the file; its directory exists.
        data: all of its bytes.
        can_go_on: whether an epoch was finished, that the run could be resumed from.
        lost: a checkpoint of an earlier run, if this one has replaced it.

    Raises:
        OutputError: the disk takes no file.
    """
    try:
        write_atomically(path, data, overwrite=True)
    except (OutputError, OutputClashError, ImageError) as error:
        raise OutputError(_told(error, path, can_go_on, lost)) from error


def _told(error: Exception, path: Path, can_go_on: bool, lost: Path | None) -> str:
    """What kept *path* from being written, and what to do; of the advice for folders of images nothing fits here."""
    cause = error.__cause__
    if not isinstance(cause, OSError):
        return str(error)
    reason = (cause.strerror or str(cause)).lower()
    remedy = _REMEDIES.get(cause.errno or 0, "make it possible to write there")
    if can_go_on:
        return f"cannot write {path}: {reason}; the last good files are kept: {remedy}, then go on with --resume"
    nor = "" if lost is None else f", nor is the {lost} that it replaced"
    return f"cannot write {path}: {reason}; nothing of this run is kept{nor}: {remedy}, then run it again"


def digest_of(data: Data) -> str:
    """What tells these data from others: images that were changed, added, or came in another order."""
    digest = hashlib.sha256()
    for samples in (data.training, data.validation):
        for tensor in (samples.pictures, samples.sizes, samples.extents, samples.labels, samples.output_sizes):
            if tensor is not None:
                digest.update(tensor.contiguous().numpy().tobytes())
        for transform in samples.transforms or ():
            digest.update(repr(as_fields(transform)).encode())
    return digest.hexdigest()
