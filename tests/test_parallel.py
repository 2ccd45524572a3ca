"""A work shared out among threads: all of it is done, errors come out, and a forked process has threads of its own."""

import os
import subprocess
import sys
import threading

import pytest

from stnwarp.parallel import run_parallel


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
