"""Learning from points: where a lattice of the canonical frame is read in the input, and where it should be.

Points, not numbers: half a degree matters as much as the pixels it moves, in every family alike.
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch

from stnwarp.localisation.metadata import Metadata
from stnwarp.training.choices import Settings
from stnwarp.training.describing import metadata_for, statistics
from stnwarp.training.geometry import identity_parameters, sampling_grid
from stnwarp.training.lattice import CORNERS, MIDDLE, lattice, outline, places
from stnwarp.training.recipe import SHOWN, Measured, Recipe, Shown, Step, batches, new_localisation
from stnwarp.training.samples import Samples
from stnwarp.training.sampling import Frames, Parts, sampled, shares_of
from stnwarp.training.scenes import Scenes
from stnwarp.training.variation import varied
from stnwarp.training.warps import Warps

_LEAST_SCALE = 0.05
_ROUND = 1e-3  # of a distance: below it the loss is round, because a gradient must not jump
_LEAST_VALIDATED = 256  # scenes, so that few images kept back are tried under many warps


class PointRecipe(Recipe):
    """Learning where the canonical frame lies in the input.

    Args:
        training: the images to learn from.
        validation: the images that were kept back.
        settings: of the run.
        device: where it computes.
    """

    def __init__(self, training: Samples, validation: Samples, settings: Settings, device: torch.device) -> None:
        self.settings, self.count = settings, len(training)
        self._training, self._validation = (Scenes(samples, settings, device) for samples in (training, validation))
        self._canonical = {scenes: self.canonical_points(scenes.samples) for scenes in self._all()}
        self._output_shares = {scenes: _output_shares(scenes) for scenes in self._all()}
        self._mean, self._std = statistics(training, self._training.shares, settings.background)
        self.localisation = new_localisation(settings).to(device)
        self.module = self.localisation

    @abstractmethod
    def canonical_points(self, samples: Samples) -> torch.Tensor:
        """Where the lattice lies in the pictures before any warp: (N, M, 2), or (1, M, 2) if in all at one place."""

    def metadata(self) -> Metadata:
        """What the checkpoint will say of itself."""
        return metadata_for(self.settings, self._mean, self._std)

    def step(self, indices: torch.Tensor, generator: torch.Generator) -> Step:
        """The mean distance of the points from where they should be, in frames of the canonical output."""
        scene = self._scene(self._training, indices, generator)
        parameters = self.localisation(self._normalised(scene.inputs))
        errors = self._errors(parameters, scene.targets)
        loss = errors.loss
        if self.settings.picture_weight:
            loss = loss + self.settings.picture_weight * self._picture_loss(scene, parameters)
        return Step(loss, parameters)

    def validate(self, generator: torch.Generator) -> Measured:
        """The mean distance of the corners from where they should be, in pixels of the network's input."""
        return self._measured(lambda inputs: self.localisation(self._normalised(inputs)), generator)

    def baseline(self, generator: torch.Generator) -> Measured:
        """The same where every image is left as it is."""
        settings = self.settings
        identity = identity_parameters(settings.family, settings.control_points)
        return self._measured(lambda inputs: identity.to(inputs.device).expand(len(inputs), -1), generator)

    def _measured(self, localise: Callable[[torch.Tensor], torch.Tensor], generator: torch.Generator) -> Measured:
        indices = torch.arange(len(self._validation))
        if self.settings.ranges is not None:
            indices = indices.repeat(-(-_LEAST_VALIDATED // len(indices)))
        sums = torch.zeros(3, dtype=torch.float64)
        for batch in batches(indices):
            scene = self._scene(self._validation, batch, generator)
            errors = self._errors(localise(scene.inputs), scene.targets)
            means = torch.stack((errors.loss, errors.corners, errors.angle)).double().cpu()
            sums += len(batch) * means
        loss, corners, angle = (sums / len(indices)).tolist()
        return Measured(loss, corners, "px", angle)

    def shown(self, generator: torch.Generator) -> Shown:
        """The first images kept back, warped, and canonicalised as the network sees them."""
        indices = torch.arange(SHOWN) % len(self._validation)
        scene = self._scene(self._validation, indices, generator)
        parameters = self.localisation(self._normalised(scene.inputs))
        outputs = self._read(scene, self._grid(parameters, self.settings.input_size, align_corners=False))
        outlines = (
            outline(points, scene.output_shares) for points in (places(parameters, self.settings), scene.targets)
        )
        return Shown(scene.inputs, outputs, *outlines)

    def _all(self) -> tuple[Scenes, Scenes]:
        return self._training, self._validation

    def _scene(self, scenes: Scenes, indices: torch.Tensor, generator: torch.Generator) -> "_Scene":
        warps = scenes.draw(indices, generator)
        points = self._canonical[scenes]
        canonical = (points if len(points) == 1 else points[indices]).to(scenes.device)
        targets = warps.to_scene(canonical.expand(len(indices), -1, -1))
        shares, output_shares = (
            each[indices].to(scenes.device) for each in (scenes.shares, self._output_shares[scenes])
        )
        inputs = scenes.inputs(indices, warps)
        if self.settings.vary:
            frames = Frames.of(shares, self.settings.input_size)
            inputs = frames.laid(varied(inputs, self.settings.vary, generator), inputs)  # bars are always the same
        return _Scene(inputs, warps, targets, shares, output_shares)

    def _normalised(self, inputs: torch.Tensor) -> torch.Tensor:
        mean, std = (torch.tensor(values, device=inputs.device).reshape(-1, 1, 1) for values in (self._mean, self._std))
        return (inputs - mean) / std

    def _grid(self, parameters: torch.Tensor, size: tuple[int, int], align_corners: bool) -> torch.Tensor:
        settings = self.settings
        return sampling_grid(parameters, settings.family, size, settings.control_points, align_corners)

    def _errors(self, parameters: torch.Tensor, targets: torch.Tensor) -> "_Errors":
        return _errors(places(parameters, self.settings), targets, self.settings.input_size)

    def _read(self, scene: "_Scene", grid: torch.Tensor) -> torch.Tensor:
        """What is read of the images of *scene* at a *grid* of the frame: canonicalised, and laid on frames again."""
        settings = self.settings
        parts = Parts.in_middle(scene.shares, settings.input_size) if bool((scene.shares < 1).any()) else None
        points = grid / scene.shares[:, None, None]
        read = sampled(scene.inputs, points, parts, settings.padding_mode, settings.background)
        return Frames.of(scene.output_shares, settings.input_size).laid(read, settings.background)

    def _picture_loss(self, scene: "_Scene", parameters: torch.Tensor) -> torch.Tensor:
        """The mean square of the difference between the canonicalised picture and the one that it should be."""
        size = self.settings.input_size
        pixels = Frames.of(torch.ones_like(scene.shares), size).points.flatten(1, 2)
        wanted = self._read(scene, scene.warps.to_scene(pixels).reshape(-1, *size, 2))
        found = self._read(scene, self._grid(parameters, size, align_corners=False))
        return (found - wanted).square().mean()


@dataclass(frozen=True, eq=False)
class _Scene:
    """A batch: the network's input before it is normalised, how it was warped, and where the lattice lies in it.

    *shares* and *output_shares* (N, 2): what the images, and their canonical outputs, take of the frame.
    """

    inputs: torch.Tensor
    warps: Warps
    targets: torch.Tensor
    shares: torch.Tensor
    output_shares: torch.Tensor


@dataclass(frozen=True, eq=False)
class _Errors:
    """Means over a batch: the loss, the distance of the corners in pixels, and the angle in degrees."""

    loss: torch.Tensor
    corners: torch.Tensor
    angle: torch.Tensor


def _output_shares(scenes: Scenes) -> torch.Tensor:
    """What the canonical outputs take of the frame."""
    sizes = scenes.samples.output_sizes
    return scenes.shares if sizes is None else shares_of(sizes, scenes.settings)


def _errors(found: torch.Tensor, wanted: torch.Tensor, size: tuple[int, int]) -> _Errors:
    """Distances in pixels of an input of *size*; the loss in frames, of what the scene shows as large as the frame."""
    pixels = torch.tensor((size[1] / 2, size[0] / 2), device=found.device)
    off = (found - wanted) * pixels
    away = (wanted - wanted.mean(dim=1, keepdim=True)).square().sum(-1).mean(1).sqrt()
    scale = (away / lattice().square().sum(-1).mean().sqrt()).clamp_min(_LEAST_SCALE)
    frames = off / (scale[:, None, None] * pixels.max())
    loss = (frames.square().sum(-1) + _ROUND**2).sqrt().mean()
    corners = off[:, CORNERS].square().sum(-1).sqrt().mean()
    return _Errors(loss, corners, _angles(found * pixels, wanted * pixels).abs().mean())


def _angles(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """By how many degrees the row in the middle of the frame is turned from how it should lie."""
    (x, y), (u, v) = ((points[:, MIDDLE[1]] - points[:, MIDDLE[0]]).unbind(-1) for points in (found, wanted))
    return torch.rad2deg(torch.atan2(u * y - v * x, u * x + v * y))
