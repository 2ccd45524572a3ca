"""Ask for memory before it is needed: points of a turned grid visit lines that no hardware prefetcher foresees.

Without it a large image is read at the latency of the main memory, one line after the other.
"""

from typing import Any

import numpy as np

from stnwarp.kernels.blocks import Memory
from stnwarp.kernels.gradient_tiles import FIRST, GradientCall, Share
from stnwarp.kernels.jit import inlined
from stnwarp.kernels.memory import as_step, load_points, prefetch_output, prefetch_source

_CACHED = 2**16  # elements of an image that stay in the cache without being asked for


@inlined
def prefetch_channel(
    source: Memory, to_source: Memory, call: GradientCall, share: Share, channel: int, count: Any, offsets: Memory
) -> None:
    """Ask for the lines around a tile's points that a share needs of a channel; nothing if the image is small.

    One point in two is enough, and where FIRST is a code, a line of no use does no harm.
    """
    if call.channels * call.height * call.width <= _CACHED or channel >= call.channels:
        return
    shift, down = as_step(channel * call.channel_stride), as_step(call.row_stride)
    spreads = share.first_channel <= channel < share.last_channel
    for k in range(np.uintp(0), count, np.uintp(2)):
        at = np.uintp(load_points(offsets, FIRST + np.uintp(k))) + shift
        if share.wants_grid != 0:
            prefetch_source(source, at)
            prefetch_source(source, at + down)
        if spreads:
            prefetch_output(to_source, at)
            prefetch_output(to_source, at + down)
