"""Training runs: what each recipe learns, what is the same again, what goes on, and what stops."""

import errno
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stnwarp.conventions import Family
from stnwarp.errors import CheckpointError, OutputError, TrainingError
from stnwarp.localisation.checkpoint import Checkpoint
from stnwarp.training.choices import (
    Initialisation,
    LocalisationKind,
    Optimiser,
    Schedule,
    Settings,
    TrainingRecipe,
    state_path,
)
from stnwarp.training.data import load_data
from stnwarp.training.monitor import Diagnosis, Epoch
from stnwarp.training.points import PointRecipe
from stnwarp.training.ranges import Ranges
from stnwarp.training.recipe import Step
from stnwarp.training.running import Run
from stnwarp.training.state import Saved, load_state, write_file
from stnwarp.transforms import MatrixTransform
from tests.training_data import SIDE, letters, quick, save_folder
from tests.training_exports import QuickExporter

CPU = torch.device("cpu")
SHORT = {"scenes": 64, "epochs": 3}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def quick_exports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stnwarp.training.running.Exporter", QuickExporter)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    np.savez(tmp_path / "letters.npz", images=letters("FLP", 36), labels=np.arange(36) % 3)
    return tmp_path / "letters.npz"


def _run(source: Path, settings: Settings, resume: bool = False, sheets: Path | None = None) -> Run:
    data = load_data(source, None, settings, _nothing_is_left_out)
    target = source.with_suffix(".onnx")
    return Run(data, settings, target, CPU, sheets, load_state(state_path(target)) if resume else None)


def _nothing_is_left_out(name: str, why: str) -> None:
    raise AssertionError(f"{name}: {why}")


def _weights(source: Path) -> dict[str, torch.Tensor]:
    return dict(load_state(state_path(source.with_suffix(".onnx"))).module)


def _files(source: Path) -> tuple[bytes, bytes]:
    """The checkpoint and the state."""
    checkpoint = source.with_suffix(".onnx")
    return checkpoint.read_bytes(), state_path(checkpoint).read_bytes()


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_restore_learns_to_turn_letters_upright(archive: Path) -> None:
    epochs = list(_run(archive, quick(epochs=8)).epochs())
    assert epochs[0].error > 2
    assert epochs[-1].error < 1.5
    assert epochs[-1].angle_error is not None
    assert epochs[-1].angle_error < 4.5
    assert epochs[-1].move > 0.05
    image = letters("F", 1)[0]
    turned = np.asarray(Image.fromarray(image).rotate(30, Image.Resampling.BILINEAR))  # counter-clockwise
    (upright,) = Checkpoint.load(archive.with_suffix(".onnx")).localise([turned])
    assert isinstance(upright, MatrixTransform)
    scale, angle, _, _ = upright.parameters("similarity")
    assert np.rad2deg(angle) == pytest.approx(-30, abs=6)  # a positive angle would turn it further
    assert scale == pytest.approx(1, abs=0.1)


def test_classify_learns_classes_and_to_move_theta(archive: Path) -> None:
    settings = quick(
        TrainingRecipe.CLASSIFY, family=Family.AFFINE, scenes=256, epochs=6, rate=1e-3, localisation_rate=0.3
    )
    epochs = list(_run(archive, settings).epochs())
    assert epochs[-1].unit == "%"
    assert min(epoch.error for epoch in epochs) <= 34
    assert epochs[-1].loss < 0.5 * epochs[0].loss
    assert epochs[-1].move > 1e-3
    assert epochs[-1].gradient > 0
    assert Checkpoint.load(archive.with_suffix(".onnx")).metadata.family is Family.AFFINE


def test_theta_learns_what_is_known(archive: Path) -> None:
    random = np.random.default_rng(0)
    known = [MatrixTransform.from_parameters("similarity", (1, a, 0, 0)) for a in random.uniform(-0.6, 0.6, 200)]
    pictures = letters("F", 200)
    turned = [
        np.asarray(
            Image.fromarray(image).rotate(-np.rad2deg(each.parameters("similarity")[1]), Image.Resampling.BILINEAR)
        )
        for image, each in zip(pictures, known, strict=True)
    ]
    np.savez(archive, images=np.stack(turned), theta=np.stack([each.theta for each in known]))
    settings = quick(TrainingRecipe.THETA, ranges=None, scenes=1024, epochs=4)
    epochs = list(_run(archive, settings).epochs())
    assert epochs[-1].angle_error is not None
    assert epochs[-1].angle_error < 5
    assert epochs[-1].error < 0.5 * 28 * 0.3 / 2


@pytest.mark.parametrize(
    "changes",
    [
        {"family": Family.TRANSLATION, "ranges": Ranges.parse("shift=0.2")},
        {"family": Family.ATTENTION, "ranges": Ranges.parse("scale=0.6..1,shift=0.2")},
        {"family": Family.PROJECTIVE, "ranges": Ranges.parse("perspective=1.5,angle=20")},
        {
            "family": Family.THIN_PLATE_SPLINE,
            "control_points": (3, 4),
            "ranges": Ranges.parse("bend=0.2"),
            "network": LocalisationKind.DEEP,
            "filters": 4,
            "background": 1.0,
        },
        {"network": LocalisationKind.FC, "filters": None, "optimiser": Optimiser.SGD, "schedule": Schedule.STEPS},
        {"network": LocalisationKind.FC, "filters": None, "batch_norm": False},
        {"network": LocalisationKind.CONV, "batch_norm": False},
        {"init": Initialisation.PERTURBED, "schedule": Schedule.CONSTANT, "picture_weight": 1.0},
    ],
    ids=lambda changes: "-".join(str(value) for value in changes.values())[:40],
)
def test_every_family_and_network_gets_better(archive: Path, changes: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QuickExporter, "checkpoint", lambda *_: b"")  # what is exported is tested elsewhere
    settings = quick(**({"scenes": 256, "epochs": 3, "rate": 2e-3} | changes))
    run = _run(archive, settings)
    epochs = list(run.epochs())
    assert epochs[-1].validation_loss < epochs[0].validation_loss
    assert epochs[-1].diagnosis is None


def test_the_checkpoint_gives_the_networks_numbers_and_says_how_it_was_trained(archive: Path) -> None:
    run = _run(archive, quick(**SHORT, schedule=Schedule.CONSTANT))
    epochs = list(run.epochs())
    best = next(epoch for epoch in reversed(epochs) if epoch.is_best)
    metadata = Checkpoint.load(archive.with_suffix(".onnx")).metadata
    assert metadata.trained["epoch"] == best.number == run.progress.best_epoch
    assert metadata.trained["range"] == "angle=-40.0..40.0"
    assert metadata.input_size == (SIDE, SIDE)
    assert 0 < metadata.mean[0] < 0.5


def test_the_same_seed_is_the_same_run(archive: Path) -> None:
    list(_run(archive, quick(**SHORT)).epochs())
    first, checkpoint = _weights(archive), archive.with_suffix(".onnx").read_bytes()
    list(_run(archive, quick(**SHORT)).epochs())
    assert _same(first, _weights(archive))
    assert archive.with_suffix(".onnx").read_bytes() == checkpoint
    list(_run(archive, quick(**SHORT, seed=1)).epochs())
    assert not _same(first, _weights(archive))


@pytest.mark.parametrize(
    ("recipe", "changes"),
    [
        (TrainingRecipe.RESTORE, {}),
        (TrainingRecipe.RESTORE, {"scenes": 65, "batch": 64}),  # shared out as 33 and 32
        (
            TrainingRecipe.RESTORE,
            {"scenes": 33, "batch": 2, "network": LocalisationKind.FC, "filters": None},
        ),  # one step of three
        (TrainingRecipe.RESTORE, {"batch_norm": False}),
        (TrainingRecipe.CLASSIFY, {}),
    ],
    ids=str,
)
def test_a_resumed_run_is_the_run_that_never_stopped(archive: Path, recipe: TrainingRecipe, changes: dict) -> None:
    settings = quick(recipe, **(SHORT | changes))
    whole = list(_run(archive, settings).epochs())
    weights, checkpoint = _weights(archive), archive.with_suffix(".onnx").read_bytes()
    run = _run(archive, settings)
    next(run.epochs())

    resumed = _run(archive, settings, resume=True)
    assert resumed.progress.epoch == 1
    rest = list(resumed.epochs())
    assert [_numbers(epoch) for epoch in rest] == [_numbers(epoch) for epoch in whole[1:]]
    assert _same(weights, _weights(archive))
    assert archive.with_suffix(".onnx").read_bytes() == checkpoint
    assert _run(archive, settings, resume=True).is_finished


def _numbers(epoch: Epoch) -> Epoch:
    return replace(epoch, seconds=0.0)


def test_an_interrupt_in_an_epoch_leaves_the_last_whole_one(archive: Path) -> None:
    settings = quick(**SHORT)
    whole = list(_run(archive, settings).epochs())
    weights = _weights(archive)
    run = _run(archive, settings)
    with pytest.raises(KeyboardInterrupt):
        list(run.epochs(_on_call(3, KeyboardInterrupt)))
    assert load_state(state_path(archive.with_suffix(".onnx"))).progress.epoch == 1
    rest = list(_run(archive, settings, resume=True).epochs())
    assert _numbers(rest[-1]) == _numbers(whole[-1])
    assert _same(weights, _weights(archive))


def _on_call(number: int, error: type[BaseException]) -> Callable[..., None]:
    calls = 0

    def called(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            raise error

    return called


def test_other_images_are_not_the_same_run(archive: Path) -> None:
    next(_run(archive, quick(**SHORT)).epochs())
    np.savez(archive, images=letters("FLP", 35))
    with pytest.raises(CheckpointError, match="had other images"):
        _run(archive, quick(**SHORT), resume=True)


@pytest.mark.parametrize("key", ["theta", "output_size"])
def test_other_parameters_are_not_the_same_run(tmp_path: Path, key: str) -> None:
    folder, params = save_folder(tmp_path / "in"), tmp_path / "known.jsonl"
    settings = quick(TrainingRecipe.THETA, **SHORT)

    def state(row: dict[str, object], saved: Saved | None = None) -> Run:
        lines = [json.dumps({"image": path.name} | row) for path in sorted(folder.iterdir())]
        params.write_text("\n".join(lines))
        data = load_data(folder, params, settings, _nothing_is_left_out)
        return Run(data, settings, tmp_path / "a.onnx", CPU, None, saved)

    row: dict[str, object] = {"theta": [1, 0, 0, 0, 1, 0], "output_size": {"width": 28, "height": 28}}
    next(state(row).epochs())
    saved = load_state(tmp_path / "a.onnx.state")
    state(row, saved)
    changed = {"theta": [1, 0, 0, 0, 1, 0.5], "output_size": {"width": 56, "height": 28}}
    with pytest.raises(CheckpointError, match="had other images or parameters"):
        state(row | {key: changed[key]}, saved)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"cos\nsystem\n(S'true'\ntR."])
def test_a_file_that_is_no_state_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.onnx.state").write_bytes(content)
    with pytest.raises(CheckpointError, match="not the state of a run"):
        load_state(tmp_path / "a.onnx.state")


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_run_of_an_earlier_version_is_refused_in_words(archive: Path, version: int) -> None:
    next(_run(archive, quick(**SHORT)).epochs())
    path = state_path(archive.with_suffix(".onnx"))
    content = torch.load(path, weights_only=True)
    torch.save(content | {"version": version}, path)
    with pytest.raises(CheckpointError, match="another version of stnwarp; go on with that one, or give --overwrite"):
        load_state(path)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_conv_has_batch_normalisation_unless_told_otherwise(archive: Path, batch_norm: bool) -> None:
    settings = quick(**SHORT) if batch_norm else quick(**SHORT, batch_norm=False)
    list(_run(archive, settings).epochs())
    assert any("running_mean" in name for name in _weights(archive)) is batch_norm
    assert Checkpoint.load(archive.with_suffix(".onnx")).metadata.trained["batch_norm"] is batch_norm


def _description(source: Path) -> str:
    return Checkpoint.load(source.with_suffix(".onnx")).metadata.description


def test_a_description_stands_in_the_checkpoint_and_can_be_replaced(archive: Path) -> None:
    settings = quick(**SHORT)
    list(_run(archive, replace(settings, description="letters")).epochs())
    assert _description(archive) == "letters"
    whole, _ = _files(archive)

    next(_run(archive, settings).epochs())
    assert _description(archive) == "trained by recipe restore"
    resumed = _run(archive, replace(settings, description="letters"), resume=True)
    assert _description(archive) == "letters"  # at once: no later epoch may be better
    assert load_state(state_path(archive.with_suffix(".onnx"))).settings.description == "letters"
    list(resumed.epochs())
    assert _files(archive)[0] == whole


def test_a_run_whose_checkpoint_was_moved_goes_on_with_a_new_description(archive: Path) -> None:
    next(_run(archive, quick(**SHORT)).epochs())
    archive.with_suffix(".onnx").unlink()
    settings = quick(**SHORT, description="letters")
    _run(archive, settings, resume=True)
    assert _description(archive) == "letters"  # the state holds the best network, which is written again
    assert load_state(state_path(archive.with_suffix(".onnx"))).settings == settings


def test_a_lost_checkpoint_is_written_again_from_the_state(archive: Path) -> None:
    next(_run(archive, quick(**SHORT)).epochs())
    checkpoint, _ = _files(archive)
    archive.with_suffix(".onnx").unlink()
    run = _run(archive, quick(**SHORT), resume=True)
    assert (run.lost, run.progress.best_epoch) == (0, 1)
    assert archive.with_suffix(".onnx").read_bytes() == checkpoint


def test_a_best_network_that_is_lost_is_told_and_replaced(archive: Path) -> None:
    settings = quick(**(SHORT | {"epochs": 2}), rate=1e-30, schedule=Schedule.CONSTANT)
    run = _run(archive, settings)
    list(run.epochs())
    assert run.progress.best_epoch == 1
    archive.with_suffix(".onnx").unlink()
    with pytest.raises(CheckpointError, match="it is gone, and its run is finished; the state holds the network of ep"):
        _run(archive, settings, resume=True)
    run = _run(archive, replace(settings, epochs=3), resume=True)
    assert run.lost == 1
    list(run.epochs())
    assert run.progress.best_epoch == 3
    assert Checkpoint.load(archive.with_suffix(".onnx")).metadata.trained["epoch"] == 3


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("progress", {"epoch": "x"}),
        ("progress", {"best": (1.0,)}),
        ("progress", {"wrong": -1}),
        ("module", {"last.bias": torch.zeros(1)}),
        ("module", {"more": torch.zeros(1)}),
        ("optimiser", {"param_groups": []}),
    ],
)
def test_a_damaged_state_is_a_broken_one(archive: Path, part: str, changes: dict) -> None:
    next(_run(archive, quick(**SHORT)).epochs())
    path = state_path(archive.with_suffix(".onnx"))
    content = torch.load(path, weights_only=True)
    torch.save(content | {part: content[part] | changes}, path)
    with pytest.raises(CheckpointError, match="not the state of a run, or a broken one"):
        _run(archive, quick(**SHORT), resume=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of Unix")
def test_a_named_pipe_is_no_state_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.onnx.state")
    with pytest.raises(CheckpointError, match="not a file but a named pipe"):
        load_state(tmp_path / "a.onnx.state")


def test_there_is_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no run to resume"):
        load_state(tmp_path / "a.onnx.state")


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _run(archive, quick(**SHORT))
    epochs = run.epochs()
    next(epochs)
    before = _files(archive)
    step = PointRecipe.step

    def poisoned(self: PointRecipe, indices: torch.Tensor, generator: torch.Generator) -> Step:
        made = step(self, indices, generator)
        return replace(made, loss=made.loss * float("nan"))

    monkeypatch.setattr(PointRecipe, "step", poisoned)
    with pytest.raises(
        TrainingError, match="stopped in epoch 2, the checkpoint of epoch 1 is kept: the loss is not finite"
    ):
        next(epochs)
    assert _files(archive) == before


def test_a_full_disk_keeps_the_last_good_files(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = quick(**SHORT)
    whole = list(_run(archive, settings).epochs())
    run = _run(archive, settings)
    epochs = run.epochs()
    next(epochs)
    before = _files(archive)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("stnwarp.files.atomic.os.write", full)
        with pytest.raises(OutputError, match="last good files are kept: free some space, then go on with --resume"):
            next(epochs)
    assert _files(archive) == before
    assert sorted(path.name for path in archive.parent.iterdir()) == [
        "letters.npz",
        "letters.onnx",
        "letters.onnx.state",
    ]
    assert _numbers(list(_run(archive, settings, resume=True).epochs())[-1]) == _numbers(whole[-1])


def test_a_run_without_progress_stops_early(archive: Path) -> None:
    settings = quick(scenes=32, epochs=50, patience=2, rate=1e-9, schedule=Schedule.CONSTANT)
    run = _run(archive, settings)
    epochs = list(run.epochs())
    assert len(epochs) < 50
    assert run.progress.epoch - run.progress.best_epoch == 2


def test_what_stays_wrong_stops_the_run(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stnwarp.training.running.diagnosis", lambda *_, is_useful: Diagnosis.BLANK)
    run = _run(archive, quick(scenes=32, epochs=9))
    found = []
    with pytest.raises(TrainingError, match="stopped after epoch 3: blank output"):
        found.extend(run.epochs())
    assert archive.with_suffix(".onnx").exists()


def test_a_blank_output_is_noticed(archive: Path) -> None:
    data = load_data(archive, None, quick(**SHORT), _nothing_is_left_out)
    run = Run(data, quick(**SHORT), archive.with_suffix(".onnx"), CPU)
    with torch.no_grad():
        run._recipe.localisation.last.bias[0] = -50.0  # a corner, as small as the bounds allow
        run._recipe.localisation.last.bias[2] = 50.0
        run._recipe.localisation.last.bias[3] = 50.0
    assert next(run.epochs()).diagnosis is Diagnosis.BLANK


def test_an_interrupt_after_the_checkpoint_does_the_epoch_again(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sheets").mkdir()
    run = _run(archive, quick(**SHORT), sheets=tmp_path / "sheets")
    monkeypatch.setattr(run, "_save", _on_call(1, KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        next(run.epochs())
    assert archive.with_suffix(".onnx").exists()
    assert not any((tmp_path / "sheets").iterdir())  # none of an epoch that the state does not tell of
    assert load_state(state_path(archive.with_suffix(".onnx"))).progress.epoch == 0


@pytest.mark.parametrize("has_earlier", [False, True])
def test_a_first_epoch_that_cannot_be_saved_leaves_nothing(
    archive: Path, monkeypatch: pytest.MonkeyPatch, has_earlier: bool
) -> None:
    target = archive.with_suffix(".onnx")
    if has_earlier:
        target.write_text("earlier")
    write, run = write_file, _run(archive, quick(**SHORT))

    def full(path: Path, data: bytes, **options: Any) -> None:
        with monkeypatch.context() as patched:
            if path == state_path(target):
                patched.setattr("stnwarp.files.atomic.os.write", _on_call(1, OSError))
            write(path, data, **options)

    monkeypatch.setattr("stnwarp.training.running.write_file", full)
    with pytest.raises(OutputError) as caught:
        next(run.epochs())
    nor = f", nor is the {target} that it replaced" if has_earlier else ""
    assert f"; nothing of this run is kept{nor}: " in str(caught.value)
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]


def test_a_first_sheet_that_cannot_be_written_keeps_the_epoch(archive: Path, tmp_path: Path) -> None:
    run = _run(archive, quick(**SHORT), sheets=tmp_path / "no")
    with pytest.raises(OutputError, match=r"last good files are kept: .* then go on with --resume"):
        next(run.epochs())
    assert _run(archive, quick(**SHORT), resume=True).progress.epoch == 1
    assert archive.with_suffix(".onnx").exists()


def test_the_first_file_that_cannot_be_written_promises_nothing(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("stnwarp.files.atomic.os.write", gone)
    with pytest.raises(OutputError, match="error; nothing of this run is kept: make it possible to write there, then"):
        _run(archive, quick(**SHORT))
    assert not state_path(archive.with_suffix(".onnx")).exists()


def test_sheets_show_the_same_images_each_epoch(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "sheets").mkdir()
    list(_run(archive, quick(**SHORT), sheets=tmp_path / "sheets").epochs())
    sheets = sorted((tmp_path / "sheets").iterdir())
    assert [path.name for path in sheets] == ["epoch_0001.png", "epoch_0002.png", "epoch_0003.png"]
    first, last = (np.asarray(Image.open(path).convert("RGB")).astype(int) for path in (sheets[0], sheets[-1]))
    assert first.shape == last.shape
    differs = (first != last).any(axis=2)
    assert 0 < differs.mean() < 0.5
