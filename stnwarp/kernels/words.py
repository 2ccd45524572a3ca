"""Neighbours of a block's places as words, see `collectors`: what else is to do for that.

Offsets are those of FIRST, *begin* the first place of a group; *down* is the distance to the lower neighbours.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.blocks import FIRST, GROUP, LOWER_WORDS, UPPER_WORDS, Memory
from stnwarp.kernels.jit import inlined
from stnwarp.kernels.memory import load_points, load_word64, prefetch_source, store_points, store_words64

# Bytes of a batch that stay in the cache without being asked for.
CACHED = 1 << 20

_ONE, _TWO = np.uintp(1), np.uintp(2)


@inlined
def ask_for_lines(source: Memory, shift: Any, down: Any, offsets: Memory, count: Any) -> None:
    """Ask for what a block is about to read: turned rows visit lines of memory that no hardware prefetcher foresees."""
    for k in range(np.uintp(count)):
        at = np.uintp(load_points(offsets, FIRST + np.uintp(k))) + shift
        prefetch_source(source, at)
        prefetch_source(source, at + down)


@inlined
def collect_last_words(source: Memory, down: Any, offsets: Memory, pixels: Memory, begin: Any, last: Any) -> None:
    """`collect_fours` where some of the eight bytes may lie behind the memory: none begin behind *last*."""
    for pair in range(np.uintp(GROUP // 2)):
        k = begin + pair * _TWO
        at, after = np.uintp(load_points(offsets, FIRST + k)), np.uintp(load_points(offsets, FIRST + k + _ONE))
        store_words64(pixels, UPPER_WORDS + _TWO * k, word_within(source, at, last), word_within(source, after, last))
        at, after = at + down, after + down
        store_words64(pixels, LOWER_WORDS + _TWO * k, word_within(source, at, last), word_within(source, after, last))


@inlined
def word_within(source: Memory, at: Any, last: Any) -> Any:
    """The eight bytes from *at* on; those behind the memory, whose last eight begin at *last*, are 0."""
    back = at - last if at > last else np.uintp(0)
    return load_word64(source, at - back) >> (np.uint64(8) * np.uint64(back))


@inlined
def fill_up_groups(offsets: Memory, count: int) -> Any:
    """Fill up the last group of *count* places with an offset that can be read; returns how many groups there are."""
    groups = np.uintp((count + GROUP - 1) // GROUP)
    last = load_points(offsets, FIRST + np.uintp(count - 1))
    for k in range(np.uintp(count), groups * np.uintp(GROUP)):
        store_points(offsets, FIRST + np.uintp(k), last)
    return groups
