"""What `stnwarp train` refuses before any work is done, with nothing left behind, and what it says of a bad network."""

from pathlib import Path

import pytest

from stnwarp.cli.numbers import Whole
from tests.cli_tools import DROP_PRIVILEGES, run, spawn
from tests.training_data import save_folder
from tests.training_exports import quick_exports as quick_exports

QUICK = ("--family", "similarity", "--scenes", "64", "--batch", "32", "--threads", "1", "--epochs", "1")
RESTORE = ("--recipe", "restore", "--range", "angle=40", *QUICK)
CLASSIFY = ("--recipe", "classify", *QUICK)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    save_folder(tmp_path / "in" / "F", "F", 6)
    save_folder(tmp_path / "in" / "L", "L", 6)
    return tmp_path / "in"


def _left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ((*RESTORE, "--input-size", "5000x30"), 2, "--input-size 5000x30: a side has at most 4096 pixels"),
        ((*RESTORE, "--output-size", "100000000000x1"), 2, "--output-size 100000000000x1: a side has at most 21474836"),
        ((*CLASSIFY, "--output-size", "6000000x60000"), 2, "--output-size 6000000x60000: a step of 2 images takes"),
        ((*RESTORE, "--network", "fc", "--filters", "9"), 2, "network fc has no convolutions, and so no filters"),
        ((*RESTORE, "--seed", "1" + 20 * "0"), 2, "is not a whole number from 0 to 999999999999999999"),
    ],
)
def test_what_cannot_be_leaves_nothing_behind(
    images: Path, tmp_path: Path, options: tuple[str, ...], code: int, message: str
) -> None:
    ran = run("train", images, "-o", tmp_path / "a.onnx", *options)
    assert (ran.code, message in ran.error) == (code, True), ran.stderr
    assert _left(tmp_path) == {"in"}


@pytest.mark.parametrize("more", [(), ("--overwrite",)])
@pytest.mark.parametrize("name", ["a.onnx", "a.onnx.state", "sheets/epoch_0001.png"])
def test_a_directory_in_the_way_is_refused_before_the_work(
    images: Path, tmp_path: Path, name: str, more: tuple[str, ...]
) -> None:
    (tmp_path / name).mkdir(parents=True)
    before = _left(tmp_path)
    ran = run("train", images, "-o", tmp_path / "a.onnx", *RESTORE, "--sheets", tmp_path / "sheets", *more)
    assert ran.code == 2
    assert ran.error == f"{tmp_path / name}: a directory is in the way; choose another output"
    assert _left(tmp_path) == before


@pytest.mark.parametrize(
    "name", ["n" * 300 + ".onnx", "n" * 245 + ".onnx", "m" * 300 + "/a.onnx", "new/" + "n" * 300 + ".onnx"]
)
def test_a_name_that_is_too_long_is_refused_before_the_work(images: Path, tmp_path: Path, name: str) -> None:
    ran = run("train", images, "-o", tmp_path / name, *RESTORE)
    assert ran.code == 4
    assert ran.error.endswith(": file name too long; give a shorter one")
    assert _left(tmp_path) == {"in"}


def test_sheets_of_others_are_kept_unless_told(images: Path, tmp_path: Path) -> None:
    sheets = tmp_path / "sheets"
    sheets.mkdir()
    (sheets / "epoch_0007.png").write_text("mine")
    (sheets / "epoch.txt").write_text("no sheet")
    command = ("train", images, "-o", tmp_path / "a.onnx", *RESTORE, "--sheets", sheets)
    ran = run(*command)
    assert ran.code == 2
    assert ran.error == f"{sheets / 'epoch_0007.png'}: exists already; give --overwrite or another --sheets"
    assert run(*command, "--overwrite").code == 0
    assert (sheets / "epoch_0007.png").read_text() == "mine"  # of an epoch that this run has not


def test_a_run_that_goes_on_replaces_no_sheets(images: Path, tmp_path: Path) -> None:
    sheets, others = tmp_path / "sheets", tmp_path / "others"
    others.mkdir()
    (others / "epoch_0002.png").write_text("mine")
    command = ("train", images, "-o", tmp_path / "a.onnx")
    assert run(*command, *RESTORE, "--schedule", "constant", "--sheets", sheets).code == 0
    first = (sheets / "epoch_0001.png").read_bytes()
    ran = run(*command, "--resume", "--epochs", "2", "--sheets", others)
    assert ran.code == 2
    assert ran.error == f"{others / 'epoch_0002.png'}: exists already; give another --sheets"
    assert (others / "epoch_0002.png").read_text() == "mine"
    assert run(*command, "--resume", "--epochs", "2", "--sheets", sheets).code == 0
    assert _left(sheets) == {"epoch_0001.png", "epoch_0002.png"}
    assert (sheets / "epoch_0001.png").read_bytes() == first
    assert run(*command, "--resume", "--epochs", "3", "--sheets", others).code == 0  # below what it will write
    assert (others / "epoch_0002.png").read_text() == "mine"


@pytest.mark.parametrize("name", ["in", "in/sheets", "linked/sheets", "in/F/../sheets"])
def test_sheets_among_the_images_are_refused(images: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "linked").symlink_to(images)
    ran = run("train", images, "-o", tmp_path / "a.onnx", *RESTORE, "--sheets", tmp_path / name)
    assert ran.code == 2
    assert f"it lies in {images}, where sheets would be learnt from" in ran.error
    assert not (images / "sheets").exists()


def test_sheets_in_a_linked_class_are_refused_and_hidden_ones_are_not(images: Path, tmp_path: Path) -> None:
    save_folder(tmp_path / "elsewhere", "T", 6)
    (images / "T").symlink_to(tmp_path / "elsewhere")
    command = ("train", images, "-o", tmp_path / "a.onnx", *CLASSIFY, "--sheets")
    ran = run(*command, images / "T" / "sheets")
    assert ran.code == 2
    assert "where sheets would be learnt from" in ran.error
    ran = run(*command, images / ".sheets")
    assert ran.code == 0, ran.stderr
    assert _left(images / ".sheets") == {"epoch_0001.png"}


def test_a_checkpoint_that_went_missing_is_not_reported(images: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.onnx"
    still = ("--rate", "1e-30", "--schedule", "constant")
    assert run("train", images, "-o", target, *RESTORE[:-2], *still, "--epochs", "2").code == 0
    target.unlink()
    ran = run("train", images, "-o", target, "--resume")
    assert ran.code == 4
    assert f"error: {target}: it is gone, and its run is finished" in ran.stderr
    ran = run("train", images, "-o", target, "--resume", "--epochs", "3")
    assert ran.code == 0, ran.stderr
    assert f"warning: {target} is gone, and with it the network of epoch 1; the best from here on is kept" in ran.stderr
    assert ran.stderr.endswith("the network of epoch 3, the best of 3\n")
    assert target.is_file()


def test_a_network_that_is_no_better_than_the_identity_is_not_called_best_without_a_word(
    images: Path, tmp_path: Path
) -> None:
    ran = run("train", images, "-o", tmp_path / "a.onnx", *RESTORE, "--rate", "1", "--json")
    assert ran.code == 0, ran.stderr
    assert "(best, no better than the identity)" in ran.stderr
    assert f"warning: {tmp_path / 'a.onnx'} is no better than the identity: its error is " in ran.stderr
    (record,) = ran.records
    assert record["validation_error"] >= record["baseline_error"]


def test_memory_that_is_not_enough_is_told_with_the_options(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("stnwarp.training.networks.classifier.Classifier.forward", full)
    ran = run("train", images, "-o", tmp_path / "a.onnx", *CLASSIFY, "--output-size", "40x30")
    assert ran.code == 4
    assert ran.stderr.splitlines()[-1] == (
        "stnwarp: error: not enough memory to learn from up to 32 images of 28x28 pixels and outputs of 40x30 at a "
        "time; give a smaller --batch, --input-size or --output-size"
    )
    assert _left(tmp_path) == {"in"}


def test_a_folder_that_cannot_be_searched_ends_with_1(images: Path, tmp_path: Path) -> None:
    (images / "closed").mkdir(mode=0)
    ran = spawn("train", images, "-o", tmp_path / "a.onnx", *CLASSIFY, before=DROP_PRIVILEGES)
    assert ran.code == 1, ran.stderr
    assert "stnwarp: failed: closed: a directory that cannot be searched: permission denied; left out" in ran.stderr


@pytest.mark.parametrize(
    ("name", "message"), [("no", "no such file or directory"), ("in/F/000.png", "not a directory")]
)
def test_data_that_is_no_folder_is_told_so(images: Path, tmp_path: Path, name: str, message: str) -> None:
    ran = run("train", tmp_path / name, "-o", tmp_path / "a.onnx", *RESTORE)
    assert ran.code == 3
    assert ran.error == f"{tmp_path / name}: {message}; name a folder of images, or an .npz file"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("-1", "'-1' is not a whole number of at least 0"),
        ("x", "'x' is not a whole number of at least 0"),
        ("-" + 30 * "9", "of at least 0"),
        (30 * "9", "is not a whole number from 0 to 999999999999999999"),
    ],
)
def test_whole_numbers_say_what_they_may_be(value: str, message: str) -> None:
    ran = run("train", "in", "-o", "a.onnx", "--seed", value)
    assert ran.code == 2
    assert message in ran.error


def test_zeros_in_front_do_not_make_a_number_large() -> None:
    assert Whole(0).convert(30 * "0" + "7", None, None) == 7
