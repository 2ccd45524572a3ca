"""The state of a run, beside its checkpoint: all that is needed to go on as if it had never stopped."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stnwarp.errors import CheckpointError, OutputError, StnwarpError
from stnwarp.images.atomic import write_atomically
from stnwarp.training.choices import Settings
from stnwarp.training.data import Data
from stnwarp.transforms import as_fields

_VERSION = 2  # 1: conv and fc without batch normalisation, and epochs cut into batches otherwise
_RESUMED = "free some space, then go on with --resume"


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Args:
        epoch: the last that was finished; 0 before the first.
        best_epoch: the one whose network is the checkpoint; 0 before there is one.
        best: its error and its loss on the images kept back.
        least_loss: of an epoch's training images.
        wrong: epochs in a row that had a diagnosis.
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


def save_state(
    path: Path, settings: Settings, digest: str, progress: Progress, module: nn.Module, optimiser: torch.optim.Optimizer
) -> None:
    """Write the state of a run, replacing the last one only by a whole one.

    Raises:
        OutputError: the disk takes no file.
    """
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
    write_file(path, stream.getvalue())


def load_state(path: Path) -> Saved:
    """The state in *path*; nothing in it is run.

    Raises:
        CheckpointError: there is none, or it is not a state of this version.
    """
    try:
        content = torch.load(io.BytesIO(path.read_bytes()), map_location="cpu", weights_only=True)
        if content["version"] != _VERSION:
            raise CheckpointError(
                f"{path}: a run of another version of stnwarp; go on with that one, or give --overwrite to begin anew"
            )
        progress = Progress(**{field.name: content["progress"][field.name] for field in fields(Progress)})
        settings = Settings.from_json(content["settings"])
        return Saved(settings, content["digest"], progress, content["module"], content["optimiser"])
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no run to resume; leave --resume out to begin one") from None
    except StnwarpError:
        raise
    except Exception as error:  # torch raises nearly anything on what is no state
        raise CheckpointError(f"{path}: not the state of a run, or a broken one; start the run anew") from error


def write_file(path: Path, data: bytes) -> None:
    """`write_atomically` over what is there, with words that fit a run that can be resumed."""
    try:
        write_atomically(path, data, overwrite=True)
    except OutputError as error:
        raise OutputError(f"{str(error).partition(';')[0]}; the last good files are kept: {_RESUMED}") from error


def digest_of(data: Data) -> str:
    """What tells these data from others: images that were changed, added, or came in another order."""
    digest = hashlib.sha256()
    for samples in (data.training, data.validation):
        for tensor in (samples.pictures, samples.sizes, samples.labels):
            if tensor is not None:
                digest.update(tensor.contiguous().numpy().tobytes())
        for transform in samples.transforms or ():
            digest.update(repr(as_fields(transform)).encode())
    return digest.hexdigest()
