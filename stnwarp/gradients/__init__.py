"""The gradients of the grid generator, the sampler and both at once: from that of a loss to what they return to those
to what they were given.

Convention: as in `stnwarp.grid` and `stnwarp.sampler`. Where a derivative jumps (at pixel centres under bilinear, at
the rim, where a reflection turns) it is the one that torch takes. A coordinate that is not finite has gradient 0, and
the pixels that were read there have theirs.
"""

from stnwarp.gradients.generator import affine_grid_backward
from stnwarp.gradients.sampling import Gradients, grid_sample_backward, spatial_transform_backward

__all__ = ["Gradients", "affine_grid_backward", "grid_sample_backward", "spatial_transform_backward"]
