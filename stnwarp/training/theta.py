"""Recipe `theta`: from images whose transforms are known, to predict them."""

import numpy as np
import torch

from stnwarp.localisation.frames import into_frame
from stnwarp.training.lattice import lattice
from stnwarp.training.points import PointRecipe
from stnwarp.training.samples import Samples, frame_metadata
from stnwarp.transforms import compose


class Theta(PointRecipe):
    """Learning known transforms, each perhaps with a random warp of its image behind it."""

    def canonical_points(self, samples: Samples) -> torch.Tensor:
        """Where the known transforms read the lattice, in the frames of the network: (N, M, 2)."""
        assert samples.transforms is not None
        assert samples.output_sizes is not None
        metadata = frame_metadata(self.settings, self.settings.input_size)
        points = lattice().double().numpy()
        known = np.empty((len(samples), *points.shape), np.float32)
        sizes = zip(samples.sizes.tolist(), samples.output_sizes.tolist(), strict=True)
        for index, ((height, width), (rows, columns)) in enumerate(sizes):
            into_input, into_output = into_frame((height, width), metadata), into_frame((rows, columns), metadata)
            in_frames = compose(into_input, samples.transforms[index], into_output.inverse())
            known[index] = in_frames.map_points(points)
        return torch.from_numpy(known)
