"""As many pictures are worked on at a time as there is memory for; results are the same, and nothing hangs."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stnwarp import resources
from stnwarp.folder import OneForAll, Settings, find_sources, plan, work
from stnwarp.folder import run as run_jobs
from stnwarp.folder.budget import Budget
from stnwarp.folder.gate import Stopped
from stnwarp.images.memory import Work, decoding_memory
from stnwarp.images.modes import WRITTEN_MODES
from stnwarp.resources import free_memory, machine_memory
from stnwarp.transforms import MatrixTransform, TransformSpec
from tests.cli_tools import assert_good_ones_done, contents, good_files, noise, run, save
from tests.memory_tools import peak_memory
from tests.onnx_files import affine, network, saved

MB = 10**6
PATIENCE = 20.0  # seconds after which what should end counts as hanging


# What there is ------------------------------------------------------------------------------------------------------


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


MEMINFO = {"proc/meminfo": "MemTotal:  9000000 kB\nMemFree: 1 kB\nMemAvailable:    4000000 kB\n"}


@pytest.mark.parametrize(
    ("files", "most", "free"),
    [
        ({}, None, 4_096_000_000),
        (  # version 2: the group's own limit, less what it uses, but for the cache
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/memory.max": "1000000000\n",
                "sys/fs/cgroup/a/b/memory.current": "700000000\n",
                "sys/fs/cgroup/a/b/memory.stat": "anon 1\ninactive_file 200000000\n",
            },
            1_000_000_000,
            500_000_000,
        ),
        (  # a parent's limit holds as well
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/memory.max": "max\n",
                "sys/fs/cgroup/a/b/memory.current": "7\n",
                "sys/fs/cgroup/a/memory.max": "900000000\n",
                "sys/fs/cgroup/a/memory.current": "300000000\n",
            },
            900_000_000,
            600_000_000,
        ),
        (  # a container that sees its own group as the outermost
            {
                "proc/self/cgroup": "0::/host/container\n",
                "sys/fs/cgroup/memory.max": "800000000\n",
                "sys/fs/cgroup/memory.current": "0\n",
            },
            800_000_000,
            800_000_000,
        ),
        (  # version 1 beside an empty version 2
            {
                "proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/x/y\n0::/\n",
                "sys/fs/cgroup/memory/x/y/memory.limit_in_bytes": "600000000\n",
                "sys/fs/cgroup/memory/x/y/memory.usage_in_bytes": "250000000\n",
                "sys/fs/cgroup/memory/x/y/memory.stat": "cache 9\ntotal_inactive_file 50000000\n",
                "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/x/memory.usage_in_bytes": "250000000\n",
            },
            600_000_000,
            400_000_000,
        ),
        ({"proc/self/cgroup": "broken\n0::/a\n", "sys/fs/cgroup/a/memory.max": "5\n"}, None, 4_096_000_000),
        (
            {
                "proc/self/cgroup": "0::/a\n",
                "sys/fs/cgroup/a/memory.max": "100\n",
                "sys/fs/cgroup/a/memory.current": "300\n",
            },
            100,
            0,
        ),
    ],
)
def test_the_limits_of_a_container_count(tmp_path: Path, files: dict[str, str], most: int | None, free: int) -> None:
    root = tree(tmp_path, MEMINFO | files)
    assert machine_memory(root) == (machine_memory() if most is None else most)
    assert free_memory(root) == free


def test_where_nothing_is_told_there_is_what_the_machine_has(tmp_path: Path) -> None:
    assert free_memory(tmp_path) == machine_memory(tmp_path) > 0


def test_the_limits_of_the_process_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    root = tree(tmp_path, MEMINFO | {"proc/self/status": "VmPeak: 9 kB\nVmSize:\t  300000 kB\nVmData:  10 kB\n"})
    limits = {resource.RLIMIT_AS: 500_000_000, resource.RLIMIT_DATA: resource.RLIM_INFINITY}
    monkeypatch.setattr(resources.resource, "getrlimit", lambda kind: (limits[kind], limits[kind]))
    assert machine_memory(root) == 500_000_000
    assert free_memory(root) == 500_000_000 - 300_000 * 1024
    limits[resource.RLIMIT_DATA] = 90_000_000
    assert free_memory(root) == 90_000_000 - 10 * 1024


# What is needed -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mixes", [True, False])
@pytest.mark.parametrize("format", WRITTEN_MODES)
def test_more_pixels_need_more_memory(format: str, mixes: bool) -> None:
    for mode in set(WRITTEN_MODES[format]) - {"1", "P"}:
        needs = [Work(format, (side, 50), mixes).memory("PNG", mode, (side, 50)) for side in (1, 1000, 100_000)]
        assert needs == sorted(set(needs))
        assert needs[-1] > 2 * 100_000 * 50
        assert Work(format, (1, 1), mixes).memory("PNG", mode, (900, 50)) >= decoding_memory("PNG", mode, (900, 50))
        assert Work(format, (999, 50), mixes, True).memory("PNG", mode, (999, 50)) > 80 * 999 * 50


@pytest.mark.parametrize(
    ("mode", "source", "target"),
    [
        ("RGBA", "png", "png"),
        ("CMYK", "tif", "tif"),
        ("F", "tif", "tif"),  # every other row of it missing
    ],
)
def test_what_is_estimated_is_enough_and_not_far_too_much(tmp_path: Path, mode: str, source: str, target: str) -> None:
    side = 1500
    channels = {"F": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    for size, name in ((60, "a"), (side, "b")):
        array = noise(size, size, size, channels)
        if mode == "F":
            array = np.where(np.arange(size)[:, None] % 2, np.float32(np.nan), array[..., 0])
        image = Image.fromarray(array, "CMYK" if mode == "CMYK" else None)
        image.save(tmp_path / f"{name}.{source}", compress_level=1)
    options = ("-o", tmp_path / "out", "--theta", "0.9 0.1 0 -0.1 0.9 0", "--format", target, "-j1", "--overwrite")
    peaks = []
    assert run("apply", tmp_path / f"a.{source}", *options).code == 0  # what has to be compiled is by now
    for names in ("a", "ab"):
        ran, peak = peak_memory("apply", *(tmp_path / f"{name}.{source}" for name in names), *options)
        assert ran.code == 0, ran.stderr
        peaks.append(peak)
    formats = {"png": "PNG", "jpg": "JPEG", "tif": "TIFF", "webp": "WEBP", "gif": "GIF"}
    needed = Work(formats[target], (side, side)).memory(formats[source], mode, (side, side))
    assert 0.4 * needed < peaks[1] - peaks[0] < needed


# How it is shared ---------------------------------------------------------------------------------------------------


class Jobs:
    """Threads that take a share of a budget each, one after the other, and hold it until they are told to end."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.began: list[str] = []
        self.stopped: list[str] = []
        self.is_stopped = False
        self._ends: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []

    def begin(self, name: str, needed: int) -> None:
        self._ends[name] = threading.Event()
        waiting = len(self.budget._waiting)
        thread = threading.Thread(target=self._work, args=(name, needed), daemon=True)
        self._threads.append(thread)
        thread.start()
        eventually(lambda: name in self.began or len(self.budget._waiting) > waiting)

    def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def _check(self) -> None:
        if self.is_stopped:
            raise Stopped

    def _work(self, name: str, needed: int) -> None:
        try:
            with self.budget.share(self._check) as take:
                take(needed)
                self.began.append(name)
                assert self._ends[name].wait(PATIENCE)
        except Stopped:
            self.stopped.append(name)


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_jobs_wait_in_the_order_in_which_they_ask() -> None:
    jobs = Jobs(Budget(lambda: 1000))  # of which 700 are shared out
    jobs.begin("a", 300)
    jobs.begin("b", 400)
    jobs.begin("c", 300)
    jobs.begin("d", 10)  # would have room beside a alone, but c was there before
    assert jobs.began == ["a", "b"]
    jobs.end("b")
    eventually(lambda: len(jobs.began) == 4)
    assert jobs.began[:3] == ["a", "b", "c"]
    jobs.end("a", "c", "d")
    jobs.join()


def test_what_is_more_than_there_is_runs_alone() -> None:
    jobs = Jobs(Budget(lambda: 1000))
    jobs.begin("small", 1)
    jobs.begin("huge", 10**9)
    jobs.begin("other", 1)
    assert jobs.began == ["small"]
    jobs.end("small")
    eventually(lambda: "huge" in jobs.began)
    time.sleep(0.02)
    assert jobs.began == ["small", "huge"]
    jobs.end("huge")
    eventually(lambda: "other" in jobs.began)
    jobs.end("other")
    jobs.join()


def test_a_stop_ends_the_waiting() -> None:
    jobs = Jobs(Budget(lambda: 0))
    for name in "abcd":
        jobs.begin(name, 5)
    jobs.is_stopped = True
    eventually(lambda: sorted(jobs.stopped) == ["b", "c", "d"])
    jobs.end("a")
    jobs.join()
    jobs.is_stopped = False
    jobs.begin("e", 5)
    assert jobs.began == ["a", "e"]
    jobs.end("e")
    jobs.join()


def test_a_failed_job_gives_back_what_it_had() -> None:
    budget = Budget(lambda: 0)
    for _ in range(3):
        with suppress(ValueError), budget.share(lambda: None) as take:
            take(100)
            raise ValueError
    with budget.share(lambda: None):
        pass  # refused by its header, before it could ask
    with budget.share(lambda: None) as take:
        take(1)
    assert budget._taken == 0


# Whole runs ---------------------------------------------------------------------------------------------------------


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many images were being warped whenever another one was begun."""
    lock, under_way, counts = threading.Lock(), [0], []
    original = work.warped

    def slowly(*arguments: object) -> object:
        with lock:
            under_way[0] += 1
            counts.append(under_way[0])
        time.sleep(0.02)
        try:
            return original(*arguments)  # type: ignore[arg-type]
        finally:
            with lock:
                under_way[0] -= 1

    with monkeypatch.context() as patch:
        patch.setattr(work, "warped", slowly)
        yield counts


def mixed_images(folder: Path, count: int = 6) -> None:
    """Images that need more than 20 MB of memory, as all do, and some with more pixels."""
    for number in range(count):
        size = 500 if number % 2 else 40
        save(folder / f"{number}.png", noise(number, size, size, 4), compress_level=1)


@pytest.mark.parametrize("workers", [2, 4])
def test_fewer_are_worked_on_at_a_time_where_memory_is_short(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workers: int
) -> None:
    mixed_images(tmp_path / "in")
    options = ("apply", tmp_path / "in", "--rotate", "20", "--size", "fit")
    assert run(*options, "-o", tmp_path / "one", "-j1").code == 0
    monkeypatch.setattr("stnwarp.folder.budget.free_memory", lambda: 20 * MB)
    with counted(monkeypatch) as counts:
        ran = run(*options, "-o", tmp_path / "few", f"-j{workers}")
    assert ran.code == 0, ran.stderr
    assert counts == [1] * 6  # nothing has room beside another
    monkeypatch.setattr("stnwarp.folder.budget.free_memory", lambda: 10**12)
    with counted(monkeypatch) as counts:
        assert run(*options, "-o", tmp_path / "all", f"-j{workers}").code == 0
    assert max(counts) > 1
    assert contents(tmp_path / "few") == contents(tmp_path / "one") == contents(tmp_path / "all")


def test_networks_and_the_budget_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mixed_images(tmp_path / "in")
    checkpoint = saved(network(((0.9, 0.1, 0), (0, 0.9, 0)), metadata=affine()), tmp_path)
    options = ("apply", tmp_path / "in", "--checkpoint", checkpoint, "--size", "fit")
    assert run(*options, "-o", tmp_path / "one", "-j1").code == 0
    monkeypatch.setattr("stnwarp.folder.budget.free_memory", lambda: 20 * MB)
    ran = run(*options, "-o", tmp_path / "few", "-j4")
    assert ran.code == 0, ran.stderr
    assert contents(tmp_path / "few") == contents(tmp_path / "one")


def test_a_bad_image_lets_those_that_wait_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    good_files(tmp_path / "in")
    data = save(tmp_path / "a.png", noise(1, 900, 900), compress_level=1).read_bytes()
    for number in range(3):
        (tmp_path / "in" / f"bad{number}.png").write_bytes(data[: len(data) // (number + 2)])
    monkeypatch.setattr("stnwarp.folder.budget.free_memory", lambda: 0)
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", "--rotate", "20", "-j3")
    assert (ran.code, ran.stderr.count("failed: ")) == (1, 3)
    assert_good_ones_done(tmp_path, tmp_path / "out", "--rotate", "20")
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "fast", "--rotate", "20", "-j4", "--fail-fast")
    assert ran.code == 1
    assert "failed: " in ran.stderr


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_a_run_that_is_left_does_not_hang_on_jobs_that_wait(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, taken: int
) -> None:
    mixed_images(tmp_path / "in", 8)
    monkeypatch.setattr("stnwarp.folder.budget.free_memory", lambda: 0)
    monkeypatch.setattr(work, "warped", slow(work.warped))
    settings = Settings(OneForAll(TransformSpec(MatrixTransform(np.eye(3)[:2] * 0.9))))
    jobs = plan(find_sources([str(tmp_path / "in")], recursive=False), str(tmp_path / "out")).jobs
    outcomes = run_jobs(jobs, settings, workers=4)
    for _ in range(taken):
        next(outcomes)
    before = time.monotonic()
    outcomes.close()  # type: ignore[attr-defined]
    assert time.monotonic() - before < PATIENCE
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("stnwarp-")])
    assert not [name for name in contents(tmp_path / "out") if name.endswith(".stnwarp")]


def slow(function: Callable[..., object]) -> Callable[..., object]:
    def slowed(*arguments: object) -> object:
        time.sleep(0.1)
        return function(*arguments)

    return slowed


@pytest.mark.parametrize("more", [(), ("-n",)])
def test_an_image_that_needs_more_than_there_is_fails_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, more: tuple[str, ...]
) -> None:
    good_files(tmp_path / "in")
    save(tmp_path / "in" / "large.png", noise(3, 1100, 1000, 4), compress_level=1)
    monkeypatch.setattr("stnwarp.folder.looking.machine_memory", lambda: 45 * MB)
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "out", "--rotate", "20", "-j2", *more)
    assert ran.code == 1
    assert "large.png: 1000x1100 takes about 0.1 GB, more than there is" in ran.stderr
    if not more:
        assert_good_ones_done(tmp_path, tmp_path / "out", "--rotate", "20")
    ran = run("apply", tmp_path / "in", "-o", tmp_path / "up", "--size", "3000x1000", *more)
    assert ran.code == 1
    assert "good-a.png: 32x24 to 3000x1000 takes about 0.0 GB, more than there is" in ran.stderr
