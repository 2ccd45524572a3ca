"""What a worker of somebody else's needs, such as one of a cluster, can be pickled, and does the same there."""

import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stnwarp import errors
from stnwarp.conventions import BeyondLimit, Interpolation, PaddingMode
from stnwarp.folder import (
    Guards,
    Listed,
    OneForAll,
    Outcome,
    Plan,
    Predicted,
    Settings,
    Status,
    find_sources,
    plan,
    process,
)
from stnwarp.localisation import Checkpoint, Localiser
from stnwarp.params import read_parameters
from stnwarp.transforms import (
    CornersSpec,
    GridSpec,
    Limits,
    MatrixTransform,
    Move,
    MoveKind,
    MovesSpec,
    PixelMatrixSpec,
    SamplingGrid,
    ThetaSpec,
    ThinPlateSpline,
    TransformSpec,
    compose,
    control_points,
)
from tests.cli_tools import contents, good_files, save
from tests.onnx_files import affine, network, saved

TURN = MatrixTransform(np.array([[0.9, 0.1, 0.1], [-0.1, 0.9, 0.0]]))
SPLINE = ThinPlateSpline(control_points(3, 3) * 0.9)
RECIPES = [
    ThetaSpec(TURN),
    PixelMatrixSpec(TURN.theta),
    CornersSpec(np.array([[1.0, 2.0], [20.0, 3.0], [18.0, 20.0], [2.0, 19.0]])),
    MovesSpec((Move(MoveKind.ROTATE, (20.0,)), Move(MoveKind.SCALE, (0.5, 2.0)))),
    TransformSpec(SPLINE),
    TransformSpec(compose(TURN, SPLINE)),
    GridSpec(SamplingGrid(np.random.default_rng(1).random((20, 30, 2)), False)),
]


def _again(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def _plan(folder: Path, name: str = "out") -> Plan:
    good_files(folder / "in")
    return plan(find_sources([str(folder / "in")]), str(folder / name))


def _guides(folder: Path) -> list[Any]:
    rows = folder / "rows.jsonl"
    names = ("good-a.png", "good-b.jpg", "bad.png")
    rows.write_text("".join(f'{{"image": "{name}", "theta": [0.9, 0.1, 0, -0.1, 0.9, 0]}}\n' for name in names))
    networks = [Checkpoint.load("digits"), Checkpoint.load(saved(network(metadata=affine()), folder))]
    return [
        *map(OneForAll, RECIPES),
        Listed(read_parameters(rows)),
        *(Predicted(Localiser([each])) for each in networks),
    ]


def test_jobs_and_settings_of_every_kind_do_the_same(tmp_path: Path) -> None:
    save(tmp_path / "in" / "bad.png", np.zeros((4, 4), np.uint8)).write_bytes(b"no image")
    guards = Guards(Limits(angle=(-30.0, 30.0)), BeyondLimit.LEAVE, 0.5)
    here, there = _plan(tmp_path, "here"), _again(_plan(tmp_path, "there"))
    for index, guide in enumerate(_guides(tmp_path)):
        settings = Settings(
            guide,
            interpolation=Interpolation.BICUBIC,
            padding_mode=PaddingMode.BORDER,
            overwrite=True,
            guards=guards if index == 0 else Guards(),
        )
        outcomes = [process(job, settings) for job in here.jobs]
        again = [_again(process(job, _again(settings))) for job in there.jobs]
        assert [each.status for each in again] == [each.status for each in outcomes]
        assert [each.error for each in again] == [each.error for each in outcomes]
        assert [each.theta for each in again] == [each.theta for each in outcomes]
        assert contents(tmp_path / "here") == contents(tmp_path / "there")
        assert sum(each.status is Status.OK for each in again) == 2


def _work(task: bytes) -> bytes:
    job, settings = pickle.loads(task)
    return pickle.dumps(process(job, settings))


@pytest.mark.slow
def test_another_process_does_the_same_with_them(tmp_path: Path) -> None:
    jobs, settings = _plan(tmp_path).jobs, Settings(_guides(tmp_path)[-1])
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        outcomes = [pickle.loads(each) for each in pool.map(_work, [pickle.dumps((job, settings)) for job in jobs])]
    assert [each.status for each in outcomes] == [Status.OK] * 2
    there = contents(tmp_path / "out")
    for job in jobs:
        process(job, Settings(settings.guide, overwrite=True))
    assert contents(tmp_path / "out") == there


@pytest.mark.parametrize(
    "kind", [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
)
def test_errors_keep_their_words(kind: type[Exception], tmp_path: Path) -> None:
    error = _again(kind("what, where, what to do"))
    assert type(error) is kind
    assert str(error) == "what, where, what to do"
    [job, _] = _plan(tmp_path).jobs
    assert str(_again(Outcome(job, Status.FAILED, error=str(error), cause=error)).cause) == str(error)
