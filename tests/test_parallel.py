"""A work shared out among threads: all of it is done, errors come out, and a forked process has threads of its own."""

import os
import subprocess
import sys
import threading
from concurrent.futures import Future

import pytest

from stnwarp import parallel
from stnwarp.parallel import cache_calls, run_parallel


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_every_part_is_worked_on_once(threads: int, count: int) -> None:
    done: list[int] = []
    run_parallel(done.append, range(count), threads)
    assert sorted(done) == list(range(count))


def test_so_many_work_at_a_time_and_the_caller_is_one_of_them() -> None:
    together = threading.Barrier(3, timeout=60)
    workers = set()

    def work(part: int) -> None:
        together.wait()
        workers.add(threading.get_ident())

    run_parallel(work, range(3), 3)
    assert len(workers) == 3
    assert threading.get_ident() in workers


@pytest.mark.parametrize("bad", ["the caller's", "a helper's"])
def test_an_error_comes_out_when_the_others_are_done(bad: str) -> None:
    caller, both, done = threading.get_ident(), threading.Barrier(2, timeout=60), []

    def work(part: int) -> None:
        both.wait()
        if (threading.get_ident() == caller) == (bad == "the caller's"):
            raise ValueError(part)
        done.append(part)

    with pytest.raises(ValueError, match=r"0|1"):
        run_parallel(work, range(2), 2)
    assert len(done) == 1


def test_many_callers_at_once_do_not_wait_for_each_other() -> None:
    done: list[int] = []
    callers = [threading.Thread(target=run_parallel, args=(done.append, range(20), 40)) for _ in range(10)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert sorted(done) == sorted([*range(20)] * 10)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_has_threads_of_its_own() -> None:
    code = """if True:
        import os
        from stnwarp.parallel import run_parallel
        done = []
        run_parallel(done.append, range(4), 2)
        child = os.fork()
        if not child:
            run_parallel(done.append, range(4), 2)
            os._exit(0 if sorted(done) == [0, 0, 1, 1, 2, 2, 3, 3] else 1)
        raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr


def test_an_interrupt_is_for_the_thread_that_computes_and_the_others_compute_it_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entered, go_on, waiting = threading.Event(), threading.Event(), threading.Semaphore(0)
    callers: list[int] = []
    outcomes: list[object] = []

    @cache_calls(1)
    def compute() -> str:
        callers.append(threading.get_ident())
        if len(callers) == 1:
            entered.set()
            assert go_on.wait(60)
            raise KeyboardInterrupt
        return "result"

    class CountedFuture(Future[str]):
        def result(self, timeout: float | None = None) -> str:
            waiting.release()
            return super().result(timeout)

    monkeypatch.setattr(parallel, "Future", CountedFuture)

    def call() -> None:
        try:
            outcomes.append(compute())
        except KeyboardInterrupt as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=call) for _ in range(3)]
    threads[0].start()
    assert entered.wait(60)
    for thread in threads[1:]:
        thread.start()
    assert all(waiting.acquire(timeout=60) for _ in threads[1:])
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert sorted(map(str, outcomes)) == ["<class 'KeyboardInterrupt'>", "result", "result"]
    assert len(callers) == 2
