"""Recipe `restore`: from images in canonical pose, to undo random warps. Nothing but the images is needed."""

import torch

from stnwarp.training.lattice import lattice
from stnwarp.training.points import PointRecipe
from stnwarp.training.samples import Samples


class Restore(PointRecipe):
    """Learning to undo the warps of a stated range, drawn afresh for every image of every epoch."""

    def canonical_points(self, samples: Samples) -> torch.Tensor:
        """The pictures are the canonical frames: (1, M, 2)."""
        return lattice()[None]
