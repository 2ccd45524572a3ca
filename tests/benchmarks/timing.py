"""Time taken in turns: every round runs everybody once, so that all of them meet the same weather."""

import gc
import math
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import torch

_ENOUGH = 2.0  # seconds for each: who is slow gets fewer rounds
_LEAST_ROUNDS = 3


@dataclass(frozen=True)
class Rounds:
    """How often everybody runs at most."""

    count: int

    def every(self, seconds: float) -> int:
        """In every how many-th round somebody runs who takes so long."""
        runs = max(_LEAST_ROUNDS, _ENOUGH / max(seconds, 1e-9))
        return max(1, math.floor(self.count / runs))


def use_one_thread() -> None:
    """One thread for OpenCV and PyTorch; ONNX Runtime's sessions are made with one, the others have no more."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def in_turns(
    calls: Mapping[str, Callable[[], object]],
    rounds: Rounds,
    measure: Callable[[Callable[[], object]], float] | None = None,
) -> dict[str, float]:
    """The median seconds of each of *calls*, after one run of each that compiles, loads and touches memory.

    `measure` runs a call and returns how long it took, by default `seconds_of`.
    """
    measure = measure or seconds_of
    every = {name: rounds.every(measure(call)) for name, call in calls.items()}
    taken: dict[str, list[float]] = {name: [] for name in calls}
    gc.disable()
    try:
        for number in range(rounds.count):
            for name, call in calls.items():
                if number % every[name] == 0:
                    taken[name].append(measure(call))
    finally:
        gc.enable()
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def seconds_of(call: Callable[[], object]) -> float:
    """How long *call* takes, once."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def cpu_seconds_of(call: Callable[[], object]) -> float:
    """The CPU time, user's and system's, that *call* takes here and in processes that it starts and waits for."""
    started = _cpu_seconds()
    call()
    return _cpu_seconds() - started


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
