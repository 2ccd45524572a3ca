"""How well and how fast pictures are warped that shrink: agreement with an exact sum, and CPU time, against peers.

    python -m tests.benchmarks.antialias [--size 2048] [--rounds 15] [--points 3000] [--case NAME] [--peer NAME]
                                         [--page docs/benchmarks.md]

The exact sum is that of `tests/footprint_reference.py`, over output pixels drawn at random from those whose footprints
lie inside the picture, each peer by the kernel that it has or comes nearest to. CPU time is that of one thread, and of
programs less the time of reading and writing the same files; in brackets stands a peer's time over that of stnwarp with
the same kernel. Peers that are not installed are left out.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.benchmarks.antialias_cases import PICTURES, SHRINKS, scene
from tests.benchmarks.antialias_peers import Peer, peers
from tests.benchmarks.pages import written_to
from tests.benchmarks.timing import Rounds, cpu_seconds_of, in_turns, use_one_thread
from tests.footprint_oracle import KERNELS
from tests.footprint_reference import Array, Points, footprint_means, points_inside, psnr, some_points
from tests.implementations.scenes import Scene
from tests.implementations.work import Call

_GOALS = {"rot17/2.6": 40, "rot17/8": 45, "squeeze8x1@30": 40, "horizon": 40}  # dB at the least, by bilinear's kernel
_IMAGEMAGICK, _OPENCV = "ImageMagick, Triangle", "OpenCV, resize by area first"
# Cases whose footprints are as long along x and y as along their own axes.
_RIGHT_TO_RESIZE = {case for case in SHRINKS if case.startswith("rot17") or case == "squeeze8x1"}


class Result(NamedTuple):
    """The agreement of a peer with the exact sum in dB, and its CPU time in seconds, 0 where it was not taken."""

    decibels: float
    seconds: float = 0


Results = dict[tuple[str, Peer], Result]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=2048, help="of the sides of the pictures")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--points", type=int, default=3000, help="output pixels that are compared")
    parser.add_argument("--case", action="append", choices=list(SHRINKS), help="may be given again")
    parser.add_argument("--peer", default="", metavar="NAME", help="compare with peers whose names contain this")
    parser.add_argument("--page", type=Path, help="put the tables into this page of the documentation as well")
    options = parser.parse_args(arguments)
    use_one_thread()
    with written_to(options.page, "antialias"), tempfile.TemporaryDirectory() as folder:
        wanted = [
            peer for peer in peers(Path(folder)) if peer.name == "stnwarp" or options.peer.lower() in peer.name.lower()
        ]
        _print_all(options, wanted)
    return 0


def _print_all(options: argparse.Namespace, wanted: list[Peer]) -> None:
    wanted = sorted(wanted, key=lambda peer: list(KERNELS).index(peer.kernel))
    cases = options.case or list(SHRINKS)
    for name, make in PICTURES.items():
        picture = make(options.size)
        rounds = Rounds(options.rounds) if name == "page" else None
        results = {
            (case, peer): result
            for case in cases
            for peer, result in _measure(scene(picture, case), wanted, options.points, rounds).items()
        }
        print(f"\n### The {name}, {options.size}x{options.size}: dB\n")
        _print_table(results, wanted, cases, partial(_agreement, results))
        if rounds:
            print(f"\n### The {name}, {options.size}x{options.size}: CPU ms (times stnwarp)\n")
            _print_table(results, wanted, cases, partial(_time, results))
            print("\n### Goals on the page, by bilinear's kernel\n")
            _print_goals(results)


def _measure(work: Scene, wanted: list[Peer], count: int, rounds: Rounds | None) -> dict[Peer, Result]:
    """Everybody's agreement by `count` points, and CPU time, for which all take turns; without rounds no time."""
    prepared = {peer: call for peer in wanted if (call := peer.prepare(work)) is not None}
    names = {peer: f"{peer.name}, {peer.kernel}" for peer in prepared}
    outputs: dict[str, Array] = {}
    runs = {names[peer]: _recorded(outputs, names[peer], call) for peer, call in prepared.items()}
    overheads = {f"{names[peer]}, overhead": peer.overhead(work) for peer in prepared if peer.overhead}
    taken: dict[str, float] = {}
    if rounds:
        taken = in_turns({**runs, **overheads}, rounds, cpu_seconds_of)
    else:
        for run in runs.values():
            run()
    exact = _Exact(work, count)
    return {
        peer: Result(
            exact.agreement(outputs[name], peer.kernel), taken.get(name, 0) - taken.get(f"{name}, overhead", 0)
        )
        for peer, name in names.items()
    }


def _recorded(outputs: dict[str, Array], name: str, call: Call) -> Call:
    def run() -> None:
        outputs[name] = call()

    return run


class _Exact:
    """The exact sums of a scene, by kernel, each made when it is first asked for."""

    def __init__(self, work: Scene, count: int) -> None:
        self._work, self._count = work, count
        self._sums: dict[str, tuple[Points, Array]] = {}

    def agreement(self, output: Array, kernel: str) -> float:
        if kernel not in self._sums:
            work, radius = self._work, KERNELS[kernel][1]
            inside = points_inside(work.matrix, work.image.shape[:2], work.size, radius)
            points = some_points(inside, self._count)
            # As a picture holds them: kernels with negative lobes overshoot beside edges.
            sums = footprint_means(work.image, work.matrix, points, kernel).clip(0, 255)
            self._sums[kernel] = points, sums
        (x, y), sums = self._sums[kernel][0].T, self._sums[kernel][1]
        return psnr(np.rint(output[y, x].astype(np.float64).clip(0, 255)), sums)


def _print_table(results: Results, wanted: list[Peer], cases: list[str], cell: Callable[[str, Peer], str]) -> None:
    """A line for each peer, a column for each case."""
    _print_line("kernel", "who", *(f"{case}, shrink {SHRINKS[case]}" for case in cases))
    _print_line(*["---"] * (2 + len(cases)))
    for peer in wanted:
        cells = (cell(case, peer) if (case, peer) in results else "" for case in cases)
        _print_line(peer.kernel, peer.name, *cells)


def _agreement(results: Results, case: str, peer: Peer) -> str:
    return f"{results[case, peer].decibels:.1f}"


def _time(results: Results, case: str, peer: Peer) -> str:
    ours = next(r.seconds for (c, p), r in results.items() if (c, p.name, p.kernel) == (case, "stnwarp", peer.kernel))
    seconds = results[case, peer].seconds
    return f"{1e3 * seconds:.3g} ({seconds / ours:.2f})"


def _print_goals(results: Results) -> None:
    """What stnwarp came to, and what was asked of it."""
    _print_line("case", "dB", "at least", "of ImageMagick's time", "at most", "of OpenCV's, resize first", "at most")
    _print_line(*["---"] * 7)
    named = {(case, peer.name): result for (case, peer), result in results.items() if peer.kernel == "bilinear"}
    for case in dict.fromkeys(case for case, _ in results):
        ours, is_goal = named[case, "stnwarp"], case in _GOALS
        cells = [case, f"{ours.decibels:.1f}", str(_GOALS.get(case, ""))]
        for name, most in ((_IMAGEMAGICK, "0.2"), (_OPENCV, "4")):
            theirs = named.get((case, name))
            is_like = theirs is not None and (name == _IMAGEMAGICK or case in _RIGHT_TO_RESIZE)
            cells += [f"{ours.seconds / theirs.seconds:.2f}" if theirs and is_like else ""]
            cells += [most if is_goal and is_like else ""]
        _print_line(*cells)


def _print_line(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
