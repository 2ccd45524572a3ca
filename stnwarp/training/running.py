"""The run: epochs of steps, each followed by a validation, a checkpoint if it is the best so far, and the state."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from stnwarp.errors import CheckpointError, TrainingError
from stnwarp.training.choices import Settings, TrainingRecipe, sheet_path, state_path
from stnwarp.training.classify import Classify
from stnwarp.training.data import Data
from stnwarp.training.describing import description_of
from stnwarp.training.export import Exporter, described_anew
from stnwarp.training.memory import memory_in_words
from stnwarp.training.monitor import Diagnosis, Epoch, Means, Meter, diagnosis, gradient_norm
from stnwarp.training.optimisation import new_optimiser, share_of_rate
from stnwarp.training.randomness import seeded
from stnwarp.training.recipe import Measured, Recipe, Shown
from stnwarp.training.restore import Restore
from stnwarp.training.sheets import sheet
from stnwarp.training.state import Progress, Saved, digest_of, state_of, write_file
from stnwarp.training.theta import Theta

_RECIPES: dict[TrainingRecipe, type[Classify | Restore | Theta]] = {
    TrainingRecipe.CLASSIFY: Classify,
    TrainingRecipe.RESTORE: Restore,
    TrainingRecipe.THETA: Theta,
}
# An epoch with a diagnosis adds to what a run has borne, one without takes off less: a network at its bounds that
# twitches now and then is not on the mend. Three in a row are too much, and so are three of four, or four of seven.
_WRONG, _QUIET, _BORNE = 2, 1, 5
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

    Attributes:
        progress: how far it has come.
        baseline: what the images kept back give without a network.
        lost: the epoch whose network was the best of the run to go on, if that is lost with its file; 0 if not.

    Raises:
        CheckpointError: the state is one of other data, or broken, or the best network of a finished run is lost.
        OutputError: the directory takes no file.  ParameterError, ShapeError: settings that no network can be made of.
        TrainingError: memory is not enough.
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
        self.settings, self.progress, self.lost = settings, Progress(), 0
        self._checkpoint, self._sheets, self._device = checkpoint, sheets, device
        self._has_earlier, self._has_written = checkpoint.is_file(), False  # of the checkpoint
        self._digest = digest_of(data)
        with memory_in_words(settings):
            with seeded(settings.seed, 0):
                self._recipe: Recipe = _RECIPES[settings.recipe](data.training, data.validation, settings, device)
            with seeded(settings.seed, _VALIDATION) as generator, torch.no_grad():
                self.baseline = self._recipe.baseline(generator)
        self._optimiser = new_optimiser(self._recipe, settings)
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

        Interrupted, the run can be resumed from the last epoch that was finished. One that fails in its first leaves
        neither state nor checkpoint: there is nothing to go on from, and they would be in the way of the next try.

        Args:
            on_step: called after each step.

        Raises:
            TrainingError: the loss is not finite, memory is not enough, or something is wrong for several epochs.
            OutputError: the disk takes no file.  In both cases the last good files of this run are kept.
        """
        while not self.is_finished:
            try:
                with memory_in_words(self.settings):
                    epoch = self._epoch(self.progress.epoch + 1, on_step)
            except Exception:
                if not self.progress.epoch:
                    self._remove()
                raise
            yield epoch
            if epoch.diagnosis is not None and self.progress.wrong >= _BORNE:
                raise TrainingError(f"stopped after epoch {epoch.number}: {epoch.diagnosis}")

    def _epoch(self, number: int, on_step: Callable[[], object]) -> Epoch:
        started = time.perf_counter()
        means = self._learn(number, on_step)
        measured, shown = self._try_out()
        self._check_finite(measured.loss + means.gradient, number)
        spreads = float(shown.inputs.std()), float(shown.outputs.std())
        # Before the first epoch: what there is without a network, which the loss of one batch tells, too.
        least = self.progress.least_loss if self.progress.epoch else max(self.baseline.loss, means.first_loss)
        found = diagnosis(means, least, spreads, is_useful=measured.loss < self.baseline.loss)
        is_best = (measured.error, measured.loss) < self.progress.best
        progress = self._advanced(number, min(least, means.loss), measured, is_best, found)
        epoch = Epoch(
            number,
            means.loss,
            measured.loss,
            measured.error,
            measured.unit,
            self.baseline.error,
            measured.angle,
            means.move,
            means.outside,
            means.gradient,
            self.settings.rate * share_of_rate(self.settings, number),
            time.perf_counter() - started,
            is_best,
            found,
        )
        self._write(epoch, shown, progress)
        return epoch

    def _learn(self, number: int, on_step: Callable[[], object]) -> Means:
        """One epoch of steps; the means of what they tell."""
        meter = Meter(self.settings, self._recipe.localisation.bounded)
        self._recipe.module.train()
        with seeded(self.settings.seed, number) as generator:
            for step, batch in enumerate(self._order(generator).tensor_split(self.steps)):
                share = share_of_rate(self.settings, number - 1 + step / self.steps)
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
        self, number: int, least_loss: float, measured: Measured, is_best: bool, found: Diagnosis | None
    ) -> Progress:
        done = self.progress
        return Progress(
            number,
            number if is_best else done.best_epoch,
            (measured.error, measured.loss) if is_best else done.best,
            least_loss,
            max(0, done.wrong - _QUIET) if found is None else done.wrong + _WRONG,
        )

    def _write(self, epoch: Epoch, shown: Shown, progress: Progress) -> None:
        """The state after the checkpoint: if that is all that gets written, the epoch is simply done again."""
        if epoch.is_best:
            self._write_checkpoint(progress)
        self._save(progress)
        self.progress = progress
        # Only now, so that a run has no sheet of an epoch that its state does not tell of.
        if self._sheets is not None:
            self._write_file(sheet_path(self._sheets, epoch.number), sheet(shown, _caption(epoch)))

    def _write_checkpoint(self, progress: Progress) -> None:
        """The network as it is now, which is the best of *progress*."""
        metadata = replace(self._recipe.metadata(), trained=self._trained(progress))
        self._write_file(self._checkpoint, self._exporter.checkpoint(self._recipe.localisation, metadata))
        self._has_written = True

    def _write_file(self, path: Path, data: bytes) -> None:
        lost = self._checkpoint if self._has_earlier and self._has_written else None
        write_file(path, data, can_go_on=self.progress.epoch > 0, lost=lost)

    def _remove(self) -> None:
        """Take away what was written before any epoch was finished."""
        with suppress(OSError):  # what went wrong before matters more
            if self._has_written:
                self._checkpoint.unlink(missing_ok=True)
            state_path(self._checkpoint).unlink(missing_ok=True)

    def _save(self, progress: Progress) -> None:
        module, optimiser = self._recipe.module, self._optimiser
        self._write_file(
            state_path(self._checkpoint), state_of(self.settings, self._digest, progress, module, optimiser)
        )

    def _go_on_from(self, saved: Saved) -> None:
        path = state_path(self._checkpoint)
        if saved.digest != self._digest:
            raise CheckpointError(f"{path}: its run had other images or parameters; begin a new one without --resume")
        saved.load_into(path, self._recipe.module, self._optimiser)
        self.progress = saved.progress
        is_described_anew = saved.settings.description != self.settings.description
        if self.progress.best_epoch and not self._checkpoint.is_file():
            self._replace_lost()
        elif self.progress.best_epoch and is_described_anew:  # no later epoch may be better
            self._write_file(self._checkpoint, described_anew(self._checkpoint, description_of(self.settings)))
        if is_described_anew:
            self._save(self.progress)

    def _replace_lost(self) -> None:
        """The checkpoint is gone: write it again if the state holds its network, else look for a best one anew."""
        done = self.progress
        if done.best_epoch == done.epoch:
            self._write_checkpoint(done)
        elif self.is_finished:
            raise CheckpointError(
                f"{self._checkpoint}: it is gone, and its run is finished; the state holds the network of epoch "
                f"{done.epoch}, not the best one, of epoch {done.best_epoch}; begin a new run with --overwrite"
            )
        else:
            self.lost = done.best_epoch
            self.progress = replace(done, best_epoch=0, best=Progress.best)

    def _trained(self, progress: Progress) -> dict[str, object]:
        settings = self.settings
        return {
            "recipe": settings.recipe.value,
            "network": settings.network.value,
            "batch_norm": settings.batch_norm,
            "range": None if settings.ranges is None else settings.ranges.to_text(),
            "images": self._recipe.count,
            "seed": settings.seed,
            "epoch": progress.best_epoch,
            "validation_error": round(progress.best[0], 4),
            "unit": self.baseline.unit,
        }


def _caption(epoch: Epoch) -> str:
    angle = "" if epoch.angle_error is None else f", {epoch.angle_error:.1f} degrees"
    return f"epoch {epoch.number}: error {epoch.error:.2f} {epoch.unit}{angle}"
