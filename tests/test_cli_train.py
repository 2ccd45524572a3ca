"""`stnwarp train` as its users meet it: what it writes, says, refuses, and how it goes on."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stnwarp.training.state import load_state
from stnwarp.transforms import from_fields
from tests.cli_tools import command_line, environment, run, spawn
from tests.training_data import letters, save_folder
from tests.training_exports import quick_exports as quick_exports

QUICK = ("--family", "similarity", "--filters", "8", "--scenes", "64", "--batch", "32", "--threads", "1")
RESTORE = ("--recipe", "restore", "--range", "angle=40", *QUICK)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return save_folder(tmp_path / "in", "FL", 12)


def test_a_run_writes_a_checkpoint_that_apply_takes(images: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.onnx"
    ran = run("train", images, "-o", target, *RESTORE, "--epochs", "2", "--json", "--sheets", tmp_path / "sheets")
    assert ran.code == 0, ran.stderr
    assert {path.name for path in target.parent.iterdir()} == {"a.onnx", "a.onnx.state"}
    assert len(list((tmp_path / "sheets").iterdir())) == 2
    first, second = ran.records
    assert (first["epoch"], second["epoch"], first["unit"], first["best"]) == (1, 2, "px", True)
    assert {
        "loss",
        "validation_error",
        "angle_error",
        "theta_from_identity",
        "outside",
        "gradient",
        "rate",
        "seconds",
    } <= {*first}
    lines = ran.stderr.splitlines()
    assert lines[0] == "stnwarp: 11 images to learn from, 1 kept back"
    assert lines[1].startswith("stnwarp: epoch 1/2: loss ")
    assert lines[-1].startswith(f"stnwarp: {target}: the network of epoch")

    applied = run(
        "apply", images, "-o", tmp_path / "out", "--checkpoint", target, "--save-params", tmp_path / "p.jsonl"
    )
    assert applied.code == 0, applied.stderr
    assert len(list((tmp_path / "out").iterdir())) == 12
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    assert all("theta" in row for row in rows)
    assert from_fields({"theta": rows[0]["theta"]})


def test_a_corrupt_image_is_named_counted_and_left_out(images: Path, tmp_path: Path) -> None:
    clean = run("train", images, "-o", tmp_path / "clean.onnx", *RESTORE, "--epochs", "1")
    assert clean.code == 0, clean.stderr
    (images / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    target = tmp_path / "a.onnx"
    ran = run("train", images, "-o", target, *RESTORE, "--epochs", "1")
    assert ran.code == 1, ran.stderr
    failed, counts, *_, last = ran.stderr.splitlines()
    assert failed.startswith("stnwarp: failed: bad.png: ")
    assert failed.endswith("; left out")
    assert counts == "stnwarp: 11 images to learn from, 1 kept back, 1 left out"
    assert last == f"stnwarp: {target}: the network of epoch 1, the best of 1; 1 left out"
    assert target.read_bytes() == (tmp_path / "clean.onnx").read_bytes()  # the others learnt as without it

    resumed = run("train", images, "-o", target, "--resume", "-q")
    assert (resumed.code, resumed.stderr) == (1, failed + "\n")


def test_a_row_without_a_transform_is_a_failed_image(images: Path, tmp_path: Path) -> None:
    rows = [{"image": f"{index:03}.png", "theta": np.eye(3).tolist()} for index in range(11)]
    rows.append({"image": "011.png", "error": "could not be read"})
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ran = run(
        "train", images, "-o", tmp_path / "a.onnx", "--recipe", "theta", "--params", tmp_path / "p.jsonl", *QUICK,
        "--epochs", "1",
    )  # fmt: skip
    assert ran.code == 1, ran.stderr
    assert ran.stderr.startswith("stnwarp: failed: 011.png: ")


def test_info_shows_the_description(images: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.onnx"
    assert run("train", images, "-o", target, *RESTORE, "--epochs", "1").code == 0
    assert _facts(target)["description"] == "trained by recipe restore"
    assert run("train", images, "-o", target, "--resume", "--description", "letters, upright").code == 0
    assert _facts(target)["description"] == "letters, upright"
    again = run("train", images, "-o", target, *RESTORE, "--epochs", "1", "--overwrite", "--description", "letters")
    assert again.code == 0, again.stderr
    facts = _facts(target)
    assert (facts["description"], facts["trained"]["recipe"]) == ("letters", "restore")
    assert run("train", images, "-o", target, "--resume").code == 0
    assert _facts(target)["description"] == "letters"


def _facts(checkpoint: Path) -> dict[str, Any]:
    (facts,) = run("info", checkpoint, "--json").records
    return facts


def test_the_papers_plain_network_can_be_had(images: Path, tmp_path: Path) -> None:
    ran = run("train", images, "-o", tmp_path / "a.onnx", *RESTORE, "--epochs", "1", "--no-batch-norm")
    assert ran.code == 0, ran.stderr
    assert _facts(tmp_path / "a.onnx")["trained"]["batch_norm"] is False


def test_batches_leave_no_image_alone(images: Path, tmp_path: Path) -> None:
    ran = run("train", images, "-o", tmp_path / "a.onnx", "--recipe", "restore", "--range", "angle=9", *QUICK[:2],
        "--network", "fc", "--scenes", "65", "--batch", "64", "--threads", "1", "--epochs", "1",
    )  # fmt: skip
    assert ran.code == 0, ran.stderr


def test_a_resumed_run_ends_as_if_it_had_not_stopped(images: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.onnx", tmp_path / "parts.onnx"
    constant = (*RESTORE, "--schedule", "constant")
    assert run("train", images, "-o", whole, *constant, "--epochs", "3").code == 0
    assert run("train", images, "-o", parts, *constant, "--epochs", "1").code == 0
    resumed = run("train", images, "-o", parts, "--resume", "--epochs", "3", "--threads", "1")
    assert resumed.code == 0, resumed.stderr
    one, other = (load_state(path.with_name(path.name + ".state")).module for path in (whole, parts))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert whole.read_bytes() == parts.read_bytes()
    again = run("train", images, "-o", parts, "--resume")
    assert again.code == 0
    assert "the network of epoch" in again.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--seed", "1"), "--seed differs from that of the run to resume"),
        (("--range", "angle=10"), "--range differs"),
        (("--no-batch-norm",), "--batch-norm differs from that of the run to resume"),
        (("--description", "\x07"), "take the character '\\x07' out of it"),
        (("--epochs", "9"), "--epochs decides how the rate falls"),
        (("--overwrite",), "exclude each other"),
    ],
)
def test_a_run_goes_on_only_as_it_began(images: Path, tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    assert run("train", images, "-o", tmp_path / "a.onnx", *RESTORE, "--epochs", "1").code == 0
    ran = run("train", images, "-o", tmp_path / "a.onnx", "--resume", *options)
    assert ran.code == 2
    assert message in ran.error


def test_a_checkpoint_that_exists_is_kept_unless_told(images: Path, tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_text("mine")
    ran = run("train", images, "-o", tmp_path / "a.onnx", *RESTORE)
    assert ran.code == 2
    assert ran.error.endswith("exists already; give --overwrite, --resume or another name")
    assert (tmp_path / "a.onnx").read_text() == "mine"
    assert run("train", images, "-o", tmp_path / "a.onnx", *RESTORE, "--epochs", "1", "--overwrite").code == 0


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ((), 2, "give --recipe, one of classify, restore, theta"),
        (("--recipe", "restor"), 2, "did you mean 'restore'"),
        (("--recipe", "restore"), 2, "needs the range of warps"),
        (("--recipe", "restore", "--range", "angel=3"), 2, "did you mean 'angle'"),
        (("--recipe", "classify"), 2, "two classes or more"),
        (("--recipe", "theta"), 2, "needs the transforms of the images in a parameter file"),
        (("--recipe", "theta", "--params", "missing.jsonl"), 2, "missing.jsonl"),
        ((*RESTORE, "--padding-mode", "wrap"), 2, "wrap is not possible"),
        ((*RESTORE, "--input-size", "10x10"), 2, "needs at least 28x28 pixels, got 10x10; give a larger --input-size"),
        (("--recipe", "classify", "--output-size", "9x9"), 2, "24x24 pixels, got 9x9; give a larger --output-size"),
        ((*RESTORE, "--rate", "0"), 2, "above 0"),
        ((*RESTORE[:4], "--scenes", "1"), 2, "'1' is not a whole number from 2"),
        ((*RESTORE[:4], "--batch", "1"), 2, "'1' is not a whole number from 2"),
        ((*RESTORE, "--network", "deep", "--no-batch-norm"), 2, "deep always has batch normalisation"),
        ((*RESTORE, "--description", "a\nb"), 2, "one line of text; take the character '\\n' out of it"),
        ((*RESTORE, "--description", "a" * 501), 2, "at most 500 characters, got 501"),
        ((*RESTORE, "--validation", "test"), 2, "only an .npz has a test set"),
        ((*RESTORE, "--device", "cuda"), 2, "PyTorch finds no GPU"),
        ((*RESTORE, "--resume"), 4, "there is no run to resume"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    images: Path, tmp_path: Path, options: tuple[str, ...], code: int, message: str
) -> None:
    if "cuda" in options and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    ran = run("train", images, "-o", tmp_path / "a.onnx", *options)
    assert (ran.code, message in ran.error) == (code, True), ran.stderr
    assert not (tmp_path / "a.onnx").exists()


def test_the_state_of_a_run_is_not_lost_by_the_way(images: Path, tmp_path: Path) -> None:
    (tmp_path / "a.onnx.state").write_text("a run that was stopped before it had a checkpoint")
    ran = run("train", images, "-o", tmp_path / "a.onnx", *RESTORE)
    assert ran.code == 2
    assert "a.onnx.state: exists already" in ran.error


def test_a_range_that_the_family_cannot_undo_is_told(images: Path, tmp_path: Path) -> None:
    ran = run("train", images, "-o", tmp_path / "a.onnx", *RESTORE[:3], "angle=20,bend=0.1", *QUICK, "--epochs", "1")
    assert ran.code == 0
    assert ran.stderr.startswith("stnwarp: warning: family similarity cannot undo bend; it learns to come near\n")


def test_a_range_beyond_the_bounds_of_the_family_is_told(images: Path, tmp_path: Path) -> None:
    ran = run("train", images, "-o", tmp_path / "a.onnx", *RESTORE[:3], "scale=5", *QUICK, "--epochs", "1")
    assert ran.code == 0
    told = "family similarity cannot undo scale as far as --range goes; give a smaller range, or let it come near"
    assert f"stnwarp: warning: {told}\n" in ran.stderr


def test_another_suffix_is_refused(images: Path, tmp_path: Path) -> None:
    ran = run("train", images, "-o", tmp_path / "a.onx", *RESTORE)
    assert ran.code == 2
    assert "did you mean '.onnx'" in ran.error


def test_a_folder_without_images_ends_with_3(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    ran = run("train", tmp_path / "in", "-o", tmp_path / "a.onnx", *RESTORE)
    assert ran.code == 3
    assert "no image found" in ran.error


def test_an_output_that_takes_no_file_ends_with_4(images: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = run("train", images, "-o", tmp_path / "file" / "a.onnx", *RESTORE)
    assert ran.code == 4
    assert "is not a directory" in ran.error


def test_what_goes_wrong_ends_with_4_and_a_remedy(images: Path, tmp_path: Path) -> None:
    # With such a rate the network is thrown to its bounds within two steps.
    ran = run(
        "train", images, "-o", tmp_path / "a.onnx", *RESTORE, "--rate", "100", "--optimiser", "sgd", "--epochs", "40"
    )
    assert ran.code == 4, ran.stderr
    assert "blank output: " in ran.stderr.splitlines()[-1]
    assert ran.stderr.endswith("or --rate\n")


def test_without_pytorch_the_line_to_type_is_told(images: Path, tmp_path: Path) -> None:
    script = (
        "import sys, importlib.util as util\nfind = util.find_spec\n"
        "util.find_spec = lambda name, *place: None if name == 'torch' else find(name, *place)\n"
        "from stnwarp.cli import main\nmain(sys.argv[1:])"
    )
    arguments = ["train", str(images), "-o", str(tmp_path / "a.onnx"), *RESTORE]
    done = subprocess.run(
        [command_line()[0], "-c", script, *arguments], capture_output=True, text=True, env=environment(), check=False
    )
    assert done.returncode == 4
    assert done.stderr == "stnwarp: error: training needs torch; install it with: pip install 'stnwarp[train]'\n"


def test_help_loads_neither_pytorch_nor_numpy() -> None:
    script = (
        "import sys\nfrom stnwarp.cli import main\ntry:\n    main(['train', '--help'])\nexcept SystemExit:\n    pass\n"
        "assert not {'torch', 'numpy', 'onnx', 'PIL'} & set(sys.modules)"
    )
    subprocess.run([command_line()[0], "-c", script], env=environment(), check=True, capture_output=True)


def test_ctrl_c_says_how_to_go_on(images: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.onnx"
    arguments = ("train", images, "-o", target, *RESTORE, "--epochs", "500", "--patience", "0")
    with subprocess.Popen(
        command_line(*arguments), stderr=subprocess.PIPE, text=True, env=environment(), stdin=subprocess.DEVNULL
    ) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "epoch 2/" in line)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        rest = process.stderr.read()
        assert process.wait(60) == 130
    assert time.monotonic() - started < 20
    assert rest.splitlines()[-1].startswith("stnwarp: error: interrupted; ")
    assert rest.splitlines()[-1].endswith("whole epochs are kept; run it again with --resume to go on")
    done = load_state(target.with_name("a.onnx.state")).progress.epoch
    assert done >= 2
    assert {path.name for path in tmp_path.iterdir()} == {"in", "a.onnx", "a.onnx.state"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="ulimit is of Unix")
def test_a_full_disk_leaves_what_was_there(images: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.onnx"
    limit = "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))"
    target.write_text("mine")
    ran = spawn("train", images, "-o", target, *RESTORE, "--overwrite", before=limit)
    assert ran.code == 4
    assert ran.stderr.splitlines()[-1].endswith(
        "; nothing of this run is kept: raise the limit that is set for files, then run it again"
    )
    assert target.read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"in", "a.onnx"}


def test_classes_and_archives_from_the_command_line(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "a.npz",
        x_train=letters("FT", 24),
        y_train=np.arange(24) % 2,
        x_test=letters("FT", 8),
        y_test=np.arange(8) % 2,
    )
    ran = run(
        "train", tmp_path / "a.npz", "-o", tmp_path / "a.onnx", "--recipe", "classify", *QUICK[2:], "--family", "tps",
        "--epochs", "1", "--validation", "test", "--json", "-q",
    )  # fmt: skip
    assert ran.code == 0, ran.stderr
    assert ran.stderr == ""
    assert ran.records[0]["unit"] == "%"


def test_known_transforms_from_the_command_line(images: Path, tmp_path: Path) -> None:
    applied = run("apply", images, "-o", tmp_path / "turned", "--rotate", "20", "--save-params", tmp_path / "p.jsonl")
    assert applied.code == 0, applied.stderr
    ran = run(
        "train", images, "-o", tmp_path / "a.onnx", "--recipe", "theta", "--params", tmp_path / "p.jsonl", *QUICK[:4],
        "--epochs", "6", "--scenes", "512", "--batch", "32", "--rate", "0.01", "--threads", "1", "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.stderr
    assert min(record["angle_error"] for record in ran.records) < 3
