"""The sizes of everything, which grow with the picture but never below what can be seen."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """Sizes in canvas units for a drawing *width* units wide."""

    width: int

    def _scaled(self, at_1200: float, least: float) -> float:
        return max(least, at_1200 * self.width / 1200)

    @property
    def letter(self) -> float:
        """The size of titles and captions."""
        return self._scaled(19, 10)

    @property
    def number(self) -> float:
        """The size of the numbers along the axes."""
        return self._scaled(15, 8.5)

    @property
    def margin(self) -> float:
        """The empty border of the drawing."""
        return self._scaled(28, 9)

    @property
    def gap(self) -> float:
        """The space between the panels."""
        return self._scaled(56, 16)

    @property
    def rule(self) -> float:
        """The width of the thinnest lines, the axes."""
        return self._scaled(1.2, 0.7)

    @property
    def edge(self) -> float:
        """The width of an image's own outline."""
        return self._scaled(1.7, 0.9)

    @property
    def line(self) -> float:
        """The width of the lattice's lines."""
        return self._scaled(1.3, 0.7)

    @property
    def frame(self) -> float:
        """The width of the outline of the target's frame."""
        return self._scaled(2.8, 1.4)

    @property
    def seam(self) -> float:
        """By how much the light seam beneath a dark line is wider than it."""
        return self._scaled(2.6, 1.2)

    @property
    def ring(self) -> float:
        """The light ring of a point, as a share of its radius."""
        return 0.26

    def radius(self, spacing: float, widest: float = math.inf) -> float:
        """A point's radius where neighbours are *spacing* apart one way and *widest* the other."""
        least = max(0.4, min(self._scaled(1.8, 1.0), 0.4 * widest))
        return max(least, min(self._scaled(5.2, 2.2), 0.24 * spacing))

    @property
    def points_along(self) -> int:
        """How many points the longer side of a grid is thinned to."""
        return min(24, max(12, round(self.width / 75)))
