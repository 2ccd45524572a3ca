"""A kind of work, and those who can do it: the rows of the comparison table."""

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tests.implementations.agreement import Agreement, Results, as_array

Call = Callable[[], object]


class Given(Protocol):
    """What a piece of work is done to; see `scenes`."""

    def slack(self, agreement: Agreement, neighbours: int) -> float | NDArray[np.floating]: ...


GivenT = TypeVar("GivenT", bound=Given)
Prepare = Callable[[GivenT], Call]


@dataclass(frozen=True)
class Peer(Generic[GivenT]):
    """Somebody else who does the same work.

    `prepare` brings what is given into the form the peer takes, and returns the call that is timed.
    """

    name: str
    prepare: Prepare[GivenT]
    agreement: Agreement


@dataclass(frozen=True)
class Work(Generic[GivenT]):
    """One kind of work: ours, the peers', and what it reads.

    Attributes:
        name: of the work.
        kind: of the pixels.
        ours: prepares our call.
        peers: who does the same; empty where nobody does, which `alone` explains.
        neighbours: how many pixels a sample is made of along one axis.
        alone: why there is no peer.
        is_grid_stored: whether the places are read from a grid in memory.
        is_both_ways: whether gradients are carried back as well.
    """

    name: str
    kind: str
    ours: Prepare[GivenT]
    peers: tuple[Peer[GivenT], ...]
    neighbours: int = 2
    alone: str = ""
    is_grid_stored: bool = False
    is_both_ways: bool = False

    @property
    def title(self) -> str:
        """The work and its pixels."""
        return f"{self.name}, {self.kind}"

    def differences(self, given: GivenT, names: Container[str] | None = None) -> dict[str, list[str]]:
        """What is wrong with each peer's result, by the peer's name; an empty list where nothing is.

        With *names*, of these peers only.
        """
        ours = _results(self.ours(given)())
        asked = [peer for peer in self.peers if names is None or peer.name in names]
        return {peer.name: self._differences(peer, given, ours) for peer in asked}

    def _differences(self, peer: Peer[GivenT], given: GivenT, ours: Results) -> list[str]:
        theirs = _results(peer.prepare(given)())
        return peer.agreement.differences(ours, theirs, given.slack(peer.agreement, self.neighbours))


def _results(returned: object) -> Results:
    """What a call returned, as results in a row: some works have several."""
    given = returned if isinstance(returned, tuple | list) else [returned]
    return [as_array(result) for result in given]
