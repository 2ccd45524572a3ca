"""What is told of a training run, epoch by epoch: a line for people, a line of JSON for programs."""

import json
from typing import TYPE_CHECKING

from stnwarp.cli.console import Console

if TYPE_CHECKING:
    from stnwarp.training.monitor import Diagnosis, Epoch


class Report:
    """Tells of each of *epochs*; a diagnosis is said when it is new."""

    def __init__(self, console: Console, epochs: int, *, as_json: bool) -> None:
        self._console, self._epochs, self._as_json = console, epochs, as_json
        self._last: Diagnosis | None = None

    def add(self, epoch: "Epoch") -> None:
        """Tell of *epoch*."""
        self._console.say(_line(epoch, self._epochs))
        if epoch.diagnosis is not None and epoch.diagnosis is not self._last:
            self._console.warn(str(epoch.diagnosis))
        self._last = epoch.diagnosis
        if self._as_json:
            self._console.data(json.dumps(_record(epoch, self._epochs), allow_nan=False))


def baseline_name(unit: str) -> str:
    """What does without a network what a network with errors in *unit* does."""
    return "a guess" if unit == "%" else "the identity"


def _line(epoch: "Epoch", epochs: int) -> str:
    angle = "" if epoch.angle_error is None else f", {epoch.angle_error:.2f} degrees"
    best = f", no better than {baseline_name(epoch.unit)}" if epoch.error >= epoch.baseline else ""
    return (
        f"epoch {epoch.number}/{epochs}: loss {epoch.loss:.4g}, validation error {epoch.error:.3g} {epoch.unit}{angle}"
        f"{f' (best{best})' if epoch.is_best else ''}; theta moved {epoch.move:.3f}, {epoch.outside:.0%} outside, "
        f"gradient {epoch.gradient:.2g}, rate {epoch.rate:.2g}, {epoch.seconds:.1f} s"
    )


def _record(epoch: "Epoch", epochs: int) -> dict[str, object]:
    return {
        "epoch": epoch.number,
        "epochs": epochs,
        "loss": epoch.loss,
        "validation_loss": epoch.validation_loss,
        "validation_error": epoch.error,
        "unit": epoch.unit,
        "baseline_error": epoch.baseline,
        "angle_error": epoch.angle_error,
        "theta_from_identity": epoch.move,
        "outside": epoch.outside,
        "gradient": epoch.gradient,
        "rate": epoch.rate,
        "seconds": round(epoch.seconds, 3),
        "best": epoch.is_best,
        "diagnosis": None if epoch.diagnosis is None else epoch.diagnosis.name.lower(),
    }
