"""A run over many images: one outcome each, whatever happens to one of them."""

import errno
import gc
import io
import itertools
import os
import stat
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path, PurePath

import numpy as np
import pytest
from PIL import Image

from stnwarp.errors import OutputError, ParameterError
from stnwarp.files.atomic import write_atomically
from stnwarp.folder import Job, Outcome, Settings, Source, Status, crew, find_sources, plan, run
from tests.folder_images import TILTED, files_below, save_image, source

WORKERS = pytest.mark.parametrize("workers", [1, 2])
Process = Callable[..., Outcome]


def _jobs(count: int) -> list[Job]:
    return [Job(source(f"{n}.png"), Path(f"/nowhere/{n}.png")) for n in range(count)]


def _jobs_of(photos: Path, out: Path, **flags: bool) -> tuple[Job, ...]:
    return plan(find_sources([str(photos)], recursive=True), str(out), **flags).jobs


def _done(job: Job, *_: object, **__: object) -> Outcome:
    return Outcome(job, Status.OK)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[Process], None]:
    """Put another function in the place of the work on one image."""
    return lambda function: monkeypatch.setattr(crew, "process", function)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six images of three modes in a small tree."""
    for n, (mode, suffix) in enumerate(itertools.product(("L", "RGB"), (".png", ".jpg", ".webp"))):
        save_image(tmp_path / "photos" / ("sub" if n % 2 else "") / f"{n}{suffix}", mode, seed=n)
    save_image(tmp_path / "photos/alpha.png", "RGBA", seed=7)
    return tmp_path / "photos"


@WORKERS
def test_every_job_has_one_outcome_and_one_file(photos: Path, tmp_path: Path, workers: int) -> None:
    jobs = _jobs_of(photos, tmp_path / "out")
    outcomes = list(run(jobs, TILTED, workers))
    assert {outcome.job for outcome in outcomes} == set(jobs)
    assert {outcome.status for outcome in outcomes} == {Status.OK}
    assert len(outcomes) == len(jobs) == 7
    assert set(files_below(tmp_path / "out")) == set(files_below(photos))


def test_the_number_of_workers_does_not_change_a_byte(photos: Path, tmp_path: Path) -> None:
    for workers in (1, 2, 5):
        list(run(_jobs_of(photos, tmp_path / str(workers)), TILTED, workers))
    one = files_below(tmp_path / "1")
    assert one == files_below(tmp_path / "2") == files_below(tmp_path / "5")
    assert len(one) == 7


@WORKERS
def test_bad_images_fail_alone_and_the_others_come_out_the_same(photos: Path, tmp_path: Path, workers: int) -> None:
    list(run(_jobs_of(photos, tmp_path / "clean"), TILTED, workers))
    data = (photos / "alpha.png").read_bytes()
    (photos / "cut.png").write_bytes(data[: len(data) // 2])
    (photos / "empty.jpg").touch()
    (photos / "text.jpg").write_text("no image")
    (photos / "loop.png").symlink_to("loop.png")
    (photos / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(photos / "pipe.png")
    (photos / os.fsdecode(b"\xff.png")).write_bytes(b"\xff")
    (photos / "dir.png").mkdir()
    outcomes = list(run(_jobs_of(photos, tmp_path / "out"), TILTED, workers))
    failed = {outcome.job.source.relative.name for outcome in outcomes if outcome.status is Status.FAILED}
    assert failed == {"cut.png", "empty.jpg", "text.jpg", "loop.png", "gone.png", "pipe.png", "\udcff.png"}
    assert files_below(tmp_path / "out") == files_below(tmp_path / "clean")


def test_a_file_that_vanishes_meanwhile_fails_alone(photos: Path, tmp_path: Path) -> None:
    jobs = _jobs_of(photos, tmp_path / "out")
    (photos / "alpha.png").unlink()
    failed = [outcome for outcome in run(jobs, TILTED) if outcome.status is Status.FAILED]
    assert [outcome.error for outcome in failed] == ["no such file"]


def test_strange_names_are_processed(tmp_path: Path) -> None:
    names = [
        "a b.png",
        "n\nl.png",
        "'\".png",
        "-d.png",
        "\N{GRINNING FACE}.png",
        "\u202egnp.png",
        "e\u0301.png",
    ]
    names += [os.fsdecode(b"\xff.png"), "[red]x.png", "%s{}.png"]
    for n, name in enumerate(names):
        save_image(tmp_path / "photos/x.png", seed=n).rename(tmp_path / "photos" / name)
    outcomes = list(run(_jobs_of(tmp_path / "photos", tmp_path / "out"), TILTED, 2))
    assert {outcome.status for outcome in outcomes} == {Status.OK}
    assert set(files_below(tmp_path / "out")) == set(names)


@WORKERS
def test_nothing_starts_before_it_is_asked_for_and_few_jobs_are_ahead(
    stand_in: Callable[[Process], None], workers: int
) -> None:
    begun: list[Job] = []

    def note(job: Job, *_: object, **__: object) -> Outcome:
        begun.append(job)
        return _done(job)

    stand_in(note)
    outcomes = run(_jobs(1) * 100_000, TILTED, workers)
    assert not begun
    with closing(outcomes):
        for taken in range(1, 20):
            next(outcomes)
            assert len(begun) <= taken + 2 * workers
    assert threading.active_count() == 1 or not [t for t in threading.enumerate() if t.name.startswith("stnwarp")]


@pytest.mark.slow
def test_a_hundred_thousand_jobs_run_through(stand_in: Callable[[Process], None]) -> None:
    stand_in(_done)
    assert sum(1 for _ in run(_jobs(1) * 100_000, TILTED, 2)) == 100_000


def test_no_jobs_give_no_outcomes() -> None:
    assert list(run([], TILTED, 4)) == []
    with pytest.raises(ParameterError, match="at least 1"):
        list(run([], TILTED, 0))


def test_pictures_are_let_go_even_if_all_outcomes_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: weakref.WeakSet[np.ndarray] = weakref.WeakSet()
    most = 0

    def warp(image: np.ndarray, *_: object, **__: object) -> np.ndarray:
        nonlocal most
        alive.add(image)
        most = max(most, len(alive))
        if len(alive) % 2:
            raise RuntimeError("a bug")
        return image

    monkeypatch.setattr(import_module("stnwarp.sampling.fused"), "warp", warp)
    for n in range(30):
        save_image(tmp_path / f"photos/{n:02}.png", seed=n)
    outcomes = list(run(_jobs_of(tmp_path / "photos", tmp_path / "out"), TILTED, 2))
    gc.collect()
    assert len(outcomes) == 30
    assert {outcome.status for outcome in outcomes} >= {Status.FAILED}
    assert most <= 4
    assert len(alive) == 0


@WORKERS
def test_fail_fast_begins_no_further_job(stand_in: Callable[[Process], None], workers: int) -> None:
    def fail_fifth(job: Job, *_: object, **__: object) -> Outcome:
        return Outcome(job, Status.FAILED, error="bad") if job.source.relative.stem == "5" else _done(job)

    stand_in(fail_fifth)
    outcomes = list(run(_jobs(1000), TILTED, workers, fail_fast=True))
    assert [outcome.error for outcome in outcomes if outcome.status is Status.FAILED] == ["bad"]
    assert 6 <= len(outcomes) <= 5 + workers


def test_fail_fast_leaves_nothing_written_after_the_image_that_failed(tmp_path: Path) -> None:
    for n in range(6):
        save_image(tmp_path / f"photos/{n}.png", seed=n)
    (tmp_path / "photos/2.png").write_text("no image")
    outcomes = list(run(_jobs_of(tmp_path / "photos", tmp_path / "out"), TILTED, 1, fail_fast=True))
    assert [outcome.status for outcome in outcomes] == [Status.OK, Status.OK, Status.FAILED]
    assert set(files_below(tmp_path / "out")) == {"0.png", "1.png"}


def test_fail_fast_with_many_workers_finishes_only_what_is_under_way(stand_in: Callable[[Process], None]) -> None:
    begun: list[str] = []
    both, seen = threading.Barrier(2), threading.Event()

    def fail_first(job: Job, *_: object, **__: object) -> Outcome:
        begun.append(job.source.relative.stem)
        if len(begun) <= 2:
            both.wait(60)
        if job.source.relative.stem == "0":
            return Outcome(job, Status.FAILED, error="bad")
        seen.wait(60)
        return _done(job)

    stand_in(fail_first)
    outcomes = run(_jobs(10), TILTED, 2, fail_fast=True)
    assert next(outcomes).status is Status.FAILED
    seen.set()
    assert [outcome.job.source.relative.stem for outcome in outcomes] == ["1"]
    assert sorted(begun) == ["0", "1"]


def test_nothing_is_begun_after_the_output_took_no_more(stand_in: Callable[[Process], None]) -> None:
    begun: list[Job] = []

    def fill_up(job: Job, *_: object, **__: object) -> Outcome:
        begun.append(job)
        raise OutputError("disk full")

    stand_in(fill_up)
    with pytest.raises(OutputError, match="disk full"):
        list(run(_jobs(10), TILTED, 1))
    assert len(begun) == 1


@WORKERS
def test_an_output_that_takes_no_more_ends_the_run_after_what_is_under_way(
    stand_in: Callable[[Process], None], workers: int
) -> None:
    def fail_fifth(job: Job, *_: object, **__: object) -> Outcome:
        if job.source.relative.stem == "5":
            raise OutputError("disk full")
        return _done(job)

    stand_in(fail_fifth)
    outcomes = []
    with pytest.raises(OutputError, match="disk full"):
        outcomes.extend(_each(run(_jobs(1000), TILTED, workers), outcomes))
    assert 5 <= len(outcomes) <= 6 + 2 * workers


def _each(iterator: Iterator[Outcome], into: list[Outcome]) -> Iterator[Outcome]:
    for outcome in iterator:
        into.append(outcome)
    return iter(())


def test_a_bug_in_the_machinery_is_raised_and_not_waited_for(stand_in: Callable[[Process], None]) -> None:
    def leave(*_: object, **__: object) -> Outcome:
        raise GeneratorExit("no Exception")

    stand_in(leave)
    with pytest.raises(BaseException, match="no Exception"):
        next(run(_jobs(3), TILTED, 2))


@WORKERS
def test_a_full_disk_ends_the_run_leaves_no_partial_file_and_a_rerun_completes(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    list(run(_jobs_of(photos, tmp_path / "clean"), TILTED))
    clean = files_below(tmp_path / "clean")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/alpha.png").write_bytes(b"old")
    written = 0
    write = os.write

    def fill_up(descriptor: int, data: bytes) -> int:
        nonlocal written
        written += 1
        if written > 3:
            write(descriptor, bytes(data)[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fill_up)
        with pytest.raises(OutputError, match="no space left"):
            list(run(_jobs_of(photos, tmp_path / "out", skip_existing=True), TILTED, workers))
    left = files_below(tmp_path / "out")
    assert left.pop("alpha.png") == b"old"
    assert 1 <= len(left) <= 3
    assert left.items() <= clean.items()

    list(run(_jobs_of(photos, tmp_path / "out", skip_existing=True), TILTED, workers))
    assert files_below(tmp_path / "out") == {**clean, "alpha.png": b"old"}


def test_overwriting_on_a_full_disk_keeps_the_old_files(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = files_below(photos)
    monkeypatch.setattr(os, "write", refuse)
    settings = Settings(TILTED.guide, overwrite=True)
    with pytest.raises(OutputError):
        list(run(_jobs_of(photos, photos, overwrite=True), settings, 2))
    assert files_below(photos) == before


def test_images_can_be_warped_in_place(photos: Path, tmp_path: Path) -> None:
    list(run(_jobs_of(photos, tmp_path / "out"), TILTED, 2))
    list(run(_jobs_of(photos, photos, overwrite=True), Settings(TILTED.guide, overwrite=True), 2))
    assert files_below(photos) == files_below(tmp_path / "out")


def test_temporaries_of_a_dead_run_are_swept_and_others_left(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out/sub").mkdir(parents=True)
    (tmp_path / "out/.hidden").touch()

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:  # as if killed: before the write, and without tidying up
        patch.setattr(os, "write", die)
        patch.setattr(Path, "unlink", lambda *_: None)
        patch.setattr(os, "getpid", lambda: 2**22 + 1)  # larger than any process can have
        with pytest.raises(SystemExit):
            write_atomically(tmp_path / "out/sub/1.jpg", b"new", overwrite=True)
    assert len(files_below(tmp_path / "out")) == 2
    list(run(_jobs_of(photos, tmp_path / "out"), TILTED))
    assert set(files_below(tmp_path / "out")) == {".hidden", *files_below(photos)}


def test_standard_streams_are_used_in_the_calling_thread(tmp_path: Path) -> None:
    threads = set()

    class Noting(io.BytesIO):
        def write(self, data: object) -> int:
            threads.add(threading.current_thread())
            return super().write(bytes(data)[:100])  # type: ignore[call-overload]

        def read(self, size: int | None = -1) -> bytes:
            threads.add(threading.current_thread())
            return super().read(size)

    data = save_image(tmp_path / "a.png", size=(40, 40)).read_bytes()
    written = Noting()
    job = Job(Source(None, Path(), PurePath("stdin")), None)
    (outcome,) = run([job], TILTED, stdin=Noting(data), stdout=written)
    assert (outcome.status, outcome.error) == (Status.OK, None)
    assert threads == {threading.current_thread()}
    with Image.open(io.BytesIO(written.getvalue())) as image:
        assert image.size == (40, 40)


def test_closed_standard_streams_are_told_in_words(tmp_path: Path) -> None:
    closed = io.BytesIO()
    closed.close()
    stdin = Source(None, Path(), PurePath("stdin"))
    (outcome,) = run([Job(stdin, None)], TILTED, stdin=closed)
    assert outcome.status is Status.FAILED
    path = save_image(tmp_path / "a.png")
    job = Job(Source(path, tmp_path, PurePath("a.png")), None)
    with pytest.raises(OutputError, match="standard output"):
        list(run([job], TILTED, stdout=closed))
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OutputError, match="No space left"):
        list(run([job], TILTED, stdout=full))


def test_a_reader_that_has_gone_is_a_broken_pipe(tmp_path: Path) -> None:
    path = save_image(tmp_path / "a.png")
    job = Job(Source(path, tmp_path, PurePath("a.png")), None)
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError), os.fdopen(writing, "wb", buffering=0) as stream:
        list(run([job], TILTED, stdout=stream))


def test_leaving_the_iterator_stops_the_workers_and_leaves_whole_files(photos: Path, tmp_path: Path) -> None:
    outcomes = run(_jobs_of(photos, tmp_path / "out"), TILTED, 2)
    first = next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert first.status is Status.OK
    done = files_below(tmp_path / "out")
    list(run(_jobs_of(photos, tmp_path / "clean"), TILTED))
    assert 1 <= len(done) < 7
    assert done.items() <= files_below(tmp_path / "clean").items()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("stnwarp")]


def test_leaving_the_iterator_does_not_wait_for_a_long_image(
    stand_in: Callable[[Process], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def linger(job: Job, *_: object, **__: object) -> Outcome:
        if job.source.relative.stem != "0":
            release.wait(60)
        return _done(job)

    stand_in(linger)
    monkeypatch.setattr(crew, "_WORKING_PATIENCE", 0.05)
    outcomes = run(_jobs(10), TILTED, 2)
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    still_there = [thread for thread in threading.enumerate() if thread.name.startswith("stnwarp")]
    release.set()
    assert still_there
    assert all(thread.daemon for thread in still_there)
    for thread in still_there:
        thread.join(10)
        assert not thread.is_alive()


def test_a_write_that_hangs_is_given_up_and_its_temporary_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(4):
        save_image(tmp_path / f"photos/{n}.png", seed=n)
    hanging, release, fsync = threading.Event(), threading.Event(), os.fsync

    def hang_from_the_second_on(descriptor: int) -> None:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)  # not the directory, after the first
        if is_file and (tmp_path / "out/0.png").exists():
            hanging.set()
            release.wait(60)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", hang_from_the_second_on)
    monkeypatch.setattr(crew, "_WRITING_PATIENCE", 0.05)
    monkeypatch.setattr(crew, "_WORKING_PATIENCE", 0.05)
    outcomes = run(_jobs_of(tmp_path / "photos", tmp_path / "out"), TILTED, 1)
    next(outcomes)
    assert hanging.wait(60)
    assert len(files_below(tmp_path / "out")) == 2
    outcomes.close()  # type: ignore[attr-defined]
    assert list(files_below(tmp_path / "out")) == ["0.png"]
    release.set()
    for thread in threading.enumerate():
        if thread.name.startswith("stnwarp"):
            thread.join(10)
    assert list(files_below(tmp_path / "out")) == ["0.png"]


def test_planning_loads_no_compiler() -> None:
    program = "import sys; from stnwarp.folder import find_sources, plan, run; print('numba' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
    assert ended.stdout.strip() == b"False"
