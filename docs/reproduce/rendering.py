"""The tables of README.md, from the records of the runs."""

from collections.abc import Iterable
from statistics import mean, stdev

from distortions import SIZES
from models import MODELS

COLUMNS = ("epochs", "validation", "jitter", "dropout")  # of the settings
BEGIN, END = "<!-- table1: begin -->", "<!-- table1: end -->"
NAMES = {
    "cnn": "CNN",
    "st-cnn-affine": "ST-CNN affine",
    "st-cnn-projective": "ST-CNN projective",
    "st-cnn-tps": "ST-CNN TPS",
}
PAPER = {  # test error in percent, mean of three seeds
    "cnn": {"R": 1.2, "RTS": 0.8, "P": 1.5, "E": 1.4},
    "st-cnn-affine": {"R": 0.7, "RTS": 0.5, "P": 0.8, "E": 1.2},
    "st-cnn-projective": {"R": 0.8, "RTS": 0.6, "P": 0.8, "E": 1.3},
    "st-cnn-tps": {"R": 0.7, "RTS": 0.5, "P": 0.8, "E": 1.1},
}


def render(text: str, records: list[dict]) -> str:
    """*text* with what *records* say between its markers.

    Raises:
        ValueError: the markers are not there.
    """
    before, found, rest = text.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"the page needs the lines {BEGIN} and {END}")
    tables = "\n\n".join((errors_table(records), runs_table(records)))
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


def errors_table(records: list[dict]) -> str:
    """Test errors beside the paper's, a row for each model and a column for each distortion."""
    rows = [("Test error, %", *SIZES), ("---",) * (1 + len(SIZES))]
    for model in MODELS:
        cells = []
        for distortion in SIZES:
            found = [record["test_error"] for record in _of(records, distortion, model)]
            cells.append(f"{_errors(found)} ({PAPER[model][distortion]})".strip() if found else "")
        rows.append((NAMES[model], *cells))
    return _table(rows)


def runs_table(records: list[dict]) -> str:
    """How each cell was measured: runs, parameters, epochs, minutes."""
    rows = [
        (
            "Cell",
            "Seeds",
            "Test errors, %",
            "Validation errors, %",
            "Parameters",
            "Epochs",
            "Kept back",
            "Jitter",
            "Dropout",
            "Minutes of processor time",
        ),
        ("---",) * 10,
    ]
    for distortion in SIZES:
        for model in MODELS:
            runs = _of(records, distortion, model)
            if runs:
                rows.append((f"{distortion} {NAMES[model]}", *_run_facts(runs)))
    return _table(rows)


def _of(records: list[dict], distortion: str, model: str) -> list[dict]:
    found = [record for record in records if (record["distortion"], record["model"]) == (distortion, model)]
    return sorted(found, key=lambda record: record["seed"])


def _run_facts(runs: list[dict]) -> tuple[str, ...]:
    return (
        _joined(run["seed"] for run in runs),
        _joined(f"{run['test_error']:.2f}" for run in runs),
        _joined("-" if run["validation_error"] is None else f"{run['validation_error']:.2f}" for run in runs),
        _joined({f"{run['parameters']:,}" for run in runs}),
        *(_joined(sorted({run["settings"][name] for run in runs})) for name in COLUMNS),
        _joined(f"{run['processor_seconds'] / 60:.0f}" for run in runs),
    )


def _errors(found: list[float]) -> str:
    spread = f" ± {stdev(found):.2f}" if len(found) > 1 else ""
    return f"**{mean(found):.2f}**{spread}"


def _joined(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)


def _table(rows: list[tuple[str, ...]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
