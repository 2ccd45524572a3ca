"""What a run says of itself: what goes wrong has the right name, and what goes well has none."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from stnwarp.conventions import Family
from stnwarp.errors import TrainingError
from stnwarp.training.choices import Initialisation, LocalisationKind, Schedule, Settings, TrainingRecipe, state_path
from stnwarp.training.data import load_data
from stnwarp.training.monitor import Diagnosis, Epoch, Means, diagnosis
from stnwarp.training.networks.bounds import BoundedParameters
from stnwarp.training.ranges import Ranges
from stnwarp.training.running import Run
from tests.training_data import letters, quick
from tests.training_exports import QuickExporter

CLASSIFY = TrainingRecipe.CLASSIFY
AFFINE = {"family": Family.AFFINE}
RANGE = Ranges.parse("angle=30,shift=0.1")
WIDE = {**AFFINE, "scenes": 512, "epochs": 6, "rate": 0.01}


@pytest.fixture(autouse=True)
def quick_runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("stnwarp.training.running.Exporter", QuickExporter)
    monkeypatch.setattr(QuickExporter, "checkpoint", lambda *_: b"")  # what is exported is tested elsewhere
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _run(folder: Path, settings: Settings) -> Run:
    np.savez(folder / "a.npz", images=letters("FL", 24), labels=np.arange(24) % 2)
    data = load_data(folder / "a.npz", None, settings, lambda *_: None)
    return Run(data, settings, folder / "a.onnx", torch.device("cpu"))


def _until_stopped(run: Run) -> tuple[list[Epoch], str]:
    """The epochs of *run*, and why it stopped before its end, if it did."""
    epochs: list[Epoch] = []
    try:
        epochs.extend(run.epochs(lambda: None))
    except TrainingError as error:
        return epochs, str(error)
    return epochs, ""


FINE = Means(loss=0.3, first_loss=0.4, move=0.1, outside=0.1, at_bounds=0.0, gradient=1.0)


@pytest.mark.parametrize(
    ("changes", "contrasts", "name"),
    [
        ({}, (0.3, 0.3), None),
        ({"loss": float("nan")}, (0.3, 0.3), Diagnosis.NOT_FINITE),
        ({"loss": 1.0}, (0.3, 0.3), Diagnosis.DIVERGED),
        ({"gradient": 0.0}, (0.3, 0.3), Diagnosis.STILL),
        ({"gradient": 0.0, "loss": 0.0}, (0.3, 0.3), None),  # all is learnt
        ({"gradient": 0.0, "at_bounds": 0.3}, (0.3, 0.3), Diagnosis.AT_BOUNDS),
        ({"gradient": 0.0, "loss": 2.1, "at_bounds": 1.0}, (0.3, 0.3), Diagnosis.AT_BOUNDS),
        ({"at_bounds": 0.1}, (0.3, 0.3), None),  # a wide range
        ({"outside": 0.99}, (0.3, 0.3), Diagnosis.BLANK),
        ({}, (0.3, 0.001), Diagnosis.BLANK),
    ],
)
def test_what_goes_wrong_has_a_name(changes: dict, contrasts: tuple[float, float], name: Diagnosis | None) -> None:
    assert diagnosis(replace(FINE, **changes), 0.3, contrasts, is_useful=False) is name
    if name is not Diagnosis.AT_BOUNDS:
        assert diagnosis(replace(FINE, **changes), 0.3, contrasts, is_useful=True) is name


def test_a_network_at_its_bounds_that_is_better_than_none_is_believed() -> None:
    wide = replace(FINE, at_bounds=0.5)
    assert diagnosis(wide, 0.3, (0.3, 0.3), is_useful=True) is None
    assert diagnosis(wide, 0.3, (0.3, 0.3), is_useful=False) is Diagnosis.AT_BOUNDS
    assert diagnosis(replace(wide, loss=1.0), 0.3, (0.3, 0.3), is_useful=True) is Diagnosis.DIVERGED


@pytest.mark.parametrize("rate", [1.0, 100.0])
@pytest.mark.parametrize(
    "changes", [{"recipe": CLASSIFY, "ranges": None}, {"ranges": RANGE}, {"ranges": RANGE, **AFFINE}], ids=str
)
def test_a_rate_that_is_far_too_high_is_named_in_the_first_epoch(tmp_path: Path, changes: dict, rate: float) -> None:
    epochs, why = _until_stopped(_run(tmp_path, quick(**changes, scenes=128, rate=rate)))
    assert epochs[0].diagnosis in (Diagnosis.AT_BOUNDS, Diagnosis.BLANK, Diagnosis.DIVERGED)
    assert len(epochs) == 3
    assert why.startswith("stopped after epoch 3: ")
    assert "lower --" in why
    assert why.endswith("--rate")
    assert all("--init" not in str(epoch.diagnosis) for epoch in epochs)


@pytest.mark.parametrize("rate", [0.03, 0.3])
def test_a_loss_that_explodes_in_the_first_epoch_is_a_divergence(tmp_path: Path, rate: float) -> None:
    settings = quick(CLASSIFY, **AFFINE, ranges=None, scenes=256, epochs=1, rate=rate, localisation_rate=0.1)
    (epoch,) = _run(tmp_path, settings).epochs()
    assert epoch.loss > 3 * np.log(2)
    assert epoch.diagnosis is Diagnosis.DIVERGED


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": CLASSIFY, **AFFINE, "rate": 1e-3, "localisation_rate": 1.0},
        {"recipe": CLASSIFY, **AFFINE, "rate": 0.01, "localisation_rate": 0.1, "ranges": None, "epochs": 6},
        {"rate": 0.1, "ranges": RANGE},
        {"batch": 2, "scenes": 64},  # few images tell little of the loss at first
        {"picture_weight": 1000.0},  # which the loss of the images kept back has not
        {"ranges": Ranges.parse("angle=180,shift=0.8,scale=0.4..2"), "init": Initialisation.PERTURBED},
        {"family": Family.TRANSLATION, "ranges": Ranges.parse("shift=2")},
        {"network": LocalisationKind.FC, "filters": None, "schedule": Schedule.CONSTANT},
        {**WIDE, "ranges": Ranges.parse("angle=150..180")},  # beyond the bounds of some parameters
        {**WIDE, "ranges": Ranges.parse("scale=3..5")},
    ],
    ids=lambda changes: "-".join(str(value) for value in changes.values())[:40],
)
def test_what_goes_well_has_no_diagnosis(tmp_path: Path, changes: dict) -> None:
    run = _run(tmp_path, quick(**({"scenes": 256, "epochs": 4} | changes)))
    epochs, why = _until_stopped(run)
    assert [epoch.diagnosis for epoch in epochs] == [None] * len(epochs)
    assert why == ""


def test_the_baseline_is_the_identity_or_a_guess(tmp_path: Path) -> None:
    run = _run(tmp_path, quick(scenes=32, epochs=1, rate=1e-30))
    (epoch,) = run.epochs()
    assert epoch.error == pytest.approx(run.baseline.error) == epoch.baseline
    guess = _run(tmp_path, quick(CLASSIFY, ranges=None)).baseline
    assert (guess.loss, guess.error, guess.unit) == (pytest.approx(np.log(2)), 50.0, "%")


def _stopped_after(monkeypatch: pytest.MonkeyPatch, run: Run, wrong: str) -> int:
    """After how many epochs a run stops if those marked x have a diagnosis."""
    marks = iter(wrong)
    monkeypatch.setattr(
        "stnwarp.training.running.diagnosis", lambda *_, is_useful: Diagnosis.STILL if next(marks) == "x" else None
    )
    return len(_until_stopped(run)[0])


@pytest.mark.parametrize(
    ("wrong", "epochs"),
    [("xxx.....", 3), ("x.x.x.x.", 7), ("xx.x....", 4), ("x.xx....", 4), ("x..x..x.", 8), ("........", 8)],
)
def test_one_quiet_epoch_does_not_make_what_stays_wrong_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str, epochs: int
) -> None:
    assert _stopped_after(monkeypatch, _run(tmp_path, quick(scenes=4, epochs=8, patience=0)), wrong) == epochs


@pytest.mark.parametrize("family", [family for family in Family if family != "tps"])
def test_the_share_of_parameters_at_their_bounds(family: Family) -> None:
    bounded = BoundedParameters(family)
    count = len(bounded.bounds)
    raw = torch.zeros(2, count)
    assert float(bounded.share_reached(bounded(raw))) == 0
    raw[0] = 50.0
    assert float(bounded.share_reached(bounded(raw))) == 0.5
    raw[1, 0] = -50.0
    assert float(bounded.share_reached(bounded(raw))) == pytest.approx((count + 1) / (2 * count))


def test_a_run_that_fails_in_its_first_epoch_leaves_no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _run(tmp_path, quick(scenes=32))

    def fail() -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(TrainingError, match="not enough memory to learn from up to 32 images of 28x28 pixels"):
        next(run.epochs(fail))
    assert not state_path(tmp_path / "a.onnx").exists()

    again = _run(tmp_path, quick(scenes=32))
    epochs = again.epochs()
    next(epochs)
    monkeypatch.setattr(Run, "_learn", lambda *_: fail())
    with pytest.raises(TrainingError, match="give a smaller --batch or --input-size"):
        next(epochs)
    assert state_path(tmp_path / "a.onnx").exists()
