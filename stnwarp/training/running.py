"""The run: epochs of steps, each followed by a validation, a checkpoint if it is the best so far, and the state."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from stnwarp.errors import CheckpointError, ParameterError, TrainingError
from stnwarp.training.choices import Device, Optimiser, Schedule, Settings, TrainingRecipe, state_path
from stnwarp.training.classify import Classify
from stnwarp.training.data import Data
from stnwarp.training.describing import description_of
from stnwarp.training.export import Exporter, described_anew
from stnwarp.training.monitor import Diagnosis, Epoch, Meter, diagnosis, gradient_norm
from stnwarp.training.recipe import Measured, Recipe, Shown, new_localisation
from stnwarp.training.restore import Restore
from stnwarp.training.sheets import sheet
from stnwarp.training.state import Progress, Saved, digest_of, save_state, write_file
from stnwarp.training.theta import Theta

_RECIPES: dict[TrainingRecipe, type[Classify | Restore | Theta]] = {
    TrainingRecipe.CLASSIFY: Classify,
    TrainingRecipe.RESTORE: Restore,
    TrainingRecipe.THETA: Theta,
}
_MOMENTUM = 0.9
_BORNE = 3  # epochs in a row with a diagnosis, after which a run stops
_VALIDATION, _SHOWN = -1, -2  # in the place of an epoch's number, for choices that are the same in each


class Run:
    """A training run; `epochs` makes it go.

    Args:
        data: to learn from, and to be tried on.
        settings: all that decides what is learnt; of a run that goes on, epochs, patience and description can change.
        checkpoint: the .onnx file it writes; the state is kept beside it.
        device: where it computes.
        sheets: a directory for a contact sheet after each epoch; None for none.
        saved: the state to go on from; None to begin.

    Raises:
        CheckpointError: the state is one of other data.  OutputError: the directory takes no file.
        ParameterError, ShapeError: settings that no network can be made of.
    """

    def __init__(
        self,
        data: Data,
        settings: Settings,
        checkpoint: Path,
        device: torch.device,
        sheets: Path | None = None,
        saved: Saved | None = None,
    ) -> None:
        self.settings, self.progress = settings, Progress()
        self._checkpoint, self._sheets, self._device = checkpoint, sheets, device
        self._digest = digest_of(data)
        with seeded(settings.seed, 0):
            self._recipe: Recipe = _RECIPES[settings.recipe](data.training, data.validation, settings, device)
        self._optimiser = _optimiser(self._recipe, settings)
        self._exporter = Exporter()
        if saved is not None:
            self._go_on_from(saved)
        else:
            self._save(self.progress)  # a disk that takes no file is found out now

    @property
    def steps(self) -> int:
        """How many there are in an epoch."""
        return self.settings.steps(self._recipe.count)

    @property
    def is_finished(self) -> bool:
        """Whether all epochs are done, or none of the last ones was better."""
        done, patience = self.progress, self.settings.patience
        is_stuck = patience > 0 and done.best_epoch > 0 and done.epoch - done.best_epoch >= patience
        return done.epoch >= self.settings.epochs or is_stuck

    def epochs(self, on_step: Callable[[], object] = lambda: None) -> Iterator[Epoch]:
        """Train until the run is finished; one Epoch each, after its files are written.

        Interrupted, the run can be resumed from the last epoch that was finished.

        Args:
            on_step: called after each step.

        Raises:
            TrainingError: the loss is not finite, or something else is wrong for several epochs.
            OutputError: the disk takes no file.  In both cases the last good files are kept.
        """
        while not self.is_finished:
            epoch = self._epoch(self.progress.epoch + 1, on_step)
            yield epoch
            if epoch.diagnosis is not None and self.progress.wrong >= _BORNE:
                raise TrainingError(f"stopped after epoch {epoch.number}: {epoch.diagnosis}")

    def _epoch(self, number: int, on_step: Callable[[], object]) -> Epoch:
        started = time.perf_counter()
        loss, move, outside, gradient = self._learn(number, on_step)
        measured, shown = self._try_out()
        self._check_finite(measured.loss + gradient, number)
        spreads = float(shown.inputs.std()), float(shown.outputs.std())
        found = diagnosis(loss, self.progress.least_loss, outside, gradient, spreads)
        is_best = (measured.error, measured.loss) < self.progress.best
        progress = self._advanced(number, loss, measured, is_best, found)
        epoch = Epoch(
            number,
            loss,
            measured.loss,
            measured.error,
            measured.unit,
            measured.angle,
            move,
            outside,
            gradient,
            self.settings.rate * _share(self.settings, number),
            time.perf_counter() - started,
            is_best,
            found,
        )
        self._write(epoch, shown, progress)
        self.progress = progress
        return epoch

    def _learn(self, number: int, on_step: Callable[[], object]) -> tuple[float, float, float, float]:
        """One epoch of steps; the means of what they tell."""
        meter = Meter(self.settings, self._device)
        self._recipe.module.train()
        with seeded(self.settings.seed, number) as generator:
            for step, batch in enumerate(self._order(generator).tensor_split(self.steps)):
                share = _share(self.settings, number - 1 + step / self.steps)
                for group in self._optimiser.param_groups:
                    group["lr"] = group["full_rate"] * share
                made = self._recipe.step(batch, generator)
                self._check_finite(float(made.loss.detach()), number)
                self._optimiser.zero_grad(set_to_none=True)
                made.loss.backward()  # type: ignore[no-untyped-call]
                meter.add(made.loss, made.parameters, gradient_norm(self._recipe.localisation))
                self._optimiser.step()
                on_step()
        return meter.means()

    def _order(self, generator: torch.Generator) -> torch.Tensor:
        """The images of an epoch: each once before any of them twice."""
        count = self._recipe.count
        scenes = self.settings.scenes_of(count)
        orders = [torch.randperm(count, generator=generator) for _ in range(-(-scenes // count))]
        return torch.cat(orders)[:scenes]

    def _try_out(self) -> tuple[Measured, Shown]:
        self._recipe.module.eval()
        with torch.no_grad():
            with seeded(self.settings.seed, _VALIDATION) as generator:
                measured = self._recipe.validate(generator)
            with seeded(self.settings.seed, _SHOWN) as generator:
                return measured, self._recipe.shown(generator)

    def _check_finite(self, loss: float, number: int) -> None:
        if math.isfinite(loss):
            return
        best = self.progress.best_epoch
        kept = f"the checkpoint of epoch {best} is kept" if best else "there is no checkpoint yet"
        raise TrainingError(f"stopped in epoch {number}, {kept}: {Diagnosis.NOT_FINITE}")

    def _advanced(
        self, number: int, loss: float, measured: Measured, is_best: bool, found: Diagnosis | None
    ) -> Progress:
        done = self.progress
        return Progress(
            number,
            number if is_best else done.best_epoch,
            (measured.error, measured.loss) if is_best else done.best,
            min(done.least_loss, loss),
            done.wrong + 1 if found is not None else 0,
        )

    def _write(self, epoch: Epoch, shown: Shown, progress: Progress) -> None:
        """The checkpoint before the state: if one is all that gets written, the epoch is simply done again."""
        if epoch.is_best:
            metadata = replace(self._recipe.metadata(), trained=self._trained(epoch))
            write_file(self._checkpoint, self._exporter.checkpoint(self._recipe.localisation, metadata))
        self._save(progress)
        if self._sheets is not None:
            write_file(self._sheets / f"epoch_{epoch.number:04}.png", sheet(shown, _caption(epoch)))

    def _save(self, progress: Progress) -> None:
        path = state_path(self._checkpoint)
        save_state(path, self.settings, self._digest, progress, self._recipe.module, self._optimiser)

    def _go_on_from(self, saved: Saved) -> None:
        if saved.digest != self._digest:
            raise CheckpointError(
                f"{state_path(self._checkpoint)}: its run had other images; begin a new one without --resume"
            )
        self._recipe.module.load_state_dict(saved.module)
        self._optimiser.load_state_dict(dict(saved.optimiser))
        self.progress = saved.progress
        if saved.settings.description != self.settings.description:
            self._describe_anew()

    def _describe_anew(self) -> None:
        """Put the description into the checkpoint that is there, which may stay the best, and into the state."""
        if self.progress.best_epoch and self._checkpoint.is_file():
            write_file(self._checkpoint, described_anew(self._checkpoint, description_of(self.settings)))
        self._save(self.progress)

    def _trained(self, epoch: Epoch) -> dict[str, object]:
        settings = self.settings
        return {
            "recipe": settings.recipe.value,
            "network": settings.network.value,
            "batch_norm": settings.batch_norm,
            "range": None if settings.ranges is None else settings.ranges.to_text(),
            "images": self._recipe.count,
            "seed": settings.seed,
            "epoch": epoch.number,
            "validation_error": round(epoch.error, 4),
            "unit": epoch.unit,
        }


def chosen_device(wanted: Device) -> torch.device:
    """The device that *wanted* means here; ParameterError for a GPU where there is none."""
    has_gpu = torch.cuda.is_available()
    if wanted is Device.CUDA and not has_gpu:
        raise ParameterError("--device cuda: PyTorch finds no GPU here; leave it out to compute on the CPU")
    return torch.device("cuda" if has_gpu and wanted is not Device.CPU else "cpu")


def check_settings(settings: Settings) -> None:
    """Refuse, before images are read, what no network can be made of: ShapeError, ParameterError."""
    with seeded(settings.seed, 0):
        new_localisation(settings)


@contextmanager
def seeded(seed: int, part: int) -> Iterator[torch.Generator]:
    """A generator for one *part* of a run; torch's own is seeded meanwhile, too, for layers that ask it.

    Every epoch has its own, so that a run that is resumed needs to remember nothing of the ones before.
    """
    generator = torch.Generator().manual_seed((seed * 1_000_003 + part) % 2**63)
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        yield generator


def _optimiser(recipe: Recipe, settings: Settings) -> torch.optim.Optimizer:
    own = list(recipe.localisation.parameters())
    others = [each for each in recipe.module.parameters() if all(each is not one for one in own)]
    rates = (settings.rate * settings.localisation_rate, settings.rate)
    groups = [
        {"params": parameters, "lr": rate, "full_rate": rate}
        for parameters, rate in zip((own, others), rates, strict=True)
        if parameters
    ]
    if settings.optimiser is Optimiser.SGD:
        return torch.optim.SGD(groups, momentum=_MOMENTUM)
    return torch.optim.Adam(groups)


def _share(settings: Settings, epochs: float) -> float:
    """What is left of the rate after so many *epochs*."""
    done = epochs / settings.epochs
    if settings.schedule is Schedule.COSINE:
        return (1 + math.cos(math.pi * done)) / 2
    return 0.1 ** min(2, int(3 * done + 1e-9)) if settings.schedule is Schedule.STEPS else 1.0


def _caption(epoch: Epoch) -> str:
    angle = "" if epoch.angle_error is None else f", {epoch.angle_error:.1f} degrees"
    return f"epoch {epoch.number}: error {epoch.error:.2f} {epoch.unit}{angle}"
