"""Speed of every kind of work against its peers, on one thread, as ratios of medians taken in turns in one process.

    python -m tests.benchmarks.speed [--size 1920x1080] [--angle 17] [--rounds 15] [--only WORK] [--peer NAME]
                                     [--page docs/benchmarks.md]

Rows and peers are those of the comparison table that the correctness tests use, and each result is compared with
ours, to the peer's tolerance, before anything is timed. What stands below a peer is its time over ours, above 1 where
stnwarp is the faster, and its milliseconds. "At least" is what the first of a row's peers is to come to, and the floor
is what memory and load ports need for the work (see `floor`).
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.calls import overheads, second_thread
from tests.benchmarks.cases import SHAPES, Row, further_rows, image_rows, tensor_rows
from tests.benchmarks.floor import clock, copy_seconds
from tests.benchmarks.pages import written_to
from tests.benchmarks.timing import Rounds, in_turns, use_one_thread

_OURS = "stnwarp"
SMALL_SHAPES = ((2, 2, 9, 12), (1, 3, 10, 12), (5, 1, 11, 12), (2, 4, 13, 12))  # to try the benchmark out
_LARGE_COPY = 200_000_000  # bytes: beyond every cache
_CALL_TARGET, _THREADS_TARGET = 10, 1.7


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; 1 if any peer turned out to do other work."""
    options = _options(arguments)
    use_one_thread()
    with written_to(options.page, "speed"):
        return _print_all(options, Rounds(options.rounds))


def _print_all(options: argparse.Namespace, rounds: Rounds) -> int:
    failures = 0
    for title, rows in _sections(options):
        wanted = [row for row in rows if options.only.lower() in f"{row.work.title}, {row.case}".lower()]
        if wanted:
            print(f"\n### {title}\n")
            failures += _print_table(wanted, rounds, options.peer)
    if not options.only:
        _print_threads(options, rounds)
        _print_overheads(options.rounds)
        _print_machine()
    return min(failures, 1)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=_size, action="append", help="of images, WxH; may be given again")
    parser.add_argument("--angle", type=float, default=17, help="of the turn, in degrees")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="", metavar="WORK", help="rows whose work or case contains this")
    parser.add_argument("--peer", default="", metavar="NAME", help="compare with this peer only")
    parser.add_argument("--small-maps", action="store_true", help="feature maps of a few pixels, to try this out")
    parser.add_argument("--page", type=Path, help="put the tables into this page of the documentation as well")
    options = parser.parse_args(arguments)
    options.size = options.size or [(1080, 1920), (2160, 3840)]
    return options


def _size(text: str) -> tuple[int, int]:
    width, height = (int(side) for side in text.split("x"))
    return height, width


def _sections(options: argparse.Namespace) -> Iterator[tuple[str, list[Row]]]:
    shapes = SMALL_SHAPES if options.small_maps else SHAPES
    yield "Images", image_rows(options.size, options.angle)
    yield "Feature maps", tensor_rows(options.angle, shapes)
    yield "Further cases", further_rows(options.size[0], options.angle)


def _print_table(rows: list[Row], rounds: Rounds, only_peer: str) -> int:
    """One line for each row, with a column for each peer; the number of peers that do other work."""
    peers = list(dict.fromkeys(peer.name for row in rows for peer in row.work.peers))
    peers = [name for name in peers if only_peer.lower() in name.lower()]
    _print_line("work", "size", "case", "stnwarp ms", "at least", *peers, "floor ms", "times floor")
    _print_line(*["---"] * (7 + len(peers)))
    failures = 0
    for row in rows:
        given = row.make()
        wrong = row.work.differences(given, peers)
        calls = {peer.name: peer.prepare(given) for peer in row.work.peers if wrong.get(peer.name) == []}
        taken = in_turns({_OURS: row.work.ours(given), **calls}, rounds)
        failures += sum(map(bool, wrong.values()))
        _print_line(*_cells(row, given, taken, wrong, peers))
    return failures


def _cells(
    row: Row, given: Any, taken: dict[str, float], wrong: dict[str, list[str]], peers: list[str]
) -> Iterator[str]:
    """Ours in milliseconds; for each peer, its time over ours, and its milliseconds; and the floor."""
    floor, ours = row.floor(given), taken[_OURS]
    yield from (row.work.title, row.size, row.case, f"{1e3 * ours:.3f}", f"{row.target:.1f}" if row.target else "")
    for name in peers:
        if name in taken:
            milliseconds = 1e3 * taken[name]
            shown = f"{milliseconds:.3g}" if milliseconds < 100 else f"{milliseconds:.0f}"
            yield f"{taken[name] / ours:.2f} ({shown})"
        else:
            yield f"not the same work: {wrong[name][0]}" if wrong.get(name) else ""
    yield f"{1e3 * floor.seconds:.3f} ({floor.bound_by})"
    yield f"{ours / floor.seconds:.1f}"


def _print_threads(options: argparse.Namespace, rounds: Rounds) -> None:
    print("\n### Two threads over one\n")
    _print_line("work", "size", "times as fast", "at least", "two images, one thread each")
    _print_line(*["---"] * 5)
    for size in options.size:
        shared, apart = (f"{ratio:.2f}" for ratio in second_thread(size, options.angle, rounds))
        _print_line("affine bilinear, uint8 RGB", f"{size[1]}x{size[0]}", shared, f"{_THREADS_TARGET}", apart)


def _print_overheads(repeats: int) -> None:
    print("\n### What a call costs, microseconds\n")
    _print_line("call", "64x64 to 64x64", "64x64 to 1x1: the call alone", "at most")
    _print_line(*["---"] * 4)
    for name, (whole, alone) in overheads(repeats).items():
        _print_line(name, f"{whole:.1f}", f"{alone:.1f}", "" if name.startswith("cv2") else f"{_CALL_TARGET}")


def _print_machine() -> None:
    bandwidth = _LARGE_COPY / copy_seconds(_LARGE_COPY) / 1e9
    print(f"\nFloors: a copy of {_LARGE_COPY // 10**6} MB moves {bandwidth:.1f} GB/s; clock {clock() / 1e9:.2f} GHz.")


def _print_line(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
