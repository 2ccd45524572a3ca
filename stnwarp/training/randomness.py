"""Random choices that a run can make again."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int, part: int) -> Iterator[torch.Generator]:
    """A generator for one *part* of a run; torch's own is seeded meanwhile, too, for layers that ask it.

    Every epoch has its own, so that a run that is resumed needs to remember nothing of the ones before.
    """
    generator = torch.Generator().manual_seed((seed * 1_000_003 + part) % 2**63)
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        yield generator
