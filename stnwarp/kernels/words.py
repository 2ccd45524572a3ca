"""Neighbours of a block's places, copied pixel by pixel into words that the blending loops read one after the other.

Two loads take all four neighbours: pixels that lie side by side come in one word. Here the loads are plain, and the
loops that blend run over contiguous words and are vectorised; on processors whose gather instructions are slower than
the loads they stand for, that is faster than gathering inside the blending loop, and nowhere slower.

A group of GROUP places is collected while the one before is blended: loads and arithmetic then overlap.

Offsets are those of FIRST, *begin* the group's first place; *down* is the distance to the lower neighbours.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.blocks import FIRST, GROUP, LOWER_WORDS, UPPER_WORDS, Memory
from stnwarp.kernels.jit import inlined
from stnwarp.kernels.memory import (
    load_pair,
    load_points,
    load_word16,
    load_word32,
    load_word64,
    prefetch_source,
    store_points,
    store_words64,
)

# Bytes of a batch that stay in the cache without being asked for.
CACHED = 1 << 20

_ONE, _TWO, _THREE, _FOUR = np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4)


@inlined
def ask_for_lines(source: Memory, shift: Any, down: Any, offsets: Memory, count: Any) -> None:
    """Ask for what a block is about to read: turned rows visit lines of memory that no hardware prefetcher foresees."""
    for k in range(np.uintp(count)):
        at = np.uintp(load_points(offsets, FIRST + np.uintp(k))) + shift
        prefetch_source(source, at)
        prefetch_source(source, at + down)


@inlined
def collect_bytes(source: Memory, down: Any, offsets: Memory, pixels: Memory, begin: Any) -> None:
    """One word a place, at UPPER_WORDS: two bytes of the upper row, then two of the lower."""
    for quad in range(np.uintp(GROUP // 4)):
        k = begin + quad * _FOUR
        a, b = _bytes_at(source, down, offsets, k), _bytes_at(source, down, offsets, k + _ONE)
        c, d = _bytes_at(source, down, offsets, k + _TWO), _bytes_at(source, down, offsets, k + _THREE)
        store_words64(pixels, UPPER_WORDS + k, a | b << np.uint64(32), c | d << np.uint64(32))


@inlined
def _bytes_at(source: Memory, down: Any, offsets: Memory, k: Any) -> Any:
    at = np.uintp(load_points(offsets, FIRST + k))
    return np.uint64(load_word16(source, at)) | np.uint64(load_word16(source, at + down)) << np.uint64(16)


@inlined
def collect_words(source: Memory, down: Any, offsets: Memory, pixels: Memory, begin: Any) -> None:
    """Two words a place, at UPPER_WORDS: four bytes of the upper row, then four of the lower."""
    for pair in range(np.uintp(GROUP // 2)):
        k = begin + pair * _TWO
        store_words64(
            pixels,
            UPPER_WORDS + _TWO * k,
            _words_at(source, down, offsets, k),
            _words_at(source, down, offsets, k + _ONE),
        )


@inlined
def _words_at(source: Memory, down: Any, offsets: Memory, k: Any) -> Any:
    at = np.uintp(load_points(offsets, FIRST + k))
    upper, lower = np.uint64(load_word32(source, at)), np.uint64(load_word32(source, at + down))
    return upper | lower << np.uint64(32)


@inlined
def collect_long_words(source: Memory, down: Any, offsets: Memory, pixels: Memory, begin: Any) -> None:
    """Two words a place at UPPER_WORDS and two at LOWER_WORDS: eight bytes of the upper row and of the lower."""
    for pair in range(np.uintp(GROUP // 2)):
        k = begin + pair * _TWO
        at, after = np.uintp(load_points(offsets, FIRST + k)), np.uintp(load_points(offsets, FIRST + k + _ONE))
        store_words64(pixels, UPPER_WORDS + _TWO * k, load_word64(source, at), load_word64(source, after))
        at, after = at + down, after + down
        store_words64(pixels, LOWER_WORDS + _TWO * k, load_word64(source, at), load_word64(source, after))


@inlined
def collect_last_words(source: Memory, down: Any, offsets: Memory, pixels: Memory, begin: Any, last: Any) -> None:
    """`collect_long_words` where some of the eight bytes may lie behind the memory: none begin behind *last*."""
    for pair in range(np.uintp(GROUP // 2)):
        k = begin + pair * _TWO
        at, after = np.uintp(load_points(offsets, FIRST + k)), np.uintp(load_points(offsets, FIRST + k + _ONE))
        store_words64(pixels, UPPER_WORDS + _TWO * k, _within(source, at, last), _within(source, after, last))
        at, after = at + down, after + down
        store_words64(pixels, LOWER_WORDS + _TWO * k, _within(source, at, last), _within(source, after, last))


@inlined
def _within(source: Memory, at: Any, last: Any) -> Any:
    back = at - last if at > last else np.uintp(0)
    return load_word64(source, at - back) >> (np.uint64(8) * np.uint64(back))


@inlined
def collect_pairs(source: Memory, shift: Any, down: Any, offsets: Memory, pixels: Memory, begin: Any) -> None:
    """`collect_long_words` for float32: two numbers of the upper row, two of the lower; *shift* is the channel's."""
    for pair in range(np.uintp(GROUP // 2)):
        k = begin + pair * _TWO
        at = np.uintp(load_points(offsets, FIRST + k)) + shift
        after = np.uintp(load_points(offsets, FIRST + k + _ONE)) + shift
        store_words64(pixels, UPPER_WORDS + _TWO * k, load_pair(source, at), load_pair(source, after))
        at, after = at + down, after + down
        store_words64(pixels, LOWER_WORDS + _TWO * k, load_pair(source, at), load_pair(source, after))


@inlined
def fill_up_groups(offsets: Memory, count: int) -> Any:
    """Fill up the last group of *count* places with an offset that can be read; returns how many groups there are."""
    groups = np.uintp((count + GROUP - 1) // GROUP)
    last = load_points(offsets, FIRST + np.uintp(count - 1))
    for k in range(np.uintp(count), groups * np.uintp(GROUP)):
        store_points(offsets, FIRST + np.uintp(k), last)
    return groups
