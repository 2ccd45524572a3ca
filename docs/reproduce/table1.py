"""Train cells of the paper's Table 1 (distorted MNIST), or write what was measured into README.md.

    python docs/reproduce/table1.py mnist.npz --distortion R --model st-cnn-affine --seeds 3
    python docs/reproduce/table1.py --render

Every run appends one JSON line to the results; seeds that stand there already, with the same settings, are not run
again. Needs PyTorch (`pip install 'stnwarp[train]'`) and an mnist.npz with x_train, y_train, x_test and y_test.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch
from distortions import SIZES
from models import MODELS
from rendering import render
from training import TEST_SEED, Digits, Epoch, Run, Settings, load

HOME = Path(__file__).resolve().parent
RESULTS, README = HOME / "table1.jsonl", HOME / "README.md"


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and do what it says."""
    options = parser().parse_args(arguments)
    if options.render:
        options.readme.write_text(render(options.readme.read_text(), records(options.results)))
        return 0
    if options.mnist is None:
        parser().error("name an mnist.npz, or give --render")
    torch.set_num_threads(options.threads)
    train, test = load(options.mnist)
    settings = Settings(
        epochs=options.epochs,
        batch=options.batch,
        rate=options.rate,
        localisation_rate=options.localisation_rate,
        weight_decay=options.weight_decay,
        dropout=options.dropout,
        jitter=options.jitter,
        smoothing=options.smoothing,
        validation=options.validation,
        bfloat16=options.precision == "bfloat16",
    )
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        measure(train, test, options.distortion, options.model, seed, settings, options.results)
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    given = Settings()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("mnist", nargs="?", type=Path, help="mnist.npz")
    parser.add_argument("--distortion", choices=tuple(SIZES), default="R")
    parser.add_argument("--model", choices=MODELS, default="st-cnn-affine")
    parser.add_argument("--seeds", type=int, default=1, help="how many runs")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=given.epochs)
    parser.add_argument("--batch", type=int, default=given.batch)
    parser.add_argument("--rate", type=float, default=given.rate, help="largest learning rate")
    parser.add_argument("--localisation-rate", type=float, default=given.localisation_rate, help="times --rate")
    parser.add_argument("--weight-decay", type=float, default=given.weight_decay)
    parser.add_argument("--dropout", type=float, default=given.dropout, help="before the classifier's last layer")
    parser.add_argument("--jitter", type=float, default=given.jitter, help="of theta while training, normalised")
    parser.add_argument("--smoothing", type=float, default=given.smoothing, help="of the labels")
    parser.add_argument("--validation", type=int, default=given.validation, help="images kept back; 0: learn from all")
    parser.add_argument("--precision", choices=("bfloat16", "float32"), default="bfloat16", help="of the convolutions")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--render", action="store_true", help="write the results into --readme, between its markers")
    parser.add_argument("--readme", type=Path, default=README)
    return parser


def records(path: Path) -> list[dict]:
    """What the results hold, one record for each run."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def measure(
    train: Digits, test: Digits, distortion: str, model: str, seed: int, settings: Settings, results: Path
) -> None:
    """Train and test one network, and append its record to *results*."""
    cell = {"distortion": distortion, "model": model, "seed": seed, "settings": asdict(settings)}
    if any(cell == {name: record[name] for name in cell} for record in records(results)):
        say(f"{distortion} {model} seed {seed}: measured already")
        return
    started, worked = time.perf_counter(), time.process_time()
    run = Run(train, distortion, model, seed, settings)
    say(f"{distortion} {model} seed {seed}: {run.parameters} parameters")
    for epoch in run.epochs():
        say(line(epoch))
    error = run.error(test.under(distortion, TEST_SEED))
    record = {
        **cell,
        "parameters": run.parameters,
        "test_error": round(error, 4),
        "validation_error": None if epoch.validation_error is None else round(epoch.validation_error, 4),
        "theta_change": epoch.theta_change,
        "seconds": round(time.perf_counter() - started),
        "processor_seconds": round(time.process_time() - worked),
        "torch": torch.__version__.split("+")[0],
        "threads": torch.get_num_threads(),
    }
    with results.open("a") as file:
        file.write(json.dumps(record) + "\n")
    sys.stdout.write(f"{distortion} {model} seed {seed}: test error {error:.2f} %\n")


def line(epoch: Epoch) -> str:
    """The log's line of *epoch*."""
    facts = f"epoch {epoch.epoch:3}  loss {epoch.loss:.4f}"
    if epoch.validation_error is not None:
        facts += f"  validation error {epoch.validation_error:.2f} %"
    if epoch.theta_change is not None:
        facts += f"  |theta - identity| {epoch.theta_change:.3f}  outside {100 * (epoch.outside or 0):.1f} %"
        facts += f"  gradient {epoch.gradient:.3f}"
    return f"{facts}  {epoch.seconds:.0f} s"


def say(text: str) -> None:
    """Write *text* to stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
